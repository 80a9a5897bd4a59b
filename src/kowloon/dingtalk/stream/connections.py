"""Who is connected by Stream, and what is sent to them.

Of several connections of an application each message goes to one, by chance. What is sent is forgotten here at once;
whoever needs to know whether it arrived waits for its acknowledgement.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final
from urllib.parse import parse_qs

import msgspec

from kowloon.actions.routes import answer_json
from kowloon.core import limits
from kowloon.core.clock import Clock
from kowloon.core.ids import Ids
from kowloon.core.waits import RealSeconds
from kowloon.dingtalk.contacts.resources import Application, corp_id
from kowloon.dingtalk.plane import MessengerPlane
from kowloon.dingtalk.platform.errors import PlatformError, Refusal
from kowloon.dingtalk.stream.frames import (
    ALL_EVENTS,
    CALLBACK,
    DISCONNECT,
    EVENT,
    PING,
    SYSTEM,
    Ack,
    Subscription,
    frame,
    read_ack,
)
from kowloon.store.resources import Key, Resource
from kowloon.wire.http import HttpRequest, HttpResponse, WebSocket

TICKET_LIFE_S: Final = 90.0
# A client opens its next connection when it is told that this one ends.
LIFE_S: Final = 3600.0
GRACE_S: Final = 10.0
PING_EVERY_S: Final = 60.0
_SWEEP_S: Final = 5.0
_TICKETS_PER_APPLICATION: Final = 100

TICKET_INVALID = Refusal(40014, "invalidTicket", "无效的ticket", 401)
TOO_MANY = Refusal(
    90018, "Forbidden.ConnectionLimitExceeded", f"同一应用的连接数超过上限 {limits.DINGTALK_STREAM_CONNECTIONS}", 403
)
DOWN = Refusal(-1, "ServiceUnavailable", "系统繁忙", 503)


class Ticket(msgspec.Struct, frozen=True):
    """`expires_at`: by the wall's clock."""

    application: str
    subscriptions: tuple[Subscription, ...]
    expires_at: float


class Connection:
    """One WebSocket of an application, from its handshake on; the transport calls it."""

    def __init__(self, connections: Connections, ticket: Ticket, id: str, address: str) -> None:
        self.id = id
        # `http://HOST`, under which its client reaches this cloud.
        self.address = address
        self.application = ticket.application
        self.subscriptions = ticket.subscriptions
        self.opened_at = 0.0
        self.pinged_at = 0.0
        # When it was told to go: nothing more is sent.
        self.ending_at: float | None = None
        self.waiting: dict[str, asyncio.Future[Ack | None]] = {}
        self._connections = connections
        self._socket: WebSocket | None = None

    def takes(self, wanted: Subscription) -> bool:
        return self.ending_at is None and wanted in self.subscriptions

    def send(self, type: str, headers: dict[str, str], data: dict[str, Any]) -> None:
        if self._socket is not None:
            self._socket.send(frame(type, headers, data))

    def close(self, code: int, reason: str) -> None:
        if self._socket is not None:
            self._socket.close(code, reason)

    # Called by the transport ----------------------------------------------------------------------------------------

    def opened(self, socket: WebSocket) -> None:
        self._socket = socket
        self._connections.joined(self)

    def text(self, message: str) -> None:
        ack = read_ack(message)
        future = self.waiting.pop(ack.message_id, None) if ack is not None else None
        if future is not None and not future.done():
            future.set_result(ack)

    def closed(self) -> None:
        self._socket = None
        self._connections.left(self)
        for future in self.waiting.values():
            if not future.done():
                future.set_result(None)
        self.waiting.clear()


