"""Console passwords: kept as salted scrypt hashes, held to the account's policy, with their history."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from collections.abc import Callable, Collection, Mapping
from typing import Any, Final, NamedTuple

import msgspec

from kowloon.actions.context import Context
from kowloon.actions.declare import Prepare
from kowloon.actions.ports import Principal
from kowloon.core.ids import Ids
from kowloon.services.ram.errors import PROFILE_EXISTS, PROFILE_NOT_FOUND, WEAK_PASSWORD, WRONG_PASSWORD
from kowloon.services.ram.logic import settings
from kowloon.store.identity import LoginProfile, PasswordPolicy, User
from kowloon.store.store import Store

DAY_S: Final = 24 * 3600
_MOST_CHARACTERS: Final = 128
# As many as the policy can look back on, and the one in use.
_HASHES_KEPT: Final = 24
# About 5 ms, in a thread.
_SCRYPT_N: Final = 2**11


def hash_of(password: str, salt: str) -> str:
    return hashlib.scrypt(password.encode(), salt=salt.encode(), n=_SCRYPT_N, r=8, p=1).hex()


def matches(hashed: str, other: str) -> bool:
    return hmac.compare_digest(hashed, other)


class Hashes(NamedTuple):
    """Of the passwords of a call, made before its transaction with the salt that its user had, or a new one."""

    salt: str
    made: Mapping[str, str]

    def of(self, password: str, salt: str) -> str:
        # Seldom another: the user's password was set, or taken away, meanwhile.
        return self.made[password] if salt == self.salt else hash_of(password, salt)


async def hashes_of(passwords: Collection[str], salt: str) -> Hashes:
    made = await asyncio.to_thread(lambda: {password: hash_of(password, salt) for password in passwords})
    return Hashes(salt, made)


def profile_of(store: Store, account: str, user: str) -> LoginProfile | None:
    found = store.get(User, f"{account}:{user}")
    return store.get(LoginProfile, found.user_id) if found is not None else None


def hashing(*fields: str, user: Callable[[Any, Principal], str]) -> Prepare:
    """Prepares the Hashes of these fields of a request; `user` names whose they are, of the caller's account."""

    async def prepare(ports: Mapping[type, object], req: Any) -> Hashes:
        store, ids, caller = ports[Store], ports[Ids], ports[Principal]
        assert isinstance(store, Store)
        assert isinstance(ids, Ids)
        assert isinstance(caller, Principal)
        profile = profile_of(store, caller.account, user(req, caller))
        given = [password for name in fields if (password := getattr(req, name)) is not None]
        return await hashes_of(given, profile.salt if profile is not None else ids.secret(22))

    return prepare


CHANGE: Final = hashing("OldPassword", "NewPassword", user=lambda req, caller: caller.name)


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
    hashes: Hashes = ctx.prepared
    profile = LoginProfile(
        id=user.user_id,
        account=ctx.account,
        created_at=ctx.now,
        salt=hashes.salt,
        hashes=(hashes.made[password],),
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
        profile = _with_password(ctx, profile, user, password, ctx.prepared, "Password")
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
    profile, hashes = find(ctx, user), ctx.prepared
    if not matches(profile.hashes[0], hashes.of(old, profile.salt)):
        raise WRONG_PASSWORD.error()
    renew(ctx, user, new, hashes)


def renew(ctx: Context, user: User, new: str, hashes: Hashes) -> LoginProfile:
    """By the user, whose old password was right."""
    changed = _with_password(ctx, find(ctx, user), user, new, hashes, "NewPassword")
    changed = msgspec.structs.replace(changed, initial=False, reset_required=False, updated_at=ctx.now)
    ctx.tx.put(changed)
    return changed


def _with_password(
    ctx: Context, profile: LoginProfile, user: User, password: str, hashes: Hashes, parameter: str
) -> LoginProfile:
    policy = settings.password_policy(ctx)
    _check(password, parameter, policy, user)
    hashed = hashes.of(password, profile.salt)
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
