"""One request and its answer: choosing a backend, retrying where that is safe, relaying both ways.

Nobody can take it: 503. Every connect failed, or the answer was unusable: 502. No answer in time: 504. Once the
answer's head has gone out, a failure resets the client's connection, so that a cut-off body never looks whole.
"""

from __future__ import annotations

import asyncio
import time
from typing import Protocol

from kowloon.engines.balancer.base import Listener
from kowloon.engines.balancer.http_backend import BackendConnection, KeptConnections
from kowloon.engines.balancer.http_message import LAST_CHUNK, Framing, Headers, RequestHead, chunk, response_head
from kowloon.engines.balancer.pool import Pool, Target
from kowloon.engines.balancer.reach import Reach
from kowloon.engines.balancer.side import HIGH_WATER_BYTES, Hold, Side


class Site(Protocol):
    """What an exchange needs of its listener."""

    spec: Listener
    pool: Pool
    reach: Reach
    kept: KeptConnections


class Client(Protocol):
    """What an exchange needs of the client's connection."""

    @property
    def side(self) -> Side: ...
    @property
    def client_ip(self) -> str: ...
    def refresh_holds(self) -> None: ...
    def exchange_over(self) -> None: ...
    def answer_own(self, status: int) -> None: ...
    def become_tunnel(self, backend: BackendConnection, rest: bytes) -> None: ...
    def reset(self) -> None: ...


