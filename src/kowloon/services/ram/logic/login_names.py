"""Logon names of users: `alice@<domain>`, the domain being the account's alias or its id under onaliyun.com."""

from __future__ import annotations

from kowloon.actions.context import Context
from kowloon.actions.errors import INVALID_PARAMETER, MISSING
from kowloon.services.ram.errors import INVALID_FORMAT, USER_NOT_FOUND
from kowloon.services.ram.logic import names, settings, users
from kowloon.store.identity import User


def of(ctx: Context, user: User) -> str:
    return f"{user.name}@{settings.account(ctx).domain}"


def user_name(login_name: str) -> str:
    return login_name.partition("@")[0]


def is_domain(ctx: Context, domain: str) -> bool:
    """Under its id an account is known whatever its alias."""
    return domain in (settings.account(ctx).domain, f"{ctx.account}.onaliyun.com")


def new(ctx: Context, login_name: str, parameter: str) -> str:
    """The user name in a logon name that is to be given."""
    name, _, domain = login_name.partition("@")
    names.check(name, parameter, names.USER)
    if not is_domain(ctx, domain):
        raise INVALID_FORMAT.error(name=parameter)
    return name


def find(ctx: Context, login_name: str) -> User:
    name, _, domain = login_name.partition("@")
    if not is_domain(ctx, domain):
        raise USER_NOT_FOUND.error(name=login_name)
    return users.find(ctx, name)


def find_either(ctx: Context, login_name: str, user_id: str, key_id: str = "") -> User:
    """The user that exactly one of them names."""
    given = [value for value in (login_name, user_id, key_id) if value]
    if not given:
        raise MISSING.error(name="UserPrincipalName")
    if len(given) > 1:
        raise INVALID_PARAMETER.error(name="UserPrincipalName")
    if login_name:
        return find(ctx, login_name)
    return users.find_by_id(ctx, user_id) if user_id else users.find_by_key(ctx, key_id)


def find_or_caller(ctx: Context, login_name: str) -> User | None:
    """Without a name whoever calls; None is the root of the account."""
    return find(ctx, login_name) if login_name else users.caller_or_root(ctx)
