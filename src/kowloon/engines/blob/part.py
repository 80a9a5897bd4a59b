"""One zone's store: segments, files and index of its own, and one queue, so that zones fail independently.

format            what this is, and the secret of its frames
opened            the boot in which it was opened last, while it is open
segments/         frames (`frames.py`)
files/            one file for each large blob, by id, never renamed
index/            LMDB, derived from the two
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import tempfile
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import lmdb
from fastcrc import crc64

from kowloon.engines.blob import recovery
from kowloon.engines.blob.applying import Applying
from kowloon.engines.blob.base import Blob, BlobError, DamagedBlob, Entry
from kowloon.engines.blob.compaction import Compaction, most_dead
from kowloon.engines.blob.frames import (
    HEAD_BYTES,
    GroupState,
    Kind,
    Records,
    encode_records,
    head,
    offset_of,
    segment_of,
)
from kowloon.engines.blob.index import FILE_PLACE, origin_of, unpack_entry, value_of
from kowloon.engines.blob.segments import SEGMENT_BYTES, flush
from kowloon.wire.http import FileSlice

_TIDY_EVERY_S = 1.0
_COPY_BYTES = 1 << 20


class Counter:
    """The last number that was used for a sequence, a stamp or a blob's id in this store."""

    def __init__(self) -> None:
        self.value = 0

    def next(self) -> int:
        self.value += 1
        return self.value


class Submission:
    """A frame on its way. `entries`: what is seen of it at once; `files`: whose blobs it gives to them; `report` hears
    how it ended."""

    __slots__ = ("blobs", "encoded", "entries", "files", "kind", "payload", "place", "report", "stamp", "volume")

    def __init__(
        self,
        kind: Kind,
        stamp: int,
        volume: int,
        payload: Records | GroupState,
        encoded: bytes,
        blobs: list[bytes],
        entries: dict[bytes, Entry | None],
        report: Callable[[BaseException | None], None],
    ) -> None:
        self.kind = kind
        self.stamp = stamp
        self.volume = volume
        self.payload = payload
        self.encoded = encoded
        self.blobs = blobs
        self.entries = entries
        self.report = report
        self.place = 0
        self.files: list[int] = []


class _Pending(NamedTuple):
    stamp: int
    entry: Entry | None


