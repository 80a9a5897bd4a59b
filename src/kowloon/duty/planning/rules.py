"""The rules of a problem as linear limits over yes and no: who serves which turn. Any solver may read them.

A part of a problem can be looked at alone: `choices` (who may serve each turn that is open), `held` (who has each that
is not). Limits among held turns only are left out.
"""

from __future__ import annotations

import bisect
import functools
import itertools
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from kowloon.duty.planning import calendar, eligible
from kowloon.duty.planning.ground import HOUR_S, Ground, meet
from kowloon.duty.planning.problem import Post, RuleName, Separation, Shift, Span

_WEEK_S = 7 * 24 * HOUR_S
_WEEK_H = 168


class Limit(NamedTuple):
    """The sum of `factors` times `variables` is at most `most`. `rule`: None where it says what a variable means."""

    rule: RuleName | None
    variables: tuple[int, ...]
    factors: tuple[int, ...]
    most: int


class Pair(NamedTuple):
    """Not both."""

    rule: RuleName
    one: int
    other: int


class Never(NamedTuple):
    """Not this, because of what is held."""

    rule: RuleName
    variable: int


class Rules:
    """`serves`: the variable of a turn and a person. `limits`, `pairs` and `never` hold, but for `covered`: that each
    turn has exactly one of its people is for the reader to say. `count`: of variables, all of them 0 or 1. `apart`:
    hours per week are limited for each post by itself; otherwise those of posts with the same limit are one."""

    def __init__(
        self,
        ground: Ground,
        choices: Mapping[int, Sequence[int]],
        held: Mapping[int, Sequence[int]],
        *,
        apart: bool = False,
    ) -> None:
        self.ground = ground
        self.choices = choices
        self.held = held
        self._apart = apart
        self.serves: dict[tuple[int, int], int] = {}
        for turn, people in choices.items():
            for person in people:
                self.serves[(turn, person)] = len(self.serves)
        self.count = len(self.serves)
        self.limits: list[Limit] = []
        self.pairs: list[Pair] = []
        self.never: list[Never] = []
        self._furthest_s = _furthest_s(ground)
        for person, turns in self._by_person().items():
            self._of_one_person(person, turns)
        self._returns()
        self._everyone()
        self._changes()
        for separation in ground.problem.separations:
            if separation.kind == "kin":
                self._kin(separation)
            elif separation.kind == "follows":
                self._follows(separation)
        self._coverage()

    @functools.cached_property
    def cliques(self) -> list[list[int]]:
        """Sets of variables of which at most one may be, that together say what `pairs` do: far fewer."""
        return _cliques(self.pairs)

    def implied(self, served: Mapping[int, int]) -> bytearray:
        """Values of all variables when the open turns are served like that; those that say no such thing are 1 only
        where what they mean is so."""
        values = bytearray(self.count)
        for turn, person in served.items():
            values[self.serves[(turn, person)]] = 1
        for limit in self.limits:
            if limit.rule is None:
                *known, meant = limit.variables
                total = sum(factor for variable, factor in zip(known, limit.factors, strict=False) if values[variable])
                values[meant] |= total > limit.most
        return values

    def people(self, turn: int) -> Sequence[int]:
        """Who may have it, or has."""
        return self.choices[turn] if turn in self.choices else self.held.get(turn, ())

    @functools.cached_property
    def _turns(self) -> list[int]:
        return [turn for turn, _ in self.serves]

    def turn_of(self, variable: int) -> int | None:
        """None: it says something else than who serves."""
        return self._turns[variable] if variable < len(self._turns) else None

    def _variable(self) -> int:
        self.count += 1
        return self.count - 1

    def _exclude(self, rule: RuleName, one: tuple[int, int], other: tuple[int, int]) -> None:
        """Not both of (turn, person); what is held always is."""
        first, second = self.serves.get(one), self.serves.get(other)
        if first is not None and second is not None:
            self.pairs.append(Pair(rule, first, second))
        elif first is not None or second is not None:
            self.never.append(Never(rule, first if first is not None else second))  # type: ignore[arg-type]

    def _by_person(self) -> dict[int, list[int]]:
        """Turns, in order, of everybody who has a choice."""
        found: dict[int, list[int]] = defaultdict(list)
        for turn, people in self.choices.items():
            for person in people:
                found[person].append(turn)
        for turn, people in self.held.items():
            for person in people:
                if person in found:
                    found[person].append(turn)
        turns = self.ground.turns
        return {person: sorted(items, key=lambda turn: turns[turn].start) for person, items in found.items()}

    def _of_one_person(self, person: int, turns: list[int]) -> None:
        ground = self.ground
        for number, earlier in enumerate(turns):
            until = ground.turns[earlier].end + self._furthest_s
            for index in range(number + 1, len(turns)):
                later = turns[index]
                if ground.turns[later].start >= until:
                    break
                if earlier in self.choices or later in self.choices:
                    for rule in self._between(earlier, later):
                        self._exclude(rule, (earlier, person), (later, person))
        self._hours(person, turns)

    def _between(self, earlier: int, later: int) -> Iterator[RuleName]:
        """Rules by which one person may not have both."""
        ground = self.ground
        one, other = ground.turns[earlier], ground.turns[later]
        same_line = one.post == other.post and one.layer == other.layer
        posts = (ground.post(earlier), ground.post(later))
        if meet(one.spans, other.spans):
            for post_id in {one.post, other.post}:
                post = ground.posts.get(post_id)
                if post is None or post.exclusive:
                    yield RuleName(rule="exclusive", about=post_id)
            yield from self._together(one, other)
        elif not same_line and any(post is None or post.exclusive for post in posts):
            for first, second, post in ((one, other, posts[0]), (other, one, posts[1])):
                if post is not None and post.limits.overlap_h and meet([_tail(first, post)], second.spans):
                    yield RuleName(rule="overlap_h", about=first.post)
        for before, after, post, next_post in ((one, other, *posts), (other, one, posts[1], posts[0])):
            if next_post is not None and next_post.limits.rest_h:
                tail = [_tail(before, post)] if post is not None and post.limits.overlap_h and not same_line else []
                rest = Span(after.start - next_post.limits.rest_h * HOUR_S, after.start)
                if meet([*before.spans, *tail], [rest]):
                    yield RuleName(rule="rest_h", about=after.post)

    def _together(self, one: Shift, other: Shift) -> Iterator[RuleName]:
        if one.post != other.post:
            for separation in self.ground.problem.separations:
                if separation.kind == "together" and one.post in separation.posts and other.post in separation.posts:
                    yield RuleName(rule=separation.id)

    def _hours(self, person: int, turns: list[int]) -> None:
        """`most_h_per_week`. The most is reached where a window begins with a shift, or ends with one."""
        ground = self.ground
        mine = {ground.turns[turn].post for turn in turns if turn in ground.horizon}
        limited = [id for id in sorted(mine) if ground.posts[id].limits.most_h_per_week < _WEEK_H]
        if not limited:
            return
        groups = self._alike(limited)
        serving = {posts: self._serving(person, turns, posts) for posts in groups}
        seen = set()
        for window in _windows([ground.turns[turn].spans for turn in turns]):
            minutes = [(turns[index], minutes) for index, minutes in window]
            open_ = tuple((self.serves[(turn, person)], each) for turn, each in minutes if turn in self.choices)
            sure = sum(each for turn, each in minutes if turn not in self.choices)
            # Held here, but not for good: it may be what is too much for who comes to have a shift of the post.
            kept = any(turn in self.held and turn not in ground.held for turn, _ in minutes)
            if not (open_ or kept) or (open_, sure, kept) in seen:
                continue
            seen.add((open_, sure, kept))
            variables, factors = tuple(variable for variable, _ in open_), tuple(each for _, each in open_)
            for posts, most_min in groups.items():
                rule = RuleName(rule="most_h_per_week", about=posts[0])
                most = max(most_min - sure, 0)
                if sum(factors) > most:
                    self._limit_while(serving[posts], rule, variables, factors, most)
                if kept and sure > most_min:
                    self.never += [Never(rule, each) for each in self._coming(serving[posts], person, turns, posts)]

    def _alike(self, limited: Sequence[str]) -> dict[tuple[str, ...], int]:
        """Minutes, by posts that allow the same ones."""
        found: dict[int, list[str]] = defaultdict(list)
        for id in limited:
            found[round(self.ground.posts[id].limits.most_h_per_week * 60)].append(id)
        if self._apart:
            return {(id,): most for most, posts in found.items() for id in posts}
        return {tuple(posts): most for most, posts in found.items()}

    def _limit_while(
        self, serving: int | None, rule: RuleName, variables: tuple[int, ...], factors: tuple[int, ...], most: int
    ) -> None:
        if serving is None:
            self.limits.append(Limit(rule, variables, factors, most))
        else:
            slack = sum(factors) - most
            self.limits.append(Limit(rule, (*variables, serving), (*factors, slack), most + slack))

    def _serving(self, person: int, turns: list[int], posts: tuple[str, ...]) -> int | None:
        """A variable that is true when the person has a shift of the posts in the horizon; None where that is sure, or
        follows from having any."""
        ground = self.ground
        own = [turn for turn in turns if turn in ground.horizon and ground.turns[turn].post in posts]
        if any(turn in self.held for turn in own):
            return None
        open_ = [turn for turn in turns if turn in self.choices]
        if len(own) == len(open_):
            return None
        serving = self._variable()
        for turn in own:
            self.limits.append(Limit(None, (self.serves[(turn, person)], serving), (1, -1), 0))
        return serving

    def _coming(self, serving: int | None, person: int, turns: list[int], posts: tuple[str, ...]) -> list[int]:
        """What would make that the person has a shift of the posts, who has none yet."""
        if serving is not None:
            return [serving]
        own = [turn for turn in turns if turn in self.ground.horizon and self.ground.turns[turn].post in posts]
        if any(turn in self.held for turn in own):
            return []
        return [self.serves[turn, person] for turn in own]

    def _returns(self) -> None:
        ground = self.ground
        for (post_id, _), line in ground.lines.items():
            post = ground.posts.get(post_id)
            between = post.limits.turns_between if post is not None else 0
            if not between or not any(turn in self.choices for turn in line):
                continue
            rule = RuleName(rule="turns_between", about=post_id)
            for number, turn in enumerate(line):
                for after in line[number + 1 : number + 1 + between]:
                    if turn in self.choices or after in self.choices:
                        for person in set(self.people(turn)).intersection(self.people(after)):
                            self._exclude(rule, (turn, person), (after, person))

    def _everyone(self) -> None:
        ground = self.ground
        for post in ground.problem.posts:
            if not post.limits.everyone_serves:
                continue
            turns = [turn for turn in ground.horizon if ground.turns[turn].post == post.id and self.people(turn)]
            serving = {person for turn in turns if turn in self.held for person in self.held[turn]}
            could = {person for turn in turns if turn not in ground.held for person in ground.candidates[turn]}
            for person in sorted(could - serving):
                variables = tuple(self.serves[(turn, person)] for turn in turns if (turn, person) in self.serves)
                rule = RuleName(rule="everyone_serves", about=post.id)
                self.limits.append(Limit(rule, variables, (-1,) * len(variables), -1))

    def _changes(self) -> None:
        ground = self.ground
        posts = ground.posts
        pairs = [(post, other) for post in posts.values() for other in post.neighbours if other in posts]
        pairs = [(post, other) for post, other in pairs if other != post.id]
        watched = {post.id for post, _ in pairs} | {other for _, other in pairs}
        # By post: turns at whose start it changes hands; None where that is sure.
        changes: dict[str, list[tuple[int, int | None]]] = {id: [] for id in sorted(watched)}
        for (post_id, _), line in ground.lines.items():
            if post_id in watched:
                for before, after in itertools.pairwise(line):
                    self._change(before, after, changes[post_id])
        for id, found in changes.items():
            for turn, change in found:
                start = ground.turns[turn].start
                if change is not None and any(span.start <= start < span.end for span in ground.problem.frozen):
                    self.never.append(Never(RuleName(rule="frozen", about=id), change))
        for post, other in pairs:
            rule = RuleName(rule="neighbours", about=post.id)
            weeks: dict[tuple[int, int], list[int | None]] = defaultdict(list)
            for turn, change in changes[other]:
                weeks[self._week(turn, post)].append(change)
            for turn, change in changes[post.id]:
                for other_change in weeks.get(self._week(turn, post), ()):
                    if change is not None and other_change is not None:
                        self.pairs.append(Pair(rule, change, other_change))
                    elif change is not None or other_change is not None:
                        self.never.append(Never(rule, change if change is not None else other_change))  # type: ignore[arg-type]

    def _change(self, before: int, after: int, changes: list[tuple[int, int | None]]) -> None:
        if before in self.choices or after in self.choices:
            if not (self.people(before) and self.people(after)):
                return
            change = self._variable()
            changes.append((after, change))
            for person in self.people(after):
                others = [self.serves[(before, other)] for other in self.choices.get(before, ()) if other != person]
                mine = self.serves.get((after, person))
                sure = before not in self.choices and person not in self.held[before]
                if before in self.choices or sure:
                    variables = [*others, change] if mine is None else [*others, mine, change]
                    most = (mine is not None) + (before in self.choices) - 1
                    self.limits.append(Limit(None, tuple(variables), (*[1] * (len(variables) - 1), -1), most))
        elif before in self.held and after in self.held and not set(self.held[before]) & set(self.held[after]):
            changes.append((after, None))

    def _week(self, turn: int, post: Post) -> tuple[int, int]:
        return calendar.local_time(self.ground.turns[turn].start, post.time_zone).isocalendar()[:2]

    def _follows(self, separation: Separation) -> None:
        known = self.ground.turns
        first, second = ([turn for turn in self._parts() if known[turn].post == post] for post in separation.posts)
        for one, other in itertools.product(first, second):
            until = known[one].end + separation.within_days * 24 * HOUR_S
            if known[one].start < known[other].start < until and (one in self.choices or other in self.choices):
                for person in set(self.people(one)).intersection(self.people(other)):
                    self._exclude(RuleName(rule=separation.id), (one, person), (other, person))

    def _parts(self) -> Iterable[int]:
        return itertools.chain(self.choices, self.held)

    def _kin(self, separation: Separation) -> None:
        ground = self.ground
        rule = RuleName(rule=separation.id)
        people = [ground.number[id] for id in separation.people if id in ground.number]
        scope = set(separation.posts)
        turns: dict[int, list[int]] = {person: [] for person in people}
        for turn in self._parts():
            if not scope or ground.turns[turn].post in scope:
                for person in turns.keys() & set(self.people(turn)):
                    turns[person].append(turn)
        for one, other in itertools.combinations(dict.fromkeys(people), 2):
            for first, second in self._meeting(turns[one], turns[other]):
                self._exclude(rule, (first, one), (second, other))
        for (post_id, _), line in ground.lines.items():
            if not scope or post_id in scope:
                for before, after in itertools.pairwise(line):
                    if (before in self.choices or after in self.choices) and not meet(
                        ground.turns[before].spans, ground.turns[after].spans
                    ):
                        self._unrelated(rule, before, after, set(people))

    def _unrelated(self, rule: RuleName, before: int, after: int, people: set[int]) -> None:
        for one in people.intersection(self.people(before)):
            for other in people.intersection(self.people(after)) - {one}:
                self._exclude(rule, (before, one), (after, other))

    def _meeting(self, turns: list[int], others: list[int]) -> Iterator[tuple[int, int]]:
        """Of one and of the other, different, at one time, not both held."""
        known = self.ground.turns
        others = sorted(others, key=lambda turn: known[turn].start)
        longest_s = max((known[turn].end - known[turn].start for turn in others), default=0.0)
        starts = [known[turn].start for turn in others]
        for turn in turns:
            shift = known[turn]
            for index in range(bisect.bisect_left(starts, shift.start - longest_s), len(others)):
                other = others[index]
                if known[other].start >= shift.end:
                    break
                is_open = turn in self.choices or other in self.choices
                if turn != other and is_open and meet(shift.spans, known[other].spans):
                    yield turn, other

    def _coverage(self) -> None:
        ground = self.ground
        for coverage in ground.problem.coverage:
            rule = RuleName(rule=coverage.id)
            fit = {
                number for number, person in enumerate(ground.people) if not eligible.lacks(person, coverage.eligible)
            }
            posts = set(coverage.posts)
            turns = [turn for turn in ground.horizon if ground.turns[turn].post in posts and self.people(turn)]
            for active in self._at_each_time(turns):
                held = [turn for turn in active if turn not in self.choices]
                if len(held) == len(active) or any(fit.intersection(self.held[turn]) for turn in held):
                    continue
                open_ = [turn for turn in active if turn in self.choices]
                seniors = [
                    self.serves[turn, person] for turn in open_ for person in self.choices[turn] if person in fit
                ]
                for turn in open_:
                    juniors = [self.serves[turn, person] for person in self.choices[turn] if person not in fit]
                    factors = (*[1] * len(juniors), *[-1] * len(seniors))
                    self.limits.append(Limit(rule, (*juniors, *seniors), factors, 0))

    def _at_each_time(self, turns: list[int]) -> Iterable[tuple[int, ...]]:
        """Which turns there are at one time, each set once."""
        known = self.ground.turns
        begins: dict[float, list[int]] = defaultdict(list)
        ends: dict[float, list[int]] = defaultdict(list)
        for turn in turns:
            for span in known[turn].spans:
                begins[span.start].append(turn)
                ends[span.end].append(turn)
        active: set[int] = set()
        found: dict[tuple[int, ...], None] = {}
        for when in sorted({*begins, *ends}):
            active.difference_update(ends.get(when, ()))
            active.update(begins.get(when, ()))
            if active:
                found[tuple(sorted(active))] = None
        return found


