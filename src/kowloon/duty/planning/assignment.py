"""Who serves which turn, as a model to be solved: rules, fairness and moves, exactly."""

from __future__ import annotations

import itertools
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from kowloon.duty.planning.fairness import Fairness
from kowloon.duty.planning.ground import Ground, Minutes
from kowloon.duty.planning.linear import LinearModel
from kowloon.duty.planning.rules import Rules
from kowloon.duty.planning.sat import Model, Status

# Numbers of turns that are looked at one by one for bounds; and how much longer than the shortest is still its size.
_MOST_STATES = 600
SAME_SIZE = 1.3


class Found(NamedTuple):
    """`served`: person by turn, empty where there is none. `cost` and `bound` are in weighted minutes."""

    status: Status
    served: dict[int, int]
    cost: int = 0
    bound: int = 0


class Assignment:
    """Of the turns that `rules` leave open. `aim`: minutes by person; then nothing is priced, and nobody may be further
    from the fair share than they say, and `slack_min`."""

    def __init__(
        self,
        ground: Ground,
        fairness: Fairness,
        rules: Rules,
        aim: Mapping[int, Sequence[int]] | None = None,
        slack_min: int = 0,
    ) -> None:
        self.ground = ground
        self.model = Model()
        self.rules = rules
        self._add_rules()
        self._priced: list[int] = []
        self._prices: list[int] = []
        loads = fairness.loads({turn: people[0] for turn, people in rules.held.items() if turn not in ground.held})
        for person, items in self._items().items():
            due = [fair - has for fair, has in zip(fairness.fair[person], loads[person], strict=True)]
            if aim is None:
                variables, prices = price_loads(self.model, fairness.weights, due, items)
                bound_by_number(self.model, fairness.weights, due, items, variables, prices)
                self._priced += variables
                self._prices += prices
            elif person in aim:
                off = [
                    abs(has - fair) + slack_min for has, fair in zip(aim[person], fairness.fair[person], strict=True)
                ]
                self._limit_load(due, items, off)
        self._fair_priced = list(self._priced)
        if aim is None:
            offset = self._price_moves()
            self.model.minimise(self._priced, self._prices, offset)

    def at_least(self, bound: int) -> None:
        """What is proven of the cost of fairness: once that is reached, nothing is left to look for."""
        self.model.limit(self._fair_priced, self._prices[: len(self._fair_priced)], least=bound)

    def move_at_most(self, count: int) -> None:
        """Of the turns that somebody had before."""
        had = {turn: person for turn, person in self.ground.before.items() if turn in self.rules.choices}
        serves = self.rules.serves
        stay = [serves[turn, who] for turn, who in had.items() if who is not None and (turn, who) in serves]
        self.model.limit(stay, [1] * len(stay), least=len(had) - count)

    def exactly(self, numbers: Iterable[tuple[Sequence[int], int, int]]) -> None:
        """So many of these turns are that person's."""
        for turns, person, number in numbers:
            variables = [self.rules.serves[turn, person] for turn in turns if (turn, person) in self.rules.serves]
            self.model.limit(variables, [1] * len(variables), number, number)

    def solve(self, seconds: float, workers: int) -> Found:
        answer = self.model.solve(seconds, workers, self.ground.problem.seed)
        serves = self.rules.serves
        if not answer.values:
            return Found(answer.status, {}, bound=answer.bound)
        served = {turn: person for (turn, person), variable in serves.items() if answer.values[variable]}
        return Found(answer.status, served, answer.cost, answer.bound)

    def _items(self) -> dict[int, list[Item]]:
        items: dict[int, list[Item]] = defaultdict(list)
        for (turn, person), variable in self.rules.serves.items():
            items[person].append(Item(variable, self.ground.minutes(turn, person), 1))
        return dict(sorted(items.items()))

    def _add_rules(self) -> None:
        model, rules = self.model, self.rules
        model.booleans(rules.count)
        for turn, people in rules.choices.items():
            model.exactly_one([rules.serves[(turn, person)] for person in people])
        for clique in rules.cliques:
            model.at_most_one(clique)
        for never in rules.never:
            model.limit([never.variable], [1], 0, 0)
        for limit in rules.limits:
            model.limit(limit.variables, limit.factors, most=limit.most)

    def _limit_load(self, due: Sequence[int], items: Sequence[Item], off: Sequence[int]) -> None:
        for kind, own_due in enumerate(due):
            own = [item for item in items if item.minutes[kind]]
            factors = [item.minutes[kind] for item in own]
            self.model.limit([item.variable for item in own], factors, own_due - off[kind], own_due + off[kind])

    def _price_moves(self) -> int:
        """What it costs to move all of them."""
        price = self.ground.problem.weights.moved * 60
        total = 0
        for turn in self.rules.choices:
            if turn in self.ground.before and price:
                total += price
                before = self.ground.before[turn]
                variable = self.rules.serves.get((turn, before)) if before is not None else None
                if variable is not None:
                    self._priced.append(variable)
                    self._prices.append(-price)
        return total


