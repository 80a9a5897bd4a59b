"""Access keys of a user, or of the root of the account."""

from __future__ import annotations

import msgspec

from kowloon.actions.context import Context
from kowloon.services.ram import quotas
from kowloon.services.ram.errors import INCORRECT, KEY_NOT_FOUND, TOO_MANY_KEYS
from kowloon.services.ram.logic import recycle_bin, users
from kowloon.store.identity import KeyUse, StoredKey, User

STATUSES = {"Active": True, "Inactive": False}


def keys_of(ctx: Context, user: User | None) -> list[StoredKey]:
    """`user` None: of the root. Keys of sessions are nobody's."""
    if user is not None:
        return users.keys(ctx, user)
    return [key for key in ctx.tx.list(StoredKey, account=ctx.account) if not key.user and not key.role]


def by_user(ctx: Context) -> dict[str, list[StoredKey]]:
    """Those of everybody, by the id of the user; the root's have none."""
    found: dict[str, list[StoredKey]] = {}
    for key in ctx.tx.list(StoredKey, account=ctx.account):
        if not key.token and not key.role:
            found.setdefault(key.user, []).append(key)
    return found


def status_of(key: StoredKey) -> str:
    return "Active" if key.active else "Inactive"


def find(ctx: Context, user: User | None, key_id: str) -> StoredKey:
    for key in keys_of(ctx, user):
        if key.id == key_id:
            return key
    raise KEY_NOT_FOUND.error(name=key_id)


def create(ctx: Context, user: User | None) -> StoredKey:
    most = quotas.KEYS_PER_ACCOUNT if user is None else quotas.KEYS_PER_USER
    if len(keys_of(ctx, user)) >= most:
        raise TOO_MANY_KEYS.error()
    key = StoredKey(
        id="LTAI5t" + ctx.ids.token(18),
        account=ctx.account,
        created_at=ctx.now,
        updated_at=ctx.now,
        secret=ctx.ids.secret(30),
        user=user.id if user is not None else "",
    )
    ctx.tx.put(key)
    return key


def update(ctx: Context, key: StoredKey, status: str) -> None:
    if status not in STATUSES:
        raise INCORRECT.error(name="Status")
    ctx.tx.put(msgspec.structs.replace(key, active=STATUSES[status], updated_at=ctx.now))


def delete(ctx: Context, key: StoredKey, user: User | None) -> None:
    """A user's key goes to the recycle bin; the root's is gone."""
    if user is not None:
        recycle_bin.recycle_key(ctx, key, user)
    else:
        recycle_bin.drop_key(ctx, key)


def last_use(ctx: Context, key: StoredKey) -> KeyUse | None:
    return ctx.tx.get(KeyUse, key.id)
