"""RAM: identities and their rights (API version 2015-05-01). Account-wide, not regional."""

from __future__ import annotations

from collections.abc import Mapping

from kowloon.actions.declare import Named, Product, ResourceType
from kowloon.actions.errors import NO_PERMISSION
from kowloon.store.identity import (
    Account,
    Group,
    KeyUse,
    LoginProfile,
    Membership,
    MfaDevice,
    PasswordPolicy,
    Policy,
    PolicyAttachment,
    RecycledKey,
    RecycledUser,
    Role,
    RoleDeletion,
    SecurityPreference,
    SignInAttempts,
    StoredKey,
    User,
)
from kowloon.store.resources import Resource


def _names(call: Named) -> Mapping[str, str | list[str]]:
    """`User`: whom a call is about; who calls when it does not say. `PolicyOwner`: the account, or `system`. `Tagged`:
    what a call about tags names, as `role/name`."""
    own = call.caller.name if call.caller.type == "RAMUser" else "*"
    kind = call.text("ResourceType").lower()
    return {
        "User": call.text("UserName") or own,
        "PolicyOwner": "system" if call.text("PolicyType") == "System" else call.caller.account,
        "Tagged": [f"{kind}/{name}" for name in call.texts("ResourceNames")],
    }


def _by_name(account: str, region: str, name: str) -> str:
    return f"{account}:{name}"


def _by_lower_name(account: str, region: str, name: str) -> str:
    return f"{account}:{name.lower()}"


def _name(item: Resource) -> str:
    return item.id.partition(":")[2]


ram = Product(
    "Ram",
    "2015-05-01",
    ram_code="ram",
    hosts=("ram",),
    resources=(
        Account,
        User,
        Group,
        Membership,
        Role,
        RoleDeletion,
        Policy,
        PolicyAttachment,
        StoredKey,
        KeyUse,
        LoginProfile,
        MfaDevice,
        PasswordPolicy,
        SecurityPreference,
        SignInAttempts,
        RecycledUser,
        RecycledKey,
    ),
    types=(
        ResourceType(name="user", kind=User, stored_id=_by_name, shown_id=_name),
        ResourceType(name="group", kind=Group, stored_id=_by_name, shown_id=_name),
        ResourceType(name="role", kind=Role, stored_id=_by_lower_name, shown_id=_name),
        ResourceType(name="policy", kind=Policy, stored_id=_by_name, shown_id=_name),
    ),
    central=True,
    denied=NO_PERMISSION,
    names=_names,
    condition_keys={"ram:servicename": "ServiceName"},
)
