"""The accounts of a cloud: opened by its operator, as the vendor's are by signing up."""

from __future__ import annotations

import re
from collections import Counter
from urllib.parse import unquote

import msgspec

from kowloon.actions.accounts import ADMINISTRATOR, Opened, new_account_id, new_key, open_account
from kowloon.actions.routes import Routes, answer_json, json_body
from kowloon.core.clock import Clock, iso_seconds
from kowloon.core.errors import ApiError
from kowloon.core.ids import Ids
from kowloon.store.identity import Account, StoredKey, User
from kowloon.store.store import Store, Transaction
from kowloon.wire.http import HttpRequest, HttpResponse

_NAME = re.compile(r"[\w .@-]{1,64}")


class CreateBody(msgspec.Struct, forbid_unknown_fields=True):
    name: str


class KeysBody(msgspec.Struct, forbid_unknown_fields=True):
    """`root`: of the account itself instead of its administrator; `fresh`: another one, whatever there is."""

    root: bool = False
    fresh: bool = False


class AccountRoutes:
    def __init__(self, store: Store, clock: Clock, ids: Ids) -> None:
        self._store = store
        self._clock = clock
        self._ids = ids

    def register(self, routes: Routes) -> None:
        routes.add("GET", "/_kowloon/accounts", self.list, "admin")
        routes.add("POST", "/_kowloon/accounts", self.create, "admin")
        routes.add("POST", "/_kowloon/accounts/", self.keys, "admin")

    def list(self, request: HttpRequest) -> HttpResponse:
        counts = Counter(item.account for item in self._store.everything())
        users = Counter(user.account for user in self._store.list(User))
        rows = [
            {
                "account": account.id,
                "name": account.name,
                "alias": account.alias,
                "created": iso_seconds(account.created_at),
                "users": users[account.id],
                "resources": counts[account.id],
            }
            for account in self._store.list(Account)
        ]
        return answer_json({"accounts": rows})

    async def create(self, request: HttpRequest) -> HttpResponse:
        name = json_body(request, CreateBody).name.strip()
        if not _NAME.fullmatch(name):
            raise ApiError("InvalidAccountName", 400, "A name has 1 to 64 letters, digits, spaces or any of . @ - _.")

        def body(tx: Transaction) -> Opened:
            if any(account.name == name for account in tx.list(Account)):
                raise ApiError("AccountAlreadyExists", 409, f"There is an account named {name!r} already.")
            return open_account(tx, self._ids, self._clock.now(), id=new_account_id(self._ids), name=name)

        opened = await self._store.run(body)
        return answer_json({"account": opened.account.id, "name": name, **_shown(opened.key)}, 201)

    async def keys(self, request: HttpRequest) -> HttpResponse:
        """POST /accounts/ACCOUNT/keys: a key to work with; `ACCOUNT` is an id or a name."""
        wanted, _, verb = unquote(request.path.removeprefix("/_kowloon/accounts/")).rpartition("/")
        if verb != "keys":
            raise ApiError("NotFound", 404, "Use POST /accounts/ACCOUNT/keys.")
        asked = json_body(request, KeysBody)
        key = await self._store.run(lambda tx: self._key(tx, wanted, asked))
        return answer_json({"account": key.account, "user": "" if asked.root else ADMINISTRATOR, **_shown(key)})

    def _key(self, tx: Transaction, wanted: str, asked: KeysBody) -> StoredKey:
        account = next((each for each in tx.list(Account) if wanted in (each.id, each.name)), None)
        if account is None:
            raise ApiError(
                "AccountNotFound", 404, f"There is no account {wanted!r}; `kowloon account list` shows them."
            )
        user = "" if asked.root else f"{account.id}:{ADMINISTRATOR}"
        if user and tx.get(User, user) is None:
            raise ApiError(
                "UserNotFound", 404, f"{account.id} has no user {ADMINISTRATOR} any more; ask for root's key."
            )
        if not asked.fresh:
            for key in tx.list(StoredKey, account=account.id):
                if key.user == user and not key.role and not key.token and key.active:
                    return key
        key = new_key(self._ids, self._clock.now(), account=account.id, user=user)
        tx.put(key)
        return key


def _shown(key: StoredKey) -> dict[str, str]:
    return {"access_key_id": key.id, "access_key_secret": key.secret}
