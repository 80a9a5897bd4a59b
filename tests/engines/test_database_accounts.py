"""Accounts, databases and privileges, checked by logging in as those accounts."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from kowloon.engines.base import EngineError
from kowloon.engines.database import sql
from kowloon.engines.database.base import AccountSpec
from kowloon.engines.database.process import ProcessDatabase
from kowloon.engines.fabric import InProcessFabric
from kowloon.engines.supervisor.client import SupervisorClient

from .balancer_parts import Addresses
from .database_parts import APP, CONNECTION_ENDED, Pair, denied

READER = AccountSpec(name="reader", password="Reader-1 ")
WRITER = AccountSpec(name="writer", password="Päss-wörd-1")
BOSS = AccountSpec(name="boss", password="Boss-pass-1", superuser=True)


@pytest.fixture
async def pair(host: SupervisorClient, database_folder: Path) -> AsyncIterator[Pair]:
    engine = ProcessDatabase(host, InProcessFabric(), data_dir=database_folder)
    pair = Pair(engine, {"a": Addresses()(), "b": ""})
    await engine.start(pair.spec("a", "primary"))
    await pair.ready("a")
    yield pair
    engine.close()


async def test_each_privilege_allows_what_it_says(pair: Pair) -> None:
    engine = pair.engine
    await engine.put_database("a", "shop", "UTF8")
    for account in (APP, READER, WRITER):
        await engine.put_account("a", account)
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match='permission denied for database "shop"'):
        async with pair.login("a"):
            pass
    await engine.grant("a", "app", "shop", "DBOwner")
    await engine.grant("a", "app", "shop", "DBOwner")
    async with pair.login("a") as app:
        await app.execute("CREATE TABLE old (n serial PRIMARY KEY)")
        await engine.grant("a", "reader", "shop", "ReadOnly")
        await engine.grant("a", "writer", "shop", "DMLOnly")
        await app.execute("CREATE TABLE new (n serial PRIMARY KEY)")
        await app.execute("INSERT INTO new VALUES (7)")
    async with pair.login("a", READER) as reader:
        assert await reader.fetchval("SELECT n FROM new") == 7
        assert await reader.fetch("SELECT n FROM old") == []
        assert await denied(reader.execute("INSERT INTO new VALUES (1)"))
        assert await denied(reader.execute("CREATE TABLE mine (n int)"))
    async with pair.login("a", WRITER) as writer:
        await writer.execute("INSERT INTO new DEFAULT VALUES")
        await writer.execute("UPDATE new SET n = 8 WHERE n = 7")
        assert await denied(writer.execute("CREATE TABLE mine (n int)"))
        assert await denied(writer.execute("DROP TABLE new"))

    # A second account that may make tables: what it makes later is shared with those granted before.
    await engine.grant("a", "writer", "shop", "ReadWrite")
    async with pair.login("a", WRITER) as writer, pair.login("a", READER) as reader:
        await writer.execute("CREATE TABLE mine (n int)")
        assert await reader.fetch("SELECT n FROM mine") == []
    await engine.grant("a", "reader", "shop", "DDLOnly")
    async with pair.login("a", READER) as reader:
        assert await denied(reader.fetch("SELECT n FROM new"))
        await reader.execute("CREATE TABLE made (n int)")
    await engine.grant("a", "reader", "shop", None)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with pair.login("a", READER):
            pass
    with pytest.raises(EngineError, match="Owner is no privilege; choose one of ReadOnly, DMLOnly"):
        await engine.grant("a", "reader", "shop", "Owner")


async def test_privileged_accounts_are_strong_but_no_superusers(pair: Pair) -> None:
    engine = pair.engine
    await engine.put_database("a", "shop", "UTF8")
    await engine.put_account("a", BOSS)
    await engine.put_account("a", BOSS)
    async with pair.login("a", BOSS) as boss:
        await boss.execute("CREATE TABLE t (n int)")
        await boss.execute("CREATE ROLE helper LOGIN PASSWORD 'Helper-1'")
        await boss.execute("CREATE DATABASE own")
        assert await boss.fetchval("SELECT count(*) FROM pg_stat_activity WHERE query <> ''") > 0
        assert not await boss.fetchval("SELECT rolsuper FROM pg_roles WHERE rolname = 'boss'")
        for statement in (
            "ALTER ROLE kowloon PASSWORD 'x'",
            "ALTER ROLE boss SUPERUSER",
            "COPY t FROM PROGRAM 'id'",
            "COPY t FROM '/etc/passwd'",
            "ALTER SYSTEM SET fsync = off",
            "SELECT rolpassword FROM pg_authid",
            "SELECT pg_read_file('pg_hba.conf')",
            "GRANT kowloon TO boss",
        ):
            assert await denied(boss.execute(statement)), statement
        secret = "SELECT count(*) FROM pg_settings WHERE setting LIKE '%cloud%secret%'"
        assert await boss.fetchval(secret) == 0
    await engine.put_account("a", AccountSpec(name="boss", password=BOSS.password))
    async with pair.login("a", AccountSpec(name="boss", password=BOSS.password), "postgres") as boss:
        assert await denied(boss.execute("CREATE ROLE other"))


async def test_names_and_passwords_are_data_only(pair: Pair) -> None:
    engine = pair.engine
    odd = AccountSpec(name="o\"dd'; DROP ROLE app; --", password="p'\"; \\ $$ x")
    database = 'my "shop"; --'
    await engine.put_account("a", APP)
    await engine.put_account("a", odd)
    await engine.put_database("a", database, "SQL_ASCII")
    await engine.put_database("a", database, "SQL_ASCII")
    await engine.grant("a", odd.name, database, "ReadWrite")
    async with pair.login("a", odd, database) as connection:
        await connection.execute("CREATE TABLE t (n int)")
        assert await connection.fetchval("SHOW server_encoding") == "SQL_ASCII"
        changed = AccountSpec(name=odd.name, password="New-pass-1")
        await engine.put_account("a", changed)
        # Dropping ends its sessions and leaves what it made.
        await engine.drop_account("a", odd.name)
        await engine.drop_account("a", odd.name)
        with pytest.raises(CONNECTION_ENDED):
            await connection.fetch("SELECT 1")
    with pytest.raises(asyncpg.InvalidPasswordError):
        async with pair.login("a", changed, "postgres"):
            pass
    async with pair.login("a", APP, "postgres"):
        pass
    await engine.drop_database("a", database)
    await engine.drop_database("a", database)
    for name in ("kowloon", "Kowloon", "pg_evil", "rds_superuser", "postgres"):
        with pytest.raises(EngineError, match=f"The account name {name} is reserved"):
            await engine.put_account("a", AccountSpec(name=name, password="x"))
        with pytest.raises(EngineError, match="is reserved"):
            await engine.drop_account("a", name)
    with pytest.raises(EngineError, match="has 1 to 63 bytes"):
        await engine.put_account("a", AccountSpec(name="é" * 32, password="x"))
    with pytest.raises(EngineError, match="The database postgres is PostgreSQL's own"):
        await engine.drop_database("a", "postgres")
    with pytest.raises(EngineError, match="no databases in GBK; choose one of utf8"):
        await engine.put_database("a", "gbk", "GBK")
    await engine.put_database("a", "shop", "utf8mb4")
    with pytest.raises(EngineError, match='The node a refused: role "nobody_there" does not exist'):
        await engine.grant("a", "nobody_there", "shop", "ReadOnly")


def test_a_verifier_never_holds_the_password() -> None:
    made = sql.verifier("Secret-1")
    assert made.startswith("SCRAM-SHA-256$4096:")
    assert "Secret" not in made
    assert made != sql.verifier("Secret-1")
