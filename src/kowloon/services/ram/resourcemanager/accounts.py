"""Member accounts of a resource directory."""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec

from kowloon.actions import pages, tags
from kowloon.actions.accounts import new_account_id, open_account
from kowloon.actions.context import Context
from kowloon.actions.declare import Response
from kowloon.actions.decode import Request
from kowloon.core.clock import iso_seconds
from kowloon.services.ram.resourcemanager import access_role, control_attachments, tree
from kowloon.services.ram.resourcemanager.errors import (
    ACCOUNT_IN_SERVICE,
    ACCOUNT_MISMATCH,
    ACCOUNT_NAME_USED,
    DISPLAY_NAME_USED,
    INVALID,
)
from kowloon.services.ram.resourcemanager.product import resourcemanager
from kowloon.services.ram.resourcemanager.resources import Directory, Member

CLOUD: Final = "CloudAccount"
RESOURCE: Final = "ResourceAccount"
_DISPLAY_NAME: Final = re.compile(r"[\w .-]{2,50}")
# Letters and digits, with single specials between them.
_PREFIX: Final = re.compile(r"[A-Za-z0-9]+([_.-][A-Za-z0-9]+)*")
_ACCOUNT: Final = "acs:resourcemanager:*:{account}:account/{AccountPath}"
_ALL_ACCOUNTS: Final = "acs:resourcemanager:*:{account}:account/*"
_FOLDER: Final = "acs:resourcemanager:*:{account}:folder/{FolderPath}"


class AccountItem(msgspec.Struct, kw_only=True):
    AccountId: str
    AccountName: str
    DisplayName: str
    FolderId: str
    JoinMethod: str
    JoinTime: str
    ModifyTime: str
    ResourceDirectoryId: str
    Status: str
    Type: str


class AccountWithPath(AccountItem, kw_only=True):
    ResourceDirectoryPath: str
    Tags: list[tags.TagParam]


class AccountTags(msgspec.Struct, kw_only=True):
    Tag: list[tags.TagParam]


class ListedAccount(AccountItem, kw_only=True):
    ResourceDirectoryPath: str
    Tags: AccountTags


class AccountResponse(Response):
    Account: AccountItem


def _fields(member: Member) -> dict[str, Any]:
    return {
        "AccountId": member.id,
        "AccountName": member.name,
        "DisplayName": member.display_name,
        "FolderId": member.folder_id,
        "JoinMethod": member.join_method,
        "JoinTime": iso_seconds(member.created_at),
        "ModifyTime": iso_seconds(member.updated_at),
        "ResourceDirectoryId": member.directory_id,
        "Status": member.status,
        "Type": member.type,
    }


def shown(member: Member) -> AccountResponse:
    return AccountResponse(Account=AccountItem(**_fields(member)))


def _tags(member: Member, wanted: bool) -> list[tags.TagParam]:
    return [tags.TagParam(Key=key, Value=value) for key, value in member.tags.items()] if wanted else []


def check_display_name(ctx: Context, directory: Directory, name: str, parameter: str, own: str = "") -> None:
    """`own`: whose name it may be already."""
    if not _DISPLAY_NAME.fullmatch(name):
        raise INVALID.error(name=parameter)
    if any(member.display_name == name and member.id != own for member in tree.members(ctx.tx, directory)):
        raise DISPLAY_NAME_USED.error()


def admit(ctx: Context, directory: Directory, member: Member) -> None:
    """A new member, under the control policies of where it comes to be."""
    ctx.tx.put(member)
    control_attachments.attach_full_access(ctx, directory, member.id)


def release(ctx: Context, member: Member) -> None:
    """Refused while the member administers a service."""
    for delegation in tree.delegations(ctx.tx, member):
        raise ACCOUNT_IN_SERVICE.error(service=delegation.service)
    control_attachments.detach_all(ctx, member.id)
    ctx.tx.delete(member)


class CreateResourceAccountRequest(Request):
    DisplayName: str
    AccountNamePrefix: str = ""
    ParentFolderId: str = ""
    PayerAccountId: str = ""
    Tag: list[tags.TagParam] = []


@resourcemanager.action(resource=_FOLDER)
def create_resource_account(ctx: Context, req: CreateResourceAccountRequest) -> AccountResponse:
    """A real account: its administrator and key are there for the operator (`kowloon account keys`), its access role
    for whom the management account lets take it."""
    directory = tree.managed(ctx)
    parent = tree.folder(ctx, directory, req.ParentFolderId)
    check_display_name(ctx, directory, req.DisplayName, "DisplayName")
    name = f"{_prefix(ctx, req.AccountNamePrefix)}@{directory.id}.aliyunid.com"
    members = tree.members(ctx.tx, directory)
    if any(other.name == name for other in members):
        raise ACCOUNT_NAME_USED.error()
    if req.PayerAccountId and req.PayerAccountId not in (ctx.account, *[other.id for other in members]):
        raise INVALID.error(name="PayerAccountId")
    opened = open_account(ctx.tx, ctx.ids, ctx.now, id=new_account_id(ctx.ids), name=name)
    member = Member(
        id=opened.account.id,
        account=ctx.account,
        created_at=ctx.now,
        updated_at=ctx.now,
        tags=tags.checked(req.Tag),
        directory_id=directory.id,
        folder_id=parent.id,
        name=name,
        display_name=req.DisplayName,
        type=RESOURCE,
        join_method="created",
        status="CreateSuccess",
        payer_id=req.PayerAccountId,
    )
    admit(ctx, directory, member)
    access_role.create(ctx, member.id)
    return shown(member)


