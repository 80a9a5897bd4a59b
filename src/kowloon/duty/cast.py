"""People of a drill: who answers a page after how many minutes, and who never does. They are timers of the cloud's
clock, so they answer at their minute while a drill skips hours."""

from __future__ import annotations

import asyncio
import logging

import msgspec

from kowloon.actions.routes import Routes, json_body
from kowloon.core.clock import Timer
from kowloon.core.errors import ApiError
from kowloon.core.events import DutyEvent, Event
from kowloon.duty.logic import pages
from kowloon.duty.logic.state import DutyState
from kowloon.duty.loops import Changer
from kowloon.duty.resources import Page
from kowloon.wire.http import HttpRequest, HttpResponse

log = logging.getLogger("kowloon.duty")

_JSON = "application/json;charset=utf-8"
_MINUTE_S = 60.0


class CastBody(msgspec.Struct, forbid_unknown_fields=True):
    """`people`: minutes until each answers a page, None for never; who is not in it is a real person, for whom nobody
    answers. `resolves_after_min`: how long after answering a page they say that it is over; None: never."""

    account: str
    people: dict[str, float | None]
    resolves_after_min: float | None = None


class Cast:
    def __init__(self, changer: Changer) -> None:
        self._changer = changer
        self._cast: CastBody | None = None
        self._timers: set[Timer] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        changer.bus.subscribe(self._hear, DutyEvent)

    def register(self, routes: Routes) -> None:
        routes.add("PUT DELETE", "/_kowloon/duty/cast", self.handle, "admin")

    def handle(self, request: HttpRequest) -> HttpResponse:
        """PUT: these people play from now on. DELETE: nobody does."""
        self.clear()
        if request.method == "PUT":
            body = json_body(request, CastBody)
            minutes = [*body.people.values(), body.resolves_after_min]
            if any(each is not None and not 0 <= each <= 7 * 24 * 60 for each in minutes):
                raise ApiError("InvalidParameter.people", 400, "People answer within 0 minutes to a week, or never.")
            self._cast = body
        return HttpResponse(200, b"{}", content_type=_JSON)

    def clear(self) -> None:
        self._cast = None
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()

    def _hear(self, event: Event) -> None:
        cast = self._cast
        if cast is None or not isinstance(event, DutyEvent) or event.account != cast.account or not event.page:
            return
        if event.what == "paged":
            minutes = cast.people.get(event.person)
        elif event.what == "acknowledged" and event.person in cast.people:
            minutes = cast.resolves_after_min
        else:
            return
        if minutes is not None:
            self._later(event, minutes * _MINUTE_S)

    def _later(self, event: DutyEvent, delay_s: float) -> None:
        def due() -> None:
            self._timers.discard(timer)
            task = asyncio.get_running_loop().create_task(self._act(event))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

        timer = self._changer.clock.call_at(event.at + delay_s, due)
        self._timers.add(timer)

    async def _act(self, event: DutyEvent) -> None:
        try:
            await self._changer.run(event.account, lambda state: _play(state, event))
        except ApiError as problem:
            # Somebody has changed the organisation since.
            log.info("the cast could not answer %s: %s", event.page, problem)


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
