"""Console passwords: kept as salted scrypt hashes, held to the account's policy, with their history."""

from __future__ import annotations

import hashlib
import hmac
from typing import Final

import msgspec

from kowloon.actions.context import Context
from kowloon.services.ram.errors import PROFILE_EXISTS, PROFILE_NOT_FOUND, WEAK_PASSWORD, WRONG_PASSWORD
from kowloon.services.ram.logic import settings
from kowloon.store.identity import LoginProfile, PasswordPolicy, User

DAY_S: Final = 24 * 3600
_MOST_CHARACTERS: Final = 128
# As many as the policy can look back on, and the one in use.
_HASHES_KEPT: Final = 24
# About 5 ms: a password is set seldom, and on the loop.
_SCRYPT_N: Final = 2**11


def hash_of(password: str, salt: str) -> str:
    return hashlib.scrypt(password.encode(), salt=salt.encode(), n=_SCRYPT_N, r=8, p=1).hex()


def matches(hashed: str, other: str) -> bool:
    return hmac.compare_digest(hashed, other)


def find(ctx: Context, user: User) -> LoginProfile:
    profile = ctx.tx.get(LoginProfile, user.user_id)
    if profile is None:
        raise PROFILE_NOT_FOUND.error(name=user.name)
    return profile


def create(
    ctx: Context,
    user: User,
    password: str,
    *,
    reset_required: bool,
    mfa_required: bool,
    active: bool = True,
) -> LoginProfile:
    if ctx.tx.get(LoginProfile, user.user_id) is not None:
        raise PROFILE_EXISTS.error(name=user.name)
    _check(password, "Password", settings.password_policy(ctx), user)
    salt = ctx.ids.secret(22)
    profile = LoginProfile(
        id=user.user_id,
        account=ctx.account,
        created_at=ctx.now,
        salt=salt,
        hashes=(hash_of(password, salt),),
        reset_required=reset_required,
        mfa_required=mfa_required,
        active=active,
        changed_at=ctx.now,
        updated_at=ctx.now,
    )
    ctx.tx.put(profile)
    return profile


def update(
    ctx: Context,
    user: User,
    *,
    password: str | None,
    reset_required: bool | None,
    mfa_required: bool | None,
    active: bool | None = None,
) -> LoginProfile:
    """By an administrator; None leaves a part as it is. Enabled again, its password counts as an initial one."""
    profile = find(ctx, user)
    if password is not None:
        profile = _with_password(ctx, profile, user, password, "Password")
    enabled_again = bool(active) and not profile.active
    changed = msgspec.structs.replace(
        profile,
        reset_required=profile.reset_required if reset_required is None else reset_required,
        mfa_required=profile.mfa_required if mfa_required is None else mfa_required,
        active=profile.active if active is None else active,
        initial=profile.initial or enabled_again,
        changed_at=ctx.now if enabled_again else profile.changed_at,
        updated_at=ctx.now,
    )
    ctx.tx.put(changed)
    return changed


def change(ctx: Context, user: User, old: str, new: str) -> None:
    """By the user."""
    profile = find(ctx, user)
    if not matches(profile.hashes[0], hash_of(old, profile.salt)):
        raise WRONG_PASSWORD.error()
    renew(ctx, user, new)


def renew(ctx: Context, user: User, new: str) -> LoginProfile:
    """By the user, whose old password was right."""
    changed = _with_password(ctx, find(ctx, user), user, new, "NewPassword")
    changed = msgspec.structs.replace(changed, initial=False, reset_required=False, updated_at=ctx.now)
    ctx.tx.put(changed)
    return changed


def _with_password(ctx: Context, profile: LoginProfile, user: User, password: str, parameter: str) -> LoginProfile:
    policy = settings.password_policy(ctx)
    _check(password, parameter, policy, user)
    hashed = hash_of(password, profile.salt)
    if any(matches(hashed, used) for used in profile.hashes[: policy.reuse_prevention]):
        raise WEAK_PASSWORD.error(name=parameter, why=f"It was one of the last {policy.reuse_prevention}.")
    return msgspec.structs.replace(
        profile, hashes=(hashed, *profile.hashes)[:_HASHES_KEPT], initial=True, changed_at=ctx.now
    )


def _check(password: str, parameter: str, policy: PasswordPolicy, user: User) -> None:
    wrong = _what_is_wrong(password, policy, user)
    if wrong:
        raise WEAK_PASSWORD.error(name=parameter, why=wrong)


def _what_is_wrong(password: str, policy: PasswordPolicy, user: User) -> str:
    if len(password) < policy.minimum_length:
        return f"It needs {policy.minimum_length} characters."
    if len(password) > _MOST_CHARACTERS:
        return f"It may have {_MOST_CHARACTERS} characters at most."
    if policy.require_lowercase and not any(letter.islower() for letter in password):
        return "It needs a lowercase letter."
    if policy.require_uppercase and not any(letter.isupper() for letter in password):
        return "It needs an uppercase letter."
    if policy.require_numbers and not any(letter.isdigit() for letter in password):
        return "It needs a digit."
    if policy.require_symbols and all(letter.isalnum() for letter in password):
        return "It needs a symbol."
    if len(set(password)) < policy.minimum_different_characters:
        return f"It needs {policy.minimum_different_characters} different characters."
    if policy.not_contain_user_name and user.name.lower() in password.lower():
        return "It must not contain the user name."
    return ""


def expires_at(profile: LoginProfile, policy: PasswordPolicy) -> float | None:
    """When the password must be changed; None: never."""
    ages = [policy.max_age_days, policy.initial_age_days if profile.initial else 0]
    days = [age for age in ages if age]
    return profile.changed_at + min(days) * DAY_S if days else None


def initial_status(ctx: Context, profile: LoginProfile) -> str:
    """The vendor's word for where an initial password is in its life."""
    if not profile.initial:
        return "NotInitial"
    days = settings.password_policy(ctx).initial_age_days
    return "InitialExpired" if days and profile.changed_at + days * DAY_S <= ctx.now else "InitialValid"
