"""What is in the recycle bin, and what becomes of it."""

from __future__ import annotations

import msgspec

from kowloon.actions import pages
from kowloon.actions.context import Context
from kowloon.actions.declare import Response
from kowloon.actions.decode import Request
from kowloon.actions.errors import INVALID_PARAMETER, MISSING
from kowloon.core.clock import iso_seconds
from kowloon.services.ram.ims.product import ims
from kowloon.services.ram.logic import recycle_bin, settings, users
from kowloon.store.identity import RecycledKey, RecycledUser

_FILTER = "UserPrincipalName eq "


# --- users ---


class RecycledUserItem(msgspec.Struct, kw_only=True):
    UserId: str
    UserPrincipalName: str
    DisplayName: str
    CreateDate: str
    RecycleDate: str
    DeleteDate: str


def _login_name(ctx: Context, item: RecycledUser) -> str:
    return f"{item.user.name}@{settings.account(ctx).domain}"


def _user(ctx: Context, item: RecycledUser) -> RecycledUserItem:
    return RecycledUserItem(
        UserId=item.id,
        UserPrincipalName=_login_name(ctx, item),
        DisplayName=item.user.display_name,
        CreateDate=iso_seconds(item.user.created_at),
        RecycleDate=iso_seconds(item.created_at),
        DeleteDate=iso_seconds(item.created_at + recycle_bin.KEPT_S),
    )


class ListUsersInRecycleBinRequest(Request):
    Filter: str = ""
    Marker: str = ""
    MaxItems: int = 100


class RecycledUserList(msgspec.Struct, kw_only=True):
    User: list[RecycledUserItem]


class ListUsersInRecycleBinResponse(Response):
    IsTruncated: bool
    Marker: str
    Users: RecycledUserList


@ims.action()
def list_users_in_recycle_bin(ctx: Context, req: ListUsersInRecycleBinRequest) -> ListUsersInRecycleBinResponse:
    if req.Filter and not req.Filter.startswith(_FILTER):
        raise INVALID_PARAMETER.error(name="Filter")
    wanted = req.Filter.removeprefix(_FILTER).strip()
    found = [item for item in recycle_bin.recycled_users(ctx) if wanted in ("", _login_name(ctx, item))]
    page = pages.by_marker(found, req.Marker, req.MaxItems, most=100)
    return ListUsersInRecycleBinResponse(
        IsTruncated=bool(page.next_token),
        Marker=page.next_token,
        Users=RecycledUserList(User=[_user(ctx, item) for item in page.items]),
    )


class GetUserInRecycleBinRequest(Request):
    UserId: str = ""
    UserAccessKeyId: str = ""


class GetUserInRecycleBinResponse(Response):
    User: RecycledUserItem


@ims.action()
def get_user_in_recycle_bin(ctx: Context, req: GetUserInRecycleBinRequest) -> GetUserInRecycleBinResponse:
    if bool(req.UserId) == bool(req.UserAccessKeyId):
        raise INVALID_PARAMETER.error(name="UserId")
    user_id = req.UserId or recycle_bin.find_key(ctx, req.UserAccessKeyId).user_id
    return GetUserInRecycleBinResponse(User=_user(ctx, recycle_bin.find_user(ctx, user_id)))


class RestoreUserFromRecycleBinRequest(Request):
    UserId: str


@ims.action()
def restore_user_from_recycle_bin(ctx: Context, req: RestoreUserFromRecycleBinRequest) -> Response:
    recycle_bin.restore_user(ctx, req.UserId)
    return Response()


class DeleteUserInRecycleBinRequest(Request):
    UserId: str


@ims.action()
def delete_user_in_recycle_bin(ctx: Context, req: DeleteUserInRecycleBinRequest) -> Response:
    recycle_bin.purge_user(ctx, req.UserId)
    return Response()


# --- access keys; a user may leave the UserId out ---


class RecycledKeyItem(msgspec.Struct, kw_only=True):
    AccessKeyId: str
    CreateDate: str
    RecycleDate: str
    DeleteDate: str


def _fields(item: RecycledKey) -> dict[str, str]:
    return {
        "AccessKeyId": item.id,
        "CreateDate": iso_seconds(item.access_key.created_at),
        "RecycleDate": iso_seconds(item.created_at),
        "DeleteDate": iso_seconds(item.created_at + recycle_bin.KEPT_S),
    }


def _user_id(ctx: Context, given: str) -> str:
    """Of a user that is there or in the bin."""
    if not given:
        caller = users.caller(ctx)
        if caller is None:
            raise MISSING.error(name="UserId")
        return caller.user_id
    if not any(item.id == given for item in recycle_bin.recycled_users(ctx)):
        users.find_by_id(ctx, given)
    return given


class ListAccessKeysInRecycleBinRequest(Request):
    UserId: str = ""


class RecycledKeyList(msgspec.Struct, kw_only=True):
    AccessKey: list[RecycledKeyItem]


class ListAccessKeysInRecycleBinResponse(Response):
    AccessKeys: RecycledKeyList


@ims.action()
def list_access_keys_in_recycle_bin(
    ctx: Context, req: ListAccessKeysInRecycleBinRequest
) -> ListAccessKeysInRecycleBinResponse:
    found = recycle_bin.recycled_keys(ctx, _user_id(ctx, req.UserId))
    return ListAccessKeysInRecycleBinResponse(
        AccessKeys=RecycledKeyList(AccessKey=[RecycledKeyItem(**_fields(item)) for item in found])
    )


class GetAccessKeyInfoInRecycleBinRequest(Request):
    UserAccessKeyId: str


class RecycledKeyInfo(RecycledKeyItem, kw_only=True):
    UserId: str
    UserPrincipalName: str
    UserRecycled: bool


class GetAccessKeyInfoInRecycleBinResponse(Response):
    AccessKey: RecycledKeyInfo


@ims.action()
def get_access_key_info_in_recycle_bin(
    ctx: Context, req: GetAccessKeyInfoInRecycleBinRequest
) -> GetAccessKeyInfoInRecycleBinResponse:
    item = recycle_bin.find_key(ctx, req.UserAccessKeyId)
    return GetAccessKeyInfoInRecycleBinResponse(
        AccessKey=RecycledKeyInfo(
            **_fields(item),
            UserId=item.user_id,
            UserPrincipalName=f"{item.user_name}@{settings.account(ctx).domain}",
            UserRecycled=any(user.id == item.user_id for user in recycle_bin.recycled_users(ctx)),
        )
    )


class RestoreAccessKeyFromRecycleBinRequest(Request):
    UserAccessKeyId: str
    UserId: str = ""


@ims.action()
def restore_access_key_from_recycle_bin(ctx: Context, req: RestoreAccessKeyFromRecycleBinRequest) -> Response:
    recycle_bin.restore_key(ctx, recycle_bin.find_key(ctx, req.UserAccessKeyId, _user_id(ctx, req.UserId)))
    return Response()


class DeleteAccessKeyInRecycleBinRequest(Request):
    UserAccessKeyId: str
    UserId: str = ""


@ims.action()
def delete_access_key_in_recycle_bin(ctx: Context, req: DeleteAccessKeyInRecycleBinRequest) -> Response:
    ctx.tx.delete(recycle_bin.find_key(ctx, req.UserAccessKeyId, _user_id(ctx, req.UserId)))
    return Response()
