"""What follows from a change, or from time going on: acting holders come and go, hand-overs are told. `settle` may run
at any time, any number of times: what is as it should be stays."""

from __future__ import annotations

import msgspec

from kowloon.core.clock import iso_seconds
from kowloon.duty.logic import succession
from kowloon.duty.logic.state import DutyState
from kowloon.duty.organisation import Post
from kowloon.duty.resources import Capacity, Holding, Note, Tenure
from kowloon.duty.roster import DISPLACING, Holder


def settle_all(state: DutyState) -> None:
    for post in state.whole.posts:
        settle(state, post)


def settle(state: DutyState, post: Post) -> Holder | None:
    """Who holds the post after that."""
    for tenure in state.rosters[post.id].acting(state.now):
        reason = _why_over(state, post, tenure)
        if reason:
            succession.end_acting(state, tenure, reason)
    roster = state.rosters[post.id]
    nobody = ""
    if roster.at(state.now) is None and roster.is_meant(state.now):
        nobody = _stand_in(state, post, roster.meant(state.now))
    _relieve(state, post)
    holder = state.rosters[post.id].at(state.now)
    _tell(state, post, holder, nobody)
    return holder


def _stand_in(state: DutyState, post: Post, meant: Holder | None) -> str:
    """Appoints who is next; why nobody is where that fails."""
    if meant is None:
        made = succession.appoint(state, post, "vacant", missing="", reason="until a successor is named")
        return "" if made is not None else succession.nobody_acts(state, post, "")
    reason = f"while {state.person(meant.person).name} is away"
    made = succession.appoint(state, post, "absent", missing=meant.person, reason=reason)
    return "" if made is not None else succession.nobody_acts(state, post, meant.person)


def _why_over(state: DutyState, post: Post, tenure: Tenure) -> str:
    """Why an acting tenure is to end now; '' while it goes on."""
    roster, now = state.rosters[post.id], state.now
    if roster.is_away(tenure.person, now):
        return "is away"
    meant = roster.meant(now)
    if tenure.why == "overloaded" and not state.has_open_page(post.id):
        return "the load is over"
    if tenure.why in DISPLACING:
        return "" if meant is not None and meant.person == tenure.instead_of else "the turn is over"
    if meant is not None and not roster.is_away(meant.person, now):
        return "the post has its holder"
    return "" if roster.is_meant(now) else "the post needs nobody now"


def _relieve(state: DutyState, post: Post) -> None:
    """Somebody acts for a holder who has more open pages than one person is meant to have."""
    most = post.acting.overload_pages
    holder = state.rosters[post.id].at(state.now)
    if not most or holder is None or holder.capacity != "substantive" or not state.has_open_page(post.id):
        return
    if state.open_pages(holder.person) > most:
        reason = f"more than {most} open pages"
        succession.appoint(state, post, "overloaded", missing=holder.person, reason=reason)


def _tell(state: DutyState, post: Post, holder: Holder | None, nobody: str) -> None:
    """Records who holds the post, and tells the two who hand over; and once, that nobody stands in."""
    id = f"{state.account}:{post.id}"
    kept = state.tx.get(Holding, id)
    if kept is None:
        kept = Holding(id=id, account=state.account, created_at=state.now, post=post.id)
    if nobody != kept.nobody_acts:
        kept = msgspec.structs.replace(kept, nobody_acts=nobody)
        state.tx.put(kept)
        if nobody:
            succession.tell_nobody_acts(state, post, nobody)
    person = holder.person if holder is not None else ""
    capacity = holder.capacity if holder is not None else "substantive"
    if (kept.person, kept.capacity) != (person, capacity):
        state.tx.put(msgspec.structs.replace(kept, person=person, capacity=capacity, since=state.now))
        _hand_over(state, post, kept.person, person, capacity)


def _hand_over(state: DutyState, post: Post, before: str, person: str, capacity: Capacity) -> None:
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
