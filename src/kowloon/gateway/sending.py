"""Files as answers: past the transport with sendfile where that is possible, read in pieces where it is not."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from kowloon.wire.http import FileSlice, HttpResponse

# Up to this size reading a file and writing it with the head takes less time than sendfile and its preparations.
SMALL_BYTES: Final = 64 * 1024
_READ_BYTES: Final = 256 * 1024
# So that one fast reader does not hold the event loop.
_TURN_BYTES: Final = 1024 * 1024
# More follows: the head leaves in one packet with what comes first. Only Linux knows it.
_MORE: Final = getattr(socket, "MSG_MORE", 0)


class ShortFile(Exception):
    """A file ends before the bytes that were promised of it."""


def close_files(response: HttpResponse) -> None:
    """Close what the response still holds, once; several slices may be of one descriptor."""
    files, response.files = response.files, None
    for descriptor in {file.descriptor for file in files or ()}:
        os.close(descriptor)


def pieces_of(files: Sequence[FileSlice]) -> Iterator[bytes]:
    """The bytes of all, in pieces that are few and not too large; raises ShortFile."""
    for file in files:
        offset, end = file.offset, file.offset + file.size_bytes
        while offset < end:
            piece = os.pread(file.descriptor, min(_READ_BYTES, end - offset), offset)
            if not piece:
                raise ShortFile
            offset += len(piece)
            yield piece


class SocketWriter:
    """Writes to a socket that is not the transport's own, as a duplicate is, and only while the transport does not.

    `on_progress` hears of every number of bytes that the kernel took. OSError when the client has left.
    """

    def __init__(self, duplicate: socket.socket, on_progress: Callable[[int], None]) -> None:
        self._socket = duplicate
        self._on_progress = on_progress
        self._loop = asyncio.get_running_loop()
        self._turn_bytes = 0

    async def send(self, data: bytes) -> None:
        """`data`, behind which more must follow."""
        while data:
            try:
                sent = self._socket.send(data, _MORE)
            except (BlockingIOError, InterruptedError):
                await self._writable()
                continue
            data = data[sent:]
            await self._count(sent)

    async def send_file(self, file: FileSlice) -> None:
        offset, end = file.offset, file.offset + file.size_bytes
        while offset < end:
            most_bytes = min(end - offset, _TURN_BYTES)
            try:
                sent = os.sendfile(self._socket.fileno(), file.descriptor, offset, most_bytes)
            except (BlockingIOError, InterruptedError):
                await self._writable()
                continue
            if sent == 0:
                raise ShortFile
            offset += sent
            await self._count(sent)

    async def _count(self, sent_bytes: int) -> None:
        self._on_progress(sent_bytes)
        self._turn_bytes += sent_bytes
        if self._turn_bytes >= _TURN_BYTES:
            self._turn_bytes = 0
            await asyncio.sleep(0)

    async def _writable(self) -> None:
        self._turn_bytes = 0
        writable = self._loop.create_future()
        descriptor = self._socket.fileno()
        self._loop.add_writer(descriptor, _wake, writable)
        try:
            await writable
        finally:
            self._loop.remove_writer(descriptor)


def _wake(waiting: asyncio.Future[None]) -> None:
    if not waiting.done():
        waiting.set_result(None)
