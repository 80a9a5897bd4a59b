"""Gets back the space of a segment that is more than half dead: what is still needed moves to the end of the log.

Records keep their stamps, so an index that is made anew ends up the same wherever they lie. A deletion must be kept as
long as an older segment is there that may hold what it deleted; where too many have to be, the oldest segment is next.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import NamedTuple, Protocol

from fastcrc import crc64

from kowloon.engines.blob.base import BlobError
from kowloon.engines.blob.frames import Frame, FrameReader, Kind, place_of
from kowloon.engines.blob.index import Index
from kowloon.engines.blob.packing import deletion_bytes, origin_of
from kowloon.engines.blob.records import DeleteRecord, GroupState, InlinedBlob, Records
from kowloon.engines.blob.segments import Segments

_RECORDS_AT_ONCE = 200
_BYTES_AT_ONCE = 512 * 1024


class Log(Protocol):
    """What compaction needs of a zone's store."""

    secret: int
    segments: Segments
    index: Index

    #: How many changes could not be written so far.
    failures: int

    def append_moved(self, volume: int, stamp: int, records: Records, blobs: list[bytes]) -> None: ...
    def append_group(self, state: GroupState) -> None: ...
    def is_pending(self, volume: int, key: bytes) -> bool: ...
    def settled(self) -> asyncio.Future[None]: ...
    async def remove_freed(self) -> None: ...
    async def forget_segment(self, number: int) -> None: ...


def most_dead(segments: Segments, index: Index, but: set[int]) -> int | None:
    """The segment that is worth compacting most, but not the one that grows and not those."""
    dead = {
        number: size_bytes - index.needed_bytes.get(number, 0)
        for number, size_bytes in segments.size_bytes.items()
        if number != segments.current and number not in but
    }
    worst = max(dead, key=dead.__getitem__, default=None)
    return worst if worst is not None and dead[worst] * 2 >= segments.size_bytes[worst] else None


class Piece(NamedTuple):
    """A frame of the segment, its records and the bytes of its blobs."""

    frame: Frame
    records: Records
    data: bytes


class Compaction:
    """Of one segment. `kept_bytes`: deletions that had to move along."""

    def __init__(self, log: Log, number: int) -> None:
        self._log = log
        self._number = number
        self._reader = FrameReader(log.secret)
        self._oldest_other = min((each for each in log.segments.size_bytes if each != number), default=number)
        self._failures = log.failures
        self.kept_bytes = 0

    async def run(self) -> bool:
        """Whether the segment is gone. One with damage in its frames stays. BlobError: it could not be done now."""
        log = self._log
        size_bytes = log.segments.size_bytes[self._number]
        offset = 0
        while offset < size_bytes:
            pieces, end = self._some(offset)
            if end == offset:
                return False
            offset = end
            # Whether something is still needed is only known once what was submitted is written.
            while any(log.is_pending(piece.frame.volume, key) for piece in pieces for key in _keys(piece.records)):
                await log.settled()
            for piece in pieces:
                self._move(piece)
            await log.settled()
            await asyncio.sleep(0)
        for state in list(log.index.groups.values()):
            log.append_group(state)
        await log.remove_freed()
        if log.failures != self._failures:
            raise BlobError("what is still needed could not be moved")
        await log.forget_segment(self._number)
        return True

    def _some(self, offset: int) -> tuple[list[Piece], int]:
        """The next pieces, and where the one after them begins."""
        pieces: list[Piece] = []
        start, count = offset, 0
        with self._log.segments.contents(self._number) as data:
            while count < _RECORDS_AT_ONCE and offset - start < _BYTES_AT_ONCE:
                frame = self._reader.at(data, offset)
                if frame is None:
                    break
                count += 1
                if frame.kind is not Kind.GROUP:
                    records = frame.changes()
                    count += len(records.puts) + len(records.deletes)
                    pieces.append(Piece(frame, records, bytes(data[frame.blobs_at : frame.end])))
                offset = frame.end
        return pieces, offset

    def _move(self, piece: Piece) -> None:
        frame, records, data = piece
        index = self._log.index
        puts = [put for put in records.puts if self._stamp(frame.volume, put.key) == put.stamp]
        deletes = [self._kept(delete) for delete in records.deletes if self._must_keep(frame.volume, delete)]
        inlined: list[InlinedBlob] = []
        blobs: list[bytes] = []
        at = 0
        for each in records.inlined:
            if index.place(each.id) == place_of(self._number, frame.blobs_at + at):
                blob = data[at : at + each.size_bytes]
                # Of the bytes as they are: if they are damaged, it is the entry's own checksum that says so.
                inlined.append(InlinedBlob(each.id, each.size_bytes, crc64.xz(blob)))
                blobs.append(blob)
            at += each.size_bytes
        if puts or deletes or inlined:
            self._log.append_moved(frame.volume, frame.stamp, Records(records.zones, puts, deletes, inlined), blobs)

    def _stamp(self, volume: int, key: bytes) -> int | None:
        raw = self._log.index.raw(volume, key)
        return origin_of(raw)[1] if raw is not None else None

    def _must_keep(self, volume: int, delete: DeleteRecord) -> bool:
        """Older segments may hold what it deleted, and no newer record says what became of that key."""
        if self._oldest_other > (delete.born or self._number):
            return False
        if self._stamp(volume, delete.key) is not None:
            return False
        self.kept_bytes += deletion_bytes(delete.key)
        return True

    def _kept(self, delete: DeleteRecord) -> DeleteRecord:
        return DeleteRecord(delete.key, delete.stamp, delete.born or self._number)


def _keys(records: Records) -> Iterator[bytes]:
    for put in records.puts:
        yield put.key
    for delete in records.deletes:
        yield delete.key
