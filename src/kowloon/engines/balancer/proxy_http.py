"""The layer 7 proxy: clients' connections, parsed strictly, one exchange after the other."""

from __future__ import annotations

import asyncio
from collections import deque

import httptools

from kowloon.engines.balancer.base import Listener
from kowloon.engines.balancer.frontend import Frontend
from kowloon.engines.balancer.http_backend import BackendConnection, KeptConnections
from kowloon.engines.balancer.http_exchange import Exchange
from kowloon.engines.balancer.http_message import (
    MAX_HEAD_BYTES,
    MAX_HEADERS,
    BadMessage,
    Headers,
    RequestHead,
    own_answer,
)
from kowloon.engines.balancer.pool import Target
from kowloon.engines.balancer.reach import Reach
from kowloon.engines.balancer.side import Hold, Side

LINGER_S = 2.0


class HttpFrontend(Frontend):
    protocol = "http"

    def __init__(self, address: str, spec: Listener, reach: Reach, drop_on_change: bool) -> None:
        super().__init__(address, spec, reach, drop_on_change)
        self.kept = KeptConnections(reach)

    def accept(self) -> asyncio.Protocol:
        return ClientConnection(self)

    def configure(self, spec: Listener, drop_on_change: bool) -> None:
        super().configure(spec, drop_on_change)
        self.kept.retain(self.pool.targets)

    def retire(self) -> None:
        super().retire()
        self.kept.retain([])

    def follow_reach(self) -> None:
        self.kept.follow_reach()
        super().follow_reach()

    def sweep(self, now: float) -> None:
        super().sweep(now)
        self.kept.sweep(now)


