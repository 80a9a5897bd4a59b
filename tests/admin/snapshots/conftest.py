"""Clouds that are saved."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from kowloon.testing import LocalCloud
from tests.admin.snapshots.parts import settings


@pytest.fixture(params=["home", "memory"])
def cloud(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[LocalCloud]:
    with LocalCloud(settings(tmp_path / "home" if request.param == "home" else None)) as cloud:
        yield cloud


@pytest.fixture
def at_home(tmp_path: Path) -> Iterator[LocalCloud]:
    with LocalCloud(settings(tmp_path / "home")) as cloud:
        yield cloud
