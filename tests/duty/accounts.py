"""Callers of another account."""

from __future__ import annotations

from kowloon.store.identity import Account, StoredKey
from kowloon.store.store import Transaction
from tests.duty.parts import Office


async def stranger(office: Office, account: str = "1999000011112222") -> Office:
    """The root of another account of the same cloud."""

    def put(tx: Transaction) -> None:
        tx.put(Account(id=account, account=account))
        tx.put(StoredKey(id="LTAI5tStranger", account=account, secret="otherssecret"))

    await office.cloud.store.run(put)
    other = Office(office.caller.key("LTAI5tStranger", "otherssecret"))
    other.account = account
    return other
