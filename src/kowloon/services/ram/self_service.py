"""What users may do for themselves without a policy, where the account's preference says so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from kowloon.actions.ports import AccessRequest
from kowloon.store.identity import SecurityPreference
from kowloon.store.store import Store

_KEYS: Final = "CreateAccessKey ListAccessKeys UpdateAccessKey DeleteAccessKey GetAccessKeyLastUsed"
_DEVICES: Final = "BindMFADevice UnbindMFADevice GetUserMFAInfo"

# Action -> whether the preference allows it.
_RULES: Final[dict[str, Callable[[SecurityPreference], bool]]] = {
    **dict.fromkeys((f"ram:{name}" for name in _KEYS.split()), lambda preference: preference.manage_access_keys),
    **dict.fromkeys((f"ram:{name}" for name in _DEVICES.split()), lambda preference: preference.manage_mfa_devices),
    "ram:CreateVirtualMFADevice": lambda preference: preference.manage_mfa_devices,
    "ram:ChangePassword": lambda preference: preference.change_password,
}


def is_own(store: Store, asked: AccessRequest) -> bool:
    """Whether a user asks for what is the user's own, and the account lets its users."""
    rule, principal = _RULES.get(asked.action), asked.principal
    if rule is None or principal.type != "RAMUser":
        return False
    own = f"acs:ram:*:{principal.account}:user/{principal.name}"
    new_device = f"acs:ram:*:{principal.account}:mfa/*"
    if asked.resource not in (own, new_device):
        return False
    preference = store.get(SecurityPreference, principal.account)
    return rule(preference or SecurityPreference(id=principal.account))
