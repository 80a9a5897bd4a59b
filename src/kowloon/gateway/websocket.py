"""A connection that has become a WebSocket: messages to its handler in order, what is sent at the pace of its peer."""

from __future__ import annotations

import asyncio
import logging
import math
import ssl
from typing import TYPE_CHECKING, Final, cast

from kowloon.gateway.channel import Channel
from kowloon.wire.framing import Framed, Refusal
from kowloon.wire.http import HttpResponse, WebSocketHandler
from kowloon.wire.responses import switching_head
from kowloon.wire.websocket import (
    GOING_AWAY,
    INTERNAL_ERROR,
    NORMAL,
    Closing,
    Heard,
    MessageReader,
    Ping,
    Violation,
    accept_key,
    close_frame,
    ping_frame,
    pong_frame,
    text_frame,
)

if TYPE_CHECKING:
    from kowloon.gateway.connection import Connection
    from kowloon.gateway.transport import Server

_LOG: Final = logging.getLogger(__name__)

_PING: Final = ping_frame()
# So that one eager peer does not hold the event loop.
_TURN_FRAMES: Final = 64


def open_socket(
    server: Server, connection: Connection, channel: Channel, item: Framed, response: HttpResponse, early: bytes
) -> None:
    """Turn the connection into the WebSocket that `response` allows and `item` asks for; raises Refusal."""
    accept = accept_key(item)
    if server.closing:
        raise Refusal(503, "ServerClosing", "The server is closing.")
    channel.write(switching_head(response, date=server.date.now(), accept=accept))
    socket = SocketConnection(server, cast(WebSocketHandler, response.websocket))
    server.replace(connection, socket)
    socket.begin(channel.hand_over(socket), early)


class SocketConnection(asyncio.Protocol):
    """The `wire.http.WebSocket` that `handler` talks through."""

    def __init__(self, server: Server, handler: WebSocketHandler) -> None:
        self.peer = ""
        self._server = server
        self._settings = server.settings
        self._loop = asyncio.get_running_loop()
        self._handler = handler
        self._channel: Channel
        self._reader = MessageReader(most_bytes=server.settings.max_message_bytes)
        # Our goodbye is said, or can no more be; messages are neither sent nor given to the handler.
        self._closing = False
        # More frames have arrived than one turn may take.
        self._next_turn: asyncio.Handle | None = None
        # Of the peer's next sign of life; once closing, of the end.
        self._deadline = math.inf
        self._unanswered_pings = 0

    def begin(self, channel: Channel, early: bytes) -> None:
        """`early` has come behind the request."""
        self._channel = channel
        self.peer = channel.peer
        self._deadline = self._loop.time() + self._settings.ping_interval_s
        try:
            self._handler.opened(self)
        except Exception:
            self._handler_failed()
        self._reader.feed(early)
        self._read()

    # Called by its owner --------------------------------------------------------------------------------------------

    @property
    def unsent_bytes(self) -> int:
        return self._channel.unsent_bytes

    def send(self, text: str) -> None:
        if not self._closing:
            self.send_frame(text_frame(text))

    def send_frame(self, frame: bytes) -> None:
        if self._closing:
            return
        self._channel.write(frame)
        if not self._channel.writable:
            self._check_unsent()

    def close(self, code: int = NORMAL, reason: str = "") -> None:
        if self._closing:
            return
        self._channel.write(close_frame(code, reason))
        self._closing = True
        self._deadline = self._loop.time() + self._patience_s()

    # Called by the event loop ---------------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        channel = self._channel
        if channel.finished:
            return
        if channel.tls.depth:
            try:
                data = channel.decrypt(data, from_depth=0)
            except ssl.SSLError:
                self.abort()
                return
        if not self._closing:
            self._unanswered_pings = 0
            self._deadline = self._loop.time() + self._settings.ping_interval_s
        self._reader.feed(data)
        if self._next_turn is None:
            self._read()

    def eof_received(self) -> bool:
        self._channel.ended = True
        if self._channel.finished:
            return False
        if self._next_turn is None:
            self._finish()
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        self._closing = True
        self._channel.lose()
        self._server.forget(self)
        if self._next_turn is not None:
            self._next_turn.cancel()
        try:
            self._handler.closed()
        except Exception:
            _LOG.exception("the handler of a WebSocket of %s cannot close", self.peer)

    def pause_writing(self) -> None:
        self._channel.set_writable(False)
        self._check_unsent()

    def resume_writing(self) -> None:
        self._channel.set_writable(True)

    # Called by the server -------------------------------------------------------------------------------------------

    def check_deadline(self, now: float) -> None:
        if now < self._deadline:
            return
        if self._closing or self._unanswered_pings >= self._settings.max_unanswered_pings:
            self.abort()
            return
        self._unanswered_pings += 1
        self._deadline = now + self._settings.ping_interval_s
        self.send_frame(_PING)

    def shut_down(self) -> None:
        self.close(GOING_AWAY, "The server is closing.")

    def abort(self) -> None:
        self._closing = True
        self._channel.abort()

    # In -------------------------------------------------------------------------------------------------------------

    def _read(self) -> None:
        """Take the frames that have arrived, but not all at once when they are many."""
        self._next_turn = None
        channel = self._channel
        for _ in range(_TURN_FRAMES):
            if channel.finished:
                return
            try:
                message = self._reader.next()
            except Violation as violation:
                self.close(violation.code, violation.reason)
                self._finish()
                return
            if message is None:
                break
            self._take(message)
        else:
            self._next_turn = self._loop.call_soon(self._read)
            channel.set_reading(False)
            return
        channel.set_reading(True)
        if channel.left:
            self._finish()

    def _take(self, message: str | Ping | Closing | Heard) -> None:
        if isinstance(message, Closing):
            # Said already, this is its answer; else this is.
            if not self._closing:
                self._channel.write(close_frame(message.code))
            self._finish()
        elif isinstance(message, Ping):
            self.send_frame(pong_frame(message.payload))
        elif isinstance(message, str) and not self._closing:
            try:
                self._handler.text(message)
            except Exception:
                self._handler_failed()

    def _handler_failed(self) -> None:
        _LOG.exception("the handler of a WebSocket of %s failed", self.peer)
        self.close(INTERNAL_ERROR, "The handler failed.")

    # Out and over ---------------------------------------------------------------------------------------------------

    def _check_unsent(self) -> None:
        if self._channel.unsent_bytes > self._settings.max_unsent_bytes:
            _LOG.info("the WebSocket of %s is dropped: its peer does not read", self.peer)
            self.abort()

    def _finish(self) -> None:
        """Both have said goodbye, or one would not hear it: send no more; soon, close."""
        self._closing = True
        self._channel.finish()
        self._deadline = self._loop.time() + self._patience_s()

    def _patience_s(self) -> float:
        """How long a goodbye may take."""
        return self._settings.write_timeout_s if self._channel.unsent_bytes else self._settings.linger_s
