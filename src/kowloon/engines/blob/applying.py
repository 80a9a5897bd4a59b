"""What a frame does to a zone's index: the same when it was just written and when it is read again at the start."""

from __future__ import annotations

from typing import Any

import msgspec

from kowloon.engines.blob.base import Blob
from kowloon.engines.blob.frames import DeleteRecord, GroupState, Kind, PutRecord, Records, segment_of
from kowloon.engines.blob.index import (
    CHUNK_BYTES,
    FILE_PLACE,
    Index,
    VolumeState,
    blobs_of,
    deletion_bytes,
    origin_of,
    pack_entry,
    record_bytes,
    record_bytes_of,
)


class Applying:
    """One transaction's worth of frames. `freed_files` are for after its commit."""

    def __init__(self, index: Index, transaction: Any) -> None:
        self._index = index
        self._transaction = transaction
        self._volumes: set[int] = set()
        self._segments: set[int] = set()
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
        taken: frozenset[int] = frozenset()
        if len(records.inlined) < sum([len(put.blobs) for put in puts]):
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
        index.save(self._transaction, self._volumes, self._segments)

    def _leave_old_places(self, records: Records) -> None:
        """Blobs that come again lie where they were damaged no more."""
        for id, size_bytes, _ in records.inlined:
            place = self._index.pop_place(self._transaction, id)
            if place:
                self._need(segment_of(place), -size_bytes)

    def _inlined(self, records: Records, blobs_at: int) -> None:
        for id, size_bytes, _ in records.inlined:
            self._index.put_place(self._transaction, id, blobs_at)
            self._need(segment_of(blobs_at), size_bytes)
            blobs_at += size_bytes

    def _put(self, volume: int, state: VolumeState, put: PutRecord, segment: int, taken: frozenset[int]) -> None:
        key, value, blobs, sequence, stamp = put
        transaction = self._transaction
        full = self._index.make(transaction, volume, key)
        old = transaction.get(full, db=self._index.entries)
        if old is not None:
            if origin_of(old)[1] > stamp:
                return
            self._release(key, old, taken or frozenset([blob.id for blob in blobs]))
        else:
            state.entries += 1
        transaction.put(full, pack_entry(sequence, stamp, segment, blobs, value), db=self._index.entries)
        self._need(segment, record_bytes(key, len(value), len(blobs)))
        stored_bytes = 0
        for blob in blobs:
            stored_bytes += blob.size_bytes
        self._index.state.stored_bytes += stored_bytes
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
        if old is None or origin_of(old)[1] > delete.stamp:
            return
        transaction.delete(full, db=self._index.entries)
        if len(key) >= CHUNK_BYTES:
            self._index.prune(transaction, volume, key)
        state.entries -= 1
        self._release(key, old, taken)

    def _release(self, key: bytes, raw: bytes, taken: frozenset[int]) -> None:
        """An entry goes, and with it the blobs that nobody took."""
        self._need(origin_of(raw)[2], -record_bytes_of(key, raw))
        for blob in blobs_of(raw):
            self._index.state.stored_bytes -= blob.size_bytes
            if blob.id in taken:
                continue
            place = self._index.pop_place(self._transaction, blob.id)
            if place == FILE_PLACE:
                self.freed_files.append(blob.id)
            elif place is not None:
                self._need(segment_of(place), -blob.size_bytes)

    def _moved(self, volume: int, records: Records, place: int, blobs_at: int) -> None:
        """Records and blobs that are still what they were lie here now."""
        index, transaction, segment = self._index, self._transaction, segment_of(place)
        for key, value, blobs, sequence, stamp in records.puts:
            full = index.find(transaction, volume, key)
            old = transaction.get(full, db=index.entries) if full is not None else None
            if old is None or origin_of(old)[1] != stamp:
                continue
            needed = record_bytes(key, len(value), len(blobs))
            self._need(origin_of(old)[2], -needed)
            self._need(segment, needed)
            transaction.put(full, pack_entry(sequence, stamp, segment, blobs, value), db=index.entries)
        for delete in records.deletes:
            self._need(segment, deletion_bytes(delete.key))
        for id, size_bytes, _ in records.inlined:
            old_place = index.pop_place(transaction, id)
            if old_place is not None:
                self._need(segment_of(old_place), -size_bytes)
                self._need(segment, size_bytes)
                index.put_place(transaction, id, blobs_at)
            blobs_at += size_bytes

    def _need(self, segment: int, size_bytes: int) -> None:
        needed = self._index.needed_bytes
        needed[segment] = needed.get(segment, 0) + size_bytes
        self._segments.add(segment)
