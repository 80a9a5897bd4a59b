"""IMS (API version 2019-08-15). Policies know its actions as RAM's (`ram:CreateUser`)."""

from __future__ import annotations

from collections.abc import Mapping

from kowloon.actions.declare import Product
from kowloon.actions.errors import NO_PERMISSION
from kowloon.actions.ports import Principal
from kowloon.services.ram.ims.resources import Application, CredentialReport, SsoSettings
from kowloon.store.identity import StoredKey, User
from kowloon.store.store import Store


def _names(store: Store, parameters: Mapping[str, str], principal: Principal) -> Mapping[str, str]:
    """`User`: the name of whom a call is about, however it says so; of who calls when it does not."""
    return {"User": _user_name(store, parameters, principal) or "*"}


def _user_name(store: Store, parameters: Mapping[str, str], principal: Principal) -> str:
    login_name, user_id = parameters.get("UserPrincipalName"), parameters.get("UserId")
    if login_name:
        return login_name.partition("@")[0]
    if user_id:
        of_account = store.list(User, account=principal.account)
        return next((user.name for user in of_account if user.user_id == user_id), "")
    key = store.get(StoredKey, parameters.get("UserAccessKeyId", ""))
    owner = store.get(User, key.user) if key is not None else None
    if owner is not None and owner.account == principal.account:
        return owner.name
    return principal.name if principal.type == "RAMUser" else ""


ims = Product(
    "Ims",
    "2019-08-15",
    ram_code="ram",
    hosts=("ims",),
    resources=(Application, CredentialReport, SsoSettings),
    central=True,
    denied=NO_PERMISSION,
    names=_names,
)
