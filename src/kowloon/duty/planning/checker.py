"""Does an assignment keep the rules? Written from their definitions in `problem`, apart from what plans: it shares no
code with the solver, and looks at one rule after the other in the plainest way."""

from __future__ import annotations

import bisect
import itertools
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from kowloon.duty.planning.problem import (
    Coverage,
    Eligibility,
    Limits,
    Person,
    Post,
    Problem,
    RuleName,
    Separation,
    Shift,
    Span,
    Violation,
)

_HOUR_S = 3600
_WEEK_S = 7 * 24 * _HOUR_S
_WEEK_H = 168


class _Turn(NamedTuple):
    """A shift that somebody has; not `free`: no plan could change it."""

    person: str
    shift: Shift
    free: bool


def check(problem: Problem, served: Mapping[str, str]) -> list[Violation]:
    """Whatever `served` (person by shift) breaks, but for what fixed and past shifts break among themselves."""
    checked = _Check(problem, served)
    rules = (
        checked.covered,
        checked.fit,
        checked.pairs,
        checked.hours,
        checked.returns,
        checked.everyone,
        checked.changes,
        checked.kin,
        checked.coverage,
    )
    return [violation for rule in rules for violation in rule()]


class _Check:
    def __init__(self, problem: Problem, served: Mapping[str, str]) -> None:
        self.problem = problem
        self.people = {person.id: person for person in problem.people}
        self.posts = {post.id: post for post in problem.posts}
        self.served = {**problem.fixed, **served}
        known = {shift.id for shift in problem.shifts}
        self.turns = [
            _Turn(self.served[shift.id], shift, shift.id not in problem.fixed)
            for shift in problem.shifts
            if shift.id in self.served
        ]
        past = [_Turn(person, shift, False) for person, shift in problem.past if shift.id not in known]
        self.by_person: dict[str, list[_Turn]] = defaultdict(list)
        self.lines: dict[tuple[str, str], dict[str, list[_Turn]]] = defaultdict(lambda: defaultdict(list))
        for turn in sorted(past + self.turns, key=lambda turn: (turn.shift.start, turn.shift.id)):
            self.by_person[turn.person].append(turn)
        # Shifts that nobody has keep their place in the line.
        for shift in sorted([turn.shift for turn in past] + list(problem.shifts), key=lambda one: (one.start, one.id)):
            self.lines[(shift.post, shift.layer)][shift.id] = []
        for turn in past + self.turns:
            self.lines[(turn.shift.post, turn.shift.layer)][turn.shift.id].append(turn)

    def limits(self, shift: Shift) -> Limits:
        return self.posts[shift.post].limits if shift.post in self.posts else Limits()

    def covered(self) -> Iterator[Violation]:
        for shift in self.problem.shifts:
            fixed = self.problem.fixed.get(shift.id)
            if shift.id not in self.served:
                yield _broken("covered", shift.id, f"nobody serves {shift.id}", [shift])
            elif fixed is not None and self.served[shift.id] != fixed:
                yield _broken("fixed", shift.id, f"{shift.id} has to stay with {fixed}", [shift], [fixed])

    def fit(self) -> Iterator[Violation]:
        for turn in self.turns:
            if not turn.free:
                continue
            post = self.posts[turn.shift.post]
            person = self.people.get(turn.person)
            if person is None or not _has(person, self.wanted(turn.shift)) or _left(post, person, turn.shift):
                yield _of("eligible", post.id, f"{turn.person} is not eligible", turn)
            if person is None:
                continue
            limits = post.limits
            if _away_h(person, turn.shift) > limits.most_away_h:
                yield _of("absence", person.id, f"{person.id} is away", turn)
            elif limits.overlap_h and _meet(person.away, [_tail(turn.shift, limits)]):
                yield _of("overlap_h", post.id, f"{person.id} is away at the hand-over", turn)
            if limits.daylight and not all(_by_day(person, span, limits.daylight) for span in turn.shift.spans):
                yield _of("daylight", post.id, f"it is not within {limits.daylight} for {person.id}", turn)
            if limits.free_on_holidays and any(_has_holiday(person, span) for span in turn.shift.spans):
                yield _of("free_on_holidays", post.id, f"{person.id} has a public holiday", turn)

    def wanted(self, shift: Shift) -> Eligibility:
        post = self.posts[shift.post]
        layer = next(layer for layer in post.layers if layer.id == shift.layer)
        return layer.eligible if layer.eligible is not None else post.eligible

    def pairs(self) -> Iterator[Violation]:
        """What two shifts of one person may not be to each other."""
        follows = [each for each in self.problem.separations if each.kind == "follows"]
        together = [each for each in self.problem.separations if each.kind == "together"]
        rest_s = {post.id: post.limits.rest_h * _HOUR_S for post in self.problem.posts}
        tail_s = {post.id: post.limits.overlap_h * _HOUR_S for post in self.problem.posts}
        longest_s = max(rest_s.values(), default=0.0)
        for turns in self.by_person.values():
            for number, earlier in enumerate(turns):
                ends = earlier.shift.end + tail_s.get(earlier.shift.post, 0.0)
                for later in itertools.islice(turns, number + 1, None):
                    starts = later.shift.start
                    if starts >= ends + longest_s:
                        break
                    # Otherwise all of the one, and the rest after it, is before the other.
                    if starts < ends + rest_s.get(later.shift.post, 0.0) and (earlier.free or later.free):
                        yield from self.exclusive(earlier, later)
                        yield from self.rest(earlier, later)
                        for separation in together:
                            yield from _together(separation, earlier, later)
            for separation in follows:
                yield from _follows(separation, turns)

    def exclusive(self, earlier: _Turn, later: _Turn) -> Iterator[Violation]:
        one, other = earlier.shift, later.shift
        exclusive = {each for each in (one.post, other.post) if each not in self.posts or self.posts[each].exclusive}
        if _meet(one.spans, other.spans):
            for post in sorted(exclusive):
                yield _of("exclusive", post, f"{earlier.person} serves in two at one time", earlier, later)
            return
        same_line = (one.post, one.layer) == (other.post, other.layer)
        for first, second in ((one, other), (other, one)):
            limits = self.limits(first)
            if exclusive and limits.overlap_h and not same_line and _meet([_tail(first, limits)], second.spans):
                text = f"{earlier.person} has to stay beside the next holder of {first.post}"
                yield _of("overlap_h", first.post, text, earlier, later)

    def rest(self, earlier: _Turn, later: _Turn) -> Iterator[Violation]:
        """Shifts of several spans may be interleaved: each of the two may come before the other's start."""
        for before, after in ((earlier, later), (later, earlier)):
            rest_h = self.limits(after.shift).rest_h
            if not rest_h:
                continue
            begins = after.shift.start
            served = list(before.shift.spans)
            if (before.shift.post, before.shift.layer) != (after.shift.post, after.shift.layer):
                served.append(_tail(before.shift, self.limits(before.shift)))
            if _meet(served, [Span(begins - rest_h * _HOUR_S, begins)]):
                text = f"{after.person} has less than {rest_h:g} h of rest before {after.shift.id}"
                yield _of("rest_h", after.shift.post, text, before, after)

    def hours(self) -> Iterator[Violation]:
        """The most is reached where a window begins with a shift, or ends with one."""
        for person, turns in self.by_person.items():
            in_horizon = {turn.shift.post for turn in turns if turn.shift.id in self.served}
            limited = [self.posts[id] for id in sorted(in_horizon) if self.posts[id].limits.most_h_per_week < _WEEK_H]
            if not limited:
                continue
            spans = [span for turn in turns for span in turn.shift.spans]
            free = [span for turn in turns if turn.free for span in turn.shift.spans]
            sums = _Sums(spans)
            free_sums = _Sums(free)
            for begins in sorted({span.start for span in spans} | {span.end - _WEEK_S for span in spans}):
                found_h = sums.between(begins, begins + _WEEK_S) / _HOUR_S
                least_h = min(post.limits.most_h_per_week for post in limited)
                if found_h <= least_h + 1e-6 or free_sums.between(begins, begins + _WEEK_S) < 1:
                    continue
                shifts = [turn.shift for turn in turns if _meet(turn.shift.spans, [Span(begins, begins + _WEEK_S)])]
                for post in limited:
                    if found_h > post.limits.most_h_per_week + 1e-6:
                        text = f"{person} has {found_h:g} h in 7 days, more than {post.limits.most_h_per_week:g}"
                        yield _broken("most_h_per_week", post.id, text, shifts, [person])

    def returns(self) -> Iterator[Violation]:
        for (post, _), line in self.lines.items():
            between = self.posts[post].limits.turns_between if post in self.posts else 0
            turns = list(line.values())
            for number, here in enumerate(turns):
                for after in itertools.chain.from_iterable(turns[number + 1 : number + 1 + between]):
                    for turn in here:
                        if turn.person == after.person and (turn.free or after.free):
                            yield _of("turns_between", post, f"{turn.person} returns too soon", turn, after)

    def everyone(self) -> Iterator[Violation]:
        for post in self.problem.posts:
            if not post.limits.everyone_serves:
                continue
            shifts = [shift for shift in self.problem.shifts if shift.post == post.id]
            serving = {self.served.get(shift.id) for shift in shifts}
            open_ = [shift for shift in shifts if shift.id not in self.problem.fixed]
            wanted = {shift.layer: self.wanted(shift) for shift in open_}
            for person in self.problem.people:
                if person.id in serving or not any(_has(person, each) for each in wanted.values()):
                    continue
                if any(self.could(person, post, shift) for shift in open_):
                    text = f"{person.id} never serves in {post.id}"
                    yield _broken("everyone_serves", post.id, text, [], [person.id])

    def could(self, person: Person, post: Post, shift: Shift) -> bool:
        limits = post.limits
        return (
            _has(person, self.wanted(shift))
            and not _left(post, person, shift)
            and _away_h(person, shift) <= limits.most_away_h
            and not (limits.overlap_h and _meet(person.away, [_tail(shift, limits)]))
            and (not limits.daylight or all(_by_day(person, span, limits.daylight) for span in shift.spans))
            and not (limits.free_on_holidays and any(_has_holiday(person, span) for span in shift.spans))
        )

    def changes(self) -> Iterator[Violation]:
        pairs = [
            (post, other)
            for post in self.problem.posts
            for other in post.neighbours
            if other in self.posts and other != post.id
        ]
        watched = {post.id for post, _ in pairs} | {other for _, other in pairs}
        changes: dict[str, list[tuple[Shift, bool]]] = {id: [] for id in watched}
        for (id, _), line in self.lines.items():
            if id not in watched:
                continue
            for before, after in itertools.pairwise(line.values()):
                if before and after and {turn.person for turn in before}.isdisjoint([turn.person for turn in after]):
                    free = any(turn.free for turn in [*before, *after])
                    changes[id].append((after[0].shift, free))
        for id in sorted(watched):
            for shift, free in changes[id]:
                if free and any(span.start <= shift.start < span.end for span in self.problem.frozen):
                    yield _broken("frozen", id, f"{id} changes hands while that is frozen", [shift])
        for post, other in pairs:
            place = ZoneInfo(post.time_zone)
            for (one, one_free), (two, two_free) in itertools.product(changes[post.id], changes[other]):
                if (one_free or two_free) and one.id != two.id and _week(one, place) == _week(two, place):
                    text = f"{post.id} and {other} change hands in one week"
                    yield _broken("neighbours", post.id, text, [one, two])

    def kin(self) -> Iterator[Violation]:
        for separation in self.problem.separations:
            if separation.kind != "kin":
                continue
            turns = [
                turn
                for person in separation.people
                for turn in self.by_person.get(person, ())
                if not separation.posts or turn.shift.post in separation.posts
            ]
            turns.sort(key=lambda turn: turn.shift.start)
            for number, one in enumerate(turns):
                for two in turns[number + 1 :]:
                    if two.shift.start >= one.shift.end:
                        break
                    if one.person != two.person and (one.free or two.free) and _meet(one.shift.spans, two.shift.spans):
                        yield _of(separation.id, "", f"{one.person} and {two.person} serve at one time", one, two)
            yield from self.kin_in_line(separation)

    def kin_in_line(self, separation: Separation) -> Iterator[Violation]:
        for (post, _), line in self.lines.items():
            if separation.posts and post not in separation.posts:
                continue
            for before, after in itertools.pairwise(line.values()):
                for one, two in itertools.product(before, after):
                    related = one.person != two.person and {one.person, two.person} <= set(separation.people)
                    if related and (one.free or two.free) and not _meet(one.shift.spans, two.shift.spans):
                        yield _of(separation.id, "", f"{two.person} follows {one.person}", one, two)

    def coverage(self) -> Iterator[Violation]:
        for coverage in self.problem.coverage:
            yield from self.covering(coverage)

    def covering(self, coverage: Coverage) -> Iterator[Violation]:
        turns = [turn for turn in self.turns if turn.shift.post in coverage.posts]
        seen: set[frozenset[str]] = set()
        for active in _at_each_time(turns):
            ids = frozenset(turn.shift.id for turn in active)
            people = [self.people.get(turn.person) for turn in active]
            if ids in seen or not any(turn.free for turn in active):
                continue
            seen.add(ids)
            if not any(person is not None and _has(person, coverage.eligible) for person in people):
                yield _of(coverage.id, "", "nobody of those who serve is as demanded", *active)


