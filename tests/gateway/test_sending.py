"""Files as answers: every byte, and every descriptor closed once."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from kowloon.core.clock import Clock
from kowloon.gateway.certificates import CertificateAuthority
from kowloon.gateway.transport_settings import TransportSettings
from kowloon.wire.http import FileSlice, HttpRequest, HttpResponse

from .sockets import SHORT, Client, Running, eventually, serving

GET = b"GET /%b HTTP/1.1\r\nHost: ecs.aliyuncs.com\r\n\r\n"
MIB = 1024 * 1024
CONTENT = b"".join(number.to_bytes(4, "big") for number in range(2 * MIB))
# (offset, size) of slices: below and above what is sent in one write, several, empty ones.
RANGES = {
    "small": [(0, 1000)],
    "small ones": [(10, 1000), (5, 0), (7_000_000, 40_000)],
    "nothing": [(0, 0)],
    "large": [(0, len(CONTENT))],
    "large range": [(1_234_567, 3_456_789)],
    "many": [(at * 90_001, 70_003) for at in range(40)] + [(0, 0), (8 * MIB - 1, 1)],
}


class Files:
    """A handler that answers with `ranges` of one file behind `body`, through a descriptor each."""

    def __init__(self, path: Path, ranges: list[tuple[int, int]], body: bytes = b"") -> None:
        self.path = path
        self.ranges = ranges
        self.body = body
        self.status = 200
        self.asked = 0
        self.release: asyncio.Event | None = None

    async def __call__(self, request: HttpRequest) -> HttpResponse:
        self.asked += 1
        if request.path == "/plain":
            return HttpResponse(200, b"plain")
        if self.release is not None:
            await self.release.wait()
        files = [FileSlice(os.open(self.path, os.O_RDONLY), offset, size) for offset, size in self.ranges]
        return HttpResponse(self.status, self.body, files=files)

    @property
    def expected(self) -> bytes:
        return self.body + b"".join(CONTENT[offset : offset + size] for offset, size in self.ranges)

    def open_descriptors(self) -> int:
        return sum(os.path.realpath(f"/proc/self/fd/{name}") == str(self.path) for name in os.listdir("/proc/self/fd"))


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("files") / "content"
    path.write_bytes(CONTENT)
    return path.resolve()


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> CertificateAuthority:
    return CertificateAuthority(tmp_path_factory.mktemp("ca"), Clock())


@asynccontextmanager
async def sending(
    files: Files, settings: TransportSettings | None = None, authority: CertificateAuthority | None = None
) -> AsyncIterator[Running]:
    """Serves them; afterwards none is open, and no duplicate of a socket is left."""
    before = sockets()
    async with serving(settings, authority) as running:
        running.server.handler = files
        yield running
    await eventually(lambda: files.open_descriptors() == 0)
    await eventually(lambda: sockets() <= before)


def sockets() -> int:
    return sum(os.path.realpath(f"/proc/self/fd/{name}").find("socket:") >= 0 for name in os.listdir("/proc/self/fd"))


@pytest.mark.parametrize("ranges", RANGES.values(), ids=RANGES.keys())
@pytest.mark.parametrize("body", [b"", b"first;"])
async def test_every_byte_and_the_next_request(path: Path, ranges: list[tuple[int, int]], body: bytes) -> None:
    files = Files(path, ranges, body)
    async with sending(files) as running:
        client = await running.connect()
        client.send((GET % b"a") * 2 + GET % b"plain")
        for _ in range(2):
            status, headers, content = await client.response()
            assert (status, headers["content-length"]) == (200, str(len(files.expected)))
            assert content == files.expected
        assert (await client.response())[2] == b"plain"
        assert files.open_descriptors() == 0
        client.close()


async def test_files_wait_for_what_was_written_before(path: Path) -> None:
    files = Files(path, [(0, len(CONTENT))])
    async with serving() as running:
        echo = running.server.handler
        calls = iter([echo, files, echo, files])
        running.server.handler = lambda request: next(calls)(request)
        client = await running.connect()
        # Of the first answer much is still in the transport when the second begins.
        client.send(GET % b"big" + GET % b"a" + GET % b"big" + GET % b"b")
        for body in (b"x" * 8_000_000, CONTENT) * 2:
            assert (await client.response())[2] == body
        client.close()
    assert files.open_descriptors() == 0


@pytest.mark.parametrize("size_bytes", [1000, len(CONTENT)])
async def test_heads_and_answers_without_a_body_close_unread_files(path: Path, size_bytes: int) -> None:
    files = Files(path, [(0, size_bytes)], b"ab")
    async with sending(files) as running:
        client = await running.connect()
        client.send(b"HEAD /a HTTP/1.1\r\nHost: h\r\n\r\n")
        _, headers, _ = await client.response(head_only=True)
        assert headers["content-length"] == str(size_bytes + 2)
        files.status = 304
        client.send(GET % b"a" + GET % b"plain")
        status, headers, _ = await client.response(head_only=True)
        assert (status, "content-length" in headers) == (304, False)
        assert (await client.response())[2] == b"plain"
        assert files.open_descriptors() == 0
        client.close()


@pytest.mark.parametrize("size_bytes", [1000, len(CONTENT)])
async def test_http_1_0_and_half_closed_clients(path: Path, size_bytes: int) -> None:
    files = Files(path, [(0, size_bytes)])
    async with sending(files) as running:
        answer = await running.exchange(b"GET /a HTTP/1.0\r\n\r\n")
        assert answer.endswith(b"Connection: close\r\n\r\n" + files.expected)
        client = await running.connect()
        client.send(GET % b"a")
        client.writer.write_eof()
        assert (await client.response())[2] == files.expected
        assert await client.rest() == b""
        client.close()


@pytest.mark.parametrize("ranges", [RANGES["small ones"], RANGES["many"], RANGES["large"]])
async def test_over_tls_and_in_tunnels(
    path: Path, authority: CertificateAuthority, ranges: list[tuple[int, int]]
) -> None:
    files = Files(path, ranges, b"first;")
    async with sending(files, authority=authority) as running:
        secret = await running.connect(ssl=running.client_context(), server_hostname="ecs.aliyuncs.com")
        tunnel = await open_tunnel(await running.connect())
        secret_tunnel = await open_tunnel(
            await running.connect(ssl=running.client_context(), server_hostname="localhost")
        )
        for client in (secret, tunnel, secret_tunnel):
            client.send(GET % b"a" + GET % b"plain")
            assert (await client.response())[2] == files.expected
            assert (await client.response())[2] == b"plain"
            client.close()


async def open_tunnel(client: Client) -> Client:
    client.send(b"CONNECT ecs.aliyuncs.com:80 HTTP/1.1\r\nHost: h\r\n\r\n")
    assert b" 200 " in await client.until(b"\r\n\r\n")
    return client


@pytest.mark.parametrize("secret", [False, True])
async def test_slow_but_steady_readers_get_everything(
    path: Path, authority: CertificateAuthority, secret: bool
) -> None:
    files = Files(path, [(0, len(CONTENT))] * 2)
    # What the kernel holds when all is sent takes longer to read than a connection may be idle in the other tests.
    settings = msgspec.structs.replace(SHORT, keep_alive_timeout_s=10)
    async with sending(files, settings, authority) as running:
        options = {"ssl": running.client_context(), "server_hostname": "localhost"} if secret else {}
        reader, writer = await asyncio.open_connection("127.0.0.1", running.port, limit=65_536, **options)
        writer.write(GET % b"a")
        await reader.readuntil(b"\r\n\r\n")
        loop = asyncio.get_running_loop()
        began = loop.time()
        received = bytearray()
        while len(received) < len(files.expected):
            received += await reader.readexactly(MIB)
            await asyncio.sleep(0.05)
        assert loop.time() - began > SHORT.write_timeout_s * 2
        assert received == files.expected
        writer.close()


@pytest.mark.parametrize("secret", [False, True])
async def test_clients_that_do_not_read_are_dropped(path: Path, authority: CertificateAuthority, secret: bool) -> None:
    files = Files(path, [(0, len(CONTENT))] * 4)
    async with sending(files, SHORT, authority) as running:
        options = {"ssl": running.client_context(), "server_hostname": "localhost"} if secret else {}
        _, writer = await asyncio.open_connection("127.0.0.1", running.port, limit=1000, **options)
        writer.write(GET % b"a")
        await eventually(lambda: files.open_descriptors())
        await eventually(lambda: running.server.connections == 0 and files.open_descriptors() == 0)
        writer.close()


@pytest.mark.parametrize("secret", [False, True])
async def test_clients_that_leave_leave_nothing_open(path: Path, authority: CertificateAuthority, secret: bool) -> None:
    files = Files(path, [(0, len(CONTENT))] * 4)
    async with sending(files, authority=authority) as running:
        options = {"ssl": running.client_context(), "server_hostname": "localhost"} if secret else {}
        reader, writer = await asyncio.open_connection("127.0.0.1", running.port, limit=1000, **options)
        writer.write(GET % b"a")
        await reader.readexactly(100)
        assert files.open_descriptors() == 4
        writer.transport.abort()
        await eventually(lambda: running.server.connections == 0 and files.open_descriptors() == 0)


async def test_answers_to_clients_that_have_left_are_closed(path: Path) -> None:
    files = Files(path, [(0, len(CONTENT))])
    files.release = asyncio.Event()
    async with sending(files) as running:
        with socket.create_connection(("127.0.0.1", running.port)) as client:
            client.sendall(GET % b"a")
            await eventually(lambda: files.asked)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        await eventually(lambda: running.server.connections == 0)
        files.release.set()


async def test_closing_the_server_closes_files(path: Path) -> None:
    files = Files(path, [(0, len(CONTENT))] * 4)
    async with sending(files, SHORT) as running:
        _, writer = await asyncio.open_connection("127.0.0.1", running.port, limit=1000)
        writer.write(GET % b"a")
        await eventually(lambda: files.open_descriptors())
        await running.server.close()
        assert files.open_descriptors() == 0
        writer.close()


@pytest.mark.parametrize("secret", [False, True])
@pytest.mark.parametrize("size_bytes", [1000, MIB])
async def test_a_short_file_cuts_the_answer_off(
    path: Path, authority: CertificateAuthority, caplog: pytest.LogCaptureFixture, size_bytes: int, secret: bool
) -> None:
    files = Files(path, [(len(CONTENT) - 500, size_bytes)])
    async with sending(files, authority=authority) as running:
        options = {"ssl": running.client_context(), "server_hostname": "localhost"} if secret else {}
        client = await running.connect(**options)
        with caplog.at_level(logging.ERROR):
            client.send(GET % b"a" + GET % b"plain")
            answer = await client.rest()
        assert b"plain" not in answer
        assert len(answer) < size_bytes
        assert "the answer to GET /a failed" in caplog.text
        client.close()


async def test_slices_may_share_a_descriptor(path: Path) -> None:
    async with serving() as running:
        descriptor = os.open(path, os.O_RDONLY)
        slices = [FileSlice(descriptor, 0, 10), FileSlice(descriptor, 100, 10)]
        running.server.handler = lambda request: HttpResponse(200, files=slices)
        client = await running.connect()
        client.send(GET % b"a")
        assert (await client.response())[2] == CONTENT[:10] + CONTENT[100:110]
        with pytest.raises(OSError):
            os.fstat(descriptor)


async def test_many_at_once_leave_each_other_room(path: Path) -> None:
    files = Files(path, [(0, len(CONTENT))])
    async with sending(files) as running:

        async def fetch() -> bytes:
            client = await running.connect()
            client.send(GET % b"a")
            body = (await client.response())[2]
            client.close()
            return body

        assert all(body == CONTENT for body in await asyncio.gather(*(fetch() for _ in range(8))))
