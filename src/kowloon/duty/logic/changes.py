"""What people change by hand: absences, overrides, appointments, resignations, swaps and open requests."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from kowloon.core.clock import iso_minutes
from kowloon.core.errors import ApiError
from kowloon.duty import errors
from kowloon.duty.logic import succession
from kowloon.duty.logic.hand_over import settle, settle_all
from kowloon.duty.logic.state import DutyState
from kowloon.duty.logic.turns import Around, Planned, coming_shift, find_shift, would_break
from kowloon.duty.organisation import Person, Post
from kowloon.duty.planning import eligible
from kowloon.duty.planning.problem import Span
from kowloon.duty.resources import Absence, Asking, Rota, Tenure, Turn, Why
from kowloon.duty.roster import FOREVER, PostRoster

_MINUTE_S = 60.0


def add_absences(state: DutyState, person: Person, spans: Sequence[tuple[float, float | None, str]]) -> list[Absence]:
    """Each from, to and why; what is past of them stays as it was. Who is missing from now on is stood in for at
    once."""
    added = [_add_absence(state, person, max(from_at, state.now), to_at, note) for from_at, to_at, note in spans]
    settle_all(state)
    return added


def _add_absence(state: DutyState, person: Person, from_at: float, to_at: float | None, note: str) -> Absence:
    if to_at is not None and to_at <= from_at:
        raise errors.TIME_ORDER.error(why="An absence ends after it begins, and not in the past.")
    state.require_room(Absence)
    absence = Absence(
        id=state.new_id("da"),
        account=state.account,
        created_at=state.now,
        person=person.id,
        from_at=from_at,
        to_at=to_at,
        note=note,
        by=state.by,
    )
    state.tx.put(absence)
    state.changed()
    until = iso_minutes(to_at) if to_at is not None else "they say otherwise"
    state.happened("absent", person=person.id, text=f"from {iso_minutes(from_at)} until {until} {note}".rstrip())
    return absence


def end_absence(state: DutyState, absence: Absence) -> None:
    """One that has begun ends now; one to come is forgotten."""
    if absence.from_at < state.now:
        state.tx.put(msgspec.structs.replace(absence, to_at=state.now))
    else:
        state.tx.delete(absence)
    state.changed()
    state.happened("back", person=absence.person)
    settle_all(state)


def override(
    state: DutyState,
    post: Post,
    person: Person,
    span: Span,
    *,
    why: Why,
    layer: str = "",
    reason: str = "",
) -> Tenure:
    """For what is to come of that time the person holds the post, or a layer of it, whatever the plan says."""
    span = Span(max(span.start, state.now), span.end)
    if span.end <= span.start:
        raise errors.TIME_ORDER.error(why="An override ends after it begins, and not in the past.")
    if layer and all(each.id != layer for each in post.layers):
        raise errors.LAYER_NOT_FOUND.error(post=post.id, id=repr(layer))
    _require_fit(state, post, person, (span,), layer)
    before = state.rosters[post.id]
    tenure = _put(state, post, person.id, span.start, span.end, why=why, layer=layer, reason=reason)
    text = f"{person.name} from {iso_minutes(span.start)} to {iso_minutes(span.end)} ({why})"
    tell_change(state, before, person.id, span, text)
    settle(state, post)
    return tenure


def give_shift(state: DutyState, planned: Planned, person: Person, why: Why, reason: str = "") -> Tenure:
    """The rest of one turn goes to the person; `RuleBroken` when that would break a rule that holds now."""
    _require_fit(state, planned.post, person, planned.turn.spans, planned.turn.layer)
    broken = would_break(state, {planned.turn.shift: person.id})
    if broken:
        raise errors.RULE_BROKEN.error(why=broken)
    return _give(state, planned, person, why, reason)


def _give(state: DutyState, planned: Planned, person: Person, why: Why, reason: str) -> Tenure:
    turn, before = planned.turn, state.rosters[planned.post.id]
    span = Span(max(turn.start, state.now), turn.end)
    tenure = _put(
        state,
        planned.post,
        person.id,
        span.start,
        span.end,
        why=why,
        layer=turn.layer,
        shift=turn.shift,
        reason=reason,
    )
    tell_change(state, before, person.id, span, f"{planned.title}: {person.name} ({why})")
    settle(state, planned.post)
    return tenure


def swap(state: DutyState, one: Planned, other: Planned, reason: str) -> None:
    """Two turns change hands."""
    first, second = state.person(one.person), state.person(other.person)
    _require_fit(state, one.post, second, one.turn.spans, one.turn.layer)
    _require_fit(state, other.post, first, other.turn.spans, other.turn.layer)
    broken = would_break(state, {one.turn.shift: second.id, other.turn.shift: first.id})
    if broken:
        raise errors.RULE_BROKEN.error(why=broken)
    _give(state, one, second, "swap", reason)
    _give(state, other, first, "swap", reason)


def appoint_for_good(state: DutyState, post: Post, person: Person, from_at: float, to_at: float | None) -> Tenure:
    """Substantive, from now on or later; it ends the one before, and whoever acts until a successor is named."""
    from_at = max(from_at, state.now)
    missing = eligible.lacks(person.planned(()), post.eligible)
    if missing:
        raise errors.NOT_POSSIBLE.error(person=person.id, post=post.id, why=missing[0])
    if to_at is not None and to_at <= from_at:
        raise errors.TIME_ORDER.error(why="A tenure ends after it begins.")
    before = state.rosters[post.id]
    for earlier in before.tenures:
        if earlier.why == "appointed" and _overlaps(earlier, from_at, to_at):
            state.tx.put(msgspec.structs.replace(earlier, to_at=max(from_at, earlier.from_at)))
    rota = state.rota(post.id)
    if person.id in rota.left:
        back = {id: at for id, at in rota.left.items() if id != person.id}
        state.tx.put(msgspec.structs.replace(rota, left=back))
    tenure = _put(state, post, person.id, from_at, to_at, why="appointed")
    state.happened("appointed", post=post.id, person=person.id, text=f"from {iso_minutes(from_at)}")
    span = Span(from_at, FOREVER if to_at is None else to_at)
    tell_change(state, before, person.id, span, f"{person.name} from {iso_minutes(from_at)} (appointed)")
    settle(state, post)
    return tenure


def _overlaps(tenure: Tenure, from_at: float, to_at: float | None) -> bool:
    return (tenure.to_at is None or tenure.to_at > from_at) and (to_at is None or tenure.from_at < to_at)


def resign(state: DutyState, post: Post, person: Person, at: float) -> None:
    """The person leaves this post and keeps others: tenures end, turns from then on have nobody until the next plan,
    which has them there no more. `NotHolding` when there is nothing to leave."""
    before = state.rosters[post.id]
    if not _cut(state, post.id, person.id, at):
        raise errors.NOT_HOLDING.error(person=person.id, post=post.id)
    rota = state.rota(post.id)
    state.tx.put(msgspec.structs.replace(rota, left={**rota.left, person.id: at}))
    state.changed()
    state.happened("resigned", post=post.id, person=person.id, text=f"at {iso_minutes(at)}")
    manager = state.holder(post.manager) if post.manager else ""
    state.tell([manager], f"{post.title}: resignation", f"{person.name} leaves {post.title}.")
    tell_change(state, before, person.id, Span(at, FOREVER), f"{person.name} leaves at {iso_minutes(at)}")
    settle(state, post)


def leave(state: DutyState, person: str) -> None:
    """Of somebody whom the organisation has no more: all that they hold ends now, whatever has become of the posts."""
    posts = {rota.post for rota in state.tx.list(Rota, account=state.account)}
    posts |= {tenure.post for tenure in state.tx.list(Tenure, account=state.account)}
    for post in sorted(posts):
        _cut(state, post, person, state.now)
    state.happened("left", person=person)


def _cut(state: DutyState, post: str, person: str, at: float) -> bool:
    """Whether there was anything. Turns that the person has given away stay with who has them."""
    tenures = [each for each in state.tx.list(Tenure, account=state.account) if each.post == post]
    rota = state.tx.get(Rota, f"{state.account}:{post}")
    turns: tuple[Turn, ...] = ()
    if rota is not None:
        latest = {each.shift: each.person for each in tenures if each.shift and each.from_at != each.to_at}
        turns = tuple(
            [
                each
                for turn in rota.turns
                for each in ([turn] if latest.get(turn.shift, turn.person) != person else _until(turn, at))
            ]
        )
        if turns != rota.turns:
            state.tx.put(msgspec.structs.replace(rota, turns=turns))
    mine = [
        each for each in tenures if each.person == person and (each.to_at is None or each.to_at > max(at, each.from_at))
    ]
    for tenure in mine:
        state.tx.put(msgspec.structs.replace(tenure, to_at=max(at, tenure.from_at)))
    state.changed()
    return bool(mine) or (rota is not None and turns != rota.turns)


def _until(turn: Turn, at: float) -> list[Turn]:
    """What of it is before then, and as a turn that nobody has what is after."""
    if turn.end <= at:
        return [turn]
    had = tuple([Span(span.start, min(span.end, at)) for span in turn.spans if span.start < at])
    left = tuple([Span(max(span.start, at), span.end) for span in turn.spans if span.end > at])
    open_ = msgspec.structs.replace(turn, person="", spans=left)
    return [msgspec.structs.replace(turn, spans=had), open_] if had else [open_]


# --- asking others ---


def ask(
    state: DutyState,
    mine: Planned,
    candidates: list[str],
    *,
    wait_min: float,
    expires_at: float,
    other: Planned | None = None,
    note: str = "",
) -> Asking:
    """Asks for somebody to take a turn, one after the other; or one person to swap."""
    if expires_at <= state.now:
        raise errors.TIME_ORDER.error(why="ExpiresAt is in the future.")
    state.require_room(Asking)
    asking = Asking(
        id=state.new_id("dq"),
        account=state.account,
        created_at=state.now,
        post=mine.post.id,
        shift=mine.turn.shift,
        person=mine.person,
        candidates=tuple(candidates),
        next_at=state.now,
        expires_at=min(expires_at, mine.turn.start),
        wait_min=wait_min,
        other_shift=other.turn.shift if other is not None else "",
        note=note,
    )
    state.happened("asked", post=asking.post, person=asking.person, text=f"{asking.id}: {mine.title}")
    return ask_next(state, asking)


def volunteers(state: DutyState, mine: Planned) -> list[str]:
    """Everyone who could take the turn, those with the fewest hours first."""
    around = Around(state, [mine])
    able = [
        person.id
        for person in state.whole.people
        if person.id != mine.person
        and not _unfit(state, mine.post, person, mine.turn.spans, mine.turn.layer)
        and not around.would_break({mine.turn.shift: person.id})
    ]
    return sorted(able, key=lambda person: (succession.served_h(state, person), person))


def ask_next(state: DutyState, asking: Asking) -> Asking:
    """Asks the next one when it is time; ends what has run out. Nothing else when nothing is due."""
    if asking.state != "open":
        return asking
    left = asking.asked < len(asking.candidates)
    mine = _still_as_asked(state, asking)
    if mine is None or state.now >= asking.expires_at or (state.now >= asking.next_at and not left):
        over = msgspec.structs.replace(asking, state="expired")
        state.tx.put(over)
        why = "has ended without anybody" if mine is not None else "has ended: the plan is another one now"
        state.happened("request-expired", post=asking.post, person=asking.person, text=f"{asking.id} {why}")
        state.tell([asking.person], "Nobody took your turn", f"The request {asking.id} {why}.")
        return over
    if state.now < asking.next_at:
        return asking
    person = asking.candidates[asking.asked]
    text = f"{state.person(asking.person).name} asks whether you take {mine.title}"
    if asking.other_shift:
        text += f" for {find_shift(state, asking.other_shift).title}"
    state.tell([person], "A turn is asked of you", f"{text}. {asking.note}\nRequest {asking.id}".strip())
    asked = msgspec.structs.replace(asking, asked=asking.asked + 1, next_at=state.now + asking.wait_min * _MINUTE_S)
    state.tx.put(asked)
    return asked


def _still_as_asked(state: DutyState, asking: Asking) -> Planned | None:
    """The turn that was asked for, while it and the other one are still theirs."""
    wanted = {asking.shift: asking.person}
    if asking.other_shift:
        wanted[asking.other_shift] = asking.candidates[0]
    try:
        found = [find_shift(state, shift) for shift in wanted]
    except ApiError:
        return None
    return found[0] if [each.person for each in found] == list(wanted.values()) else None


def answer(state: DutyState, asking: Asking, person: Person, agrees: bool) -> Asking:
    """`NotAsked` before somebody's turn to be asked has come; `RuleBroken` when agreeing would break a rule by now."""
    if asking.state != "open":
        raise errors.ASKING_OVER.error(id=repr(asking.id), state=asking.state)
    if person.id not in asking.candidates[: asking.asked]:
        raise errors.NOT_ASKED.error(person=person.id, id=repr(asking.id))
    if not agrees and person.id in asking.declined:
        return asking
    if not agrees:
        # The next one at once; while others think it over they keep their time.
        next_at = state.now if asking.asked < len(asking.candidates) else asking.next_at
        refused = msgspec.structs.replace(asking, declined=(*asking.declined, person.id), next_at=next_at)
        state.happened("declined", post=asking.post, person=person.id, text=asking.id)
        if set(refused.declined) >= set(asking.candidates):
            refused = msgspec.structs.replace(refused, state="declined")
            state.tell([asking.person], "Nobody takes your turn", f"Everybody has declined the request {asking.id}.")
        state.tx.put(refused)
        return ask_next(state, refused)
    mine = coming_shift(state, asking.shift)
    if mine.person != asking.person:
        raise errors.NOT_YOURS.error(id=repr(asking.shift), person=mine.person)
    if asking.other_shift:
        other = coming_shift(state, asking.other_shift)
        if other.person != person.id:
            raise errors.NOT_YOURS.error(id=repr(asking.other_shift), person=other.person)
        swap(state, mine, other, asking.note)
    else:
        give_shift(state, mine, person, "swap", asking.note)
    agreed = msgspec.structs.replace(asking, state="agreed", taken_by=person.id)
    state.tx.put(agreed)
    state.happened("agreed", post=asking.post, person=person.id, text=asking.id)
    return agreed