class _Sums:
    """How long spans (that may overlap: then each counts) are within a time."""

    def __init__(self, spans: Iterable[Span]) -> None:
        self.starts = sorted(span.start for span in spans)
        self.ends = sorted(span.end for span in spans)
        self.start_sums = [0.0, *itertools.accumulate(self.starts)]
        self.end_sums = [0.0, *itertools.accumulate(self.ends)]

    def between(self, start: float, end: float) -> float:
        return self.until(end) - self.until(start)

    def until(self, when: float) -> float:
        begun, ended = bisect.bisect_left(self.starts, when), bisect.bisect_left(self.ends, when)
        return begun * when - self.start_sums[begun] - (ended * when - self.end_sums[ended])


def _follows(separation: Separation, turns: list[_Turn]) -> Iterator[Violation]:
    first, second = separation.posts
    for one in [turn for turn in turns if turn.shift.post == first]:
        until = one.shift.end + separation.within_days * 24 * _HOUR_S
        for two in [turn for turn in turns if turn.shift.post == second]:
            if one.shift.start < two.shift.start < until and (one.free or two.free):
                yield _of(separation.id, "", f"{one.person} comes to {second} from {first}", one, two)


def _together(separation: Separation, earlier: _Turn, later: _Turn) -> Iterator[Violation]:
    one, two = earlier.shift, later.shift
    if one.post != two.post and {one.post, two.post} <= set(separation.posts) and _meet(one.spans, two.spans):
        yield _of(separation.id, "", f"{earlier.person} holds {one.post} and {two.post} at one time", earlier, later)


