"""WebSockets on the one port, by the byte: handshakes, frames, violations, pings, slow readers, ends."""

from __future__ import annotations

import asyncio
import logging
import random
import socket
import struct
from collections.abc import AsyncIterator

import msgspec
import pytest

from kowloon.gateway.transport_settings import TransportSettings
from kowloon.wire.http import HttpRequest, HttpResponse, WebSocket
from kowloon.wire.websocket import text_frame

from .sockets import SHORT, Client, Running, eventually, serving
from .talking import (
    ACCEPT,
    BINARY,
    CLOSE,
    CONTINUATION,
    HANDSHAKE,
    PING,
    PONG,
    TEXT,
    Talk,
    Talks,
    client_frame,
    echo,
    frame,
    goodbye,
    opened,
    said_goodbye,
)

GET = b"GET /%b HTTP/1.1\r\nHost: h\r\n\r\n"
QUICK = TransportSettings(drain_s=0.1)


@pytest.fixture
async def running() -> AsyncIterator[Running]:
    async with serving(QUICK) as server:
        yield server


def reset(client: Client) -> None:
    client.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.writer.transport.abort()


# Handshake ----------------------------------------------------------------------------------------------------------


async def test_the_handshake_of_the_rfc(running: Running) -> None:
    talks = Talks(running, echo)
    client = await running.connect()
    client.send(HANDSHAKE)
    head = (await client.until(b"\r\n\r\n")).decode()
    first, *lines = head.removesuffix("\r\n\r\n").split("\r\n")
    assert first == "HTTP/1.1 101 Switching Protocols"
    assert lines[0].startswith("Date: ")
    assert lines[1:] == [
        "Set-Cookie: a=b",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Accept: {ACCEPT}",
    ]
    client.send(client_frame(TEXT, "早".encode()))
    assert await frame(client) == (TEXT, "echo 早".encode())
    assert (talks.last.open_socket.peer, talks.last.open_socket.unsent_bytes) == ("127.0.0.1", 0)


@pytest.mark.parametrize("connection", [b"upgrade", b"Upgrade\r\nConnection: x", b"keep-alive\r\nConnection: UPGRADE"])
async def test_other_spellings_of_the_same(running: Running, connection: bytes) -> None:
    Talks(running)
    client = await running.connect()
    client.send(HANDSHAKE.replace(b"keep-alive, Upgrade", connection).replace(b": WebSocket", b": h2c, WEBSOCKET"))
    assert (await client.response(head_only=True))[0] == 101


SHAPE = (
    400,
    "InvalidWebSocketHandshake",
    "The handshake is not a WebSocket's: it is a GET of HTTP/1.1 with `Connection: Upgrade` and without a body.",
)
NO_KEY = (
    400,
    "InvalidWebSocketHandshake",
    "The handshake is not a WebSocket's: it has one Sec-WebSocket-Key, 16 bytes in base64.",
)
NO_UPGRADE = (426, "UpgradeRequired", "Only a WebSocket is served here.")
OTHER_VERSION = (426, "WebSocketVersionNotSupported", "Version 13 of WebSocket is spoken here.")
KEY_LINE = HANDSHAKE[HANDSHAKE.index(b"Sec-WebSocket-Key") : -2]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (b"GET", b"POST", SHAPE),
        (b"HTTP/1.1", b"HTTP/1.0", SHAPE),
        (b"Connection: keep-alive, Upgrade\r\n", b"", SHAPE),
        (b"keep-alive, Upgrade", b"keep-alive", SHAPE),
        (b"\r\n\r\n", b"\r\nContent-Length: 1\r\n\r\n1", SHAPE),
        (b"\r\n\r\n", b"\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", SHAPE),
        (b"Upgrade: WebSocket\r\n", b"", NO_UPGRADE),
        (b": WebSocket", b": h2c", NO_UPGRADE),
        (b"Version: 13", b"Version: 8", OTHER_VERSION),
        (b"Sec-WebSocket-Version: 13\r\n", b"", OTHER_VERSION),
        (KEY_LINE, b"", NO_KEY),
        (KEY_LINE, KEY_LINE * 2, NO_KEY),
        (b"dGhlIHNhbXBsZSBub25jZQ==", b"dGhlIHNhbXBsZSBub25j", NO_KEY),
        (b"dGhlIHNhbXBsZSBub25jZQ==", b"not*base64!", NO_KEY),
        (b"dGhlIHNhbXBsZSBub25jZQ==", "钥".encode(), NO_KEY),
    ],
)
async def test_handshakes_that_are_none(
    running: Running, old: bytes, new: bytes, expected: tuple[int, str, str]
) -> None:
    talks = Talks(running)
    client = await running.connect()
    assert old in HANDSHAKE
    client.send(HANDSHAKE.replace(old, new, 1))
    status, headers, body = await client.response()
    answer = msgspec.json.decode(body)
    assert (status, answer["Code"], answer["Message"]) == expected
    assert headers.get("sec-websocket-version") == ("13" if status == 426 else None)
    assert headers.get("upgrade") == ("websocket" if status == 426 else None)
    assert await client.rest() == b""
    assert talks.last.calls == []


