"""An index made anew from a zone's segments and files.

Entries come first, the record with the highest stamp of each key. Blobs may have been moved before or after the record
of the entry that has them now, so where they are is noted on the way and looked up at the end; what nobody has is dead.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kowloon.engines.blob.frames import Frame, Kind, place_of, segment_of
from kowloon.engines.blob.index import CHUNK_BYTES, FILE_PLACE, Index
from kowloon.engines.blob.index_state import VolumeState
from kowloon.engines.blob.packing import blobs_of, deletion_bytes, origin_of, pack_entry, record_bytes_of
from kowloon.engines.blob.records import GroupState

_ENTRIES_AT_ONCE = 5000
# What the place of a blob takes in the index, about.
_PLACE_BYTES = 64


class Rebuilding:
    """Of one empty index; it counts as complete only after `finish`."""

    def __init__(self, index: Index, files: Path) -> None:
        self._index = index
        self._files = files
        self._places = index.environment.open_db(b"places")
        self._largest = 0

    def add(self, frames: Sequence[tuple[int, Frame]]) -> None:
        # The places of blobs take no more than what says that they are there.
        self._index.make_room(2 * sum(len(frame.records) for _, frame in frames))
        with self._index.write() as transaction:
            for number, frame in frames:
                self._largest = max(self._largest, frame.stamp)
                if frame.kind is Kind.GROUP:
                    self._group(frame.group())
                else:
                    self._records(transaction, number, frame)

    def _group(self, group: GroupState) -> None:
        known = self._index.groups.get(group.zones)
        if known is None or group.epoch >= known.epoch:
            watermark = max(group.watermark, known.watermark if known is not None else 0)
            self._index.groups[group.zones] = GroupState(group.zones, group.epoch, group.in_sync, watermark)

    def _records(self, transaction: Any, number: int, frame: Frame) -> None:
        index = self._index
        records = frame.changes()
        volume = frame.volume
        index.volumes.setdefault(volume, VolumeState(records.zones))
        if frame.kind is Kind.CHANGE and len(records.zones) > 1:
            known = index.groups.get(records.zones) or GroupState(records.zones, 0, records.zones, 0)
            watermark = max(known.watermark, frame.stamp)
            index.groups[records.zones] = GroupState(known.zones, known.epoch, known.in_sync, watermark)
        blobs_at = place_of(number, frame.blobs_at)
        for inlined in records.inlined:
            transaction.put(inlined.id.to_bytes(8, "big"), blobs_at.to_bytes(8, "big"), db=self._places)
            self._largest = max(self._largest, inlined.id)
            blobs_at += inlined.size_bytes
        for put in records.puts:
            full = index.make(transaction, volume, put.key)
            old = transaction.get(full, db=index.entries)
            if old is None or origin_of(old)[1] <= put.stamp:
                index.put_entry(transaction, full, pack_entry(put.sequence, put.stamp, number, put.blobs, put.value))
            self._largest = max([self._largest, *(blob.id for blob in put.blobs)])
        for delete in records.deletes:
            key = delete.key
            if delete.born:
                index.needed_bytes[number] = index.needed_bytes.get(number, 0) + deletion_bytes(key)
            found = index.find(transaction, volume, key)
            old = transaction.get(found, db=index.entries) if found is not None else None
            if found is not None and old is not None and origin_of(old)[1] <= delete.stamp:
                index.delete_entry(transaction, found)
                if len(key) >= CHUNK_BYTES:
                    index.prune(transaction, volume, key)

    def finish(self, log_end: int) -> None:
        """Find the blobs of all entries, count everything, and call it complete."""
        index = self._index
        for volume, state in index.volumes.items():
            batch: list[tuple[bytes, bytes]] = []
            for found in index.scan(volume, b"", None):
                batch.append(found)
                if len(batch) == _ENTRIES_AT_ONCE:
                    self._count(state, batch)
                    batch = []
            self._count(state, batch)
        with index.write() as transaction:
            transaction.drop(self._places)
            for group in index.groups.values():
                index.save_group(transaction, group)
            index.state.log_end = log_end
            index.state.counter = self._largest
            index.save(transaction, set(index.volumes), set(index.needed_bytes))

    def _count(self, state: VolumeState, entries: list[tuple[bytes, bytes]]) -> None:
        index = self._index
        needed = index.needed_bytes
        index.make_room(_PLACE_BYTES * sum(len(blobs_of(raw)) for _, raw in entries))
        with index.write() as transaction:
            for key, raw in entries:
                state.entries += 1
                segment = origin_of(raw)[2]
                needed[segment] = needed.get(segment, 0) + record_bytes_of(key, raw)
                for blob in blobs_of(raw):
                    index.state.stored_bytes += blob.size_bytes
                    found = transaction.get(blob.id.to_bytes(8, "big"), db=self._places)
                    if found is not None:
                        place = int.from_bytes(found, "big")
                        needed[segment_of(place)] = needed.get(segment_of(place), 0) + blob.size_bytes
                        index.put_place(transaction, blob.id, place)
                    elif (self._files / f"{blob.id:016x}").exists():
                        index.put_place(transaction, blob.id, FILE_PLACE)
