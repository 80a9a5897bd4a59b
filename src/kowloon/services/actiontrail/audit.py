"""The audit: every call goes into the journal before it is answered; management events can then be looked up.

The index over them follows by itself, and a lookup waits until it has caught up. What the journal drops, it drops.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from kowloon.actions.decode import Request
from kowloon.core.clock import Clock
from kowloon.core.events import Event, RequestEvent
from kowloon.core.waits import RealSeconds
from kowloon.engines.audit.index import AuditIndex, Row
from kowloon.engines.audit.journal import MOST_RECORD_BYTES, Journal
from kowloon.services.actiontrail.records import row_of
from kowloon.store.resources import Key, Resource

log = logging.getLogger("kowloon.actiontrail")

KEPT_S: Final = 90 * 24 * 3600.0
# Marks of records; those with another are of an older form, and passed over.
_MANAGEMENT: Final = b"m"
_DATA: Final = b"d"
# Of these, so many are looked at in one step: about three milliseconds.
_AT_ONCE: Final = 50
_LOOP: Final = "audit index"
_FORGET_S: Final = 24 * 3600.0


class AuditTrail:
    """A Reconciler with one loop, that of the index. Listens to the bus."""

    name = _LOOP
    workers = 1

    def __init__(self, journal: Journal, index: AuditIndex, clock: Clock) -> None:
        self.index = index
        self._journal = journal
        self._clock = clock
        self._encoder = msgspec.msgpack.Encoder()
        self._decoder = msgspec.msgpack.Decoder(RequestEvent)
        # Behind this there are data events only, as far as this process knows; nobody looks those up.
        self._looked_up_to = journal.end
        # When, and which records of the journal, were last dropped from the index.
        self._forgotten_at = 0.0
        self._forgotten_to = 0
        if index.position > journal.end:
            # Of a journal that was lost or moved away since.
            index.clear()

    def take(self, event: Event) -> None:
        """Kept when it returns: the death of the process loses no call that was answered."""
        if not isinstance(event, RequestEvent):
            return
        record = (_DATA if event.data else _MANAGEMENT) + self._encoder.encode(event)
        if len(record) > MOST_RECORD_BYTES:
            bare = msgspec.structs.replace(event, parameters=None, response=None, user_agent="", resources=())
            record = record[:1] + self._encoder.encode(bare)
        try:
            self._journal.append(record)
        except OSError as problem:
            log.error("call %s could not be kept in the audit journal: %s", event.request_id, problem)
        if not event.data:
            self._looked_up_to = self._journal.end

    @property
    def end(self) -> int:
        """Where the next call will be in the journal."""
        return self._journal.end

    async def catch_up(self) -> None:
        """Until all that happened before this call can be looked up."""
        end = self._journal.end
        while True:
            if not self._index_some() or self.index.position >= end:
                return
            await asyncio.sleep(0)

    def _index_some(self) -> bool:
        """One step. False when there was nothing left to do."""
        if self.index.position >= self._looked_up_to:
            if self.index.position < self._journal.end:
                self.index.add([], self._journal.end)
            return False
        start = max(self.index.position, self._journal.first)
        records = list(itertools.islice(self._journal.read(start), _AT_ONCE))
        if not records:
            return False
        rows: list[Row] = []
        for position, record in records:
            if record[:1] == _MANAGEMENT:
                event = self._decoder.decode(memoryview(record)[1:])
                # Strangers' calls are nobody's events.
                if event.account:
                    rows.append(row_of(position, event))
        self.index.add(rows, records[-1][0])
        return True

    def clear(self) -> None:
        self._journal.clear()
        self.index.clear()

    def close(self) -> None:
        self._journal.close()
        self.index.close()

    # --- the loop ---

    def keys(self, key: Key, item: Resource | None) -> Iterable[str]:
        return ()

    def all_keys(self) -> Iterable[str]:
        return (_LOOP,)

    def zones(self, key: str) -> tuple[str, ...]:
        return ()

    async def reconcile(self, key: str) -> float | None:
        await self.catch_up()
        now, first = self._clock.now(), self._journal.first
        if first != self._forgotten_to or now >= self._forgotten_at + _FORGET_S:
            more = True
            while more:
                more = self.index.forget(now - KEPT_S, first, _AT_ONCE)
                await asyncio.sleep(0)
            self._forgotten_to, self._forgotten_at = first, now
        return RealSeconds(1.0)


async def caught_up(ports: Mapping[type, object], req: Request) -> None:
    """To be waited for before a lookup."""
    audit = ports[AuditTrail]
    assert isinstance(audit, AuditTrail)
    await audit.catch_up()