async def test_what_a_handler_declines_goes_on_as_http(running: Running) -> None:
    client = await running.connect()
    client.send(HANDSHAKE + GET % b"b" + GET[:7] % b"c")
    assert (await client.response())[::2] == (200, b"GET /talk ")
    assert (await client.response())[2] == b"GET /b "
    client.send((GET % b"c")[6:] + HANDSHAKE.replace(b"keep-alive, Upgrade", b"Upgrade, close") + GET % b"d")
    assert (await client.response())[2] == b"GET /c "
    assert (await client.response())[1]["connection"] == "close"
    assert await client.rest() == b""
    assert running.seen.targets() == ["/talk", "/b", "/c", "/talk"]


async def test_what_follows_the_request_waits_for_its_answer(running: Running) -> None:
    release, talk = asyncio.Event(), Talk(echo)

    async def slow(request: HttpRequest) -> HttpResponse:
        await release.wait()
        return HttpResponse(101, websocket=talk)

    running.server.handler = lambda request: (
        slow(request) if request.path == "/talk" else HttpResponse(200, request.target.encode())
    )
    client = await running.connect()
    client.send(GET % b"a" + HANDSHAKE + client_frame(TEXT, b"1"))
    assert (await client.response())[2] == b"/a"
    large = "x" * 500_000
    client.send(client_frame(TEXT, large.encode()))
    release.set()
    assert (await client.response(head_only=True))[0] == 101
    assert await frame(client) == (TEXT, b"echo 1")
    assert await frame(client) == (TEXT, f"echo {large}".encode())


@pytest.mark.parametrize("how", ["reset", "end"])
async def test_a_client_that_left_before_the_answer_is_never_opened(running: Running, how: str) -> None:
    asked, release, talk = asyncio.Event(), asyncio.Event(), Talk()

    async def slow(request: HttpRequest) -> HttpResponse:
        asked.set()
        await release.wait()
        return HttpResponse(101, websocket=talk)

    running.server.handler = slow
    client = await running.connect()
    client.send(HANDSHAKE + client_frame(TEXT, b"a"))
    await asyncio.wait_for(asked.wait(), 10)
    if how == "reset":
        reset(client)
        await eventually(lambda: running.server.connections == 0)
    else:
        client.writer.write_eof()
    release.set()
    if how == "end":
        assert await client.rest() == b""
    other = await opened(await running.connect())
    assert talk.calls == ["opened"]
    other.close()
    await eventually(lambda: running.server.connections == 0)
    assert talk.calls == ["opened", "closed"]


# Messages -----------------------------------------------------------------------------------------------------------


async def test_fragments_are_joined_and_pings_answered_in_between(running: Running) -> None:
    talks = Talks(running)
    client = await opened(
        await running.connect(),
        client_frame(TEXT, "早上".encode()[:4], final=False)
        + client_frame(PING, b"still there?")
        + client_frame(CONTINUATION, final=False)
        + client_frame(PONG, b"unasked")
        + client_frame(CONTINUATION, "早上".encode()[4:])
        + client_frame(TEXT),
    )
    assert await frame(client) == (PONG, b"still there?")
    await eventually(lambda: talks.last.heard == ["早上", ""])


