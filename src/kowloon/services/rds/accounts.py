"""Accounts and databases inside an instance. Actions record what is wanted; the database gets it a moment later."""

from __future__ import annotations

import msgspec

from kowloon.actions import pages
from kowloon.actions.context import Context
from kowloon.actions.declare import Response
from kowloon.actions.decode import Request
from kowloon.services.rds.errors import (
    ACCOUNT_EXISTS,
    ACCOUNT_NOT_FOUND,
    ACCOUNT_TYPE,
    CHARACTER_SET,
    DATABASE_EXISTS,
    DATABASE_NOT_FOUND,
    PRIVILEGE,
)
from kowloon.services.rds.instances import mine, running
from kowloon.services.rds.logic import (
    CHARACTER_SETS,
    PRIVILEGES,
    check_account_name,
    check_database_name,
    check_password,
)
from kowloon.services.rds.product import rds
from kowloon.services.rds.resources import Account, Database, DBInstance
from kowloon.store.resources import Reference

_RESOURCE = "acs:rds:{region}:{account}:dbinstance/{DBInstanceId}"


def _accounts(ctx: Context, instance: DBInstance) -> list[Account]:
    return [row for row in ctx.all(Account) if row.instance_id == instance.id]


def _databases(ctx: Context, instance: DBInstance) -> list[Database]:
    return [row for row in ctx.all(Database) if row.instance_id == instance.id]


def _account(ctx: Context, instance: DBInstance, name: str) -> Account:
    found = ctx.mine(Account, f"{instance.id}/{name}")
    if found is None or found.status == "Deleting":
        raise ACCOUNT_NOT_FOUND.error()
    return found


def _database(ctx: Context, instance: DBInstance, name: str) -> Database:
    found = ctx.mine(Database, f"{instance.id}/{name}")
    if found is None or found.status == "Deleting":
        raise DATABASE_NOT_FOUND.error()
    return found


class CreateAccountRequest(Request):
    DBInstanceId: str
    AccountName: str
    AccountPassword: str
    AccountType: str = "Normal"
    AccountDescription: str = ""


@rds.action(resource=_RESOURCE)
def create_account(ctx: Context, req: CreateAccountRequest) -> Response:
    instance = running(ctx, req.DBInstanceId)
    name = check_account_name(req.AccountName)
    if req.AccountType not in ("Normal", "Super"):
        raise ACCOUNT_TYPE.error()
    id = f"{instance.id}/{name}"
    if ctx.mine(Account, id) is not None:
        raise ACCOUNT_EXISTS.error()
    ctx.tx.put(
        Account(
            id=id,
            account=ctx.account,
            region=instance.region,
            created_at=ctx.now,
            references=(Reference(kind=DBInstance.kind, id=instance.id),),
            instance_id=instance.id,
            name=name,
            account_type="Super" if req.AccountType == "Super" else "Normal",
            description=req.AccountDescription,
            password=check_password(req.AccountPassword),
        )
    )
    return Response()


class ResetAccountPasswordRequest(Request):
    DBInstanceId: str
    AccountName: str
    AccountPassword: str


@rds.action(resource=_RESOURCE)
def reset_account_password(ctx: Context, req: ResetAccountPasswordRequest) -> Response:
    account = _account(ctx, running(ctx, req.DBInstanceId), req.AccountName)
    ctx.tx.put(msgspec.structs.replace(account, password=check_password(req.AccountPassword)))
    return Response()


class DeleteAccountRequest(Request):
    DBInstanceId: str
    AccountName: str


@rds.action(resource=_RESOURCE)
def delete_account(ctx: Context, req: DeleteAccountRequest) -> Response:
    instance = running(ctx, req.DBInstanceId)
    account = _account(ctx, instance, req.AccountName)
    for database in _databases(ctx, instance):
        if account.name in database.privileges:
            kept = {name: value for name, value in database.privileges.items() if name != account.name}
            ctx.tx.put(msgspec.structs.replace(database, privileges=kept))
    ctx.tx.put(msgspec.structs.replace(account, status="Deleting"))
    return Response()


class DatabasePrivilege(msgspec.Struct, kw_only=True):
    DBName: str
    AccountPrivilege: str


class DatabasePrivileges(msgspec.Struct, kw_only=True):
    DatabasePrivilege: list[DatabasePrivilege]


class AccountItem(msgspec.Struct, kw_only=True):
    DBInstanceId: str
    AccountName: str
    AccountStatus: str
    AccountType: str
    AccountDescription: str
    DatabasePrivileges: DatabasePrivileges


class AccountList(msgspec.Struct, kw_only=True):
    DBInstanceAccount: list[AccountItem]


class DescribeAccountsRequest(Request):
    DBInstanceId: str
    AccountName: str = ""
    PageNumber: int = 1
    PageSize: int = 30


class DescribeAccountsResponse(Response):
    TotalRecordCount: int
    PageNumber: int
    Accounts: AccountList


@rds.action(resource=_RESOURCE)
def describe_accounts(ctx: Context, req: DescribeAccountsRequest) -> DescribeAccountsResponse:
    instance = mine(ctx, req.DBInstanceId)
    databases = _databases(ctx, instance)
    found = [row for row in _accounts(ctx, instance) if req.AccountName in ("", row.name)]
    page = pages.by_number(found, req.PageNumber, req.PageSize, most=200)
    rows = [
        AccountItem(
            DBInstanceId=instance.id,
            AccountName=row.name,
            AccountStatus="Unavailable" if row.status == "Creating" else row.status,
            AccountType=row.account_type,
            AccountDescription=row.description,
            DatabasePrivileges=DatabasePrivileges(
                DatabasePrivilege=[
                    DatabasePrivilege(DBName=database.name, AccountPrivilege=database.privileges[row.name])
                    for database in databases
                    if row.name in database.privileges
                ]
            ),
        )
        for row in page.items
    ]
    return DescribeAccountsResponse(
        TotalRecordCount=page.total, PageNumber=page.number, Accounts=AccountList(DBInstanceAccount=rows)
    )


