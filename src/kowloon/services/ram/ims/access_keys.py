"""Access keys by logon name; without one, of whoever calls."""

from __future__ import annotations

import msgspec

from kowloon.actions.context import Context
from kowloon.actions.declare import Response
from kowloon.actions.decode import Request
from kowloon.core.clock import iso_seconds
from kowloon.services.ram.ims.product import ims
from kowloon.services.ram.logic import keys, login_names


class CreateAccessKeyRequest(Request):
    UserPrincipalName: str = ""


class NewKey(msgspec.Struct, kw_only=True):
    AccessKeyId: str
    AccessKeySecret: str
    Status: str
    CreateDate: str


class CreateAccessKeyResponse(Response):
    AccessKey: NewKey


@ims.action(resource="acs:ram:*:{account}:user/{User}")
def create_access_key(ctx: Context, req: CreateAccessKeyRequest) -> CreateAccessKeyResponse:
    key = keys.create(ctx, login_names.find_or_caller(ctx, req.UserPrincipalName))
    return CreateAccessKeyResponse(
        AccessKey=NewKey(
            AccessKeyId=key.id,
            AccessKeySecret=key.secret,
            Status=keys.status_of(key),
            CreateDate=iso_seconds(key.created_at),
        )
    )


class ListAccessKeysRequest(Request):
    UserPrincipalName: str = ""


class KeyItem(msgspec.Struct, kw_only=True):
    AccessKeyId: str
    Status: str
    CreateDate: str
    UpdateDate: str


class KeyList(msgspec.Struct, kw_only=True):
    AccessKey: list[KeyItem]


class ListAccessKeysResponse(Response):
    AccessKeys: KeyList


@ims.action(resource="acs:ram:*:{account}:user/{User}")
def list_access_keys(ctx: Context, req: ListAccessKeysRequest) -> ListAccessKeysResponse:
    rows = [
        KeyItem(
            AccessKeyId=key.id,
            Status=keys.status_of(key),
            CreateDate=iso_seconds(key.created_at),
            UpdateDate=iso_seconds(key.updated_at or key.created_at),
        )
        for key in keys.keys_of(ctx, login_names.find_or_caller(ctx, req.UserPrincipalName))
    ]
    return ListAccessKeysResponse(AccessKeys=KeyList(AccessKey=rows))


class UpdateAccessKeyRequest(Request):
    UserAccessKeyId: str
    Status: str
    UserPrincipalName: str = ""


@ims.action(resource="acs:ram:*:{account}:user/{User}")
def update_access_key(ctx: Context, req: UpdateAccessKeyRequest) -> Response:
    user = login_names.find_or_caller(ctx, req.UserPrincipalName)
    keys.update(ctx, keys.find(ctx, user, req.UserAccessKeyId), req.Status)
    return Response()


class DeleteAccessKeyRequest(Request):
    UserAccessKeyId: str
    UserPrincipalName: str = ""


@ims.action(resource="acs:ram:*:{account}:user/{User}")
def delete_access_key(ctx: Context, req: DeleteAccessKeyRequest) -> Response:
    user = login_names.find_or_caller(ctx, req.UserPrincipalName)
    keys.delete(ctx, keys.find(ctx, user, req.UserAccessKeyId), user)
    return Response()


class GetAccessKeyLastUsedRequest(Request):
    UserAccessKeyId: str
    UserPrincipalName: str = ""


class LastUsed(msgspec.Struct, kw_only=True):
    LastUsedDate: str
    ServiceName: str


class GetAccessKeyLastUsedResponse(Response):
    AccessKeyLastUsed: LastUsed


@ims.action(resource="acs:ram:*:{account}:user/{User}")
def get_access_key_last_used(ctx: Context, req: GetAccessKeyLastUsedRequest) -> GetAccessKeyLastUsedResponse:
    user = login_names.find_or_caller(ctx, req.UserPrincipalName)
    use = keys.last_use(ctx, keys.find(ctx, user, req.UserAccessKeyId))
    if use is None:
        return GetAccessKeyLastUsedResponse(AccessKeyLastUsed=LastUsed(LastUsedDate="", ServiceName=""))
    return GetAccessKeyLastUsedResponse(
        AccessKeyLastUsed=LastUsed(LastUsedDate=iso_seconds(use.used_at), ServiceName=use.product)
    )
