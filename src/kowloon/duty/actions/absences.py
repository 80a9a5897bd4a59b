"""Who is away when."""

from __future__ import annotations

import msgspec

from kowloon.actions import pages
from kowloon.actions.context import Context
from kowloon.actions.declare import Response
from kowloon.actions.decode import Request
from kowloon.duty import errors
from kowloon.duty.actions.calls import ON_BEHALF, acting_person, moment, shown, state_of
from kowloon.duty.logic import changes
from kowloon.duty.product import duty
from kowloon.duty.resources import Absence

_PERSON = "acs:duty:*:{account}:person/{Person}"


class AbsenceItem(msgspec.Struct, kw_only=True):
    """`To` is empty while no end is known."""

    AbsenceId: str
    PersonId: str
    From: str
    To: str
    Note: str
    By: str


def absence_item(absence: Absence) -> AbsenceItem:
    return AbsenceItem(
        AbsenceId=absence.id,
        PersonId=absence.person,
        From=shown(absence.from_at),
        To=shown(absence.to_at),
        Note=absence.note,
        By=absence.by,
    )


class CreateAbsenceRequest(Request):
    """From now on when no `From` is given, and until it is ended when no `To` is."""

    PersonId: str = ""
    From: str = ""
    To: str = ""
    Note: str = ""


class CreateAbsenceResponse(Response):
    Absence: AbsenceItem


@duty.action(resource=_PERSON, also=ON_BEHALF)
def create_absence(ctx: Context, req: CreateAbsenceRequest) -> CreateAbsenceResponse:
    """Posts that are left without a holder by it have an acting one in the same moment."""
    state = state_of(ctx)
    person = acting_person(ctx, state, req.PersonId)
    from_at = moment(req.From, "From") if req.From else ctx.now
    to_at = moment(req.To, "To") if req.To else None
    (absence,) = changes.add_absences(state, person, [(from_at, to_at, req.Note)])
    return CreateAbsenceResponse(Absence=absence_item(absence))


class EndAbsenceRequest(Request):
    AbsenceId: str
    PersonId: str = ""


@duty.action(resource=_PERSON, also=ON_BEHALF)
def end_absence(ctx: Context, req: EndAbsenceRequest) -> Response:
    """Back now; an absence to come is forgotten."""
    state = state_of(ctx)
    absence = ctx.tx.get(Absence, req.AbsenceId)
    person = acting_person(ctx, state, req.PersonId)
    if absence is None or absence.account != ctx.account or absence.person != person.id:
        raise errors.ABSENCE_NOT_FOUND.error(id=repr(req.AbsenceId))
    if absence.to_at is None or absence.to_at > ctx.now:
        changes.end_absence(state, absence)
    return Response()


class ListAbsencesRequest(Request):
    PersonId: str = ""
    MaxResults: int = 100
    NextToken: str = ""


class ListAbsencesResponse(Response):
    Absences: list[AbsenceItem]
    NextToken: str
    TotalCount: int


@duty.action(resource="acs:duty:*:{account}:person/{PersonId}")
def list_absences(ctx: Context, req: ListAbsencesRequest) -> ListAbsencesResponse:
    """Present, past and to come, in order of their beginning."""
    found = [each for each in ctx.tx.list(Absence, account=ctx.account) if req.PersonId in ("", each.person)]
    items = [absence_item(each) for each in sorted(found, key=lambda each: (each.from_at, each.id))]
    page = pages.by_token(items, req.NextToken, req.MaxResults, most=1000)
    return ListAbsencesResponse(Absences=page.items, NextToken=page.next_token, TotalCount=page.total)
