"""What holds of the outcome for any organisation."""

from __future__ import annotations

from kowloon.duty.planning.checker import check
from kowloon.duty.planning.problem import Conflict, Plan, Problem
from kowloon.duty.planning.solve import solve

from .organisations import best, can_hold, cost, organisation

# So many assignments, or fewer, are all tried.
MOST_TRIED = 260
SECONDS = 30.0


def examine(seed: int) -> str:
    """Plan or conflict; AssertionError where it is neither, or not true."""
    problem = organisation(seed)
    outcome = solve(problem, SECONDS, workers=1)
    if isinstance(outcome, Plan):
        _examine_plan(problem, outcome)
    else:
        assert isinstance(outcome, Conflict), outcome
        _examine_conflict(problem, outcome)
    return type(outcome).__name__


def _examine_plan(problem: Problem, plan: Plan) -> None:
    assert check(problem, plan.served) == []
    assert set(plan.served) == {shift.id for shift in problem.shifts}
    assert plan.bound <= plan.cost + 1e-6
    open_ = {shift: person for shift, person in plan.served.items() if shift not in problem.fixed}
    assert abs(plan.cost - cost(problem, open_)) < 1e-6
    moved = {shift for shift, person in open_.items() if problem.before.get(shift, person) != person}
    assert set(plan.moved) == moved
    assert plan.moved_bound <= len(moved)
    if _tries(problem) <= MOST_TRIED:
        least = best(problem)
        assert least is not None
        assert plan.bound - 1e-6 <= least <= plan.cost + 1e-6
        assert plan.gap > 0 or abs(plan.cost - least) < 1e-6


def _examine_conflict(problem: Problem, conflict: Conflict) -> None:
    assert conflict.rules
    assert conflict.text
    if _tries(problem, 1) <= MOST_TRIED:
        rules = frozenset(conflict.rules)
        assert not can_hold(problem, rules)
        assert conflict.minimal
        for rule in rules:
            assert can_hold(problem, rules - {rule}), rule


def _tries(problem: Problem, more: int = 0) -> float:
    open_ = [shift for shift in problem.shifts if shift.id not in problem.fixed]
    return float((len(problem.people) + more) ** len(open_))
