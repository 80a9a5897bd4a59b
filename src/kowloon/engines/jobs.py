"""Work on bytes of others in processes of its own: bounded in memory, time and number, and never the server's end.

A function is named, not imported: what it needs (an image library, a database) is loaded by the process that runs it.
A process is kept for the next job for a while; one that fails, or takes too long, is ended.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Generator, Iterable, Iterator
from types import TracebackType

from kowloon.engines.job_worker import DONE, FAILED, LENGTH, MOST_FRAME_BYTES, PIECE, REFUSED, JobRefused
from kowloon.wire.http import FileSlice

__all__ = ["Job", "JobError", "JobRefused", "Jobs", "JobsBusy"]

log = logging.getLogger("kowloon.jobs")

_MOST_WAITING = 64
_MOST_ERROR_BYTES = 4096


class JobError(Exception):
    """The job failed, or took too long; the message is for people."""


class JobsBusy(JobError):
    """Too many wait already."""


class Jobs:
    """At most `most` at once. A process that has had nothing to do for `idle_s` ends."""

    def __init__(self, most: int, idle_s: float = 20.0) -> None:
        self._room = asyncio.Semaphore(most)
        self._idle_s = idle_s
        self._idle: list[_Process] = []
        self._busy: set[_Process] = set()
        self._waiting = 0
        self._closed = False

    async def start(
        self, function: str, argument: bytes, source: Iterable[bytes | list[FileSlice]], timeout_s: float
    ) -> Job:
        """Begin a job; close it, or read it to its end. `source` is gone through on the loop; the descriptors of its
        slices are closed. `timeout_s`: until the last piece is read."""
        if self._waiting >= _MOST_WAITING:
            raise JobsBusy("too many jobs wait")
        self._waiting += 1
        try:
            await self._room.acquire()
        finally:
            self._waiting -= 1
        job = Job(self, timeout_s)
        try:
            async with asyncio.timeout_at(job.deadline):
                job.process = await self._process()
                await job.process.ask(function, argument, source)
        except TimeoutError:
            await job.close()
            raise JobError(f"not done within {timeout_s:g} s") from None
        except BaseException:
            await job.close()
            raise
        return job

    async def run(
        self, function: str, argument: bytes, source: Iterable[bytes | list[FileSlice]], timeout_s: float
    ) -> bytes:
        """The whole answer. Raises JobRefused (the function's own), JobError."""
        async with await self.start(function, argument, source, timeout_s) as job:
            return b"".join([piece async for piece in job])

    async def close(self) -> None:
        self._closed = True
        for process in [*self._idle, *self._busy]:
            await process.end()
        self._idle.clear()

    async def _process(self) -> _Process:
        while self._idle:
            process = self._idle.pop()
            process.keep_no_longer()
            if process.is_alive:
                break
            await process.end()
        else:
            process = await _Process.start()
        self._busy.add(process)
        return process

    async def release(self, process: _Process | None, *, usable: bool) -> None:
        self._room.release()
        if process is None:
            return
        self._busy.discard(process)
        if usable and not self._closed:
            self._idle.append(process)
            process.keep_for(self._idle_s, self._forget)
        else:
            await process.end()

    def _forget(self, process: _Process) -> None:
        if process in self._idle:
            self._idle.remove(process)


class Job:
    """One job under way: its answer, piece by piece. Raises JobRefused, JobError."""

    def __init__(self, jobs: Jobs, timeout_s: float) -> None:
        self.process: _Process | None = None
        self.deadline = asyncio.get_running_loop().time() + timeout_s
        self._jobs = jobs
        self._timeout_s = timeout_s
        self._closed = False

    async def __aenter__(self) -> Job:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        if self._closed or self.process is None:
            raise StopAsyncIteration
        try:
            async with asyncio.timeout_at(self.deadline):
                kind, payload = await self.process.reply()
        except TimeoutError:
            await self.close()
            raise JobError(f"not done within {self._timeout_s:g} s") from None
        except (EOFError, OSError):
            await self.close()
            raise JobError("the process of the job has ended") from None
        if kind == PIECE:
            return payload
        await self._end(usable=kind in (DONE, REFUSED))
        if kind == REFUSED:
            raise JobRefused(payload)
        if kind == FAILED:
            log.error("a job failed: %s", payload.decode("utf-8", "replace")[-_MOST_ERROR_BYTES:])
            raise JobError("the job failed")
        raise StopAsyncIteration

    async def close(self) -> None:
        """Give up what is not done; nothing to do after the end."""
        await self._end(usable=False)

    async def _end(self, *, usable: bool) -> None:
        if not self._closed:
            self._closed = True
            await asyncio.shield(self._jobs.release(self.process, usable=usable))


class _Process:
    """A worker. What it writes comes through a socket: one owner, who closes it once."""

    def __init__(self, process: subprocess.Popen[bytes], replies: socket.socket) -> None:
        self._process = process
        self._replies = replies
        self._timer: asyncio.TimerHandle | None = None
        self._ending: asyncio.Task[None] | None = None
        self._writing: asyncio.Future[None] | None = None

    @classmethod
    async def start(cls) -> _Process:
        return cls(*await asyncio.to_thread(_spawn))

    @property
    def is_alive(self) -> bool:
        return self._process.poll() is None

    async def ask(self, function: str, argument: bytes, source: Iterable[bytes | list[FileSlice]]) -> None:
        await self._write(iter([function.encode(), argument]))
        for piece in source:
            if piece:
                await self._write(_pieces(piece))
        await self._write(iter([b""]))

    async def _write(self, pieces: Iterator[bytes]) -> None:
        """In a thread: the process may be slow to take them."""
        assert self._process.stdin is not None
        self._writing = asyncio.ensure_future(asyncio.to_thread(_write, self._process.stdin.fileno(), pieces))
        try:
            await asyncio.shield(self._writing)
        except BrokenPipeError:
            raise JobError("the process of the job has ended") from None

    async def reply(self) -> tuple[bytes, bytes]:
        head = await self._receive(1 + LENGTH.size)
        return head[:1], await self._receive(LENGTH.unpack(head[1:])[0])

    async def _receive(self, size_bytes: int) -> bytes:
        loop, received = asyncio.get_running_loop(), bytearray()
        while len(received) < size_bytes:
            piece = await loop.sock_recv(self._replies, size_bytes - len(received))
            if not piece:
                raise EOFError
            received += piece
        return bytes(received)

    def keep_for(self, idle_s: float, forget: Callable[[_Process], None]) -> None:
        def end() -> None:
            forget(self)
            self._ending = asyncio.get_running_loop().create_task(self.end())

        self._timer = asyncio.get_running_loop().call_later(idle_s, end)

    def keep_no_longer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    async def end(self) -> None:
        self.keep_no_longer()
        self._process.kill()
        await asyncio.to_thread(self._process.wait)
        # Whoever still waits for a reply has seen its end by now.
        self._replies.close()
        if self._writing is not None:
            # Its descriptor is not closed under it; whoever reads is gone, so it ends.
            await asyncio.wait([self._writing])
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            self._process.stdin.close()


def _spawn() -> tuple[subprocess.Popen[bytes], socket.socket]:
    ours, theirs = socket.socketpair()
    with theirs:
        process = subprocess.Popen(
            # Not as a script of its own: what functions raise must be what it catches.
            [sys.executable, "-I", "-c", "from kowloon.engines.job_worker import main; main()"],
            stdin=subprocess.PIPE,
            stdout=theirs.fileno(),
            stderr=subprocess.DEVNULL,
            env={"PATH": os.defpath, "LANG": "C.UTF-8", "HOME": "/nonexistent", "OMP_NUM_THREADS": "1"},
            start_new_session=True,
        )
    ours.setblocking(False)
    return process, ours


def _pieces(source: bytes | list[FileSlice]) -> Iterator[bytes]:
    if isinstance(source, bytes):
        for start in range(0, len(source), MOST_FRAME_BYTES):
            yield source[start : start + MOST_FRAME_BYTES]
        return
    try:
        for file in source:
            offset, end = file.offset, file.offset + file.size_bytes
            while offset < end:
                piece = os.pread(file.descriptor, min(end - offset, MOST_FRAME_BYTES), offset)
                if not piece:
                    raise JobError("a file is shorter than it should be")
                offset += len(piece)
                yield piece
    finally:
        # Several slices may be of one descriptor.
        for descriptor in {file.descriptor for file in source}:
            os.close(descriptor)


def _write(descriptor: int, pieces: Iterator[bytes]) -> None:
    try:
        for piece in pieces:
            rest = memoryview(LENGTH.pack(len(piece)) + piece)
            while rest:
                rest = rest[os.write(descriptor, rest) :]
    finally:
        # So that what they hold is closed now.
        if isinstance(pieces, Generator):
            pieces.close()
