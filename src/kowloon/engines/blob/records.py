"""What a frame records: changes of a volume, and what zones know of each other. Kept as msgpack."""

from __future__ import annotations

import msgspec

from kowloon.engines.blob.base import Blob


class PutRecord(msgspec.Struct, array_like=True, frozen=True, gc=False):
    key: bytes
    value: bytes
    blobs: tuple[Blob, ...]
    sequence: int
    stamp: int


class DeleteRecord(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """`born`: the segment where the deletion was written first; older segments may still hold what it deleted.
    0: the segment of this record."""

    key: bytes
    stamp: int
    born: int = 0


class InlinedBlob(msgspec.Struct, array_like=True, frozen=True, gc=False):
    id: int
    size_bytes: int
    crc64: int


class Records(msgspec.Struct, array_like=True):
    """One atomic change of a volume that `zones` keep."""

    zones: tuple[str, ...]
    puts: list[PutRecord]
    deletes: list[DeleteRecord]
    inlined: list[InlinedBlob]


class GroupState(msgspec.Struct, array_like=True, frozen=True):
    """What a zone knows of the zones that keep copies with it: which of them have everything that was acknowledged,
    in the `epoch`th version of that set. `watermark`: the last change of theirs that is here."""

    zones: tuple[str, ...]
    epoch: int
    in_sync: tuple[str, ...]
    watermark: int


encode_records = msgspec.msgpack.Encoder().encode
decode_records = msgspec.msgpack.Decoder(Records).decode
decode_group = msgspec.msgpack.Decoder(GroupState).decode
