"""Answers that take their time: files, with sendfile where that is possible, and streams."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Final, cast

from kowloon.gateway.channel import Channel
from kowloon.wire.http import FileSlice, FileSource, HttpResponse
from kowloon.wire.responses import LAST_CHUNK, chunk_of

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
    files, response.files = response.files or [], None
    if not isinstance(files, list):
        files.close()
        return
    for descriptor in {file.descriptor for file in files}:
        os.close(descriptor)


def pieces_of(files: list[FileSlice] | FileSource) -> Iterator[bytes]:
    """The bytes of all, in pieces that are few and not too large; raises ShortFile."""
    for file in files:
        offset, end = file.offset, file.offset + file.size_bytes
        while offset < end:
            piece = os.pread(file.descriptor, min(_READ_BYTES, end - offset), offset)
            if not piece:
                raise ShortFile
            offset += len(piece)
            yield piece


async def send_files(
    channel: Channel, start: bytes, files: list[FileSlice] | FileSource, on_progress: Callable[[int], None]
) -> None:
    """Send `start`, then the files. `on_progress` hears of every number of bytes that went out.

    Raises ConnectionError when the client has left, ShortFile.
    """
    if channel.tls.depth:
        channel.write(start)
        for piece in pieces_of(files):
            channel.write(piece)
            on_progress(len(piece))
            await asyncio.sleep(0)
            await channel.drained()
            if channel.finished:
                return
        return
    await channel.flushed()
    if channel.finished:
        return
    with channel.duplicate() as duplicate:
        writer = _SocketWriter(duplicate, on_progress)
        await writer.send(start)
        for file in files:
            await writer.send_file(file)


async def send_stream(channel: Channel, head: bytes, response: HttpResponse, *, chunked: bool, has_body: bool) -> None:
    """Send until the stream ends or the client leaves, only the head when the answer has no body; the stream is closed
    in any case, and what it raises is raised before a last chunk is sent."""
    stream = cast(AsyncIterator[bytes], response.stream)
    try:
        if channel.finished:
            return
        channel.write(head)
        if has_body:
            await _send_pieces(channel, response.body, stream, chunked)
    finally:
        close = getattr(stream, "aclose", None)
        if close is not None:
            await close()


async def _send_pieces(channel: Channel, first: bytes, stream: AsyncIterator[bytes], chunked: bool) -> None:
    _write_piece(channel, first, chunked)
    async for piece in stream:
        await channel.drained()
        if channel.finished:
            return
        _write_piece(channel, piece, chunked)
    if chunked and not channel.finished:
        channel.write(LAST_CHUNK)


def _write_piece(channel: Channel, piece: bytes, chunked: bool) -> None:
    # An empty chunk would end the body.
    if piece:
        channel.write(chunk_of(piece) if chunked else piece)


class _SocketWriter:
    """Writes to a socket without blocking, and lets others have their turn."""

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
