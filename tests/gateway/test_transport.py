"""What well-behaved clients may rely on, over real sockets."""

from __future__ import annotations

import asyncio
import email.utils
import socket
from collections.abc import AsyncIterator

import pytest

from kowloon.gateway.transport_settings import TransportSettings
from kowloon.wire.framing_limits import FramingLimits
from kowloon.wire.http import HttpResponse

from .sockets import SHORT, Client, eventually, serving

GET = b"GET /%b HTTP/1.1\r\nHost: ecs.aliyuncs.com\r\n\r\n"


async def test_keep_alive_and_date() -> None:
    async with serving() as running:
        client = await running.connect()
        for name in (b"a", b"b?c=%20"):
            client.send(GET % name)
            status, headers, body = await client.response()
            assert (status, body) == (200, b"GET /" + name + b" ")
            assert email.utils.parsedate_to_datetime(headers["date"]).tzinfo is not None
            assert "server" not in headers
            assert "connection" not in headers
        assert running.server.connections == 1
        client.close()


async def test_request_arriving_byte_by_byte() -> None:
    async with serving() as running:
        client = await running.connect()
        for byte in b"POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc":
            client.send(bytes([byte]))
            await asyncio.sleep(0)
        assert (await client.response())[2] == b"POST /a abc"


async def test_raw_request_reaches_the_handler() -> None:
    async with serving() as running:
        client = await running.connect()
        client.send(
            b"GET /a%2Fb?x=%2f+y HTTP/1.1\r\nHost: http://127.0.0.1:8080\r\n"
            b"X-Name:  caf\xc3\xa9 \r\nX-Old: \xe9\r\n\r\n"
        )
        await client.response()
        request = running.seen.requests[0]
        assert (request.path, request.query, request.scheme, request.peer) == ("/a%2Fb", "x=%2f+y", "http", "127.0.0.1")
        assert (request.host_header, request.host) == ("http://127.0.0.1:8080", "127.0.0.1")
        assert request.headers[1:] == [("x-name", "café"), ("x-old", "é")]


async def test_absolute_form_routes_by_its_authority_and_keeps_the_host_header() -> None:
    async with serving() as running:
        client = await running.connect()
        for target, path in ((b"http://ECS.aliyuncs.com:80/a?b", "/a?b"), (b"http://ecs.aliyuncs.com?b", "/?b")):
            client.send(b"GET " + target + b" HTTP/1.1\r\nHost: other:80\r\n\r\n")
            await client.response()
            request = running.seen.requests[-1]
            assert (request.target, request.host, request.host_header) == (path, "ecs.aliyuncs.com", "other:80")


async def test_pipelined_requests_are_answered_in_order() -> None:
    async with serving() as running:
        client = await running.connect()
        client.send(GET % b"slow" + GET % b"1" + GET % b"error" + GET % b"2")
        await eventually(lambda: running.seen.requests)
        running.seen.release.set()
        answers = [await client.response() for _ in range(4)]
        assert [answer[0] for answer in answers] == [200, 200, 500, 200]
        assert [answer[2] for answer in answers if answer[0] == 200] == [b"GET /slow ", b"GET /1 ", b"GET /2 "]


async def test_pipeline_is_bounded_by_not_reading() -> None:
    async with serving() as running:
        client = await running.connect()
        client.send(GET % b"slow")
        await eventually(lambda: running.seen.requests)
        padded = GET[:-2] % b"x" + b"X-Pad: " + b"x" * 1000 + b"\r\n\r\n"
        flood = asyncio.create_task(send_all(client, padded, 20_000))
        await asyncio.wait([flood], timeout=0.3)
        # More than socket buffers hold: the rest waits in the client.
        assert not flood.done()
        assert len(running.seen.requests) == 1
        running.seen.release.set()
        for _ in range(20_001):
            await client.response()
        await flood


async def send_all(client: Client, data: bytes, times: int) -> None:
    for _ in range(times):
        client.send(data)
        await client.writer.drain()


async def test_expect_100_continue() -> None:
    async with serving() as running:
        client = await running.connect()
        client.send(b"PUT /a HTTP/1.1\r\nHost: h\r\nExpect: 100-Continue\r\nContent-Length: 3\r\n\r\n")
        assert (await client.response())[0] == 100
        client.send(b"abc")
        assert (await client.response())[2] == b"PUT /a abc"
        # Without a body there is nothing to continue.
        client.send(b"GET /b HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\n\r\n")
        assert (await client.response())[0] == 200


async def test_100_continue_waits_for_its_turn() -> None:
    async with serving() as running:
        client = await running.connect()
        client.send(GET % b"slow")
        client.send(b"PUT /a HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n")
        await eventually(lambda: running.seen.requests)
        running.seen.release.set()
        assert [(await client.response())[0] for _ in range(2)] == [200, 100]
        client.send(b"abc")
        assert (await client.response())[0] == 200


