"""Connections that are carried out of a command's own network."""

from __future__ import annotations

import asyncio
from typing import Any

from kowloon.ways_in.forwarder import Forwarder, proxy_credentials
from kowloon.wire.identify import METADATA_HOST

DEADLINE_S = 20.0


class _FromMetadata:
    """An end of a connection, as if it had come in at the metadata service's address."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer

    def get_extra_info(self, name: str) -> Any:
        return (METADATA_HOST, 80) if name == "sockname" else self._writer.get_extra_info(name)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._writer, name)


async def sent_on(request: bytes) -> bytes:
    """What the cloud gets of what a client sends before it goes. Raises what carrying it raises."""
    arrived: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
    carried: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        arrived.set_result(await reader.read())
        writer.close()

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await Forwarder(cloud, "word").carry(reader, _FromMetadata(writer))  # type: ignore[arg-type]
        except BaseException as problem:
            carried.set_exception(problem)
        else:
            carried.set_result(None)

    async with asyncio.timeout(DEADLINE_S), await asyncio.start_server(take, "127.0.0.1", 0) as behind:
        cloud = behind.sockets[0].getsockname()[:2]
        async with await asyncio.start_server(carry, "127.0.0.1", 0) as server:
            _, writer = await asyncio.open_connection(*server.sockets[0].getsockname()[:2])
            writer.write(request)
            writer.write_eof()
            await carried
            writer.close()
            return await arrived


async def test_requests_for_metadata_say_on_whose_behalf() -> None:
    request = b"PUT /latest/api/token HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc"
    first, addition, *rest = (await sent_on(request)).split(b"\r\n")
    assert first == b"PUT /latest/api/token HTTP/1.1"
    assert addition.decode() == f"Proxy-Authorization: {proxy_credentials('word')}"
    assert rest == [b"Content-Length: 3", b"", b"abc"]


async def test_a_client_that_goes_in_the_middle_of_a_request_is_let_go() -> None:
    assert await sent_on(b"PUT /latest/api/token HTTP/1.1\r\nContent-Length: 10\r\n\r\nabc") == b""
    assert await sent_on(b"PUT /latest/api/token HTTP/1.1\r\nCont") == b""
