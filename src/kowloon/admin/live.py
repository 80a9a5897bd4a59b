"""Live events as server-sent events: bounded per listener; one that falls behind is told how much it missed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import msgspec

from kowloon.core import limits
from kowloon.core.bus import EventBus
from kowloon.core.events import Event, RequestEvent, to_plain
from kowloon.wire.http import HttpResponse

_KEEP_ALIVE_S = 15.0


class LiveEvents:
    def __init__(self, bus: EventBus) -> None:
        self._bus = bus

    def stream(self, kind: type[Event] | None) -> HttpResponse:
        """All events of a kind; None: all but the API calls, which are many."""
        return HttpResponse(200, content_type="text/event-stream", stream=self._events(kind))

    async def _events(self, kind: type[Event] | None) -> AsyncIterator[bytes]:
        queue: asyncio.Queue[Event] = asyncio.Queue(limits.SSE_QUEUE)
        missed = 0

        def take(event: Event) -> None:
            nonlocal missed
            wanted = not isinstance(event, RequestEvent) if kind is None else isinstance(event, kind)
            if not wanted:
                return
            try:
                queue.put_nowait(event)
            except asyncio.QueueFull:
                missed += 1

        unsubscribe = self._bus.subscribe(take)
        try:
            yield b": listening\n\n"
            while True:
                try:
                    event = await asyncio.wait_for(queue.get(), _KEEP_ALIVE_S)
                except TimeoutError:
                    yield b": still here\n\n"
                    continue
                if missed:
                    yield b'event: missed\ndata: {"missed": %d}\n\n' % missed
                    missed = 0
                yield b"data: " + msgspec.json.encode(to_plain(event)) + b"\n\n"
        finally:
            unsubscribe()
