"""Which addresses a balancer worker can exchange bytes with, and dialling that honours it.

A cut address is a black hole: a connect or check to it waits until its own time-out, and connections that exist
stall without a reset. When the worker's own address is cut it is dark: everything stalls.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable
from typing import TypeVar

P = TypeVar("P", bound=asyncio.BaseProtocol)


class Reach:
    """`on_change` listeners run after every change of the cut set."""

    def __init__(self, own_address: str) -> None:
        self._own_address = own_address
        self._cut: frozenset[str] = frozenset()
        self._listeners: list[Callable[[], None]] = []
        self._changed = asyncio.Event()

    @property
    def dark(self) -> bool:
        return self._own_address in self._cut

    def is_open(self, address: str) -> bool:
        return not self._cut or (address not in self._cut and self._own_address not in self._cut)

    def set_cut(self, addresses: frozenset[str]) -> None:
        if addresses == self._cut:
            return
        self._cut = addresses
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()
        for listener in tuple(self._listeners):
            listener()

    def on_change(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Returns the call that ends the subscription."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    async def wait_open(self, address: str) -> None:
        while not self.is_open(address):
            await self._changed.wait()

    async def wait_lit(self) -> None:
        while self.dark:
            await self._changed.wait()

    async def connect(self, factory: Callable[[], P], address: str, port: int, timeout_s: float) -> P:
        """A connected protocol; `TimeoutError` as a black hole gives it, `OSError` when refused."""
        async with asyncio.timeout(timeout_s):
            await self.wait_open(address)
            _, protocol = await asyncio.get_running_loop().create_connection(factory, address, port)
            return protocol


def reset(transport: asyncio.Transport) -> None:
    """Close with a TCP reset, so that the peer sees a failure and not an orderly end."""
    if not transport.is_closing():
        tcp_socket = transport.get_extra_info("socket")
        if tcp_socket is not None:
            tcp_socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
