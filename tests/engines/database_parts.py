"""A pair of database nodes under test and the queries to look at them with."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import msgspec

from kowloon.engines.base import UnitSpec
from kowloon.engines.database.base import AccountSpec, DatabasePayload, NodeStatus
from kowloon.engines.database.paper import PaperDatabase
from kowloon.engines.database.process import ProcessDatabase

PORT = 5432
SECRET = "cloud'secret \\ 1"
APP = AccountSpec(name="app", password="App-pass'1")
# How asyncpg says that a connection ended. The last is a goodbye of the server's that came between two statements: it
# is not kept, and the next statement finds the connection busy (tests/drills/test_exchange.py makes it happen).
CONNECTION_ENDED = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)


class Pair:
    """Nodes `a` and `b` of one instance."""

    def __init__(self, engine: ProcessDatabase | PaperDatabase, addresses: dict[str, str]) -> None:
        self.engine, self.addresses = engine, addresses

    def spec(self, node: str, role: str, generation: int = 1, **changes: Any) -> UnitSpec:
        other = "b" if node == "a" else "a"
        payload = DatabasePayload(
            instance_id="pgm-1",
            version="18.0",
            port=PORT,
            role=role,  # type: ignore[arg-type]
            upstream=self.addresses[other] if role == "standby" else "",
            standby_id=node if role == "standby" else other,
            generation=generation,
            superuser_password=SECRET,
            max_connections=20,
        )
        payload = msgspec.structs.replace(payload, **changes)
        return UnitSpec(
            id=node, kind="database", host="h", address=self.addresses[node], payload=msgspec.to_builtins(payload)
        )

    async def start_both(self) -> None:
        """`a` the primary, `b` its synchronous standby, one account and one database of its own."""
        await self.engine.start(self.spec("a", "primary"))
        await self.engine.start(self.spec("b", "standby"))
        await self.until("b", lambda status: status.streaming)
        await self.engine.set_synchronous("a", "b")
        await self.engine.put_account("a", APP)
        await self.engine.put_database("a", "shop", "utf8")
        await self.engine.grant("a", "app", "shop", "DBOwner")

    async def until(self, node: str, condition: Callable[[NodeStatus], bool], within_s: float = 15.0) -> NodeStatus:
        deadline = time.monotonic() + within_s
        while not condition(status := await self.engine.status(node)):
            assert time.monotonic() < deadline, f"{node}: {status}"
            await asyncio.sleep(0.02)
        return status

    async def ready(self, node: str) -> NodeStatus:
        return await self.until(node, lambda status: status.reachable)

    @asynccontextmanager
    async def login(self, node: str, account: AccountSpec = APP, database: str = "shop") -> AsyncIterator[Any]:
        connection = await asyncpg.connect(
            host=self.addresses[node],
            port=PORT,
            user=account.name,
            password=account.password,
            database=database,
            ssl=False,
            timeout=5,
        )
        try:
            yield connection
        finally:
            connection.terminate()


async def denied(action: Awaitable[Any]) -> bool:
    try:
        await action
    except asyncpg.InsufficientPrivilegeError:
        return True
    return False
