"""The layer 7 proxy as a client and its backends see it."""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from kowloon.engines.balancer.base import Listener
from kowloon.engines.balancer.process import ProcessBalancer
from kowloon.engines.supervisor.client import SupervisorClient

from .balancer_parts import (
    Addresses,
    Balancer,
    CutSet,
    HttpBackend,
    connected,
    get,
    http_answer,
    read_message,
)


@pytest.fixture(scope="module")
def addresses() -> Addresses:
    return Addresses()


@pytest.fixture
async def balancer(host: SupervisorClient, open_folder: Path, addresses: Addresses) -> AsyncIterator[Balancer]:
    engine = ProcessBalancer(host, CutSet(), socket_dir=open_folder / "s", data_dir=open_folder / "b")
    yield Balancer(engine, addresses(), "lb-1")
    await engine.close()


@pytest.fixture
async def backends(addresses: Addresses) -> AsyncIterator[tuple[HttpBackend, HttpBackend]]:
    pair = HttpBackend(addresses(), "a"), HttpBackend(addresses(), "b")
    for backend in pair:
        await backend.start()
    yield pair
    for backend in pair:
        await backend.stop()


def http(*backends: HttpBackend, **options: object) -> Listener:
    return Listener(protocol="http", port=8080, backends=tuple(each.spec() for each in backends), **options)  # type: ignore[arg-type]


async def test_requests_are_shared_and_connections_kept(
    balancer: Balancer, backends: tuple[HttpBackend, HttpBackend]
) -> None:
    await balancer.start(http(*backends))
    async with connected(balancer.address, 8080) as client:
        answers = [await client.ask("/x?y=1") for _ in range(10)]
    assert Counter(body for _, _, body in answers) == {b"a": 5, b"b": 5}
    assert [backend.connections for backend in backends] == [1, 1]
    head = backends[0].requests[0][0]
    assert head.startswith(b"GET /x?y=1 HTTP/1.1\r\n")
    assert b"x-forwarded-for: 127.0.0.1\r\n" in head
    assert b"x-forwarded-proto: http\r\n" in head


async def test_forwarded_for_is_extended_and_hop_headers_stay_here(
    balancer: Balancer, backends: tuple[HttpBackend, HttpBackend]
) -> None:
    backend = backends[0]
    backend.answer = lambda _h, _b: http_answer(b"ok", headers="Connection: x-private\r\nX-Private: 1\r\nX-Kept: 2\r\n")
    await balancer.start(http(backend))
    async with connected(balancer.address, 8080) as client:
        headers = "X-Forwarded-For: 1.2.3.4\r\nX-Forwarded-Proto: https\r\nConnection: x-secret\r\nX-Secret: s\r\n"
        _, head, _ = await client.ask(headers=headers)
    sent = backend.requests[0][0]
    assert b"x-forwarded-for: 1.2.3.4, 127.0.0.1\r\n" in sent
    assert b"https" not in sent
    assert b"x-secret" not in sent
    assert b"x-private" not in head
    assert b"x-kept: 2" in head


