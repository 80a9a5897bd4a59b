"""What the TCP and HTTP listeners share: a listening socket, a pool with its checks, and the open connections."""

from __future__ import annotations

import abc
import asyncio
import socket
from typing import Protocol

from kowloon.engines.balancer.base import BackendStatus, Listener
from kowloon.engines.balancer.checks import Checker
from kowloon.engines.balancer.pool import Pool, Target
from kowloon.engines.balancer.reach import Reach

BACKLOG = 1024
LONGEST_SWEEP_S = 1.0
SHORTEST_SWEEP_S = 0.05


class OpenConnection(Protocol):
    """A client's connection, as its listener handles it."""

    @property
    def target(self) -> Target | None: ...
    def reset(self) -> None: ...
    def follow_reach(self) -> None:
        """Stall or go on, by what is cut off now."""
        ...

    def sweep(self, now: float) -> None:
        """End what waited too long."""
        ...


class Frontend(abc.ABC):
    """One listener. Subclasses say which protocol an accepted connection gets."""

    protocol = ""

    def __init__(self, address: str, spec: Listener, reach: Reach, drop_on_change: bool) -> None:
        self.spec = spec
        self.reach = reach
        self.pool = Pool()
        self.connections: set[OpenConnection] = set()
        self.accepted = 0
        self._address = address
        self._drop_on_change = drop_on_change
        self._checker = Checker(self.pool, reach)
        self._server: asyncio.Server | None = None
        self._sweep: asyncio.TimerHandle | None = None
        self._unsubscribe = reach.on_change(self.follow_reach)

    @abc.abstractmethod
    def accept(self) -> asyncio.Protocol:
        """The protocol of one new client."""

    async def open(self) -> None:
        """Listen; `OSError` when the port cannot be bound."""
        loop = asyncio.get_running_loop()
        # Bound here, because by name the loop would resolve it with modules that are out of reach without root.
        listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind((self._address, self.spec.port))
            self._server = await loop.create_server(self.accept, sock=listening, backlog=BACKLOG)
        except BaseException:
            listening.close()
            raise
        self.configure(self.spec, self._drop_on_change)
        self._schedule_sweep()

    def configure(self, spec: Listener, drop_on_change: bool) -> None:
        """Connections to backends that stay are left alone; those to backends that leave end only if asked."""
        self.spec = spec
        self._drop_on_change = drop_on_change
        gone = self.pool.configure(spec.backends, spec.scheduler, checked=spec.check is not None)
        self._checker.configure(spec.check)
        if drop_on_change and gone:
            for connection in [each for each in self.connections if each.target in gone]:
                connection.reset()

    def retire(self) -> None:
        """Take no new connections; those open may end by themselves."""
        if self._server is not None:
            self._server.close()
            self._server = None
        self._checker.close()

    def close(self) -> None:
        self.retire()
        for connection in tuple(self.connections):
            connection.reset()
        if self._sweep is not None:
            self._sweep.cancel()
        self._unsubscribe()

    def statuses(self) -> list[BackendStatus]:
        return [
            BackendStatus(
                listener_port=self.spec.port,
                protocol=self.spec.protocol,
                backend_id=target.backend.id,
                status=self.pool.status(target),
            )
            for target in self.pool.targets
        ]

    def follow_reach(self) -> None:
        for connection in tuple(self.connections):
            connection.follow_reach()

    def sweep(self, now: float) -> None:
        for connection in tuple(self.connections):
            connection.sweep(now)

    def _schedule_sweep(self) -> None:
        shortest = min(self.spec.idle_timeout_s, self.spec.request_timeout_s)
        delay_s = min(max(shortest / 4, SHORTEST_SWEEP_S), LONGEST_SWEEP_S)
        self._sweep = asyncio.get_running_loop().call_later(delay_s, self._sweep_now)

    def _sweep_now(self) -> None:
        # One pass over the connections instead of a timer each: a request costs no timer.
        # In the dark nothing is sent, not even a reset.
        if not self.reach.dark:
            self.sweep(asyncio.get_running_loop().time())
        self._schedule_sweep()
