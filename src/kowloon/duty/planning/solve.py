"""From a problem to a plan with a proven bound, or to the rules that conflict.

People who never share a shift, directly or through others, are planned apart; bounds add up. Each part has two models:
who serves which turn (exact), and how many turns of each kind everybody has (small: its bound is good). A re-plan first
looks at nothing but the turns that have to move.
"""

from __future__ import annotations

import functools
import math
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import BinaryIO

import msgspec

from kowloon.duty.planning import conflict
from kowloon.duty.planning.assignment import Assignment
from kowloon.duty.planning.checker import check
from kowloon.duty.planning.counting import Counted, count
from kowloon.duty.planning.fairness import Fairness
from kowloon.duty.planning.ground import Ground
from kowloon.duty.planning.improve import Improving
from kowloon.duty.planning.problem import Outcome, Plan, Problem, Unknown
from kowloon.duty.planning.rules import Rules

Stopwatch = Callable[[], float]
#: Told the best cost and bound now and then, of all parts that have a plan.
Tell = Callable[[float, float], None]

# Choices of a part that are solved as they are; above, steps are made from any plan that keeps the rules.
_MOST_EXACT = 6000
# What is proven this well needs no more time.
_ENOUGH = 0.0005
# And in a re-plan, what it leaves as it was.
_ENOUGH_LEFT = 0.02
_LEAST_S, _FIRST_S = 0.05, 3.0
_LEAST_LOOK_S = 1.0
_FIRST_S_PER_CHOICE, _S_PER_CHOICE = 0.001, 0.0016
# Of all time, for a first plan of each part; of a look at one, for its bound.
_FIRST_SHARE, _COUNTING_SHARE = 0.1, 0.6
# Of what is left then, for a plan just as counted; else one that is so near to it serves.
_EXACT_SHARE, _NEAR_MIN = 0.7, 720
# Of the first look at a large part, for a better plan to begin with.
_BETTER_SHARE = 0.15
# A model of so many choices is built in a second where the machine is busy.
_CHOICES_PER_S = 3_000
# How far around what has to move a re-plan looks, if need be.
_WIDER_DAYS = (0, 10, 40)
_DAY_S = 24 * 3600
# Rules that what one names as broken keeps broken, until one of its shifts moves.
_LASTING = frozenset(
    ("eligible", "absence", "overlap_h", "daylight", "free_on_holidays", "exclusive", "rest_h", "turns_between")
)


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What `run` takes, as JSON."""

    problem: Problem
    seconds: float
    workers: int = 2


def run(argument: bytes, source: BinaryIO, emit: Callable[[bytes], None]) -> None:
    """The function of a job (`engines/jobs`): a Request in; out, a line of JSON each, `{"cost", "bound"}` now and then
    and the outcome last. A plan that the checker finds a mistake in is none."""
    request = msgspec.json.decode(argument, type=Request)

    def tell(cost: float, bound: float) -> None:
        emit(msgspec.json.encode({"cost": cost, "bound": bound}) + b"\n")

    outcome = solve(request.problem, request.seconds, request.workers, tell=tell)
    broken = check(request.problem, outcome.served) if isinstance(outcome, Plan) else []
    if broken:
        text = f"this is a mistake in Kowloon: the plan that was found breaks a rule: {broken[0].text}"
        outcome = Unknown(text=text, took_s=outcome.took_s)
    emit(msgspec.json.encode(outcome) + b"\n")


def solve(
    problem: Problem,
    seconds: float,
    workers: int = 2,
    *,
    tell: Tell = lambda cost, bound: None,
    stopwatch: Stopwatch = time.monotonic,
) -> Outcome:
    """The best plan that is found in `seconds`. ValueError: the problem names what there is not."""
    return _Solving(problem, seconds, workers, tell, stopwatch).outcome()


class _Part:
    """Turns and the people who may serve them, nobody else's business. Costs are in weighted minutes; `bound` is of
    the fairness and of what has to move, `fair_bound` of the fairness alone. `touched`: a re-plan has to change it, by
    `least_moves` turns at least; `as_before`: the plan before keeps the rules, any other moves a turn."""

    def __init__(self, ground: Ground, turns: list[int]) -> None:
        self._ground = ground
        self.choices = {turn: ground.candidates[turn] for turn in turns}
        self.people = sorted({person for people in self.choices.values() for person in people})
        self.size = sum(len(people) for people in self.choices.values())
        self.fair_bound = 0
        self.bound = 0
        self.aim: Counted | None = None
        self.counted = False
        self.counted_cost = -1
        self.served: dict[int, int] = {}
        self.cost = 0
        self.looks = 0
        self.impossible = False
        self.slice_s = max(_FIRST_S, self.size * _S_PER_CHOICE)
        self.touched = False
        self.least_moves = 0
        self.as_before = False
        self._move_price = ground.problem.weights.moved * 60

    @functools.cached_property
    def rules(self) -> Rules:
        return Rules(self._ground, self.choices, self._ground.held)

    @property
    def gap(self) -> int:
        """In weighted minutes; of what has no plan yet: all there is."""
        return self.cost - self.bound if self.served else 1 << 60

    def comes_first(self) -> tuple[bool, bool, float]:
        """What a re-plan has to change; what nobody has looked at, small ones first; where most may be gained."""
        return self.touched, not self.looks, self.gap / self.slice_s if self.looks else -self.size

    @property
    def done(self) -> bool:
        return self.impossible or (bool(self.served) and self.cost <= self.bound)

    @property
    def most_moves(self) -> int | None:
        """A better plan than the one it has moves no more turns than that; None: as many as it likes."""
        return (self.cost - self.fair_bound) // self._move_price if self._move_price else None

    def prove(self, *, bound: int = 0, fair_bound: int = 0) -> None:
        """What no plan is below."""
        self.fair_bound = max(self.fair_bound, fair_bound)
        other = self.fair_bound + max(self.least_moves, self.as_before) * self._move_price
        self.bound = max(self.bound, min(max(bound, other), self.cost))

    def take(self, served: Mapping[int, int], cost: int) -> None:
        if not self.served or cost < self.cost:
            self.served, self.cost = dict(served), cost


class _Solving:
    def __init__(self, problem: Problem, seconds: float, workers: int, tell: Tell, stopwatch: Stopwatch) -> None:
        self.stopwatch = stopwatch
        self.began = stopwatch()
        self.until = self.began + seconds
        self.problem = problem
        self.workers = workers
        self.tell = tell
        self.ground = Ground(problem)
        self.fairness = Fairness(self.ground)

    @property
    def left_s(self) -> float:
        return max(self.until - self.stopwatch(), 0.0)

    @property
    def took_s(self) -> float:
        return round(self.stopwatch() - self.began, 3)

    def outcome(self) -> Outcome:
        nobody = [turn for turn in self.ground.free if not self.ground.candidates[turn]]
        if nobody:
            return self._conflict(nobody[:1])
        self.parts = [_Part(self.ground, turns) for turns in parts(self.ground)]
        if self.problem.before:
            self._keep_what_can_stay()
        self._work()
        impossible = [part for part in self.parts if part.impossible]
        if impossible:
            return self._conflict(list(min(impossible, key=lambda part: part.size).choices))
        if not all(part.served for part in self.parts):
            return Unknown(
                text=f"no plan was found in {self.took_s:g} s, and no proof that there is none", took_s=self.took_s
            )
        return self._plan()

    def _conflict(self, turns: list[int]) -> Outcome:
        """Time is given for that: who has no plan wants to know why."""
        least_s = 0.3 * (self.until - self.began)
        return conflict.explain(self.ground, turns, max(self.left_s, least_s), self.workers, self.stopwatch, self.began)

    def _work(self) -> None:
        """A plan for each part; then bounds and better plans where most is to be gained for the time, with twice as
        much of it each time."""
        open_ = sorted((part for part in self.parts if not part.done), key=lambda part: part.size)
        total = sum(math.sqrt(part.size) for part in open_)
        budget_s = self.left_s * _FIRST_SHARE
        for part in open_:
            if not part.served and not any(part.impossible for part in open_):
                self._begin(part, budget_s * math.sqrt(part.size) / total)
        if not all(part.served for part in self.parts):
            return
        while open_ and self.left_s > _LEAST_S and self._gap() > self._enough():
            part = max(open_, key=_Part.comes_first)
            open_.remove(part)
            if part.size > self.left_s * _CHOICES_PER_S:
                continue
            share = part.gap / (part.gap + sum(each.gap for each in open_))
            slice_s = max(part.slice_s, self.left_s * share)
            self._work_on(part, self.stopwatch() + min(slice_s, self.left_s))
            part.slice_s *= 2
            if not part.done:
                open_.append(part)

    def _enough(self) -> float:
        touched = [part for part in self.parts if part.touched]
        return _ENOUGH_LEFT if touched and all(part.done for part in touched) else _ENOUGH

    def _gap(self) -> float:
        if not all(part.served for part in self.parts):
            return 1.0
        cost = sum(part.cost for part in self.parts)
        bound = sum(part.bound for part in self.parts)
        if cost:
            self.tell(cost / 60, bound / 60)
        return (cost - bound) / cost if cost else 0.0

    def _begin(self, part: _Part, seconds: float) -> None:
        """Any plan that keeps the rules, and better ones step by step. That takes what it takes, if there is time."""
        until = self.stopwatch() + min(seconds, part.size * _FIRST_S_PER_CHOICE)
        found = Assignment(self.ground, self.fairness, part.rules, {}).solve(self.left_s, self.workers)
        part.impossible = found.status == "infeasible"
        if found.served:
            self._improve(part, found.served, until)

    def _improve(self, part: _Part, served: Mapping[int, int], until: float) -> None:
        steps = Improving(self.ground, self.fairness, part.rules, served)
        steps.run(until - self.stopwatch(), self.problem.seed + part.looks, self.stopwatch, part.bound)
        part.take(steps.served, steps.cost)

    def _work_on(self, part: _Part, until: float) -> None:
        part.looks += 1
        if part.touched and part.looks == 1 and part.size <= _MOST_EXACT:
            # Few turns move: that is soon proven.
            self._solve_exactly(part, until)
        if part.looks == 1 and part.size > _MOST_EXACT * 2:
            # Counting begins with the plan there is: the better that is, the sooner it ends.
            self._improve(part, part.served, self.stopwatch() + (until - self.stopwatch()) * _BETTER_SHARE)
        if not part.done and not part.counted:
            # A plan that costs what was counted is the best there is, or nearly: only the bound is to be had.
            share = 1.0 if part.cost <= part.counted_cost else _COUNTING_SHARE
            self._count(part, (until - self.stopwatch()) * share)
        if not part.done and part.aim is not None:
            exactly_s = (until - self.stopwatch()) / 3 if part.size <= _MOST_EXACT else 0.0
            self._aim(part, part.aim, until - exactly_s)
        if not part.done and part.size <= _MOST_EXACT:
            self._solve_exactly(part, until)
        elif not part.done:
            self._improve(part, part.served, until)

    def _count(self, part: _Part, seconds: float) -> None:
        counted = count(self.ground, self.fairness, part.rules, part.served, part.fair_bound, seconds, self.workers)
        part.prove(fair_bound=counted.bound)
        if counted.loads is not None:
            cost = sum([self.fairness.cost_of(person, load) for person, load in counted.loads.items()])
            part.aim = counted if cost < part.cost and cost != part.counted_cost else None
            part.counted_cost = cost
            part.counted = counted.proven

    def _aim(self, part: _Part, aim: Counted, until: float) -> None:
        """At what was counted, turn by turn and then only by the minutes: such a plan costs what those do."""
        by_number = Assignment(self.ground, self.fairness, part.rules, {})
        by_number.exactly(aim.numbers)
        found = by_number.solve((until - self.stopwatch()) / 2, self.workers)
        if not found.served:
            by_minutes = Assignment(self.ground, self.fairness, part.rules, aim.loads)
            found = by_minutes.solve((until - self.stopwatch()) * _EXACT_SHARE, self.workers)
        if found.status == "unknown":
            near = Assignment(self.ground, self.fairness, part.rules, aim.loads, _NEAR_MIN)
            found = near.solve(until - self.stopwatch(), self.workers)
        if found.served or found.status == "infeasible":
            part.aim = None
        if found.served:
            self._improve(part, found.served, self.stopwatch())

    def _solve_exactly(self, part: _Part, until: float) -> None:
        model = Assignment(self.ground, self.fairness, part.rules)
        model.at_least(part.fair_bound)
        if part.most_moves is not None:
            model.move_at_most(part.most_moves)
        found = model.solve(until - self.stopwatch(), self.workers)
        if found.served:
            part.take(found.served, found.cost)
        part.prove(bound=found.bound)

    def _plan(self) -> Plan:
        served = {turn: person for part in self.parts for turn, person in part.served.items()}
        in_parts = {person for part in self.parts for person in part.people}
        rest = sum(
            self.fairness.cost_of(person, load)
            for person, load in enumerate(self.fairness.earlier)
            if person not in in_parts
        )
        cost = sum(part.cost for part in self.parts) + rest
        bound = min(sum(part.bound for part in self.parts) + rest, cost)
        shifts, people = self.problem.shifts, self.ground.people
        by_id = {shifts[turn].id: people[person].id for turn, person in served.items()}
        fixed = {id: person for id, person in self.problem.fixed.items() if id in self.ground.by_shift}
        before = self.problem.before
        moved = tuple(id for id in by_id if id in before and before[id] != by_id[id])
        everybody = {**by_id, **fixed}
        return Plan(
            served={shift.id: everybody[shift.id] for shift in shifts},
            cost=cost / 60,
            bound=bound / 60,
            gap=(cost - bound) / cost if cost else 0.0,
            moved=moved,
            moved_bound=sum(part.least_moves for part in self.parts),
            took_s=self.took_s,
        )

    def _keep_what_can_stay(self) -> None:
        """Leave what there was but for what rules forbid now; wider around it when that is not enough."""
        ground, shifts = self.ground, self.problem.shifts
        had = {shifts[turn].id: self.problem.before[shifts[turn].id] for turn in ground.before}
        touched = {turn for turn in ground.free if turn not in ground.before}
        separations = {separation.id for separation in self.problem.separations}
        # Sets of turns out of each of which one has to move.
        lasting: list[frozenset[int]] = []
        for violation in check(self.problem, had):
            broken = frozenset(ground.by_shift[id] for id in violation.shifts if id in ground.by_shift) - set(
                ground.held
            )
            lasts = violation.rule.rule in _LASTING or violation.rule.rule in separations
            if lasts and broken & set(ground.before) and all(broken.isdisjoint(other) for other in lasting):
                lasting.append(broken)
            touched |= broken
        for part in self.parts:
            part.touched = not touched.isdisjoint(part.choices)
            part.least_moves = sum(not broken.isdisjoint(part.choices) for broken in lasting)
        for days in _WIDER_DAYS:
            open_ = self._around(touched, days)
            choices = {turn: ground.candidates[turn] for turn in sorted(open_)}
            size = sum(len(people) for people in choices.values())
            # The first look is worth being late for: what it finds is a plan.
            if size > _MOST_EXACT or (days and size > self.left_s * _CHOICES_PER_S):
                return
            pins = {
                turn: (person,) for turn, person in ground.before.items() if turn not in open_ and person is not None
            }
            model = Assignment(ground, self.fairness, Rules(ground, choices, {**ground.held, **pins}))
            found = model.solve(max(self.left_s / 2, _LEAST_LOOK_S), self.workers)
            if found.status in ("optimal", "feasible"):
                self._take_all({**{turn: people[0] for turn, people in pins.items()}, **found.served})
                for part in self.parts:
                    if part.touched and part.size <= _MOST_EXACT:
                        self._move_fewer(part)
                return

    def _move_fewer(self, part: _Part) -> None:
        """Is there any plan that does? Soon known, as all but few turns stay."""
        before = self.ground.before
        moved = sum(turn in before and before[turn] != person for turn, person in part.served.items())
        if moved > part.least_moves:
            model = Assignment(self.ground, self.fairness, part.rules, {})
            model.move_at_most(moved - 1)
            if model.solve(max(self.left_s / 2, _LEAST_LOOK_S), self.workers).status == "infeasible":
                part.least_moves = moved
                part.prove()

    def _around(self, touched: set[int], days: float) -> set[int]:
        """Turns near these in time, of people who could serve in both."""
        if not days:
            return touched
        ground, found = self.ground, set(touched)
        for part in self.parts:
            near = [ground.turns[turn] for turn in touched if turn in part.choices]
            found |= {
                turn
                for turn in part.choices
                for shift in near
                if shift.start - days * _DAY_S < ground.turns[turn].end
                and ground.turns[turn].start < shift.end + days * _DAY_S
            }
        return found

    def _take_all(self, served: Mapping[int, int]) -> None:
        loads = self.fairness.loads(dict(served))
        before, price = self.ground.before, self.problem.weights.moved * 60
        for part in self.parts:
            own = {turn: served[turn] for turn in part.choices}
            moved = sum(turn in before and before[turn] != person for turn, person in own.items())
            part.take(own, sum(self.fairness.cost_of(person, loads[person]) for person in part.people) + moved * price)
            part.as_before = not moved and own.keys() <= before.keys()
            part.prove()


def parts(ground: Ground) -> list[list[int]]:
    """Free turns, in sets such that no rule and no person is of two of them."""
    parents = list(range(len(ground.people)))

    def root(person: int) -> int:
        while parents[person] != person:
            parents[person] = parents[parents[person]]
            person = parents[person]
        return person

    def join(people: Iterable[int]) -> None:
        roots = [root(person) for person in people]
        for other in roots[1:]:
            parents[root(other)] = root(roots[0])

    of_post: dict[str, set[int]] = defaultdict(set)
    for turn in ground.free:
        join(ground.candidates[turn])
        of_post[ground.turns[turn].post].update(ground.candidates[turn])
    linked = [(post.id, *post.neighbours) for post in ground.problem.posts if post.neighbours]
    for posts in [*linked, *[coverage.posts for coverage in ground.problem.coverage]]:
        join([person for post in posts for person in of_post[post]])
    for separation in ground.problem.separations:
        join([ground.number[id] for id in separation.people if ground.number.get(id, len(parents)) < len(parents)])
    found: dict[int, list[int]] = defaultdict(list)
    for turn in ground.free:
        found[root(ground.candidates[turn][0])].append(turn)
    return list(found.values())
