"""Sessions of roles: temporary keys, whoever asks for them: STS, an instance, a product on behalf of its customer."""

from __future__ import annotations

from collections.abc import Set

from kowloon.actions.ports import Principal
from kowloon.core.ids import Ids
from kowloon.store.identity import Role, StoredKey
from kowloon.wire.policy.conditions import ValueOf
from kowloon.wire.policy.document import parse_trust


def open_session(
    ids: Ids, role: Role, session_name: str, duration_s: int, *, now: float, wall: float, policy: str = ""
) -> StoredKey:
    """A key that is not kept yet. Its life ends by the wall clock, because clients refresh by theirs."""
    return StoredKey(
        id="STS." + ids.token(26),
        account=role.account,
        created_at=now,
        secret=ids.secret(44),
        role=role.id,
        session_name=session_name,
        policy=policy,
        token="CAIS" + ids.secret(200),
        expires_at=float(int(wall)) + duration_s,
    )


def trusts(role: Role, kind: str, names: Set[str], action: str, value_of: ValueOf) -> bool:
    """Whether the role's trust policy lets somebody take it. `kind`: RAM, Service or Federated; `names`: what they may
    be called."""
    return parse_trust(role.trust).allows(kind, names, action, value_of)


def trusts_caller(role: Role, caller: Principal, value_of: ValueOf) -> bool:
    """A caller may be named itself, a session by its role, and all of an account by its root."""
    names = {caller.arn, f"acs:ram::{caller.account}:root"}
    if caller.role_id:
        names.add(f"acs:ram::{caller.account}:role/{caller.name.lower()}")
    return trusts(role, "RAM", names, "sts:AssumeRole", value_of)


def trusts_service(role: Role, service: str) -> bool:
    """Whether a product (`actiontrail.aliyuncs.com`) may act as the role."""
    return trusts(role, "Service", {service}, "sts:AssumeRole", lambda key: None)
