"""Health checks: one loop per backend, by TCP connect or HTTP status, through the same reach as the traffic."""

from __future__ import annotations

import asyncio
from typing import cast

from kowloon.engines.balancer.base import HealthCheck
from kowloon.engines.balancer.pool import Pool, Target
from kowloon.engines.balancer.reach import Reach, reset

MAX_STATUS_LINE_BYTES = 512


class Checker:
    """Keeps one check loop running for each target of a pool. The pause is from the end of a check to the next."""

    def __init__(self, pool: Pool, reach: Reach) -> None:
        self._pool = pool
        self._reach = reach
        self._check: HealthCheck | None = None
        self._loops: dict[Target, asyncio.Task[None]] = {}

    def configure(self, check: HealthCheck | None) -> None:
        """Bring the loops in line with `check` and with the pool's targets as they are now."""
        if check != self._check:
            self.close()
            self._check = check
        wanted = set(self._pool.targets) if check is not None else set()
        for target in self._loops.keys() - wanted:
            self._loops.pop(target).cancel()
        for target in wanted - self._loops.keys():
            assert check is not None
            self._loops[target] = asyncio.create_task(self._run(target, check))

    def close(self) -> None:
        for task in self._loops.values():
            task.cancel()
        self._loops.clear()

    async def _run(self, target: Target, check: HealthCheck) -> None:
        while True:
            target.observe(await self._succeeds(target, check), check)
            await asyncio.sleep(check.interval_s)

    async def _succeeds(self, target: Target, check: HealthCheck) -> bool:
        address, port = target.backend.address, check.port or target.backend.port
        question = _question(check, address) if check.kind == "http" else b""
        try:
            async with asyncio.timeout(check.timeout_s):
                probe = await self._reach.connect(lambda: _Probe(question), address, port, check.timeout_s)
                try:
                    status = await probe.status if question else 0
                    # An answer from an address cut off meanwhile never arrived.
                    await self._reach.wait_open(address)
                finally:
                    probe.close()
        except OSError:
            return False
        return not question or f"http_{status // 100}xx" in check.expect


def _question(check: HealthCheck, address: str) -> bytes:
    host = check.domain or address
    return f"{check.method.upper()} {check.path} HTTP/1.0\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode(
        "latin-1"
    )


class _Probe(asyncio.Protocol):
    """Sends the question and reads the status line of the answer; an unusable answer is an `OSError`."""

    def __init__(self, question: bytes) -> None:
        self._question = question
        self._received = b""
        self._transport: asyncio.Transport | None = None
        self.status: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are of no asyncio class.
        self._transport = transport = cast(asyncio.Transport, transport)
        if self._question:
            transport.write(self._question)

    def data_received(self, data: bytes) -> None:
        if self.status.done() or not self._question:
            return
        self._received += data
        line, end, _ = self._received.partition(b"\r\n")
        if end:
            self._finish(line)
        elif len(self._received) > MAX_STATUS_LINE_BYTES:
            self._finish(b"")

    def connection_lost(self, exc: Exception | None) -> None:
        self._finish(b"")

    def close(self) -> None:
        # A reset, as checks do it, so that thousands of checks leave no TIME_WAIT sockets.
        if self._transport is not None:
            reset(self._transport)
        self.status.cancel()

    def _finish(self, line: bytes) -> None:
        if self.status.done():
            return
        parts = line.split(b" ", 2)
        if len(parts) >= 2 and parts[0].startswith(b"HTTP/1.") and len(parts[1]) == 3 and parts[1].isdigit():
            self.status.set_result(int(parts[1]))
        else:
            self.status.set_exception(ConnectionError("no HTTP answer"))
            self.status.exception()
