"""Any organisation: a plan that an independent checker accepts, or a conflict that is one. `make soak` has 10,000."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from .random_plans import examine

PARTS = 6


@pytest.mark.parametrize("part", range(PARTS))
def test_every_plan_keeps_the_rules_and_every_conflict_is_one(part: int) -> None:
    @given(st.integers(0, 1 << 32))
    @settings(max_examples=10, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    def examined(seed: int) -> None:
        assert examine(seed * PARTS + part) in ("Plan", "Conflict")

    examined()
