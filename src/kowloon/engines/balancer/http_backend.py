"""The backend's end of the layer 7 proxy: connections that are kept and reused, and the parsing of answers."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Protocol

import httptools

from kowloon.engines.balancer.http_message import MAX_HEAD_BYTES, BadMessage, Framing, Headers, framing
from kowloon.engines.balancer.pool import Target
from kowloon.engines.balancer.reach import Reach
from kowloon.engines.balancer.side import Hold, Side

KEPT_PER_TARGET = 64
KEPT_FOR_S = 15.0


class Answering(Protocol):
    """Who asked: gets the answer as it comes, and is told once how it ended."""

    method: bytes
    websocket: bool

    def answer_head(self, status: int, reason: bytes, headers: Headers, body: Framing) -> None: ...
    def answer_body(self, data: bytes) -> None: ...
    def answer_complete(self, reusable: bool) -> None: ...
    def answer_upgraded(self, rest: bytes) -> None: ...
    def backend_failed(self) -> None: ...
    def backend_full(self, full: bool) -> None: ...


class BackendConnection(Side):
    """One connection to a backend; serves one exchange at a time, or becomes a tunnel after an upgrade."""

    _reason: bytes
    _headers: Headers
    _head_bytes: int
    _head_done: bool
    _until_end: bool
    _interim: bool
    _keep_alive: bool
    _done: bool
    _surplus: bool
    _stale_parser: bool

    def __init__(self, target: Target) -> None:
        super().__init__()
        self.target = target
        self.exchange: Answering | None = None
        self.tunnel: Side | None = None
        self.idle_since = 0.0
        self.last_activity = 0.0
        self.answered = False
        self._reset_message()
        self._parser = httptools.HttpResponseParser(self)

    @property
    def usable(self) -> bool:
        return self.transport is not None and not self.transport.is_closing()

    def serve(self, exchange: Answering) -> None:
        self.exchange = exchange
        self.answered = False

    def data_received(self, data: bytes) -> None:
        if self.tunnel is not None:
            self.last_activity = asyncio.get_running_loop().time()
            self.tunnel.write(data)
            return
        if self.exchange is None:
            self.reset_now()  # An answer to nothing: this connection cannot be trusted again.
            return
        self.answered = True
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._upgrade(data[upgrade.args[0] :])
            return
        except httptools.HttpParserError:
            self._surplus = True
            if not self._done:
                self._fail()
        if self._done:
            self._complete()
        elif not self._head_done:
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD_BYTES:
                self._fail()

    def eof_received(self) -> bool:
        if self.tunnel is not None:
            self.tunnel.write_eof()
            return True
        if self._head_done and self._until_end and self.exchange is not None:
            self._complete()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        if self.tunnel is not None:
            if exc is None:
                self.tunnel.close()
            else:
                self.tunnel.reset_now()
        self._fail()

    def on_full(self, full: bool) -> None:
        if self.tunnel is not None:
            self.tunnel.hold(Hold.PEER_FULL, full)
        elif self.exchange is not None:
            self.exchange.backend_full(full)

    # What the parser calls. An answer is handed over as complete only after the whole read was parsed: bytes beyond
    # its end must never count as the answer to the next request on this connection.

    def on_message_begin(self) -> None:
        self._surplus = self._done

    def on_status(self, reason: bytes) -> None:
        self._reason += reason

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._done:
            self._headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        exchange = self.exchange
        if exchange is None or self._done:
            return
        status = self._parser.get_status_code()
        self._interim = 100 <= status < 200
        try:
            body = framing(self._headers, self._parser.get_http_version())
        except BadMessage:
            self._fail()
            return
        if status == 101 and not (exchange.websocket and self._parser.should_upgrade()):
            self._fail()
            return
        self._head_done = not self._interim
        bodiless = exchange.method == b"HEAD" or status in (204, 304) or self._interim
        self._until_end = not (bodiless or body.chunked or body.length is not None)
        exchange.answer_head(status, self._reason, self._headers, body)
        if self._head_done and exchange.method == b"HEAD":
            # The parser cannot be told that no body follows, so it is replaced once this read is through.
            self._keep_alive = self._parser.should_keep_alive()
            self._done = self._stale_parser = True

    def on_body(self, data: bytes) -> None:
        if self._done:
            self._surplus = True
        elif self.exchange is not None:
            self.exchange.answer_body(data)

    def on_message_complete(self) -> None:
        if self._interim:
            self._reset_message()
        elif not self._done:
            self._keep_alive = self._parser.should_keep_alive() and not self._until_end
            self._done = True

    def _upgrade(self, rest: bytes) -> None:
        exchange, self.exchange = self.exchange, None
        if exchange is not None:
            exchange.answer_upgraded(rest)

    def _complete(self) -> None:
        exchange, self.exchange = self.exchange, None
        reusable = self._keep_alive and not self._surplus
        if self._stale_parser:
            self._parser = httptools.HttpResponseParser(self)
        self._reset_message()
        if exchange is not None:
            exchange.answer_complete(reusable)

    def _fail(self) -> None:
        exchange, self.exchange = self.exchange, None
        self.reset_now()
        if exchange is not None:
            exchange.backend_failed()

    def _reset_message(self) -> None:
        self._reason = b""
        self._headers = []
        self._head_bytes = 0
        self._head_done = False
        self._until_end = False
        self._interim = False
        self._keep_alive = False
        self._done = False
        self._surplus = False
        self._stale_parser = False


class KeptConnections:
    """Idle connections per target, the latest used first. None is kept to a target that left or is cut off."""

    def __init__(self, reach: Reach) -> None:
        self._reach = reach
        self._idle: dict[Target, deque[BackendConnection]] = {}

    def take(self, target: Target) -> BackendConnection | None:
        idle = self._idle.get(target)
        while idle:
            connection = idle.pop()
            if connection.usable and self._reach.is_open(target.backend.address):
                return connection
            connection.reset_now()
        return None

    def keep(self, connection: BackendConnection) -> None:
        idle = self._idle.setdefault(connection.target, deque())
        connection.idle_since = asyncio.get_running_loop().time()
        if len(idle) >= KEPT_PER_TARGET:
            idle.popleft().close()
        idle.append(connection)

    def retain(self, targets: list[Target]) -> None:
        """Forget the connections to every other target."""
        for target in self._idle.keys() - set(targets):
            for connection in self._idle.pop(target):
                connection.close()

    def sweep(self, now: float) -> None:
        for idle in self._idle.values():
            while idle and now - idle[0].idle_since > KEPT_FOR_S:
                idle.popleft().close()

    def follow_reach(self) -> None:
        """A kept connection to a cut address must not be found alive by the next request."""
        for target, idle in self._idle.items():
            if not self._reach.is_open(target.backend.address):
                while idle:
                    idle.popleft().reset_now()
