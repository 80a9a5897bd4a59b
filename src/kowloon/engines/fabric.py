"""Who reaches whom under engines without a kernel filter, and the loopback addresses of one cloud."""

from __future__ import annotations

import asyncio
import hashlib
import ipaddress
import socket
from collections.abc import Callable

from kowloon.core.errors import ConfigurationError

# 127.0 belongs to everybody; some systems use the last ones.
_FIRST_NETWORK = 16
_LAST_NETWORK = 250
_LOCK_PORT = 8519


class InProcessFabric:
    """A `Fabric` for diallers in this process. It stops no program that dials 127.x by itself: engines say so."""

    def __init__(self) -> None:
        self._cut: set[str] = set()
        self._listeners: list[Callable[[], None]] = []

    def cut(self, address: str) -> None:
        if address not in self._cut:
            self._cut.add(address)
            self._tell()

    def heal(self, address: str) -> None:
        if address in self._cut:
            self._cut.remove(address)
            self._tell()

    def is_cut(self, address: str) -> bool:
        return address in self._cut

    def on_change(self, listener: Callable[[], None]) -> None:
        self._listeners.append(listener)

    def cut_addresses(self) -> frozenset[str]:
        return frozenset(self._cut)

    async def dial(
        self, address: str, port: int, *, timeout_s: float
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A TCP connection. TimeoutError for a cut address, as for a lost packet; one that heals meanwhile answers."""
        async with asyncio.timeout(timeout_s):
            await self._until_whole(address)
            return await asyncio.open_connection(address, port)

    async def _until_whole(self, address: str) -> None:
        while self.is_cut(address):
            changed = asyncio.Event()
            self._listeners.append(changed.set)
            try:
                await changed.wait()
            finally:
                self._listeners.remove(changed.set)

    def _tell(self) -> None:
        for listener in tuple(self._listeners):
            listener()


class LoopbackAddressSpace:
    """Claims a 127.x.0.0/16 by a bound lock port, held until `release` or the end of this process.

    `seed` (the home, say) spreads the clouds of a machine, so that one whose server is away for a moment finds its
    network free when it comes back.
    """

    def __init__(self, seed: str = "", *, lock_port: int = _LOCK_PORT) -> None:
        self._seed = seed
        self._lock_port = lock_port
        self._lock: socket.socket | None = None
        self._network = ""

    def claim(self, preferred: str | None) -> str:
        """The claimed network, the same when called again. ConfigurationError when it or every one is taken."""
        if self._lock is not None:
            return self._network
        if preferred is not None:
            number = _number_of(preferred)
            if not self._take(number):
                raise ConfigurationError(
                    f"{preferred} is in use: another cloud runs on it, or a program holds port {self._lock_port} of "
                    f"127.{number}.255.254; stop it, or choose another network from 127.{_FIRST_NETWORK}.0.0/16 "
                    f"to 127.{_LAST_NETWORK}.0.0/16"
                )
            return self._network
        for number in self._order():
            if self._take(number):
                return self._network
        raise ConfigurationError(
            f"no 127.x.0.0/16 is free here: this system has 127.0.0.1 only, or a program holds port "
            f"{self._lock_port} on all addresses"
        )

    def release(self) -> None:
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def _order(self) -> list[int]:
        numbers = list(range(_FIRST_NETWORK, _LAST_NETWORK + 1))
        start = int.from_bytes(hashlib.sha256(self._seed.encode()).digest()[:4], "big") % len(numbers)
        return numbers[start:] + numbers[:start]

    def _take(self, number: int) -> bool:
        # Bound without SO_REUSEADDR, so that the kernel gives it to one process only; nobody needs to listen.
        lock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            lock.bind((f"127.{number}.255.254", self._lock_port))
        except OSError:
            lock.close()
            return False
        self._lock = lock
        self._network = f"127.{number}.0.0/16"
        return True


def _number_of(network: str) -> int:
    try:
        parsed = ipaddress.IPv4Network(network)
    except ValueError:
        parsed = ipaddress.IPv4Network("0.0.0.0/0")
    first, number = parsed.network_address.packed[:2]
    if first != 127 or parsed.prefixlen != 16 or not _FIRST_NETWORK <= number <= _LAST_NETWORK:
        raise ConfigurationError(
            f"{network} cannot be this cloud's network: give one from 127.{_FIRST_NETWORK}.0.0/16 "
            f"to 127.{_LAST_NETWORK}.0.0/16"
        )
    return number
