"""What the balancer tests are made of: addresses of their own, backends that record, and a balancer to talk to."""

from __future__ import annotations

import asyncio
import itertools
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import msgspec

from kowloon.engines.balancer.base import Backend, BalancerPayload, HealthCheck, Listener
from kowloon.engines.balancer.process import ProcessBalancer
from kowloon.engines.base import UnitSpec

FAST_CHECK = HealthCheck(interval_s=0.05, timeout_s=0.2, rise=2, fall=2)


class Addresses:
    """Loopback addresses that no other test run beside this one uses."""

    def __init__(self) -> None:
        worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
        self._numbers = itertools.count(os.getpid() % 200 * 256 + 1)
        self._net = 200 + worker

    def __call__(self) -> str:
        number = next(self._numbers)
        return f"127.{self._net}.{number // 256 % 256}.{number % 256}"


class CutSet:
    """A fabric of its own."""

    def __init__(self) -> None:
        self._cut: set[str] = set()
        self._listeners: list[Callable[[], None]] = []

    def cut(self, address: str) -> None:
        self._cut.add(address)
        self._tell()

    def heal(self, address: str) -> None:
        self._cut.discard(address)
        self._tell()

    def is_cut(self, address: str) -> bool:
        return address in self._cut

    def on_change(self, listener: Callable[[], None]) -> None:
        self._listeners.append(listener)

    def cut_addresses(self) -> frozenset[str]:
        return frozenset(self._cut)

    def _tell(self) -> None:
        for listener in self._listeners:
            listener()


class HttpBackend:
    """Answers each request by `answer(head, body)`, which returns the whole answer's bytes; None hangs."""

    def __init__(self, address: str, name: str, port: int = 8000) -> None:
        self.address, self.name, self.port = address, name, port
        self.connections = 0
        self.requests: list[tuple[bytes, bytes]] = []
        self.answer: Callable[[bytes, bytes], bytes | None] = self._say_name
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    def spec(self, weight: int = 100) -> Backend:
        return Backend(id=self.name, address=self.address, port=self.port, weight=weight)

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, self.address, self.port, limit=1 << 20)

    async def stop(self) -> None:
        """As a process that ends: the port refuses, connections are gone."""
        assert self._server is not None
        self._server.close()
        for writer in tuple(self._writers):
            writer.transport.abort()

    def _say_name(self, _head: bytes, _body: bytes) -> bytes:
        return http_answer(self.name.encode())

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.add(writer)
        with suppress(OSError, asyncio.IncompleteReadError):
            while True:
                head, body = await read_message(reader)
                self.requests.append((head, body))
                answer = self.answer(head, body)
                if answer is None:
                    await reader.read()
                    break
                writer.write(answer)
                await writer.drain()
                if b"connection: close" in answer.lower():
                    break
        self._writers.discard(writer)
        writer.close()


def http_answer(body: bytes, status: str = "200 OK", headers: str = "") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{headers}\r\n".encode() + body


async def read_message(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    """A head and its body, plain or chunked."""
    head = await reader.readuntil(b"\r\n\r\n")
    lower = head.lower()
    if b"transfer-encoding: chunked" in lower:
        body = b""
        while size := int((await reader.readuntil(b"\r\n")).strip(), 16):
            body += await reader.readexactly(size)
            await reader.readexactly(2)
        await reader.readexactly(2)
        return head, body
    for line in lower.split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return head, await reader.readexactly(int(line.partition(b":")[2]))
    return head, b""


class Client:
    """A connection to the balancer that speaks HTTP by hand."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def ask(
        self, path: str = "/", method: str = "GET", headers: str = "", body: bytes = b""
    ) -> tuple[int, bytes, bytes]:
        if body:
            headers += f"Content-Length: {len(body)}\r\n"
        self.writer.write(f"{method} {path} HTTP/1.1\r\nHost: t\r\n{headers}\r\n".encode() + body)
        return await self.answer()

    async def answer(self) -> tuple[int, bytes, bytes]:
        async with asyncio.timeout(10):
            head, body = await read_message(self.reader)
        return int(head.split(b" ", 2)[1]), head, body

    async def answer_head(self) -> bytes:
        async with asyncio.timeout(10):
            return await self.reader.readuntil(b"\r\n\r\n")


@asynccontextmanager
async def connected(address: str, port: int, buffer_bytes: int = 1 << 24) -> AsyncIterator[Client]:
    reader, writer = await asyncio.open_connection(address, port, limit=buffer_bytes)
    try:
        yield Client(reader, writer)
    finally:
        writer.close()


async def get(address: str, port: int = 8080, path: str = "/") -> tuple[int, bytes, bytes]:
    async with connected(address, port) as client:
        return await client.ask(path)


class Balancer:
    """One balancer unit under test."""

    def __init__(self, engine: ProcessBalancer, address: str, unit_id: str) -> None:
        self.engine, self.address, self.unit_id = engine, address, unit_id

    async def start(self, *listeners: Listener, **options: Any) -> None:
        await self.engine.start(
            UnitSpec(
                id=self.unit_id, kind="balancer", host="h", address=self.address, payload=plain(*listeners, **options)
            )
        )

    async def configure(self, *listeners: Listener, **options: Any) -> None:
        await self.engine.configure(self.unit_id, plain(*listeners, **options))

    async def statuses(self) -> dict[str, str]:
        return {status.backend_id: status.status for status in await self.engine.health(self.unit_id)}

    async def until_status(self, backend_id: str, status: str, within_s: float = 5.0) -> float:
        """How long it took."""
        began = time.monotonic()
        while (seen := (await self.statuses()).get(backend_id)) != status:
            assert time.monotonic() - began < within_s, f"{backend_id} is {seen}, not {status}"
            await asyncio.sleep(0.02)
        return time.monotonic() - began


def plain(*listeners: Listener, **options: Any) -> dict[str, Any]:
    payload: dict[str, Any] = msgspec.to_builtins(BalancerPayload(listeners=listeners, **options))
    return payload


async def eventually(condition: Callable[[], Awaitable[bool]], within_s: float = 5.0) -> None:
    deadline = time.monotonic() + within_s
    while not await condition():
        assert time.monotonic() < deadline, f"not within {within_s} s"
        await asyncio.sleep(0.02)


async def refuses(address: str, port: int) -> bool:
    """Whether a connection is refused, or reset before anything came."""
    try:
        reader, writer = await asyncio.open_connection(address, port)
    except ConnectionError:
        return True
    try:
        async with asyncio.timeout(5):
            return await reader.read(1) == b""
    except ConnectionResetError:
        return True
    finally:
        writer.close()