async def test_any_split_of_the_bytes(running: Running) -> None:
    talks, source = Talks(running, echo), random.Random(6)
    messages = [source.choice("a早😀") * source.choice([0, 1, 125, 126, 70_000]) for _ in range(20)]
    stream = HANDSHAKE + b"".join(client_frame(TEXT, message.encode()) for message in messages)
    client = await running.connect()
    while stream:
        cut = source.choice([1, 2, 7, 100, 40_000])
        client.send(stream[:cut])
        stream = stream[cut:]
        await asyncio.sleep(0)
    assert (await client.response(head_only=True))[0] == 101
    for message in messages:
        assert await frame(client) == (TEXT, f"echo {message}".encode())
    assert talks.last.heard == messages


async def test_large_messages_both_ways(running: Running) -> None:
    Talks(running, echo)
    client = await opened(await running.connect())
    message = b"x" * 1024 * 1024
    client.send(client_frame(TEXT, message))
    assert await frame(client) == (TEXT, b"echo " + message)
    client.send(client_frame(TEXT, message + b"x")[:14])
    assert await said_goodbye(client) == (1009, "A message is over 1048576 bytes.")


async def test_one_frame_for_many(running: Running) -> None:
    talks = Talks(running)
    clients = [await opened(await running.connect()) for _ in range(20)]
    once = text_frame("to all")
    for talk in talks.all:
        talk.open_socket.send_frame(once)
        talk.open_socket.send("to you")
    for client in clients:
        assert [await frame(client) for _ in range(2)] == [(TEXT, b"to all"), (TEXT, b"to you")]


@pytest.mark.parametrize("eager", [client_frame(TEXT, b"a"), client_frame(PONG)])
async def test_an_eager_peer_lets_others_have_their_turn(running: Running, eager: bytes) -> None:
    turns = 0

    def count() -> None:
        nonlocal turns
        turns += 1
        asyncio.get_running_loop().call_soon(count)

    def begin(socket: WebSocket, message: str) -> None:
        if message == "begin":
            count()

    talks = Talks(running, begin)
    client = await opened(await running.connect(), client_frame(TEXT, b"begin"))
    await eventually(lambda: turns)
    before = turns
    client.send(eager * 10_000 + client_frame(TEXT, b"end") + goodbye(1000))
    await eventually(lambda: talks.last.heard[-1] == "end")
    # Not each turn of the others falls between two of this one.
    assert turns - before >= 10_000 // 64 // 2
    assert talks.last.heard.count("a") == (10_000 if eager[0] & 0x0F == TEXT else 0)
    assert await said_goodbye(client) == (1000, "")


# Violations and ends ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"\x81\x05Hello", 1002),
        (client_frame(TEXT, b"a", reserved=1), 1002),
        (client_frame(CONTINUATION, b"a"), 1002),
        (client_frame(PING, b"x" * 126), 1002),
        (client_frame(CLOSE, b"1"), 1002),
        (goodbye(1005), 1002),
        (client_frame(BINARY, b"a"), 1003),
        (client_frame(TEXT, b"\xff"), 1007),
        (client_frame(TEXT, b"x" * 2_000_000)[:14], 1009),
    ],
)
async def test_violations_end_it(running: Running, data: bytes, code: int) -> None:
    talks = Talks(running)
    client = await opened(await running.connect(), client_frame(TEXT, b"fine") + data + client_frame(TEXT, b"nobody's"))
    assert (await said_goodbye(client))[0] == code
    await eventually(lambda: talks.last.calls == ["opened", "closed"])
    assert talks.last.heard == ["fine"]


@pytest.mark.parametrize(
    ("said", "answer"),
    [(goodbye(1000, b"bye"), (1000, "")), (goodbye(4999), (4999, "")), (client_frame(CLOSE), (0, ""))],
)
async def test_a_goodbye_is_answered(running: Running, said: bytes, answer: tuple[int, str]) -> None:
    talks = Talks(running)
    client = await opened(await running.connect(), client_frame(TEXT, b"last") + said + client_frame(TEXT, b"late"))
    assert await said_goodbye(client) == answer
    await eventually(lambda: talks.last.calls == ["opened", "closed"])
    assert talks.last.heard == ["last"]
    assert running.server.connections == 0