def _has(person: Person, wanted: Eligibility) -> bool:
    return (
        (not wanted.pools or any(pool in person.pools for pool in wanted.pools))
        and all(person.skills.get(skill, 0) >= level for skill, level in wanted.skills.items())
        and person.seniority >= wanted.seniority
    )


def _left(post: Post, person: Person, shift: Shift) -> bool:
    return person.id in post.left and post.left[person.id] < shift.end


def _away_h(person: Person, shift: Shift) -> float:
    away = _Sums(person.away)
    return sum([away.between(*span) for span in shift.spans]) / _HOUR_S


def _tail(shift: Shift, limits: Limits) -> Span:
    return Span(shift.end, shift.end + limits.overlap_h * _HOUR_S)


def _meet(spans: Iterable[Span], others: Iterable[Span]) -> bool:
    others = list(others)
    return any(one.start < other.end and other.start < one.end for one in spans for other in others)


def _by_day(person: Person, span: Span, daylight: str) -> bool:
    from_text, to_text = daylight.split("-")
    place = ZoneInfo(person.time_zone)
    first, last = datetime.fromtimestamp(span.start, place), datetime.fromtimestamp(span.end - 60, place)
    if (from_text, to_text) == ("00:00", "24:00"):
        return True
    if span.end - span.start > 24 * _HOUR_S:
        return False
    opens, closes = _time_of_day(from_text), _time_of_day(to_text)
    if closes <= opens:
        closes += timedelta(days=1)
    midnight = datetime(first.year, first.month, first.day)
    begins, ends = first.replace(tzinfo=None) - midnight, last.replace(tzinfo=None) - midnight
    return any(opens <= begins + day and ends + day < closes for day in (timedelta(0), timedelta(days=1)))


