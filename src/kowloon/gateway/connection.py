"""One connection of the HTTP front end: what comes in is read as fast as it can be answered, and answered in order."""

from __future__ import annotations

import asyncio
import functools
import logging
import math
import ssl
from collections.abc import Awaitable
from typing import TYPE_CHECKING, Final, cast

from kowloon.gateway.channel import Channel
from kowloon.gateway.explanations import why_host_refused
from kowloon.gateway.receiving import Gatherer, Incoming, handler_failed, taker_of
from kowloon.gateway.sending import SMALL_BYTES, ShortFile, close_files, pieces_of, send_files, send_stream
from kowloon.gateway.websocket import open_socket
from kowloon.wire.framing import BODY, HEAD, OVER, ArrivingBody, Framed, Refusal, RequestParser, body_too_large
from kowloon.wire.http import Deferred, FileSlice, FileSource, HttpResponse, routing_host
from kowloon.wire.responses import CONTINUE, TUNNEL_OPEN, head_of, may_have_body, small_error
from kowloon.wire.tls import HANDSHAKE_REFUSED, RECORD_TYPE_HANDSHAKE

if TYPE_CHECKING:
    from kowloon.gateway.transport import Server

_LOG: Final = logging.getLogger(__name__)


class Connection(asyncio.Protocol):
    """One client. Bytes wait in `_backlog` while earlier requests are being answered or the client does not read."""

    def __init__(self, server: Server, loop: asyncio.AbstractEventLoop) -> None:
        self._server = server
        self._settings = server.settings
        self._loop = loop
        self._channel: Channel
        self._peer = ""
        # Of what is innermost: the socket itself, or the tunnel in it.
        self._parser: RequestParser | None = None
        self._encrypted = False
        self._tunnel_host = ""
        self._backlog = b""
        # The request whose turn it is: a handler or a receiver has it, or its answer is being sent.
        self._answering: Framed | None = None
        # Its body, or that of the one before, which nobody wanted and whose answer may be out already.
        self._incoming: Incoming | None = None
        # An answer that takes its time: a stream without an end, or files, of which so many bytes are sent.
        self._sending: asyncio.Task[None] | None = None
        self._streaming = False
        self._sent_bytes = 0
        self._deadline = math.inf
        self._deadline_of: tuple[str, int] = ("", 0)

    # Called by the event loop -------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._channel = Channel(cast(asyncio.Transport, transport), self._server.outbox)
        self._peer = self._channel.peer
        if not self._server.admit(self):
            self._channel.ended = True
            self._refuse(Refusal(503, "TooManyConnections", "There are too many connections."))
            return
        self._renew_deadline()

    def data_received(self, data: bytes) -> None:
        if self._channel.finished:
            return
        if self._channel.tls.depth:
            data = self._decrypt(data, from_depth=0)
        self._backlog = self._backlog + data if self._backlog else data
        self._advance()

    def eof_received(self) -> bool:
        self._channel.ended = True
        if self._channel.finished:
            return False
        self._advance()
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        self._channel.lose()
        self._server.forget(self)
        self._drop_incoming()
        # A call goes on when its caller is gone, as it would anywhere; only what is made for the caller stops.
        if self._sending is not None:
            self._sending.cancel()

    def pause_writing(self) -> None:
        self._channel.set_writable(False)
        self._channel.set_reading(False)
        self._deadline_of = ("write", 0)
        self._deadline = self._loop.time() + self._settings.write_timeout_s

    def resume_writing(self) -> None:
        self._channel.set_writable(True)
        self._advance()

    # Called by the server -----------------------------------------------------------------------------------------

    def check_deadline(self, now: float) -> None:
        if now < self._deadline:
            return
        incoming = self._incoming
        if self._channel.finished or not self._channel.writable or self._sending is not None:
            self.abort()
        elif incoming is not None and incoming.receiver is None:
            # It has its answer; it only would not stop sending.
            self._finish()
        elif self._parser is not None and self._parser.phase in (HEAD, BODY):
            self._refuse(Refusal(408, "RequestTimeout", "The request did not arrive in time."))
        else:
            self._finish()

    def shut_down(self) -> None:
        """Close when idle; a running request and what is being sent end first, a stream ends now."""
        sending = self._channel.unsent_bytes > 0
        if self._streaming or (self._answering is None and not sending):
            self.abort()

    def abort(self) -> None:
        self._drop_incoming()
        self._channel.abort()

    # In -----------------------------------------------------------------------------------------------------------

    def _advance(self) -> None:
        """Read and answer as far as can be done now, then say what to wait for."""
        at, channel = 0, self._channel
        while not channel.finished:
            parser = self._parser
            if parser is None:
                if not self._open_channel():
                    break
                continue
            if self._incoming is not None:
                if self._incoming.waits:
                    break
                if self._pass_on(parser, self._incoming):
                    continue
            elif parser.ready:
                if self._answering is None and channel.writable:
                    self._backlog, at = self._backlog[at:] if at else self._backlog, 0
                    self._serve(parser.ready.popleft())
                    continue
                if not self._has_room(parser):
                    break
            waiting_bytes = len(self._backlog) - at
            if not waiting_bytes or parser.phase is OVER:
                break
            size_bytes = min(parser.slice_bytes, waiting_bytes)
            backlog = self._backlog
            # Compiled, a slice is a copy even of all of them.
            parser.feed(backlog if size_bytes == len(backlog) else backlog[at : at + size_bytes])
            at += size_bytes
        if channel.finished:
            return
        if at:
            self._backlog = self._backlog[at:]
        self._settle()

    def _has_room(self, parser: RequestParser) -> bool:
        """Whether more requests may be read ahead of the one that is being answered."""
        few = parser.arriving is None and len(parser.ready) < self._settings.max_pipeline
        return few and parser.ready_bytes < self._settings.framing.body_bytes

    def _settle(self) -> None:
        channel, parser, incoming = self._channel, self._parser, self._incoming
        busy = self._answering is not None or (parser is not None and bool(parser.ready))
        waits = incoming is not None and incoming.waits
        if channel.left:
            if self._streaming:
                self.abort()
                return
            if not busy or (incoming is not None and not waits):
                # Nothing is left to answer, or the rest of a body will never come.
                self._finish()
                return
        if not busy and parser is not None and parser.wants_continue:
            self._ask_for_body(parser)
        channel.set_reading(channel.writable and not self._backlog and not waits)
        self._renew_deadline()

    def _ask_for_body(self, parser: RequestParser) -> None:
        if parser.wants_continue:
            parser.wants_continue = False
            self._channel.write(CONTINUE)

    def _open_channel(self) -> bool:
        """Decide by its first byte what a fresh channel speaks. False while that needs more bytes."""
        if not self._backlog:
            return False
        if self._backlog[0] == RECORD_TYPE_HANDSHAKE and not self._encrypted and self._server.tls is not None:
            self._encrypted = True
            self._channel.tls.push(self._server.tls.context(self._tunnel_host or self._channel.own_address))
            data, self._backlog = self._backlog, b""
            self._backlog = self._decrypt(data, from_depth=self._channel.tls.depth - 1)
            return not self._channel.finished and self._open_channel()
        if self._backlog[0] == RECORD_TYPE_HANDSHAKE and self._server.tls is None:
            self._server.explanations.no_tls(self._peer)
            self._channel.write(HANDSHAKE_REFUSED)
            self._finish()
            return False
        scheme = "https" if self._encrypted else "http"
        self._parser = RequestParser(scheme=scheme, peer=self._peer, bounds=self._settings.framing)
        return True

    def _decrypt(self, data: bytes, *, from_depth: int) -> bytes:
        try:
            return self._channel.decrypt(data, from_depth=from_depth)
        except ssl.SSLError as problem:
            self._server.explanations.tls_failed(self._peer, problem)
            self._finish()
            return b""

    # Bodies that are not gathered ---------------------------------------------------------------------------------

    def _receive(self, item: Framed, body: ArrivingBody) -> None:
        """Find out who takes the body. An answer at once means that nobody does."""
        parser = cast(RequestParser, self._parser)
        taker = taker_of(self._server.receive, item)
        if taker is None:
            most_bytes = self._settings.framing.body_bytes
            if body.length_bytes is not None and body.length_bytes > most_bytes:
                self._refuse(body_too_large(most_bytes))
                return
            taker = Gatherer(item.request, self._server.handler, most_bytes)
        if not isinstance(taker, HttpResponse):
            self._answering = item
            self._incoming = Incoming(item, body, taker)
            self._ask_for_body(parser)
            return
        if parser.wants_continue:
            # Not asked for, it does not come; or it does, and what it is cannot be told any more.
            parser.wants_continue = False
            item.keep_alive = False
        else:
            # Clients that write everything before they read would find a closed connection and not the answer.
            self._incoming = Incoming(item, body, None)
            if body.length_bytes is not None and body.length_bytes > self._settings.max_discarded_bytes:
                item.keep_alive = False
        self._answer(item, taker)

    def _pass_on(self, parser: RequestParser, incoming: Incoming) -> bool:
        """Hand on what has arrived of a body, and its end. False when nothing can be done before more is fed."""
        try:
            room = incoming.pass_on()
        except Refusal as refusal:
            self._refuse(refusal)
            return True
        except Exception:
            failure = handler_failed(incoming.item)
            incoming.abort()
            self._respond(incoming.item, failure)
            return True
        if room is not None:
            incoming.waits = True
            future = room if asyncio.isfuture(room) else self._server.run(room)
            future.add_done_callback(functools.partial(self._room_made, incoming))
        elif incoming.complete:
            self._end_of_body(incoming)
        elif parser.ready:
            # The body has broken off.
            self._break_off(incoming, parser.ready.popleft())
        elif incoming.receiver is None and incoming.size_bytes > self._settings.max_discarded_bytes:
            self._finish()
        else:
            return False
        return True

    def _room_made(self, incoming: Incoming, room: asyncio.Future[None]) -> None:
        failed = room.cancelled() or room.exception() is not None
        if self._incoming is not incoming or not incoming.waits:
            return
        incoming.waits = False
        if failed:
            failure = handler_failed(incoming.item, None if room.cancelled() else room.exception())
            incoming.abort()
            self._respond(incoming.item, failure)
        self._advance()

    def _end_of_body(self, incoming: Incoming) -> None:
        self._incoming = None
        item, receiver = incoming.item, incoming.receiver
        if receiver is None:
            self._close_unless_kept(item)
            return
        try:
            answer = receiver.finish()
        except Exception:
            answer = handler_failed(item)
        self._answer(item, answer)

    def _break_off(self, incoming: Incoming, refusal: Framed | Refusal) -> None:
        if incoming.receiver is None:
            # One answer is enough.
            self._finish()
        else:
            self._refuse(cast(Refusal, refusal))

    def _drop_incoming(self) -> None:
        incoming, self._incoming = self._incoming, None
        if incoming is not None:
            incoming.abort()

    # Answers ------------------------------------------------------------------------------------------------------

    def _serve(self, item: Framed | Refusal) -> None:
        if isinstance(item, Refusal):
            self._refuse(item)
        elif item.tunnel:
            self._open_tunnel(item)
        elif item.arriving is not None:
            self._receive(item, item.arriving)
        else:
            try:
                answer = self._server.handler(item.request)
            except Exception:
                answer = handler_failed(item)
            if isinstance(answer, HttpResponse):
                self._respond(item, answer)
            else:
                self._answer(item, answer)

    def _answer(self, item: Framed, answer: HttpResponse | Awaitable[HttpResponse]) -> None:
        self._answering = item
        if isinstance(answer, HttpResponse):
            self._respond(item, answer)
            return
        if isinstance(answer, Deferred):
            answer.then(self._made)
            return
        future = answer if asyncio.isfuture(answer) else self._server.run(answer)
        future.add_done_callback(self._answered)

    def _made(self, response: HttpResponse) -> None:
        self._respond(cast(Framed, self._answering), response)
        self._advance()

    def _answered(self, answer: asyncio.Future[HttpResponse]) -> None:
        item = cast(Framed, self._answering)
        if answer.cancelled():
            response = handler_failed(item)
        else:
            failure = answer.exception()
            response = answer.result() if failure is None else handler_failed(item, failure)
        self._made(response)

    def _respond(self, item: Framed, response: HttpResponse) -> None:
        """Send it, or begin to; `_answering` is None again when it is sent."""
        if response.close or self._server.closing:
            item.keep_alive = False
        if response.websocket is not None:
            self._open_socket(item, response)
            return
        if item.upgrades:
            self._backlog = cast(RequestParser, self._parser).decline() + self._backlog
        if response.stream is not None:
            self._answering = item
            self._respond_with_stream(item, response)
        elif response.files is not None:
            self._answering = item
            self._respond_with_files(item, response, response.files)
        else:
            self._answering = None
            if not self._channel.finished:
                head = self._head(item, response)
                has_body = response.body and may_have_body(response, item.request.method)
                self._channel.write_soon(head + response.body if has_body else head)
                if not item.keep_alive:
                    self._close_unless_kept(item)

    def _close_unless_kept(self, item: Framed) -> None:
        """When both the answer and the body it did not wait for are through."""
        if not item.keep_alive and self._incoming is None and self._answering is None:
            self._finish()

    def _head(self, item: Framed, response: HttpResponse) -> bytes:
        return head_of(
            response,
            date=self._server.date.now(),
            method=item.request.method,
            keep_alive=item.keep_alive,
            http_1_0=item.http_1_0,
        )

    def _respond_with_stream(self, item: Framed, response: HttpResponse) -> None:
        # Without chunks nothing but the end of the connection tells where it ends.
        item.keep_alive = item.keep_alive and not item.http_1_0
        head, has_body = self._head(item, response), may_have_body(response, item.request.method)
        self._streaming = True
        work = send_stream(self._channel, head, response, chunked=not item.http_1_0, has_body=has_body)
        self._send_slowly(item, response, work)

    def _respond_with_files(self, item: Framed, response: HttpResponse, files: list[FileSlice] | FileSource) -> None:
        wanted = not self._channel.finished and may_have_body(response, item.request.method)
        if wanted and response.files_bytes > SMALL_BYTES:
            start = self._head(item, response) + response.body
            self._send_slowly(item, response, send_files(self._channel, start, files, self._note_sent))
            return
        try:
            # The head counts them, so it is made before they are closed.
            head = self._head(item, response)
            content = response.body + b"".join(pieces_of(files)) if wanted else b""
        except (OSError, ShortFile):
            self._cut_off(item)
            return
        finally:
            close_files(response)
        self._answering = None
        if not self._channel.finished:
            self._channel.write_soon(head + content)
            self._close_unless_kept(item)

    def _send_slowly(self, item: Framed, response: HttpResponse, work: Awaitable[None]) -> None:
        self._sending = self._server.run(work)
        self._sending.add_done_callback(functools.partial(self._sent, item, response))

    def _sent(self, item: Framed, response: HttpResponse, work: asyncio.Task[None]) -> None:
        close_files(response)
        self._sending = self._answering = None
        self._streaming = False
        if work.cancelled() or isinstance(work.exception(), ConnectionError):
            self.abort()
        elif work.exception() is not None:
            self._cut_off(item, work.exception())
        else:
            self._close_unless_kept(item)
            self._advance()

    def _cut_off(self, item: Framed, failure: BaseException | None = None) -> None:
        """Without the last chunk, or what the length counts, the client knows that something is missing."""
        _LOG.error("the answer to %s %s failed", item.request.method, item.request.path, exc_info=failure or True)
        self._answering = None
        self.abort()

    def _note_sent(self, sent_bytes: int) -> None:
        self._sent_bytes += sent_bytes
        self._renew_deadline()

    def _refuse(self, refusal: Refusal) -> None:
        response = small_error(refusal.status, refusal.code, refusal.message)
        head = head_of(response, date=self._server.date.now(), method="", keep_alive=False, http_1_0=False)
        self._channel.write(head + response.body)
        self._finish()

    def _open_tunnel(self, item: Framed) -> None:
        host = routing_host(item.tunnel)
        if self._tunnel_host or not host or not self._server.serves_host(host):
            self._server.explanations.host_refused(host)
            self._refuse(Refusal(403, "TunnelRefused", why_host_refused(host)))
            return
        self._channel.write(TUNNEL_OPEN)
        # Whatever follows belongs to the tunnel, and is looked at afresh.
        self._backlog = cast(RequestParser, self._parser).behind + self._backlog
        self._parser = None
        self._encrypted = False
        self._tunnel_host = host

    def _open_socket(self, item: Framed, response: HttpResponse) -> None:
        self._answering = None
        if self._channel.finished or self._channel.left:
            self._finish()
            return
        early = cast(RequestParser, self._parser).behind + self._backlog
        try:
            open_socket(self._server, self, self._channel, item, response, early)
        except Refusal as refusal:
            self._refuse(refusal)

    def _finish(self) -> None:
        """Send no more; soon, close."""
        if self._channel.finished:
            return
        self._backlog = b""
        self._drop_incoming()
        self._channel.finish()
        unsent = self._channel.unsent_bytes > 0
        wait_s = self._settings.write_timeout_s if unsent else self._settings.linger_s
        self._deadline = self._loop.time() + wait_s

    # Waiting ------------------------------------------------------------------------------------------------------

    def _renew_deadline(self) -> None:
        """Start the clock of what is waited for now; it keeps running while that stays the same."""
        if not self._channel.writable:
            return
        parser, incoming = self._parser, self._incoming
        begun = parser.begun if parser is not None else 0
        if self._sending is not None and not self._streaming:
            waiting_for, begun, timeout_s = "reader", self._sent_bytes, self._settings.write_timeout_s
        elif incoming is not None and not incoming.waits:
            waiting_for, timeout_s = "body", self._settings.body_timeout_s
            if incoming.makes_progress:
                waiting_for, begun = "piece", incoming.size_bytes
        elif self._answering is not None:
            waiting_for, timeout_s = "handler", math.inf
        elif parser is None:
            waiting_for, timeout_s = self._tunnel_host or "channel", self._settings.header_timeout_s
        elif parser.phase is HEAD:
            waiting_for, timeout_s = "head", self._settings.header_timeout_s
        elif parser.phase is BODY:
            waiting_for, timeout_s = "body", self._settings.body_timeout_s
        else:
            waiting_for, timeout_s = "request", self._settings.keep_alive_timeout_s
        if (waiting_for, begun) != self._deadline_of:
            self._deadline_of = (waiting_for, begun)
            self._deadline = self._loop.time() + timeout_s
