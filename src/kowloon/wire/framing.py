"""HTTP/1 requests out of bytes: llhttp for the grammar, and the checks and bounds that it leaves to its users. No I/O.

Whatever two readers could understand differently is refused, so nothing can be smuggled past a proxy in front.
"""

from __future__ import annotations

from collections import deque
from enum import Enum
from typing import Final

import httptools
import msgspec

from kowloon.core import limits
from kowloon.wire.http import HttpRequest, routing_host

# Bytes are given to the parser in slices of this size, so that bounds are noticed soon after they are passed.
SLICE_BYTES: Final = 16 * 1024
# What a chunk may spend on its size line, extensions included, on top of a fixed allowance per body.
_CHUNK_OVERHEAD_BYTES: Final = 64
_BODY_OVERHEAD_BYTES: Final = 4 * 1024


class Refusal(Exception):
    """A request that is answered by the transport itself, after which the connection ends."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


class Framed:
    """A whole request as it came: `tunnel` is the authority of a CONNECT, else empty."""

    __slots__ = ("http_1_0", "keep_alive", "request", "tunnel")

    def __init__(self, request: HttpRequest, *, keep_alive: bool, http_1_0: bool, tunnel: str = "") -> None:
        self.request = request
        self.keep_alive = keep_alive
        self.http_1_0 = http_1_0
        self.tunnel = tunnel


class FramingLimits(msgspec.Struct, frozen=True):
    target_bytes: int = limits.MAX_TARGET_BYTES
    header_bytes: int = limits.MAX_HEADER_BYTES
    headers: int = limits.MAX_HEADERS
    body_bytes: int = limits.MAX_BODY_BYTES


class Phase(Enum):
    IDLE = "between requests"
    HEAD = "in request line or headers"
    BODY = "in a body"
    OVER = "no more requests on this connection"


class RequestParser:
    """Feed bytes, take from `ready`. Requests, then at most one Refusal, in the order they came."""

    def __init__(self, *, scheme: str, peer: str, bounds: FramingLimits) -> None:
        self.ready: deque[Framed | Refusal] = deque()
        self.ready_bytes = 0
        self.phase = Phase.IDLE
        # Requests begun so far, finished or not.
        self.begun = 0
        self.wants_continue = False
        # Bytes after a CONNECT: they belong to the tunnel.
        self.tunnelled = b""
        self._scheme = scheme
        self._peer = peer
        self._bounds = bounds
        self._parser = httptools.HttpRequestParser(self)
        self._phase_bytes = 0
        # Framing headers of a request whose body llhttp skipped; while they are fed again, nothing else is read.
        self._resumed_head = b""
        self._clear()

    def _clear(self) -> None:
        self._url = b""
        self._headers: list[tuple[str, str]] = []
        self._header_count = 0
        self._header_bytes = 0
        self._body: list[bytes] = []
        self._body_bytes = 0
        self._chunks = 0
        self._is_chunked = False
        self._http_1_0 = False
        self._method = ""

    def feed(self, data: bytes) -> None:
        """Parse at most SLICE_BYTES at once; never raises, a bad request ends up in `ready` as a Refusal."""
        while data:
            data = self._feed_one_parser(data)

    def _feed_one_parser(self, data: bytes) -> bytes:
        """Returns what is left for a fresh parser."""
        if self._is_over():
            self.tunnelled += data if self._method == "CONNECT" else b""
            return b""
        phase = self.phase
        try:
            self._parser.feed_data(data)
            self._check_progress(phase, len(data))
        except httptools.HttpParserUpgrade as upgrade:
            self._decline_upgrade()
            return data[upgrade.args[0] :]
        except httptools.HttpParserError as error:
            self._refuse(error)
        except Refusal as refusal:
            self._refuse(refusal)
        return b""

    def _decline_upgrade(self) -> None:
        """llhttp stops at every Upgrade header, and before the body. Only CONNECT leaves HTTP, so go on afresh."""
        if self._is_over():
            return
        self._parser = httptools.HttpRequestParser(self)
        if self._resumed_head:
            self._parser.feed_data(self._resumed_head)
            self._resumed_head = b""

    def _is_over(self) -> bool:
        return self.phase is Phase.OVER

    def take(self) -> Framed | Refusal:
        item = self.ready.popleft()
        if isinstance(item, Framed):
            self.ready_bytes -= len(item.request.body)
        return item

    def _refuse(self, error: Exception) -> None:
        if self._is_over():
            # Bytes after the last request of a connection are nobody's.
            return
        refusal = error if isinstance(error, Refusal) else error.__context__
        if not isinstance(refusal, Refusal):
            refusal = _malformed(str(error))
        self.phase = Phase.OVER
        self.wants_continue = False
        self.ready.append(refusal)
        self._clear()

    def _check_progress(self, phase_before: Phase, size_bytes: int) -> None:
        """Bound what llhttp buffers or skips by itself: an unfinished header, chunk extensions."""
        if self.phase is not phase_before:
            self._phase_bytes = 0
            return
        self._phase_bytes += size_bytes
        if self.phase is Phase.HEAD and self._phase_bytes > self._bounds.target_bytes + self._bounds.header_bytes:
            raise _headers_too_large()
        if self.phase is Phase.BODY and self._is_chunked:
            allowed = self._body_bytes + self._chunks * _CHUNK_OVERHEAD_BYTES + _BODY_OVERHEAD_BYTES + SLICE_BYTES
            if self._phase_bytes > allowed:
                raise _malformed("chunk extensions are too large")

    # Called by the parser -----------------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        if self._resumed_head:
            return
        self._clear()
        self.begun += 1
        self.phase = Phase.HEAD
        self._phase_bytes = 0

    def on_url(self, piece: bytes) -> None:
        if self._resumed_head:
            return
        self._url += piece
        if len(self._url) > self._bounds.target_bytes:
            raise Refusal(414, "RequestTargetTooLong", f"The target is over {self._bounds.target_bytes} bytes.")

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._resumed_head:
            return
        self._header_count += 1
        self._header_bytes += len(name) + len(value) + 4
        if self._header_bytes > self._bounds.header_bytes or self._header_count > self._bounds.headers:
            raise _headers_too_large()
        if self.phase is Phase.BODY:
            # A trailer: counted, so that it is bounded, and never mixed with the headers.
            return
        self._headers.append((name.decode("ascii").lower(), _header_text(value)))

    def on_headers_complete(self) -> None:
        if self._resumed_head:
            return
        version = self._parser.get_http_version()
        if version not in ("1.0", "1.1"):
            # Not 505: clients would try again.
            raise _malformed("only versions 1.0 and 1.1 of HTTP are spoken here")
        self._http_1_0 = version == "1.0"
        self._method = self._parser.get_method().decode("ascii")
        length_bytes = self._checked_framing()
        if length_bytes is not None and length_bytes > self._bounds.body_bytes:
            raise _body_too_large(self._bounds.body_bytes)
        self._check_expectation(bool(length_bytes) or self._is_chunked)
        self.phase = Phase.BODY
        self._phase_bytes = 0
        if self._parser.should_upgrade() and self._method != "CONNECT" and (length_bytes or self._is_chunked):
            self._resumed_head = self._framing_head(length_bytes)

    def _framing_head(self, length_bytes: int | None) -> bytes:
        """A head that frames the same body and asks for no upgrade."""
        framing = "Transfer-Encoding: chunked" if length_bytes is None else f"Content-Length: {length_bytes}"
        version = "1.0" if self._http_1_0 else "1.1"
        connection = "keep-alive" if self._parser.should_keep_alive() else "close"
        return f"POST / HTTP/{version}\r\nHost:\r\nConnection: {connection}\r\n{framing}\r\n\r\n".encode()

    def on_body(self, piece: bytes) -> None:
        self._body_bytes += len(piece)
        if self._body_bytes > self._bounds.body_bytes:
            raise _body_too_large(self._bounds.body_bytes)
        self._body.append(piece)

    def on_chunk_header(self) -> None:
        self._chunks += 1

    def on_message_complete(self) -> None:
        if self._resumed_head:
            # The body is still to come.
            return
        framed = self._framed()
        self.ready.append(framed)
        self.ready_bytes += self._body_bytes
        self.wants_continue = False
        ends = bool(framed.tunnel) or not framed.keep_alive
        self.phase = Phase.OVER if ends else Phase.IDLE
        self._body = []

    # Checks ---------------------------------------------------------------------------------------------------------

    def _values(self, name: str) -> list[str]:
        return [value for key, value in self._headers if key == name]

    def _checked_framing(self) -> int | None:
        """The declared length of the body, None without one; refuses every doubt about where the request ends."""
        hosts = lengths = codings = 0
        length = coding = ""
        for name, value in self._headers:
            if name == "host":
                hosts += 1
            elif name == "content-length":
                lengths += 1
                length = value
            elif name == "transfer-encoding":
                codings += 1
                coding = value
        if hosts > 1 or (hosts == 0 and not self._http_1_0):
            raise _malformed("exactly one Host header is required")
        if codings:
            if codings > 1 or lengths or self._http_1_0 or coding.lower() != "chunked":
                raise _malformed("the Transfer-Encoding is not acceptable")
            self._is_chunked = True
            return None
        if lengths == 0:
            return None
        if lengths > 1 or not (length.isascii() and length.isdigit()):
            raise _malformed("the Content-Length is not acceptable")
        return int(length)

    def _check_expectation(self, has_body: bool) -> None:
        expectations = self._values("expect")
        if not expectations or self._http_1_0:
            return
        if len(expectations) > 1 or expectations[0].lower() != "100-continue":
            raise Refusal(417, "ExpectationFailed", "The expectation is not known.")
        self.wants_continue = has_body

    def _framed(self) -> Framed:
        keep_alive = self._parser.should_keep_alive()
        try:
            url = self._url.decode("ascii")
        except UnicodeDecodeError:
            raise _malformed("the target is not ASCII") from None
        if self._method == "CONNECT":
            if self._is_chunked or self._body_bytes or any(value != "0" for value in self._values("content-length")):
                raise _malformed("CONNECT has no body")
            request = self._request(url)
            return Framed(request, keep_alive=False, http_1_0=self._http_1_0, tunnel=url)
        target, authority = _split_target(url, self._method)
        request = self._request(target)
        if authority:
            # For routing the authority of the target counts; the Host header stays as it was signed.
            request.host = routing_host(authority)
            request.host_header = request.host_header or authority
        return Framed(request, keep_alive=keep_alive, http_1_0=self._http_1_0)

    def _request(self, target: str) -> HttpRequest:
        body = self._body[0] if len(self._body) == 1 else b"".join(self._body)
        return HttpRequest(
            method=self._method,
            target=target,
            headers=self._headers,
            body=body,
            scheme=self._scheme,
            peer=self._peer,
        )


def _split_target(url: str, method: str) -> tuple[str, str]:
    """Origin-form target, and the authority when it came in absolute form."""
    if url.startswith("/"):
        return url, ""
    scheme, separator, rest = url.partition("://")
    if separator and scheme.lower() in ("http", "https"):
        end = min((at for at in (rest.find("/"), rest.find("?")) if at >= 0), default=len(rest))
        target = rest[end:]
        if end:
            return target if target.startswith("/") else f"/{target}", rest[:end]
    elif url == "*" and method == "OPTIONS":
        return url, ""
    raise _malformed("the target is neither a path nor an address")


def _header_text(value: bytes) -> str:
    """Clients send header text in UTF-8; what is not that is Latin-1, which every byte string is."""
    value = value.strip(b" \t")
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")


def _malformed(reason: str) -> Refusal:
    return Refusal(400, "MalformedRequest", f"The request is not well formed: {reason}.")


def _headers_too_large() -> Refusal:
    return Refusal(431, "HeadersTooLarge", "The headers are too many or too long.")


def _body_too_large(most_bytes: int) -> Refusal:
    return Refusal(413, "RequestEntityTooLarge", f"The body is over {most_bytes} bytes.")
