"""kill -9 at seeded points; the full number is in tests/soak."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.engines.blob.killing import kill_repeatedly


@pytest.mark.parametrize(("layout", "durable"), [("LRS", False), ("ZRS", False), ("ZRS", True)])
async def test_every_acknowledged_change_survives_kills(tmp_path: Path, layout: str, durable: bool) -> None:
    acknowledged = await kill_repeatedly(tmp_path / "objects", rounds=3, seed=1, layout=layout, durable=durable)
    assert acknowledged > 3
