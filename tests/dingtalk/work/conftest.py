"""One cloud for all tests of todo, calendars and attendance; each begins with an empty organisation."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from kowloon.testing.cloud import LocalCloud
from tests.dingtalk.platform import Office, office_of


@pytest.fixture(scope="module")
def cloud() -> Iterator[LocalCloud]:
    with LocalCloud() as cloud:
        yield cloud


@pytest.fixture
def office(cloud: LocalCloud) -> Office:
    cloud.reset()
    return office_of(cloud)
