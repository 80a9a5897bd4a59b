"""IMS (API version 2019-08-15). Policies know its actions as RAM's (`ram:CreateUser`)."""

from __future__ import annotations

from collections.abc import Mapping

from kowloon.actions.declare import Named, Product
from kowloon.actions.errors import NO_PERMISSION
from kowloon.services.ram.ims.resources import Application, CredentialReport, SsoSettings
from kowloon.store.identity import OidcProvider, SamlProvider, StoredKey, User
from kowloon.store.store import Store


def _names(call: Named) -> Mapping[str, str | list[str]]:
    """`User`: the name of whom a call is about, however it says so; of who calls when it does not. `Tagged`: the names
    of those whom a call about tags names."""
    by_id = [_of_id(call.store, call.caller.account, id) or "*" for id in call.texts("ResourceId")]
    by_name = [name.partition("@")[0] for name in call.texts("ResourcePrincipalName")]
    return {"User": _user_name(call) or "*", "Tagged": by_id + by_name}


def _user_name(call: Named) -> str:
    login_name, user_id = call.text("UserPrincipalName"), call.text("UserId")
    if login_name:
        return login_name.partition("@")[0]
    if user_id:
        return _of_id(call.store, call.caller.account, user_id)
    key = call.store.get(StoredKey, call.text("UserAccessKeyId"))
    owner = call.store.get(User, key.user) if key is not None else None
    if owner is not None and owner.account == call.caller.account:
        return owner.name
    return call.caller.name if call.caller.type == "RAMUser" else ""


def _of_id(store: Store, account: str, user_id: str) -> str:
    return next((user.name for user in store.list(User, account=account) if user.user_id == user_id), "")


ims = Product(
    "Ims",
    "2019-08-15",
    ram_code="ram",
    hosts=("ims",),
    resources=(Application, CredentialReport, OidcProvider, SamlProvider, SsoSettings),
    central=True,
    denied=NO_PERMISSION,
    names=_names,
)
