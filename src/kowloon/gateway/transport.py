"""The HTTP front end: one port for HTTP, HTTPS and CONNECT tunnels, on an event loop, without a framework.

Bytes come in through an asyncio protocol, go through TLS if the first byte says so, and through
`wire.framing`, which turns them into whole requests or refusals. Each connection answers strictly in order.
"""

from __future__ import annotations

import asyncio
import logging
import math
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from typing import Final, cast

from kowloon.core.clock import Clock
from kowloon.gateway.certificates import CertificateAuthority
from kowloon.gateway.transport_settings import TransportSettings
from kowloon.wire.framing import SLICE_BYTES, Framed, Phase, Refusal, RequestParser
from kowloon.wire.http import HttpRequest, HttpResponse, routing_host
from kowloon.wire.responses import (
    CONTINUE,
    LAST_CHUNK,
    TUNNEL_OPEN,
    DateHeader,
    chunk_of,
    head_of,
    may_have_body,
    small_error,
)
from kowloon.wire.tls import RECORD_TYPE_HANDSHAKE, TlsStack

Handler = Callable[[HttpRequest], HttpResponse | Awaitable[HttpResponse]]

_LOG: Final = logging.getLogger(__name__)
_BACKLOG: Final = 1024


class Server:
    """Serves `handler` on one port. `serves_host(name)` says which hosts a CONNECT tunnel may be opened to.

    The handler is called on the event loop; it answers at once, or with an awaitable. What it raises becomes a 500.
    Without `tls` only plain HTTP is spoken.
    """

    def __init__(
        self,
        handler: Handler,
        *,
        tls: CertificateAuthority | None,
        serves_host: Callable[[str], bool],
        clock: Clock,
        settings: TransportSettings | None = None,
    ) -> None:
        self.handler = handler
        self.tls = tls
        self.serves_host = serves_host
        self.settings = settings if settings is not None else TransportSettings()
        self.closing = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._clock = clock
        self._date = DateHeader()
        self._connections: set[_Connection] = set()
        self._empty = asyncio.Event()
        self._listener: asyncio.Server | None = None
        self._sweeper: asyncio.TimerHandle | None = None

    async def start(self, host: str, port: int) -> int:
        """Listen; with port 0 on any free one. Returns the port."""
        loop = asyncio.get_running_loop()
        self._listener = await loop.create_server(lambda: _Connection(self, loop), host, port, backlog=_BACKLOG)
        self._sweep()
        actual_port: int = self._listener.sockets[0].getsockname()[1]
        return actual_port

    async def close(self) -> None:
        """Stop listening, let running requests finish for `drain_s`, then drop what is left."""
        self.closing = True
        if self._listener is not None:
            self._listener.close()
        for connection in tuple(self._connections):
            connection.shut_down()
        try:
            async with asyncio.timeout(self.settings.drain_s):
                while self._connections:
                    self._empty.clear()
                    await self._empty.wait()
        except TimeoutError:
            for connection in tuple(self._connections):
                connection.abort()
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._sweeper is not None:
            self._sweeper.cancel()

    @property
    def connections(self) -> int:
        return len(self._connections)

    def date(self) -> str:
        return self._date.at(self._clock.wall())

    def run(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        """A task that `close` will not leave behind."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def admit(self, connection: _Connection) -> bool:
        """False when there are too many; the connection counts from now on when there are not."""
        if self.closing or len(self._connections) >= self.settings.max_connections:
            return False
        self._connections.add(connection)
        return True

    def forget(self, connection: _Connection) -> None:
        self._connections.discard(connection)
        if not self._connections:
            self._empty.set()

    def _sweep(self) -> None:
        """One timer for all connections: a request then only costs storing its deadline."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        for connection in tuple(self._connections):
            connection.check_deadline(now)
        self._sweeper = loop.call_later(self.settings.sweep_s, self._sweep)


class _Connection(asyncio.Protocol):
    """One client. Bytes wait in `_backlog` while earlier requests are being answered or the client does not read."""

    def __init__(self, server: Server, loop: asyncio.AbstractEventLoop) -> None:
        self._server = server
        self._settings = server.settings
        self._loop = loop
        self._transport: asyncio.Transport
        self._peer = ""
        self._tls = TlsStack()
        # Of the innermost channel: the socket itself, or the tunnel in it.
        self._parser: RequestParser | None = None
        self._encrypted = False
        self._tunnel_host = ""
        self._backlog = b""
        self._task: asyncio.Task[None] | None = None
        self._streaming = False
        self._writable = True
        self._resumed: asyncio.Future[None] | None = None
        self._reading = True
        # The client sends no more; it still reads.
        self._ended = False
        # Nothing more is read or answered; what is written still goes out.
        self._finished = False
        self._lost = False
        self._deadline = math.inf
        self._deadline_of: tuple[str, int] = ("", 0)

    # Called by the event loop -------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        peer = transport.get_extra_info("peername")
        self._peer = peer[0] if isinstance(peer, tuple) else ""
        if not self._server.admit(self):
            self._ended = True
            self._refuse(Refusal(503, "TooManyConnections", "There are too many connections."))
            return
        self._renew_deadline()

    def data_received(self, data: bytes) -> None:
        if self._finished:
            return
        if self._tls:
            data = self._decrypt(data, from_depth=0)
        self._backlog = self._backlog + data if self._backlog else data
        self._advance()

    def eof_received(self) -> bool:
        self._ended = True
        if self._finished:
            return False
        self._advance()
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost = self._finished = True
        self._server.forget(self)
        self._wake_writer()
        # A call goes on when its caller is gone, as it would anywhere; only what is made for the caller stops.
        if self._streaming and self._task is not None:
            self._task.cancel()

    def pause_writing(self) -> None:
        self._writable = False
        self._set_reading(False)
        self._deadline_of = ("write", 0)
        self._deadline = self._loop.time() + self._settings.write_timeout_s

    def resume_writing(self) -> None:
        self._writable = True
        self._wake_writer()
        self._advance()

    # Called by the server -----------------------------------------------------------------------------------------

    def check_deadline(self, now: float) -> None:
        if now < self._deadline:
            return
        if self._finished or not self._writable:
            self.abort()
        elif self._parser is not None and self._parser.phase in (Phase.HEAD, Phase.BODY):
            self._refuse(Refusal(408, "RequestTimeout", "The request did not arrive in time."))
        else:
            self._finish()

    def shut_down(self) -> None:
        """Close when idle; a running request and what is being sent end first, a stream ends now."""
        sending = self._transport.get_write_buffer_size() > 0
        if self._streaming or (self._task is None and not sending):
            self.abort()

    def abort(self) -> None:
        self._finished = True
        self._transport.abort()

    # In -----------------------------------------------------------------------------------------------------------

    def _advance(self) -> None:
        """Read and answer as far as can be done now, then say what to wait for."""
        while not self._finished:
            if self._parser is None and not self._open_channel():
                break
            parser = cast(RequestParser, self._parser)
            if parser.ready:
                if self._task is None and self._writable:
                    self._serve(parser.take())
                    continue
                if not self._has_room(parser):
                    break
            if parser.phase is Phase.OVER or not self._backlog:
                break
            piece, self._backlog = self._backlog[:SLICE_BYTES], self._backlog[SLICE_BYTES:]
            parser.feed(piece)
        if self._finished:
            return
        self._settle()

    def _has_room(self, parser: RequestParser) -> bool:
        """Whether more requests may be read ahead of the one that is being answered."""
        few = len(parser.ready) < self._settings.max_pipeline
        return few and parser.ready_bytes < self._settings.framing.body_bytes

    def _settle(self) -> None:
        parser = self._parser
        busy = self._task is not None or (parser is not None and bool(parser.ready))
        if (self._ended or self._tls.ended) and (self._streaming or not busy):
            if self._streaming:
                self.abort()
            else:
                self._finish()
            return
        if parser is not None and parser.wants_continue and not busy:
            parser.wants_continue = False
            self._write(CONTINUE)
        self._set_reading(self._writable and not self._backlog)
        self._renew_deadline()

    def _open_channel(self) -> bool:
        """Decide by its first byte what a fresh channel speaks. False while that needs more bytes."""
        if not self._backlog:
            return False
        if self._backlog[0] == RECORD_TYPE_HANDSHAKE and not self._encrypted and self._server.tls is not None:
            self._encrypted = True
            self._tls.push(self._server.tls.context(self._tunnel_host or self._own_address()))
            data, self._backlog = self._backlog, b""
            self._backlog = self._decrypt(data, from_depth=len(self._tls) - 1)
            return not self._finished and self._open_channel()
        scheme = "https" if self._encrypted else "http"
        self._parser = RequestParser(scheme=scheme, peer=self._peer, bounds=self._settings.framing)
        return True

    def _own_address(self) -> str:
        address = self._transport.get_extra_info("sockname")
        return str(address[0]) if isinstance(address, tuple) else ""

    def _decrypt(self, data: bytes, *, from_depth: int) -> bytes:
        try:
            plain = self._tls.receive(data, from_depth=from_depth)
            output = self._tls.take_output()
        except ssl.SSLError:
            # Not TLS after all, or a client that does not trust us: an alert says so.
            self._finish()
            return b""
        if output:
            self._transport.write(output)
        return plain

    # Answers ------------------------------------------------------------------------------------------------------

    def _serve(self, item: Framed | Refusal) -> None:
        if isinstance(item, Refusal):
            self._refuse(item)
        elif item.tunnel:
            self._open_tunnel(item)
        else:
            answer = self._call(item)
            if isinstance(answer, HttpResponse) and answer.stream is None:
                self._send(item, answer)
            else:
                self._task = self._server.run(self._finish_later(item, answer))

    def _call(self, item: Framed) -> HttpResponse | Awaitable[HttpResponse]:
        try:
            return self._server.handler(item.request)
        except Exception:
            return _handler_failed(item)

    async def _finish_later(self, item: Framed, answer: HttpResponse | Awaitable[HttpResponse]) -> None:
        try:
            response = answer if isinstance(answer, HttpResponse) else await _awaited(item, answer)
            if response.stream is not None:
                await self._send_stream(item, response, response.stream)
            elif not self._finished:
                self._send(item, response)
        finally:
            self._task = None
        self._advance()

    def _send(self, item: Framed, response: HttpResponse) -> None:
        keep_alive = self._keeps_alive(item, response)
        body = response.body if may_have_body(response, item.request.method) else b""
        self._write(self._head(item, response, keep_alive) + body)
        if not keep_alive:
            self._finish()

    def _keeps_alive(self, item: Framed, response: HttpResponse) -> bool:
        unbounded = response.stream is not None and item.http_1_0
        return item.keep_alive and not response.close and not unbounded and not self._server.closing

    def _head(self, item: Framed, response: HttpResponse, keep_alive: bool) -> bytes:
        return head_of(
            response,
            date=self._server.date(),
            method=item.request.method,
            keep_alive=keep_alive,
            http_1_0=item.http_1_0,
        )

    async def _send_stream(self, item: Framed, response: HttpResponse, stream: AsyncIterator[bytes]) -> None:
        """Send until the stream ends, the client leaves or an error cuts it off; the stream is closed in any case."""
        keep_alive = self._keeps_alive(item, response)
        self._streaming = True
        try:
            if self._finished:
                return
            self._write(self._head(item, response, keep_alive))
            if may_have_body(response, item.request.method):
                await self._send_pieces(item, response.body, stream)
            if not keep_alive and not self._finished:
                self._finish()
        except Exception:
            _LOG.exception("the stream of %s %s failed", item.request.method, item.request.path)
            # Without a last chunk the client knows that something is missing.
            self.abort()
        finally:
            self._streaming = False
            close = getattr(stream, "aclose", None)
            if close is not None:
                await close()

    async def _send_pieces(self, item: Framed, first: bytes, stream: AsyncIterator[bytes]) -> None:
        self._write_piece(item, first)
        async for piece in stream:
            await self._drained()
            if self._finished:
                return
            self._write_piece(item, piece)
        if not item.http_1_0 and not self._finished:
            self._write(LAST_CHUNK)

    def _write_piece(self, item: Framed, piece: bytes) -> None:
        # An empty chunk would end the body.
        if piece:
            self._write(piece if item.http_1_0 else chunk_of(piece))

    def _refuse(self, refusal: Refusal) -> None:
        response = small_error(refusal.status, refusal.code, refusal.message)
        head = head_of(response, date=self._server.date(), method="", keep_alive=False, http_1_0=False)
        self._write(head + response.body)
        self._finish()

    def _open_tunnel(self, item: Framed) -> None:
        host = routing_host(item.tunnel)
        if self._tunnel_host or not host or not self._server.serves_host(host):
            self._refuse(Refusal(403, "TunnelRefused", f"No tunnel to {host[:255] or 'nowhere'} is opened here."))
            return
        self._write(TUNNEL_OPEN)
        # Whatever follows belongs to the tunnel, and is looked at afresh.
        self._backlog = cast(RequestParser, self._parser).tunnelled + self._backlog
        self._parser = None
        self._encrypted = False
        self._tunnel_host = host

    # Out ----------------------------------------------------------------------------------------------------------

    def _write(self, data: bytes) -> None:
        if self._lost:
            return
        if self._tls:
            try:
                data = self._tls.send(data)
            except ssl.SSLError:
                self.abort()
                return
        self._transport.write(data)

    async def _drained(self) -> None:
        while not self._writable and not self._finished:
            self._resumed = self._loop.create_future()
            await self._resumed

    def _wake_writer(self) -> None:
        if self._resumed is not None and not self._resumed.done():
            self._resumed.set_result(None)

    def _finish(self) -> None:
        """Send no more. The socket closes when the client has, so that unread bytes do not reset the last answer."""
        if self._finished:
            return
        self._finished = True
        self._backlog = b""
        try:
            farewell = self._tls.close() if self._tls else b""
        except ssl.SSLError:
            farewell = b""
        if farewell:
            self._transport.write(farewell)
        unsent = self._transport.get_write_buffer_size() > 0
        wait_s = self._settings.write_timeout_s if unsent else self._settings.linger_s
        self._deadline = self._loop.time() + wait_s
        if self._ended:
            self._transport.close()
        elif not self._transport.is_closing():
            self._transport.write_eof()
            self._set_reading(True)

    # Waiting ------------------------------------------------------------------------------------------------------

    def _set_reading(self, wanted: bool) -> None:
        if wanted == self._reading or self._transport.is_closing():
            return
        self._reading = wanted
        if wanted:
            self._transport.resume_reading()
        else:
            self._transport.pause_reading()

    def _renew_deadline(self) -> None:
        """Start the clock of what is waited for now; it keeps running while that stays the same."""
        if not self._writable:
            return
        parser = self._parser
        begun = parser.begun if parser is not None else 0
        if self._task is not None:
            waiting_for, timeout_s = "handler", math.inf
        elif parser is None:
            waiting_for, timeout_s = self._tunnel_host or "channel", self._settings.header_timeout_s
        elif parser.phase is Phase.HEAD:
            waiting_for, timeout_s = "head", self._settings.header_timeout_s
        elif parser.phase is Phase.BODY:
            waiting_for, timeout_s = "body", self._settings.body_timeout_s
        else:
            waiting_for, timeout_s = "request", self._settings.keep_alive_timeout_s
        if (waiting_for, begun) != self._deadline_of:
            self._deadline_of = (waiting_for, begun)
            self._deadline = self._loop.time() + timeout_s


async def _awaited(item: Framed, answer: Awaitable[HttpResponse]) -> HttpResponse:
    try:
        return await answer
    except Exception:
        return _handler_failed(item)


def _handler_failed(item: Framed) -> HttpResponse:
    _LOG.exception("the handler of %s %s failed", item.request.method, item.request.path)
    response = small_error(500, "InternalError", "The request failed because of an internal error.")
    response.close = False
    return response
