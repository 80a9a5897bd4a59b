"""What is written to a zone's segments: frames, each one atomic change with the small blobs that it brings.

    header   magic, kind, size of the records, size of the blobs, stamp, volume, end of what was surely on disk
    check    CRC-64 over the zone's secret, the header and the records (each blob has its own, so damage costs only it)
    records  msgpack of `Records` or `GroupState`
    blobs    the bytes of `Records.inlined`, in order

A *stamp* orders what happened to a key in one zone: the record with the highest stamp holds, wherever it lies, so a
record may be moved to another segment as it is. A *place* is one number: segment and offset. The secret keeps what
looks like a frame inside somebody's bytes from being taken for one.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from enum import IntEnum
from typing import Any, Final, NamedTuple

from fastcrc import crc64

from kowloon.engines.blob.records import GroupState, InlinedBlob, Records, decode_group, decode_records

FORMAT_VERSION: Final = 1
MAGIC: Final = b"KwB\x01"
_HEADER: Final = struct.Struct("<4sBIIQQQ")
_CHECK: Final = struct.Struct("<Q")
HEAD_BYTES: Final = _HEADER.size + _CHECK.size
_OFFSET_BITS: Final = 40


def place_of(segment: int, offset: int) -> int:
    return segment << _OFFSET_BITS | offset


def segment_of(place: int) -> int:
    return place >> _OFFSET_BITS


def offset_of(place: int) -> int:
    return place & ((1 << _OFFSET_BITS) - 1)


class Kind(IntEnum):
    """CHANGE: somebody's commit. REPAIR: what healing made equal. MOVED: records that compaction carried over, with
    the stamps they had. GROUP: what the zones of a layout know of each other."""

    CHANGE = 1
    REPAIR = 2
    MOVED = 3
    GROUP = 4


def head(kind: Kind, records: bytes, blob_bytes: int, stamp: int, volume: int, synced: int, secret: int) -> bytes:
    header = _HEADER.pack(MAGIC, kind, len(records), blob_bytes, stamp, volume, synced)
    return header + _CHECK.pack(crc64.xz(records, crc64.xz(header, secret)))


class Frame(NamedTuple):
    """A frame as it lies in a segment; `blobs_at` is where its blobs begin."""

    kind: Kind
    stamp: int
    volume: int
    synced: int
    offset: int
    blobs_at: int
    end: int
    records: bytes

    def changes(self) -> Records:
        return decode_records(self.records)

    def group(self) -> GroupState:
        return decode_group(self.records)


class FrameReader:
    """Frames of one zone, as they lie in a segment."""

    def __init__(self, secret: int) -> None:
        self._secret = secret

    def at(self, data: memoryview, offset: int) -> Frame | None:
        """None: no whole frame begins there."""
        records_at = offset + HEAD_BYTES
        if records_at > len(data):
            return None
        header = bytes(data[offset : offset + _HEADER.size])
        magic, kind, records_bytes, blob_bytes, stamp, volume, synced = _HEADER.unpack(header)
        blobs_at = records_at + records_bytes
        if magic != MAGIC or blobs_at + blob_bytes > len(data):
            return None
        records = bytes(data[records_at:blobs_at])
        if _CHECK.unpack_from(data, offset + _HEADER.size)[0] != crc64.xz(records, crc64.xz(header, self._secret)):
            return None
        return Frame(Kind(kind), stamp, volume, synced, offset, blobs_at, blobs_at + blob_bytes, records)

    def follow(self, data: memoryview, offset: int = 0) -> Iterator[Frame]:
        """Whole frames from `offset` on, as far as they follow each other."""
        while (frame := self.at(data, offset)) is not None:
            yield frame
            offset = frame.end

    def next(self, data: memoryview, offset: int) -> Frame | None:
        """The first whole frame at or after `offset`, for getting past damage."""
        # Bytes or a map of a file.
        raw: Any = data.obj
        while (offset := raw.find(MAGIC, offset)) >= 0:
            frame = self.at(data, offset)
            if frame is not None:
                return frame
            offset += 1
        return None


def blobs_are_whole(data: memoryview, frame: Frame, inlined: Sequence[InlinedBlob]) -> bool:
    at = frame.blobs_at
    for blob in inlined:
        if crc64.xz(bytes(data[at : at + blob.size_bytes])) != blob.crc64:
            return False
        at += blob.size_bytes
    return True