def _prefix(ctx: Context, given: str) -> str:
    if not given:
        return ctx.ids.token(12)
    if not 2 <= len(given) <= 37 or not _PREFIX.fullmatch(given):
        raise INVALID.error(name="AccountNamePrefix")
    return given


class GetAccountRequest(Request):
    AccountId: str
    IncludeTags: bool = False


class GetAccountResponse(Response):
    Account: AccountWithPath


@resourcemanager.action(resource=_ACCOUNT)
def get_account(ctx: Context, req: GetAccountRequest) -> GetAccountResponse:
    member = tree.member(ctx, tree.readable(ctx), req.AccountId)
    return GetAccountResponse(
        Account=AccountWithPath(
            **_fields(member),
            ResourceDirectoryPath=tree.path(ctx.tx, member),
            Tags=_tags(member, req.IncludeTags),
        )
    )


class ListAccountsRequest(Request):
    IncludeTags: bool = False
    Tag: list[tags.TagParam] = []
    PageNumber: int = 1
    PageSize: int = 10


class AccountList(msgspec.Struct, kw_only=True):
    Account: list[ListedAccount]


class ListAccountsResponse(Response):
    TotalCount: int
    PageNumber: int
    PageSize: int
    Accounts: AccountList


def _listed(ctx: Context, found: list[Member], req: ListAccountsRequest) -> ListAccountsResponse:
    wanted = [member for member in found if tags.matches(member.tags, req.Tag)]
    page = pages.by_number(wanted, req.PageNumber, req.PageSize)
    rows = [
        ListedAccount(
            **_fields(member),
            ResourceDirectoryPath=tree.path(ctx.tx, member),
            Tags=AccountTags(Tag=_tags(member, req.IncludeTags)),
        )
        for member in page.items
    ]
    return ListAccountsResponse(
        TotalCount=page.total, PageNumber=page.number, PageSize=page.size, Accounts=AccountList(Account=rows)
    )


@resourcemanager.action(resource=_ALL_ACCOUNTS)
def list_accounts(ctx: Context, req: ListAccountsRequest) -> ListAccountsResponse:
    return _listed(ctx, tree.members(ctx.tx, tree.readable(ctx)), req)


class ListAccountsForParentRequest(ListAccountsRequest):
    ParentFolderId: str = ""
    QueryKeyword: str = ""


@resourcemanager.action(resource=_FOLDER)
def list_accounts_for_parent(ctx: Context, req: ListAccountsForParentRequest) -> ListAccountsResponse:
    """`QueryKeyword` is looked for in ids and display names."""
    directory = tree.readable(ctx)
    parent = tree.folder(ctx, directory, req.ParentFolderId)
    found = [
        member
        for member in tree.members(ctx.tx, directory)
        if member.folder_id == parent.id and (req.QueryKeyword in member.display_name or req.QueryKeyword in member.id)
    ]
    return _listed(ctx, found, req)


class UpdateAccountRequest(Request):
    AccountId: str
    NewDisplayName: str = ""
    NewAccountType: str = ""


@resourcemanager.action(resource=_ACCOUNT)
def update_account(ctx: Context, req: UpdateAccountRequest) -> AccountResponse:
    """A call changes the name or the type."""
    directory = tree.managed(ctx)
    member = tree.member(ctx, directory, req.AccountId)
    if bool(req.NewDisplayName) == bool(req.NewAccountType):
        raise INVALID.error(name="NewDisplayName")
    if req.NewDisplayName:
        check_display_name(ctx, directory, req.NewDisplayName, "NewDisplayName", own=member.id)
        changed = msgspec.structs.replace(member, display_name=req.NewDisplayName, updated_at=ctx.now)
    else:
        if req.NewAccountType not in (CLOUD, RESOURCE):
            raise INVALID.error(name="NewAccountType")
        if req.NewAccountType == member.type or member.join_method != "created":
            raise ACCOUNT_MISMATCH.error()
        changed = msgspec.structs.replace(member, type=req.NewAccountType, status="SwitchSuccess", updated_at=ctx.now)
    ctx.tx.put(changed)
    return shown(changed)


class MoveAccountRequest(Request):
    AccountId: str
    DestinationFolderId: str


@resourcemanager.action(resource=(_ACCOUNT, _FOLDER))
def move_account(ctx: Context, req: MoveAccountRequest) -> Response:
    directory = tree.managed(ctx)
    member = tree.member(ctx, directory, req.AccountId)
    folder = tree.folder(ctx, directory, req.DestinationFolderId)
    ctx.tx.put(msgspec.structs.replace(member, folder_id=folder.id, updated_at=ctx.now))
    return Response()


class RemoveCloudAccountRequest(Request):
    AccountId: str


@resourcemanager.action(resource=_ACCOUNT)
def remove_cloud_account(ctx: Context, req: RemoveCloudAccountRequest) -> Response:
    """It goes on as an account of its own. A resource account cannot: nobody could log on to it."""
    member = tree.member(ctx, tree.managed(ctx), req.AccountId)
    if member.type != CLOUD:
        raise ACCOUNT_MISMATCH.error()
    release(ctx, member)
    return Response()


class GetPayerForAccountRequest(Request):
    AccountId: str


class GetPayerForAccountResponse(Response):
    PayerAccountId: str
    PayerAccountName: str


@resourcemanager.action(resource=_ACCOUNT)
def get_payer_for_account(ctx: Context, req: GetPayerForAccountRequest) -> GetPayerForAccountResponse:
    """Who was named when the account was created; nobody pays here."""
    member = tree.member(ctx, tree.readable(ctx), req.AccountId)
    payer = ctx.tx.get(Member, member.payer_id)
    return GetPayerForAccountResponse(
        PayerAccountId=member.payer_id, PayerAccountName=payer.name if payer is not None else ""
    )
