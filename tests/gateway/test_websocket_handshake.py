"""WebSockets on the one port, by the byte: how a connection becomes one, and how it does not."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from kowloon.wire.http import HttpRequest, HttpResponse

from .sockets import Running, eventually
from .talking import (
    ACCEPT,
    HANDSHAKE,
    TEXT,
    SlowTalk,
    Talk,
    Talks,
    client_frame,
    echo,
    frame,
    opened,
    reset,
)

GET = b"GET /%b HTTP/1.1\r\nHost: h\r\n\r\n"


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
    slow = SlowTalk(running)
    client = await running.connect()
    client.send(HANDSHAKE + client_frame(TEXT, b"a"))
    await slow.asked()
    if how == "reset":
        reset(client)
        await eventually(lambda: running.server.connections == 0)
    else:
        client.writer.write_eof()
    slow.release.set()
    if how == "end":
        assert await client.rest() == b""
    other = await opened(await running.connect())
    assert slow.talk.calls == ["opened"]
    other.close()
    await eventually(lambda: running.server.connections == 0)
    assert slow.talk.calls == ["opened", "closed"]
