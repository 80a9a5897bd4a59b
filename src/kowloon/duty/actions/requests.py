"""Asking others: swaps that need the other side's consent, and open requests to take a turn."""

from __future__ import annotations

import msgspec

from kowloon.actions import pages
from kowloon.actions.context import Context
from kowloon.actions.declare import Response
from kowloon.actions.decode import Request
from kowloon.actions.errors import invalid
from kowloon.duty import errors
from kowloon.duty.actions.calls import ON_BEHALF, acting_person, moment, shown, state_of
from kowloon.duty.logic import changes
from kowloon.duty.logic.state import DutyState
from kowloon.duty.logic.turns import Planned, coming_shift, would_break
from kowloon.duty.organisation import Person
from kowloon.duty.product import duty
from kowloon.duty.resources import Asking

_POST = "acs:duty:*:{account}:post/{PostId}"
_ANSWER_WITHIN_S = 3 * 86400.0
_WAIT_MIN = 15.0


class RequestItem(msgspec.Struct, kw_only=True):
    """`Kind`: Swap (for `OtherShiftId`) or Cover. `Asked`: those who may answer by now, in order."""

    RequestId: str
    Kind: str
    State: str
    PostId: str
    ShiftId: str
    PersonId: str
    OtherShiftId: str
    Asked: list[str]
    Candidates: list[str]
    Declined: list[str]
    TakenBy: str
    NextAt: str
    ExpiresAt: str
    Note: str


def request_item(asking: Asking) -> RequestItem:
    return RequestItem(
        RequestId=asking.id,
        Kind="Swap" if asking.other_shift else "Cover",
        State=asking.state,
        PostId=asking.post,
        ShiftId=asking.shift,
        PersonId=asking.person,
        OtherShiftId=asking.other_shift,
        Asked=list(asking.candidates[: asking.asked]),
        Candidates=list(asking.candidates),
        Declined=list(asking.declined),
        TakenBy=asking.taken_by,
        NextAt=shown(asking.next_at),
        ExpiresAt=shown(asking.expires_at),
        Note=asking.note,
    )


class RequestResponse(Response):
    Request: RequestItem


def _mine(state: DutyState, shift: str, person: Person) -> Planned:
    planned = coming_shift(state, shift)
    if planned.person != person.id:
        raise errors.NOT_YOURS.error(id=repr(shift), person=planned.person or "nobody")
    if planned.turn.start <= state.now:
        raise errors.SHIFT_OVER.error(id=repr(shift))
    return planned


class RequestSwapRequest(Request):
    """`ShiftId` of the one who asks for `OtherShiftId` of somebody else."""

    ShiftId: str
    OtherShiftId: str
    PersonId: str = ""
    ExpiresAt: str = ""
    Note: str = ""


@duty.action(resource=_POST, also=ON_BEHALF)
def request_swap(ctx: Context, req: RequestSwapRequest) -> RequestResponse:
    """Nothing changes until the other side agrees. Refused at once when a rule would break."""
    state = state_of(ctx)
    mine = _mine(state, req.ShiftId, acting_person(ctx, state, req.PersonId))
    other = coming_shift(state, req.OtherShiftId)
    if other.person == mine.person:
        raise invalid("OtherShiftId", "It is yours already.")
    if not other.person:
        raise invalid("OtherShiftId", "Nobody has it: take it with GiveTurn.")
    broken = would_break(state, {req.ShiftId: other.person, req.OtherShiftId: mine.person})
    if broken:
        raise errors.RULE_BROKEN.error(why=broken)
    expires_at = moment(req.ExpiresAt, "ExpiresAt") if req.ExpiresAt else ctx.now + _ANSWER_WITHIN_S
    wait_min = max(expires_at - ctx.now, 0.0) / 60
    asked = changes.ask(
        state, mine, [other.person], wait_min=wait_min, expires_at=expires_at, other=other, note=req.Note
    )
    return RequestResponse(Request=request_item(asked))