def _time_of_day(text: str) -> timedelta:
    hours, minutes = text.split(":")
    return timedelta(hours=int(hours), minutes=int(minutes))


def _has_holiday(person: Person, span: Span) -> bool:
    place = ZoneInfo(person.time_zone)
    day, last = datetime.fromtimestamp(span.start, place).date(), datetime.fromtimestamp(span.end - 1, place).date()
    import holidays

    known = holidays.country_holidays(person.country)
    while day <= last:
        if day in known:
            return True
        day += timedelta(days=1)
    return False


def _week(shift: Shift, place: ZoneInfo) -> tuple[int, int]:
    return datetime.fromtimestamp(shift.start, place).isocalendar()[:2]


def _at_each_time(turns: list[_Turn]) -> Iterator[list[_Turn]]:
    """Who serves between one beginning or end and the next."""
    events = sorted(
        [(span.start, 1, number) for number, turn in enumerate(turns) for span in turn.shift.spans]
        + [(span.end, 0, number) for number, turn in enumerate(turns) for span in turn.shift.spans]
    )
    active: set[int] = set()
    for _, same in itertools.groupby(events, key=lambda event: event[0]):
        for _, begins, number in same:
            if begins:
                active.add(number)
            else:
                active.discard(number)
        if active:
            yield [turns[number] for number in sorted(active)]


def _of(rule: str, about: str, text: str, *turns: _Turn) -> Violation:
    return _broken(rule, about, text, [turn.shift for turn in turns], [turn.person for turn in turns])


def _broken(rule: str, about: str, text: str, shifts: Iterable[Shift], people: Iterable[str] = ()) -> Violation:
    return Violation(
        rule=RuleName(rule=rule, about=about),
        text=text,
        shifts=tuple(shift.id for shift in shifts),
        people=tuple(dict.fromkeys(people)),
    )