# --- what they have in common ---


def _unfit(state: DutyState, post: Post, person: Person, spans: tuple[Span, ...], layer: str) -> str:
    planned = post.planned()
    chosen = next((each for each in planned.layers if each.id == layer), None)
    left = tuple([span for span in spans if span.end > state.now])
    reasons = eligible.why_not(person.planned(state.away(person.id)), planned, chosen, left)
    return reasons[0].text if reasons else ""


def _require_fit(state: DutyState, post: Post, person: Person, spans: tuple[Span, ...], layer: str) -> None:
    reason = _unfit(state, post, person, spans, layer)
    if reason:
        raise errors.NOT_POSSIBLE.error(person=person.id, post=post.id, why=reason)


def _put(
    state: DutyState,
    post: Post,
    person: str,
    from_at: float,
    to_at: float | None,
    *,
    why: Why,
    layer: str = "",
    shift: str = "",
    reason: str = "",
) -> Tenure:
    state.require_room(Tenure)
    tenure = Tenure(
        id=state.new_id("dt"),
        account=state.account,
        created_at=state.now,
        post=post.id,
        person=person,
        from_at=from_at,
        to_at=to_at,
        why=why,
        layer=layer,
        shift=shift,
        reason=reason,
        by=state.by,
    )
    state.tx.put(tenure)
    state.changed()
    return tenure


def tell_change(state: DutyState, before: PostRoster, person: str, span: Span, text: str) -> None:
    """To everybody whose duty in that time is another one than in the roster `before`."""
    post, after = before.post, state.rosters[before.post.id]
    moments = {span.start, *before.edges(*span), *after.edges(*span)}
    told = {person}
    for moment in moments:
        was, is_ = before.at(moment), after.at(moment)
        if (was.person if was else "") != (is_.person if is_ else ""):
            told |= {each.person for each in (was, is_) if each is not None}
    state.happened("changed", post=post.id, person=person, text=text)
    state.tell(sorted(told), f"{post.title} has changed", text)
