"""HTTP/1 heads as the layer 7 proxy reads and writes them: strict about framing, hop-by-hop headers taken off."""

from __future__ import annotations

from typing import NamedTuple

Headers = list[tuple[bytes, bytes]]

MAX_HEAD_BYTES = 64 * 1024
MAX_HEADERS = 256

HOP_BY_HOP = frozenset(
    {b"connection", b"keep-alive", b"proxy-connection", b"te", b"trailer", b"transfer-encoding", b"upgrade"}
)
REASONS = {
    400: "Bad Request",
    408: "Request Timeout",
    431: "Request Header Fields Too Large",
    502: "Bad Gateway",
    503: "Service Temporarily Unavailable",
    504: "Gateway Timeout",
}
REPEATABLE_METHODS = frozenset({b"GET", b"HEAD", b"OPTIONS", b"TRACE", b"PUT", b"DELETE"})


class BadMessage(Exception):
    """A head that must not be passed on; the text says why."""


class Framing(NamedTuple):
    """How a body is delimited. Neither: no body (a request), until the end of the connection (a response)."""

    length: int | None
    chunked: bool

    @property
    def has_body(self) -> bool:
        return self.chunked or bool(self.length)


class RequestHead:
    __slots__ = ("framing", "headers", "keep_alive", "method", "target", "version", "websocket")

    def __init__(self, method: bytes, target: bytes, version: str, headers: Headers, keep_alive: bool) -> None:
        """Raises `BadMessage` for a head with two meanings."""
        self.method = method
        self.target = target
        self.version = version
        self.headers = headers
        self.keep_alive = keep_alive
        self.framing = framing(headers, version)
        self.websocket = self._asks_for_websocket()
        self._refuse_ambiguity()

    @property
    def repeatable(self) -> bool:
        """May be sent again when a kept connection turns out to be gone."""
        return self.method in REPEATABLE_METHODS and not self.framing.has_body

    def cookie(self, name: str) -> str:
        wanted = name.encode() + b"="
        for key, value in self.headers:
            if key == b"cookie":
                for pair in value.split(b";"):
                    if (stripped := pair.strip()).startswith(wanted):
                        return stripped[len(wanted) :].decode("latin-1")
        return ""

    def to_backend(self, client_ip: str, forwarded_for: bool) -> bytes:
        lines = [b"%s %s HTTP/1.1\r\n" % (self.method, self.target)]
        origins = []
        for name, value in end_to_end(self.headers):
            if forwarded_for and name == b"x-forwarded-for":
                origins.append(value)
            elif not (forwarded_for and name == b"x-forwarded-proto"):
                lines.append(b"%s: %s\r\n" % (name, value))
        if forwarded_for:
            lines.append(b"x-forwarded-for: %s\r\n" % b", ".join([*origins, client_ip.encode()]))
            lines.append(b"x-forwarded-proto: http\r\n")
        if self.framing.chunked:
            lines.append(b"transfer-encoding: chunked\r\n")
        lines.append(b"connection: upgrade\r\nupgrade: websocket\r\n" if self.websocket else b"")
        lines.append(b"\r\n")
        return b"".join(lines)

    def _asks_for_websocket(self) -> bool:
        return any(name == b"upgrade" and value.lower() == b"websocket" for name, value in self.headers)

    def _refuse_ambiguity(self) -> None:
        if self.version not in ("1.0", "1.1"):
            raise BadMessage("only HTTP/1.0 and HTTP/1.1 are served")
        if self.method == b"CONNECT":
            raise BadMessage("CONNECT is not served")
        hosts = sum(1 for name, _ in self.headers if name == b"host")
        if hosts > 1 or (hosts == 0 and self.version == "1.1"):
            raise BadMessage("exactly one Host header is needed")
        if self.websocket and self.framing.has_body:
            raise BadMessage("an upgrade cannot carry a body")


def framing(headers: Headers, version: str) -> Framing:
    """Raises `BadMessage` when two readers could disagree about where the body ends."""
    lengths = [value for name, value in headers if name == b"content-length"]
    codings = [value for name, value in headers if name == b"transfer-encoding"]
    if codings and lengths:
        raise BadMessage("Content-Length and Transfer-Encoding together")
    if codings and (len(codings) > 1 or codings[0].strip().lower() != b"chunked" or version == "1.0"):
        raise BadMessage("a Transfer-Encoding other than one chunked")
    if len(lengths) > 1 or any(not value.isdigit() for value in lengths):
        raise BadMessage("a Content-Length that is not one number")
    return Framing(int(lengths[0]) if lengths else None, bool(codings))


def end_to_end(headers: Headers) -> Headers:
    """Without hop-by-hop headers and those that Connection names."""
    dropped = HOP_BY_HOP
    named = [value for name, value in headers if name == b"connection"]
    if named:
        dropped = dropped.union(token.strip().lower() for value in named for token in value.split(b","))
        dropped = dropped - {b"host", b"content-length"}
    return [(name, value) for name, value in headers if name not in dropped]


def response_head(status: int, reason: bytes, headers: Headers, extra: list[bytes]) -> bytes:
    """`extra`: whole lines for this hop, without line ends."""
    lines = [b"HTTP/1.1 %d %s\r\n" % (status, reason)]
    lines += [b"%s: %s\r\n" % pair for pair in end_to_end(headers)]
    lines += [line + b"\r\n" for line in extra]
    lines.append(b"\r\n")
    return b"".join(lines)


def own_answer(status: int, keep_alive: bool, with_body: bool) -> bytes:
    """The balancer's own error page."""
    title = f"{status} {REASONS[status]}"
    body = f"<html><head><title>{title}</title></head><body><center><h1>{title}</h1></center></body></html>\r\n"
    head = (
        f"HTTP/1.1 {title}\r\nserver: kowloon-balancer\r\ncontent-type: text/html\r\ncontent-length: {len(body)}\r\n"
        f"connection: {'keep-alive' if keep_alive else 'close'}\r\n\r\n"
    )
    return (head + (body if with_body else "")).encode()


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


LAST_CHUNK = b"0\r\n\r\n"