def _furthest_s(ground: Ground) -> float:
    """How long after the end of a shift it still matters which one comes next."""
    limits = [post.limits for post in ground.posts.values()]
    longest_h = max((each.rest_h for each in limits), default=0.0) + max(
        (each.overlap_h for each in limits), default=0.0
    )
    return longest_h * HOUR_S + 1


def _tail(shift: Shift, post: Post) -> Span:
    """When the outgoing holder stays beside the next."""
    return Span(shift.end, shift.end + post.limits.overlap_h * HOUR_S)


def _windows(turns: list[tuple[Span, ...]]) -> Iterator[list[tuple[int, int]]]:
    """By window of seven days: positions in `turns`, with the minutes that each has in it."""
    spans = sorted((span, index) for index, each in enumerate(turns) for span in each)
    starts = sorted({span.start for span, _ in spans} | {span.end - _WEEK_S for span, _ in spans})
    longest_s = max((span.end - span.start for span, _ in spans), default=0.0)
    begun = 0
    for start in starts:
        end = start + _WEEK_S
        while begun < len(spans) and spans[begun][0].start + longest_s <= start:
            begun += 1
        minutes: dict[int, float] = defaultdict(float)
        for span, index in itertools.islice(spans, begun, None):
            if span.start >= end:
                break
            if span.end > start:
                minutes[index] += min(span.end, end) - max(span.start, start)
        yield [(index, round(seconds / 60)) for index, seconds in minutes.items()]


def _cliques(pairs: Iterable[Pair]) -> list[list[int]]:
    near: dict[int, set[int]] = defaultdict(set)
    for pair in pairs:
        near[pair.one].add(pair.other)
        near[pair.other].add(pair.one)
    done: set[tuple[int, int]] = set()
    found = []
    for one in near:
        for other in near[one]:
            if one < other and (one, other) not in done:
                clique = [one, other]
                common = near[one] & near[other]
                while common:
                    # One that goes with most of the rest, the first of those: the same every time.
                    third = min(common)
                    clique.append(third)
                    common &= near[third]
                clique.sort()
                for number, first in enumerate(clique):
                    done.update((first, second) for second in clique[number + 1 :])
                found.append(clique)
    return found
