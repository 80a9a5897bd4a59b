"""Whether somebody may sign in: name, password, network, MFA device, and what the account has set about them."""

from __future__ import annotations

import ipaddress
import re
from typing import Final, NamedTuple

import msgspec

from kowloon.actions.context import Context
from kowloon.actions.sessions import keep_session
from kowloon.core.clock import iso_seconds
from kowloon.core.errors import ApiError
from kowloon.services.ram.errors import (
    CODE_NEEDED,
    CODE_REFUSED,
    DEVICE_NEEDED,
    INVALID_LOGON_NAME,
    NO_CHANGE_NEEDED,
    NO_LOGON,
    PASSWORD_CHANGE_NEEDED,
    PASSWORD_EXPIRED,
    SIGN_IN_FAILED,
    SIGN_IN_LOCKED,
    SIGN_IN_NETWORK,
    WEAK_PASSWORD,
)
from kowloon.services.ram.logic import mfa, passwords, settings, users
from kowloon.store.identity import Account, LoginProfile, PasswordPolicy, SignInAttempts, StoredKey, User
from kowloon.store.store import Store

LOCKED_S: Final = 3600
_DOMAIN: Final = ".onaliyun.com"
# No user, alias or account id has more.
_NAME_CHARACTERS: Final = 64
# Where the account limits nothing, codes of six digits are still not there to be tried out.
_MOST_CODES: Final = 10
# Names that nobody has are counted, too: the oldest of an account go.
_MOST_NAMES: Final = 1000
# The oldest session of a user gives way.
_MOST_SESSIONS: Final = 32


class Asked(NamedTuple):
    """`hashes`: of both passwords, made before the transaction."""

    user: str
    password: str
    code: str
    new_password: str
    peer: str
    hashes: passwords.Hashes


def split(logon_name: str) -> tuple[str, str]:
    """The user's name, and the id or alias of the account."""
    user, _, domain = logon_name.strip().rpartition("@")
    label = domain.lower().removesuffix(_DOMAIN)
    if not 0 < len(user) <= _NAME_CHARACTERS or not 0 < len(label) <= _NAME_CHARACTERS or "." in label:
        raise INVALID_LOGON_NAME.error()
    return user, label


def account_of(store: Store, label: str) -> Account | None:
    return next((each for each in store.list(Account) if label in (each.id, each.alias)), None)


def sign_in(ctx: Context, asked: Asked) -> StoredKey | ApiError:
    """The session, kept; or why not: an answer and no exception, so that what failed is counted. The same for a name
    that nobody has as for a wrong password."""
    policy = settings.password_policy(ctx)
    preference = settings.security_preference(ctx)
    if not _in_networks(asked.peer, preference.login_network_masks):
        return SIGN_IN_NETWORK.error(peer=asked.peer)
    attempts = _attempts(ctx, asked.user)
    if attempts.locked_until > ctx.now:
        return SIGN_IN_LOCKED.error(until=iso_seconds(attempts.locked_until))
    user = ctx.tx.get(User, f"{ctx.account}:{asked.user}")
    profile = ctx.tx.get(LoginProfile, user.user_id) if user is not None else None
    if user is None or profile is None or not _is_right(profile, asked):
        _count(ctx, attempts, password=True, most=policy.max_login_attempts)
        return SIGN_IN_FAILED.error()
    device = users.device(ctx, user)
    step = None
    if device is None and (profile.mfa_required or preference.mfa_operation == "mandatory"):
        return DEVICE_NEEDED.error()
    if device is not None:
        if not asked.code:
            return CODE_NEEDED.error()
        step = mfa.step_of(device, asked.code, ctx.wall)
        if step is None:
            _count(ctx, attempts, password=False, most=policy.max_login_attempts or _MOST_CODES)
            return CODE_REFUSED.error()
    refused = _why_not_with(profile, policy, ctx.now, asked.password, asked.new_password)
    if refused is not None:
        return refused
    if asked.new_password:
        profile = passwords.renew(ctx, user, asked.new_password, asked.hashes)
    if device is not None and step is not None:
        mfa.use(ctx, device, step)
    if ctx.tx.find(attempts.key) is not None:
        ctx.tx.delete(attempts)
    return _begin(ctx, user, profile, preference.login_session_h * 3600, mfa=step is not None)


