"""What follows from a change, or from time going on: acting holders come and go, hand-overs are told. `settle` may run
at any time, any number of times: what is as it should be stays."""

from __future__ import annotations

import msgspec

from kowloon.core.clock import iso_seconds
from kowloon.duty.logic import succession
from kowloon.duty.logic.state import DutyState
from kowloon.duty.organisation import Post
from kowloon.duty.resources import Holding, Note, Tenure
from kowloon.duty.roster import DISPLACING, Holder, PostRoster


def settle_all(state: DutyState) -> None:
    for post in state.whole.posts:
        settle(state, post)


def settle(state: DutyState, post: Post) -> Holder | None:
    """Who holds the post after that."""
    for tenure in _running(state, post):
        reason = _why_over(state.rosters[post.id], tenure, state.now)
        if reason:
            succession.end_acting(state, tenure, reason)
    roster = state.rosters[post.id]
    if roster.at(state.now) is None and roster.is_meant(state.now):
        meant = roster.meant(state.now)
        if meant is None:
            succession.appoint(state, post, "vacant", missing="", reason="until a successor is named")
        else:
            name = state.person(meant.person).name
            succession.appoint(state, post, "absent", missing=meant.person, reason=f"while {name} is away")
    _relieve(state, post)
    holder = state.rosters[post.id].at(state.now)
    _tell(state, post, holder)
    return holder


def _running(state: DutyState, post: Post) -> list[Tenure]:
    return [
        tenure
        for tenure in state.tx.list(Tenure, account=state.account)
        if tenure.post == post.id and tenure.capacity == "acting" and tenure.covers(state.now)
    ]


def _why_over(roster: PostRoster, tenure: Tenure, now: float) -> str:
    """Why an acting tenure is to end now; '' while it goes on."""
    if roster.is_away(tenure.person, now):
        return "is away"
    meant = roster.meant(now)
    if tenure.why in DISPLACING:
        return "" if meant is not None and meant.person == tenure.instead_of else "the turn is over"
    if meant is not None and not roster.is_away(meant.person, now):
        return "the post has its holder"
    return "" if roster.is_meant(now) else "the post needs nobody now"


def _relieve(state: DutyState, post: Post) -> None:
    """Somebody acts for a holder who has more open pages than one person is meant to have."""
    most = post.acting.overload_pages
    holder = state.rosters[post.id].at(state.now)
    if most and holder is not None and holder.capacity == "substantive" and state.open_pages(holder.person) > most:
        reason = f"more than {most} open pages"
        if succession.next_in_line(state, post, (holder.person,)).person:
            succession.appoint(state, post, "overloaded", missing=holder.person, reason=reason)


def _tell(state: DutyState, post: Post, holder: Holder | None) -> None:
    """Records who holds the post, and tells the two who hand over."""
    id = f"{state.account}:{post.id}"
    kept = state.tx.get(Holding, id)
    person = holder.person if holder is not None else ""
    capacity = holder.capacity if holder is not None else "substantive"
    if kept is not None and (kept.person, kept.capacity) == (person, capacity):
        return
    if kept is None and holder is None:
        return
    before = kept.person if kept is not None else ""
    state.tx.put(
        Holding(
            id=id,
            account=state.account,
            created_at=kept.created_at if kept is not None else state.now,
            post=post.id,
            person=person,
            capacity=capacity,
            since=state.now,
        )
    )
    names = {each.id: each.name for each in state.whole.people}
    text = f"from {names.get(before, 'nobody')} to {names.get(person, 'nobody')}" + (
        ", acting" if capacity == "acting" and person else ""
    )
    state.happened("handed-over", post=post.id, person=person, text=text, capacity=capacity if person else "")
    notes = [note for note in state.tx.list(Note, account=state.account) if note.post == post.id]
    left = f" Note of {names.get(notes[-1].person, notes[-1].person)}: {notes[-1].text}" if notes else ""
    state.tell(
        [each for each in (before, person) if each], f"{post.title}: hand-over", f"{post.title} went {text}.{left}"
    )


def extend(state: DutyState, tenure: Tenure, post: Post) -> Tenure:
    """For as long as one stretch lasts; the caller has checked that it may be."""
    to_at = (tenure.to_at or state.now) + post.acting.most_days * 86400.0
    longer = msgspec.structs.replace(tenure, to_at=to_at, extended=tenure.extended + 1)
    state.tx.put(longer)
    state.changed()
    state.happened("acting-extended", post=post.id, person=tenure.person, text=f"until {iso_seconds(to_at)}")
    return longer
