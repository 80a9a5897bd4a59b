"""Clients that send by `requests`, answered without a socket: its adapter, and that of the copy in the older SDK, hand
every request to one cloud while the block runs. Bodies are streams both ways."""

from __future__ import annotations

import concurrent.futures
import importlib
import inspect
import io
import logging
from collections.abc import Awaitable, Callable, Iterator
from types import ModuleType
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from kowloon.core import limits
from kowloon.gateway.receiving import Gatherer
from kowloon.gateway.sending import close_files, pieces_of
from kowloon.wire.framing import Refusal
from kowloon.wire.http import BodyReceiver, HttpRequest, HttpResponse, routing_host
from kowloon.wire.responses import DateHeader, head_of, may_have_body, small_error

if TYPE_CHECKING:
    from kowloon.testing.cloud import LocalCloud

_LOG = logging.getLogger(__name__)
_COPIES = ("requests", "aliyunsdkcore.vendored.requests")
_PIECE_BYTES = 256 * 1024
_LONGEST_S = 60.0
_A_DAY_S = 24 * 3600.0
_Send = Callable[..., Any]


class InProcess:
    """Raises RuntimeError where another cloud answers already, or no `requests` is installed."""

    def __init__(self, cloud: LocalCloud, let_through: frozenset[str]) -> None:
        self._cloud = cloud
        self._let_through = let_through
        self._patched: list[tuple[ModuleType, _Send]] = []
        self._date = DateHeader(lambda: cloud.cloud.clock.wall())

    def __enter__(self) -> InProcess:
        copies = [found for name in _COPIES if (found := _adapters_of(name)) is not None]
        if not copies:
            raise RuntimeError("nothing to answer in process: no client that uses `requests` is installed here")
        if any(hasattr(adapters.HTTPAdapter.send, "answered_by") for adapters in copies):
            raise RuntimeError("another cloud answers in process already; one at a time can, others need sockets")
        for adapters in copies:
            self._patched.append((adapters, adapters.HTTPAdapter.send))
            adapters.HTTPAdapter.send = self._sender(adapters, adapters.HTTPAdapter.send)
        return self

    def __exit__(self, *exc: object) -> None:
        while self._patched:
            adapters, original = self._patched.pop()
            adapters.HTTPAdapter.send = original

    def _sender(self, adapters: ModuleType, original: _Send) -> _Send:
        def send(
            adapter: Any,
            request: Any,
            stream: bool = False,
            timeout: Any = None,
            verify: Any = True,
            cert: Any = None,
            proxies: Any = None,
        ) -> Any:
            place = urlsplit(request.url).netloc
            host = routing_host(place)
            if self._let_through & {host, place}:
                return original(adapter, request, stream, timeout, verify, cert, proxies)
            if not self._cloud.cloud.front.serves_host(host):
                raise adapters.ConnectionError(
                    f"{host} is not one of this cloud's names, and nothing else is reached from here; "
                    "LocalCloud(let_through=...) names what may be",
                    request=request,
                )
            try:
                return self._exchange(adapters, adapter, request, _read_timeout(timeout))
            except concurrent.futures.TimeoutError:
                raise adapters.ReadTimeout(f"{host} did not answer in time", request=request) from None

        send.answered_by = self  # type: ignore[attr-defined]
        return send

    def _exchange(self, adapters: ModuleType, adapter: Any, request: Any, timeout_s: float) -> Any:
        asked = _request(request)
        body = request.body
        if isinstance(body, str):
            body = body.encode()
        if body is None or (isinstance(body, bytes) and len(body) <= limits.GATHER_BYTES):
            asked.body = body or b""
            answer = self._run(lambda: self._cloud.cloud.front.handle(asked), asked, timeout_s)
        else:
            answer = self._send_pieces(asked, body, timeout_s)
        return self._give(adapters, adapter, request, asked, answer)

    # The request ------------------------------------------------------------------------------------------------------

    def _send_pieces(self, asked: HttpRequest, body: Any, timeout_s: float) -> HttpResponse:
        front = self._cloud.cloud.front
        taker = self._cloud.call(lambda: front.receive(asked))
        if isinstance(taker, HttpResponse):
            return taker
        receiver: BodyReceiver = taker or Gatherer(asked, front.handle, limits.MAX_BODY_BYTES)
        complete = False
        try:
            for piece in _pieces(body):
                refused = self._cloud.run(_pass_on(receiver, piece, asked), timeout_s)
                if refused is not None:
                    return refused
            complete = True
        finally:
            if not complete:
                self._cloud.call(receiver.abort)
        return self._run(receiver.finish, asked, timeout_s)

    def _run(
        self, work: Callable[[], HttpResponse | Awaitable[HttpResponse]], asked: HttpRequest, timeout_s: float
    ) -> HttpResponse:
        async def body() -> HttpResponse:
            try:
                answer = work()
                return await answer if inspect.isawaitable(answer) else answer
            except Exception as problem:
                return _failed(asked, problem)

        return self._cloud.run(body(), timeout_s)

    # The answer -------------------------------------------------------------------------------------------------------

    def _give(self, adapters: ModuleType, adapter: Any, request: Any, asked: HttpRequest, answer: HttpResponse) -> Any:
        head = head_of(answer, date=self._date.now(), method=asked.method, keep_alive=True, http_1_0=False)
        first, *lines = head.decode().split("\r\n")
        _, status, reason = first.split(" ", 2)
        headers = [(name, value) for name, _, value in (line.partition(": ") for line in lines if line)]
        content = _Content(self._cloud, answer, wanted=may_have_body(answer, asked.method))
        response = _http_response(adapters)(
            body=content,
            headers=[(name, value) for name, value in headers if name != "Transfer-Encoding"],
            status=int(status),
            version=11,
            reason=reason,
            preload_content=False,
            decode_content=False,
            request_method=asked.method,
        )
        return adapter.build_response(request, response)


