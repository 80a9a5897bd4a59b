"""RAM: identities and their rights (API version 2015-05-01). Account-wide, not regional."""

from __future__ import annotations

from collections.abc import Mapping

from kowloon.actions.declare import Product
from kowloon.actions.errors import NO_PERMISSION
from kowloon.actions.ports import Principal
from kowloon.services.ram.diagnosis import DiagnosticKey
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
    SecurityPreference,
    StoredKey,
    User,
)
from kowloon.store.store import Store


def _names(store: Store, parameters: Mapping[str, str], principal: Principal) -> Mapping[str, str]:
    """`User`: whom a call is about; who calls when it does not say."""
    own = principal.name if principal.type == "RAMUser" else "*"
    return {"User": parameters.get("UserName") or own}


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
        Policy,
        PolicyAttachment,
        StoredKey,
        KeyUse,
        LoginProfile,
        MfaDevice,
        PasswordPolicy,
        SecurityPreference,
        RecycledUser,
        RecycledKey,
        DiagnosticKey,
    ),
    central=True,
    denied=NO_PERMISSION,
    names=_names,
    condition_keys={"ram:servicename": "ServiceName"},
)
