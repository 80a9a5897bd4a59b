"""Accounts, databases and privileges on a running node. Every call may be repeated."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from kowloon.engines.database import sql
from kowloon.engines.database.base import AccountSpec
from kowloon.engines.database.session import Sessions


async def put_account(sessions: Sessions, account: AccountSpec, timeout_s: float) -> None:
    sql.check_account(account.name)
    async with sessions.session(timeout_s) as connection, connection.transaction():
        exists = await connection.fetchval("SELECT true FROM pg_roles WHERE rolname = $1", account.name)
        await _run(connection, sql.put_account(account.name, account.password, account.superuser, bool(exists)))


async def drop_account(sessions: Sessions, name: str, timeout_s: float) -> None:
    """What it owned passes to the cloud's own account; its sessions end."""
    role = sql.identifier(sql.check_account(name))
    async with sessions.session(timeout_s) as connection:
        if not await connection.fetchval("SELECT true FROM pg_roles WHERE rolname = $1", name):
            return
        await connection.execute(f"ALTER ROLE {role} NOLOGIN")
        await connection.fetch("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = $1", name)
        databases = await connection.fetch("SELECT datname FROM pg_database WHERE datallowconn")
        for database in databases:
            async with sessions.session(timeout_s, database["datname"]) as inside:
                await inside.execute(f"REASSIGN OWNED BY {role} TO CURRENT_USER")
                await inside.execute(f"DROP OWNED BY {role}")
        await connection.execute(f"DROP ROLE {role}")


async def put_database(sessions: Sessions, name: str, character_set: str, timeout_s: float) -> None:
    create = sql.create_database(name, character_set)
    async with sessions.session(timeout_s) as connection:
        if not await connection.fetchval("SELECT true FROM pg_database WHERE datname = $1", name):
            await connection.execute(create)
        await _run(connection, sql.close_database(name))
    async with sessions.session(timeout_s, name) as inside:
        await _run(inside, sql.open_schema())


async def drop_database(sessions: Sessions, name: str, timeout_s: float) -> None:
    database = sql.identifier(sql.check_database(name))
    async with sessions.session(timeout_s) as connection:
        await connection.execute(f"DROP DATABASE IF EXISTS {database} WITH (FORCE)")


async def grant(sessions: Sessions, account: str, database: str, privilege: str | None, timeout_s: float) -> None:
    """Replaces whatever the account had there. An account that stops owning the database gives it back."""
    sql.check_database(database)
    async with sessions.session(timeout_s, database) as connection, connection.transaction():
        schemas = [row["nspname"] for row in await connection.fetch(sql.USER_SCHEMAS)]
        creators = [row["rolname"] for row in await connection.fetch(sql.CREATORS)]
        owner = await connection.fetchval(
            "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = $1", database
        )
        if owner == account:
            await connection.execute(f"ALTER DATABASE {sql.identifier(database)} OWNER TO CURRENT_USER")
        await _run(connection, sql.revoke(account, database, schemas, creators))
        if privilege is None:
            return
        await _run(connection, sql.grant(account, database, privilege, schemas, creators))
        await _share_new_objects(connection, account)


async def _share_new_objects(connection: Any, account: str) -> None:
    """If the account may make objects now, those who were granted the use of such before get it."""
    creators = [row["rolname"] for row in await connection.fetch(sql.CREATORS)]
    if account not in creators:
        return
    creator = sql.identifier(account)
    for row in await connection.fetch(sql.RECORDED):
        if row["role"] != account:
            await connection.execute(
                f"ALTER DEFAULT PRIVILEGES FOR ROLE {creator} GRANT {row['rights']} "
                f"ON {sql.KINDS[row['kind']]} TO {sql.identifier(row['role'])}"
            )


async def _run(connection: Any, statements: Iterable[str]) -> None:
    for statement in statements:
        await connection.execute(statement)
