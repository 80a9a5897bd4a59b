"""One end of a proxied connection: reading is held while anybody has a reason to."""

from __future__ import annotations

import asyncio
from enum import IntFlag

from kowloon.engines.balancer.reach import reset

HIGH_WATER_BYTES = 256 * 1024


class Hold(IntFlag):
    """Reasons not to read: no peer yet, the peer's buffer is full, the network is cut, enough is queued."""

    NONE = 0
    CONNECTING = 1
    PEER_FULL = 2
    STALLED = 4
    QUEUED = 8


class Side(asyncio.Protocol):
    """A transport whose reading follows its holds and whose fullness is told to `on_full`."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.holds = Hold.NONE
        self.full = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.set_write_buffer_limits(high=HIGH_WATER_BYTES)
        if self.holds:
            transport.pause_reading()

    def hold(self, reason: Hold, wanted: bool) -> None:
        before = self.holds
        self.holds = before | reason if wanted else before & ~reason
        transport = self.transport
        if bool(before) == bool(self.holds) or transport is None or transport.is_closing():
            return
        if self.holds:
            transport.pause_reading()
        else:
            transport.resume_reading()

    def pause_writing(self) -> None:
        self.full = True
        self.on_full(True)

    def resume_writing(self) -> None:
        self.full = False
        self.on_full(False)

    def on_full(self, full: bool) -> None:
        """This side's write buffer passed its high (or fell under its low) mark."""

    def write(self, data: bytes) -> None:
        if self.transport is not None and not self.transport.is_closing():
            self.transport.write(data)

    def write_eof(self) -> None:
        if self.transport is not None and not self.transport.is_closing():
            self.transport.write_eof()

    def close(self) -> None:
        """Orderly, after what is buffered."""
        if self.transport is not None:
            self.transport.close()

    def reset_now(self) -> None:
        if self.transport is not None:
            reset(self.transport)
