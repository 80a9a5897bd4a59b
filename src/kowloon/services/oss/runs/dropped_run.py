"""Volumes of buckets that an undo took away: their bytes go afterwards, once their zones can be written."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import islice
from typing import ClassVar

from kowloon.core.waits import RealSeconds
from kowloon.engines.blob.base import BlobError, Delete, Layout
from kowloon.services.oss.parts import Parts
from kowloon.services.oss.product import oss
from kowloon.services.oss.resources import Bucket
from kowloon.store.resources import Key, Resource
from kowloon.store.store import Transaction

_AGAIN_S = RealSeconds(1.0)
_AT_ONCE = 200


class DroppedVolume(Resource, frozen=True, kw_only=True):
    """No bucket has it any more; `id` is the number of its volume."""

    kind: ClassVar[str] = "oss-dropped-volume"

    zones: tuple[str, ...]

    @property
    def volume(self) -> int:
        return int(self.id)


oss.keeps(DroppedVolume)


def dropped(buckets: Iterable[Bucket], earlier: Iterable[DroppedVolume], kept: set[int]) -> list[DroppedVolume]:
    """What is to go when only those volumes are kept: those of these buckets, and what was to go before."""
    found = {each.volume: each for each in earlier}
    found.update((bucket.volume, DroppedVolume(id=str(bucket.volume), zones=bucket.zones)) for bucket in buckets)
    return [each for number, each in found.items() if number not in kept]


class DroppedRuns:
    """One loop per volume, in no zone: it is part of the storage."""

    name = "dropped volumes"
    workers = 1

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def keys(self, key: Key, item: Resource | None) -> Iterable[str]:
        return (key.id,) if isinstance(item, DroppedVolume) else ()

    def all_keys(self) -> Iterable[str]:
        return [volume.id for volume in self._parts.store.list(DroppedVolume)]

    def zones(self, key: str) -> tuple[str, ...]:
        return ()

    async def reconcile(self, key: str) -> float | None:
        try:
            # Unless another undo gives it back to its bucket meanwhile.
            while (found := self._parts.store.get(DroppedVolume, key)) is not None:
                volume = self._parts.storage.volume(found.volume, Layout(found.zones))
                some = [Delete(entry.key) for entry in islice(volume.scan(b""), _AT_ONCE)]
                if not some:
                    await self._parts.storage.drop(found.volume, volume.layout)
                    await self._parts.store.run(_without(key))
                    return None
                await volume.commit(some)
        except BlobError:
            return _AGAIN_S
        return None


def _without(key: str) -> Callable[[Transaction], None]:
    def body(tx: Transaction) -> None:
        found = tx.get(DroppedVolume, key)
        if found is not None:
            tx.delete(found)

    return body
