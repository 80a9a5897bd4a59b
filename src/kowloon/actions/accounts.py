"""Opening an account: by the operator, and as a member of a resource directory."""

from __future__ import annotations

from typing import NamedTuple

from kowloon.core.ids import Ids
from kowloon.store.identity import Account, PolicyAttachment, StoredKey, User, attachment_id
from kowloon.store.store import Transaction

ADMINISTRATOR = "admin"
_POLICY = "AdministratorAccess"


class Opened(NamedTuple):
    account: Account
    key: StoredKey


def new_account_id(ids: Ids) -> str:
    """16 digits."""
    return "1" + ids.digits(15)


def open_account(
    tx: Transaction, ids: Ids, now: float, *, id: str, name: str = "", key: StoredKey | None = None
) -> Opened:
    """An account with a RAM user who may everything, and that user's key: a new one unless `key` is given."""
    account = Account(id=id, account=id, created_at=now, name=name)
    user = User(
        id=f"{id}:{ADMINISTRATOR}",
        account=id,
        created_at=now,
        name=ADMINISTRATOR,
        user_id="2" + ids.digits(17),
    )
    entity = f"user/{ADMINISTRATOR}"
    attachment = PolicyAttachment(
        id=attachment_id(id, entity, "System", _POLICY),
        account=id,
        created_at=now,
        entity=entity,
        policy_type="System",
        policy_name=_POLICY,
    )
    key = key or new_key(ids, now, account=id, user=user.id)
    for item in (account, user, attachment, key):
        tx.put(item)
    return Opened(account, key)


def new_key(ids: Ids, now: float, *, account: str, user: str = "") -> StoredKey:
    """An access key that is not kept yet; without a user it is the account's own."""
    return StoredKey(
        id="LTAI5t" + ids.token(18), account=account, created_at=now, secret=ids.secret(30), user=user, updated_at=now
    )
