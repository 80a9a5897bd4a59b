"""Storages for tests, and what is in them."""

from __future__ import annotations

import contextlib
import os
from collections.abc import AsyncIterator
from pathlib import Path

from kowloon.core.clock import Clock
from kowloon.engines.blob.base import Blob, Entry, Layout, Put, Volume
from kowloon.engines.blob.storage import ZonedStorage

LRS = Layout(("zone-a",))
ZRS = Layout(("zone-a", "zone-b", "zone-c"))


@contextlib.asynccontextmanager
async def storage(
    folder: Path | None, *, durable: bool = False, segment_bytes: int = 1 << 28
) -> AsyncIterator[ZonedStorage]:
    made = ZonedStorage(folder, durable=durable, clock=Clock(), segment_bytes=segment_bytes)
    await made.open()
    try:
        yield made
    finally:
        await made.close()


async def large(volume: Volume, data: bytes) -> Blob:
    """Through a writer, in pieces."""
    writer = volume.writer()
    for start in range(0, len(data), 100_000):
        writer.write(data[start : start + 100_000])
        room = writer.room()
        if room is not None:
            await room
    return await writer.finish()


async def put(volume: Volume, key: bytes, *data: bytes, value: bytes = b"") -> Entry:
    await volume.commit([Put(key, value, data)])
    entry = volume.get(key)
    assert entry is not None
    return entry


def bytes_of(volume: Volume, entry: Entry) -> list[bytes]:
    return [volume.read(blob) for blob in entry.blobs]


def sent(volume: Volume, blob: Blob, offset: int = 0, size_bytes: int | None = None) -> bytes:
    """What a client would get through `slices`."""
    data = b""
    for piece in volume.slices(blob, offset, size_bytes):
        data += os.pread(piece.descriptor, piece.size_bytes, piece.offset)
        os.close(piece.descriptor)
    return data


def contents(volume: Volume) -> dict[bytes, tuple[bytes, list[bytes]]]:
    return {entry.key: (entry.value, bytes_of(volume, entry)) for entry in volume.scan(b"")}


def contents_in(made: ZonedStorage, zone: str, volume: int) -> dict[bytes, tuple[int, bytes, list[bytes]]]:
    """What one zone itself has."""
    part = made.part(zone)
    return {
        entry.key: (entry.sequence, entry.value, [part.read(blob, 0, blob.size_bytes) for blob in entry.blobs])
        for entry in part.scan(volume, b"", None, False)
    }


async def settled(made: ZonedStorage, layout: Layout) -> None:
    """Every zone has everything, not only a quorum."""
    for zone in layout.zones:
        await made.part(zone).settled()
