"""What an object store gives its product: ordered entries with bytes attached, kept in one zone or in three.

A *volume* is the space of one bucket: entries by key, in byte order, each with a small `value` that the product
encodes itself and any number of blobs (the bytes of an object, or of its parts, in order). A commit is one atomic,
ordered change of one volume; it is acknowledged once a quorum of the volume's zones has it. Zones fail by `ZoneMode`.

All calls are made on the event loop. What was submitted is seen by `get` and `scan` at once, so a decision and its
`commit` need only be made without an await in between; an answer that shows an entry which is still `pending` waits
for `settled` first, or a crash could take back what a client has seen.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager
from enum import StrEnum
from pathlib import Path
from typing import Protocol

import msgspec

from kowloon.wire.http import FileSlice


class BlobError(Exception):
    """The store could not do as asked; the message is for people."""


class ZoneUnavailable(BlobError):
    """Too few zones of the layout can be read or written now. `zones`: those that are missing."""

    def __init__(self, zones: Sequence[str], message: str) -> None:
        super().__init__(message)
        self.zones = tuple(zones)


class ZoneReadOnly(ZoneUnavailable):
    """Reading works; too few zones of the layout take writes."""


class DamagedBlob(BlobError):
    """No copy that can be reached has the bytes that were written."""


class ZoneMode(StrEnum):
    """What a zone's storage does. SLOW serves everything, after the delay that was set with it."""

    SERVING = "serving"
    SLOW = "slow"
    READ_ONLY = "read_only"
    UNREADABLE = "unreadable"
    STOPPED = "stopped"


class Layout(msgspec.Struct, frozen=True):
    """The zones that keep a volume: one (LRS) or three (ZRS)."""

    zones: tuple[str, ...]

    @property
    def quorum(self) -> int:
        """Copies that must be written before a change is acknowledged."""
        return len(self.zones) // 2 + 1