async def test_our_own_goodbye(running: Running) -> None:
    talks = Talks(running)
    client = await opened(await running.connect())
    ours = talks.last.open_socket
    ours.send("before")
    ours.close(4000, "reason")
    ours.close(4001)
    ours.send("after")
    ours.send_frame(text_frame("after"))
    client.send(client_frame(TEXT, b"crossed it") + client_frame(PING))
    assert await frame(client) == (TEXT, b"before")
    assert await frame(client) == (CLOSE, b"\x0f\xa0reason")
    assert talks.last.calls == ["opened"]
    client.send(goodbye(4000))
    assert await client.rest() == b""
    client.close()
    await eventually(lambda: talks.last.calls == ["opened", "closed"])
    assert talks.last.heard == []
    ours.send("after")
    ours.close()


async def test_a_goodbye_that_is_not_answered_is_enough_after_a_while() -> None:
    async with serving(SHORT) as running:
        talks = Talks(running)
        client = await opened(await running.connect())
        talks.last.open_socket.close()
        await eventually(lambda: talks.last.calls == ["opened", "closed"])
        assert await said_goodbye(client) == (1000, "")


@pytest.mark.parametrize("how", ["reset", "end", "in a frame"])
async def test_a_peer_that_disappears(running: Running, how: str) -> None:
    talks = Talks(running, echo)
    client = await opened(await running.connect())
    if how == "reset":
        reset(client)
    else:
        client.send(client_frame(TEXT, b"a") + (client_frame(TEXT, b"b")[:3] if how == "in a frame" else b""))
        client.writer.write_eof()
        assert await frame(client) == (TEXT, b"echo a")
        assert await client.rest() == b""
    await eventually(lambda: talks.last.calls == ["opened", "closed"])
    talks.last.open_socket.send("to nobody")
    assert talks.last.open_socket.unsent_bytes == 0
    assert running.server.connections == 0


class Broken(Talk):
    def __init__(self, where: str) -> None:
        super().__init__()
        self.where = where

    def opened(self, socket: WebSocket) -> None:
        super().opened(socket)
        self.fail("opened")

    def text(self, message: str) -> None:
        super().text(message)
        self.fail("text")

    def closed(self) -> None:
        super().closed()
        self.fail("closed")

    def fail(self, where: str) -> None:
        if where == self.where:
            raise RuntimeError("on purpose")


@pytest.mark.parametrize("where", ["opened", "text", "closed"])
async def test_handlers_that_fail(running: Running, where: str, caplog: pytest.LogCaptureFixture) -> None:
    talk = Broken(where)
    running.server.handler = lambda request: HttpResponse(101, websocket=talk)
    client = await opened(await running.connect(), client_frame(TEXT, b"a") + client_frame(TEXT, b"b") + goodbye(1000))
    expected = (1000, "") if where == "closed" else (1011, "The handler failed.")
    assert await said_goodbye(client) == expected
    await eventually(lambda: talk.calls == ["opened", "closed"])
    assert talk.heard == {"opened": [], "text": ["a"], "closed": ["a", "b"]}[where]
    errors = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert [record.exc_info[1].args for record in errors if record.exc_info and record.exc_info[1]] == [("on purpose",)]


# Waiting ------------------------------------------------------------------------------------------------------------


async def test_silent_peers_are_asked_and_kept_while_they_answer() -> None:
    settings = msgspec.structs.replace(SHORT, ping_interval_s=0.2, max_unanswered_pings=4)
    async with serving(settings) as running:
        talks = Talks(running)
        answering, speaking = [await opened(await running.connect()) for _ in range(2)]
        # Longer than any timeout of a request, and than unanswered pings would last.
        for _ in range(6):
            assert await frame(answering) == (PING, b"")
            answering.send(client_frame(PONG))
            assert await frame(speaking) == (PING, b"")
            speaking.send(client_frame(TEXT, b"I am"))
        assert [talk.calls for talk in talks.all] == [["opened"], ["opened"]]


async def test_who_does_not_answer_three_pings_is_dropped() -> None:
    async with serving(msgspec.structs.replace(SHORT, ping_interval_s=0.1)) as running:
        talks = Talks(running)
        client = await opened(await running.connect())
        assert await client.rest() == b"\x89\x00" * 3
        await eventually(lambda: talks.last.calls == ["opened", "closed"])
        assert running.server.connections == 0


