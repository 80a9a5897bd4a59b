"""What an account has set: what passwords must be, what users may do for themselves, its alias."""

from __future__ import annotations

import ipaddress
import re
from typing import Final

import msgspec

from kowloon.actions.context import Context
from kowloon.actions.errors import INVALID_PARAMETER
from kowloon.services.ram.errors import ALIAS_EXISTS, INVALID_FORMAT, INVALID_RANGE
from kowloon.store.identity import Account, PasswordPolicy, SecurityPreference

_ALIAS: Final = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_MOST_MASKS: Final = 40

# Field -> parameter, least and most.
_PASSWORD_RANGES: Final = {
    "minimum_length": ("MinimumPasswordLength", 8, 32),
    "minimum_different_characters": ("MinimumPasswordDifferentCharacter", 0, 8),
    "reuse_prevention": ("PasswordReusePrevention", 0, 24),
    "max_age_days": ("MaxPasswordAge", 0, 1095),
    "initial_age_days": ("InitialPasswordAge", 0, 90),
    "max_login_attempts": ("MaxLoginAttemps", 0, 32),
}


def password_policy(ctx: Context) -> PasswordPolicy:
    """What was set, else the vendor's default."""
    return ctx.tx.get(PasswordPolicy, ctx.account) or PasswordPolicy(id=ctx.account, account=ctx.account)


def set_password_policy(ctx: Context, given: dict[str, bool | int | None]) -> PasswordPolicy:
    """`given`: by field of PasswordPolicy; None leaves it as it is."""
    changes = {field: value for field, value in given.items() if value is not None}
    for field, (parameter, least, most) in _PASSWORD_RANGES.items():
        if field in changes and not least <= changes[field] <= most:
            raise INVALID_RANGE.error(name=parameter, least=least, most=most)
    changed = msgspec.structs.replace(password_policy(ctx), **changes)
    ctx.tx.put(changed)
    return changed


def security_preference(ctx: Context) -> SecurityPreference:
    """What was set, else the vendor's default."""
    return ctx.tx.get(SecurityPreference, ctx.account) or SecurityPreference(id=ctx.account, account=ctx.account)


def set_security_preference(ctx: Context, given: dict[str, object]) -> SecurityPreference:
    """`given`: by field of SecurityPreference; None leaves it as it is."""
    changes = {field: value for field, value in given.items() if value is not None}
    changed = msgspec.structs.replace(security_preference(ctx), **changes)
    if not 1 <= changed.login_session_h <= 24:
        raise INVALID_RANGE.error(name="LoginSessionDuration", least=1, most=24)
    _check_masks(changed.login_network_masks)
    ctx.tx.put(changed)
    return changed


def _check_masks(masks: str) -> None:
    """Networks separated by semicolons."""
    networks = [mask for mask in re.split(r"[;,\s]+", masks) if mask]
    if len(networks) > _MOST_MASKS:
        raise INVALID_PARAMETER.error(name="LoginNetworkMasks")
    for network in networks:
        try:
            ipaddress.ip_network(network, strict=False)
        except ValueError:
            raise INVALID_FORMAT.error(name="LoginNetworkMasks") from None


def account(ctx: Context) -> Account:
    return ctx.tx.get(Account, ctx.account) or Account(id=ctx.account, account=ctx.account)


def valid_alias(alias: str) -> bool:
    return _ALIAS.fullmatch(alias) is not None


def set_alias(ctx: Context, alias: str) -> None:
    """It is unique in the cloud, for it names a domain; empty: none."""
    own = account(ctx)
    if alias and any(other.id != own.id and alias in (other.alias, other.id) for other in ctx.tx.list(Account)):
        raise ALIAS_EXISTS.error()
    ctx.tx.put(msgspec.structs.replace(own, alias=alias))
