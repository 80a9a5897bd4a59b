"""Request bodies on their way to whoever takes them, and what is said when that fails."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Final

from kowloon.wire.framing import ArrivingBody, Framed, body_too_large
from kowloon.wire.http import BodyReceiver, HttpRequest, HttpResponse
from kowloon.wire.responses import small_error

Handler = Callable[[HttpRequest], HttpResponse | Awaitable[HttpResponse]]
# Who takes the body of this request, which is still empty: a receiver, nobody because this is the answer already,
# or (None) the handler when the body is whole.
Receive = Callable[[HttpRequest], BodyReceiver | HttpResponse | None]

_LOG: Final = logging.getLogger(__name__)


class Incoming:
    """The body that a connection receives now. Without a `receiver` it is discarded."""

    __slots__ = ("_arriving", "item", "receiver", "size_bytes", "waits")

    def __init__(self, item: Framed, arriving: ArrivingBody, receiver: BodyReceiver | None) -> None:
        self.item = item
        self.receiver = receiver
        # Passed on, or discarded.
        self.size_bytes = 0
        # For room in the receiver.
        self.waits = False
        self._arriving = arriving

    @property
    def complete(self) -> bool:
        return self._arriving.complete and not self._arriving.pieces

    @property
    def makes_progress(self) -> bool:
        """Whether any body is fine that keeps coming; else the whole of it must be there in time."""
        return self.receiver is not None and not isinstance(self.receiver, Gatherer)

    def pass_on(self) -> Awaitable[None] | None:
        """Give the receiver what has arrived; what to wait for before there may be more. Raises what it raises."""
        if not self._arriving.pieces:
            return None
        piece = self._arriving.take()
        self.size_bytes += len(piece)
        if self.receiver is None:
            return None
        self.receiver.write(piece)
        return None if self._arriving.complete else self.receiver.room()

    def abort(self) -> None:
        """The receiver gets no more; what still comes is discarded."""
        receiver, self.receiver = self.receiver, None
        self.waits = False
        self.size_bytes = 0
        if receiver is None:
            return
        try:
            receiver.abort()
        except Exception:
            _LOG.exception("the receiver of %s %s cannot abort", self.item.request.method, self.item.request.path)


class Gatherer:
    """A BodyReceiver for handlers that want the body whole. Raises Refusal when it is too large."""

    def __init__(self, request: HttpRequest, handler: Handler, most_bytes: int) -> None:
        self._request = request
        self._handler = handler
        self._most_bytes = most_bytes
        self._pieces: list[bytes] = []
        self._size_bytes = 0

    def write(self, piece: bytes) -> None:
        self._size_bytes += len(piece)
        if self._size_bytes > self._most_bytes:
            raise body_too_large(self._most_bytes)
        self._pieces.append(piece)

    def room(self) -> None:
        return None

    def finish(self) -> HttpResponse | Awaitable[HttpResponse]:
        self._request.body = b"".join(self._pieces)
        return self._handler(self._request)

    def abort(self) -> None:
        self._pieces.clear()


def taker_of(receive: Receive | None, item: Framed) -> BodyReceiver | HttpResponse | None:
    """What `receive` says of a body, if it is asked at all."""
    if receive is None:
        return None
    try:
        return receive(item.request)
    except Exception:
        return handler_failed(item)


def handler_failed(item: Framed, failure: BaseException | None = None) -> HttpResponse:
    """The answer to a request whose handler raised `failure`, or what is being handled now."""
    _LOG.error("the handler of %s %s failed", item.request.method, item.request.path, exc_info=failure or True)
    response = small_error(500, "InternalError", "The request failed because of an internal error.")
    response.close = False
    return response
