"""Carries connections out of a command's own network: to the cloud, or to the same loopback address of the machine."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import socket
import struct
from typing import Final

from kowloon.wire.identify import METADATA_HOST

_CHUNK_BYTES: Final = 256 * 1024
_HEAD_BYTES: Final = 64 * 1024
_RESET: Final = struct.pack("ii", 1, 0)


class Forwarder:
    """`cloud` is where our server listens. `identity` says to the metadata service on whose behalf it is asked."""

    def __init__(self, cloud: tuple[str, int], identity: str) -> None:
        self._cloud = cloud
        self._credentials = proxy_credentials(identity) if identity else ""

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection that came in, until both ends are done with it."""
        address, port = writer.get_extra_info("sockname")[:2]
        local = address.startswith("127.")
        try:
            out_reader, out_writer = await asyncio.open_connection(*((address, port) if local else self._cloud))
        except OSError:
            # As good as refused, which it cannot be any more.
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            writer.transport.abort()
            return
        inbound = self._copy_metadata if address == METADATA_HOST and self._credentials else _copy
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(inbound(reader, out_writer))
                both.create_task(_copy(out_reader, writer))
        except* OSError:
            pass
        finally:
            for end in (writer, out_writer):
                end.transport.abort()

    async def _copy_metadata(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Requests for metadata, each with the word on whose behalf."""
        addition = f"Proxy-Authorization: {self._credentials}\r\n".encode()
        while True:
            try:
                head = await reader.readuntil(b"\r\n\r\n")
                first, _, rest = head.partition(b"\r\n")
                body = await _body(reader, rest)
            except (asyncio.IncompleteReadError, asyncio.LimitOverrunError):
                break
            writer.write(first + b"\r\n" + addition + rest + body)
            await writer.drain()
        writer.write_eof()


def proxy_credentials(identity: str) -> str:
    """As clients send what stands before the @ of a proxy's address."""
    return "Basic " + base64.b64encode(f"kowloon:{identity}".encode()).decode()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(_CHUNK_BYTES):
        writer.write(data)
        await writer.drain()
    with contextlib.suppress(OSError):
        writer.write_eof()


async def _body(reader: asyncio.StreamReader, head: bytes) -> bytes:
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length" and value.strip().isdigit():
            size_bytes = min(int(value), _HEAD_BYTES)
            return await reader.readexactly(size_bytes) if size_bytes else b""
    return b""
