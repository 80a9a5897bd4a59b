"""The object store under kill -9, at as many points as it takes to believe it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.engines.blob.killing import kill_repeatedly


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize(
    ("layout", "durable", "rounds"), [("LRS", False, 150), ("LRS", True, 100), ("ZRS", False, 200), ("ZRS", True, 100)]
)
async def test_every_acknowledged_change_survives(tmp_path: Path, layout: str, durable: bool, rounds: int) -> None:
    acknowledged = 0
    for seed in range(rounds // 10):
        # A new store now and then, so that checking stays as long as it is.
        acknowledged += await kill_repeatedly(tmp_path / f"objects-{seed}", 10, seed, layout, durable)
    print(f"kill -9: {layout} {'durable' if durable else 'default'}: {rounds} kills, {acknowledged} acknowledged")
    assert acknowledged > rounds
