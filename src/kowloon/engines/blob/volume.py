"""The space of one bucket, over the zones that keep it."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final, TypeVar

from fastcrc import crc64

from kowloon.engines.blob.base import (
    Blob,
    BlobError,
    BlobWriter,
    Change,
    DamagedBlob,
    Entry,
    FreshBlob,
    Layout,
    Put,
    Volume,
)
from kowloon.engines.blob.copies import Commit, Copies
from kowloon.engines.blob.part import Counter, ZonePart
from kowloon.engines.blob.records import DeleteRecord, InlinedBlob, PutRecord, Records
from kowloon.wire.http import FileSlice

SMALL_BYTES: Final = 128 * 1024
_PIECE_BYTES: Final = 1024 * 1024

T = TypeVar("T")


class RangeWatch:
    """See `base.Watch`."""

    def __init__(self, copies: Copies, start: bytes, end: bytes) -> None:
        self._copies = copies
        self._start, self._end = start, end
        self._touched: set[bytes] = set()
        self._seen = self._view()

    def _view(self) -> tuple[ZonePart, int]:
        """Who answers, and how often it has taken back what it had shown."""
        part = self._copies.reader()
        return part, part.failures

    def touch(self, keys: Iterable[bytes]) -> None:
        start, end = self._start, self._end
        self._touched.update(key for key in keys if start <= key < end)

    def changed(self) -> set[bytes] | None:
        touched, self._touched = self._touched, set()
        before, self._seen = self._seen, self._view()
        return touched if self._seen == before else None


class CopiedVolume:
    """See `base.Volume`."""

    def __init__(self, id: int, copies: Copies, counter: Counter, open_writer: Callable[[Copies], BlobWriter]) -> None:
        self.id = id
        self.layout: Layout = copies.layout
        self._copies = copies
        self._counter = counter
        self._open_writer = open_writer
        self._pending: dict[bytes, Commit] = {}
        self._outstanding: dict[Commit, None] = {}
        self._watches: list[RangeWatch] = []

    def get(self, key: bytes) -> Entry | None:
        return self._copies.reader().get(self.id, key)

    def scan(self, start: bytes, end: bytes | None = None, *, reverse: bool = False) -> Iterator[Entry]:
        return self._copies.reader().scan(self.id, start, end, reverse)

    def values(self, start: bytes, end: bytes) -> Iterator[tuple[bytes, bytes]]:
        return self._copies.reader().values(self.id, start, end)

    @contextlib.contextmanager
    def watch(self, start: bytes, end: bytes) -> Iterator[RangeWatch]:
        watch = RangeWatch(self._copies, start, end)
        self._watches.append(watch)
        try:
            yield watch
        finally:
            self._watches.remove(watch)

    def commit(self, changes: Sequence[Change]) -> asyncio.Future[None]:
        # Before anything is numbered: whether it can be written at all.
        able = self._copies.writers()
        counter = self._counter
        sequence = counter.next()
        puts: list[PutRecord] = []
        deletes: list[DeleteRecord] = []
        inlined: list[InlinedBlob] = []
        data: list[bytes] = []
        given: set[int] = set()
        entries: dict[bytes, Entry | None] = {}
        for change in changes if len(changes) == 1 else {change.key: change for change in changes}.values():
            key = change.key
            if not isinstance(change, Put):
                deletes.append(DeleteRecord(key, sequence))
                entries[key] = None
                continue
            blobs = []
            for blob in change.blobs:
                if isinstance(blob, bytes):
                    if len(blob) > SMALL_BYTES:
                        raise ValueError(f"a blob of {len(blob)} bytes needs a writer")
                    made = Blob(counter.next(), len(blob), crc64.xz(blob))
                    content = blob
                elif isinstance(blob, FreshBlob):
                    made = Blob(blob.id, blob.size_bytes, blob.crc64, blob.md5)
                    content = blob.data
                else:
                    given.add(blob.id)
                    blobs.append(blob)
                    continue
                inlined.append(InlinedBlob(made.id, made.size_bytes, made.crc64))
                data.append(content)
                blobs.append(made)
            kept = tuple(blobs)
            puts.append(PutRecord(key, change.value, kept, sequence, sequence))
            entries[key] = Entry(key, change.value, kept, sequence)
        files = self._files_of(given, entries) if given else ()
        records = Records(self.layout.zones, puts, deletes, inlined)
        commit = self._copies.submit(able, self.id, sequence, records, data, entries, files, self._acknowledged)
        for key in entries:
            self._pending[key] = commit
        self._outstanding[commit] = None
        for watch in self._watches:
            watch.touch(entries)
        return commit.future

    def _files_of(self, given: set[int], entries: dict[bytes, Entry | None]) -> Sequence[int]:
        """The blobs that are new. The others must come from entries that this change ends, or two would own them."""
        part = self._copies.reader()
        for key in entries:
            old = part.get(self.id, key)
            if old is not None:
                given.difference_update(blob.id for blob in old.blobs)
        return tuple(given)

    def _acknowledged(self, commit: Commit) -> None:
        pending = self._pending
        for key in commit.entries:
            if pending.get(key) is commit:
                del pending[key]
        self._outstanding.pop(commit, None)

    @property
    def is_settled(self) -> bool:
        return not self._pending

    def pending(self, key: bytes) -> bool:
        return key in self._pending

    def settled(self) -> asyncio.Future[None]:
        settled: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiting = len(self._outstanding)
        if not waiting:
            settled.set_result(None)

        def one_less(_: asyncio.Future[None]) -> None:
            nonlocal waiting
            waiting -= 1
            if not waiting and not settled.done():
                settled.set_result(None)

        for commit in self._outstanding:
            commit.future.add_done_callback(one_less)
        return settled

    def read(self, blob: Blob, offset: int = 0, size_bytes: int | None = None) -> bytes:
        if offset or size_bytes != blob.size_bytes:
            size_bytes = _range(blob, offset, size_bytes)
        # `isinstance` of a struct takes long where the answer is no.
        if type(blob) is FreshBlob:
            return blob.data[offset : offset + size_bytes]
        try:
            return self._copies.reader().read(blob, offset, size_bytes)
        except DamagedBlob:
            return self._from_another(lambda part: part.read(blob, offset, size_bytes))

    def slices(self, blob: Blob, offset: int = 0, size_bytes: int | None = None) -> list[FileSlice]:
        size_bytes = _range(blob, offset, size_bytes)
        try:
            return [self._copies.reader().slice(blob, offset, size_bytes)]
        except DamagedBlob:
            return [self._from_another(lambda part: part.slice(blob, offset, size_bytes))]

    def _from_another(self, ask: Callable[[ZonePart], T]) -> T:
        """The zone that was asked first has it damaged."""
        _, *others = self._copies.readers()
        for part in others:
            try:
                return ask(part)
            except DamagedBlob:
                continue
        raise DamagedBlob("no zone that can be read has these bytes as they were written")

    def writer(self) -> BlobWriter:
        return self._open_writer(self._copies)

    async def pour(self, blob: Blob, writer: BlobWriter, offset: int, size_bytes: int) -> None:
        loop = asyncio.get_running_loop()
        files = self.slices(blob, offset, size_bytes)
        try:
            for file in files:
                for at in range(0, file.size_bytes, _PIECE_BYTES):
                    length = min(_PIECE_BYTES, file.size_bytes - at)
                    piece = await loop.run_in_executor(None, os.pread, file.descriptor, length, file.offset + at)
                    if len(piece) != length:
                        raise DamagedBlob(f"blob {blob.id} is shorter than it should be")
                    writer.write(piece)
                    room = writer.room()
                    if room is not None:
                        await room
        finally:
            self.release(files)

    def release(self, files: Sequence[FileSlice]) -> None:
        for descriptor in {file.descriptor for file in files}:
            os.close(descriptor)

    async def duplicate(self, source: Volume, blob: Blob) -> Blob:
        if blob.size_bytes <= SMALL_BYTES:
            data = source.read(blob)
            return FreshBlob(self._counter.next(), blob.size_bytes, blob.crc64, blob.md5, data)
        return await self._duplicate_large(source, blob)

    async def _duplicate_large(self, source: Volume, blob: Blob) -> Blob:
        id = self._counter.next()
        (original,) = source.slices(blob)
        targets = self._copies.writing_parts()
        try:
            run = asyncio.get_running_loop().run_in_executor
            done = await asyncio.gather(
                *(run(None, part.duplicate_file, blob, id, original) for part in targets), return_exceptions=True
            )
        finally:
            os.close(original.descriptor)
        good = [part for part, problem in zip(targets, done, strict=True) if problem is None]
        for part in good:
            part.unowned.add(id)
        if len(good) < self.layout.quorum:
            for part in good:
                part.forget(id)
            raise BlobError(f"the blob could not be copied: {next(problem for problem in done if problem is not None)}")
        return Blob(id, blob.size_bytes, blob.crc64, blob.md5)

    def forget(self, blob: Blob) -> None:
        """A finished or duplicated blob that will not be committed."""
        self._copies.forget([blob.id])


def _range(blob: Blob, offset: int, size_bytes: int | None) -> int:
    """Within the blob."""
    if size_bytes is None:
        size_bytes = blob.size_bytes - offset
    if offset < 0 or size_bytes < 0 or offset + size_bytes > blob.size_bytes:
        raise ValueError(f"{offset} + {size_bytes} is outside of a blob of {blob.size_bytes} bytes")
    return size_bytes
