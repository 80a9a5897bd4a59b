"""How many turns of each kind everybody should have, whichever these are: a model so small that its bound is good.

Turns with the same candidates and the same minutes are one kind. What is left out (rest, returns, hours per
week) can only make a plan dearer: the bound holds for every plan.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from kowloon.duty.planning.assignment import SAME_SIZE, Item, bound_by_number, price_loads
from kowloon.duty.planning.fairness import Fairness, add
from kowloon.duty.planning.ground import Ground
from kowloon.duty.planning.linear import LinearModel
from kowloon.duty.planning.rules import Limit, Rules
from kowloon.duty.planning.sat import Model

# Choices above which fractions are worth more than exactness.
_LARGE = 500
# And those above which the last bit of them is not.
_HUGE, _ENOUGH = 10_000, 0.002


# Turns, and whose how many of them are.
_Kind = tuple[Sequence[int], Sequence[tuple[int, Item]]]


class Number(NamedTuple):
    """So many of the turns are the person's."""

    turns: Sequence[int]
    person: int
    number: int


class Counted(NamedTuple):
    """`loads`: minutes of each person by the best numbers found (None: none were), `numbers`: of which turns who has
    how many. `bound` is in weighted minutes; `proven`: there is no better one worth looking for."""

    possible: bool
    bound: int
    proven: bool
    loads: dict[int, list[int]] | None
    numbers: tuple[Number, ...] = ()


def count(
    ground: Ground,
    fairness: Fairness,
    rules: Rules,
    served: Mapping[int, int],
    bound: int,
    seconds: float,
    workers: int,
) -> Counted:
    """Of the turns that `rules` leave open, each with somebody. `served`: by a plan, to begin with; `bound`: what is
    proven already."""
    choices = rules.choices
    size = sum(len(people) for people in choices.values())
    model = LinearModel() if size > _LARGE else Model()
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
    _keep_rules(model, rules, kinds)
    priced, prices = [], []
    for person, own_items in sorted(items.items()):
        due = [fair - has for fair, has in zip(fairness.fair[person], fairness.earlier[person], strict=True)]
        more, their = price_loads(model, fairness.weights, due, own_items)
        if isinstance(model, LinearModel):
            _bound_by_lines(model, fairness.weights, due, own_items, more)
        else:
            bound_by_number(model, fairness.weights, due, own_items, more, their)
        priced += more
        prices += their
    model.limit(priced, prices, least=bound)
    model.minimise(priced, prices)
    begin = _of_plan(served, kinds) if isinstance(model, LinearModel) else _dealt(fairness, kinds)
    model.hint(list(begin), list(begin.values()))
    if isinstance(model, LinearModel):
        answer = model.solve(seconds, _ENOUGH if size > _HUGE else 0.0)
    else:
        answer = model.solve(seconds, workers, ground.problem.seed, linearization_level=2)
    if not answer.values:
        return Counted(answer.status != "infeasible", max(answer.bound, 0), False, None)
    loads = {person: list(fairness.earlier[person]) for person in items}
    for person, own_items in items.items():
        for item in own_items:
            add(loads[person], tuple(each * answer.values[item.variable] for each in item.minutes))
    numbers = tuple(Number(turns, person, answer.values[item.variable]) for turns, own in kinds for person, item in own)
    return Counted(True, max(answer.bound, 0), answer.status == "optimal", loads, numbers)


def _keep_rules(model: Model | LinearModel, rules: Rules, kinds: Sequence[_Kind]) -> None:
    """What they say of numbers: so many at least, and of kinds that are wholly in each other's way one."""
    item_of: dict[int, int] = {}
    sizes: Counter[int] = Counter()
    for turns, own in kinds:
        for person, item in own:
            for turn in turns:
                variable = rules.serves.get((turn, person))
                if variable is not None:
                    item_of[variable] = item.variable
                    sizes[item.variable] += 1
    least: Counter[tuple[int, ...]] = Counter()
    counted: defaultdict[tuple[int, ...], set[int]] = defaultdict(set)
    for limit in rules.limits:
        wanted, number = _at_least(rules, limit)
        if number and all(variable in item_of for variable in wanted):
            items = tuple(sorted({item_of[variable] for variable in wanted}))
            if counted[items].isdisjoint(wanted):
                counted[items].update(wanted)
                least[items] += number
    for items, number in least.items():
        model.limit(items, [1] * len(items), least=number)
    apart: set[tuple[int, ...]] = set()
    for clique in rules.cliques:
        found = Counter([item_of[variable] for variable in clique if variable in item_of])
        apart.add(tuple(sorted([item for item, number in found.items() if number == sizes[item]])))
    for items in apart:
        if len(items) > 1:
            model.limit(items, [1] * len(items), most=1)


def _at_least(rules: Rules, limit: Limit) -> tuple[list[int], int]:
    """So many of these, where the limit says such a thing, as each turn has somebody."""
    wanted = [variable for variable, factor in zip(limit.variables, limit.factors, strict=True) if factor == -1]
    others = [variable for variable, factor in zip(limit.variables, limit.factors, strict=True) if factor == 1]
    if len(wanted) + len(others) < len(limit.variables):
        return [], 0
    if not others:
        return wanted, -limit.most
    # One of the others only beside one of these; and who else has their turn is of these.
    turns = {rules.turn_of(variable) for variable in others}
    turn = turns.pop() if len(turns) == 1 else None
    if limit.most or turn is None:
        return [], 0
    everybody = {rules.serves[turn, person] for person in rules.choices[turn]}
    return (wanted, 1) if everybody <= {*wanted, *others} else ([], 0)


def _bound_by_lines(
    model: LinearModel, weights: Sequence[int], due: Sequence[int], items: Sequence[Item], priced: Sequence[int]
) -> None:
    """Nobody has half a week: between two whole numbers of turns of a size the cost is on the line that joins what they
    cost at least, or above it. Nothing new for whole numbers, but what the bound is made of."""
    least = [min(item.minutes[kind] for item in items) for kind in range(len(weights))]
    most = [max(item.minutes[kind] for item in items) for kind in range(len(weights))]
    number = due[0] // max(least[0], 1)
    if number < 0 or most[0] > least[0] * SAME_SIZE:
        return

    def cost(number: int) -> int:
        beyond = [max(0, number * least[kind] - due[kind], due[kind] - number * most[kind]) for kind in range(len(due))]
        return sum(weight * minutes for weight, minutes in zip(weights, beyond, strict=True))

    slope = cost(number + 1) - cost(number)
    variables = [*priced, *[item.variable for item in items]]
    prices = [weight for weight in weights if weight]
    model.limit(variables, [*prices, *[-slope] * len(items)], least=cost(number) - slope * number)


def _of_plan(served: Mapping[int, int], kinds: Sequence[_Kind]) -> dict[int, int]:
    """Numbers to begin with that keep all rules."""
    return {
        item.variable: sum(served[turn] == person for turn in turns) for turns, own in kinds for person, item in own
    }


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
