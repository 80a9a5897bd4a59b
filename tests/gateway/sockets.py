"""A server under test and clients that speak raw bytes."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from typing import Any

from kowloon.core.clock import Clock
from kowloon.gateway.certificates import CertificateAuthority
from kowloon.gateway.transport import Receive, Server
from kowloon.gateway.transport_settings import TransportSettings
from kowloon.wire.http import HttpRequest, HttpResponse

# A failing test must not hang; nothing here takes this long.
PATIENCE_S = 10.0
SHORT = TransportSettings(
    header_timeout_s=0.2, body_timeout_s=0.2, keep_alive_timeout_s=0.2, write_timeout_s=0.3, linger_s=0.2, drain_s=0.3
)


class Seen:
    """A handler that keeps what it was given and echoes it; `/slow` waits for `release`, `/error` raises."""

    def __init__(self) -> None:
        self.requests: list[HttpRequest] = []
        self.release = asyncio.Event()
        self.stream: AsyncIterator[bytes] | None = None

    def __call__(self, request: HttpRequest) -> HttpResponse | Awaitable[HttpResponse]:
        self.requests.append(request)
        if request.path == "/slow":
            return self._slow(request)
        if request.path == "/error":
            raise RuntimeError("on purpose")
        if request.path == "/async-error":
            return self._fail()
        if request.path == "/big":
            return HttpResponse(200, b"x" * 8_000_000)
        if request.path == "/stream":
            return HttpResponse(200, b"first;", content_type="text/event-stream", stream=self.stream)
        return self._echo(request)

    def targets(self) -> list[str]:
        return [request.target for request in self.requests]

    @staticmethod
    def _echo(request: HttpRequest) -> HttpResponse:
        return HttpResponse(200, f"{request.method} {request.target} ".encode() + request.body)

    async def _slow(self, request: HttpRequest) -> HttpResponse:
        await self.release.wait()
        return self._echo(request)

    async def _fail(self) -> HttpResponse:
        raise RuntimeError("on purpose")


class Running:
    def __init__(self, server: Server, seen: Seen, port: int, authority: CertificateAuthority | None) -> None:
        self.server = server
        self.seen = seen
        self.port = port
        self.authority = authority

    def client_context(self) -> ssl.SSLContext:
        assert self.authority is not None
        return ssl.create_default_context(cafile=str(self.authority.certificate_path))

    async def connect(self, **options: Any) -> Client:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, limit=2**24, **options)
        return Client(reader, writer)

    async def exchange(self, data: bytes) -> bytes:
        """Everything that comes back until the server closes."""
        client = await self.connect()
        client.send(data)
        answer = await client.rest()
        client.close()
        return answer


class Client:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def response(self, *, head_only: bool = False) -> tuple[int, dict[str, str], bytes]:
        async with asyncio.timeout(PATIENCE_S):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode()
            status_line, *lines = head.rstrip("\r\n").split("\r\n")
            headers = {line.partition(":")[0].lower(): line.partition(":")[2].strip() for line in lines}
            length = 0 if head_only else int(headers.get("content-length", "0"))
            return int(status_line.split()[1]), headers, await self.reader.readexactly(length)

    async def until(self, marker: bytes) -> bytes:
        async with asyncio.timeout(PATIENCE_S):
            return await self.reader.readuntil(marker)

    async def rest(self) -> bytes:
        """What comes until the server closes; a reset counts as closed."""
        received = b""
        async with asyncio.timeout(PATIENCE_S):
            try:
                while piece := await self.reader.read(65536):
                    received += piece
            except ConnectionError:
                pass
        return received

    def close(self) -> None:
        self.writer.close()


@asynccontextmanager
async def serving(
    settings: TransportSettings | None = None,
    authority: CertificateAuthority | None = None,
    receive: Receive | None = None,
) -> AsyncIterator[Running]:
    seen = Seen()
    server = Server(
        seen,
        receive,
        tls=authority,
        serves_host=lambda host: host.endswith("aliyuncs.com") or host == "127.0.0.1",
        clock=Clock(),
        settings=settings or TransportSettings(drain_s=0.5),
    )
    port = await server.start("127.0.0.1", 0)
    try:
        yield Running(server, seen, port, authority)
    finally:
        await server.close()


async def eventually(condition: Any) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not condition():  # noqa: ASYNC110 - what is waited for is in the server
            await asyncio.sleep(0.005)
