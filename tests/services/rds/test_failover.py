"""Zones lost under databases: on paper every rule, with real PostgreSQL the one that matters most."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from alibabacloud_rds20140815 import models

from kowloon.core.config import Settings
from kowloon.core.events import ResourceEvent
from kowloon.testing.cloud import LocalCloud
from tests.conftest import REGION
from tests.engines.database_parts import CONNECTION_ENDED
from tests.helpers import eventually
from tests.services.rds.conftest import Databases


def _inject(databases: Databases, kind: str, *scope: str, **parameters: Any) -> str:
    cloud = databases.cloud
    return cloud.run(cloud.cloud.faults.inject(kind, list(scope), parameters)).id


def _recover(databases: Databases, fault_id: str) -> None:
    cloud = databases.cloud
    cloud.run(cloud.cloud.faults.recover(fault_id))


def _states(databases: Databases, id: str) -> list[str]:
    bus = databases.cloud.cloud.bus
    return databases.cloud.call(
        lambda: [event.state for event in bus.recent if isinstance(event, ResourceEvent) and event.id == id]
    )


def _running(databases: Databases, **changes: Any) -> Any:
    created = databases.create(**changes)
    eventually(lambda: databases.is_running(created.dbinstance_id))
    return created


def test_losing_the_primarys_zone_promotes_the_standby(databases: Databases) -> None:
    created = _running(databases)
    fault = _inject(databases, "zone-power", f"{REGION}-c")
    eventually(lambda: databases.attribute(created.dbinstance_id).master_zone == f"{REGION}-b")
    assert databases.attribute(created.dbinstance_id).connection_string == created.connection_string
    assert databases.high_availability(created.dbinstance_id).sync_mode == "Async"
    _recover(databases, fault)
    eventually(lambda: databases.high_availability(created.dbinstance_id).sync_mode == "Sync")
    assert "failed over" in _states(databases, created.dbinstance_id)


def test_losing_the_standbys_zone_degrades_and_heals(databases: Databases) -> None:
    created = _running(databases)
    fault = _inject(databases, "zone-power", f"{REGION}-b")
    eventually(lambda: databases.high_availability(created.dbinstance_id).sync_mode == "Async")
    assert databases.attribute(created.dbinstance_id).master_zone == f"{REGION}-c"
    _recover(databases, fault)
    eventually(lambda: databases.high_availability(created.dbinstance_id).sync_mode == "Sync")
    assert {"degraded", "in sync again"} <= set(_states(databases, created.dbinstance_id))


def test_a_stale_standby_is_not_promoted_and_that_is_said(databases: Databases) -> None:
    created = _running(databases)
    cloud = databases.cloud
    # Keep the standby out of sync: it is lost, the primary goes on alone, then both change places.
    lost = _inject(databases, "zone-power", f"{REGION}-b")
    eventually(lambda: databases.high_availability(created.dbinstance_id).sync_mode == "Async")
    _inject(databases, "zone-power", f"{REGION}-c")
    _recover(databases, lost)
    eventually(lambda: "failover refused" in _states(databases, created.dbinstance_id))
    assert databases.attribute(created.dbinstance_id).master_zone == f"{REGION}-c"
    cloud.run(cloud.cloud.faults.recover_all())
    eventually(lambda: databases.high_availability(created.dbinstance_id).sync_mode == "Sync")


def test_both_nodes_in_one_zone_do_not_help(databases: Databases) -> None:
    created = _running(databases, zone_id_slave_1=None)
    fault = _inject(databases, "zone-power", f"{REGION}-c")
    endpoint = f"{created.dbinstance_id}-endpoint"
    eventually(lambda: _observed(databases, endpoint) == "absent")
    _recover(databases, fault)
    eventually(lambda: _observed(databases, endpoint) == "running")
    assert "failed over" not in _states(databases, created.dbinstance_id)


def _observed(databases: Databases, unit_id: str) -> str:
    from kowloon.store.units import Unit

    store = databases.cloud.cloud.store
    return databases.cloud.call(lambda: getattr(store.get(Unit, unit_id), "observed", "gone"))


def test_a_manual_queue_holds_the_failover_until_its_turn(databases: Databases) -> None:
    created = _running(databases)
    cloud = databases.cloud
    _inject(databases, "database_failover", REGION, queue_start_min=60.0, queue_end_min=61.0)
    _inject(databases, "zone-power", f"{REGION}-c")
    eventually(lambda: cloud.call(lambda: _missing(cloud)) is not None)
    assert databases.attribute(created.dbinstance_id).master_zone == f"{REGION}-c"
    cloud.run(cloud.cloud.clock.skip(62 * 60.0))
    eventually(lambda: databases.attribute(created.dbinstance_id).master_zone == f"{REGION}-b")


def _missing(cloud: LocalCloud) -> float | None:
    from kowloon.services.rds.resources import DBInstance

    return cloud.cloud.store.list(DBInstance)[0].primary_missing_since


def test_a_switch_on_request_keeps_the_address(databases: Databases) -> None:
    created = _running(databases)
    nodes = databases.high_availability(created.dbinstance_id).host_instance_infos.node_info
    standby = next(node for node in nodes if node.node_type == "Slave")
    databases.rds.switch_dbinstance_ha(
        models.SwitchDBInstanceHARequest(dbinstance_id=created.dbinstance_id, node_id=standby.node_id)
    )
    eventually(lambda: databases.attribute(created.dbinstance_id).master_zone == standby.zone_id)
    eventually(lambda: databases.high_availability(created.dbinstance_id).sync_mode == "Sync")
    with pytest.raises(Exception) as refused:
        databases.rds.switch_dbinstance_ha(
            models.SwitchDBInstanceHARequest(dbinstance_id=created.dbinstance_id, node_id="nobody")
        )
    assert refused.value.code == "InvalidNodeId.NotFound"
    assert "not a standby" in refused.value.message


def test_real_postgresql_loses_no_acknowledged_row(tmp_path: Path, client_of: Callable[..., Any]) -> None:
    with LocalCloud(Settings(home=tmp_path / "home", engine="process", port=0)) as cloud:
        databases = Databases(cloud, client_of)
        created = databases.create()
        id = created.dbinstance_id
        eventually(lambda: databases.is_running(id), timeout_s=40.0)
        databases.rds.create_account(
            models.CreateAccountRequest(
                dbinstance_id=id, account_name="exchange", account_password="Secret-1234", account_type="Super"
            )
        )
        databases.rds.create_database(
            models.CreateDatabaseRequest(dbinstance_id=id, dbname="ledger", character_set_name="UTF8")
        )
        eventually(lambda: _is_ready(databases, id), timeout_s=20.0)
        acknowledged = asyncio.run(_write_through_a_zone_loss(databases, created))
        assert len(acknowledged) > 20
        eventually(lambda: databases.high_availability(id).sync_mode == "Sync", timeout_s=40.0)
        assert acknowledged <= asyncio.run(_rows(created))


def _is_ready(databases: Databases, id: str) -> bool:
    accounts = databases.rds.describe_accounts(models.DescribeAccountsRequest(dbinstance_id=id)).body.accounts
    rows = databases.rds.describe_databases(models.DescribeDatabasesRequest(dbinstance_id=id)).body.databases
    return bool(accounts.dbinstance_account[0].account_status == "Available" and rows.database[0].dbstatus == "Running")


async def _connect(created: Any) -> asyncpg.Connection:
    return await asyncpg.connect(
        host=created.connection_string,
        port=int(created.port),
        user="exchange",
        password="Secret-1234",
        database="ledger",
        ssl=False,
        timeout=1.0,
    )


async def _write_through_a_zone_loss(databases: Databases, created: Any) -> set[int]:
    """Insert one row after the other; lose the primary's zone on the way; return what was acknowledged."""
    connection = await _connect(created)
    await connection.execute("create table entry (id int primary key)")
    acknowledged: set[int] = set()
    deadline = asyncio.get_running_loop().time() + 30.0
    number, fault, after = 0, "", 0
    while after < 20:
        assert asyncio.get_running_loop().time() < deadline, "the database did not come back"
        number += 1
        if number == 20:
            fault = await asyncio.to_thread(_inject, databases, "zone-power", f"{REGION}-c")
        try:
            if connection.is_closed():
                connection = await _connect(created)
            await connection.execute("insert into entry values ($1)", number, timeout=1.0)
        except (*CONNECTION_ENDED, TimeoutError):
            connection.terminate()
            continue
        acknowledged.add(number)
        moved = fault and databases.attribute(created.dbinstance_id).master_zone == f"{REGION}-b"
        after += 1 if moved else 0
    await connection.close()
    await asyncio.to_thread(_recover, databases, fault)
    return acknowledged


async def _rows(created: Any) -> set[int]:
    connection = await _connect(created)
    rows = await connection.fetch("select id from entry")
    await connection.close()
    return {row["id"] for row in rows}
