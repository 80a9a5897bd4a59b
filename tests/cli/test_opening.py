"""Real parts that cannot be opened end the cloud, in words."""

from __future__ import annotations

import pytest

from kowloon.app import Cloud
from kowloon.core.config import Settings
from kowloon.engines.base import EngineError
from kowloon.engines.parts import PaperParts


class BrokenParts(PaperParts):
    async def open(self) -> None:
        raise PermissionError(13, "Permission denied")


async def test_what_keeps_the_parts_closed_is_told_and_the_cloud_still_stops() -> None:
    cloud = Cloud(Settings(engine="paper", port=0), parts=BrokenParts())
    await cloud.start()
    with pytest.raises(EngineError, match=r"the real parts cannot be opened: .*Permission denied; try"):
        await cloud.ready()
    await cloud.stop()
