"""The organisation: applied from its file, shown."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from kowloon.actions.context import Context
from kowloon.actions.declare import Response
from kowloon.actions.decode import Request
from kowloon.duty import errors
from kowloon.duty.actions.calls import shown, state_of
from kowloon.duty.callers import person_of
from kowloon.duty.logic import changes
from kowloon.duty.logic.hand_over import settle_all
from kowloon.duty.organisation import Organisation
from kowloon.duty.organisation_file import OrganisationError, parse
from kowloon.duty.product import duty
from kowloon.duty.resources import StoredOrganisation

_SHOWN_PROBLEMS = 20


def read_file(text: str) -> Organisation:
    try:
        return parse(text)
    except OrganisationError as mistake:
        more = len(mistake.problems) - _SHOWN_PROBLEMS
        told = [*mistake.problems[:_SHOWN_PROBLEMS], *([f"and {more} more"] if more > 0 else [])]
        raise errors.INVALID_FILE.error(problems="\n".join(told)) from None


class ApplyOrganisationRequest(Request):
    """`File`: the whole organisation as YAML."""

    File: str
    DryRun: bool = False


class ApplyOrganisationResponse(Response):
    Version: int
    Units: int
    People: int
    Posts: int


async def _read(ports: Mapping[type, Any], req: ApplyOrganisationRequest) -> Organisation:
    """Beside the loop: a large file takes a second."""
    return await asyncio.to_thread(read_file, req.File)


@duty.action(resource="acs:duty:*:{account}:organisation", prepare=_read)
def apply_organisation(ctx: Context, req: ApplyOrganisationRequest) -> ApplyOrganisationResponse:
    """In place of the one there is; what has happened stays. `InvalidOrganisation` tells each mistake with its line."""
    whole: Organisation = ctx.prepared
    kept = ctx.tx.get(StoredOrganisation, ctx.account)
    version = kept.version + 1 if kept is not None else 1
    ctx.tx.put(
        StoredOrganisation(
            id=ctx.account,
            account=ctx.account,
            created_at=kept.created_at if kept is not None else ctx.now,
            text=req.File,
            version=version,
            whole=whole,
        )
    )
    state = state_of(ctx)
    state.happened(
        "organisation-applied", text=f"version {version}: {len(whole.posts)} posts, {len(whole.people)} people"
    )
    if kept is not None:
        for gone in sorted({person.id for person in kept.whole.people} - {person.id for person in whole.people}):
            changes.leave(state, gone)
    settle_all(state)
    return ApplyOrganisationResponse(
        Version=version, Units=len(whole.units), People=len(whole.people), Posts=len(whole.posts)
    )


class GetOrganisationRequest(Request):
    pass


class GetOrganisationResponse(Response):
    """`File` as it was applied; `Organisation` is what it says; `Caller`: the person who asks, if it is one; `At`: the
    cloud's time."""

    Version: int
    File: str
    Organisation: Organisation
    At: str
    Caller: str = ""


@duty.action(resource="acs:duty:*:{account}:organisation")
def get_organisation(ctx: Context, req: GetOrganisationRequest) -> GetOrganisationResponse:
    state = state_of(ctx)
    stored = ctx.tx.get(StoredOrganisation, ctx.account)
    assert stored is not None
    caller = person_of(ctx.principal, state.whole)
    return GetOrganisationResponse(
        Version=stored.version,
        File=stored.text,
        Organisation=stored.whole,
        At=shown(ctx.now),
        Caller=caller.id if caller is not None else "",
    )
