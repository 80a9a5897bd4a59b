"""One end of a proxied connection: reading is held while anybody has a reason to."""

from __future__ import annotations

import asyncio
from enum import IntFlag
from typing import cast

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
    """A transport whose reading follows its holds and whose fullness is told to `on_full`.

    A hold set before the connection is made may let one read through.
    """

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.holds = Hold.NONE
        self.full = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are of no asyncio class.
        self.transport = transport = cast(asyncio.Transport, transport)
        transport.set_write_buffer_limits(high=HIGH_WATER_BYTES)
        # uvloop starts reading after this callback, whatever it asked for.
        asyncio.get_running_loop().call_soon(self._apply_holds)

    def _apply_holds(self) -> None:
        if self.holds and self.transport is not None and not self.transport.is_closing():
            self.transport.pause_reading()

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