class ZonePart:
    """Belongs to one event loop. `broken`: why nothing can be done here until it is opened again."""

    def __init__(self, folder: Path, counter: Counter, *, durable: bool, segment_bytes: int = SEGMENT_BYTES) -> None:
        self.folder = folder
        self.files = folder / "files"
        self.broken: str | None = None
        #: Files of finished writers and duplicates that no entry has yet.
        self.unowned: set[int] = set()
        #: Those of them that a submitted change gives to an entry.
        self._claimed: set[int] = set()
        self.failures = 0
        self._counter = counter
        self._durable = durable
        self._queue: list[Submission] = []
        self._pending: dict[int, dict[bytes, _Pending]] = {}
        self._fresh: dict[int, bytes] = {}
        self._scheduled = False
        self._submitted = self._ended = 0
        self._waiters: deque[tuple[int, asyncio.Future[None]]] = deque()
        self._syncing: asyncio.Future[None] | None = None
        self._tidy_timer: asyncio.TimerHandle | None = None
        self._freed_files: list[int] = []
        self._compacting: asyncio.Task[None] | None = None
        #: Segments that could not be compacted: they have damage in them.
        self._stuck: set[int] = set()
        self._background: set[asyncio.Future[None]] = set()
        self.secret, self.segments, self.index, self.damaged_frames = recovery.recover(folder, segment_bytes)
        counter.value = max(counter.value, self.index.state.counter)

    # Reading: what was submitted is seen at once.

    def get(self, volume: int, key: bytes) -> Entry | None:
        pending = self._pending.get(volume)
        if pending is not None:
            found = pending.get(key)
            if found is not None:
                return found.entry
        return self.index.get(volume, key)

    def scan(self, volume: int, start: bytes, end: bytes | None, reverse: bool) -> Iterator[Entry]:
        stored = self.index.scan(volume, start, end, reverse)
        pending = self._pending.get(volume)
        if pending is not None:
            names = sorted((key for key in pending if start <= key and (end is None or key < end)), reverse=reverse)
            if names:
                return self._merged(stored, pending, names, reverse)
        return (unpack_entry(key, raw) for key, raw in stored)

    def values(self, volume: int, start: bytes, end: bytes) -> Iterator[tuple[bytes, bytes]]:
        """What `scan` gives, without blobs."""
        if self._pending.get(volume):
            return ((entry.key, entry.value) for entry in self.scan(volume, start, end, False))
        return ((key, value_of(raw)) for key, raw in self.index.scan(volume, start, end))

    def _merged(
        self, stored: Iterator[tuple[bytes, bytes]], pending: dict[bytes, _Pending], names: list[bytes], reverse: bool
    ) -> Iterator[Entry]:
        names.reverse()
        for key, raw in stored:
            while names and (names[-1] > key if reverse else names[-1] < key):
                entry = pending[names.pop()].entry
                if entry is not None:
                    yield entry
            if names and names[-1] == key:
                entry = pending[names.pop()].entry
                if entry is not None:
                    yield entry
            else:
                yield unpack_entry(key, raw)
        while names:
            entry = pending[names.pop()].entry
            if entry is not None:
                yield entry

    def sequence_of(self, volume: int, key: bytes) -> int | None:
        pending = self._pending.get(volume)
        if pending is not None:
            found = pending.get(key)
            if found is not None:
                return found.entry.sequence if found.entry is not None else None
        raw = self.index.raw(volume, key)
        return origin_of(raw)[0] if raw is not None else None

    def volumes(self, zones: tuple[str, ...]) -> set[int]:
        """Those of a layout that something was kept in."""
        return {id for id, state in self.index.volumes.items() if state.zones == zones}

    def entries_of(self, zones: tuple[str, ...]) -> int:
        return sum(state.entries for state in self.index.volumes.values() if state.zones == zones)

    def group(self, zones: tuple[str, ...]) -> GroupState | None:
        """What it knew of its group when it was opened; None where something of its history is missing."""
        return None if self.damaged_frames else self.index.groups.get(zones)

    def file_of(self, blob: Blob) -> FileSlice | None:
        """The open file of a blob that has one of its own."""
        place = self._place(blob)
        return self.slice(blob, 0, blob.size_bytes) if place == FILE_PLACE else None

    def entries(self) -> int:
        return sum(volume.entries for volume in self.index.volumes.values())

    def dead_bytes(self) -> int:
        return max(sum(self.segments.size_bytes.values()) - sum(self.index.needed_bytes.values()), 0)

    def has_blob(self, blob_id: int) -> bool:
        if blob_id in self._fresh or blob_id in self.unowned or blob_id in self._claimed:
            return True
        return self.index.place(blob_id) is not None

    def is_owned(self, blob_id: int) -> bool:
        """Whether an entry has it, or is going to."""
        return blob_id not in self.unowned and self.has_blob(blob_id)

    def read(self, blob: Blob, offset: int, size_bytes: int) -> bytes:
        """DamagedBlob: not all there, or, of a whole small blob, not as it was written."""
        fresh = self._fresh.get(blob.id)
        if fresh is not None:
            return fresh[offset : offset + size_bytes]
        place = self._place(blob)
        try:
            if place == FILE_PLACE:
                with self._open_file(blob) as descriptor:
                    data = os.pread(descriptor, size_bytes, offset)
            else:
                data = self.segments.read(place + offset, size_bytes)
        except OSError as problem:
            raise DamagedBlob(f"blob {blob.id} cannot be read: {problem}") from problem
        if len(data) != size_bytes:
            raise DamagedBlob(f"blob {blob.id} ends early")
        if place != FILE_PLACE and size_bytes == blob.size_bytes and crc64.xz(data) != blob.crc64:
            raise DamagedBlob(f"blob {blob.id} is not as it was written")
        return data

    def slice(self, blob: Blob, offset: int, size_bytes: int) -> FileSlice:
        fresh = self._fresh.get(blob.id)
        if fresh is not None:
            with tempfile.TemporaryFile(dir=self.files) as file:
                file.write(fresh)
                file.flush()
                return FileSlice(os.dup(file.fileno()), offset, size_bytes)
        place = self._place(blob)
        try:
            if place == FILE_PLACE:
                descriptor = os.open(self.file_path(blob.id), os.O_RDONLY | os.O_CLOEXEC)
                return FileSlice(descriptor, offset, size_bytes)
            return FileSlice(os.dup(self.segments.descriptor(segment_of(place))), offset_of(place) + offset, size_bytes)
        except FileNotFoundError as problem:
            raise DamagedBlob(f"blob {blob.id} is gone") from problem

    def _place(self, blob: Blob) -> int:
        place = self.index.place(blob.id)
        if place is None:
            if blob.id not in self.unowned and blob.id not in self._claimed:
                raise DamagedBlob(f"blob {blob.id} is not here")
            return FILE_PLACE
        return place

    @contextlib.contextmanager
    def _open_file(self, blob: Blob) -> Iterator[int]:
        descriptor = os.open(self.file_path(blob.id), os.O_RDONLY | os.O_CLOEXEC)
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    def file_path(self, blob_id: int) -> Path:
        return self.files / f"{blob_id:016x}"

    def duplicate_file(self, blob: Blob, id: int, original: FileSlice) -> None:
        """In a thread: another name for the file of a blob where it lies here, else its bytes from `original`."""
        path = self.file_path(id)
        try:
            os.link(self.file_path(blob.id), path)
        except OSError:
            copy_file(original, path)
        if self._durable:
            flush([path, self.files])

    # Writing

    def submit(self, submission: Submission) -> None:
        """Seen at once; written at the end of this turn of the loop, together with everything else of it."""
        if submission.entries:
            pending = self._pending.setdefault(submission.volume, {})
            stamp = submission.stamp
            for key, entry in submission.entries.items():
                pending[key] = _Pending(stamp, entry)
        if submission.blobs:
            payload = submission.payload
            assert isinstance(payload, Records)
            for inlined, data in zip(payload.inlined, submission.blobs, strict=True):
                self._fresh[inlined.id] = data
        if self.unowned and isinstance(submission.payload, Records):
            given = {blob.id for put in submission.payload.puts for blob in put.blobs}
            submission.files = sorted(given & self.unowned)
            self.unowned.difference_update(submission.files)
            self._claimed.update(submission.files)
        self._enqueue(submission)

    def _enqueue(self, submission: Submission) -> None:
        self._queue.append(submission)
        self._submitted += 1
        if not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._flush)

    def _flush(self) -> None:
        self._scheduled = False
        if self._syncing is not None or not self._queue:
            return
        batch, self._queue = self._queue, []
        try:
            start = self._append(batch)
        except OSError as problem:
            self._fail(batch, None, problem)
            return
        if self._durable:
            end, paths = self.segments.unsynced()
            self._syncing = asyncio.get_running_loop().run_in_executor(None, flush, paths)
            self._syncing.add_done_callback(lambda done: self._synced(batch, start, end, done))
            return
        self._apply_and_report(batch, start)
        self._tidy_later()

    def _synced(self, batch: list[Submission], start: int, end: int, done: asyncio.Future[None]) -> None:
        self._syncing = None
        problem = done.exception()
        if self.broken is not None:
            self._fail(batch, None, OSError(self.broken))
            return
        if problem is not None:
            # Nobody knows what of it is on disk: nothing more is written until somebody looks.
            self.broken = f"writing to disk failed: {problem}"
            self._fail(batch, start, problem)
            return
        self.segments.mark_synced(end)
        self._apply_and_report(batch, start)
        self._unlink_freed()
        self._tidy_later()
        self._flush()

    def _append(self, batch: list[Submission]) -> int:
        if self.broken is not None:
            raise OSError(self.broken)
        pieces: list[bytes] = []
        offset = 0
        synced, secret = self.segments.synced, self.secret
        for item in batch:
            item.place = offset
            blob_bytes = 0
            for data in item.blobs:
                blob_bytes += len(data)
            pieces.append(head(item.kind, item.encoded, blob_bytes, item.stamp, item.volume, synced, secret))
            pieces.append(item.encoded)
            pieces += item.blobs
            offset += HEAD_BYTES + len(item.encoded) + blob_bytes
        start = self.segments.append(pieces)
        for item in batch:
            item.place += start
        return start

    def _apply_and_report(self, batch: list[Submission], start: int) -> None:
        try:
            self._apply(batch)
        except (OSError, lmdb.Error) as problem:
            self._fail(batch, start, problem)
            return
        for item in batch:
            self._forget(item)
            self._claimed.difference_update(item.files)
        for item in batch:
            item.report(None)
        self._wake(len(batch))

    def _wake(self, ended: int) -> None:
        self._ended += ended
        while self._waiters and self._waiters[0][0] <= self._ended:
            waiter = self._waiters.popleft()[1]
            if not waiter.done():
                waiter.set_result(None)

    def settled(self) -> asyncio.Future[None]:
        """Ends when everything submitted so far is in the index, or has failed."""
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if self._ended == self._submitted:
            waiter.set_result(None)
        else:
            self._waiters.append((self._submitted, waiter))
        return waiter

    def waiting_bytes(self) -> int:
        """Of small blobs that are on their way."""
        return sum(map(len, self._fresh.values()))

    def _apply(self, batch: list[Submission]) -> None:
        def run(transaction: Any) -> list[int]:
            applying = Applying(self.index, transaction)
            for item in batch:
                payload = item.payload
                if isinstance(payload, Records):
                    blobs_at = item.place + HEAD_BYTES + len(item.encoded)
                    applying.records(item.kind, item.stamp, item.volume, payload, item.place, blobs_at)
                else:
                    applying.group(payload)
            applying.finish(self.segments.end, self._counter.value)
            return applying.freed_files

        self._freed_files += self.index.write_all(run)

    def _forget(self, item: Submission) -> None:
        """What was submitted is in the index, or never will be."""
        if item.entries:
            pending = self._pending[item.volume]
            for key in item.entries:
                found = pending.get(key)
                if found is not None and found.stamp <= item.stamp:
                    del pending[key]
            if not pending:
                del self._pending[item.volume]
        if isinstance(item.payload, Records):
            for inlined in item.payload.inlined:
                self._fresh.pop(inlined.id, None)

    def _fail(self, batch: list[Submission], start: int | None, problem: BaseException) -> None:
        """Neither the batch nor what was built on it: all of it is gone from the log, the index and from sight."""
        self.failures += 1
        batch = batch + self._queue
        self._queue = []
        try:
            if start is not None:
                self.segments.cut(start)
                self.index.reopen()
        except (OSError, lmdb.Error) as worse:
            self.broken = f"the disk failed: {worse}"
        error = BlobError(f"the change could not be written: {problem}")
        error.__cause__ = problem
        for item in batch:
            self._forget(item)
            self._claimed.difference_update(item.files)
            self._freed_files += item.files
        for item in batch:
            item.report(error)
        self._wake(len(batch))

    # For compaction

    def append_moved(self, volume: int, stamp: int, records: Records, blobs: list[bytes]) -> None:
        self._enqueue(Submission(Kind.MOVED, stamp, volume, records, encode_records(records), blobs, {}, _ignore))

    def append_group(self, state: GroupState) -> None:
        self._enqueue(Submission(Kind.GROUP, self._counter.next(), 0, state, encode_records(state), [], {}, _ignore))

    def is_pending(self, volume: int, key: bytes) -> bool:
        return key in self._pending.get(volume, ())

    def forget_segment(self, number: int) -> None:
        self.index.needed_bytes.pop(number, None)
        self.index.write_all(lambda transaction: self.index.save(transaction, set(), {number}))
        self.segments.remove(number)

    async def compact(self) -> None:
        """Until no segment is more than half dead."""
        while (number := most_dead(self.segments, self.index, self._stuck)) is not None:
            while number is not None:
                compaction = Compaction(self, number)
                try:
                    whole = await compaction.run()
                except BlobError:
                    # The disk did not take it: another time.
                    return
                if not whole:
                    self._stuck.add(number)
                    break
                oldest = min(self.segments.size_bytes)
                many = compaction.kept_bytes * 4 > self.segments.segment_bytes
                number = oldest if many and oldest != self.segments.current else None

    # Flushing and files, off the loop

    def _tidy_later(self) -> None:
        if self._tidy_timer is None:
            self._tidy_timer = asyncio.get_running_loop().call_later(_TIDY_EVERY_S, self._tidy)

    def _tidy(self) -> None:
        """Once a second while there is writing: to disk with it, and dead space is given back."""
        self._tidy_timer = None
        if not self._durable:
            end, paths = self.segments.unsynced()
            # Flushing runs beside the writing of what comes next.
            running = asyncio.get_running_loop().run_in_executor(None, flush, paths)
            self._background.add(running)
            running.add_done_callback(lambda done: self._after_sync(end, done))
        if self._compacting is None and most_dead(self.segments, self.index, self._stuck) is not None:
            self._compacting = asyncio.get_running_loop().create_task(self.compact())
            self._compacting.add_done_callback(self._compacted)

    def _compacted(self, done: asyncio.Task[None]) -> None:
        self._compacting = None
        if not done.cancelled():
            done.result()

    def _after_sync(self, end: int, done: asyncio.Future[None]) -> None:
        self._background.discard(done)
        problem = done.exception()
        if self.broken is not None:
            return
        if problem is not None:
            self.broken = f"writing to disk failed: {problem}"
            return
        self.segments.mark_synced(end)
        self._unlink_freed()

    def _unlink_freed(self) -> None:
        """Files that nobody needs, once their deletion is on disk."""
        if self._freed_files:
            paths = [self.file_path(blob_id) for blob_id in self._freed_files]
            self._freed_files = []
            running = asyncio.get_running_loop().run_in_executor(None, unlink, paths)
            self._background.add(running)
            running.add_done_callback(self._background.discard)

    def forget(self, blob_id: int) -> None:
        """A finished file that nobody will commit."""
        if blob_id in self.unowned:
            self.unowned.discard(blob_id)
            self._freed_files.append(blob_id)
            self._tidy_later()

    async def remove_freed(self) -> None:
        """Files that were freed are gone, so that their names may be used again."""
        await self.settled()
        end, paths = self.segments.unsynced()
        freed = [self.file_path(blob_id) for blob_id in self._freed_files]
        self._freed_files = []
        running = asyncio.get_running_loop().run_in_executor(None, _flush_and_unlink, paths, freed)
        self._background.add(running)
        running.add_done_callback(self._background.discard)
        await asyncio.wait(list(self._background))
        running.result()
        self.segments.mark_synced(end)

    async def _stop_compacting(self) -> None:
        if self._compacting is not None:
            self._compacting.cancel()
            await asyncio.wait([self._compacting])

    async def _threads_end(self) -> None:
        running = [each for each in (self._syncing, *self._background) if each is not None]
        if running:
            await asyncio.wait(running)

    async def close(self) -> None:
        """Everything that was submitted is on disk, and the index is known to be whole."""
        await self._stop_compacting()
        while self._queue or self._syncing is not None or self._background:
            self._flush()
            await self._threads_end()
        if self._tidy_timer is not None:
            self._tidy_timer.cancel()
            self._tidy_timer = None
        end, paths = self.segments.unsynced()
        freed = [self.file_path(blob_id) for blob_id in self._freed_files]
        await asyncio.get_running_loop().run_in_executor(None, self._last_words, paths, freed)
        self.segments.mark_synced(end)
        self.segments.close()

    def _last_words(self, paths: list[Path], freed: list[Path]) -> None:
        _flush_and_unlink(paths, freed)
        self.index.flush()
        self.index.close()
        recovery.mark_closed(self.folder)

    def abandon(self) -> None:
        """Its disks are gone: what was submitted fails, and its path may belong to another at once."""
        self.broken = "its disks are gone"
        self._freed_files.clear()
        if self._compacting is not None:
            self._compacting.cancel()
        self._fail([], None, OSError(self.broken))
        self.index.close()

    async def stop(self) -> None:
        """After `abandon`: nothing uses the folder any more."""
        await self._stop_compacting()
        while self._syncing is not None or self._background:
            await self._threads_end()
        if self._tidy_timer is not None:
            self._tidy_timer.cancel()
            self._tidy_timer = None
        self.segments.close()


def _ignore(problem: BaseException | None) -> None:
    """Compaction looks at `failures`."""


def unlink(paths: list[Path]) -> None:
    for path in paths:
        path.unlink(missing_ok=True)


def _flush_and_unlink(paths: list[Path], freed: list[Path]) -> None:
    flush(paths)
    unlink(freed)


def copy_file(original: FileSlice, path: Path) -> int:
    """A new file with the bytes of an open one; their CRC-64. OSError leaves none."""
    check = 0
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        offset, end = original.offset, original.offset + original.size_bytes
        while offset < end:
            data = os.pread(original.descriptor, min(_COPY_BYTES, end - offset), offset)
            if not data:
                raise OSError("the original ends early")
            check = crc64.xz(data, check)
            offset += len(data)
            while data:
                data = data[os.write(descriptor, data) :]
    except OSError:
        path.unlink(missing_ok=True)
        raise
    finally:
        os.close(descriptor)
    return check
