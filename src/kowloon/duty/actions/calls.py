"""What all calls of duty have in common: whose organisation, who acts, times."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from kowloon.actions.context import Context
from kowloon.actions.declare import Prepare, Response
from kowloon.actions.errors import MISSING, invalid
from kowloon.actions.ports import Principal
from kowloon.core.clock import iso_seconds
from kowloon.duty import errors
from kowloon.duty.callers import person_of
from kowloon.duty.logic.state import Committed, DutyState
from kowloon.duty.organisation import Person
from kowloon.duty.roster import FOREVER
from kowloon.duty.rosters import Rosters

ON_BEHALF = {"duty:ActForOthers": "acs:duty:*:{account}:person/{Other}"}
"""Of calls with a PersonId: what the caller must be allowed as well when that is somebody else."""


def state_of(ctx: Context) -> DutyState:
    """`OrganisationNotFound` when the account has none."""
    state = DutyState(ctx.tx, ctx.account, ctx.now, ctx.ids, ctx.port(Rosters), by=ctx.principal.arn)
    state.events = ctx.events
    return state


def answered_beside(make: Callable[[Committed, Any], Response]) -> Prepare:
    """For `prepare`: makes the answer of what is committed now in a thread, as it takes longer than a turn of the loop
    may."""

    async def prepare(ports: Mapping[type, Any], req: Any) -> Response:
        committed = Committed(ports[Rosters], ports[Principal].account)
        return await asyncio.to_thread(make, committed, req)

    return prepare


def acting_person(ctx: Context, state: DutyState, given: str) -> Person:
    """Whom the call is made for: `given`, or the caller."""
    if given:
        return state.person(given)
    caller = person_of(ctx.principal, state.whole)
    if caller is None:
        raise MISSING.error(name="PersonId")
    return caller


def moment(text: str, name: str) -> float:
    """Of ISO 8601 with a zone."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise invalid(name, "It is a time such as 2026-01-05T09:00:00Z.") from None
    if found.tzinfo is None:
        raise invalid(name, "It names its zone, such as 2026-01-05T09:00:00Z or 2026-01-05T17:00:00+08:00.")
    if not 0.0 <= found.timestamp() < FOREVER:
        raise invalid(name, "It is a time from 1970 to 2999.")
    return found.timestamp()


def horizon(
    ctx: Context | Committed, start: str, end: str, days: float, most_days: float = 800.0
) -> tuple[float, float]:
    """From now on for so many days, unless said otherwise. `InvalidTime` when it is empty or too long."""
    begins = moment(start, "From") if start else ctx.now
    ends = moment(end, "To") if end else begins + days * 86400.0
    if not begins < ends <= begins + most_days * 86400.0:
        raise errors.TIME_ORDER.error(why=f"To is after From, by at most {most_days:g} days.")
    return begins, ends


def shown(at: float | None) -> str:
    """Empty for none."""
    return iso_seconds(at) if at else ""
