"""The organisations of examples/duty: taken as they are, and planned under their own rules."""

from __future__ import annotations

from pathlib import Path

import pytest

from kowloon.duty.organisation_file import parse
from kowloon.duty.planning import calendar, checker
from kowloon.duty.planning.problem import Plan, Problem
from kowloon.duty.planning.solve import solve

EXAMPLES = Path(__file__).parents[2] / "examples" / "duty"
DAY_S = 86400.0
# 1 December 2026.
START = 1_796_083_200.0


@pytest.mark.parametrize(("name", "days", "posts"), [("exchange", 28, 3), ("executives", 730, 5)])
def test_an_example_has_a_plan_that_breaks_no_rule(name: str, days: int, posts: int) -> None:
    whole = parse((EXAMPLES / f"{name}.yaml").read_text(encoding="utf-8"), name)
    assert len(whole.posts) == posts
    planned = tuple(post.planned() for post in whole.posts)
    turns = [turn for post in planned for turn in calendar.shifts(post, START, START + days * DAY_S)]
    problem = Problem(
        people=tuple(person.planned(()) for person in whole.people),
        posts=planned,
        shifts=tuple(sorted(turns, key=lambda turn: (turn.start, turn.id))),
        separations=whole.rules.separations,
        coverage=whole.rules.coverage,
        weights=whole.rules.weights,
    )
    plan = solve(problem, 4.0)
    assert isinstance(plan, Plan)
    assert checker.check(problem, plan.served) == []
    assert set(plan.served) == {turn.id for turn in turns}
    assert plan.gap <= 0.02
