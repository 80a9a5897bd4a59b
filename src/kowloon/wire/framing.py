"""HTTP/1 requests out of bytes: llhttp for the grammar, and the checks and bounds that it leaves to its users. No I/O.

Small bodies are gathered; chunked and large ones are handed out while they arrive. Whatever two readers could
understand differently is refused, so nothing can be smuggled past a proxy in front.
"""

from __future__ import annotations

from collections import deque
from enum import Enum
from typing import Final

import httptools

from kowloon.wire.framing_limits import FramingLimits
from kowloon.wire.http import HttpRequest, routing_host

# Bytes are given to the parser in slices, so that bounds are noticed soon after they are passed; larger ones in chunks.
_SLICE_BYTES: Final = 16 * 1024
_CHUNKED_SLICE_BYTES: Final = 64 * 1024
# What a chunk may spend on its size line, extensions included, on top of a fixed allowance per body.
_CHUNK_OVERHEAD_BYTES: Final = 64
_BODY_OVERHEAD_BYTES: Final = 20 * 1024
# What nearly every request sends, so that these names need not be made anew each time.
_KNOWN_NAMES: Final = {
    spelling.encode(): name.lower()
    for name in (
        "Accept",
        "Accept-Encoding",
        "Authorization",
        "Cache-Control",
        "Connection",
        "Content-Length",
        "Content-MD5",
        "Content-Type",
        "Date",
        "Expect",
        "Host",
        "If-Match",
        "If-None-Match",
        "Range",
        "Transfer-Encoding",
        "User-Agent",
        "X-Acs-Action",
        "X-Acs-Content-Sha256",
        "X-Acs-Date",
        "X-Acs-Signature-Nonce",
        "X-Acs-Version",
        "X-Oss-Content-Sha256",
        "X-Oss-Date",
        "X-Oss-Security-Token",
    )
    for spelling in (name, name.lower())
}
_KNOWN_METHODS: Final = {
    method.encode(): method for method in ("GET", "PUT", "POST", "HEAD", "DELETE", "OPTIONS", "CONNECT")
}


_ONE_HOST: Final = "exactly one Host header is required"
_BAD_CODING: Final = "the Transfer-Encoding is not acceptable"
_BAD_LENGTH: Final = "the Content-Length is not acceptable"


