"""Makes a plan better by moving one shift, or two in exchange, at a time: simulated annealing within the rules.

A solver finds what keeps the rules, and proves bounds; where people serve in many teams at once it is slow at making
thousands of shifts fair. This is some hundred thousand small steps, each of which keeps every rule.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping

from kowloon.core.ids import Ids
from kowloon.duty.planning.fairness import Fairness
from kowloon.duty.planning.ground import Ground
from kowloon.duty.planning.rules import Rules

# Steps between two looks at the time.
_STEPS = 256
# In weighted minutes: so much worse is nearly never taken at the end.
_COLDEST = 60.0


class Improving:
    """From `served` (person by open turn), which keeps the rules. Where posts with neighbours change hands, and who has
    shifts of limited posts at all, stays as it is. `served` is then the best that was found, `cost` what it costs."""

    def __init__(self, ground: Ground, fairness: Fairness, rules: Rules, served: Mapping[int, int]) -> None:
        self._ground = ground
        self._fairness = fairness
        self._rules = rules
        self._who = dict(served)
        self._loads = fairness.loads(self._who)
        people = {person for choices in rules.choices.values() for person in choices}
        self._costs = {person: fairness.cost_of(person, self._loads[person]) for person in people}
        self._turns = [turn for turn, choices in rules.choices.items() if len(choices) > 1]
        self._turn_of = [turn for turn, _ in rules.serves]
        self._never = {never.variable for never in rules.never}
        self._read_rules()
        self.served = dict(served)
        self.cost = self._cost()

    def run(self, seconds: float, seed: int, stopwatch: Callable[[], float], enough: int = 0) -> None:
        """Until the time is over, or the cost is at most `enough`."""
        luck = Ids(seed).random
        began, share = stopwatch(), 0.0
        now = self.cost
        hottest = max([_COLDEST * 2, *self._costs.values()]) / 2
        while self._turns and share < 1.0 and self.cost > enough:
            heat = hottest * (_COLDEST / hottest) ** share
            for _ in itertools.repeat(None, _STEPS):
                turn = self._turns[luck.randrange(len(self._turns))]
                people = self._rules.choices[turn]
                person = people[luck.randrange(len(people))]
                most_worse = -heat * math.log(1.0 - luck.random())
                now += self._step(turn, person, luck.randrange, most_worse)
                if now < self.cost:
                    self.cost, self.served = now, dict(self._who)
            share = (stopwatch() - began) / seconds if seconds > 0 else 1.0

    def _read_rules(self) -> None:
        rules = self._rules
        self._on = rules.implied(self._who)
        self._near: list[list[int]] = [[] for _ in range(rules.count)]
        for pair in rules.pairs:
            self._near[pair.one].append(pair.other)
            self._near[pair.other].append(pair.one)
        self._limits: list[list[tuple[int, int]]] = [[] for _ in range(rules.count)]
        self._room: list[int] = []
        for number, limit in enumerate(rules.limits):
            room = limit.most
            for variable, factor in zip(limit.variables, limit.factors, strict=True):
                self._limits[variable].append((number, factor))
                room -= factor * self._on[variable]
            self._room.append(room)

    def _cost(self) -> int:
        moves = sum([self._move_cost(turn, person) for turn, person in self._who.items()])
        return sum(self._costs.values()) + moves

    def _move_cost(self, turn: int, person: int) -> int:
        before = self._ground.before
        return self._ground.problem.weights.moved * 60 if turn in before and before[turn] != person else 0

    def _step(self, turn: int, person: int, pick: Callable[[int], int], most_worse: float) -> int:
        """Give the turn to the person, who gives up what is in the way. By how much the cost grew; 0 if not done."""
        if person == self._who[turn]:
            return 0
        variable = self._rules.serves[(turn, person)]
        in_the_way = [near for near in self._near[variable] if self._on[near]]
        moves = [(turn, person)]
        if in_the_way:
            second = self._turn_of[in_the_way[0]] if in_the_way[0] < len(self._turn_of) else turn
            if len(in_the_way) > 1 or second == turn:
                return 0
            people = self._rules.choices[second]
            other = self._who[turn]
            moves.insert(0, (second, other if other in people else people[pick(len(people))]))
        return self._try(moves, most_worse)

    def _try(self, moves: list[tuple[int, int]], most_worse: float) -> int:
        back = [(turn, self._who[turn]) for turn, _ in reversed(moves)]
        if any(self._who[turn] == person for turn, person in moves):
            return 0
        worse = sum([self._give(turn, person) for turn, person in moves])
        if worse <= most_worse and all(self._keeps(turn, person) for turn, person in [*moves, *back]):
            return worse
        for turn, person in back:
            self._give(turn, person)
        return 0

    def _give(self, turn: int, person: int) -> int:
        """By how much the cost grew."""
        other = self._who[turn]
        before = self._costs[other] + self._costs[person] + self._move_cost(turn, other)
        minutes = self._ground.minutes
        self._loads[other] = [has - each for has, each in zip(self._loads[other], minutes(turn, other), strict=True)]
        self._loads[person] = [has + each for has, each in zip(self._loads[person], minutes(turn, person), strict=True)]
        for one in (other, person):
            self._costs[one] = self._fairness.cost_of(one, self._loads[one])
        self._who[turn] = person
        self._turn(self._rules.serves[(turn, other)], 0)
        self._turn(self._rules.serves[(turn, person)], 1)
        return self._costs[other] + self._costs[person] + self._move_cost(turn, person) - before

    def _keeps(self, turn: int, person: int) -> bool:
        """Does what is on about this turn and person keep the rules?"""
        variable = self._rules.serves[(turn, person)]
        if self._on[variable] and (variable in self._never or any(self._on[near] for near in self._near[variable])):
            return False
        return all(self._room[number] >= 0 for number, _ in self._limits[variable])

    def _turn(self, variable: int, value: int) -> None:
        self._on[variable] = value
        for number, factor in self._limits[variable]:
            self._room[number] -= factor if value else -factor
