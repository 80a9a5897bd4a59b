"""Acting holders: who comes next when somebody is missing, and why others do not."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

import msgspec

from kowloon.duty import errors
from kowloon.duty.logic.state import DutyState
from kowloon.duty.organisation import Person, Post
from kowloon.duty.planning.eligible import eligibility, lacks
from kowloon.duty.planning.problem import Separation
from kowloon.duty.resources import Tenure, Why

_DAY_S = 86400.0


class Successor(NamedTuple):
    """`person` is empty when nobody is left. `passed_over`: `name: reason` of those who came before."""

    person: str
    passed_over: tuple[str, ...]


def why_not(state: DutyState, person: Person, post: Post) -> str:
    """Why this person cannot act in the post now; '' when nothing speaks against it."""
    if any(span.start <= state.now < span.end for span in state.away(person.id)):
        return "is away"
    missing = lacks(person.planned(()), eligibility(post.planned(), None))
    if missing:
        return missing[0]
    acting = [tenure.post for tenure in state.acting_in(person.id) if tenure.post != post.id]
    if len(acting) >= post.acting.most_at_once:
        return f"is acting in {', '.join(acting)} already"
    most = post.acting.overload_pages
    if most and state.open_pages(person.id) > most:
        return f"has more than {most} open pages"
    return _separated(state, person, post)


def next_in_line(state: DutyState, post: Post, missing: str, beside: Collection[str] = ()) -> Successor:
    """The first of the succession who can act. `missing`: who is stood in for; `beside`: who was asked and did not
    answer, or is not to have it again."""
    passed: list[str] = []
    had_their_time = _had_their_time(state, post)
    for id in _candidates(state, post):
        person = state.whole.person(id)
        if person is None or id == missing:
            continue
        if id in beside:
            reason = "has been asked already"
        elif id in had_their_time:
            reason = "has acted for as long as one may"
        else:
            reason = why_not(state, person, post)
        if not reason:
            return Successor(id, tuple(passed))
        passed.append(f"{person.name} ({id}) {reason}")
    return Successor("", tuple(passed))


def appoint(
    state: DutyState,
    post: Post,
    why: Why,
    *,
    missing: str,
    reason: str,
    person: str = "",
    to_at: float | None = None,
    beside: Collection[str] = (),
) -> Tenure | None:
    """An acting holder from now on: `person`, or who is next in line, but for those `beside`. None when nobody is left:
    see `nobody_acts`. ApiError when `person` cannot."""
    if person:
        refusal = "holds it" if person == missing else why_not(state, state.person(person), post)
        if refusal:
            raise errors.NOT_POSSIBLE.error(person=person, post=post.id, why=refusal)
        successor = Successor(person, ())
    else:
        successor = next_in_line(state, post, missing, beside)
    if not successor.person:
        return None
    limit = state.now + post.acting.most_days * _DAY_S
    state.make_room(Tenure)
    tenure = Tenure(
        id=state.new_id("dt"),
        account=state.account,
        created_at=state.now,
        post=post.id,
        person=successor.person,
        from_at=state.now,
        to_at=limit if to_at is None else min(to_at, limit),
        capacity="acting",
        why=why,
        instead_of=missing,
        reason=reason,
        by=state.by,
        passed_over=successor.passed_over,
    )
    state.tx.put(tenure)
    state.changed()
    passed = f" Passed over: {'; '.join(successor.passed_over)}." if successor.passed_over else ""
    state.happened("acting-begins", post=post.id, person=successor.person, text=f"{why}: {reason}{passed}")
    return tenure


def nobody_acts(state: DutyState, post: Post, missing: str, beside: Collection[str] = ()) -> str:
    """Why, for people."""
    return "; ".join(next_in_line(state, post, missing, beside).passed_over) or "the succession is empty"


def tell_nobody_acts(state: DutyState, post: Post, why: str) -> None:
    state.happened("nobody-left", post=post.id, text=why)
    manager = state.holder(post.manager) if post.manager else ""
    state.tell([manager], f"Nobody acts in {post.title}", f"Nobody is left to act in {post.title}: {why}.")


def end_acting(state: DutyState, tenure: Tenure, reason: str) -> None:
    state.tx.put(msgspec.structs.replace(tenure, to_at=max(state.now, tenure.from_at)))
    state.changed()
    state.happened("acting-ends", post=tenure.post, person=tenure.person, text=reason)


def _candidates(state: DutyState, post: Post) -> list[str]:
    found: list[str] = []
    for name in post.acting.succession:
        kind, _, id = name.partition(":")
        if not id:
            found.append(name)
        elif kind == "post":
            found.append(state.holder(id))
        else:
            found += sorted(state.members(id), key=lambda person: (served_h(state, person), person))
    return list(dict.fromkeys(each for each in found if each))


def served_h(state: DutyState, person: str, within_s: float = 28 * _DAY_S) -> float:
    """Hours that this person serves around now, swaps included: what "least loaded" goes by."""
    start, end = state.now - within_s, state.now + within_s
    total = 0.0
    for roster in state.rosters.values():
        for turn in roster.turns_between(start, end):
            if roster.serves(turn) == person:
                total += sum([span.end - span.start for span in turn.spans])
    return total / 3600


def _had_their_time(state: DutyState, post: Post) -> list[str]:
    """Who has acted there until just now as long as anybody may."""
    return [
        tenure.person
        for tenure in state.rosters[post.id].tenures
        if tenure.capacity == "acting"
        and tenure.to_at is not None
        and state.now - _DAY_S < tenure.to_at <= state.now
        and tenure.to_at >= tenure.from_at + post.acting.most_days * _DAY_S
    ]


def _separated(state: DutyState, person: Person, post: Post) -> str:
    """Why independence forbids it now; '' when it does not."""
    for rule in state.whole.rules.separations:
        if rule.posts and post.id not in rule.posts:
            continue
        others = [id for id in (rule.posts or tuple(state.rosters)) if id != post.id]
        reason = _breaks(state, rule, person, post, others)
        if reason:
            return f"{reason} ({rule.id})"
    return ""


def _breaks(state: DutyState, rule: Separation, person: Person, post: Post, others: list[str]) -> str:
    if rule.kind == "together":
        held = [id for id in others if state.holder(id) == person.id]
        return f"holds {held[0]}" if held else ""
    if rule.kind == "kin" and person.id in rule.people:
        kin = [id for id in (*others, post.id) if state.holder(id) in set(rule.people) - {person.id}]
        return f"is kin of who holds {kin[0]}" if kin else ""
    if rule.kind == "follows" and post.id == rule.posts[1]:
        roster = state.rosters.get(rule.posts[0])
        since = state.now - rule.within_days * _DAY_S
        if roster is not None and any(
            segment.holder is not None and segment.holder.person == person.id
            for segment in roster.segments(since, state.now + 1.0)
        ):
            return f"held {rule.posts[0]} within {rule.within_days:g} days"
    return ""
