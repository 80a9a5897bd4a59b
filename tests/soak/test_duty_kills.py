"""Every step of a page is taken once, whatever kills the cloud: a sample always, 200 kills in the soak."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.soak.duty_killing import kill_repeatedly


def test_some_kills_page_nobody_twice_for_one_step(tmp_path: Path) -> None:
    toll = kill_repeatedly(tmp_path / "home", rounds=2, seed=1)
    assert toll["rounds"] == 2
    assert toll["messages"] > 0


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_200_kills_page_nobody_twice_for_one_step(tmp_path: Path) -> None:
    toll = kill_repeatedly(tmp_path / "home", rounds=200, seed=2026)
    print(f"\nkill -9: {toll}")
    assert toll["rounds"] == 200
    assert toll["messages"] > 1000
