"""Planned turns by their ids, and whether the rules allow that they change hands."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from kowloon.core.clock import iso_minutes
from kowloon.duty import errors
from kowloon.duty.logic.state import DutyState
from kowloon.duty.organisation import Post
from kowloon.duty.planning import checker
from kowloon.duty.planning.problem import Problem, Shift
from kowloon.duty.resources import Turn
from kowloon.duty.roster import PostRoster

# A week of hours, and whatever else is on the days around a turn.
_LEAST_REACH_DAYS = 8.0


class Planned(NamedTuple):
    """A turn, and who has it after overrides."""

    post: Post
    turn: Turn
    person: str

    @property
    def title(self) -> str:
        return f"{self.post.title}, {iso_minutes(self.turn.start)} to {iso_minutes(self.turn.end)}"


def find_shift(state: DutyState, id: str) -> Planned:
    roster = state.rosters.get(id.partition("/")[0])
    # Of one that was left half-way there are two; the last is what is open.
    turn = next((turn for turn in reversed(roster.turns) if turn.shift == id), None) if roster is not None else None
    if roster is None or turn is None:
        raise errors.SHIFT_NOT_FOUND.error(id=repr(id))
    return Planned(roster.post, turn, roster.serves(turn))


def coming_shift(state: DutyState, id: str) -> Planned:
    found = find_shift(state, id)
    if found.turn.end <= state.now:
        raise errors.SHIFT_OVER.error(id=repr(id))
    return found


def would_break(state: DutyState, changes: Mapping[str, str]) -> str:
    """What rule is broken after these turns have gone to these people that is not broken now; '' when none is."""
    return Around(state, [find_shift(state, shift) for shift in changes]).would_break(changes)


class Around:
    """The time around some turns, as the rules see it: as far as any rule looks, and in their layers as many turns as
    have to lie between two of one person."""

    def __init__(self, state: DutyState, touched: Sequence[Planned]) -> None:
        self._rules = state.whole.rules
        self._touched = {each.turn.shift: each.person for each in touched}
        self._lines = {(each.post.id, each.turn.layer) for each in touched}
        self._posts = _seen_whole(state, {each.post.id for each in touched})
        reach_s = _reach_s(state)
        start = min(each.turn.start for each in touched) - reach_s
        end = max(each.turn.end for each in touched) + reach_s
        near = {
            turn.shift: (post, turn)
            for post, roster in state.rosters.items()
            for turn in [*roster.turns_between(start, end), *_beside(roster, touched)]
        }
        # Who has each turn, '' for nobody.
        self._near = [
            (Shift(id=turn.shift, post=post, layer=turn.layer, spans=turn.spans), state.rosters[post].serves(turn))
            for post, turn in sorted(near.values(), key=lambda pair: (pair[1].start, pair[1].shift))
        ]
        self._people = tuple([person.planned(state.away(person.id)) for person in state.whole.people])
        self._planned = tuple([post.planned() for post in state.whole.posts])

    def would_break(self, changes: Mapping[str, str]) -> str:
        people = {*changes.values(), *[self._touched[shift] for shift in changes]}
        for rule in self._rules.separations:
            if people & set(rule.people):
                people |= set(rule.people)
        near = [
            (shift, person)
            for shift, person in self._near
            if person in people or shift.post in self._posts or (shift.post, shift.layer) in self._lines
        ]
        around = Problem(
            people=self._people,
            posts=self._planned,
            shifts=tuple([shift for shift, _ in near]),
            separations=self._rules.separations,
            coverage=self._rules.coverage,
        )
        served = {shift.id: person for shift, person in near if person}
        before = Counter([each.text for each in checker.check(around, served)])
        # One more of the same counts, too: the texts do not all say when.
        fresh = Counter([each.text for each in checker.check(around, {**served, **changes})]) - before
        return next(iter(fresh), "")


def _seen_whole(state: DutyState, touched: set[str]) -> set[str]:
    """The posts of which it matters who else serves there."""
    found = {post for rule in state.whole.rules.coverage for post in rule.posts}
    for post in state.whole.posts:
        if post.id in touched:
            found.update(post.neighbours)
        elif touched & set(post.neighbours):
            found.add(post.id)
    return found


def _reach_s(state: DutyState) -> float:
    days = [rule.within_days for rule in state.whole.rules.separations]
    rests = [post.limits.rest_h / 24 for post in state.whole.posts]
    return (_LEAST_REACH_DAYS + max([*days, *rests], default=0.0)) * 86400.0


def _beside(roster: PostRoster, touched: Sequence[Planned]) -> list[Turn]:
    """Of the layers of the turns: so many before and after as the post wants between two of one person."""
    found: list[Turn] = []
    count = roster.post.limits.turns_between + 1
    for each in touched:
        if each.post.id == roster.post.id:
            line = [turn for turn in roster.turns if turn.layer == each.turn.layer]
            place = line.index(each.turn)
            found += line[max(place - count, 0) : place + count + 1]
    return found
