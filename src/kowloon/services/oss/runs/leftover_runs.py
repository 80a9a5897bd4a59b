"""Removes parts that nobody has any more, a few in each commit: see `leftovers.py`."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from itertools import islice
from typing import Final

from kowloon.core.waits import RealSeconds
from kowloon.engines.blob.base import Change, Delete, Volume, ZoneUnavailable
from kowloon.services.oss import keys
from kowloon.services.oss.leftovers import numbers_gone, some_gone
from kowloon.services.oss.parts import Parts
from kowloon.services.oss.resources import Bucket
from kowloon.store.resources import Key, Resource

# Parts that go in one commit; three zones may have to write it.
AT_ONCE: Final = 30


class LeftoverRuns:
    """One loop per bucket, in no zone: it is part of the storage. Woken by `Leftovers.poke`."""

    name = "leftover parts"
    workers = 1

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def keys(self, key: Key, item: Resource | None) -> Iterable[str]:
        return ()

    def all_keys(self) -> Iterable[str]:
        # The storage may have been exchanged for another.
        self._parts.leftovers.look_again()
        return [bucket.id for bucket in self._parts.store.list(Bucket)]

    def zones(self, key: str) -> tuple[str, ...]:
        return ()

    async def reconcile(self, key: str) -> float | None:
        start, end = keys.span(keys.GONE)
        try:
            while (volume := self._volume(key)) is not None:
                note = next(volume.scan(start, end), None)
                if note is None:
                    return None
                if self._parts.leftovers.must_wait(keys.upload_of_gone(note.key)):
                    start = note.key + b"\x00"
                else:
                    # The note is read anew each time: more may have gone meanwhile.
                    await volume.commit(_step(volume, note.key, note.value))
                    await asyncio.sleep(0)
        except ZoneUnavailable:
            return RealSeconds(1.0)
        return None

    def _volume(self, name: str) -> Volume | None:
        bucket = self._parts.store.get(Bucket, name)
        return self._parts.storage.volume(bucket.volume, bucket.layout) if bucket is not None else None


def _step(volume: Volume, note: bytes, value: bytes) -> list[Change]:
    """Some of the parts, and what the note says then; the note itself with the last of them."""
    upload_id, numbers = keys.upload_of_gone(note), numbers_gone(value)
    changes: list[Change]
    if numbers is None:
        changes = [Delete(key) for key, _ in islice(volume.values(*keys.parts_of(upload_id)), AT_ONCE)]
        if len(changes) < AT_ONCE:
            changes.append(Delete(note))
        return changes
    changes = [Delete(keys.part(upload_id, number)) for number in numbers[:AT_ONCE]]
    rest = numbers[AT_ONCE:]
    changes.append(some_gone(upload_id, rest) if rest else Delete(note))
    return changes
