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


class Number(NamedTuple):
    """So many of the turns are the person's."""

    turns: Sequence[int]
    person: int
    number: int


class Counted(NamedTuple):
    """`loads`: minutes of each person by the best numbers found (None: none were), `numbers`: of which turns who has
    how many. `bound` is in weighted minutes."""

    possible: bool
    bound: int
    loads: dict[int, list[int]] | None
    numbers: tuple[Number, ...] = ()


def count(
    ground: Ground, fairness: Fairness, choices: Mapping[int, Sequence[int]], bound: int, seconds: float, workers: int
) -> Counted:
    """Of the turns in `choices`, each with somebody. `bound`: what is proven already."""
    model = Model()
    items: dict[int, list[Item]] = defaultdict(list)
    kinds: list[tuple[Sequence[int], list[tuple[int, Item]]]] = []
    for turns in _kinds(ground, choices).values():
        own: list[tuple[int, Item]] = []
        for person in sorted({person for turn in turns for person in choices[turn]}):
            possible = [turn for turn in turns if person in choices[turn]]
            most = _at_most(ground, possible)
            own.append((person, Item(model.whole(0, most), ground.minutes(possible[0], person), most)))
            items[person].append(own[-1][1])
        model.limit([item.variable for _, item in own], [1] * len(own), len(turns), len(turns))
        kinds.append((turns, own))
    priced, prices = [], []
    for person, own_items in sorted(items.items()):
        due = [fair - has for fair, has in zip(fairness.fair[person], fairness.earlier[person], strict=True)]
        more, their = price_loads(model, fairness.weights, due, own_items)
        priced += more
        prices += their
    model.limit(priced, prices, least=bound)
    model.minimise(priced, prices)
    dealt = _dealt(fairness, kinds)
    model.hint(list(dealt), list(dealt.values()))
    answer = model.solve(seconds, workers, ground.problem.seed, linearization_level=2)
    if not answer.values:
        return Counted(answer.status != "infeasible", max(answer.bound, 0), None)
    loads = {person: list(fairness.earlier[person]) for person in items}
    for person, own_items in items.items():
        for item in own_items:
            add(loads[person], tuple(each * answer.values[item.variable] for each in item.minutes))
    numbers = tuple(Number(turns, person, answer.values[item.variable]) for turns, own in kinds for person, item in own)
    return Counted(True, max(answer.bound, 0), loads, numbers)


def _dealt(fairness: Fairness, kinds: Sequence[tuple[Sequence[int], Sequence[tuple[int, Item]]]]) -> dict[int, int]:
    """Numbers to begin with: long turns first, each to whom it costs least, of those to who has furthest to go."""
    loads = [list(minutes) for minutes in fairness.earlier]
    numbers = {item.variable: 0 for _, own in kinds for _, item in own}

    def worse(person: int, item: Item) -> tuple[int, int]:
        after = [has + more for has, more in zip(loads[person], item.minutes, strict=True)]
        cost = fairness.cost_of(person, loads[person])
        return fairness.cost_of(person, after) - cost, -cost

    for turns, own in sorted(kinds, key=lambda kind: [-each for each in kind[1][0][1].minutes]):
        for _ in turns:
            open_ = [(person, item) for person, item in own if numbers[item.variable] < item.most]
            if open_:
                person, item = min(open_, key=lambda each: worse(*each))
                numbers[item.variable] += 1
                add(loads[person], item.minutes)
    return numbers


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
