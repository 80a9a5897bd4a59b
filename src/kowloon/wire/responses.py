"""Heads of HTTP/1 responses as bytes. No I/O."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from email.utils import formatdate
from http import HTTPStatus
from typing import Final

import msgspec

from kowloon.wire.http import HttpResponse

CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
TUNNEL_OPEN: Final = b"HTTP/1.1 200 Connection established\r\n\r\n"
LAST_CHUNK: Final = b"0\r\n\r\n"

_REASONS: Final = {status.value: status.phrase for status in HTTPStatus}
# The connection is the transport's business, whatever a handler says.
_OWN_HEADERS: Final = frozenset({"connection", "keep-alive", "transfer-encoding", "date", "content-length"})
_NO_BODY: Final = frozenset({204, 304})
_WEBSOCKET_WANTED: Final = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"


class DateHeader:
    """The Date header's value, formatted once a second. `wall` tells the time."""

    def __init__(self, wall: Callable[[], float]) -> None:
        self._wall = wall
        self._second = -1
        self._text = ""

    def now(self) -> str:
        second = int(self._wall())
        if second != self._second:
            self._second = second
            self._text = formatdate(second, usegmt=True)
        return self._text


def small_error(status: int, code: str, message: str) -> HttpResponse:
    """What the transport itself has to say; the connection ends after it unless `close` is cleared."""
    body = msgspec.json.encode({"Code": code, "Message": message})
    lines = _WEBSOCKET_WANTED if status == HTTPStatus.UPGRADE_REQUIRED else ""
    return HttpResponse(status, body, lines=lines, content_type="application/json;charset=utf-8", close=True)


def switching_head(response: HttpResponse, *, date: str, accept: str) -> bytes:
    """What makes the connection a WebSocket, with the headers of the handler's answer (cookies)."""
    lines = f"{response.lines}{header_lines(response.headers)}"
    return (
        f"HTTP/1.1 101 Switching Protocols\r\nDate: {date}\r\n{lines}"
        f"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
    ).encode("utf-8", "replace")


def head_of(response: HttpResponse, *, date: str, method: str, keep_alive: bool, http_1_0: bool) -> bytes:
    """Status line and headers. Says how the body ends: a length, chunks, or for streams to HTTP/1.0 the connection."""
    status, headers, length, connection = response.status, response.headers, "", ""
    if response.stream is not None:
        if not http_1_0:
            length = "Transfer-Encoding: chunked\r\n"
    elif status not in _NO_BODY:
        # Only an answer to HEAD may announce another length than that of its body.
        declared = _declared_length(headers) if method == "HEAD" else ""
        length = f"Content-Length: {declared or str(response.size_bytes)}\r\n"
    if not keep_alive:
        connection = "Connection: close\r\n"
    elif http_1_0:
        connection = "Connection: keep-alive\r\n"
    lines = f"{response.lines}{header_lines(headers)}" if headers else response.lines
    return (
        f"HTTP/1.1 {status} {_REASONS.get(status, 'Status')}\r\nDate: {date}\r\n{lines}{length}{connection}\r\n"
    ).encode("utf-8", "replace")


def header_lines(headers: Sequence[tuple[str, str]]) -> str:
    """As they go out. What could end a header is taken out of it, and what a handler may not say is left out."""
    if not "".join([value for _, value in headers]).isprintable():
        headers = [(name, _one_line(value)) for name, value in headers]
    return "".join([f"{name}: {value}\r\n" for name, value in headers if _is_sent(name)])


@functools.lru_cache(maxsize=4096)
def _is_sent(name: str) -> bool:
    """Whether a handler's header goes out; a name that is none does not."""
    return name.isprintable() and name.lower() not in _OWN_HEADERS


def _declared_length(headers: list[tuple[str, str]]) -> str:
    """The length that a handler announces of a body it does not send; empty when it announces none."""
    return next((value for name, value in headers if name.lower() == "content-length" and value.isdigit()), "")


def may_have_body(response: HttpResponse, method: str) -> bool:
    return method != "HEAD" and response.status not in _NO_BODY


def chunk_of(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def _one_line(text: str) -> str:
    """A header cannot contain what would end it."""
    return "".join(character if character >= " " and character != "\x7f" else " " for character in text)
