"""The official Java clients: aliyun-java-sdk-core (V1 signatures) and tea-openapi (ACS3)."""

from __future__ import annotations

import pytest

from tests.ways_in import installs
from tests.ways_in.way import Way

pytestmark = pytest.mark.timeout(300)
SIGNATURES = {"core": "V1", "tea": "ACS3"}
WAYS = {"http": (), "https": ("--https",), "proxy": ("--proxy",), "proxy-https": ("--proxy", "--https")}


@pytest.mark.parametrize("options", WAYS.values(), ids=WAYS)
@pytest.mark.parametrize("library", SIGNATURES)
def test_java(way: Way, library: str, options: tuple[str, ...]) -> None:
    # The older client keeps no HTTP status in its errors.
    status = library != "core"
    way.check([*installs.java(), library], "java", *options, signature=SIGNATURES[library], status=status)
