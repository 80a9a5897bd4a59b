"""What one connection reads and writes: through its TLS sessions, and no faster than the client reads."""

from __future__ import annotations

import asyncio
import socket
import ssl
from typing import Final

from kowloon.wire.tls import TlsStack

# With more than this to say nobody waits for the end of the turn.
_MOST_WAITING_BYTES: Final = 64 * 1024


class Outbox:
    """What was answered in one turn of the event loop leaves together at its end: a client on another core is woken
    once for many answers, and not for each."""

    def __init__(self) -> None:
        self._channels: list[Channel] = []

    def add(self, channel: Channel) -> None:
        """It has something to send."""
        if not self._channels:
            asyncio.get_running_loop().call_soon(self._send)
        self._channels.append(channel)

    def _send(self) -> None:
        channels, self._channels = self._channels, []
        for channel in channels:
            channel.send_waiting()


class Channel:
    """A transport with TLS in front. After `finish` or `abort` nothing more is said; what was written still goes out
    in the first case."""

    def __init__(self, transport: asyncio.Transport, outbox: Outbox) -> None:
        self.tls = TlsStack()
        # False while the transport has as much as it may hold.
        self.writable = True
        # The client has closed its half of the socket; it still reads.
        self.ended = False
        # Nothing more is read or answered.
        self.finished = False
        self._transport = transport
        self._outbox = outbox
        self._waiting: list[bytes] = []
        self._waiting_bytes = 0
        self._lost = False
        self._reading = True
        self._resumed: asyncio.Future[None] | None = None

    @property
    def left(self) -> bool:
        """Whether the client sends no more, be it that only its TLS session says so."""
        return self.ended or (self.tls.depth > 0 and self.tls.ended)

    @property
    def peer(self) -> str:
        return self._address("peername")

    @property
    def own_address(self) -> str:
        return self._address("sockname")

    def _address(self, which: str) -> str:
        address = self._transport.get_extra_info(which)
        return str(address[0]) if isinstance(address, tuple) else ""

    @property
    def unsent_bytes(self) -> int:
        return self._waiting_bytes + self._transport.get_write_buffer_size()

    def duplicate(self) -> socket.socket:
        """The socket once more; to write to only behind `flushed` and while nobody calls `write`."""
        duplicate: socket.socket = self._transport.get_extra_info("socket").dup()
        return duplicate

    def decrypt(self, data: bytes, *, from_depth: int) -> bytes:
        """The plain bytes. Raises ssl.SSLError when the client does not speak TLS as it should, or does not trust us;
        `finish` then says so with an alert."""
        plain = self.tls.receive(data, from_depth=from_depth)
        output = self.tls.take_output()
        if output:
            self._transport.write(output)
        return plain

    def write_soon(self, data: bytes) -> None:
        """At the end of this turn of the event loop."""
        if not self._waiting:
            self._outbox.add(self)
        self._waiting.append(data)
        self._waiting_bytes += len(data)
        if self._waiting_bytes > _MOST_WAITING_BYTES:
            self.send_waiting()

    def send_waiting(self) -> None:
        waiting = self._waiting
        if waiting:
            self._waiting, self._waiting_bytes = [], 0
            self._write(waiting[0] if len(waiting) == 1 else b"".join(waiting))

    def write(self, data: bytes) -> None:
        self.send_waiting()
        self._write(data)

    def _write(self, data: bytes) -> None:
        # A transport that has failed in this turn says so in the next one.
        if self._lost or self._transport.is_closing():
            return
        if self.tls.depth:
            try:
                data = self.tls.send(data)
            except ssl.SSLError:
                self.abort()
                return
        self._transport.write(data)

    async def drained(self) -> None:
        """Until more may be written, or nothing more can be."""
        while not self.writable and not self.finished:
            self._resumed = asyncio.get_running_loop().create_future()
            await self._resumed

    async def flushed(self) -> None:
        """Until the kernel has all that was written."""
        self.send_waiting()
        if self._transport.get_write_buffer_size() == 0:
            return
        # With something waiting this is over the mark at once, and `resume_writing` says when nothing is.
        self._transport.set_write_buffer_limits(high=0)
        await self.drained()
        if not self._lost:
            self._transport.set_write_buffer_limits()

    def set_writable(self, writable: bool) -> None:
        self.writable = writable
        if writable:
            self._wake()

    def set_reading(self, wanted: bool) -> None:
        if wanted == self._reading or self._transport.is_closing():
            return
        self._reading = wanted
        if wanted:
            self._transport.resume_reading()
        else:
            self._transport.pause_reading()

    def hand_over(self, protocol: asyncio.Protocol) -> Channel:
        """The channel from which `protocol` goes on; this one is finished."""
        self.send_waiting()
        successor = Channel(self._transport, self._outbox)
        successor.tls, successor.writable, successor.ended = self.tls, self.writable, self.ended
        successor._reading = self._reading
        self._transport.set_protocol(protocol)
        self.lose()
        return successor

    def finish(self) -> None:
        """Send no more. The socket closes when the client has, so that unread bytes do not reset the last answer."""
        if self.finished:
            return
        self.send_waiting()
        self.finished = True
        try:
            farewell = self.tls.close() if self.tls.depth else b""
        except ssl.SSLError:
            farewell = b""
        if farewell:
            self._transport.write(farewell)
        if self.ended:
            self._transport.close()
        elif not self._transport.is_closing():
            self._transport.write_eof()
            self.set_reading(True)

    def abort(self) -> None:
        self.send_waiting()
        self.finished = True
        self._transport.abort()

    def lose(self) -> None:
        """The connection is gone."""
        self._lost = self.finished = True
        self._wake()

    def _wake(self) -> None:
        if self._resumed is not None and not self._resumed.done():
            self._resumed.set_result(None)
