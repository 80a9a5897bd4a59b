"""Every acknowledged object is there and whole after kill -9 of the server: a sample always, 500 kills in the soak."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.soak.object_killing import kill_repeatedly


def test_some_kills_lose_no_object_that_was_acknowledged(tmp_path: Path) -> None:
    assert kill_repeatedly(tmp_path / "home", rounds=4, seed=3).acknowledged > 0


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize(("rounds", "options"), [(400, ()), (100, ("--durable",))])
def test_500_kills_lose_no_object_that_was_acknowledged(tmp_path: Path, rounds: int, options: tuple[str, ...]) -> None:
    promises = kill_repeatedly(tmp_path / "home", rounds, 2022, *options, progress_every=50)
    print(f"\nkill -9: {rounds} kills {' '.join(options)}, {promises.acknowledged} acknowledged")
    assert promises.acknowledged > 5 * rounds
