"""The layer 4 proxy: bytes both ways with backpressure, half-close, idle and connect time-outs.

A client's connection that no backend takes is reset: nobody is healthy, or every connect failed.
"""

from __future__ import annotations

import asyncio

from kowloon.engines.balancer.frontend import Frontend
from kowloon.engines.balancer.pool import Target
from kowloon.engines.balancer.side import Hold, Side


class TcpFrontend(Frontend):
    protocol = "tcp"

    def accept(self) -> asyncio.Protocol:
        self.accepted += 1
        return Relay(self).client


class RelaySide(Side):
    """The client's or the backend's end; what arrives goes to `peer`."""

    def __init__(self, relay: Relay) -> None:
        super().__init__()
        # Not read before both ends are there: what a server says first must not get lost.
        self.holds = Hold.CONNECTING
        self._early: list[bytes] = []
        self._relay = relay
        self.peer: RelaySide | None = None
        self.ended = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._relay.side_connected(self)

    def data_received(self, data: bytes) -> None:
        self._relay.last_activity = self._relay.loop.time()
        if self.peer is None:
            self._early.append(data)
        else:
            self.peer.write(data)

    def join(self, peer: RelaySide) -> None:
        """From now on `peer` gets what arrives, and what came before."""
        self.peer = peer
        peer.write(b"".join(self._early))
        self._early.clear()
        if self.ended:
            peer.write_eof()

    def eof_received(self) -> bool:
        self.ended = True
        if self.peer is None:
            return True
        if self.peer.ended:
            self._relay.close()
        else:
            self.peer.write_eof()
        return True

    def on_full(self, full: bool) -> None:
        if self.peer is not None:
            self.peer.hold(Hold.PEER_FULL, full)

    def connection_lost(self, exc: Exception | None) -> None:
        self._relay.side_lost(self, exc)


class Relay:
    """One client's connection and the backend connection made for it."""

    def __init__(self, frontend: TcpFrontend) -> None:
        self.loop = asyncio.get_running_loop()
        self.last_activity = self.loop.time()
        self.target: Target | None = None
        self.client = RelaySide(self)
        self._frontend = frontend
        self._backend: RelaySide | None = None
        self._dialling: asyncio.Task[None] | None = None
        self._over = False

    def side_connected(self, side: RelaySide) -> None:
        if side is self.client:
            self._frontend.connections.add(self)
            self._dialling = self.loop.create_task(self._dial())

    def side_lost(self, side: RelaySide, exc: Exception | None) -> None:
        if side is not self.client and side is not self._backend:
            return  # A dial that was given up.
        if exc is None:
            self.close()
        else:
            self.reset()

    def close(self) -> None:
        """End in order: each side after what is buffered for it."""
        self._finish()
        self.client.close()
        if self._backend is not None:
            self._backend.close()

    def reset(self) -> None:
        self._finish()
        self.client.reset_now()
        if self._backend is not None:
            self._backend.reset_now()

    def follow_reach(self) -> None:
        reach = self._frontend.reach
        stalled = reach.dark or (self.target is not None and not reach.is_open(self.target.backend.address))
        self.client.hold(Hold.STALLED, stalled)
        if self._backend is not None:
            self._backend.hold(Hold.STALLED, stalled)

    def sweep(self, now: float) -> None:
        if now - self.last_activity >= self._frontend.spec.idle_timeout_s:
            self.reset()

    def _finish(self) -> None:
        if self._over:
            return
        self._over = True
        self._frontend.connections.discard(self)
        if self._dialling is not None and self._dialling is not asyncio.current_task():
            self._dialling.cancel()
        if self.target is not None:
            self.target.active -= 1

    async def _dial(self) -> None:
        reach, pool = self._frontend.reach, self._frontend.pool
        await reach.wait_lit()
        tried: list[Target] = []
        while (target := pool.pick(tried)) is not None:
            tried.append(target)
            if await self._connected(target):
                return
        self.reset()

    async def _connected(self, target: Target) -> bool:
        target.active += 1
        self.target = target
        backend = target.backend
        try:
            side = await self._frontend.reach.connect(
                lambda: RelaySide(self), backend.address, backend.port, self._frontend.spec.connect_timeout_s
            )
        except OSError:
            target.active -= 1
            self.target = None
            return False
        self._join(side)
        return True

    def _join(self, side: RelaySide) -> None:
        self._backend = side
        self.last_activity = self.loop.time()
        if side.transport is None or side.transport.is_closing():
            self.reset()
            return
        side.join(self.client)
        self.client.join(side)
        self.follow_reach()
        side.hold(Hold.CONNECTING, False)
        self.client.hold(Hold.CONNECTING, False)