class Blob(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Bytes that are written once and never changed. `id` is unique in the store; `md5` is the raw digest."""

    id: int
    size_bytes: int
    crc64: int
    md5: bytes = b""


class FreshBlob(Blob, frozen=True, array_like=True):
    """A small duplicate that is not committed yet, with its bytes."""

    data: bytes = b""


class Entry(msgspec.Struct, frozen=True, gc=False):
    """One entry of a volume as it is now. `sequence` grows with every commit of the store."""

    key: bytes
    value: bytes
    blobs: tuple[Blob, ...]
    sequence: int


class Put(msgspec.Struct, frozen=True, gc=False):
    """Write an entry. Its blobs are bytes to keep (small ones, written with the entry), blobs of a finished writer,
    or blobs of an entry that the same commit overwrites or deletes (they move), or blobs from `Volume.duplicate`."""

    key: bytes
    value: bytes
    blobs: tuple[Blob | bytes, ...] = ()


class Delete(msgspec.Struct, frozen=True, gc=False):
    """Remove an entry and the blobs that no `Put` of the same commit takes over. A missing one is fine."""

    key: bytes


Change = Put | Delete


class BlobWriter(Protocol):
    """Takes the bytes of one large blob as they arrive; hashes and writes them off the loop."""

    def write(self, piece: bytes) -> None:
        """Never blocks; raises ZoneUnavailable when the zones are gone by now."""
        ...

    def room(self) -> asyncio.Future[None] | None:
        """None while more may be written; else what to wait for before the next piece."""
        ...

    async def finish(self) -> Blob:
        """All bytes are in the files of a quorum of zones (flushed to disk if the store is durable)."""
        ...

    def abort(self) -> None:
        """Forget the bytes; also right after `finish` when the blob will not be committed."""
        ...


class Watch(Protocol):
    """Of a range of entries that is read with waits in between, for a commit that builds on all of it."""

    def changed(self) -> Collection[bytes] | None:
        """Keys of the range that may be otherwise by now than they were at the last call; None: any of them may."""
        ...


class Volume(Protocol):
    """The space of one bucket. Raises ZoneUnavailable where too few zones are left for the call."""

    id: int
    layout: Layout

    def get(self, key: bytes) -> Entry | None: ...

    def scan(self, start: bytes, end: bytes | None = None, *, reverse: bool = False) -> Iterator[Entry]:
        """Entries with start <= key < end in byte order. Lives only until the next await of its user."""
        ...

    def values(self, start: bytes, end: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Keys and values alone, forward: for lists of thousands, at half the cost."""
        ...

    def watch(self, start: bytes, end: bytes) -> AbstractContextManager[Watch]: ...

    def commit(self, changes: Sequence[Change]) -> asyncio.Future[None]:
        """All changes or none, after everything that was submitted before. The future ends when a quorum has them
        (on disk if the store is durable), or with a BlobError: then whether they happened is not known yet."""
        ...

    @property
    def is_settled(self) -> bool:
        """Whether nothing is pending."""
        ...

    def pending(self, key: bytes) -> bool:
        """Whether the entry (or its absence) is submitted and not acknowledged yet."""
        ...

    def settled(self) -> asyncio.Future[None]:
        """Ends when everything submitted so far is acknowledged or has failed."""
        ...

    def read(self, blob: Blob, offset: int = 0, size_bytes: int | None = None) -> bytes:
        """For small blobs and short ranges. Raises DamagedBlob where a checked read (a whole small blob) fails on
        every copy."""
        ...

    def slices(self, blob: Blob, offset: int = 0, size_bytes: int | None = None) -> list[FileSlice]:
        """The same bytes as open file ranges, for sending without a copy. Whoever gets them closes them; they stay
        readable after the blob is deleted."""
        ...

    def writer(self) -> BlobWriter: ...

    async def pour(self, blob: Blob, writer: BlobWriter, offset: int, size_bytes: int) -> None:
        """Those bytes of a blob to a writer, read off the loop. Raises DamagedBlob where they are not all there."""
        ...

    def release(self, files: Sequence[FileSlice]) -> None:
        """Close what `slices` opened and nobody will send."""
        ...

    async def duplicate(self, source: Volume, blob: Blob) -> Blob:
        """A copy for an entry of this volume, without reading the bytes where the files can be shared."""
        ...

    def forget(self, blob: Blob) -> None:
        """A duplicate that will not be committed."""
        ...


class ZoneReport(msgspec.Struct, frozen=True, kw_only=True):
    """One zone's storage for people. `behind`: entries that other zones have and this one is still to copy."""

    zone: str
    mode: ZoneMode
    delay_s: float
    entries: int
    stored_bytes: int
    dead_bytes: int
    behind: int


class ScrubReport(msgspec.Struct, frozen=True, kw_only=True):
    """What a check of every blob against its checksum found. `repaired` came from another zone; `lost` could not."""

    zone: str
    checked: int
    damaged: int
    repaired: int
    lost: int


class ObjectStorage(Protocol):
    """All zones of one cloud. A zone's part is opened when something is first kept there."""

    #: A blob of at most this many bytes may be given to `Put` as bytes; larger ones need a writer.
    small_bytes: int
    #: Of the zones that do not simply serve.
    modes: dict[str, ZoneMode]

    def volume(self, id: int, layout: Layout) -> Volume: ...

    async def drop(self, id: int, layout: Layout) -> None:
        """Remove a volume and everything in it."""
        ...

    def set_mode(self, zone: str, mode: ZoneMode, delay_s: float = 0.0) -> None:
        """What a fault does to a zone. Back in SERVING, a zone that missed something is healed by itself."""
        ...

    def mode(self, zone: str) -> ZoneMode: ...

    def delay_s(self, layout: Layout) -> float:
        """How long a call on that layout takes longer now: of the zones that answer it."""
        ...

    async def lose(self, zone: str) -> None:
        """The zone's disks are gone: its folder is removed, and opened anew empty."""
        ...

    async def heal(self) -> None:
        """Returns when every serving zone has everything that its layouts ask for, or nobody has it."""
        ...

    async def scrub(self, zone: str) -> ScrubReport: ...

    def report(self) -> list[ZoneReport]: ...

    async def open(self) -> None:
        """Bring back what the folder holds: indexes are rebuilt from data where they are missing or damaged."""
        ...

    async def close(self) -> None: ...

    def keep(self, target: Path) -> Awaitable[None]:
        """All zones as they are now, in a folder that is empty: what `stage` takes. It is there when it was waited for;
        OSError: it could not be written."""
        ...

    async def stage(self, source: Path) -> None:
        """What `keep` has left, opened beside the zones. Nothing is healed until `exchange` or `unstage`; the latter is
        called in any case. ConfigurationError: it cannot be taken up."""
        ...

    async def unstage(self) -> None:
        """What is staged still is removed."""
        ...

    def exchange(self) -> Awaitable[object]:
        """What is staged instead of everything, at once; what is waited for is only that the old bytes are removed."""
        ...

    async def wipe(self) -> None:
        """Everything gone, for a reset."""
        ...