async def test_bodies_of_every_framing_pass_both_ways(
    balancer: Balancer, backends: tuple[HttpBackend, HttpBackend]
) -> None:
    backend = backends[0]
    await balancer.start(http(backend))
    big = bytes(range(256)) * 8192  # 2 MiB
    backend.answer = lambda _h, body: http_answer(hashlib.sha256(body).hexdigest().encode())
    async with connected(balancer.address, 8080) as client:
        status, _, body = await client.ask(method="POST", body=big)
        assert (status, body.decode()) == (200, hashlib.sha256(big).hexdigest())
        client.writer.write(b"PUT / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n")
        for start in range(0, len(big), 65536):
            client.writer.write(b"10000\r\n" + big[start : start + 65536] + b"\r\n")
        client.writer.write(b"0\r\nX-Trailer: dropped\r\n\r\n")
        assert (await client.answer())[2].decode() == hashlib.sha256(big).hexdigest()
        backend.answer = lambda _h, _b: b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
        assert (await client.ask())[2] == b"hello"
        backend.answer = lambda _h, _b: b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + big
        status, head, body = await client.ask()
        assert b"transfer-encoding: chunked" in head
        assert body == big
        backend.answer = lambda _h, _b: b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"
        client.writer.write(b"HEAD / HTTP/1.1\r\nHost: t\r\n\r\n")
        assert b"content-length: 1000" in await client.reader.readuntil(b"\r\n\r\n")
        backend.answer = lambda _h, _b: b"HTTP/1.1 304 Not Modified\r\n\r\n"
        assert (await client.ask())[0] == 304
    async with connected(balancer.address, 8080) as client:
        backend.answer = lambda _h, _b: b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
        client.writer.write(b"GET / HTTP/1.0\r\n\r\n")
        assert (await client.reader.read()).endswith(b"connection: close\r\n\r\nhello")


async def test_pipelined_requests_are_answered_in_order(
    balancer: Balancer, backends: tuple[HttpBackend, HttpBackend]
) -> None:
    backends[0].answer = lambda head, _b: http_answer(head.split(b" ")[1])
    await balancer.start(http(backends[0]))
    async with connected(balancer.address, 8080) as client:
        client.writer.write(b"".join(b"GET /%d HTTP/1.1\r\nHost: t\r\n\r\n" % number for number in range(200)))
        assert [(await client.answer())[2] for _ in range(200)] == [b"/%d" % number for number in range(200)]


async def test_continue_is_passed_on(balancer: Balancer, backends: tuple[HttpBackend, HttpBackend]) -> None:
    backends[0].answer = lambda _h, _b: b"HTTP/1.1 100 Continue\r\n\r\n" + http_answer(b"done")
    await balancer.start(http(backends[0]))
    async with connected(balancer.address, 8080) as client:
        assert (await client.ask(headers="Expect: 100-continue\r\n"))[0] == 100
        assert (await client.answer())[2] == b"done"


AMBIGUOUS = [
    b"POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na",
    b"POST / HTTP/1.1\r\nHost: t\r\nContent-Length: +1\r\n\r\na",
    b"POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    b"POST / HTTP/1.0\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: t\r\nHost: u\r\n\r\n",
    b"GET / HTTP/1.1\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: t\r\nX: a\r\n b\r\n\r\n",
    b"GET / HTTP/1.1\nHost: t\n\n",
    b"CONNECT t:80 HTTP/1.1\r\nHost: t\r\n\r\n",
    b"GET / HTTP/2.0\r\nHost: t\r\n\r\n",
]


async def test_ambiguous_requests_never_reach_a_backend(
    balancer: Balancer, backends: tuple[HttpBackend, HttpBackend]
) -> None:
    await balancer.start(http(backends[0]))
    for request in AMBIGUOUS:
        async with connected(balancer.address, 8080) as client:
            client.writer.write(request + b"GET /smuggled HTTP/1.1\r\nHost: t\r\n\r\n")
            received = await client.reader.read()
        assert received.startswith(b"HTTP/1.1 400 Bad Request\r\n"), request
        assert received.count(b"HTTP/1.1") == 1, request
    assert backends[0].requests == []


async def test_errors_are_the_vendors(balancer: Balancer, backends: tuple[HttpBackend, HttpBackend]) -> None:
    backend, other = backends
    listener = http(backend, request_timeout_s=0.3)
    await balancer.start(listener)
    backend.answer = lambda _h, _b: None
    assert (await get(balancer.address))[0] == 504
    backend.answer = lambda _h, _b: b"nonsense\r\n\r\n"
    assert (await get(balancer.address))[0] == 502
    await backend.stop()
    status, head, body = await get(balancer.address)
    assert status == 502
    assert b"502 Bad Gateway" in body
    await balancer.configure(http())
    async with connected(balancer.address, 8080) as client:
        status, head, body = await client.ask()
        assert (status, b"503 Service Temporarily Unavailable" in body, b"keep-alive" in head) == (503, True, True)
        await balancer.configure(http(other))
        assert (await client.ask())[2] == b"b"


