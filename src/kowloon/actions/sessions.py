"""Sessions of roles: temporary keys, whoever asks for them: STS, an instance, a product on behalf of its customer."""

from __future__ import annotations

import json

from kowloon.core.ids import Ids
from kowloon.store.identity import Role, StoredKey


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


def trusts_service(role: Role, service: str) -> bool:
    """Whether the role's trust policy lets a product (`actiontrail.aliyuncs.com`) act as it."""
    allowed = False
    for statement in json.loads(role.trust)["Statement"]:
        named = statement.get("Principal", {}).get("Service", [])
        if service not in (named if isinstance(named, list) else [named]):
            continue
        if statement["Effect"] == "Deny":
            return False
        allowed = True
    return allowed
