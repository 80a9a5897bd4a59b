"""How many turns of each kind everybody should have, whichever these are: a model so small that its bound is good.

Turns with the same candidates and the same minutes are one kind. What is left out (rest, returns, hours per
week) can only make a plan dearer: the bound holds for every plan.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from kowloon.duty.planning.assignment import Item, price_loads
from kowloon.duty.planning.fairness import Fairness, add
from kowloon.duty.planning.ground import Ground
from kowloon.duty.planning.sat import Model


class Counted(NamedTuple):
    """`loads`: minutes of each person by the best numbers found (None: none were). Costs are in weighted minutes."""

    possible: bool
    bound: int
    loads: dict[int, list[int]] | None


def count(
    ground: Ground, fairness: Fairness, choices: Mapping[int, Sequence[int]], bound: int, seconds: float, workers: int
) -> Counted:
    """Of the turns in `choices`, each with somebody. `bound`: what is proven already."""
    model = Model()
    items: dict[int, list[Item]] = defaultdict(list)
    for turns in _kinds(ground, choices).values():
        variables = []
        for person in sorted({person for turn in turns for person in choices[turn]}):
            own = [turn for turn in turns if person in choices[turn]]
            most = _at_most(ground, own)
            variable = model.whole(0, most)
            variables.append(variable)
            items[person].append(Item(variable, ground.minutes(own[0], person), most))
        model.limit(variables, [1] * len(variables), len(turns), len(turns))
    priced, prices = [], []
    for person, own_items in sorted(items.items()):
        due = [fair - has for fair, has in zip(fairness.fair[person], fairness.earlier[person], strict=True)]
        more, their = price_loads(model, fairness.weights, due, own_items)
        priced += more
        prices += their
    model.limit(priced, prices, least=bound)
    model.minimise(priced, prices)
    answer = model.solve(seconds, workers, ground.problem.seed, linearization_level=2)
    if not answer.values:
        return Counted(answer.status != "infeasible", max(answer.bound, 0), None)
    loads = {person: list(fairness.earlier[person]) for person in items}
    for person, own_items in items.items():
        for item in own_items:
            add(loads[person], tuple(each * answer.values[item.variable] for each in item.minutes))
    return Counted(True, max(answer.bound, 0), loads)


def _kinds(ground: Ground, choices: Mapping[int, Sequence[int]]) -> dict[object, list[int]]:
    lines: dict[tuple[str, str], set[int]] = defaultdict(set)
    for turn, people in choices.items():
        lines[(ground.turns[turn].post, ground.turns[turn].layer)].update(people)
    kinds: dict[object, list[int]] = defaultdict(list)
    for turn in choices:
        shift = ground.turns[turn]
        people = tuple(sorted(lines[(shift.post, shift.layer)]))
        kinds[(ground.posts[shift.post].exclusive, people, ground.minutes_of_all(turn, people))].append(turn)
    return kinds


def _at_most(ground: Ground, turns: Sequence[int]) -> int:
    """How many of them one person can have: of exclusive posts, no two at one time."""
    if not ground.posts[ground.turns[turns[0]].post].exclusive:
        return len(turns)
    number, until = 0, float("-inf")
    # Those that end first: no other choice has room for more.
    for shift in sorted([ground.turns[turn] for turn in turns], key=lambda shift: shift.end):
        if len(shift.spans) > 1:
            return len(turns)
        if shift.start >= until:
            number, until = number + 1, shift.end
    return number
