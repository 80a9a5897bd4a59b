"""One cloud for all tests of the chat page; each begins with an empty organisation."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from kowloon.testing.cloud import LocalCloud
from tests.dingtalk.page.people import Chats


@pytest.fixture(scope="package")
def page_cloud() -> Iterator[LocalCloud]:
    with LocalCloud() as cloud:
        yield cloud


@pytest.fixture
def chats(page_cloud: LocalCloud) -> Chats:
    page_cloud.reset()
    return Chats(page_cloud)
