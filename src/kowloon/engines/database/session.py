"""SQL on a node, dialled as the fabric allows and always within a time-out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import asyncpg

from kowloon.engines.base import EngineError, Fabric
from kowloon.engines.database.folder import SUPERUSER

Connection = Any


class Unreachable(EngineError):
    """The node did not answer."""


class Sessions:
    """Connections to one node as the cloud's own account. One is kept for probes."""

    def __init__(self, unit_id: str, fabric: Fabric, address: str, port: int, password: Callable[[], str]) -> None:
        self._unit_id = unit_id
        self._fabric = fabric
        self._address = address
        self._port = port
        self._password = password
        self._kept: Connection | None = None
        self._lock = asyncio.Lock()

    async def probe(self, query: str, timeout_s: float) -> Any:
        """One row, over the kept connection."""
        async with self._guard(timeout_s):
            async with self._lock:
                connection, self._kept = self._kept, None
                connection = connection or await self.connect()
                try:
                    row = await connection.fetchrow(query)
                except BaseException:
                    connection.terminate()
                    raise
                self._kept = connection
            return row

    @asynccontextmanager
    async def session(self, timeout_s: float, database: str = "postgres") -> AsyncIterator[Connection]:
        """A connection of its own; all that is done with it counts towards the time-out."""
        async with self._guard(timeout_s):
            connection = await self.connect(database)
            try:
                yield connection
                # In order, so that what was done is settled on the server when this returns.
                await connection.close()
            finally:
                connection.terminate()

    async def connect(self, database: str = "postgres", password: str = "") -> Connection:
        """Past the fabric: for what the engine does as the machine's keeper."""
        return await asyncpg.connect(
            host=self._address,
            port=self._port,
            user=SUPERUSER,
            password=password or self._password(),
            database=database,
            ssl=False,
            statement_cache_size=0,
            server_settings={"application_name": SUPERUSER},
        )

    def close(self) -> None:
        connection, self._kept = self._kept, None
        if connection is not None:
            with suppress(OSError, RuntimeError):
                connection.terminate()

    @asynccontextmanager
    async def _guard(self, timeout_s: float) -> AsyncIterator[None]:
        self._require_open()
        try:
            async with asyncio.timeout(timeout_s):
                yield
        except TimeoutError:
            raise Unreachable(f"The node {self._unit_id} did not answer within {timeout_s:g} s.") from None
        except (OSError, asyncpg.InterfaceError, asyncpg.InternalClientError) as error:
            raise Unreachable(f"The node {self._unit_id} cannot be reached: {error}.") from error
        except asyncpg.PostgresError as error:
            raise EngineError(f"The node {self._unit_id} refused: {error}.") from error
        # An answer from an address cut off meanwhile never arrived.
        self._require_open()

    def _require_open(self) -> None:
        if self._fabric.is_cut(self._address):
            raise Unreachable(f"The node {self._unit_id} cannot be reached: its network is cut off.")
