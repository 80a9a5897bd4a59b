"""One zone's store: segments, files and index of its own, and one queue, so that zones fail independently.

format            what this is, and the secret of its frames
opened            the boot in which it was opened last, while it is open
segments/         frames (`frames.py`)
files/            one file for each large blob, by id; what is gone may be another's file next (`spares.py`)
index/            LMDB, derived from the two
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import lmdb

from kowloon.engines.blob import recovery
from kowloon.engines.blob.applying import Applying
from kowloon.engines.blob.base import Blob, BlobError
from kowloon.engines.blob.compaction import Compaction, most_dead
from kowloon.engines.blob.contents import Contents, Submission
from kowloon.engines.blob.frames import HEAD_BYTES, Kind, head
from kowloon.engines.blob.records import GroupState, Records, encode_records
from kowloon.engines.blob.segments import SEGMENT_BYTES, flush
from kowloon.engines.blob.spares import SpareFiles
from kowloon.wire.http import FileSlice

_TIDY_EVERY_S: Final = 1.0


class Counter:
    """The last number that was used for a sequence, a stamp or a blob's id in this store."""

    def __init__(self) -> None:
        self.value = 0

    def next(self) -> int:
        self.value += 1
        return self.value


class ZonePart(Contents):
    """Belongs to one event loop. `broken`: why nothing can be done here until it is opened again."""

    def __init__(self, folder: Path, counter: Counter, *, durable: bool, segment_bytes: int = SEGMENT_BYTES) -> None:
        super().__init__(folder, segment_bytes)
        self.broken: str | None = None
        self.failures = 0
        self._counter = counter
        self._durable = durable
        self._queue: list[Submission] = []
        self._scheduled = False
        self._submitted = self._ended = 0
        self._waiters: deque[tuple[int, asyncio.Future[None]]] = deque()
        self._syncing: asyncio.Future[None] | None = None
        self._tidy_timer: asyncio.TimerHandle | None = None
        self._freed_files: list[int] = []
        self._spares = SpareFiles(self.file_name)
        self._compacting: asyncio.Task[None] | None = None
        self._one_compaction = asyncio.Lock()
        #: Segments that could not be compacted: they have damage in them.
        self._stuck: set[int] = set()
        self._background: set[asyncio.Future[None]] = set()
        #: A thread that needs every file as it is.
        self._undisturbed: asyncio.Future[None] | None = None
        counter.value = max(counter.value, self.index.state.counter)

    def move_to(self, folder: Path, counter: Counter) -> None:
        """The same store, open as it is, in another place; from now on it counts together with others."""
        counter.value = max(counter.value, self._counter.value)
        self._counter = counter
        self.folder.rename(folder)
        self.folder, self.files = folder, folder / "files"
        self._file_names = f"{self.files}/"
        self.segments.folder = folder / "segments"
        self.index.folder = folder / "index"

    def duplicate_file(self, blob: Blob, id: int, original: FileSlice) -> None:
        super().duplicate_file(blob, id, original)
        if self._durable:
            flush([Path(self.file_name(id)), self.files])

    # Writing

    def submit(self, submission: Submission) -> None:
        """Seen at once; written at the end of this turn of the loop, together with everything else of it."""
        self.show(submission)
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
            self.forget_submission(item)
            self.claimed.difference_update(item.files)
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
            self.forget_submission(item)
            self.claimed.difference_update(item.files)
            self._freed_files += item.files
        for item in batch:
            item.report(error)
        self._wake(len(batch))

    # For compaction

    def append_moved(self, volume: int, stamp: int, records: Records, blobs: list[bytes]) -> None:
        self._enqueue(Submission(Kind.MOVED, stamp, volume, records, encode_records(records), blobs, {}, _ignore))

    def append_group(self, state: GroupState) -> None:
        self._enqueue(Submission(Kind.GROUP, self._counter.next(), 0, state, encode_records(state), [], {}, _ignore))

    async def forget_segment(self, number: int) -> None:
        """It counts no more at once; returns when its space is free."""
        await self._nobody_disturbed()
        self.index.needed_bytes.pop(number, None)
        self.index.write_all(lambda transaction: self.index.save(transaction, set(), {number}))
        await asyncio.wait([self._unlink_later([str(self.segments.remove(number))])])

    async def compact(self) -> None:
        """Until no segment is more than half dead. Whoever asks meanwhile waits for it."""
        async with self._one_compaction:
            await self._compact()

    async def _compact(self) -> None:
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
        unwanted = self._spares.unwanted()
        if unwanted:
            self._unlink_later([self.file_name(blob_id) for blob_id in unwanted])
        elif self._spares:
            self._tidy_later()
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
        """Files that nobody needs, once their deletion is on disk. Some are spares for a while."""
        if self._freed_files and self._undisturbed is None:
            freed, self._freed_files = self._spares.keep(self._freed_files), []
            if freed:
                self._unlink_later([self.file_name(blob_id) for blob_id in freed])
            self._tidy_later()

    def _unlink_later(self, paths: list[str]) -> asyncio.Future[None]:
        running = asyncio.get_running_loop().run_in_executor(None, unlink, paths)
        self._background.add(running)
        running.add_done_callback(self._background.discard)
        return running

    def undisturbed(self, work: Callable[[], None]) -> asyncio.Future[None]:
        """In a thread, one at a time; until it has ended nothing is unlinked that is needed now."""
        running = asyncio.get_running_loop().run_in_executor(None, work)
        self._undisturbed = running
        self._background.add(running)
        running.add_done_callback(self._disturb_again)
        return running

    def _disturb_again(self, done: asyncio.Future[None]) -> None:
        self._background.discard(done)
        self._undisturbed = None
        if self._durable:
            self._unlink_freed()
        else:
            self._tidy_later()

    async def _nobody_disturbed(self) -> None:
        while self._undisturbed is not None:
            await asyncio.wait([self._undisturbed])

    def forget(self, blob_id: int) -> None:
        """A finished file that nobody will commit."""
        if blob_id in self.unowned:
            self.unowned.discard(blob_id)
            self._freed_files.append(blob_id)
            self._tidy_later()

    def open_file(self, blob_id: int) -> int:
        """A new blob's file, open for writing; whoever has written it cuts off what is behind."""
        path = self.file_name(blob_id)
        spare = self._spares.take(path)
        if spare is not None:
            return spare
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)

    def _all_freed(self) -> list[str]:
        freed, self._freed_files = [*self._freed_files, *self._spares.give_back()], []
        return [self.file_name(blob_id) for blob_id in freed]

    async def remove_freed(self) -> None:
        """Files that were freed are gone, so that their names may be used again."""
        await self.settled()
        await self._nobody_disturbed()
        end, paths = self.segments.unsynced()
        freed = self._all_freed()
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
        freed = self._all_freed()
        await asyncio.get_running_loop().run_in_executor(None, self._last_words, paths, freed)
        self.segments.mark_synced(end)
        self.segments.close()

    def _last_words(self, paths: list[Path], freed: list[str]) -> None:
        _flush_and_unlink(paths, freed)
        self.index.flush()
        self.index.close()
        recovery.mark_closed(self.folder)

    def abandon(self) -> None:
        """Its disks are gone: what was submitted fails, and its path may belong to another at once."""
        self.broken = "its disks are gone"
        self._all_freed()
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


def unlink(paths: list[str]) -> None:
    for path in paths:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)


def _flush_and_unlink(paths: list[Path], freed: list[str]) -> None:
    flush(paths)
    unlink(freed)
