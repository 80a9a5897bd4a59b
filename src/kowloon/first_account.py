"""The first account of a cloud, its administrator's key and the admin token: made once, the same after a restart."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from kowloon.actions.accounts import ADMINISTRATOR, new_account_id, open_account
from kowloon.core.clock import Clock
from kowloon.core.config import HomeCredentials, HomeFiles
from kowloon.core.ids import Ids
from kowloon.store.identity import Account, StoredKey
from kowloon.store.store import Store


class FirstAccount:
    """`identity` is who it is; a home without one, or without a state, gets a new one."""

    def __init__(self, files: HomeFiles | None, store: Store, clock: Clock, ids: Ids) -> None:
        self._file = files.credentials if files is not None else None
        self._store = store
        self._clock = clock
        self._ids = ids
        if self._file is not None and self._file.exists() and store.kinds().get(Account.kind):
            self.identity = msgspec.json.decode(self._file.read_bytes(), type=HomeCredentials)
            return
        identity = HomeCredentials(
            account_id=new_account_id(ids),
            access_key_id="LTAI5t" + ids.token(18),
            access_key_secret=ids.secret(30),
            admin_token=ids.secret(40),
        )
        self.identity = identity
        self.open()
        self.become(identity)

    def open(self) -> None:
        """In a store that has no account."""
        now, account = self._clock.now(), self.identity.account_id
        key = StoredKey(
            id=self.identity.access_key_id,
            account=account,
            created_at=now,
            secret=self.identity.access_key_secret,
            user=f"{account}:{ADMINISTRATOR}",
        )
        transaction = self._store.begin()
        open_account(transaction, self._ids, now, id=account, key=key)
        self._store.commit_now(transaction)

    def become(self, identity: HomeCredentials) -> None:
        """Another, which is in the store already."""
        self.identity = identity
        if self._file is not None:
            write_private(self._file, msgspec.json.encode(identity))


def write_private(path: Path, body: bytes) -> None:
    """Whole or not at all, readable by the owner only."""
    fresh = path.with_suffix(".new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(body)
    os.replace(fresh, path)
