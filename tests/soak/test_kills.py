"""Every acknowledged creation is there after kill -9 of the server: a sample always, 200 kills in the soak."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.soak.killing import kill_repeatedly


def test_some_kills_lose_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    toll = kill_repeatedly(tmp_path / "home", rounds=4, seed=1)
    assert toll["rounds"] == 4
    assert toll["vpcs"] > 0


@pytest.mark.soak
@pytest.mark.timeout(900)
def test_200_kills_lose_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    toll = kill_repeatedly(tmp_path / "home", rounds=200, seed=2025, progress_every=20)
    print(f"\nkill -9: {toll}")
    assert toll["rounds"] == 200
    assert toll["vpcs"] > 1000
