"""One cloud with a home of its own, so that TLS and its authority exist."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from kowloon.core.config import Settings
from kowloon.testing.cloud import LocalCloud
from tests.ways_in.way import Way


@pytest.fixture(scope="session")
def way(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Way]:
    # A blank in the path: the exports must survive it.
    home = tmp_path_factory.mktemp("ways in")
    with LocalCloud(Settings(home=home, engine="paper", port=0)) as cloud:
        yield Way(cloud, home)
