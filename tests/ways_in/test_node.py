"""The official Node clients: pop-core (V1 signatures) and openapi-core (ACS3)."""

from __future__ import annotations

import pytest

from tests.ways_in import installs
from tests.ways_in.way import Way

pytestmark = pytest.mark.timeout(300)
SIGNATURES = {"pop-core": "V1", "openapi-core": "ACS3"}


@pytest.mark.parametrize("options", [(), ("--https",)], ids=["http", "https"])
@pytest.mark.parametrize("library", SIGNATURES)
def test_node(way: Way, library: str, options: tuple[str, ...]) -> None:
    # pop-core keeps no HTTP status in its errors.
    status = library != "pop-core"
    way.check([*installs.node(), library], "node", *options, signature=SIGNATURES[library], status=status)
