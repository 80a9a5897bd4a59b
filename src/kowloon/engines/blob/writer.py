"""Large blobs on their way to disk: hashed and written in batches, with a bound on what waits.

The first megabyte is dealt with on the loop as it arrives, a fraction of a millisecond for each piece, and so is what
is left at the end: with a second thread at work, each event of the loop is a struggle for the interpreter's lock. Of
larger blobs a thread takes the rest.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
from concurrent.futures import ThreadPoolExecutor

from fastcrc import crc64

from kowloon.engines.blob.base import Blob, BlobError
from kowloon.engines.blob.copies import Copies
from kowloon.engines.blob.part import ZonePart, unlink
from kowloon.engines.blob.segments import flush

_WAITING_BYTES = 4 * 1024 * 1024
_ON_LOOP_BYTES = 1024 * 1024
# What is handed to a thread at once: each time costs as much as hashing thousands of bytes.
_BATCH_BYTES = 512 * 1024


class Target:
    """The file of one zone; `problem` when that zone cannot take it any more."""

    def __init__(self, part: ZonePart, id: int) -> None:
        self.part = part
        self.path = part.file_name(id)
        self.problem: BaseException | None = None
        self.descriptor = part.open_file(id)

    def write(self, data: bytes) -> None:
        if self.problem is None:
            try:
                while data:
                    data = data[os.write(self.descriptor, data) :]
            except OSError as problem:
                self.problem = problem

    def finish(self, size_bytes: int, durable: bool) -> None:
        try:
            if os.fstat(self.descriptor).st_size != size_bytes and self.problem is None:
                os.ftruncate(self.descriptor, size_bytes)
            if durable and self.problem is None:
                os.fsync(self.descriptor)
                flush([self.part.files])
        except OSError as problem:
            self.problem = problem
        finally:
            os.close(self.descriptor)
            if self.problem is not None:
                unlink([self.path])


class FileWriter:
    """One blob, written to the files of all zones that take writes now."""

    def __init__(
        self,
        id: int,
        targets: list[Target],
        copies: Copies,
        threads: ThreadPoolExecutor,
        durable: bool,
    ) -> None:
        self._id = id
        self._targets = targets
        self._copies = copies
        self._threads = threads
        self._durable = durable
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._crc64 = 0
        self._size_bytes = 0
        self._waiting: list[bytes] = []
        self._waiting_bytes = 0
        # Waiting, or with the thread.
        self._unwritten_bytes = 0
        self._running: asyncio.Future[int] | None = None
        self._room: asyncio.Future[None] | None = None
        self._ended = False
        self._aborted = False

    def write(self, piece: bytes) -> None:
        assert not self._ended, "the writer has ended"
        self._copies.writers()
        self._size_bytes += len(piece)
        if self._size_bytes <= _ON_LOOP_BYTES:
            self._put(piece)
            return
        self._waiting.append(piece)
        self._waiting_bytes += len(piece)
        self._unwritten_bytes += len(piece)
        # What arrives while a thread is at work makes the next batch, so a fast sender gets larger ones.
        if self._waiting_bytes >= _BATCH_BYTES and self._running is None:
            self._start()

    def room(self) -> asyncio.Future[None] | None:
        if self._unwritten_bytes < _WAITING_BYTES:
            return None
        if self._room is None:
            self._room = asyncio.get_running_loop().create_future()
        return self._room

    def _take(self) -> list[bytes]:
        batch, self._waiting, self._waiting_bytes = self._waiting, [], 0
        return batch

    def _start(self) -> None:
        self._running = asyncio.get_running_loop().run_in_executor(self._threads, self._work, self._take())
        self._running.add_done_callback(self._worked)

    def _work(self, batch: list[bytes]) -> int:
        """In a thread."""
        # Copied once, because for every call on a piece this thread would wait for its turn again.
        data = b"".join(batch)
        batch.clear()
        self._put(data)
        return len(data)

    def _put(self, data: bytes) -> None:
        self._md5.update(data)
        self._crc64 = crc64.xz(data, self._crc64)
        for target in self._targets:
            target.write(data)

    def _worked(self, done: asyncio.Future[int]) -> None:
        self._running = None
        self._unwritten_bytes -= done.result()
        if self._aborted:
            self._remove_later()
        elif self._waiting_bytes >= _BATCH_BYTES:
            self._start()
        if self._room is not None and self._unwritten_bytes < _WAITING_BYTES:
            if not self._room.done():
                self._room.set_result(None)
            self._room = None

    async def finish(self) -> Blob:
        self._ended = True
        while self._running is not None:
            await asyncio.wait([self._running])
        for piece in self._take():
            self._put(piece)
        if self._durable:
            await asyncio.get_running_loop().run_in_executor(self._threads, self._close)
        else:
            self._close()
        good = [target for target in self._targets if target.problem is None]
        if len(good) < self._copies.layout.quorum:
            unlink([target.path for target in good])
            problem = next(target.problem for target in self._targets if target.problem is not None)
            raise BlobError(f"the blob could not be written: {problem}") from problem
        for target in good:
            target.part.unowned.add(self._id)
        return Blob(self._id, self._size_bytes, self._crc64, self._md5.digest())

    def _close(self) -> None:
        for target in self._targets:
            target.finish(self._size_bytes, self._durable)

    def abort(self) -> None:
        if not self._ended:
            self._ended = self._aborted = True
            self._take()
            if self._running is None:
                self._remove_later()
        for target in self._targets:
            target.part.forget(self._id)

    def _remove_later(self) -> None:
        asyncio.get_running_loop().run_in_executor(self._threads, self._remove)

    def _remove(self) -> None:
        for target in self._targets:
            with contextlib.suppress(OSError):
                os.close(target.descriptor)
            unlink([target.path])
