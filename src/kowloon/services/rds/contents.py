"""Brings accounts, databases and privileges into the running primary, and marks them available once they are there."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from kowloon.core.waits import RealSeconds
from kowloon.engines.database.base import AccountSpec, DatabaseEngine
from kowloon.services.rds.resources import Account, Database, DBInstance
from kowloon.store.resources import Key, Resource
from kowloon.store.store import Store, Transaction
from kowloon.topology.health import HealthBoard


class DatabaseContents:
    """One loop per instance, so that accounts exist before they are granted anything."""

    name = "database contents"
    workers = 4

    def __init__(self, store: Store, board: HealthBoard, engine: DatabaseEngine) -> None:
        self._store = store
        self._board = board
        self._engine = engine

    def keys(self, key: Key, item: Resource | None) -> Iterable[str]:
        return (item.instance_id,) if isinstance(item, (Account, Database)) else ()

    def all_keys(self) -> Iterable[str]:
        return [instance.id for instance in self._store.list(DBInstance)]

    def zones(self, key: str) -> tuple[str, ...]:
        instance = self._store.get(DBInstance, key)
        return self._board.topology.zone_ids(instance.region) if instance is not None else ()

    async def reconcile(self, key: str) -> float | None:
        instance = self._store.get(DBInstance, key)
        if instance is None:
            return None
        rows = [row for row in self._store.list(Account, account=instance.account) if row.instance_id == key]
        databases = [row for row in self._store.list(Database, account=instance.account) if row.instance_id == key]
        pending = any(row.password or row.status == "Deleting" for row in rows) or any(
            row.status != "Running" or row.privileges != row.applied for row in databases
        )
        if not pending:
            return None
        if instance.status == "Creating" or instance.moving_to:
            return RealSeconds(1.0)
        for account in rows:
            if account.password and account.status != "Deleting":
                await self._put_account(instance, account)
        for database in databases:
            await self._tend_database(instance, database)
        for account in rows:
            if account.status == "Deleting":
                await self._engine.drop_account(instance.primary, account.name)
                await self._store.run(lambda tx, gone=account: _forget(tx, gone))  # type: ignore[misc]
        return None

    async def _put_account(self, instance: DBInstance, account: Account) -> None:
        spec = AccountSpec(name=account.name, password=account.password, superuser=account.account_type == "Super")
        await self._engine.put_account(instance.primary, spec)

        def body(tx: Transaction) -> None:
            current = tx.get(Account, account.id)
            # A password that changed meanwhile is another one's turn.
            if current is not None and current.password == account.password and current.status != "Deleting":
                tx.put(msgspec.structs.replace(current, password="", status="Available"))

        await self._store.run(body)

    async def _tend_database(self, instance: DBInstance, database: Database) -> None:
        if database.status == "Deleting":
            await self._engine.drop_database(instance.primary, database.name)
            await self._store.run(lambda tx: _forget(tx, database))
            return
        if database.status == "Creating":
            await self._engine.put_database(instance.primary, database.name, database.character_set)
        for name in {*database.applied, *database.privileges}:
            wanted = database.privileges.get(name)
            if wanted != database.applied.get(name):
                await self._engine.grant(instance.primary, name, database.name, wanted)

        def body(tx: Transaction) -> None:
            current = tx.get(Database, database.id)
            if current is not None and current.status != "Deleting":
                tx.put(msgspec.structs.replace(current, status="Running", applied=database.privileges))

        if database.status != "Running" or database.privileges != database.applied:
            await self._store.run(body)


def _forget(tx: Transaction, item: Resource) -> None:
    current = tx.find(item.key)
    if current is not None:
        tx.delete(current)