async def test_who_does_not_read_is_dropped_and_others_are_not() -> None:
    async with serving(TransportSettings(max_unsent_bytes=1_000_000, drain_s=0.1)) as running:
        talks = Talks(running)
        with socket.create_connection(("127.0.0.1", running.port)) as lazy:
            lazy.sendall(HANDSHAKE)
            await eventually(lambda: talks.all and talks.last.calls)
            slow = talks.last
            reader = await opened(await running.connect())
            once, sent = text_frame("x" * 100_000), 0
            while slow.calls == ["opened"]:
                for talk in talks.all:
                    talk.open_socket.send_frame(once)
                sent += 1
                assert slow.open_socket.unsent_bytes <= 1_000_000 + len(once)
                assert (await frame(reader))[0] == TEXT
            assert slow.calls == ["opened", "closed"]
            # What the kernel holds has been sent; the rest was not kept for ever.
            assert 1_000_000 < sent * len(once) < 100_000_000
        assert talks.last.calls == ["opened"]


async def test_too_much_at_once_is_too_much(running: Running) -> None:
    talks = Talks(running)
    client = await opened(await running.connect())
    once = text_frame("x" * 100_000)
    for _ in range(1000):
        talks.last.open_socket.send_frame(once)
    assert talks.last.open_socket.unsent_bytes <= TransportSettings().max_unsent_bytes + len(once)
    # Nothing of it is called while it is sent to.
    assert talks.last.calls == ["opened"]
    await client.rest()
    await eventually(lambda: talks.last.calls == ["opened", "closed"])


async def test_answers_to_a_peer_that_does_not_read_are_bounded_too() -> None:
    async with serving(TransportSettings(max_unsent_bytes=100_000, drain_s=0.1)) as running:
        talks = Talks(running, lambda socket, message: socket.send("x" * 50_000))
        with socket.create_connection(("127.0.0.1", running.port)) as lazy:
            lazy.sendall(HANDSHAKE + client_frame(TEXT, b"more") * 1000)
            await eventually(lambda: talks.all and talks.last.calls == ["opened", "closed"])
            assert len(talks.last.heard) < 1000


async def test_closing_the_server_says_goodbye() -> None:
    async with serving(TransportSettings(drain_s=5)) as running:
        talks = Talks(running)
        clients = [await opened(await running.connect()) for _ in range(3)]
        closing = asyncio.create_task(running.server.close())
        for client in clients:
            assert await frame(client) == (CLOSE, b"\x03\xe9The server is closing.")
            client.send(goodbye(1001))
            assert await client.rest() == b""
            client.close()
        await closing
        assert [talk.calls for talk in talks.all] == [["opened", "closed"]] * 3


async def test_closing_the_server_waits_for_nobody_for_ever() -> None:
    async with serving(SHORT) as running:
        talks = Talks(running)
        client = await opened(await running.connect())
        await running.server.close()
        await eventually(lambda: talks.last.calls == ["opened", "closed"])
        assert await said_goodbye(client) == (1001, "The server is closing.")


async def test_no_socket_is_opened_while_the_server_closes() -> None:
    async with serving(TransportSettings(drain_s=5)) as running:
        asked, release, talk = asyncio.Event(), asyncio.Event(), Talk()

        async def slow(request: HttpRequest) -> HttpResponse:
            asked.set()
            await release.wait()
            return HttpResponse(101, websocket=talk)

        running.server.handler = slow
        client = await running.connect()
        client.send(HANDSHAKE)
        await asyncio.wait_for(asked.wait(), 10)
        closing = asyncio.create_task(running.server.close())
        await eventually(lambda: running.server.closing)
        release.set()
        status, _, body = await client.response()
        assert (status, msgspec.json.decode(body)["Code"]) == (503, "ServerClosing")
        client.close()
        await closing
        assert talk.calls == []


async def test_sockets_count_as_connections() -> None:
    async with serving(TransportSettings(max_connections=2, drain_s=0.1)) as running:
        Talks(running)
        clients: list[Client] = [await opened(await running.connect()) for _ in range(2)]
        assert (await running.exchange(b"")).startswith(b"HTTP/1.1 503 ")
        clients[0].send(goodbye(1000))
        assert await said_goodbye(clients[0]) == (1000, "")
        await eventually(lambda: running.server.connections == 1)
        await opened(await running.connect())