class CreateDatabaseRequest(Request):
    DBInstanceId: str
    DBName: str
    CharacterSetName: str
    DBDescription: str = ""
    AccountName: str = ""
    AccountPrivilege: str = "DBOwner"


@rds.action(resource=_RESOURCE)
def create_database(ctx: Context, req: CreateDatabaseRequest) -> Response:
    instance = running(ctx, req.DBInstanceId)
    name = check_database_name(req.DBName)
    # The vendor takes `UTF8,C,en_US.utf8` for PostgreSQL: character set, collation, character type.
    if req.CharacterSetName.split(",", 1)[0] not in CHARACTER_SETS:
        raise CHARACTER_SET.error()
    id = f"{instance.id}/{name}"
    if ctx.mine(Database, id) is not None:
        raise DATABASE_EXISTS.error()
    privileges = {}
    if req.AccountName:
        privileges[_account(ctx, instance, req.AccountName).name] = _privilege(req.AccountPrivilege)
    ctx.tx.put(
        Database(
            id=id,
            account=ctx.account,
            region=instance.region,
            created_at=ctx.now,
            references=(Reference(kind=DBInstance.kind, id=instance.id),),
            instance_id=instance.id,
            name=name,
            character_set=req.CharacterSetName.split(",", 1)[0],
            description=req.DBDescription,
            privileges=privileges,
        )
    )
    return Response()


def _privilege(name: str) -> str:
    if name not in PRIVILEGES:
        raise PRIVILEGE.error()
    return name


class DeleteDatabaseRequest(Request):
    DBInstanceId: str
    DBName: str


@rds.action(resource=_RESOURCE)
def delete_database(ctx: Context, req: DeleteDatabaseRequest) -> Response:
    database = _database(ctx, running(ctx, req.DBInstanceId), req.DBName)
    ctx.tx.put(msgspec.structs.replace(database, status="Deleting"))
    return Response()


class AccountPrivilegeInfo(msgspec.Struct, kw_only=True):
    Account: str
    AccountPrivilege: str


class AccountPrivilegeInfos(msgspec.Struct, kw_only=True):
    AccountPrivilegeInfo: list[AccountPrivilegeInfo]


class DatabaseItem(msgspec.Struct, kw_only=True):
    DBInstanceId: str
    DBName: str
    DBStatus: str
    DBDescription: str
    CharacterSetName: str
    Engine: str
    Accounts: AccountPrivilegeInfos


class DatabaseList(msgspec.Struct, kw_only=True):
    Database: list[DatabaseItem]


class DescribeDatabasesRequest(Request):
    DBInstanceId: str
    DBName: str = ""
    DBStatus: str = ""
    PageNumber: int = 1
    PageSize: int = 30


class DescribeDatabasesResponse(Response):
    Databases: DatabaseList


@rds.action(resource=_RESOURCE)
def describe_databases(ctx: Context, req: DescribeDatabasesRequest) -> DescribeDatabasesResponse:
    instance = mine(ctx, req.DBInstanceId)
    found = [
        row for row in _databases(ctx, instance) if req.DBName in ("", row.name) and req.DBStatus in ("", row.status)
    ]
    page = pages.by_number(found, req.PageNumber, req.PageSize, most=100)
    rows = [
        DatabaseItem(
            DBInstanceId=instance.id,
            DBName=row.name,
            DBStatus=row.status,
            DBDescription=row.description,
            CharacterSetName=row.character_set,
            Engine=instance.engine,
            Accounts=AccountPrivilegeInfos(
                AccountPrivilegeInfo=[
                    AccountPrivilegeInfo(Account=name, AccountPrivilege=privilege)
                    for name, privilege in row.privileges.items()
                ]
            ),
        )
        for row in page.items
    ]
    return DescribeDatabasesResponse(Databases=DatabaseList(Database=rows))


class GrantAccountPrivilegeRequest(Request):
    DBInstanceId: str
    AccountName: str
    DBName: str
    AccountPrivilege: str


@rds.action(resource=_RESOURCE)
def grant_account_privilege(ctx: Context, req: GrantAccountPrivilegeRequest) -> Response:
    instance = running(ctx, req.DBInstanceId)
    account = _account(ctx, instance, req.AccountName)
    database = _database(ctx, instance, req.DBName)
    granted = {**database.privileges, account.name: _privilege(req.AccountPrivilege)}
    ctx.tx.put(msgspec.structs.replace(database, privileges=granted))
    return Response()


class RevokeAccountPrivilegeRequest(Request):
    DBInstanceId: str
    AccountName: str
    DBName: str


@rds.action(resource=_RESOURCE)
def revoke_account_privilege(ctx: Context, req: RevokeAccountPrivilegeRequest) -> Response:
    instance = running(ctx, req.DBInstanceId)
    account = _account(ctx, instance, req.AccountName)
    database = _database(ctx, instance, req.DBName)
    kept = {name: value for name, value in database.privileges.items() if name != account.name}
    ctx.tx.put(msgspec.structs.replace(database, privileges=kept))
    return Response()
