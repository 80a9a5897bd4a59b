"""How a plan stands with everybody, as the planner counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from kowloon.duty.planning.fairness import KINDS, Fairness
from kowloon.duty.planning.ground import Ground
from kowloon.duty.planning.problem import Problem


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """Of one person, in hours of each kind: `served_h` by the plan, `earlier_h` before, the `fair_h` share of both, how
    much is `above_h` that (below: negative); and what that costs."""

    person: str
    served_h: dict[str, float]
    earlier_h: dict[str, float]
    fair_h: dict[str, float]
    above_h: dict[str, float]
    cost: float


def balance(problem: Problem, served: Mapping[str, str]) -> list[Standing]:
    """How a plan (person by shift) stands with everybody, in order of `people`."""
    ground = Ground(problem)
    fairness = Fairness(ground)
    by_turn = {turn: served.get(problem.shifts[turn].id, "") for turn in ground.free}
    loads = fairness.loads({turn: ground.number[id] for turn, id in by_turn.items() if id in ground.number})
    before = [fairness.before_of(person) for person in range(len(ground.people))]
    return [
        Standing(
            person=person.id,
            served_h=_hours([has - had for has, had in zip(loads[number], before[number], strict=True)]),
            earlier_h=_hours(before[number]),
            fair_h=_hours(fairness.fair[number]),
            above_h=_hours([has - due for has, due in zip(loads[number], fairness.fair[number], strict=True)]),
            cost=fairness.cost_of(number, loads[number]) / 60,
        )
        for number, person in enumerate(ground.people)
    ]


def _hours(minutes: Sequence[int]) -> dict[str, float]:
    return {kind: value / 60 for kind, value in zip(KINDS, minutes, strict=True)}
