"""Events go out, per application in the order in which they happened, at least once each.

One that has to come again does not hold up those behind it. By Stream while a connection takes events: again after a
minute until it is taken, or a day old. Else by HTTP: twice more, ten seconds apart, then it waits in the failed list.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Final

import msgspec

from kowloon.core import limits
from kowloon.core.clock import Clock
from kowloon.dingtalk.contacts.resources import Application
from kowloon.dingtalk.outbox import FailedEvent, PendingEvent
from kowloon.dingtalk.plane import MessengerPlane
from kowloon.dingtalk.platform.call import make_room
from kowloon.dingtalk.push.http import HttpPush, NotTaken
from kowloon.dingtalk.stream.connections import Connections
from kowloon.dingtalk.stream.frames import ALL_EVENTS, EVENT, Ack
from kowloon.store.resources import Key, Resource
from kowloon.store.store import Store, Transaction

KEPT_S: Final = 24 * 3600.0
STREAM_AGAIN_S: Final = 60.0
HTTP_AGAIN_S: Final = 10.0
HTTP_TRIES: Final = 3
# So many are sent by Stream before the first of them is acknowledged.
_MOST_UNDER_WAY: Final = 100


class EventDeliveries:
    """A Reconciler; its keys are appKeys."""

    name = "dingtalk-events"
    workers = 8

    def __init__(
        self,
        store: Store,
        clock: Clock,
        plane: MessengerPlane,
        stream: Connections,
        push: HttpPush,
        poke: Callable[[str, str], None],
    ) -> None:
        self._store = store
        self._clock = clock
        self._plane = plane
        self._stream = stream
        self._push = push
        self._poke = poke
        # Per application: ids of events that were sent by Stream and are not acknowledged.
        self._under_way: dict[str, set[str]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        stream.on_joined(lambda application: poke(self.name, application))

    def keys(self, key: Key, item: Resource | None) -> Iterable[str]:
        return (item.application,) if isinstance(item, PendingEvent) else ()

    def all_keys(self) -> Iterable[str]:
        return {event.application for event in self._store.list(PendingEvent)}

    def zones(self, key: str) -> tuple[str, ...]:
        return ()

    async def reconcile(self, key: str) -> float | None:
        application = self._store.get(Application, key)
        if application is None or not self._plane.serves():
            # The messenger's return wakes all loops.
            return None
        waiting = await self._within_bounds(application)
        under_way = self._under_way.get(key, set())
        due = [each for each in waiting if each.not_before <= self._clock.now() and each.id not in under_way]
        if self._stream.takes(key, EVENT, ALL_EVENTS):
            for event in due[: _MOST_UNDER_WAY - len(under_way)]:
                self._send_by_stream(application, event)
            due = []
        else:
            due = [each for each in due if each.name in application.callback_events]
            if due:
                await self._send_by_http(application, due[0])
        if len(due) > 1:
            return 0.0
        later = [each.not_before for each in waiting if each.not_before > self._clock.now()]
        return max(min(later) - self._clock.now(), 0.0) if later else None

    def forget(self) -> None:
        """The events are others now."""
        for task in self._tasks:
            task.cancel()
        self._under_way.clear()

    close = forget

    async def _within_bounds(self, application: Application) -> list[PendingEvent]:
        """Those that still may go out; too old ones, and the oldest of too many, are dropped."""
        mine = [
            each
            for each in self._store.list(PendingEvent, account=application.account)
            if each.application == application.id
        ]
        oldest = self._clock.now() - KEPT_S
        excess = len(mine) - limits.DINGTALK_EVENTS_KEPT
        over = [each for place, each in enumerate(mine) if place < excess or each.created_at < oldest]
        if not over:
            return mine
        gone = {each.id for each in over}

        def body(tx: Transaction) -> None:
            for each in over:
                tx.delete(each)

        await self._store.run(body)
        return [each for each in mine if each.id not in gone]

    def _send_by_stream(self, application: Application, event: PendingEvent) -> None:
        ack = self._stream.send_event(application, event.name, event.id, event.created_at, event.data)
        if ack is None:
            return
        self._under_way.setdefault(application.id, set()).add(event.id)
        task = asyncio.get_running_loop().create_task(self._acknowledged(event, ack))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _acknowledged(self, event: PendingEvent, ack: asyncio.Future[Ack | None]) -> None:
        sent_at = self._clock.now()
        silence = self._clock.call_later(STREAM_AGAIN_S, lambda: None if ack.done() else ack.set_result(None))
        try:
            answer = await ack
        finally:
            silence.cancel()
        # After silence the minute is over; of a connection that is gone another one need not wait.
        again_at = sent_at + STREAM_AGAIN_S if answer is not None else 0.0
        try:
            await self._note(event, answer is not None and answer.takes_event, again_at)
        finally:
            self._under_way.get(event.application, set()).discard(event.id)
        self._poke(self.name, event.application)

    async def _send_by_http(self, application: Application, event: PendingEvent) -> None:
        try:
            await self._push.send(application, event.name, event.data)
        except NotTaken:
            if event.tries + 1 < HTTP_TRIES:
                await self._note(event, False, self._clock.now() + HTTP_AGAIN_S)
            else:
                await self._store.run(lambda tx: _fail(tx, event))
        else:
            await self._note(event, True)

    async def _note(self, event: PendingEvent, taken: bool, again_at: float = 0.0) -> None:
        def body(tx: Transaction) -> None:
            kept = tx.get(PendingEvent, event.id)
            if kept is None:
                return
            if taken:
                tx.delete(kept)
            else:
                tx.put(msgspec.structs.replace(kept, tries=kept.tries + 1, not_before=again_at))

        await self._store.run(body)


def _fail(tx: Transaction, event: PendingEvent) -> None:
    tx.delete(event)
    tx.put(
        FailedEvent(
            id=event.id,
            account=event.account,
            created_at=event.created_at,
            application=event.application,
            name=event.name,
            data=event.data,
        )
    )
    failed = [each for each in tx.list(FailedEvent, account=event.account) if each.application == event.application]
    make_room(tx, failed, limits.DINGTALK_EVENTS_KEPT, coming=0)
