"""Request bodies that are taken in pieces, over real sockets."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx
import pytest

from kowloon.core.clock import Clock
from kowloon.gateway.certificates import CertificateAuthority
from kowloon.gateway.transport_settings import TransportSettings
from kowloon.wire.framing_limits import FramingLimits
from kowloon.wire.http import HttpRequest, HttpResponse

from .sockets import SHORT, Client, Running, eventually, serving

GET = b"GET /%b HTTP/1.1\r\nHost: ecs.aliyuncs.com\r\n\r\n"
PUT = b"PUT /%b HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n"
CHUNKED = b"PUT /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
BODY = bytes(range(256)) * 2048
MIB = 1024 * 1024


class Taker:
    """A receiver that counts and hashes; answers with what it got. `full` holds it back, `broken` names what raises."""

    def __init__(self, broken: str = "") -> None:
        self.digest = hashlib.sha256()
        self.size_bytes = 0
        self.pieces = 0
        self.finished = 0
        self.aborted = 0
        self.broken = broken
        self.full: asyncio.Event | None = None

    def write(self, piece: bytes) -> None:
        assert type(piece) is bytes
        self._break("write")
        self.digest.update(piece)
        self.size_bytes += len(piece)
        self.pieces += 1

    def room(self) -> Awaitable[None] | None:
        self._break("room")
        return self._emptied(self.full) if self.full is not None else None

    def finish(self) -> HttpResponse | Awaitable[HttpResponse]:
        self._break("finish")
        self.finished += 1
        return self._answer()

    def abort(self) -> None:
        self.aborted += 1

    def _break(self, where: str) -> None:
        if self.broken == where:
            raise RuntimeError("on purpose")

    async def _emptied(self, emptied: asyncio.Event) -> None:
        await emptied.wait()
        self._break("wait")

    async def _answer(self) -> HttpResponse:
        return HttpResponse(200, f"{self.size_bytes} {self.digest.hexdigest()}".encode())


class Takers:
    """A `receive` that keeps what it gave; by path, it refuses or leaves the body to the handler."""

    def __init__(self, *takers: Taker) -> None:
        self.waiting = list(takers)
        self.all: list[Taker] = []
        self.asked: list[str] = []

    def __call__(self, request: HttpRequest) -> Taker | HttpResponse | None:
        assert request.body == b""
        self.asked.append(request.path)
        if request.path == "/refused":
            return HttpResponse(403, b"not here")
        if request.path == "/whole":
            return None
        if request.path == "/error":
            raise RuntimeError("on purpose")
        taker = self.waiting.pop(0) if self.waiting else Taker()
        self.all.append(taker)
        return taker


def expected(body: bytes) -> bytes:
    return f"{len(body)} {hashlib.sha256(body).hexdigest()}".encode()


def in_chunks(body: bytes, size_bytes: int) -> bytes:
    pieces = [body[at : at + size_bytes] for at in range(0, len(body), size_bytes)]
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


def anonymous_bytes() -> int:
    match = re.search(r"RssAnon:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert match is not None
    return int(match[1]) * 1024


async def drained(client: Client, data: bytes) -> None:
    client.send(data)
    await client.writer.drain()


async def test_64_mib_in_flat_memory() -> None:
    takers = Takers()
    async with serving(receive=takers) as running:
        client = await running.connect()
        piece = BODY * 2
        await drained(client, PUT % (b"a", 64 * MIB))
        await drained(client, piece)
        before = anonymous_bytes()
        most = before
        for _ in range(63):
            await drained(client, piece)
            most = max(most, anonymous_bytes())
        assert (await client.response())[2] == expected(piece * 64)
        assert most - before < 16 * MIB
        assert takers.all[0].pieces < 64 * 40
        client.send(GET % b"b")
        assert (await client.response())[2] == b"GET /b "


@pytest.mark.parametrize("size_bytes", [1, 1000, 70_000, 600_000])
async def test_chunked(size_bytes: int) -> None:
    takers = Takers()
    body = BODY[: 4000 if size_bytes == 1 else None]
    async with serving(receive=takers) as running:
        client = await running.connect()
        for _ in range(2):
            client.send(CHUNKED + in_chunks(body, size_bytes) + GET % b"b")
            assert (await client.response())[2] == expected(body)
            assert (await client.response())[2] == b"GET /b "
    assert [taker.aborted for taker in takers.all] == [0, 0]


async def test_small_bodies_are_gathered_and_large_ones_where_nobody_receives() -> None:
    takers = Takers()
    async with serving(receive=takers) as running:
        client = await running.connect()
        client.send(PUT % (b"a", 1000) + BODY[:1000])
        assert (await client.response())[2] == b"PUT /a " + BODY[:1000]
        assert takers.asked == []
        client.send(PUT % (b"whole", len(BODY)) + BODY)
        assert (await client.response())[2] == b"PUT /whole " + BODY
        assert takers.asked == ["/whole"]
        client.send(PUT % (b"whole", 9 * MIB))
        status, headers, body = await client.response()
        assert (status, headers["connection"]) == (413, "close")
        assert b'"Code":"RequestEntityTooLarge"' in body


async def test_chunks_that_add_up_to_too_much_are_refused() -> None:
    settings = TransportSettings(framing=FramingLimits(body_bytes=1000), drain_s=0.2)
    async with serving(settings) as running:
        answer = await running.exchange(CHUNKED + in_chunks(BODY[:2000], 100))
        assert answer.startswith(b"HTTP/1.1 413 ")
        assert b'"Message":"The body is over 1000 bytes."' in answer


async def test_pieces_of_any_cut() -> None:
    settings = TransportSettings(framing=FramingLimits(gather_bytes=10), drain_s=0.2)
    upgrade = PUT.replace(b"Host: h", b"Host: h\r\nConnection: Upgrade\r\nUpgrade: h2c")
    async with serving(settings, receive=Takers()) as running:
        for body in (BODY[:11], BODY[:300]):
            whole = PUT % (b"a", len(body)) + body + CHUNKED + in_chunks(body, 7) + upgrade % (b"u", len(body)) + body
            for size_bytes in (1, 3, 50, len(whole)):
                client = await running.connect()
                for at in range(0, len(whole), size_bytes):
                    await drained(client, whole[at : at + size_bytes])
                    await asyncio.sleep(0)
                assert [(await client.response())[2] for _ in range(3)] == [expected(body)] * 3
                client.close()


async def test_upgrades_are_declined_and_streamed_bodies_kept() -> None:
    upgrade = b"Host: h\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMA"
    async with serving(receive=Takers()) as running:
        client = await running.connect()
        for start, body in ((PUT % (b"a", len(BODY)), BODY), (CHUNKED, in_chunks(BODY, 65_536))):
            client.send(start.replace(b"Host: h", upgrade) + body + GET % b"b")
            assert (await client.response())[2] == expected(BODY)
            assert (await client.response())[2] == b"GET /b "


async def test_a_full_receiver_holds_the_client_back() -> None:
    taker = Taker()
    taker.full = emptied = asyncio.Event()
    async with serving(SHORT, receive=Takers(taker)) as running:
        client = await running.connect()
        client.send(PUT % (b"a", 64 * MIB))
        flood = asyncio.create_task(send_times(client, BODY * 2, 64))
        await eventually(lambda: taker.pieces)
        # Longer than the body timeout: it is not the client that is slow.
        await asyncio.wait([flood], timeout=0.5)
        assert not flood.done()
        assert taker.pieces == 1
        emptied.set()
        await flood
        assert (await client.response())[2] == expected(BODY * 128)


async def send_times(client: Client, data: bytes, times: int) -> None:
    for _ in range(times):
        await drained(client, data)


async def test_pipelined_requests_wait_for_the_body_and_the_body_for_them() -> None:
    takers = Takers()
    async with serving(receive=takers) as running:
        client = await running.connect()
        client.send(GET % b"slow" + PUT % (b"a", len(BODY)) + BODY + GET % b"b" + CHUNKED + b"3\r\nabc\r\n0\r\n\r\n")
        await eventually(lambda: running.seen.requests)
        assert takers.asked == []
        running.seen.release.set()
        bodies = [(await client.response())[2] for _ in range(4)]
        assert bodies == [b"GET /slow ", expected(BODY), b"GET /b ", expected(b"abc")]


async def test_expected_bodies_are_asked_for_when_they_are_taken() -> None:
    async with serving(receive=Takers()) as running:
        client = await running.connect()
        head = b"PUT /a HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(BODY)
        client.send(GET % b"slow" + head)
        await eventually(lambda: running.seen.requests)
        running.seen.release.set()
        assert [(await client.response())[0] for _ in range(2)] == [200, 100]
        client.send(BODY)
        assert (await client.response())[2] == expected(BODY)


async def test_refusal_of_an_expected_body_comes_instead_of_it() -> None:
    async with serving(receive=Takers()) as running:
        head = b"PUT /refused HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 1000000\r\n\r\n"
        client = await running.connect()
        client.send(head)
        status, headers, body = await client.response()
        assert (status, headers["connection"], body) == (403, "close", b"not here")
        assert await client.rest() == b""
        # Who does not wait to be asked still sees it.
        assert (await running.exchange(head + b"x" * 1_000_000)).endswith(b"\r\n\r\nnot here")


@pytest.mark.parametrize("path", [b"refused", b"error"])
@pytest.mark.parametrize("sending", [PUT[:4] + b"/%b HTTP/1.1\r\nHost: h\r\nContent-Length: 20971520\r\n\r\n", CHUNKED])
async def test_refused_bodies_are_read_to_their_end(path: bytes, sending: bytes) -> None:
    async with serving(receive=Takers()) as running:
        client = await running.connect()
        body = b"x" * 20 * MIB
        client.send(sending.replace(b"/a", b"/" + path) if sending is CHUNKED else sending % path)
        # The answer does not wait for the body, the next request does.
        assert (await client.response())[0] == (403 if path == b"refused" else 500)
        client.send((in_chunks(body, MIB) if sending is CHUNKED else body) + GET % b"b")
        assert (await client.response())[2] == b"GET /b "


async def test_clients_that_write_before_they_read_see_the_refusal() -> None:
    async with serving(receive=Takers()) as running:

        def upload() -> httpx.Response:
            with httpx.Client(trust_env=False) as client:
                answers = [client.put(f"http://127.0.0.1:{running.port}/refused", content=BODY * 64) for _ in range(2)]
                return answers[1]

        answer = await asyncio.to_thread(upload)
        assert (answer.status_code, answer.text) == (403, "not here")


async def test_refused_bodies_are_not_read_forever() -> None:
    settings = TransportSettings(max_discarded_bytes=MIB, linger_s=0.2, body_timeout_s=0.3, drain_s=0.2)
    async with serving(settings, receive=Takers()) as running:
        # Too long by its own account; too long in chunks; not long, but never there.
        client = await running.connect()
        client.send(PUT % (b"refused", 2 * MIB))
        assert (await client.response())[1]["connection"] == "close"
        chunked = await running.connect()
        chunked.send(CHUNKED.replace(b"/a", b"/refused") + in_chunks(BODY * 6, 65_536))
        silent = await running.connect()
        silent.send(PUT % (b"refused", MIB))
        for unwanted in (chunked, silent):
            status, headers, _ = await unwanted.response()
            assert (status, "connection" in headers) == (403, False)
            assert await unwanted.rest() == b""
        await eventually(lambda: running.server.connections == 0)


async def test_http_1_0_and_connection_close() -> None:
    takers = Takers()
    async with serving(receive=takers) as running:
        old = (PUT % (b"a", len(BODY))).replace(b"1.1", b"1.0")
        new = (PUT % (b"a", len(BODY))).replace(b"Host", b"Connection: close\r\nHost")
        for head in (old, new):
            answer = await running.exchange(head + BODY + GET % b"b")
            assert answer.endswith(b"Connection: close\r\n\r\n" + expected(BODY))
            refused = await running.exchange(head.replace(b"/a", b"/refused") + BODY)
            assert refused.endswith(b"Connection: close\r\n\r\nnot here")
    assert running.seen.requests == []


async def leave(client: Client) -> None:
    client.writer.transport.abort()


async def stop_sending(client: Client) -> None:
    client.writer.write_eof()
    assert await client.rest() == b""


async def break_grammar(client: Client) -> None:
    client.send(b"no size\r\n")
    answer = await client.rest()
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b'"Code":"MalformedRequest"' in answer


async def fall_silent(client: Client) -> None:
    assert (await client.rest()).startswith(b"HTTP/1.1 408 ")


@pytest.mark.parametrize("ending", [leave, stop_sending, break_grammar, fall_silent])
async def test_bodies_without_an_end_are_aborted_once(ending: Callable[[Client], Awaitable[None]]) -> None:
    takers = Takers()
    async with serving(SHORT if ending is fall_silent else None, receive=takers) as running:
        client = await running.connect()
        client.send(CHUNKED + b"80000\r\n" + BODY + b"\r\n")
        await eventually(lambda: takers.all and takers.all[0].size_bytes == len(BODY))
        await ending(client)
        await eventually(lambda: takers.all[0].aborted)
        client.close()
        await eventually(lambda: running.server.connections == 0)
        assert (takers.all[0].aborted, takers.all[0].finished) == (1, 0)


async def test_leaving_while_the_receiver_is_full_aborts_it() -> None:
    taker = Taker()
    taker.full = asyncio.Event()
    async with serving(receive=Takers(taker)) as running:
        client = await running.connect()
        client.send(PUT % (b"a", MIB) + BODY[:200_000])
        await eventually(lambda: taker.pieces)
        taker.full.set()
        await leave(client)
        await eventually(lambda: taker.aborted)
        await eventually(lambda: running.server.connections == 0)
        assert taker.aborted == 1


async def test_closing_the_server_aborts_receivers() -> None:
    takers = Takers()
    async with serving(SHORT, receive=takers) as running:
        client = await running.connect()
        client.send(PUT % (b"a", MIB) + BODY[:200_000])
        await eventually(lambda: takers.all and takers.all[0].pieces)
        await running.server.close()
        assert takers.all[0].aborted == 1
        await eventually(lambda: running.server.connections == 0)


async def test_steady_uploads_may_take_longer_than_the_body_timeout() -> None:
    async with serving(SHORT, receive=Takers()) as running:
        client = await running.connect()
        loop = asyncio.get_running_loop()
        began = loop.time()
        client.send(PUT % (b"a", len(BODY)))
        for at in range(0, len(BODY), len(BODY) // 16):
            client.send(BODY[at : at + len(BODY) // 16])
            await asyncio.sleep(0.05)
        assert (await client.response())[2] == expected(BODY)
        assert loop.time() - began > 2 * SHORT.body_timeout_s


@pytest.mark.parametrize("where", ["write", "room", "finish", "wait"])
async def test_failing_receivers_are_500_and_the_connection_goes_on(where: str) -> None:
    taker = Taker(broken=where)
    if where == "wait":
        taker.full = asyncio.Event()
        taker.full.set()
    async with serving(receive=Takers(taker)) as running:
        client = await running.connect()
        client.send(PUT % (b"a", len(BODY)) + BODY + GET % b"b")
        status, _, body = await client.response()
        assert (status, b'"Code":"InternalError"' in body, b"on purpose" in body) == (500, True, False)
        assert (await client.response())[2] == b"GET /b "
        # From `finish` on, what was received is the receiver's own business.
        assert taker.aborted == (0 if where == "finish" else 1)


async def test_over_tls_and_in_a_tunnel(tmp_path: Path) -> None:
    async with serving(authority=CertificateAuthority(tmp_path, Clock()), receive=Takers()) as running:
        secret = await running.connect(ssl=running.client_context(), server_hostname="ecs.aliyuncs.com")
        tunnel = await open_tunnel(running)
        for client in (secret, tunnel):
            client.send(PUT % (b"a", len(BODY)) + BODY + GET % b"b")
            assert [(await client.response())[2] for _ in range(2)] == [expected(BODY), b"GET /b "]


async def open_tunnel(running: Running) -> Client:
    client = await running.connect()
    client.send(b"CONNECT ecs.aliyuncs.com:80 HTTP/1.1\r\nHost: h\r\n\r\n")
    assert b" 200 " in await client.until(b"\r\n\r\n")
    return client


async def test_futures_are_answers() -> None:
    async with serving() as running:
        waiting: list[asyncio.Future[HttpResponse]] = []

        def handler(_: HttpRequest) -> asyncio.Future[HttpResponse]:
            waiting.append(asyncio.get_running_loop().create_future())
            return waiting[-1]

        running.server.handler = handler
        client = await running.connect()
        client.send(GET % b"a" * 3)
        await eventually(lambda: waiting)
        waiting[0].set_result(HttpResponse(200, b"done"))
        assert (await client.response())[2] == b"done"
        await eventually(lambda: len(waiting) == 2)
        waiting[1].set_exception(RuntimeError("on purpose"))
        assert (await client.response())[0] == 500
        await eventually(lambda: len(waiting) == 3)
        waiting[2].cancel()
        assert (await client.response())[0] == 500
