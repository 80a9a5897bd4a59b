"""DB instances through the official client, on paper."""

from __future__ import annotations

from typing import Any

import pytest
from alibabacloud_rds20140815 import models

from tests.conftest import REGION
from tests.helpers import eventually
from tests.services.rds.conftest import Databases


def test_an_ha_instance_runs_in_two_zones(databases: Databases) -> None:
    created = databases.create(dbinstance_description="ledger")
    assert created.port == "5432"
    assert created.connection_string.startswith("127.")
    eventually(lambda: databases.is_running(created.dbinstance_id))
    shown = databases.attribute(created.dbinstance_id)
    assert (shown.category, shown.engine, shown.master_zone) == ("HighAvailability", "PostgreSQL", f"{REGION}-c")
    assert [zone.zone_id for zone in shown.slave_zones.slave_zone] == [f"{REGION}-b"]
    assert databases.high_availability(created.dbinstance_id).sync_mode == "Sync"


def test_a_standby_without_a_zone_shares_the_primarys(databases: Databases) -> None:
    created = databases.create(zone_id_slave_1=None)
    shown = databases.attribute(created.dbinstance_id)
    assert [zone.zone_id for zone in shown.slave_zones.slave_zone] == [shown.master_zone]


def test_a_basic_instance_has_one_node(databases: Databases) -> None:
    created = databases.create(dbinstance_class="pg.n2.small.1", zone_id_slave_1=None)
    eventually(lambda: databases.is_running(created.dbinstance_id))
    shown = databases.attribute(created.dbinstance_id)
    assert shown.category == "Basic"
    assert not shown.slave_zones.slave_zone


@pytest.mark.parametrize(
    ("changes", "code", "message"),
    [
        ({"engine": "MySQL"}, "InvalidEngine.Malformed", "MySQL is not built yet"),
        ({"engine_version": "9.4"}, "InvalidEngineVersion.Malformed", "EngineVersion is not valid"),
        ({"dbinstance_class": "mysql.n2.small.1"}, "InvalidDBInstanceClass.NotFound", "DBInstanceClass is not found"),
        ({"dbinstance_storage": 5}, "InvalidDBInstanceStorage.Malformed", "DBInstanceStorage is not valid"),
        ({"pay_type": "Prepaid"}, "InvalidPayType.Malformed", "PayType is not supported"),
        ({"zone_id": "cn-hongkong-x"}, "InvalidZoneId.NotFound", "ZoneId does not exist"),
        ({"v_switch_id": "vsw-none"}, "InvalidVSwitchId.NotFound", "VSwitchId does not exist"),
        ({"v_switch_id": None}, "MissingParameter.VSwitchId", "VSwitchId is mandatory"),
        ({"security_iplist": "everyone"}, "InvalidSecurityIPList.Format", "not in valid format"),
        ({"port": "80"}, "InvalidPort.Malformed", "1000 to 5999"),
        ({"category": "Cluster"}, "InvalidCategory.Malformed", "Category is not valid"),
    ],
)
def test_creation_is_refused_with_the_code(
    databases: Databases, changes: dict[str, Any], code: str, message: str
) -> None:
    with pytest.raises(Exception) as refused:
        databases.create(**changes)
    assert refused.value.code == code
    assert message in refused.value.message


def test_the_same_client_token_creates_once(databases: Databases) -> None:
    first = databases.create(client_token="token-1")
    again = databases.create(client_token="token-1")
    assert again.dbinstance_id == first.dbinstance_id
    with pytest.raises(Exception) as refused:
        databases.create(client_token="token-1", dbinstance_storage=30)
    assert refused.value.code == "IdempotentParameterMismatch"
    assert "same client token" in refused.value.message


def test_lists_page_and_filter(databases: Databases) -> None:
    ids = [databases.create(dbinstance_description=f"db {number}").dbinstance_id for number in range(3)]
    page = databases.rds.describe_dbinstances(
        models.DescribeDBInstancesRequest(region_id=REGION, page_size=2, page_number=2)
    ).body
    assert (page.total_record_count, page.page_record_count) == (3, 1)
    assert page.items.dbinstance[0].dbinstance_id == ids[2]
    found = databases.rds.describe_dbinstances(
        models.DescribeDBInstancesRequest(region_id=REGION, search_key="db 1")
    ).body.items.dbinstance
    assert [row.dbinstance_id for row in found] == [ids[1]]


def test_a_protected_instance_is_kept(databases: Databases) -> None:
    created = databases.create(deletion_protection=True)
    with pytest.raises(Exception) as refused:
        databases.rds.delete_dbinstance(models.DeleteDBInstanceRequest(dbinstance_id=created.dbinstance_id))
    assert refused.value.code == "OperationDenied.DeletionProtection"
    assert "deletion protection" in refused.value.message


