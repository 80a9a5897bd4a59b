"""Two evaluators of policies, a million cases, one opinion."""

from __future__ import annotations

import pytest

from tests.wire.policy.cases import differences


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_a_naive_evaluator_agrees_a_million_times() -> None:
    different, answers = differences(seed=2025, count=1_000_000)
    print(f"\npolicies: {dict(answers)}")
    assert different == []
    assert sum(answers.values()) == 1_000_000
