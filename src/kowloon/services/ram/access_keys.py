"""Access keys of users; without a user name, of whoever calls."""

from __future__ import annotations

import msgspec

from kowloon.actions.context import Context
from kowloon.actions.declare import Response
from kowloon.actions.decode import Request
from kowloon.core.clock import iso_seconds
from kowloon.services.ram.logic import keys, users
from kowloon.services.ram.product import ram
from kowloon.store.identity import User


class OfUser(Request):
    UserName: str = ""


def _user(ctx: Context, req: OfUser) -> User | None:
    """None: the root of the account is meant."""
    return users.find(ctx, req.UserName) if req.UserName else users.caller_or_root(ctx)


class CreateAccessKeyRequest(OfUser, kw_only=True):
    pass


class KeyItem(msgspec.Struct, kw_only=True):
    AccessKeyId: str
    Status: str
    CreateDate: str


class KeyWithSecret(KeyItem, kw_only=True):
    AccessKeySecret: str


class CreateAccessKeyResponse(Response):
    AccessKey: KeyWithSecret


@ram.action(resource="acs:ram:*:{account}:user/{User}")
def create_access_key(ctx: Context, req: CreateAccessKeyRequest) -> CreateAccessKeyResponse:
    key = keys.create(ctx, _user(ctx, req))
    return CreateAccessKeyResponse(
        AccessKey=KeyWithSecret(
            AccessKeyId=key.id,
            AccessKeySecret=key.secret,
            Status=keys.status_of(key),
            CreateDate=iso_seconds(key.created_at),
        )
    )


class ListAccessKeysRequest(OfUser, kw_only=True):
    pass


class KeyList(msgspec.Struct, kw_only=True):
    AccessKey: list[KeyItem]


class ListAccessKeysResponse(Response):
    AccessKeys: KeyList


@ram.action(resource="acs:ram:*:{account}:user/{User}")
def list_access_keys(ctx: Context, req: ListAccessKeysRequest) -> ListAccessKeysResponse:
    rows = [
        KeyItem(AccessKeyId=key.id, Status=keys.status_of(key), CreateDate=iso_seconds(key.created_at))
        for key in keys.keys_of(ctx, _user(ctx, req))
    ]
    return ListAccessKeysResponse(AccessKeys=KeyList(AccessKey=rows))


class UpdateAccessKeyRequest(OfUser, kw_only=True):
    UserAccessKeyId: str
    Status: str


@ram.action(resource="acs:ram:*:{account}:user/{User}")
def update_access_key(ctx: Context, req: UpdateAccessKeyRequest) -> Response:
    keys.update(ctx, keys.find(ctx, _user(ctx, req), req.UserAccessKeyId), req.Status)
    return Response()


class DeleteAccessKeyRequest(OfUser, kw_only=True):
    UserAccessKeyId: str


@ram.action(resource="acs:ram:*:{account}:user/{User}")
def delete_access_key(ctx: Context, req: DeleteAccessKeyRequest) -> Response:
    user = _user(ctx, req)
    keys.delete(ctx, keys.find(ctx, user, req.UserAccessKeyId), user)
    return Response()


class GetAccessKeyLastUsedRequest(OfUser, kw_only=True):
    UserAccessKeyId: str


class LastUsed(msgspec.Struct, kw_only=True):
    LastUsedDate: str


class GetAccessKeyLastUsedResponse(Response):
    AccessKeyLastUsed: LastUsed


@ram.action(resource="acs:ram:*:{account}:user/{User}")
def get_access_key_last_used(ctx: Context, req: GetAccessKeyLastUsedRequest) -> GetAccessKeyLastUsedResponse:
    use = keys.last_use(ctx, keys.find(ctx, _user(ctx, req), req.UserAccessKeyId))
    return GetAccessKeyLastUsedResponse(
        AccessKeyLastUsed=LastUsed(LastUsedDate=iso_seconds(use.used_at) if use is not None else "")
    )
