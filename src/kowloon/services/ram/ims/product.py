"""IMS (API version 2019-08-15). Policies know its actions as RAM's (`ram:CreateUser`)."""

from __future__ import annotations

from collections.abc import Mapping

from kowloon.actions.declare import Product
from kowloon.actions.errors import NO_PERMISSION
from kowloon.actions.ports import Principal
from kowloon.services.ram.ims.resources import Application, CredentialReport, SsoSettings
from kowloon.services.ram.product import list_parameter
from kowloon.store.identity import OidcProvider, SamlProvider, StoredKey, User
from kowloon.store.store import Store


def _names(store: Store, parameters: Mapping[str, str], principal: Principal) -> Mapping[str, str | list[str]]:
    """`User`: the name of whom a call is about, however it says so; of who calls when it does not. `Tagged`: the names
    of those whom a call about tags names."""
    by_id = [_of_id(store, principal.account, id) or "*" for id in list_parameter(parameters, "ResourceId")]
    by_name = [name.partition("@")[0] for name in list_parameter(parameters, "ResourcePrincipalName")]
    return {"User": _user_name(store, parameters, principal) or "*", "Tagged": by_id + by_name}


def _user_name(store: Store, parameters: Mapping[str, str], principal: Principal) -> str:
    login_name, user_id = parameters.get("UserPrincipalName"), parameters.get("UserId")
    if login_name:
        return login_name.partition("@")[0]
    if user_id:
        return _of_id(store, principal.account, user_id)
    key = store.get(StoredKey, parameters.get("UserAccessKeyId", ""))
    owner = store.get(User, key.user) if key is not None else None
    if owner is not None and owner.account == principal.account:
        return owner.name
    return principal.name if principal.type == "RAMUser" else ""


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
