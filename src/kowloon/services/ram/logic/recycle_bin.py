"""The recycle bin: deleted users and access keys, kept for 30 days in case they are wanted again."""

from __future__ import annotations

from typing import Final

import msgspec

from kowloon.actions.context import Context
from kowloon.services.ram import quotas
from kowloon.services.ram.errors import KEY_NOT_FOUND, TOO_MANY_KEYS, USER_EXISTS, USER_NOT_FOUND
from kowloon.services.ram.logic import users
from kowloon.store.identity import KeyUse, RecycledKey, RecycledUser, StoredKey, User

KEPT_S: Final = quotas.RECYCLED_DAYS * 24 * 3600


def recycle_user(ctx: Context, user: User) -> None:
    """Out of the account and into the bin, its keys with it; rights, groups, password and MFA device are gone."""
    for key in users.keys(ctx, user):
        recycle_key(ctx, key, user)
    users.strip(ctx, user)
    ctx.tx.delete(user)
    ctx.tx.put(RecycledUser(id=user.user_id, account=ctx.account, created_at=ctx.now, user=user))
    _bound_users(ctx)


def drop_key(ctx: Context, key: StoredKey) -> None:
    """Gone, and with it when it was used."""
    use = ctx.tx.get(KeyUse, key.id)
    if use is not None:
        ctx.tx.delete(use)
    ctx.tx.delete(key)


def recycle_key(ctx: Context, key: StoredKey, user: User) -> None:
    drop_key(ctx, key)
    recycled = RecycledKey(
        id=key.id,
        account=ctx.account,
        created_at=ctx.now,
        access_key=key,
        user_id=user.user_id,
        user_name=user.name,
    )
    ctx.tx.put(recycled)
    _drop_expired(ctx)
    for oldest in recycled_keys(ctx, user.user_id)[: -quotas.RECYCLED_KEYS_PER_USER]:
        ctx.tx.delete(oldest)


def recycled_users(ctx: Context) -> list[RecycledUser]:
    """In the order of their deletion, those whose time is over left out."""
    return [item for item in ctx.tx.list(RecycledUser, account=ctx.account) if item.created_at + KEPT_S > ctx.now]


def recycled_keys(ctx: Context, user_id: str | None = None) -> list[RecycledKey]:
    """Those of a user, or of all."""
    return [
        item
        for item in ctx.tx.list(RecycledKey, account=ctx.account)
        if item.created_at + KEPT_S > ctx.now and user_id in (None, item.user_id)
    ]


def find_user(ctx: Context, user_id: str) -> RecycledUser:
    for item in recycled_users(ctx):
        if item.id == user_id:
            return item
    raise USER_NOT_FOUND.error(name=user_id)


def find_key(ctx: Context, key_id: str, user_id: str | None = None) -> RecycledKey:
    for item in recycled_keys(ctx, user_id):
        if item.id == key_id:
            return item
    raise KEY_NOT_FOUND.error(name=key_id)


def purge_user(ctx: Context, user_id: str) -> None:
    """For good, with the keys of the user that are in the bin."""
    ctx.tx.delete(find_user(ctx, user_id))
    for item in recycled_keys(ctx, user_id):
        ctx.tx.delete(item)


def restore_user(ctx: Context, user_id: str) -> None:
    """As it was, without rights, groups, password and MFA device; its keys stay in the bin."""
    item = find_user(ctx, user_id)
    if ctx.tx.get(User, item.user.id) is not None:
        raise USER_EXISTS.error(name=item.user.name)
    ctx.tx.delete(item)
    ctx.tx.put(msgspec.structs.replace(item.user, updated_at=ctx.now))


def restore_key(ctx: Context, item: RecycledKey) -> None:
    """It comes back inactive."""
    user = users.find_by_id(ctx, item.user_id)
    if len(users.keys(ctx, user)) >= quotas.KEYS_PER_USER:
        raise TOO_MANY_KEYS.error()
    ctx.tx.delete(item)
    ctx.tx.put(msgspec.structs.replace(item.access_key, user=user.id, active=False))


def _bound_users(ctx: Context) -> None:
    _drop_expired(ctx)
    for oldest in recycled_users(ctx)[: -quotas.RECYCLED_USERS]:
        purge_user(ctx, oldest.id)


def _drop_expired(ctx: Context) -> None:
    for kind in (RecycledUser, RecycledKey):
        for item in ctx.tx.list(kind, account=ctx.account):
            if item.created_at + KEPT_S <= ctx.now:
                ctx.tx.delete(item)
