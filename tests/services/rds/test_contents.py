"""What changes in a running instance: passwords, privileges, databases, whitelists; and where instances are sold."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from alibabacloud_rds20140815 import models

from tests.conftest import REGION
from tests.helpers import eventually, refused
from tests.services.rds.conftest import Databases


@pytest.fixture
def filled(databases: Databases) -> tuple[Databases, str]:
    """An instance with the account `clerk` and the database `ledger`, granted ReadWrite."""
    id = databases.create(dbinstance_class="pg.n2.small.1", zone_id_slave_1=None).dbinstance_id
    eventually(lambda: databases.is_running(id))
    databases.rds.create_account(
        models.CreateAccountRequest(dbinstance_id=id, account_name="clerk", account_password="Secret-1234")
    )
    databases.rds.create_database(
        models.CreateDatabaseRequest(
            dbinstance_id=id,
            dbname="ledger",
            character_set_name="UTF8",
            account_name="clerk",
            account_privilege="ReadWrite",
        )
    )
    eventually(lambda: [row.dbstatus for row in _databases(databases, id)] == ["Running"])
    return databases, id


def _databases(databases: Databases, id: str) -> list[Any]:
    request = models.DescribeDatabasesRequest(dbinstance_id=id)
    return list(databases.rds.describe_databases(request).body.databases.database)


def _accounts(databases: Databases, id: str) -> list[Any]:
    request = models.DescribeAccountsRequest(dbinstance_id=id)
    return list(databases.rds.describe_accounts(request).body.accounts.dbinstance_account)


def _granted(databases: Databases, id: str) -> list[tuple[str, str]]:
    rows = _accounts(databases, id)[0].database_privileges.database_privilege
    return [(row.dbname, row.account_privilege) for row in rows]


def _stored(databases: Databases, kind: str) -> Any:
    cloud = databases.cloud.cloud
    return databases.cloud.call(lambda: next(item for item in cloud.store.everything() if item.kind == kind))


def test_a_password_is_reset_under_the_same_rules(filled: tuple[Databases, str]) -> None:
    databases, id = filled

    def reset(name: str, password: str) -> Callable[[], Any]:
        request = models.ResetAccountPasswordRequest(dbinstance_id=id, account_name=name, account_password=password)
        return lambda: databases.rds.reset_account_password(request)

    refused(reset("clerk", "short"), "InvalidAccountPassword.Malformed", "8 to 32 characters", 400)
    refused(reset("nobody", "Secret-5678"), "InvalidAccountName.NotFound", "AccountName does not exist", 404)
    reset("clerk", "Secret-5678")()
    eventually(lambda: _stored(databases, "db-account").password == "")


def test_privileges_are_revoked_and_accounts_dropped(filled: tuple[Databases, str]) -> None:
    databases, id = filled
    assert _granted(databases, id) == [("ledger", "ReadWrite")]
    grant = models.GrantAccountPrivilegeRequest(
        dbinstance_id=id, account_name="clerk", dbname="ledger", account_privilege="Everything"
    )
    refused(lambda: databases.rds.grant_account_privilege(grant), "InvalidAccountPrivilege.Malformed", "not valid", 400)
    revoke = models.RevokeAccountPrivilegeRequest(dbinstance_id=id, account_name="clerk", dbname="ledger")
    databases.rds.revoke_account_privilege(revoke)
    assert _granted(databases, id) == []
    eventually(lambda: _stored(databases, "db-database").applied == {})
    missing = models.RevokeAccountPrivilegeRequest(dbinstance_id=id, account_name="clerk", dbname="nothing")
    refused(lambda: databases.rds.revoke_account_privilege(missing), "InvalidDBName.NotFound", "does not exist", 404)
    drop = models.DeleteAccountRequest(dbinstance_id=id, account_name="clerk")
    databases.rds.delete_account(drop)
    eventually(lambda: not _accounts(databases, id))
    refused(lambda: databases.rds.delete_account(drop), "InvalidAccountName.NotFound", "does not exist", 404)


def test_a_database_is_dropped(filled: tuple[Databases, str]) -> None:
    databases, id = filled
    drop = models.DeleteDatabaseRequest(dbinstance_id=id, dbname="ledger")
    databases.rds.delete_database(drop)
    eventually(lambda: not _databases(databases, id))
    refused(lambda: databases.rds.delete_database(drop), "InvalidDBName.NotFound", "does not exist", 404)
    again = models.CreateDatabaseRequest(dbinstance_id=id, dbname="ledger", character_set_name="UTF8")
    databases.rds.create_database(again)
    refused(lambda: databases.rds.create_database(again), "InvalidDBName.Duplicate", "already exists", 400)
    bad = models.CreateDatabaseRequest(dbinstance_id=id, dbname="postgres", character_set_name="UTF8")
    refused(lambda: databases.rds.create_database(bad), "InvalidDBName.Malformed", "DBName is not valid", 400)


def test_a_description_and_a_whitelist_are_kept(filled: tuple[Databases, str]) -> None:
    databases, id = filled
    databases.rds.modify_dbinstance_description(
        models.ModifyDBInstanceDescriptionRequest(dbinstance_id=id, dbinstance_description="books")
    )
    assert databases.attribute(id).dbinstance_description == "books"
    refused(
        lambda: databases.rds.modify_dbinstance_description(
            models.ModifyDBInstanceDescriptionRequest(dbinstance_id=id, dbinstance_description="x")
        ),
        "InvalidParameter.DBInstanceDescription",
        "2 to 256 characters",
        400,
    )

    def whitelist(mode: str, ips: str) -> str:
        databases.rds.modify_security_ips(
            models.ModifySecurityIpsRequest(dbinstance_id=id, security_ips=ips, modify_mode=mode)
        )
        request = models.DescribeDBInstanceIPArrayListRequest(dbinstance_id=id)
        (array,) = databases.rds.describe_dbinstance_iparray_list(request).body.items.dbinstance_iparray
        assert array.dbinstance_iparray_name == "default"
        return str(array.security_iplist)

    assert whitelist("Cover", "10.0.0.1") == "10.0.0.1"
    assert whitelist("Append", "10.0.0.2,10.0.0.1") == "10.0.0.1,10.0.0.2"
    assert whitelist("Delete", "10.0.0.1") == "10.0.0.2"
    refused(lambda: whitelist("Sometimes", "10.0.0.1"), "InvalidParameter.ModifyMode", "Cover, Append or Delete", 400)


def test_zones_are_on_sale_while_they_have_hosts(databases: Databases) -> None:
    request = models.DescribeAvailableZonesRequest(region_id=REGION, engine="PostgreSQL", engine_version="16.0")

    def zones() -> list[str]:
        return [zone.zone_id for zone in databases.rds.describe_available_zones(request).body.available_zones]

    assert zones() == [f"{REGION}-{letter}" for letter in "bcd"]
    cloud = databases.cloud
    cloud.run(cloud.cloud.faults.inject("zone-power", [f"{REGION}-c"]))
    assert zones() == [f"{REGION}-b", f"{REGION}-d"]
    refused(databases.create, "OperationDenied.OutofStock", "out of stock", 403)
    other = models.DescribeAvailableZonesRequest(region_id=REGION, engine="MySQL")
    refused(lambda: databases.rds.describe_available_zones(other), "InvalidEngine.Malformed", "not built yet", 400)