class Item(NamedTuple):
    """Up to `most` turns of so many minutes each."""

    variable: int
    minutes: Minutes
    most: int


def price_loads(
    model: Model | LinearModel, weights: Sequence[int], due: Sequence[int], items: Sequence[Item]
) -> tuple[list[int], list[int]]:
    """Variables, and the price of each, that together cost what it costs somebody to have other minutes than `due`."""
    priced, prices = [], []
    for kind, weight in enumerate(weights):
        if weight:
            most = sum(item.minutes[kind] * item.most for item in items)
            off = model.number(0, max(abs(due[kind]), abs(most - due[kind])))
            own = [item for item in items if item.minutes[kind]]
            variables, factors = [item.variable for item in own], [item.minutes[kind] for item in own]
            model.limit([*variables, off], [*factors, -1], most=due[kind])
            model.limit([*variables, off], [*factors, 1], least=due[kind])
            priced.append(off)
            prices.append(weight)
    return priced, prices


def bound_by_number(
    model: Model,
    weights: Sequence[int],
    due: Sequence[int],
    items: Sequence[Item],
    priced: Sequence[int],
    prices: Sequence[int],
) -> None:
    """Nobody has half a week: with every number of turns (of each size) goes a cost that it has at least. Nothing new
    for whole numbers, but what bounds are made of: without it half a turn for everybody costs nothing."""
    sizes = _sizes(items)
    numbers = [sum(item.most for item in size) for size in sizes]
    if math.prod(number + 1 for number in numbers) > _MOST_STATES:
        return
    sums = [[_sums(size, kind) for kind in range(len(weights))] for size in sizes]
    states = list(itertools.product(*[range(number + 1) for number in numbers]))
    costs = []
    for state in states:
        cost = 0
        for kind, weight in enumerate(weights):
            least = sum(sums[size][kind][0][number] for size, number in enumerate(state))
            most = sum(sums[size][kind][1][number] for size, number in enumerate(state))
            cost += weight * max(0, least - due[kind], due[kind] - most)
        costs.append(cost)
    first = model.booleans(len(states))
    chosen = list(range(first, first + len(states)))
    model.exactly_one(chosen)
    for index, size in enumerate(sizes):
        variables = [item.variable for item in size]
        of_state = [-state[index] for state in states]
        model.limit([*variables, *chosen], [*[1] * len(variables), *of_state], 0, 0)
    model.limit([*priced, *chosen], [*prices, *[-cost for cost in costs]], least=0)


def _sizes(items: Sequence[Item]) -> list[list[Item]]:
    """Those of about the same hours together: weeks, months, years."""
    sizes: list[list[Item]] = []
    for item in sorted(items, key=lambda item: item.minutes[0]):
        if not sizes or item.minutes[0] > sizes[-1][0].minutes[0] * SAME_SIZE:
            sizes.append([])
        sizes[-1].append(item)
    return sizes


def _sums(items: Sequence[Item], kind: int) -> tuple[list[int], list[int]]:
    """The least and the most minutes of a kind that any number of turns can have."""
    minutes = sorted(itertools.chain.from_iterable([item.minutes[kind]] * item.most for item in items))
    return [0, *itertools.accumulate(minutes)], [0, *itertools.accumulate(reversed(minutes))]
