"""Ten thousand organisations: no rule broken, no refusal unexplained."""

from __future__ import annotations

import multiprocessing
from collections import Counter

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.duty.planning.random_plans import examine

ORGANISATIONS = 10_000
PROCESSES = 2


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_ten_thousand_organisations() -> None:
    with multiprocessing.get_context("spawn").Pool(PROCESSES) as pool:
        found = pool.map(_examined, range(PROCESSES), chunksize=1)
    total = sum(found, Counter())
    print(f"\nrotas: {dict(total)}")
    assert total.total() >= ORGANISATIONS


def _examined(part: int) -> Counter[str]:
    """Hypothesis draws them; each process its own."""
    outcomes: Counter[str] = Counter()

    @given(st.integers(0, 1 << 40))
    @settings(
        max_examples=ORGANISATIONS // PROCESSES + 1,
        derandomize=True,
        deadline=None,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    def examined(seed: int) -> None:
        outcomes[examine(seed * PROCESSES + part)] += 1

    examined()
    return outcomes
