"""The official Go clients: alibaba-cloud-sdk-go (V1 signatures) and darabonba-openapi (ACS3)."""

from __future__ import annotations

import pytest

from tests.ways_in import installs
from tests.ways_in.way import Way

pytestmark = pytest.mark.timeout(600)
SIGNATURES = {"core": "V1", "tea": "ACS3"}
WAYS = {"http": (), "https": ("--https",), "proxy": ("--proxy",), "proxy-https": ("--proxy", "--https")}


@pytest.mark.parametrize("options", WAYS.values(), ids=WAYS)
@pytest.mark.parametrize("library", SIGNATURES)
def test_go(way: Way, library: str, options: tuple[str, ...]) -> None:
    way.check([*installs.go(), library], "go", *options, signature=SIGNATURES[library])