class ClientConnection(Side):
    """Requests are served in order; reading pauses when one waits behind another or a body finds no room."""

    def __init__(self, frontend: HttpFrontend) -> None:
        super().__init__()
        self.client_ip = ""
        self._frontend = frontend
        self._loop = asyncio.get_running_loop()
        self._parser = httptools.HttpRequestParser(self)
        self._exchanges: deque[Exchange] = deque()
        self._head_bytes = 0
        self._url = b""
        self._headers: Headers = []
        self._in_head = True
        self._refusal = 0
        self._upgrade_rest: bytes | None = None
        self._tunnel: BackendConnection | None = None
        self._lingering = False
        self._last_activity = self._loop.time()

    @property
    def side(self) -> Side:
        return self

    @property
    def target(self) -> Target | None:
        if self._tunnel is not None:
            return self._tunnel.target
        return self._exchanges[0].target if self._exchanges else None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.client_ip = transport.get_extra_info("peername")[0]
        self._frontend.connections.add(self)
        self._frontend.accepted += 1
        self.follow_reach()

    def connection_lost(self, exc: Exception | None) -> None:
        self._frontend.connections.discard(self)
        self._end_tunnel(orderly=exc is None)
        for exchange in self._exchanges:
            exchange.abandon()
        self._exchanges.clear()

    def data_received(self, data: bytes) -> None:
        if self._tunnel is not None:
            self._last_activity = self._loop.time()
            self._tunnel.write(data)
        elif not self._lingering and not self._refusal:
            self._parse(data)

    def eof_received(self) -> bool:
        if self._tunnel is not None:
            self._tunnel.write_eof()
            return True
        if not self._exchanges or self._lingering or not self._exchanges[-1].request_complete:
            return False
        # The client sent all it had to say and still wants the answers.
        self._exchanges[-1].keep_alive = False
        return True

    def on_full(self, full: bool) -> None:
        backend = self._tunnel or (self._exchanges[0].backend if self._exchanges else None)
        if backend is not None:
            backend.hold(Hold.PEER_FULL, full)

    # What the parser calls.

    def on_message_begin(self) -> None:
        self._url = b""
        self._headers = []
        self._in_head = True
        self._head_bytes = 0

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._in_head:  # Trailers are dropped.
            self._headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        self._in_head = False
        if self._refusal:
            return
        parser = self._parser
        if len(self._headers) > MAX_HEADERS:
            self._refuse(431)
            return
        version, keep_alive = parser.get_http_version(), parser.should_keep_alive()
        try:
            head = RequestHead(parser.get_method(), self._url, version, self._headers, keep_alive)
        except BadMessage:
            self._refuse(400)
            return
        if parser.should_upgrade() and head.framing.has_body:
            self._refuse(400)
            return
        self._exchanges.append(Exchange(self._frontend, self, head))

    def on_body(self, data: bytes) -> None:
        if self._exchanges and not self._refusal:
            self._exchanges[-1].add_body(data)

    def on_message_complete(self) -> None:
        if self._exchanges and not self._refusal:
            self._exchanges[-1].end_body()
        self._in_head = True
        self._head_bytes = 0

    # What the exchange at the front asks for.

    def refresh_holds(self) -> None:
        exchange = self._exchanges[0] if self._exchanges else None
        queued = len(self._exchanges) > 1 or bool(self._refusal) or self._upgrade_rest is not None
        self.hold(Hold.QUEUED, queued and not self._lingering)
        self.hold(Hold.PEER_FULL, exchange is not None and exchange.clogged)
        self.follow_reach()

    def exchange_over(self) -> None:
        if self._lingering:
            return
        exchange = self._exchanges.popleft()
        self._last_activity = self._loop.time()
        if not exchange.keep_alive:
            self.close()
            return
        if self._exchanges:
            # In a turn of its own, so that a long pipeline does not become a deep stack.
            self._loop.call_soon(self._begin_front)
        elif self._refusal:
            self._answer_refusal()
        elif self._upgrade_rest is not None:
            rest, self._upgrade_rest = self._upgrade_rest, None
            self._parser = httptools.HttpRequestParser(self)
            self._loop.call_soon(self.data_received, rest)
        if self.holds:
            self.refresh_holds()

    def answer_own(self, status: int) -> None:
        exchange = self._exchanges[0]
        exchange.abandon()
        keep_alive = exchange.keep_alive and exchange.request_complete
        exchange.keep_alive = keep_alive
        self.write(own_answer(status, keep_alive, with_body=exchange.method != b"HEAD"))
        if keep_alive:
            self.exchange_over()
        else:
            self._linger()

    def become_tunnel(self, backend: BackendConnection, rest: bytes) -> None:
        exchange = self._exchanges.popleft()
        backend.tunnel, self._tunnel = self, backend
        if exchange.target is not None:
            exchange.target.active -= 1
            backend.target.active += 1
        if self._upgrade_rest:
            backend.write(self._upgrade_rest)
        self._upgrade_rest = None
        if rest:
            self.write(rest)
        self.refresh_holds()

    # What the listener asks for.

    def reset(self) -> None:
        self._end_tunnel(orderly=False)
        self.reset_now()

    def follow_reach(self) -> None:
        reach, target = self._frontend.reach, self.target
        stalled = reach.dark or (target is not None and not reach.is_open(target.backend.address))
        self.hold(Hold.STALLED, stalled)
        backend = self._tunnel or (self._exchanges[0].backend if self._exchanges else None)
        if backend is not None:
            backend.hold(Hold.STALLED, stalled)

    def sweep(self, now: float) -> None:
        spec = self._frontend.spec
        if self._exchanges and not self._lingering:
            self._sweep_exchange(self._exchanges[0], now)
        elif self._tunnel is not None:
            if now - max(self._last_activity, self._tunnel.last_activity) >= spec.idle_timeout_s:
                self.reset()
        elif now - self._last_activity >= (LINGER_S if self._lingering else spec.idle_timeout_s):
            self.close()

    def _sweep_exchange(self, exchange: Exchange, now: float) -> None:
        spec = self._frontend.spec
        waited_s = now - exchange.last_activity
        if self.full:
            if waited_s >= spec.idle_timeout_s:
                self.reset()
        elif waited_s < spec.request_timeout_s or exchange.connecting:
            return
        elif exchange.answered:
            self.reset()
        else:
            self.answer_own(504 if exchange.request_complete or exchange.clogged else 408)

    def _parse(self, data: bytes) -> None:
        self._head_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._upgrade_asked(data[upgrade.args[0] :])
        except httptools.HttpParserError:
            self._refuse(400)
        if self._in_head and self._head_bytes > MAX_HEAD_BYTES:
            self._refuse(431)
        elif len(self._exchanges) > 1:
            self.refresh_holds()
        self._begin_front()

    def _upgrade_asked(self, rest: bytes) -> None:
        if self._exchanges and self._exchanges[-1].websocket:
            # Whether these bytes are a tunnel's or the next request's, the backend's answer decides.
            self._upgrade_rest = rest
            self.refresh_holds()
        else:
            self._parser = httptools.HttpRequestParser(self)
            self._parse(rest)

    def _refuse(self, status: int) -> None:
        """Answer `status` after the requests before it, then end the connection."""
        if self._refusal:
            return
        self._refusal = status
        if self._exchanges and not self._exchanges[-1].request_complete:
            broken = self._exchanges[-1]
            if broken.answered or len(self._exchanges) > 1:
                self.reset()
                return
            broken.abandon()
            self._exchanges.clear()
        if self._exchanges:
            self.refresh_holds()
        else:
            self._answer_refusal()

    def _answer_refusal(self) -> None:
        self.write(own_answer(self._refusal, keep_alive=False, with_body=True))
        self._linger()

    def _linger(self) -> None:
        """End in order: closing on unread bytes would reset the answer away, so they are read and dropped."""
        self._lingering = True
        self._last_activity = self._loop.time()
        self.write_eof()
        self.refresh_holds()

    def _begin_front(self) -> None:
        if self._exchanges and not self._exchanges[0].begun:
            self._exchanges[0].begin()

    def _end_tunnel(self, orderly: bool) -> None:
        tunnel, self._tunnel = self._tunnel, None
        if tunnel is None:
            return
        tunnel.tunnel = None
        tunnel.target.active -= 1
        if orderly:
            tunnel.close()
        else:
            tunnel.reset_now()