class Refusal(Exception):
    """A request that is answered by the transport itself, after which the connection ends."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


class ArrivingBody:
    """A body that is not gathered: `pieces` wait to be taken, in order; `complete` says that none follow them.

    `length_bytes` is what the request declared; None for chunks.
    """

    __slots__ = ("complete", "length_bytes", "pieces")

    def __init__(self, length_bytes: int | None) -> None:
        self.length_bytes = length_bytes
        self.pieces: list[bytes] = []
        self.complete = False

    def take(self) -> bytes:
        """What has arrived since the last time."""
        pieces = self.pieces
        self.pieces = []
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)


class Framed:
    """A request as it came, whole unless its body is `arriving`. `tunnel` is the authority of a CONNECT, else empty.
    When it `upgrades`, to a WebSocket, the answer decides what the bytes behind it are."""

    __slots__ = ("arriving", "http_1_0", "keep_alive", "request", "tunnel", "upgrades")

    def __init__(self, request: HttpRequest, keep_alive: bool, http_1_0: bool, tunnel: str = "") -> None:
        self.request = request
        self.keep_alive = keep_alive
        self.http_1_0 = http_1_0
        self.tunnel = tunnel
        self.upgrades = False
        self.arriving: ArrivingBody | None = None


class Phase(Enum):
    IDLE = "between requests"
    HEAD = "in request line or headers"
    BODY = "in a body"
    OVER = "no more requests on this connection"


# To look a member up in its class takes longer than most of what is done with it.
IDLE: Final = Phase.IDLE
HEAD: Final = Phase.HEAD
BODY: Final = Phase.BODY
OVER: Final = Phase.OVER


class RequestParser:
    """Feed bytes, take from `ready`. Requests, then at most one Refusal, in the order they came.

    While a body is `arriving`, its request being the last in `ready` or taken already, feed only as fast as the
    body is wanted. A Refusal behind it says that it will never be complete.
    """

    def __init__(self, *, scheme: str, peer: str, bounds: FramingLimits) -> None:
        self.ready: deque[Framed | Refusal] = deque()
        self.phase = IDLE
        # Requests begun so far, finished or not.
        self.begun = 0
        self.wants_continue = False
        # Bytes after a CONNECT or an upgrade: they belong to the tunnel, or to the socket if there will be one.
        self.behind = b""
        self.arriving: ArrivingBody | None = None
        self._scheme = scheme
        self._peer = peer
        self._most_target_bytes = bounds.target_bytes
        self._most_header_bytes = bounds.header_bytes
        self._most_headers = bounds.headers
        self._gather_bytes = min(bounds.gather_bytes, bounds.body_bytes)
        self._parser = httptools.HttpRequestParser(self)
        self._phase_bytes = 0
        # Framing headers of a request whose body llhttp skipped; while they are fed again, nothing else is read.
        self._resumed_head = b""
        self._clear()

    def _clear(self) -> None:
        self._url = b""
        self._headers: list[tuple[str, str]] = []
        self._fields: dict[str, str] = {}
        self._header_bytes = 0
        self._framed: Framed | None = None
        self._body: list[bytes] = []
        self._body_bytes = 0
        self._chunks = 0
        self._is_chunked = False
        self.arriving = None
        # Of an arriving body of known length: such bytes mean nothing to llhttp, and go past it.
        self._bytes_to_come = 0

    @property
    def ready_bytes(self) -> int:
        return sum(len(item.request.body) for item in self.ready if isinstance(item, Framed))

    @property
    def slice_bytes(self) -> int:
        """How much to feed at once."""
        if self._bytes_to_come:
            return self._bytes_to_come
        return _SLICE_BYTES if self.arriving is None else _CHUNKED_SLICE_BYTES

    def feed(self, data: bytes) -> None:
        """Parse at most `slice_bytes` at once; never raises, a bad request ends up in `ready` as a Refusal."""
        while data:
            data = self._pass_llhttp(data) if self._bytes_to_come else self._feed_llhttp(data)

    def _pass_llhttp(self, data: bytes) -> bytes:
        """Returns what is behind the body."""
        here = self._bytes_to_come
        self.on_body(data if len(data) <= here else data[:here])
        if self._bytes_to_come == 0:
            # The one there was still waits for this body.
            self._parser = httptools.HttpRequestParser(self)
            self.on_message_complete()
        return data[here:]

    def _feed_llhttp(self, data: bytes) -> bytes:
        """Returns what is left for a fresh parser."""
        if self.phase is OVER:
            # Bytes behind the last request of a connection are nobody's.
            if self._framed is not None and (self._framed.tunnel or self._framed.upgrades):
                self.behind += data
            return b""
        phase, begun = self.phase, self.begun
        try:
            self._parser.feed_data(data)
            if self.phase is phase and self.begun == begun:
                self._check_progress(len(data))
            else:
                self._phase_bytes = 0
        except httptools.HttpParserUpgrade as upgrade:
            self._pass_upgrade()
            return data[upgrade.args[0] :]
        except httptools.HttpParserError as error:
            self._refuse(error)
        except Refusal as refusal:
            self._refuse(refusal)
        return b""

    def decline(self) -> bytes:
        """The request that upgrades was the last one fed, and HTTP goes on. Returns what must be fed again."""
        behind, self.behind = self.behind, b""
        if self._framed is not None and self._framed.keep_alive:
            self._parser = httptools.HttpRequestParser(self)
            self.phase = IDLE
        return behind

    def _pass_upgrade(self) -> None:
        """llhttp stops at every Upgrade header, and before the body. What does not leave HTTP goes on afresh."""
        if self.phase is OVER:
            return
        self._parser = httptools.HttpRequestParser(self)
        if self._resumed_head:
            self._parser.feed_data(self._resumed_head)
            self._resumed_head = b""

    def _refuse(self, error: Exception) -> None:
        if self.phase is OVER:
            # Bytes after the last request of a connection are nobody's.
            return
        refusal = error if isinstance(error, Refusal) else error.__context__
        if not isinstance(refusal, Refusal):
            refusal = _malformed(str(error))
        self.phase = OVER
        self.wants_continue = False
        self.ready.append(refusal)
        self._clear()

    def _check_progress(self, size_bytes: int) -> None:
        """Bound what llhttp buffers or skips by itself: an unfinished header, chunk extensions."""
        self._phase_bytes += size_bytes
        if self.phase is HEAD and self._phase_bytes > self._most_target_bytes + self._most_header_bytes:
            raise _headers_too_large()
        if self.phase is BODY and self._is_chunked:
            allowed = self._body_bytes + self._chunks * _CHUNK_OVERHEAD_BYTES + _BODY_OVERHEAD_BYTES
            if self._phase_bytes > allowed:
                raise _malformed("chunk extensions are too large")

    # Called by the parser -----------------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        if self._resumed_head:
            return
        self._clear()
        self.begun += 1
        self.phase = HEAD
        self._phase_bytes = 0

    def on_url(self, piece: bytes) -> None:
        if self._resumed_head:
            return
        self._url += piece
        if len(self._url) > self._most_target_bytes:
            raise Refusal(414, "RequestTargetTooLong", f"The target is over {self._most_target_bytes} bytes.")

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._resumed_head:
            return
        headers = self._headers
        try:
            # Clients send header text in UTF-8.
            text = value.decode()
        except UnicodeDecodeError:
            # Every byte string is that.
            text = value.decode("latin-1")
        known, text = _KNOWN_NAMES.get(name) or _name(name), text.strip(" \t")
        headers.append((known, text))
        # A name that comes twice counts as it came first.
        self._fields.setdefault(known, text)
        self._header_bytes += len(name) + len(value) + 4
        if self._header_bytes > self._most_header_bytes or len(headers) > self._most_headers:
            raise _headers_too_large()

    def on_headers_complete(self) -> None:
        if self._resumed_head:
            return
        self._framed = framed = self._request_so_far()
        length_bytes = self._checked_framing(framed)
        # Trailers are counted too, so that they are bounded, and never mixed with the headers.
        self._headers, self._fields = [], {}
        self.phase = BODY
        self._phase_bytes = 0
        if not (length_bytes or self._is_chunked):
            framed.upgrades = self._leaves_http(framed)
            return
        self.wants_continue = "expect" in framed.request.fields and not framed.http_1_0
        if self._is_chunked or (length_bytes or 0) > self._gather_bytes:
            self.arriving = framed.arriving = ArrivingBody(length_bytes)
            self._bytes_to_come = length_bytes or 0
            self.ready.append(framed)
        if not self._bytes_to_come and self._parser.should_upgrade():
            self._resumed_head = self._framing_head(framed, length_bytes)

    def _leaves_http(self, framed: Framed) -> bool:
        """Whether a request without a body asks for a WebSocket as only that can be asked for."""
        request = framed.request
        if "upgrade" not in request.fields or framed.http_1_0 or request.method != "GET":
            return False
        return bool(self._parser.should_upgrade()) and asks_for_websocket(request)

    def _framing_head(self, framed: Framed, length_bytes: int | None) -> bytes:
        """A head that frames the same body and asks for no upgrade."""
        framing = "Transfer-Encoding: chunked" if length_bytes is None else f"Content-Length: {length_bytes}"
        version = "1.0" if framed.http_1_0 else "1.1"
        connection = "keep-alive" if framed.keep_alive else "close"
        return f"POST / HTTP/{version}\r\nHost:\r\nConnection: {connection}\r\n{framing}\r\n\r\n".encode()

    def on_body(self, piece: bytes) -> None:
        self._body_bytes += len(piece)
        if self.arriving is None:
            self._body.append(piece)
            return
        self.arriving.pieces.append(piece)
        if self._bytes_to_come:
            self._bytes_to_come -= len(piece)

    def on_chunk_header(self) -> None:
        self._chunks += 1

    def on_message_complete(self) -> None:
        if self._resumed_head or self._bytes_to_come:
            # llhttp skipped the body of an upgrade: it is still to come.
            return
        framed = self._framed
        assert framed is not None
        if self.arriving is not None:
            self.arriving.complete = True
            self.arriving = None
        else:
            framed.request.body = self._body[0] if len(self._body) == 1 else b"".join(self._body)
            self._body = []
            self.ready.append(framed)
        self.wants_continue = False
        ends = bool(framed.tunnel) or framed.upgrades or not framed.keep_alive
        self.phase = OVER if ends else IDLE

    # Checks ---------------------------------------------------------------------------------------------------------

    def _request_so_far(self) -> Framed:
        """What the head says, without a body."""
        parser = self._parser
        raw_method = parser.get_method()
        method = _KNOWN_METHODS.get(raw_method) or raw_method.decode("ascii")
        try:
            target = self._url.decode("ascii")
        except UnicodeDecodeError:
            raise _malformed("the target is not ASCII") from None
        authority = tunnel = ""
        if method == "CONNECT":
            tunnel = target
        elif target[:1] != "/":
            target, authority = _split_target(target, method)
        request = HttpRequest(
            method=method,
            target=target,
            headers=self._headers,
            fields=self._fields,
            scheme=self._scheme,
            peer=self._peer,
        )
        if authority:
            # For routing the authority of the target counts; the Host header stays as it was signed.
            request.host = routing_host(authority)
            request.host_header = request.host_header or authority
        keep_alive = parser.should_keep_alive()
        fields = request.fields
        # llhttp writes the version out anew each time. A connection that goes on without a word about it speaks 1.1.
        plain = keep_alive and "connection" not in fields and "proxy-connection" not in fields
        version = "1.1" if plain else parser.get_http_version()
        if version not in ("1.1", "1.0"):
            # Not 505: clients would try again.
            raise _malformed("only versions 1.0 and 1.1 of HTTP are spoken here")
        return Framed(request, keep_alive and not tunnel, version == "1.0", tunnel)

    def _checked_framing(self, framed: Framed) -> int | None:
        """The declared length of the body, None without one; refuses every doubt about where the request ends, and
        every expectation but one."""
        fields = framed.request.fields
        if len(fields) != len(self._headers):
            self._check_repeated(framed)
        if "host" not in fields and not framed.http_1_0:
            raise _malformed(_ONE_HOST)
        length, coding = fields.get("content-length"), fields.get("transfer-encoding")
        if coding is not None:
            if length is not None or framed.http_1_0 or coding.lower() != "chunked":
                raise _malformed(_BAD_CODING)
            self._is_chunked = True
        if length is not None and not (length.isascii() and length.isdigit()):
            raise _malformed(_BAD_LENGTH)
        length_bytes = int(length) if length is not None else None
        if framed.tunnel and (self._is_chunked or length_bytes):
            raise _malformed("CONNECT has no body")
        if "expect" in fields and not framed.http_1_0 and fields["expect"].lower() != "100-continue":
            raise _unexpected()
        return length_bytes

    def _check_repeated(self, framed: Framed) -> None:
        """What may come once only."""
        names = [name for name, _ in self._headers]
        for name, what in (("host", _ONE_HOST), ("transfer-encoding", _BAD_CODING), ("content-length", _BAD_LENGTH)):
            if names.count(name) > 1:
                raise _malformed(what)
        if names.count("expect") > 1 and not framed.http_1_0:
            raise _unexpected()


def asks_for_websocket(request: HttpRequest) -> bool:
    """Whether a WebSocket is among the protocols that the client would like."""
    wanted = [name.strip().lower() for name in request.fields.get("upgrade", "").split(",")]
    return "websocket" in wanted


def _split_target(url: str, method: str) -> tuple[str, str]:
    """Of a target that is no plain path: its origin form, and the authority when it came in absolute form."""
    scheme, separator, rest = url.partition("://")
    if separator and scheme.lower() in ("http", "https"):
        end = min((at for at in (rest.find("/"), rest.find("?")) if at >= 0), default=len(rest))
        target = rest[end:]
        if end:
            return target if target.startswith("/") else f"/{target}", rest[:end]
    elif url == "*" and method == "OPTIONS":
        return url, ""
    raise _malformed("the target is neither a path nor an address")


def _name(name: bytes) -> str:
    return name.decode("ascii").lower()


def _unexpected() -> Refusal:
    return Refusal(417, "ExpectationFailed", "The expectation is not known.")


def _malformed(reason: str) -> Refusal:
    return Refusal(400, "MalformedRequest", f"The request is not well formed: {reason}.")


def _headers_too_large() -> Refusal:
    return Refusal(431, "HeadersTooLarge", "The headers are too many or too long.")


def body_too_large(most_bytes: int) -> Refusal:
    return Refusal(413, "RequestEntityTooLarge", f"The body is over {most_bytes} bytes.")