async def test_a_dead_backend_costs_no_request(balancer: Balancer, backends: tuple[HttpBackend, HttpBackend]) -> None:
    await balancer.start(http(*backends))
    async with connected(balancer.address, 8080) as client:
        assert {(await client.ask())[2] for _ in range(4)} == {b"a", b"b"}
        await backends[0].stop()
        assert {(await client.ask())[2] for _ in range(6)} == {b"b"}


async def test_an_answer_cut_short_is_not_whole(balancer: Balancer, backends: tuple[HttpBackend, HttpBackend]) -> None:
    backends[0].answer = lambda _h, _b: b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 10\r\n\r\nabc"
    await balancer.start(http(backends[0]))
    async with connected(balancer.address, 8080) as client:
        with pytest.raises((asyncio.IncompleteReadError, ConnectionResetError)):
            await client.ask()


async def test_sticky_sessions_stay_and_move_when_they_must(
    balancer: Balancer, backends: tuple[HttpBackend, HttpBackend]
) -> None:
    await balancer.start(http(*backends, sticky_cookie="SERVERID", sticky_timeout_s=60))
    async with connected(balancer.address, 8080) as client:
        _, head, body = await client.ask()
        cookie = next(line for line in head.decode().split("\r\n") if line.startswith("set-cookie: SERVERID="))
        assert cookie.endswith(";Path=/")
        value = cookie.removeprefix("set-cookie: ").partition(";")[0]
        assert len(value.partition("|")[0]) == len("SERVERID=") + 32
        for _ in range(6):
            assert (await client.ask(headers=f"Cookie: other=1; {value}\r\n"))[2] == body
        await next(backend for backend in backends if backend.name.encode() == body).stop()
        assert (await client.ask(headers=f"Cookie: {value}\r\n"))[2] != body
        stale = value.partition("|")[0] + "|1000|1000"
        assert (await client.ask(headers=f"Cookie: {stale}\r\n"))[0] == 200


async def test_a_websocket_becomes_a_tunnel(balancer: Balancer, addresses: Addresses) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head, _ = await read_message(reader)
        assert b"upgrade: websocket" in head
        writer.write(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\nhi ")
        while data := await reader.read(1000):
            writer.write(data.upper())
        writer.close()

    backend = HttpBackend(addresses(), "ws")
    server = await asyncio.start_server(serve, backend.address, backend.port)
    await balancer.start(http(backend))
    async with connected(balancer.address, 8080) as client:
        status, _, _ = await client.ask(headers="Upgrade: websocket\r\nConnection: Upgrade\r\n")
        assert status == 101
        client.writer.write(b"frames \r\n\r\n")
        assert await client.reader.readexactly(14) == b"hi FRAMES \r\n\r\n"
        client.writer.write_eof()
        assert await client.reader.read() == b""
    server.close()


async def test_a_slow_reader_holds_its_backend_back(
    balancer: Balancer, backends: tuple[HttpBackend, HttpBackend]
) -> None:
    size = 64 * 1024 * 1024
    backends[0].answer = lambda _h, _b: http_answer(bytes(size))
    await balancer.start(http(backends[0]))
    before = worker_rss(balancer)
    async with connected(balancer.address, 8080, buffer_bytes=4096) as client:
        client.writer.write(b"GET / HTTP/1.1\r\nHost: t\r\n\r\n")
        await client.reader.readuntil(b"\r\n\r\n")
        for _ in range(15):
            assert worker_rss(balancer) - before < 16 * 1024 * 1024
            await asyncio.sleep(0.02)
        received = 0
        while received < size:
            received += len(await client.reader.read(1 << 20))
        assert received == size


def worker_rss(balancer: Balancer) -> int:
    pid = balancer.engine.host.running()[balancer.unit_id].pid
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096
