"""A problem in numbers: people, and turns (the shifts of the horizon, then those of the past) by position; who could
serve which; what a shift costs whom."""

from __future__ import annotations

import bisect
import functools
from collections import defaultdict
from collections.abc import Iterable, Sequence

from kowloon.duty.planning import calendar, eligible
from kowloon.duty.planning.problem import Layer, Person, Post, Problem, Shift, Span

HOUR_S = 3600
# Hours, nights, weekends, holidays; in minutes.
Minutes = tuple[int, int, int, int]


class Ground:
    """`turns`: shifts of the horizon, and after them those of the past. `held`: by turn that no plan can change, who
    has it (someone who is gone, too: numbers after those of `people`); `free`: the others of the horizon. `candidates`:
    who may serve each shift of the horizon."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.people = problem.people
        self.posts = {post.id: post for post in problem.posts}
        self.number = {person.id: number for number, person in enumerate(problem.people)}
        _refuse_unreadable(problem, self)
        known = {shift.id: turn for turn, shift in enumerate(problem.shifts)}
        self.turns: list[Shift] = list(problem.shifts)
        self.held: dict[int, tuple[int, ...]] = {}
        for id, person in problem.fixed.items():
            if id in known:
                self.held[known[id]] = (self._numbered(person),)
        earlier = _past(problem, known)
        past = {shift.id: len(known) + index for index, shift in enumerate(earlier)}
        self.turns += earlier
        for person, shift in problem.past:
            if shift.id in past:
                turn = past[shift.id]
                self.held[turn] = (*self.held.get(turn, ()), self._numbered(person))
        self.horizon = range(len(known))
        self.free = [turn for turn in self.horizon if turn not in self.held]
        self.lines = self._lines()
        self.candidates = self._candidates()
        places = {(person.time_zone, person.country): None for person in self.people}
        numbered = {place: number for number, place in enumerate(places)}
        self._places = list(places)
        self._place_of = [numbered[(person.time_zone, person.country)] for person in self.people]

    def post(self, turn: int) -> Post | None:
        """None: of the past, and there no longer."""
        return self.posts.get(self.turns[turn].post)

    def layer(self, turn: int) -> Layer:
        shift = self.turns[turn]
        return next(layer for layer in self.posts[shift.post].layers if layer.id == shift.layer)

    def minutes(self, turn: int, person: int) -> Minutes:
        return self._minutes(turn, self._place_of[person])

    def minutes_of_all(self, turn: int, people: Sequence[int]) -> frozenset[tuple[int, Minutes]]:
        """By where they live."""
        return frozenset((place, self._minutes(turn, place)) for place in {self._place_of[each] for each in people})

    @functools.cached_property
    def before(self) -> dict[int, int | None]:
        """Whom each free shift had, None for somebody who is gone; not there for what is new."""
        had = self.problem.before
        shifts = self.problem.shifts
        return {turn: self.number.get(had[shifts[turn].id]) for turn in self.free if shifts[turn].id in had}

    @functools.cached_property
    def by_shift(self) -> dict[str, int]:
        return {shift.id: turn for turn, shift in enumerate(self.problem.shifts)}

    def _numbered(self, person: str) -> int:
        return self.number.setdefault(person, len(self.number))

    def _lines(self) -> dict[tuple[str, str], list[int]]:
        """Turns of each layer, in order."""
        lines: dict[tuple[str, str], list[int]] = defaultdict(list)
        for turn in sorted(range(len(self.turns)), key=lambda turn: (self.turns[turn].start, self.turns[turn].id)):
            lines[(self.turns[turn].post, self.turns[turn].layer)].append(turn)
        return lines

    def _candidates(self) -> dict[int, tuple[int, ...]]:
        may: dict[int, list[int]] = {turn: [] for turn in self.horizon}
        for (post_id, layer_id), line in self.lines.items():
            turns = [turn for turn in line if turn in may]
            if turns:
                post = self.posts[post_id]
                layer = next(layer for layer in post.layers if layer.id == layer_id)
                of_place: dict[tuple[str, str], list[int]] = {}
                for number, person in enumerate(self.people):
                    if eligible.lacks(person, eligible.eligibility(post, layer)):
                        continue
                    place = (person.time_zone, person.country)
                    if place not in of_place:
                        of_place[place] = [
                            turn for turn in turns if not eligible.unfit_there(*place, post, self.turns[turn].spans)
                        ]
                    for turn in self._fit(person, post, of_place[place]):
                        may[turn].append(number)
        return {turn: tuple(people) for turn, people in may.items()}

    def _fit(self, person: Person, post: Post, turns: list[int]) -> Iterable[int]:
        """Those of `turns` (of one layer, in order, for which the person lives in the right place) at whose times the
        person is there."""
        left_at = post.left.get(person.id)
        unfit = {turn for turn in turns if left_at is not None and self.turns[turn].end > left_at}
        starts = [self.turns[turn].start for turn in turns]
        overlap_s = post.limits.overlap_h * HOUR_S
        for gone in person.away:
            index = bisect.bisect_left(starts, gone.end)
            # Turns of a layer follow each other: once one (and its hand-over) ends before, all earlier ones do.
            while index > 0 and self.turns[turns[index - 1]].end + overlap_s > gone.start:
                index -= 1
                if eligible.unfit_then(person, post, self.turns[turns[index]].spans):
                    unfit.add(turns[index])
        return [turn for turn in turns if turn not in unfit]

    @functools.cache  # noqa: B019 - lives as long as the ground does, which is one plan
    def _minutes(self, turn: int, place: int) -> Minutes:
        found = calendar.local_burden(self.turns[turn].spans, *self._places[place])
        hours, nights, weekends, holidays = [round(value * 60) for value in found]
        return hours, nights, weekends, holidays


def meet(spans: Sequence[Span], others: Sequence[Span]) -> bool:
    """Is there a time in both?"""
    if len(spans) == len(others) == 1:
        return spans[0].start < others[0].end and others[0].start < spans[0].end
    return any(one.start < other.end and other.start < one.end for one in spans for other in others)


def _past(problem: Problem, known: Iterable[str]) -> list[Shift]:
    return list({shift.id: shift for _, shift in problem.past if shift.id not in known}.values())


def _refuse_unreadable(problem: Problem, ground: Ground) -> None:
    """ValueError: names that lead nowhere, or twice somewhere."""
    if len(ground.number) != len(problem.people) or len(ground.posts) != len(problem.posts):
        raise ValueError("two people, or two posts, have one id")
    seen = set()
    for shift in problem.shifts:
        layers = ground.posts[shift.post].layers if shift.post in ground.posts else ()
        if shift.id in seen or not shift.spans or shift.layer not in [layer.id for layer in layers]:
            raise ValueError(f"shift {shift.id!r} is given twice, has no time, or is of no layer that there is")
        seen.add(shift.id)
    for separation in problem.separations:
        if separation.kind == "follows" and len(separation.posts) != 2:
            raise ValueError(f"separation {separation.id!r}: `follows` is of two posts, the first and the second")
