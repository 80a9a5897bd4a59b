"""For unittest: a cloud for each class, as new for every test."""

from __future__ import annotations

import contextlib
import unittest
from typing import ClassVar

from kowloon.core.config import Settings
from kowloon.testing.cloud import LocalCloud


class CloudTestCase(unittest.TestCase):
    """`self.kowloon` is a LocalCloud with nothing in it, and the environment has its administrator's keys. Each
    class starts a cloud of its own: it takes half a second."""

    kowloon: ClassVar[LocalCloud]
    kowloon_settings: ClassVar[Settings] = Settings(engine="paper", port=0)
    kowloon_sockets: ClassVar[bool] = True

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.kowloon = cls.enterClassContext(LocalCloud(cls.kowloon_settings, sockets=cls.kowloon_sockets))

    def setUp(self) -> None:
        super().setUp()
        self.kowloon.reset()
        with contextlib.ExitStack() as stack:
            stack.enter_context(self.kowloon.environment())
            self.addCleanup(stack.pop_all().close)