class Connections:
    """A Reconciler, too: of the ends of connections. `on_joined` hears which application has one more."""

    name = "dingtalk-stream"
    workers = 1

    def __init__(self, clock: Clock, ids: Ids, plane: MessengerPlane) -> None:
        self._clock = clock
        self._ids = ids
        self._plane = plane
        self._tickets: dict[str, Ticket] = {}
        self._open: dict[str, list[Connection]] = {}
        self._on_joined: list[Callable[[str], None]] = []

    def on_joined(self, listener: Callable[[str], None]) -> None:
        self._on_joined.append(listener)

    # --- opening ---

    def new_ticket(self, application: Application, subscriptions: Sequence[Subscription]) -> str:
        """Good for one connection, soon. PlatformError when there are as many as there may be."""
        now = self._clock.wall()
        self._tickets = {text: each for text, each in self._tickets.items() if each.expires_at > now}
        unused = [text for text, each in self._tickets.items() if each.application == application.id]
        if len(self._open.get(application.id, ())) >= limits.DINGTALK_STREAM_CONNECTIONS:
            raise TOO_MANY.error()
        if len(unused) >= _TICKETS_PER_APPLICATION:
            del self._tickets[unused[0]]
        text = self._ids.secret(36)
        self._tickets[text] = Ticket(application.id, tuple(dict.fromkeys(subscriptions)), now + TICKET_LIFE_S)
        return text

    def connect(self, request: HttpRequest) -> HttpResponse:
        """`GET /connect?ticket=`: the connection becomes a WebSocket."""
        if not self._plane.serves():
            return _refused(DOWN.error())
        ticket = self._tickets.pop(parse_qs(request.query).get("ticket", [""])[0], None)
        if ticket is None or ticket.expires_at <= self._clock.wall():
            return _refused(TICKET_INVALID.error())
        if len(self._open.get(ticket.application, ())) >= limits.DINGTALK_STREAM_CONNECTIONS:
            return _refused(TOO_MANY.error())
        connection = Connection(self, ticket, self._ids.request_id().lower(), request.origin)
        return HttpResponse(101, websocket=connection)

    def joined(self, connection: Connection) -> None:
        connection.opened_at = connection.pinged_at = self._clock.wall()
        self._open.setdefault(connection.application, []).append(connection)
        for listener in self._on_joined:
            listener(connection.application)

    def left(self, connection: Connection) -> None:
        others = self._open.get(connection.application, [])
        if connection in others:
            others.remove(connection)
        if not others:
            self._open.pop(connection.application, None)

    # --- sending ---

    def takes(self, application: str, type: str, topic: str) -> bool:
        """Whether anybody is there for that."""
        wanted = Subscription(type, topic)
        return any(each.takes(wanted) for each in self._open.get(application, ()))

    def address_for(self, application: str) -> str:
        """`http://HOST`, under which it reaches this cloud; empty when nobody is connected."""
        return next((each.address for each in self._open.get(application, ())), "")

    def send_event(
        self, application: Application, name: str, id: str, born_at: float, data: dict[str, Any]
    ) -> asyncio.Future[Ack | None] | None:
        """See `ask`."""
        headers = {
            "eventType": name,
            "eventId": id,
            "eventBornTime": _millis(born_at),
            "eventCorpId": corp_id(application.account),
            "eventUnifiedAppId": application.id,
        }
        return self._ask(application.id, Subscription(EVENT, ALL_EVENTS), headers, data)

    def ask(self, application: str, topic: str, data: dict[str, Any]) -> asyncio.Future[Ack | None] | None:
        """The acknowledgement to come, None in it when the connection is gone before; None when nobody is there."""
        return self._ask(application, Subscription(CALLBACK, topic), {}, data)

    def tell(self, application: str, topic: str, data: dict[str, Any]) -> None:
        """To whoever is there; whether it is heard is not asked."""
        self._send(application, Subscription(CALLBACK, topic), {}, data)

    def _ask(
        self, application: str, wanted: Subscription, headers: dict[str, str], data: dict[str, Any]
    ) -> asyncio.Future[Ack | None] | None:
        sent = self._send(application, wanted, headers, data)
        if sent is None:
            return None
        connection, message_id = sent
        future: asyncio.Future[Ack | None] = asyncio.get_running_loop().create_future()
        connection.waiting[message_id] = future
        # Who waits no longer leaves nothing behind.
        future.add_done_callback(lambda _: connection.waiting.pop(message_id, None))
        return future

    def _send(
        self, application: str, wanted: Subscription, headers: dict[str, str], data: dict[str, Any]
    ) -> tuple[Connection, str] | None:
        """By which connection, under which messageId."""
        able = [each for each in self._open.get(application, ()) if each.takes(wanted)]
        if not able:
            return None
        connection = self._ids.random.choice(able)
        common = self._headers(connection, wanted.topic)
        connection.send(wanted.type, {**common, **headers}, data)
        return connection, common["messageId"]

    def _headers(self, connection: Connection, topic: str) -> dict[str, str]:
        return {
            "appId": connection.application,
            "connectionId": connection.id,
            "contentType": "application/json",
            "messageId": self._ids.request_id().lower().replace("-", ""),
            "time": _millis(self._clock.now()),
            "topic": topic,
        }

    # --- ends ---

    def end_all(self, reason: str) -> None:
        """Everybody is told to come again."""
        self._tickets.clear()
        for connection in self._all():
            self._end(connection, reason)

    def forget(self) -> None:
        """The applications are others now."""
        self.end_all("the state of the cloud has been exchanged")
        for connection in self._all():
            connection.close(1001, "the state of the cloud has been exchanged")

    def _all(self) -> list[Connection]:
        return [each for connections in self._open.values() for each in connections]

    def _end(self, connection: Connection, reason: str) -> None:
        if connection.ending_at is None:
            connection.ending_at = self._clock.wall()
            connection.send(SYSTEM, self._headers(connection, DISCONNECT), {"reason": reason})

    def keys(self, key: Key, item: Resource | None) -> Iterable[str]:
        return ()

    def all_keys(self) -> Iterable[str]:
        return ("connections",)

    def zones(self, key: str) -> tuple[str, ...]:
        return ()

    async def reconcile(self, key: str) -> float | None:
        """Pings, and goodbyes to who has been here for long. Connections end with the messenger."""
        now = self._clock.wall()
        serves = self._plane.serves()
        for connection in self._all():
            if not serves:
                connection.close(1011, "the messenger is down")
            elif connection.ending_at is not None:
                if now >= connection.ending_at + GRACE_S:
                    connection.close(1000, "its time is over")
            elif now >= connection.opened_at + LIFE_S:
                self._end(connection, "persistent connection is timeout")
            elif now >= connection.pinged_at + PING_EVERY_S:
                connection.pinged_at = now
                connection.send(SYSTEM, self._headers(connection, PING), {"opaque": self._ids.token(16)})
        return RealSeconds(_SWEEP_S)


def _millis(moment: float) -> str:
    return str(int(moment * 1000))


def _refused(error: PlatformError) -> HttpResponse:
    return answer_json({"code": error.code, "message": error.message}, error.status)
