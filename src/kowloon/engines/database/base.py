"""Databases: what a database engine runs. One unit is one server process with its data folder, primary or standby."""

from __future__ import annotations

from typing import Literal, Protocol

import msgspec

from kowloon.engines.base import UnitEngine


class DatabasePayload(msgspec.Struct, frozen=True, kw_only=True):
    """One node of one database instance.

    A `standby` streams from `upstream` (address of the primary; its base backup is taken when its folder is empty or
    diverged). A `primary` with `synchronous` commits only when the standby named `standby_id` has the write.
    `generation` grows by one with each promotion: a node started with an older generation than its folder's refuses
    (fencing). `superuser_password` is the cloud's own account, never shown to users.
    """

    instance_id: str
    engine: Literal["PostgreSQL"] = "PostgreSQL"
    version: str
    port: int
    role: Literal["primary", "standby"]
    upstream: str = ""
    standby_id: str = ""
    synchronous: bool = False
    generation: int = 1
    superuser_password: str
    max_connections: int = 100


class NodeStatus(msgspec.Struct, frozen=True, kw_only=True):
    """`wal_position`: bytes, comparable between nodes of one instance. `streaming`: a standby that receives, or a
    primary whose standby is attached; `synchronous`: the primary waits for it now."""

    reachable: bool
    in_recovery: bool = False
    streaming: bool = False
    synchronous: bool = False
    wal_position: int = 0


class AccountSpec(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    password: str
    superuser: bool = False


class DatabaseEngine(UnitEngine, Protocol):
    """Calls on a running node; `EngineError` when it does not answer within `timeout_s`."""

    async def status(self, unit_id: str, *, timeout_s: float = 0.5) -> NodeStatus:
        """Never raises: a node that does not answer is `reachable=False`."""
        ...

    async def promote(self, unit_id: str, *, generation: int, timeout_s: float = 10.0) -> None:
        """Make a running standby the primary, without waiting for a standby of its own. Idempotent."""
        ...

    async def set_synchronous(self, unit_id: str, standby_id: str | None, *, timeout_s: float = 5.0) -> None:
        """Wait for `standby_id` on each commit, or (None) for nobody."""
        ...

    async def put_account(self, unit_id: str, account: AccountSpec, *, timeout_s: float = 5.0) -> None: ...
    async def drop_account(self, unit_id: str, name: str, *, timeout_s: float = 5.0) -> None: ...
    async def put_database(self, unit_id: str, name: str, character_set: str, *, timeout_s: float = 10.0) -> None: ...
    async def drop_database(self, unit_id: str, name: str, *, timeout_s: float = 10.0) -> None: ...
    async def grant(
        self, unit_id: str, account: str, database: str, privilege: str | None, *, timeout_s: float = 5.0
    ) -> None:
        """`privilege`: ReadOnly, ReadWrite, DDLOnly, DMLOnly, DBOwner, or None to revoke."""
        ...
