"""People of a drill who act by themselves: an operator says who plays, and how; what they do are timers of the cloud's
clock, so they do it at their minute while a drill skips hours."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Generic, TypeVar

from kowloon.actions.routes import Routes, answer_json, json_body
from kowloon.core.clock import Clock, Timer
from kowloon.wire.http import HttpRequest, HttpResponse

B = TypeVar("B")
MINUTE_S = 60.0
_MOST_MIN = 7 * 24 * 60


class Cast(Generic[B]):
    """Who plays now is `playing`, as an operator has put it at `path`. `check` raises ApiError for what cannot be."""

    def __init__(self, clock: Clock, path: str, kind: type[B], check: Callable[[B], None]) -> None:
        self.playing: B | None = None
        self._clock = clock
        self._path = path
        self._kind = kind
        self._check = check
        self._timers: set[Timer] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    def register(self, routes: Routes) -> None:
        routes.add("PUT DELETE", self._path, self.handle, "admin")

    def handle(self, request: HttpRequest) -> HttpResponse:
        """PUT: these people play from now on. DELETE: nobody does."""
        self.clear()
        if request.method == "PUT":
            body = json_body(request, self._kind)
            self._check(body)
            self.playing = body
        return answer_json({})

    def later(self, at: float, work: Callable[[], Awaitable[None]]) -> None:
        def due() -> None:
            self._timers.discard(timer)
            task = asyncio.ensure_future(work())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

        timer = self._clock.call_at(at, due)
        self._timers.add(timer)

    def clear(self) -> None:
        """Nobody plays; what is under way ends by itself."""
        self.playing = None
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()


def within_a_week(minutes: Iterable[float | None]) -> bool:
    """None is never."""
    return all(each is None or 0 <= each <= _MOST_MIN for each in minutes)
