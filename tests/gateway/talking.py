"""The owner of WebSockets under test, and a client that speaks frames by the byte."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable

from kowloon.wire.http import HttpRequest, HttpResponse, WebSocket

from .sockets import PATIENCE_S, Client, Running

KEY, ACCEPT = "dGhlIHNhbXBsZSBub25jZQ==", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
HANDSHAKE = (
    b"GET /talk HTTP/1.1\r\nHost: im.dingtalk.com\r\nConnection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + KEY.encode() + b"\r\n\r\n"
)
CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10


class Talk:
    """Keeps what it hears; `reply` may answer it, or fail."""

    def __init__(self, reply: Callable[[WebSocket, str], None] | None = None) -> None:
        self.heard: list[str] = []
        self.calls: list[str] = []
        self.socket: WebSocket | None = None
        self._reply = reply

    @property
    def open_socket(self) -> WebSocket:
        assert self.socket is not None
        return self.socket

    def opened(self, socket: WebSocket) -> None:
        self.calls.append("opened")
        self.socket = socket

    def text(self, message: str) -> None:
        assert self.calls == ["opened"]
        self.heard.append(message)
        if self._reply is not None:
            self._reply(self.open_socket, message)

    def closed(self) -> None:
        self.calls.append("closed")


class Talks:
    """A server's handler: `/talk` is a WebSocket for the next of `talks`, everything else an echo of its target."""

    def __init__(self, running: Running, reply: Callable[[WebSocket, str], None] | None = None) -> None:
        self.all: list[Talk] = []
        self._reply = reply
        running.server.handler = self

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path != "/talk":
            return HttpResponse(200, f"{request.method} {request.target}".encode())
        self.all.append(Talk(self._reply))
        return HttpResponse(101, headers=[("Set-Cookie", "a=b")], websocket=self.all[-1])

    @property
    def last(self) -> Talk:
        return self.all[-1]


class SlowTalk:
    """A server's handler that takes its time: every WebSocket is `talk`'s, once it is `release`d."""

    def __init__(self, running: Running) -> None:
        self.talk = Talk()
        self.release = asyncio.Event()
        self._asked = asyncio.Event()
        running.server.handler = self

    async def __call__(self, request: HttpRequest) -> HttpResponse:
        self._asked.set()
        await self.release.wait()
        return HttpResponse(101, websocket=self.talk)

    async def asked(self) -> None:
        await asyncio.wait_for(self._asked.wait(), PATIENCE_S)


def echo(socket: WebSocket, message: str) -> None:
    socket.send(f"echo {message}")


def client_frame(opcode: int, payload: bytes = b"", *, final: bool = True, reserved: int = 0) -> bytes:
    mask = b"\x01\x82\xf3\x74"
    size = len(payload)
    if size < 126:
        length = bytes((0x80 | size,))
    elif size < 2**16:
        length = b"\xfe" + size.to_bytes(2, "big")
    else:
        length = b"\xff" + size.to_bytes(8, "big")
    masked = bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload))
    return bytes((final << 7 | reserved << 4 | opcode,)) + length + mask + masked


def goodbye(code: int, reason: bytes = b"") -> bytes:
    return client_frame(CLOSE, code.to_bytes(2, "big") + reason)


async def opened(client: Client, after: bytes = b"") -> Client:
    """The client, behind its handshake."""
    client.send(HANDSHAKE + after)
    status, headers, _ = await client.response(head_only=True)
    assert (status, headers["sec-websocket-accept"]) == (101, ACCEPT)
    return client


async def frame(client: Client) -> tuple[int, bytes]:
    """The next one of the server: opcode and payload."""
    async with asyncio.timeout(PATIENCE_S):
        first, second = await client.reader.readexactly(2)
        assert first & 0x80
        assert second < 0x80
        size = second
        if size >= 126:
            size = int.from_bytes(await client.reader.readexactly(2 if size == 126 else 8), "big")
        return first & 0x0F, await client.reader.readexactly(size)


async def said_goodbye(client: Client) -> tuple[int, str]:
    """Code and reason of the server's goodbye, behind which nothing comes."""
    opcode, payload = await frame(client)
    assert opcode == CLOSE
    assert await client.rest() == b""
    client.close()
    return int.from_bytes(payload[:2], "big"), payload[2:].decode()


def reset(client: Client) -> None:
    """Gone without a word."""
    client.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.writer.transport.abort()