class _Content(io.RawIOBase):
    """The body of an answer, made while it is read."""

    def __init__(self, cloud: LocalCloud, answer: HttpResponse, *, wanted: bool) -> None:
        self._cloud = cloud
        self._answer = answer
        self._pieces = self._made() if wanted else iter(())
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._rest:
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._rest = memoryview(piece)
        size = min(len(buffer), len(self._rest))
        buffer[:size] = self._rest[:size]
        self._rest = self._rest[size:]
        return size

    def _made(self) -> Iterator[bytes]:
        yield self._answer.body
        files = self._answer.files
        if isinstance(files, list):
            yield from pieces_of(files)
        elif files is not None:
            # It opens them as it goes, on the cloud's own loop.
            pieces = pieces_of(files)
            while (piece := self._cloud.call(lambda: next(pieces, None))) is not None:
                yield piece
        stream = self._answer.stream
        while stream is not None:
            part = self._cloud.run(_next_of(stream), _A_DAY_S)
            if part is None:
                return
            yield part

    def close(self) -> None:
        """Waits for nothing: it is also called where garbage is collected, which may be the cloud's own thread."""
        if not self.closed:
            if isinstance(self._answer.files, list):
                close_files(self._answer)
            if self._answer.files is not None or self._answer.stream is not None:
                self._cloud.begin(_end(self._answer))
        super().close()


async def _end(answer: HttpResponse) -> None:
    close_files(answer)
    stream, answer.stream = answer.stream, None
    end = getattr(stream, "aclose", None)
    if end is not None:
        await end()


async def _next_of(stream: Any) -> bytes | None:
    try:
        piece: bytes = await anext(stream)
    except StopAsyncIteration:
        return None
    return piece


async def _pass_on(receiver: BodyReceiver, piece: bytes, asked: HttpRequest) -> HttpResponse | None:
    """An answer where the body is not taken any more."""
    try:
        receiver.write(piece)
        room = receiver.room()
        if room is not None:
            await room
    except Refusal as refusal:
        return small_error(refusal.status, refusal.code, refusal.message)
    except Exception as problem:
        return _failed(asked, problem)
    return None


def _failed(asked: HttpRequest, problem: Exception) -> HttpResponse:
    if isinstance(problem, Refusal):
        return small_error(problem.status, problem.code, problem.message)
    _LOG.error("%s %s failed", asked.method, asked.path, exc_info=problem)
    return small_error(500, "InternalError", "This is a mistake in Kowloon; see its log.")


def _request(request: Any) -> HttpRequest:
    headers = [(_text(name).lower(), _text(value)) for name, value in request.headers.items()]
    if not any(name == "host" for name, _ in headers):
        headers.insert(0, ("host", urlsplit(request.url).netloc.rpartition("@")[2]))
    scheme = urlsplit(request.url).scheme
    return HttpRequest(method=request.method, target=request.path_url, headers=headers, scheme=scheme)


def _text(value: str | bytes) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


def _pieces(body: Any) -> Iterator[bytes]:
    """Of bytes, of a file, or of an iterable."""
    if isinstance(body, bytes | bytearray | memoryview):
        for start in range(0, len(body), _PIECE_BYTES):
            yield bytes(body[start : start + _PIECE_BYTES])
        return
    for piece in iter(lambda: body.read(_PIECE_BYTES), None) if hasattr(body, "read") else body:
        if not piece and hasattr(body, "read"):
            return
        if piece:
            yield piece.encode() if isinstance(piece, str) else bytes(piece)


def _read_timeout(timeout: Any) -> float:
    """Of `requests`: one number, or one for connecting and one for reading; None: however long it takes."""
    seconds = timeout[1] if isinstance(timeout, tuple) else getattr(timeout, "read_timeout", timeout)
    return float(seconds) if isinstance(seconds, int | float) else _LONGEST_S


def _adapters_of(name: str) -> ModuleType | None:
    try:
        return importlib.import_module(f"{name}.adapters")
    except ModuleNotFoundError:
        return None


def _http_response(adapters: ModuleType) -> Any:
    """The class of the urllib3 that goes with these adapters."""
    found = getattr(adapters, "HTTPResponse", None)
    return found or importlib.import_module("urllib3.response").HTTPResponse
