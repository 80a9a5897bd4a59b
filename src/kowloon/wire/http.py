"""HTTP messages as the gateway sees them: raw bytes kept for signatures, routing forms beside them. No I/O."""

from __future__ import annotations

from collections.abc import AsyncIterator


class HttpRequest:
    """One whole request. `target` is as on the wire (origin-form; of an absolute-form target the path and query).

    `headers` keep order and raw values; names are lower case. `host` is for routing only: no scheme, no port,
    lower case; `host_header` is the raw text that clients sign.
    """

    __slots__ = ("body", "headers", "host", "host_header", "method", "path", "peer", "query", "scheme", "target")

    def __init__(
        self,
        *,
        method: str,
        target: str,
        headers: list[tuple[str, str]],
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
        self.host_header = self.header("host") or ""
        self.host = routing_host(self.host_header)

    def header(self, name: str) -> str | None:
        """The first value of a header, `name` in lower case."""
        for key, value in self.headers:
            if key == name:
                return value
        return None


class HttpResponse:
    """One answer. A `stream` (server-sent events) is sent chunked after `body`, until it ends or the client goes."""

    __slots__ = ("body", "close", "headers", "status", "stream")

    def __init__(
        self,
        status: int,
        body: bytes = b"",
        *,
        headers: list[tuple[str, str]] | None = None,
        content_type: str | None = None,
        stream: AsyncIterator[bytes] | None = None,
        close: bool = False,
    ) -> None:
        self.status = status
        self.body = body
        self.headers = headers if headers is not None else []
        if content_type is not None:
            self.headers.append(("Content-Type", content_type))
        self.stream = stream
        self.close = close


def routing_host(raw: str) -> str:
    """The host name of a Host header, however odd: `http://127.0.0.1:8080` and `ECS.aliyuncs.com:443` are real."""
    text = raw.strip().lower()
    if "://" in text:
        text = text.split("://", 1)[1]
    text = text.split("/", 1)[0].rsplit("@", 1)[-1]
    if text.startswith("["):
        return text[1 : text.find("]")] if "]" in text else text[1:]
    return text.split(":", 1)[0]