class Exchange:
    def __init__(self, site: Site, client: Client, head: RequestHead) -> None:
        self.head = head
        self.method = head.method
        self.websocket = head.websocket
        self.keep_alive = head.keep_alive
        self.request_complete = False
        self.begun = False
        self.answered = False
        self.target: Target | None = None
        self.backend: BackendConnection | None = None
        self.last_activity = 0.0
        self._site = site
        self._client = client
        self._loop = asyncio.get_running_loop()
        self._waiting: list[bytes] = []
        self._waiting_bytes = 0
        self._backend_full = False
        self._chunk_answer = False
        self._discard_body = False
        self._tried: list[Target] = []
        self._timed_out = False
        self._reused = False
        self._may_reuse = head.repeatable
        self._connecting: asyncio.Task[None] | None = None
        self._session_began = 0

    # The request, as it is read.

    @property
    def connecting(self) -> bool:
        return self._connecting is not None

    @property
    def clogged(self) -> bool:
        """No more of the request's body should be read now."""
        return self._backend_full or self._waiting_bytes > HIGH_WATER_BYTES

    def add_body(self, data: bytes) -> None:
        self._send(chunk(data) if self.head.framing.chunked else data)

    def end_body(self) -> None:
        self.request_complete = True
        if self.head.framing.chunked:
            self._send(LAST_CHUNK)
        if self._discard_body:
            self._client.exchange_over()

    def begin(self) -> None:
        """Its turn has come."""
        self.begun = True
        self.last_activity = self._loop.time()
        self._attempt()

    def abandon(self) -> None:
        """The client is gone, or gets an answer of the balancer's own."""
        if self._connecting is not None:
            self._connecting.cancel()
            self._connecting = None
        backend, self.backend = self.backend, None
        if backend is not None:
            backend.exchange = None
            backend.reset_now()
        self._waiting.clear()
        self._waiting_bytes = 0
        self._discard_body = True
        self._release()

    # The answer, as the backend gives it.

    def answer_head(self, status: int, reason: bytes, headers: Headers, body: Framing) -> None:
        self.last_activity = self._loop.time()
        if status == 101:
            extra = [b"connection: upgrade", b"upgrade: websocket"]
            self._client.side.write(response_head(status, reason, headers, extra))
        elif status < 200:
            if self.head.version == "1.1":
                self._client.side.write(response_head(status, reason, headers, []))
        else:
            self.answered = True
            extra = self._answer_framing(status, body) + self._sticky_cookie()
            self._client.side.write(response_head(status, reason, headers, extra))

    def answer_body(self, data: bytes) -> None:
        self.last_activity = self._loop.time()
        self._client.side.write(chunk(data) if self._chunk_answer else data)

    def answer_complete(self, reusable: bool) -> None:
        if self._chunk_answer:
            self._client.side.write(LAST_CHUNK)
        backend, self.backend = self.backend, None
        assert backend is not None
        if reusable and self.request_complete:
            backend.hold(Hold.PEER_FULL, False)
            self._site.kept.keep(backend)
        else:
            backend.close()
        self._release()
        if self.request_complete:
            self._client.exchange_over()
        else:
            # Closing on an unread body would reset the answer away: it is read to its end and dropped.
            self._discard_body = True
            self._backend_full = False
            self._client.refresh_holds()

    def answer_upgraded(self, rest: bytes) -> None:
        backend, self.backend = self.backend, None
        assert backend is not None
        self._client.become_tunnel(backend, rest)

    def backend_failed(self) -> None:
        backend, self.backend = self.backend, None
        fresh_is_safe = backend is not None and self._reused and not backend.answered
        self._release()
        if fresh_is_safe:
            # A kept connection that the backend had closed meanwhile: it never read this request.
            self._reused = self._may_reuse = False
            self._tried.clear()
            self._attempt()
        elif self.answered:
            self._client.reset()
        else:
            self._client.answer_own(502)

    def backend_full(self, full: bool) -> None:
        self._backend_full = full
        self._client.refresh_holds()

    def _send(self, data: bytes) -> None:
        self.last_activity = self._loop.time()
        if self._discard_body:
            return
        if self.backend is not None:
            self.backend.write(data)
        else:
            self._waiting.append(data)
            self._waiting_bytes += len(data)
            self._client.refresh_holds()

    def _attempt(self) -> None:
        self.target = target = self._choose()
        if target is None:
            self._client.answer_own(503 if not self._tried else 504 if self._timed_out else 502)
            return
        target.active += 1
        kept = self._site.kept.take(target) if self._may_reuse else None
        if kept is not None:
            self._reused = True
            self._attach(kept)
        else:
            self._connecting = self._loop.create_task(self._connect(target))

    async def _connect(self, target: Target) -> None:
        backend, spec = target.backend, self._site.spec
        try:
            connection = await self._site.reach.connect(
                lambda: BackendConnection(target), backend.address, backend.port, spec.connect_timeout_s
            )
        except OSError as error:
            self._timed_out = isinstance(error, TimeoutError)
            self._connecting = None
            self._tried.append(target)
            self._release()
            self._attempt()
            return
        self._connecting = None
        self._attach(connection)

    def _attach(self, connection: BackendConnection) -> None:
        self.backend = connection
        connection.serve(self)
        connection.hold(Hold.PEER_FULL, self._client.side.full)
        waiting, self._waiting = self._waiting, []
        self._waiting_bytes = 0
        head = self.head.to_backend(self._client.client_ip, self._site.spec.forwarded_for)
        connection.write(b"".join((head, *waiting)) if waiting else head)
        self.last_activity = self._loop.time()
        self._client.refresh_holds()
        if not connection.usable:
            connection.exchange = None
            self.backend_failed()

    def _choose(self) -> Target | None:
        spec, pool = self._site.spec, self._site.pool
        if spec.sticky_cookie and not self._tried:
            token, last, began = _session(self.head.cookie(spec.sticky_cookie))
            fresh = not spec.sticky_timeout_s or time.time() - last <= spec.sticky_timeout_s
            target = pool.by_token(token) if token and fresh else None
            if target is not None:
                self._session_began = began
                return target
        return pool.pick(self._tried)

    def _release(self) -> None:
        if self.target is not None:
            self.target.active -= 1
            self.target = None

    def _answer_framing(self, status: int, body: Framing) -> list[bytes]:
        extra = []
        bodiless = self.method == b"HEAD" or status in (204, 304)
        if not bodiless and body.length is None:
            if self.head.version == "1.1":
                self._chunk_answer = True
                extra.append(b"transfer-encoding: chunked")
            else:
                self.keep_alive = False
        extra.append(b"connection: keep-alive" if self.keep_alive else b"connection: close")
        return extra

    def _sticky_cookie(self) -> list[bytes]:
        name = self._site.spec.sticky_cookie
        if not name or self.target is None:
            return []
        now = int(time.time())
        value = f"{self.target.token}|{now}|{self._session_began or now}"
        return [f"set-cookie: {name}={value};Path=/".encode()]


def _session(cookie: str) -> tuple[str, int, int]:
    """Token, last use and beginning of a sticky session; empty for a cookie that is not ours."""
    parts = cookie.split("|")
    if len(parts) != 3 or not all(part.isascii() and part.isdigit() and len(part) < 16 for part in parts[1:]):
        return "", 0, 0
    return parts[0], int(parts[1]), int(parts[2])
