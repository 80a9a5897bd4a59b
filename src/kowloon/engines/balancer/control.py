"""What the engine and a balancer worker say to each other: one JSON line each way per request, on a unix socket."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Literal

import msgspec

from kowloon.engines.balancer.base import BackendStatus, BalancerPayload

MAX_LINE_BYTES = 16 * 1024 * 1024


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """`configure` carries the whole wanted state: the payload and the addresses that are cut off."""

    op: Literal["configure", "health", "stats"]
    payload: BalancerPayload = BalancerPayload()
    cut: list[str] = []


class Stats(msgspec.Struct, frozen=True, kw_only=True):
    """Since the worker started, over its present listeners."""

    open_connections: int
    accepted_connections: int


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """`errors`: what could not be done, in sentences; the rest was."""

    errors: list[str] = []
    health: list[BackendStatus] = []
    stats: Stats | None = None


class ControlError(Exception):
    """The worker did not answer."""


class ControlClient:
    """One worker's control connection: made when needed, remade after a failure, one request at a time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = asyncio.Lock()
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, request: Request, timeout_s: float) -> Reply:
        """`ControlError` when there is no answer in time."""
        try:
            async with asyncio.timeout(timeout_s), self._lock:
                return await self._ask(request)
        except (OSError, EOFError, ValueError, msgspec.DecodeError) as error:
            self.close()
            raise ControlError(str(error) or type(error).__name__) from error

    async def _ask(self, request: Request) -> Reply:
        streams, self._streams = self._streams, None
        try:
            if streams is None:
                streams = await asyncio.open_unix_connection(str(self._path), limit=MAX_LINE_BYTES)
            reader, writer = streams
            writer.write(msgspec.json.encode(request) + b"\n")
            await writer.drain()
            line = await reader.readuntil(b"\n")
            reply = msgspec.json.decode(line, type=Reply)
        except BaseException:
            # An answer that comes late must not be read as the answer to the next request.
            if streams is not None:
                streams[1].close()
            raise
        self._streams = streams
        return reply

    def close(self) -> None:
        streams, self._streams = self._streams, None
        if streams is not None:
            streams[1].close()