def vouched(ctx: Context, name: str, peer: str) -> StoredKey:
    """A session for a user of whom somebody else knows who that is. It stands for the password only: whatever else
    the account asks for is proven by signing in here."""
    policy = settings.password_policy(ctx)
    preference = settings.security_preference(ctx)
    if not _in_networks(peer, preference.login_network_masks):
        raise SIGN_IN_NETWORK.error(peer=peer)
    user = ctx.tx.get(User, f"{ctx.account}:{name}")
    profile = ctx.tx.get(LoginProfile, user.user_id) if user is not None else None
    if user is None or profile is None or not profile.active:
        raise NO_LOGON.error(name=name)
    if users.device(ctx, user) is not None:
        raise CODE_NEEDED.error()
    if profile.mfa_required or preference.mfa_operation == "mandatory":
        raise DEVICE_NEEDED.error()
    refused = _why_not_with(profile, policy, ctx.now)
    if refused is not None:
        raise refused
    return _begin(ctx, user, profile, preference.login_session_h * 3600, mfa=False)


def _is_right(profile: LoginProfile, asked: Asked) -> bool:
    same = passwords.matches(profile.hashes[0], asked.hashes.of(asked.password, profile.salt))
    return same and profile.active


def _why_not_with(
    profile: LoginProfile, policy: PasswordPolicy, now: float, password: str = "", new_password: str = ""
) -> ApiError | None:
    """What is wrong with a right password."""
    until = passwords.expires_at(profile, policy)
    expired = until is not None and until <= now
    if expired and policy.hard_expiry:
        return PASSWORD_EXPIRED.error()
    if not (expired or profile.reset_required):
        return NO_CHANGE_NEEDED.error() if new_password else None
    if not new_password:
        return PASSWORD_CHANGE_NEEDED.error()
    if new_password == password:
        return WEAK_PASSWORD.error(name="NewPassword", why="It is the old one.")
    return None


def _in_networks(peer: str, masks: str) -> bool:
    """Without masks everybody is."""
    networks = [mask for mask in re.split(r"[;,\s]+", masks) if mask]
    if not networks:
        return True
    try:
        address = ipaddress.ip_address(peer)
    except ValueError:
        return False
    return any(address in ipaddress.ip_network(network, strict=False) for network in networks)


def _attempts(ctx: Context, name: str) -> SignInAttempts:
    id = f"{ctx.account}:{name}"
    return ctx.tx.get(SignInAttempts, id) or SignInAttempts(id=id, account=ctx.account, created_at=ctx.now)


def _count(ctx: Context, attempts: SignInAttempts, *, password: bool, most: int) -> None:
    """One more failure; as many as the account allows within an hour close the name for an hour. 0 is no limit."""
    if not most:
        return
    since = ctx.now - LOCKED_S
    failed = [at for at in (attempts.passwords if password else attempts.codes) if at > since]
    failed.append(ctx.now)
    locked = len(failed) >= most
    kept = () if locked else tuple(failed)
    changed = msgspec.structs.replace(
        attempts,
        passwords=kept if password else attempts.passwords,
        codes=attempts.codes if password else kept,
        locked_until=ctx.now + LOCKED_S if locked else 0.0,
    )
    # Of users all are kept, or who makes names up would be let guess on.
    made_up = [
        each
        for each in ctx.tx.list(SignInAttempts, account=ctx.account)
        if each.id != changed.id and ctx.tx.get(User, each.id) is None
    ]
    for oldest in made_up[: max(len(made_up) + 1 - _MOST_NAMES, 0)]:
        ctx.tx.delete(oldest)
    ctx.tx.put(changed)


def _begin(ctx: Context, user: User, profile: LoginProfile, lasts_s: int, *, mfa: bool) -> StoredKey:
    """A session of the user's own. It ends by the wall's clock, as all tokens do."""
    mine = [key for key in ctx.tx.list(StoredKey, account=ctx.account) if key.user == user.id and key.token]
    for oldest in mine[: max(len(mine) + 1 - _MOST_SESSIONS, 0)]:
        ctx.tx.delete(oldest)
    session = StoredKey(
        id="STS." + ctx.ids.token(26),
        account=ctx.account,
        created_at=ctx.now,
        secret=ctx.ids.secret(44),
        user=user.id,
        token="CAIS" + ctx.ids.secret(60),
        expires_at=float(int(ctx.wall)) + lasts_s,
        mfa=mfa,
        password_at=profile.changed_at,
        updated_at=ctx.now,
    )
    keep_session(ctx.tx, session, ctx.wall)
    return session