class RequestCoverRequest(Request):
    """`WaitMinutes`: how long each one has before the next is asked, too."""

    ShiftId: str
    PersonId: str = ""
    WaitMinutes: float = _WAIT_MIN
    ExpiresAt: str = ""
    Note: str = ""


@duty.action(resource=_POST, also=ON_BEHALF)
def request_cover(ctx: Context, req: RequestCoverRequest) -> RequestResponse:
    """Asks everyone who could take a turn without breaking a rule, those with the fewest hours first."""
    state = state_of(ctx)
    mine = _mine(state, req.ShiftId, acting_person(ctx, state, req.PersonId))
    if not 0 < req.WaitMinutes <= 7 * 24 * 60:
        raise invalid("WaitMinutes", "It is above 0 and at most a week.")
    candidates = changes.volunteers(state, mine)
    if not candidates:
        raise errors.NOBODY_LEFT.error(post=mine.post.id, why="nobody else may take this turn under the rules")
    expires_at = moment(req.ExpiresAt, "ExpiresAt") if req.ExpiresAt else ctx.now + _ANSWER_WITHIN_S
    asked = changes.ask(state, mine, candidates, wait_min=req.WaitMinutes, expires_at=expires_at, note=req.Note)
    return RequestResponse(Request=request_item(asked))


class AnswerRequestRequest(Request):
    RequestId: str
    Agree: bool
    PersonId: str = ""


@duty.action(resource=_POST, also=ON_BEHALF)
def answer_request(ctx: Context, req: AnswerRequestRequest) -> RequestResponse:
    """Of somebody who has been asked. The first to agree has it."""
    state = state_of(ctx)
    person = acting_person(ctx, state, req.PersonId)
    answered = changes.answer(state, _find(state, req.RequestId), person, req.Agree)
    return RequestResponse(Request=request_item(answered))


class WithdrawRequestRequest(Request):
    RequestId: str
    PersonId: str = ""


@duty.action(resource=_POST, also=ON_BEHALF)
def withdraw_request(ctx: Context, req: WithdrawRequestRequest) -> RequestResponse:
    state = state_of(ctx)
    asking = _find(state, req.RequestId)
    if asking.state != "open":
        raise errors.ASKING_OVER.error(id=repr(asking.id), state=asking.state)
    if asking.person != acting_person(ctx, state, req.PersonId).id:
        raise errors.NOT_YOURS.error(id=repr(asking.shift), person=asking.person)
    over = msgspec.structs.replace(asking, state="withdrawn")
    ctx.tx.put(over)
    state.happened("request-withdrawn", post=asking.post, person=asking.person, text=asking.id)
    return RequestResponse(Request=request_item(over))


class ListRequestsRequest(Request):
    """`PersonId`: who asks or is asked."""

    PersonId: str = ""
    State: str = ""
    MaxResults: int = 100
    NextToken: str = ""


class ListRequestsResponse(Response):
    Requests: list[RequestItem]
    NextToken: str
    TotalCount: int


@duty.action(resource="acs:duty:*:{account}:post/*")
def list_requests(ctx: Context, req: ListRequestsRequest) -> ListRequestsResponse:
    """The newest first."""
    found = [
        request_item(each)
        for each in reversed(ctx.tx.list(Asking, account=ctx.account))
        if req.State in ("", each.state)
        and (not req.PersonId or req.PersonId == each.person or req.PersonId in each.candidates[: each.asked])
    ]
    page = pages.by_token(found, req.NextToken, req.MaxResults)
    return ListRequestsResponse(Requests=page.items, NextToken=page.next_token, TotalCount=page.total)


def _find(state: DutyState, id: str) -> Asking:
    asking = state.tx.get(Asking, id)
    if asking is None or asking.account != state.account:
        raise errors.ASKING_NOT_FOUND.error(id=repr(id))
    return asking
