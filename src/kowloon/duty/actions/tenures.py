"""Holding a post otherwise than by plan: overrides, taking over, acting, appointments, resignations."""

from __future__ import annotations

import msgspec

from kowloon.actions import pages
from kowloon.actions.context import Context
from kowloon.actions.declare import Response
from kowloon.actions.decode import Request
from kowloon.core.clock import iso_minutes
from kowloon.duty import errors
from kowloon.duty.actions.calls import ON_BEHALF, acting_person, moment, shown, state_of
from kowloon.duty.logic import changes, hand_over, succession
from kowloon.duty.logic.state import DutyState
from kowloon.duty.logic.turns import coming_shift, find_shift
from kowloon.duty.organisation import Post
from kowloon.duty.planning.problem import Span
from kowloon.duty.product import duty
from kowloon.duty.resources import Tenure, Turn
from kowloon.duty.roster import FOREVER

# How long somebody has a post that they took over where no turn runs.
_NO_TURN_S = 12 * 3600.0
_POST = "acs:duty:*:{account}:post/{PostId}"


class TenureItem(msgspec.Struct, kw_only=True):
    """`Until` is empty until a successor is named. `PassedOver`: who came before in the succession, and why not."""

    TenureId: str
    PostId: str
    PersonId: str
    Capacity: str
    Why: str
    From: str
    Until: str
    Layer: str
    ShiftId: str
    InsteadOf: str
    Reason: str
    By: str
    Extended: int
    PassedOver: list[str]


def tenure_item(tenure: Tenure) -> TenureItem:
    return TenureItem(
        TenureId=tenure.id,
        PostId=tenure.post,
        PersonId=tenure.person,
        Capacity=tenure.capacity,
        Why=tenure.why,
        From=shown(tenure.from_at),
        Until=shown(tenure.to_at),
        Layer=tenure.layer,
        ShiftId=tenure.shift,
        InsteadOf=tenure.instead_of,
        Reason=tenure.reason,
        By=tenure.by,
        Extended=tenure.extended,
        PassedOver=list(tenure.passed_over),
    )


class TenureResponse(Response):
    Tenure: TenureItem


class ListTenuresRequest(Request):
    PostId: str = ""
    PersonId: str = ""
    Capacity: str = ""
    MaxResults: int = 100
    NextToken: str = ""


class ListTenuresResponse(Response):
    Tenures: list[TenureItem]
    NextToken: str
    TotalCount: int


@duty.action(resource=_POST)
def list_tenures(ctx: Context, req: ListTenuresRequest) -> ListTenuresResponse:
    """All that held or holds beside the plan, the newest first."""
    found = [
        tenure_item(each)
        for each in reversed(ctx.tx.list(Tenure, account=ctx.account))
        if req.PostId in ("", each.post) and req.PersonId in ("", each.person) and req.Capacity in ("", each.capacity)
    ]
    page = pages.by_token(found, req.NextToken, req.MaxResults, most=1000)
    return ListTenuresResponse(Tenures=page.items, NextToken=page.next_token, TotalCount=page.total)


class CreateOverrideRequest(Request):
    """Of the post's schedule, or of one `Layer` of it, from `From` (now) to `To`."""

    PostId: str
    To: str
    From: str = ""
    PersonId: str = ""
    Layer: str = ""
    Reason: str = ""


@duty.action(resource=_POST, also=ON_BEHALF)
def create_override(ctx: Context, req: CreateOverrideRequest) -> TenureResponse:
    """The person holds it then, whatever the plan says."""
    state = state_of(ctx)
    person, post = acting_person(ctx, state, req.PersonId), state.post(req.PostId)
    span = Span(moment(req.From, "From") if req.From else ctx.now, moment(req.To, "To"))
    made = changes.override(state, post, person, span, why="override", layer=req.Layer, reason=req.Reason)
    return TenureResponse(Tenure=tenure_item(made))


class GiveTurnRequest(Request):
    ShiftId: str
    PersonId: str = ""
    Reason: str = ""


@duty.action(resource=_POST, also=ON_BEHALF)
def give_turn(ctx: Context, req: GiveTurnRequest) -> TenureResponse:
    """One planned turn goes to the person, where no rule breaks by it."""
    state = state_of(ctx)
    person = acting_person(ctx, state, req.PersonId)
    planned = coming_shift(state, req.ShiftId)
    return TenureResponse(Tenure=tenure_item(changes.give_shift(state, planned, person, "override", req.Reason)))


class TakeOverRequest(Request):
    """Until the turn of whoever has it now is over, in its layer; to `Until` all of the post, whatever the plan says;
    12 hours of it where no turn runs."""

    PostId: str
    PersonId: str = ""
    Until: str = ""
    Reason: str = ""


@duty.action(resource=_POST, also=ON_BEHALF)
def take_over(ctx: Context, req: TakeOverRequest) -> TenureResponse:
    """From this second on, from somebody who is busy or gone."""
    state = state_of(ctx)
    post, person = state.post(req.PostId), acting_person(ctx, state, req.PersonId)
    turn = _present_turn(state, post) if not req.Until else None
    until = turn.end if turn is not None else moment(req.Until, "Until") if req.Until else ctx.now + _NO_TURN_S
    span, layer = Span(ctx.now, until), turn.layer if turn is not None else ""
    made = changes.override(state, post, person, span, why="taken over", layer=layer, reason=req.Reason)
    return TenureResponse(Tenure=tenure_item(made))