async def test_chunked_body_with_trailers() -> None:
    async with serving() as running:
        client = await running.connect()
        client.send(
            b"POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: Chunked\r\n\r\n"
            b"3;x=y\r\nabc\r\nA\r\n0123456789\r\n0\r\nX-Acs-Action: Evil\r\n\r\n" + GET % b"b"
        )
        assert (await client.response())[2] == b"POST /a abc0123456789"
        assert (await client.response())[2] == b"GET /b "
        assert running.seen.requests[0].header("x-acs-action") is None


@pytest.mark.parametrize(
    "framing", [b"Content-Length: 3\r\n\r\nabc", b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"]
)
async def test_upgrades_are_declined_and_bodies_kept(framing: bytes) -> None:
    async with serving() as running:
        client = await running.connect()
        upgrade = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMA\r\n"
        client.send(b"POST /a HTTP/1.1\r\nHost: h\r\n" + upgrade + framing + GET % b"b")
        assert (await client.response())[2] == b"POST /a abc"
        assert (await client.response())[2] == b"GET /b "


async def test_target_of_64_kib_and_large_bodies() -> None:
    async with serving() as running:
        client = await running.connect()
        name = b"a" * (64 * 1024 - 1)
        client.send(GET % name)
        assert (await client.response())[2] == b"GET /" + name + b" "
        body = bytes(range(256)) * 4096 * 8
        client.send(b"PUT /b HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        assert (await client.response())[2] == b"PUT /b " + body


async def test_http_1_0() -> None:
    async with serving() as running:
        assert (await running.exchange(b"GET /a HTTP/1.0\r\n\r\n")).endswith(b"Connection: close\r\n\r\nGET /a ")
        client = await running.connect()
        for _ in range(2):
            client.send(b"GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
            status, headers, _ = await client.response()
            assert (status, headers["connection"]) == (200, "keep-alive")


async def test_connection_close_is_obeyed() -> None:
    async with serving() as running:
        answer = await running.exchange(b"GET /a HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n" + GET % b"b")
        assert answer.count(b"HTTP/1.1 200") == 1
        assert running.seen.targets() == ["/a"]


async def test_half_closed_client_gets_its_answer() -> None:
    async with serving() as running:
        client = await running.connect()
        client.send(GET % b"slow")
        client.writer.write_eof()
        await eventually(lambda: running.seen.requests)
        running.seen.release.set()
        assert (await client.response())[2] == b"GET /slow "
        assert await client.rest() == b""


async def test_head_has_no_body() -> None:
    async with serving() as running:
        client = await running.connect()
        client.send(b"HEAD /a HTTP/1.1\r\nHost: h\r\n\r\n" + GET % b"b")
        _, headers, body = await client.response(head_only=True)
        assert (headers["content-length"], body) == ("8", b"")
        assert (await client.response())[2] == b"GET /b "


async def test_handler_errors_are_500_and_the_connection_goes_on() -> None:
    async with serving() as running:
        client = await running.connect()
        for path in (b"error", b"async-error"):
            client.send(GET % path)
            status, headers, body = await client.response()
            assert status == 500
            assert b"on purpose" not in body
            assert b'"Code":"InternalError"' in body
            assert headers["content-type"].startswith("application/json")
        client.send(GET % b"ok")
        assert (await client.response())[0] == 200


async def numbers(closed: asyncio.Event, size_bytes: int = 1, last: int | None = None) -> AsyncIterator[bytes]:
    try:
        number = 0
        while number != last:
            yield b"%d;" % number * size_bytes
            number += 1
            await asyncio.sleep(0)
    finally:
        closed.set()


async def test_stream_is_chunked_and_ends() -> None:
    async with serving() as running:
        closed = asyncio.Event()
        running.seen.stream = numbers(closed, last=3)
        client = await running.connect()
        client.send(GET % b"stream" + GET % b"b")
        _, headers, _ = await client.response()
        assert headers["transfer-encoding"] == "chunked"
        assert "content-length" not in headers
        assert await client.until(b"0\r\n\r\n") == b"6\r\nfirst;\r\n2\r\n0;\r\n2\r\n1;\r\n2\r\n2;\r\n0\r\n\r\n"
        assert closed.is_set()
        assert (await client.response())[2] == b"GET /b "


async def test_stream_to_http_1_0_ends_with_the_connection() -> None:
    async with serving() as running:
        running.seen.stream = numbers(asyncio.Event(), last=2)
        answer = await running.exchange(b"GET /stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        assert answer.endswith(b"Connection: close\r\n\r\nfirst;0;1;")


async def test_stream_stops_when_the_client_leaves() -> None:
    async with serving() as running:
        closed = asyncio.Event()
        running.seen.stream = numbers(closed)
        client = await running.connect()
        client.send(GET % b"stream")
        await client.response()
        client.close()
        async with asyncio.timeout(5):
            await closed.wait()
        await eventually(lambda: running.server.connections == 0)


async def test_stream_waits_for_a_slow_reader_and_then_drops_it() -> None:
    async with serving(SHORT) as running:
        closed = asyncio.Event()
        produced = 0

        async def pieces() -> AsyncIterator[bytes]:
            nonlocal produced
            try:
                while True:
                    produced += 1
                    yield b"x" * 65536
            finally:
                closed.set()

        running.seen.stream = pieces()
        with socket.create_connection(("127.0.0.1", running.port)) as client:
            client.sendall(GET % b"stream")
            async with asyncio.timeout(10):
                await closed.wait()
            assert produced < 1000


async def test_failing_stream_is_cut_off() -> None:
    async with serving() as running:

        async def broken() -> AsyncIterator[bytes]:
            yield b"part"
            raise RuntimeError("on purpose")

        running.seen.stream = broken()
        answer = await running.exchange(GET % b"stream")
        assert b"0\r\n\r\n" not in answer
        assert (await running.exchange(b"GET / HTTP/1.0\r\n\r\n")).startswith(b"HTTP/1.1 200")


async def test_head_of_a_stream_closes_it_unread() -> None:
    async with serving() as running:
        running.seen.stream = stream = numbers(asyncio.Event())
        client = await running.connect()
        client.send(b"HEAD /stream HTTP/1.1\r\nHost: h\r\n\r\n" + GET % b"b")
        await client.response(head_only=True)
        assert (await client.response())[2] == b"GET /b "
        with pytest.raises(StopAsyncIteration):
            await anext(stream)


async def test_idle_and_silent_connections_are_closed() -> None:
    async with serving(SHORT) as running:
        silent = await running.connect()
        assert await silent.rest() == b""
        idle = await running.connect()
        idle.send(GET % b"a")
        await idle.response()
        assert await idle.rest() == b""


@pytest.mark.parametrize(
    "start",
    [
        b"GET /",
        b"GET / HTTP/1.1\r\nHost: h\r\nX-",
        b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n",
    ],
)
async def test_a_trickle_does_not_extend_the_deadline(start: bytes) -> None:
    async with serving(SHORT) as running:
        client = await running.connect()
        client.send(start)
        trickle = asyncio.create_task(drip(client, b"1" if b"chunked" in start else b"a"))
        answer = await client.rest()
        trickle.cancel()
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert running.seen.requests == []


async def drip(client: Client, byte: bytes) -> None:
    # A size line of leading zeros is still a size line.
    while not client.writer.is_closing():
        client.send(b"0" if byte == b"1" else byte)
        await asyncio.sleep(0.02)


async def test_a_client_that_does_not_read_is_dropped() -> None:
    async with serving(SHORT) as running:
        with socket.create_connection(("127.0.0.1", running.port)) as client:
            client.sendall(GET % b"big" * 4)
            await eventually(lambda: running.seen.requests)
            await eventually(lambda: running.server.connections == 0)
            assert len(running.seen.requests) < 4


async def test_too_many_connections() -> None:
    async with serving(TransportSettings(max_connections=1, drain_s=0.2)) as running:
        first = await running.connect()
        first.send(GET % b"a")
        await first.response()
        assert (await running.exchange(b"")).startswith(b"HTTP/1.1 503 ")
        first.close()
        await eventually(lambda: running.server.connections == 0)
        second = await running.connect()
        second.send(GET % b"a")
        assert (await second.response())[0] == 200


async def test_body_over_the_limit_is_refused_before_it_is_sent() -> None:
    settings = TransportSettings(framing=FramingLimits(body_bytes=10), drain_s=0.2)
    async with serving(settings) as running:
        expecting = b"PUT / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 11\r\n\r\n"
        assert (await running.exchange(expecting)).startswith(b"HTTP/1.1 413 ")
        chunked = b"PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nb\r\n0123456789a\r\n0\r\n\r\n"
        assert (await running.exchange(chunked)).startswith(b"HTTP/1.1 413 ")
        # The answer survives although the client is still sending.
        sending = b"PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 9000000\r\n\r\n" + b"x" * 9_000_000
        assert b"RequestEntityTooLarge" in await running.exchange(sending)
        assert running.seen.requests == []


async def test_close_lets_running_requests_finish() -> None:
    async with serving(TransportSettings(drain_s=5)) as running:
        busy = await running.connect()
        busy.send(GET % b"slow")
        idle = await running.connect()
        idle.send(GET % b"a")
        await idle.response()
        await eventually(lambda: len(running.seen.requests) == 2)
        closing = asyncio.create_task(running.server.close())
        assert await idle.rest() == b""
        running.seen.release.set()
        status, headers, _ = await busy.response()
        assert (status, headers["connection"]) == (200, "close")
        busy.close()
        await closing
        with pytest.raises(ConnectionError):
            await running.connect()


async def test_close_drops_what_does_not_finish() -> None:
    async with serving(SHORT) as running:
        client = await running.connect()
        client.send(GET % b"slow")
        await eventually(lambda: running.seen.requests)
        await running.server.close()
        assert await client.rest() == b""
        assert running.server.connections == 0


async def test_response_headers_cannot_be_split() -> None:
    async with serving() as running:
        evil = HttpResponse(200, b"", headers=[("X-Evil", "a\r\nSet-Cookie: b\x00"), ("Content-Length", "9")])
        running.server.handler = lambda request: evil
        client = await running.connect()
        client.send(GET % b"")
        _, headers, _ = await client.response()
        assert "set-cookie" not in headers
        assert headers["content-length"] == "0"
