"""How the index keeps an entry: sequence, stamp, segment and number of blobs, then the blobs, then the value."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Final

from kowloon.engines.blob.base import Blob, Entry

_ENTRY: Final = struct.Struct("<QQIH")
_BLOB: Final = struct.Struct("<QQQ?16s")
_ENTRY_OF_ONE: Final = struct.Struct("<QQIHQQQ?16s")
_BLOB_SIZE: Final = struct.Struct("<QQ")
_BLOB_COUNT: Final = struct.Struct("<H")
_ENTRY_BYTES: Final = _ENTRY.size
_BLOB_BYTES: Final = _BLOB.size
_BLOB_COUNT_AT: Final = _ENTRY_BYTES - _BLOB_COUNT.size
#: What a record takes in a segment besides key, value and blobs, about.
_RECORD_BYTES: Final = 80
_BLOB_RECORD_BYTES: Final = 55


def pack_entry(sequence: int, stamp: int, segment: int, blobs: tuple[Blob, ...], value: bytes) -> bytes:
    if len(blobs) == 1:
        (blob,) = blobs
        md5 = blob.md5
        return (
            _ENTRY_OF_ONE.pack(sequence, stamp, segment, 1, blob.id, blob.size_bytes, blob.crc64, md5 != b"", md5)
            + value
        )
    packed = _ENTRY.pack(sequence, stamp, segment, len(blobs))
    for blob in blobs:
        packed += _BLOB.pack(blob.id, blob.size_bytes, blob.crc64, bool(blob.md5), blob.md5)
    return packed + value


def unpack_entry(key: bytes, raw: bytes) -> Entry:
    sequence, _, _, count = _ENTRY.unpack_from(raw)
    if count == 1:
        id, size_bytes, check, has_md5, md5 = _BLOB.unpack_from(raw, _ENTRY_BYTES)
        blobs: tuple[Blob, ...] = (Blob(id, size_bytes, check, md5 if has_md5 else b""),)
        return Entry(key, raw[_ENTRY_BYTES + _BLOB_BYTES :], blobs, sequence)
    if count == 0:
        return Entry(key, raw[_ENTRY_BYTES:], (), sequence)
    end = _ENTRY_BYTES + count * _BLOB_BYTES
    return Entry(key, raw[end:], _unpack_blobs(raw, end), sequence)


def value_of(raw: bytes) -> bytes:
    """The value alone, for lists of thousands."""
    count = raw[_BLOB_COUNT_AT]
    if raw[_BLOB_COUNT_AT + 1]:
        (count,) = _BLOB_COUNT.unpack_from(raw, _BLOB_COUNT_AT)
    return raw[_ENTRY_BYTES + count * _BLOB_BYTES :]


def _unpack_blobs(raw: bytes, end: int) -> tuple[Blob, ...]:
    return tuple(
        Blob(id, size_bytes, check, md5 if has_md5 else b"")
        for id, size_bytes, check, has_md5, md5 in _BLOB.iter_unpack(raw[_ENTRY_BYTES:end])
    )


def blobs_of(raw: bytes) -> tuple[Blob, ...]:
    count = _ENTRY.unpack_from(raw)[3]
    return _unpack_blobs(raw, _ENTRY_BYTES + count * _BLOB_BYTES) if count else ()


def held_by(key: bytes, raw: bytes) -> tuple[int, int, int, Sequence[tuple[int, int]]]:
    """What an entry has: its stamp, its segment, what its record takes there, and id and size of each of its blobs."""
    if raw[_BLOB_COUNT_AT] == 1 and not raw[_BLOB_COUNT_AT + 1]:
        _, stamp, segment, count, id, size_bytes, _, _, _ = _ENTRY_OF_ONE.unpack_from(raw)
        blobs: Sequence[tuple[int, int]] = ((id, size_bytes),)
    else:
        _, stamp, segment, count = _ENTRY.unpack_from(raw)
        end = _ENTRY_BYTES + count * _BLOB_BYTES
        blobs = [_BLOB_SIZE.unpack_from(raw, at) for at in range(_ENTRY_BYTES, end, _BLOB_BYTES)]
    value_bytes = len(raw) - _ENTRY_BYTES - count * _BLOB_BYTES
    return stamp, segment, record_bytes(key, value_bytes, count), blobs


def origin_of(raw: bytes) -> tuple[int, int, int]:
    """Sequence, stamp and segment of an entry."""
    sequence, stamp, segment, _ = _ENTRY.unpack_from(raw)
    return sequence, stamp, segment


def record_bytes(key: bytes, value_bytes: int, blobs: int) -> int:
    """What the record of an entry takes in its segment, about."""
    return _RECORD_BYTES + len(key) + value_bytes + _BLOB_RECORD_BYTES * blobs


def deletion_bytes(key: bytes) -> int:
    """What a deletion takes that must be kept, about."""
    return _RECORD_BYTES + len(key)


def record_bytes_of(key: bytes, raw: bytes) -> int:
    count = _ENTRY.unpack_from(raw)[3]
    return record_bytes(key, len(raw) - _ENTRY_BYTES - count * _BLOB_BYTES, count)
