"""HTTP messages as the gateway sees them: raw bytes kept for signatures, routing forms beside them. No I/O."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterator
from typing import Any, Final, Protocol


class HttpRequest:
    """One request; of one whose body goes to a BodyReceiver, `body` stays empty.

    `target` is as on the wire (origin-form; of an absolute-form target the path and query). `headers` keep order and
    raw values; names are lower case; `fields` has the first value of each, and is made of them unless it is given.
    `host` is for routing only: no scheme, no port, lower case; `host_header` is the raw text that clients sign.
    """

    __slots__ = (
        "body",
        "fields",
        "headers",
        "host",
        "host_header",
        "method",
        "path",
        "peer",
        "query",
        "scheme",
        "target",
    )

    def __init__(
        self,
        *,
        method: str,
        target: str,
        headers: list[tuple[str, str]],
        fields: dict[str, str] | None = None,
        body: bytes = b"",
        scheme: str = "http",
        peer: str = "127.0.0.1",
    ) -> None:
        self.method = method
        self.target = target
        self.path, _, self.query = target.partition("?")
        self.headers = headers
        self.body = body
        self.scheme = scheme
        self.peer = peer
        if fields is None:
            fields = {}
            for name, value in headers:
                # A name that comes twice counts as it came first.
                fields.setdefault(name, value)
        self.fields = fields
        self.host_header = fields.get("host", "")
        self.host = routing_host(self.host_header)

    @property
    def origin(self) -> str:
        """`http://HOST`, under which its sender reaches this cloud. Some clients write a scheme into Host."""
        return f"{self.scheme}://{self.host_header.rpartition('://')[2]}"

    def header(self, name: str) -> str | None:
        """The first value of a header, `name` in lower case."""
        return self.fields.get(name)


class FileSlice:
    """A range of an open file, sent as it is. Whoever holds it last closes the descriptor."""

    __slots__ = ("descriptor", "offset", "size_bytes")

    def __init__(self, descriptor: int, offset: int, size_bytes: int) -> None:
        self.descriptor = descriptor
        self.offset = offset
        self.size_bytes = size_bytes


class FileSource(Protocol):
    """Files that are too many to be open at once: gone through once, each slice is good until the next one."""

    size_bytes: int

    def __iter__(self) -> Iterator[FileSlice]: ...

    def close(self) -> None: ...


class WebSocket(Protocol):
    """An open WebSocket as its owner sees it. None of its methods blocks, raises, or calls the handler."""

    peer: str

    @property
    def unsent_bytes(self) -> int:
        """What waits here because the peer reads slowly. With too much of it the connection is dropped."""
        ...

    def send(self, text: str) -> None:
        """One message. Nothing once the socket is closing."""
        ...

    def send_frame(self, frame: bytes) -> None:
        """What `wire.websocket.text_frame` made once for many sockets. Nothing once the socket is closing."""
        ...

    def close(self, code: int = 1000, reason: str = "") -> None:
        """Say goodbye behind what is sent. No message arrives any more; `closed` follows when the connection is gone.
        The reason is cut to 123 bytes."""
        ...


class WebSocketHandler(Protocol):
    """Who talks over a WebSocket. Called on the event loop, one call after the other; what it raises closes the socket
    with 1011. When the handshake is refused or the client has left before its end, nothing is called."""

    def opened(self, socket: WebSocket) -> None:
        """First. It may send already."""
        ...

    def text(self, message: str) -> None:
        """One whole message, in order."""
        ...

    def closed(self) -> None:
        """Last, and exactly once, however the connection ended."""
        ...


class HttpResponse:
    """One answer. A `stream` (server-sent events) is sent chunked after `body`, until it ends or the client goes.
    `files` are sent after `body` and counted in the length; the transport closes them in any case. `lines`: headers
    that go first and are rendered already (`wire.responses.header_lines`). With a `websocket` the connection becomes
    one (RFC 6455): status and body are the transport's then, and it refuses requests that do not ask for that."""

    __slots__ = ("body", "close", "files", "headers", "lines", "status", "stream", "websocket")

    def __init__(
        self,
        status: int,
        body: bytes = b"",
        *,
        headers: list[tuple[str, str]] | None = None,
        lines: str = "",
        content_type: str | None = None,
        stream: AsyncIterator[bytes] | None = None,
        files: list[FileSlice] | FileSource | None = None,
        websocket: WebSocketHandler | None = None,
        close: bool = False,
    ) -> None:
        self.status = status
        self.body = body
        self.headers = headers if headers is not None else []
        self.lines = lines
        if content_type is not None:
            self.headers.append(("Content-Type", content_type))
        self.stream = stream
        self.files = files
        self.websocket = websocket
        self.close = close

    @property
    def size_bytes(self) -> int:
        """Of body and files."""
        return len(self.body) + self.files_bytes

    @property
    def files_bytes(self) -> int:
        files = self.files
        if files is None:
            return 0
        return sum([file.size_bytes for file in files]) if isinstance(files, list) else files.size_bytes


class Deferred:
    """An answer that is made when a future is done. It can be awaited; `then` is quicker."""

    __slots__ = ("_done", "_make")

    def __init__(self, done: asyncio.Future[None], make: Callable[[asyncio.Future[None]], HttpResponse]) -> None:
        self._done = done
        self._make = make

    def then(self, use: Callable[[HttpResponse], None]) -> None:
        """`use` has it, once, in a later turn of the event loop."""
        self._done.add_done_callback(lambda done: use(self._make(done)))

    def __await__(self) -> Generator[Any, None, HttpResponse]:
        yield from asyncio.wait([self._done]).__await__()
        return self._make(self._done)


class BodyReceiver(Protocol):
    """Takes a request's body piece by piece, for bodies that are too large to be gathered."""

    def write(self, piece: bytes) -> None:
        """One piece, in order. What it raises is answered as the handler's failure would be."""
        ...

    def room(self) -> Awaitable[None] | None:
        """None while more may come; else what to wait for before reading on."""
        ...

    def finish(self) -> HttpResponse | Awaitable[HttpResponse]:
        """The body is complete: the answer."""
        ...

    def abort(self) -> None:
        """The client left or broke the protocol before the end; nothing is answered."""
        ...


def routing_host(raw: str) -> str:
    """The host name of a Host header, however odd: `http://127.0.0.1:8080` and `ECS.aliyuncs.com:443` are real."""
    return _known_host(raw) if len(raw) <= _MOST_KNOWN else _host_of(raw)


def _host_of(raw: str) -> str:
    text = raw.strip().lower()
    if "://" in text:
        text = text.split("://", 1)[1]
    text = text.split("/", 1)[0].rsplit("@", 1)[-1]
    if text.startswith("["):
        return text[1 : text.find("]")] if "]" in text else text[1:]
    return text.split(":", 1)[0]


# A client asks for the same one again and again. Names longer than this are none.
_MOST_KNOWN: Final = 255
_known_host: Final = functools.lru_cache(maxsize=4096)(_host_of)
