"""What a frame does to a zone's index: the same when it was just written and when it is read again at the start."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from kowloon.engines.blob.base import Blob
from kowloon.engines.blob.frames import Kind, segment_of
from kowloon.engines.blob.index import CHUNK_BYTES, FILE_PLACE, Index
from kowloon.engines.blob.index_state import VolumeState
from kowloon.engines.blob.packing import deletion_bytes, held_by, origin_of, pack_entry, record_bytes
from kowloon.engines.blob.records import DeleteRecord, GroupState, PutRecord, Records

_NOTHING: Final[frozenset[int]] = frozenset()


class Applying:
    """One transaction's worth of frames. `freed_files` are for after its commit."""

    def __init__(self, index: Index, transaction: Any) -> None:
        self._index = index
        self._transaction = transaction
        self._volumes: set[int] = set()
        #: By how much the bytes that are needed of each segment change.
        self._needed: defaultdict[int, int] = defaultdict(int)
        self._watermarks: dict[tuple[str, ...], int] = {}
        self.freed_files: list[int] = []

    def records(self, kind: Kind, stamp: int, volume: int, records: Records, place: int, blobs_at: int) -> None:
        """`place`: where the frame begins; `blobs_at`: where its first blob does."""
        state = self._index.volumes.get(volume)
        if state is None:
            state = self._index.volumes[volume] = VolumeState(records.zones)
        self._volumes.add(volume)
        if kind is Kind.MOVED:
            self._moved(volume, records, place, blobs_at)
            return
        if kind is Kind.CHANGE and len(records.zones) > 1:
            self._watermarks[records.zones] = stamp
        if kind is Kind.REPAIR:
            self._leave_old_places(records)
        self._inlined(records, blobs_at)
        segment = segment_of(place)
        puts = records.puts
        taken: frozenset[int] = _NOTHING
        if kind is Kind.REPAIR or len(records.inlined) < sum([len(put.blobs) for put in puts]):
            taken = frozenset(blob.id for put in puts for blob in put.blobs)
        for put in puts:
            self._put(volume, state, put, segment, taken)
        for delete in records.deletes:
            self._delete(volume, state, delete, taken)

    def group(self, group: GroupState) -> None:
        """It holds for the changes before it too."""
        known = self._watermarks.pop(group.zones, 0)
        if known > group.watermark:
            group = msgspec.structs.replace(group, watermark=known)
        self._save(group)

    def _save(self, group: GroupState) -> None:
        self._index.groups[group.zones] = group
        self._index.save_group(self._transaction, group)

    def finish(self, log_end: int, counter: int) -> None:
        index = self._index
        for zones, watermark in self._watermarks.items():
            group = index.groups.get(zones) or GroupState(zones, 0, zones, 0)
            self._save(msgspec.structs.replace(group, watermark=max(watermark, group.watermark)))
        index.state.log_end = log_end
        index.state.counter = max(index.state.counter, counter)
        needed = index.needed_bytes
        for segment, change_bytes in self._needed.items():
            needed[segment] = needed.get(segment, 0) + change_bytes
        index.save(self._transaction, self._volumes, self._needed.keys())

    def _leave_old_places(self, records: Records) -> None:
        """Blobs that come again lie where they were damaged no more."""
        for inlined in records.inlined:
            place = self._index.pop_place(self._transaction, inlined.id)
            if place:
                self._needed[segment_of(place)] -= inlined.size_bytes

    def _inlined(self, records: Records, blobs_at: int) -> None:
        for inlined in records.inlined:
            self._index.put_place(self._transaction, inlined.id, blobs_at)
            self._needed[segment_of(blobs_at)] += inlined.size_bytes
            blobs_at += inlined.size_bytes

    def _put(self, volume: int, state: VolumeState, put: PutRecord, segment: int, taken: frozenset[int]) -> None:
        """`taken`: blobs that this change gives to entries, but for new ones."""
        index, transaction, key, blobs = self._index, self._transaction, put.key, put.blobs
        full = index.make(transaction, volume, key)
        old = transaction.get(full, db=index.entries)
        if old is not None:
            held = held_by(key, old)
            if held[0] > put.stamp:
                return
            # The same change once more brings the same blobs.
            again = held[0] == put.stamp
            self._release(held, frozenset([blob.id for blob in blobs]) if again else taken)
        else:
            state.entries += 1
        index.put_entry(transaction, full, pack_entry(put.sequence, put.stamp, segment, blobs, put.value))
        self._needed[segment] += record_bytes(key, len(put.value), len(blobs))
        for blob in blobs:
            index.state.stored_bytes += blob.size_bytes
        if taken:
            self._own_files(blobs)

    def _own_files(self, blobs: tuple[Blob, ...]) -> None:
        for blob in blobs:
            if self._transaction.get(blob.id.to_bytes(8, "big"), db=self._index.blobs) is None:
                self._index.put_place(self._transaction, blob.id, FILE_PLACE)

    def _delete(self, volume: int, state: VolumeState, delete: DeleteRecord, taken: frozenset[int]) -> None:
        key = delete.key
        transaction = self._transaction
        full = self._index.find(transaction, volume, key)
        old = transaction.get(full, db=self._index.entries) if full is not None else None
        if full is None or old is None:
            return
        held = held_by(key, old)
        if held[0] > delete.stamp:
            return
        self._index.delete_entry(transaction, full)
        if len(key) >= CHUNK_BYTES:
            self._index.prune(transaction, volume, key)
        state.entries -= 1
        self._release(held, taken)

    def _release(self, held: tuple[int, int, int, Sequence[tuple[int, int]]], taken: frozenset[int]) -> None:
        """An entry goes, and with it the blobs that nobody took."""
        index = self._index
        _, segment, record, blobs = held
        self._needed[segment] -= record
        for id, size_bytes in blobs:
            index.state.stored_bytes -= size_bytes
            if id in taken:
                continue
            place = index.pop_place(self._transaction, id)
            if place == FILE_PLACE:
                self.freed_files.append(id)
            elif place is not None:
                self._needed[segment_of(place)] -= size_bytes

    def _moved(self, volume: int, records: Records, place: int, blobs_at: int) -> None:
        """Records and blobs that are still what they were lie here now."""
        index, transaction, segment = self._index, self._transaction, segment_of(place)
        for put in records.puts:
            full = index.find(transaction, volume, put.key)
            old = transaction.get(full, db=index.entries) if full is not None else None
            if full is None or old is None or origin_of(old)[1] != put.stamp:
                continue
            needed = record_bytes(put.key, len(put.value), len(put.blobs))
            self._needed[origin_of(old)[2]] -= needed
            self._needed[segment] += needed
            index.put_entry(transaction, full, pack_entry(put.sequence, put.stamp, segment, put.blobs, put.value))
        for delete in records.deletes:
            self._needed[segment] += deletion_bytes(delete.key)
        for inlined in records.inlined:
            old_place = index.pop_place(transaction, inlined.id)
            if old_place is not None:
                self._needed[segment_of(old_place)] -= inlined.size_bytes
                self._needed[segment] += inlined.size_bytes
                index.put_place(transaction, inlined.id, blobs_at)
            blobs_at += inlined.size_bytes