def _present_turn(state: DutyState, post: Post) -> Turn | None:
    meant = state.rosters[post.id].meant(state.now)
    if meant is None or not meant.shift:
        return None
    turn = find_shift(state, meant.shift).turn
    known = any(layer.id == turn.layer for layer in post.layers)
    return turn if known and turn.end > state.now else None


class EndTenureRequest(Request):
    TenureId: str


@duty.action(resource="acs:duty:*:{account}:post/{PostId}")
def end_tenure(ctx: Context, req: EndTenureRequest) -> TenureResponse:
    """Now; one to come is forgotten. The plan, or an acting holder, follows at once."""
    state = state_of(ctx)
    tenure = _running(state, req.TenureId)
    post = state.post(tenure.post)
    before = state.rosters[post.id]
    ended = msgspec.structs.replace(tenure, to_at=max(ctx.now, tenure.from_at))
    ctx.tx.put(ended)
    state.changed()
    state.happened("tenure-ended", post=tenure.post, person=tenure.person, text=tenure.id)
    if tenure.capacity == "acting" and state.rosters[post.id].at(ctx.now) is None:
        # Not the same one again.
        succession.appoint(
            state, post, tenure.why, missing=tenure.instead_of, reason=tenure.reason, beside=(tenure.person,)
        )
    name = state.person(tenure.person).name
    span = Span(ctx.now, FOREVER if tenure.to_at is None else tenure.to_at)
    changes.tell_change(state, before, tenure.person, span, f"{name} no longer from {iso_minutes(ended.to_at or 0.0)}")
    hand_over.settle(state, post)
    return TenureResponse(Tenure=tenure_item(ended))


def _running(state: DutyState, id: str) -> Tenure:
    tenure = state.tx.get(Tenure, id)
    if tenure is None or tenure.account != state.account:
        raise errors.TENURE_NOT_FOUND.error(id=repr(id))
    if tenure.to_at is not None and tenure.to_at <= state.now:
        raise errors.TENURE_OVER.error(id=repr(id))
    return tenure


class AppointActingRequest(Request):
    """The next of the succession when no `PersonId` is given."""

    PostId: str
    PersonId: str = ""
    Until: str = ""
    Reason: str = ""


@duty.action(resource=_POST)
def appoint_acting(ctx: Context, req: AppointActingRequest) -> TenureResponse:
    """Somebody acts in a post from now on, in place of its holder if it has one."""
    state = state_of(ctx)
    post = state.post(req.PostId)
    until = moment(req.Until, "Until") if req.Until else None
    if until is not None and until <= ctx.now:
        raise errors.TIME_ORDER.error(why="Until is in the future.")
    if not state.rosters[post.id].is_meant(ctx.now):
        raise errors.NOT_NEEDED.error(post=post.id)
    acted = state.rosters[post.id].acting(ctx.now)
    for tenure in acted:
        succession.end_acting(state, tenure, "somebody else is appointed")
    meant = state.rosters[post.id].meant(ctx.now)
    missing, beside = meant.person if meant is not None else "", [tenure.person for tenure in acted]
    made = succession.appoint(
        state,
        post,
        "unanswered" if meant is not None else "vacant",
        missing=missing,
        reason=req.Reason or "appointed by hand",
        person=req.PersonId,
        to_at=until,
        beside=beside,
    )
    if made is None:
        why = succession.nobody_acts(state, post, missing, beside)
        raise errors.NOBODY_LEFT.error(post=post.id, why=why)
    hand_over.settle(state, post)
    return TenureResponse(Tenure=tenure_item(made))


class ExtendActingRequest(Request):
    PostId: str


@duty.action(resource=_POST)
def extend_acting(ctx: Context, req: ExtendActingRequest) -> TenureResponse:
    """One more stretch for whoever acts, as often as the post allows."""
    state = state_of(ctx)
    post = state.post(req.PostId)
    holder = state.rosters[post.id].at(ctx.now)
    tenure = ctx.tx.get(Tenure, holder.tenure) if holder is not None and holder.capacity == "acting" else None
    if tenure is None:
        raise errors.NOT_ACTING.error(post=post.id)
    if tenure.extended >= post.acting.extensions:
        raise errors.LIMIT_REACHED.error(id=tenure.id, count=tenure.extended)
    return TenureResponse(Tenure=tenure_item(hand_over.extend(state, tenure, post)))


class AppointHolderRequest(Request):
    """Substantive; `Until` empty: until a successor is named."""

    PostId: str
    PersonId: str
    From: str = ""
    Until: str = ""


@duty.action(resource=_POST)
def appoint_holder(ctx: Context, req: AppointHolderRequest) -> TenureResponse:
    """Names the holder of a post. Whoever acts there stops at that moment."""
    state = state_of(ctx)
    from_at = moment(req.From, "From") if req.From else ctx.now
    until = moment(req.Until, "Until") if req.Until else None
    made = changes.appoint_for_good(state, state.post(req.PostId), state.person(req.PersonId), from_at, until)
    return TenureResponse(Tenure=tenure_item(made))


class ResignRequest(Request):
    PostId: str
    PersonId: str = ""
    At: str = ""


@duty.action(resource=_POST, also=ON_BEHALF)
def resign(ctx: Context, req: ResignRequest) -> Response:
    """The person leaves this post and keeps others; turns from then on are open until the next plan."""
    state = state_of(ctx)
    at = max(moment(req.At, "At"), ctx.now) if req.At else ctx.now
    changes.resign(state, state.post(req.PostId), acting_person(ctx, state, req.PersonId), at)
    return Response()
