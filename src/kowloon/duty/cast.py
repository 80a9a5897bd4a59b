"""People of a drill: who answers a page after how many minutes, and who never does."""

from __future__ import annotations

import functools
import logging

import msgspec

from kowloon.actions.cast import MINUTE_S, Cast, within_a_week
from kowloon.core.errors import ApiError
from kowloon.core.events import DutyEvent, Event
from kowloon.duty.logic import pages
from kowloon.duty.logic.state import DutyState
from kowloon.duty.loops import Changer
from kowloon.duty.resources import Page

log = logging.getLogger("kowloon.duty")


class CastBody(msgspec.Struct, forbid_unknown_fields=True):
    """`people`: minutes until each answers a page, None for never; who is not in it is a real person, for whom nobody
    answers. `resolves_after_min`: how long after answering a page they say that it is over; None: never."""

    account: str
    people: dict[str, float | None]
    resolves_after_min: float | None = None


class DutyCast(Cast[CastBody]):
    def __init__(self, changer: Changer) -> None:
        super().__init__(changer.clock, "/_kowloon/duty/cast", CastBody, _check)
        self._changer = changer
        changer.bus.subscribe(self._hear, DutyEvent)

    def _hear(self, event: Event) -> None:
        cast = self.playing
        if cast is None or not isinstance(event, DutyEvent) or event.account != cast.account or not event.page:
            return
        if event.what == "paged":
            minutes = cast.people.get(event.person)
        elif event.what == "acknowledged" and event.person in cast.people:
            minutes = cast.resolves_after_min
        else:
            return
        if minutes is not None:
            self.later(event.at + minutes * MINUTE_S, functools.partial(self._act, event))

    async def _act(self, event: DutyEvent) -> None:
        try:
            await self._changer.run(event.account, lambda state: _play(state, event))
        except ApiError as problem:
            # Somebody has changed the organisation since.
            log.info("the cast could not answer %s: %s", event.page, problem)


def _check(cast: CastBody) -> None:
    if not within_a_week([*cast.people.values(), cast.resolves_after_min]):
        raise ApiError("InvalidParameter.people", 400, "People answer within 0 minutes to a week, or never.")


def _play(state: DutyState, event: DutyEvent) -> None:
    """What they do now, where it still makes sense."""
    state.by = "cast"
    page = state.tx.get(Page, event.page)
    if page is None or page.account != state.account:
        return
    if event.what == "paged" and page.state in ("open", "silenced", "exhausted"):
        pages.acknowledge(state, page, event.person)
    elif event.what == "acknowledged" and page.state == "acknowledged" and page.assigned_to == event.person:
        pages.resolve(state, page, event.person)
