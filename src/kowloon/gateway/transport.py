"""The HTTP front end: one port for HTTP, HTTPS and CONNECT tunnels, on an event loop, without a framework.

Bytes come in through an asyncio protocol, go through TLS if the first byte says so, and through
`wire.framing`, which turns them into requests or refusals. Each connection answers strictly in order; an answer may
turn it into a WebSocket.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar

from kowloon.core.clock import Clock
from kowloon.gateway.certificates import CertificateAuthority
from kowloon.gateway.channel import Outbox
from kowloon.gateway.connection import Connection
from kowloon.gateway.explanations import Explanations
from kowloon.gateway.receiving import Handler, Receive
from kowloon.gateway.transport_settings import TransportSettings
from kowloon.gateway.websocket import SocketConnection
from kowloon.wire.responses import DateHeader

__all__ = ["Handler", "Receive", "Server"]

_T = TypeVar("_T")
_BACKLOG: Final = 1024


class Server:
    """Serves `handler` on one port. `serves_host(name)` says which hosts a CONNECT tunnel may be opened to.

    The handler is called on the event loop; it answers at once, with a future, or with another awaitable, for which
    a task is made. What it raises becomes a 500. `receive` is asked first who takes a body that comes in chunks or is
    longer than `settings.framing.gather_bytes`. Without `tls` only plain HTTP is spoken. `explanations` says in the
    log what clients set wrong.
    """

    def __init__(
        self,
        handler: Handler,
        receive: Receive | None = None,
        *,
        tls: CertificateAuthority | None,
        serves_host: Callable[[str], bool],
        clock: Clock,
        settings: TransportSettings | None = None,
        explanations: Explanations | None = None,
    ) -> None:
        self.handler = handler
        self.receive = receive
        self.tls = tls
        self.serves_host = serves_host
        self.settings = settings if settings is not None else TransportSettings()
        self.explanations = explanations if explanations is not None else Explanations()
        self.closing = False
        self._tasks: set[asyncio.Task[object]] = set()
        self.date = DateHeader(clock.wall)
        self.outbox = Outbox()
        self._connections: set[Connection | SocketConnection] = set()
        self._empty = asyncio.Event()
        self._listener: asyncio.Server | None = None
        self._sweeper: asyncio.TimerHandle | None = None

    async def start(self, host: str, port: int) -> int:
        """Listen; with port 0 on any free one. Returns the port."""
        loop = asyncio.get_running_loop()
        # Not only asyncio's: of uvloop's the sockets are a list.
        listener: Any = await loop.create_server(lambda: Connection(self, loop), host, port, backlog=_BACKLOG)
        self._listener = listener
        self._sweep()
        actual_port: int = listener.sockets[0].getsockname()[1]
        return actual_port

    async def close(self) -> None:
        """Stop listening, take leave of WebSockets, let running requests finish for `drain_s`, drop what is left."""
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

    def run(self, work: Awaitable[_T]) -> asyncio.Task[_T]:
        """A task that `close` will not leave behind."""
        task = asyncio.get_running_loop().create_task(_awaited(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def admit(self, connection: Connection) -> bool:
        """False when there are too many; the connection counts from now on when there are not."""
        if self.closing or len(self._connections) >= self.settings.max_connections:
            return False
        self._connections.add(connection)
        return True

    def replace(self, connection: Connection, socket: SocketConnection) -> None:
        """The connection has become a WebSocket."""
        self._connections.discard(connection)
        self._connections.add(socket)

    def forget(self, connection: Connection | SocketConnection) -> None:
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


async def _awaited(work: Awaitable[_T]) -> _T:
    return await work