def test_a_deleted_instance_leaves_nothing(databases: Databases) -> None:
    created = databases.create()
    eventually(lambda: databases.is_running(created.dbinstance_id))
    databases.rds.delete_dbinstance(models.DeleteDBInstanceRequest(dbinstance_id=created.dbinstance_id))
    with pytest.raises(Exception) as refused:
        databases.attribute(created.dbinstance_id)
    assert refused.value.code == "InvalidDBInstanceId.NotFound"
    assert "does not exist in our records" in refused.value.message
    store = databases.cloud.cloud.store
    eventually(lambda: databases.cloud.call(lambda: store.kinds().get("unit", 0)) == 0)


def test_accounts_databases_and_privileges(databases: Databases) -> None:
    id = databases.create().dbinstance_id
    eventually(lambda: databases.is_running(id))
    rds = databases.rds
    rds.create_account(
        models.CreateAccountRequest(dbinstance_id=id, account_name="clerk", account_password="Secret-1234")
    )
    rds.create_database(models.CreateDatabaseRequest(dbinstance_id=id, dbname="ledger", character_set_name="UTF8"))
    rds.grant_account_privilege(
        models.GrantAccountPrivilegeRequest(
            dbinstance_id=id, account_name="clerk", dbname="ledger", account_privilege="ReadWrite"
        )
    )

    def account() -> Any:
        request = models.DescribeAccountsRequest(dbinstance_id=id)
        return rds.describe_accounts(request).body.accounts.dbinstance_account[0]

    def database() -> Any:
        return rds.describe_databases(models.DescribeDatabasesRequest(dbinstance_id=id)).body.databases.database[0]

    eventually(lambda: account().account_status == "Available" and database().dbstatus == "Running")
    granted = account().database_privileges.database_privilege
    assert [(row.dbname, row.account_privilege) for row in granted] == [("ledger", "ReadWrite")]
    stored = databases.cloud.call(
        lambda: [item.password for item in databases.cloud.cloud.store.everything() if item.kind == "db-account"]
    )
    assert stored == [""], "the password is kept only until the database has it"


@pytest.mark.parametrize(
    ("name", "password", "code"),
    [
        ("postgres", "Secret-1234", "InvalidAccountName.Forbid"),
        ("1clerk", "Secret-1234", "InvalidAccountName.Malformed"),
        ("clerk", "secret", "InvalidAccountPassword.Malformed"),
    ],
)
def test_bad_accounts_are_refused(databases: Databases, name: str, password: str, code: str) -> None:
    id = databases.create().dbinstance_id
    eventually(lambda: databases.is_running(id))
    with pytest.raises(Exception) as refused:
        databases.rds.create_account(
            models.CreateAccountRequest(dbinstance_id=id, account_name=name, account_password=password)
        )
    assert refused.value.code == code
    assert refused.value.message


def test_an_instance_that_is_not_running_refuses_accounts(databases: Databases) -> None:
    cloud = databases.cloud
    id = databases.create(dbinstance_class="pg.n2.small.1", zone_id_slave_1=None).dbinstance_id
    eventually(lambda: databases.is_running(id))
    # A restart cannot end while the zone is dark.
    cloud.run(cloud.cloud.faults.inject("zone-power", [f"{REGION}-c"]))
    databases.rds.restart_dbinstance(models.RestartDBInstanceRequest(dbinstance_id=id))
    with pytest.raises(Exception) as refused:
        databases.rds.create_account(
            models.CreateAccountRequest(dbinstance_id=id, account_name="clerk", account_password="Secret-1234")
        )
    assert refused.value.code == "OperationDenied.DBInstanceStatus"
    assert "status of instance" in refused.value.message
    cloud.run(cloud.cloud.faults.recover_all())
    eventually(lambda: databases.is_running(id))


def test_the_net_info_tells_the_stable_address(databases: Databases) -> None:
    created = databases.create()
    request = models.DescribeDBInstanceNetInfoRequest(dbinstance_id=created.dbinstance_id)
    (info,) = databases.rds.describe_dbinstance_net_info(request).body.dbinstance_net_infos.dbinstance_net_info
    assert (info.connection_string, info.port) == (created.connection_string, created.port)
    assert info.security_ipgroups.security_ipgroup[0].security_ips == "127.0.0.0/8"
    with pytest.raises(Exception) as refused:
        databases.rds.describe_dbinstance_net_info(models.DescribeDBInstanceNetInfoRequest(dbinstance_id="pgm-none"))
    assert refused.value.code == "InvalidDBInstanceId.NotFound"
    assert "does not exist" in refused.value.message
