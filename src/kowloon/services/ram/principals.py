"""Callers by the names that people give them."""

from __future__ import annotations

import re

from kowloon.actions.ports import Principal
from kowloon.store.identity import Account, Role, User
from kowloon.store.store import Store

_ARN = re.compile(r"acs:ram:[^:]*:(\d+):(root|user/[^/]+|role/[^/]+|assumed-role/[^/]+/[^/]+)")


def principal_of(store: Store, arn: str) -> Principal | None:
    """The caller with that ARN (`acs:ram::1234:user/alice`, `...:role/builder`, `...:root`); None when there is none.
    A role stands for its sessions."""
    match = _ARN.fullmatch(arn)
    if match is None:
        return None
    account, (kind, _, name) = match[1], match[2].partition("/")
    if kind == "root":
        found = store.get(Account, account) is not None
        return Principal(account=account, type="Account", arn=arn, id=account, name="root") if found else None
    if kind == "user":
        user = store.get(User, f"{account}:{name}")
        if user is None:
            return None
        return Principal(account=account, type="RAMUser", arn=arn, id=user.user_id, name=name)
    name, _, session = name.partition("/")
    role = store.get(Role, f"{account}:{name.lower()}")
    if role is None:
        return None
    id = f"{role.role_id}:{session or 'session'}"
    return Principal(account=account, type="AssumedRoleUser", arn=arn, id=id, name=role.name, role_id=role.role_id)
