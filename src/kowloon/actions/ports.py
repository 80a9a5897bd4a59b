"""What the gateway needs from identity. Implemented by products, wired by app.py."""

from __future__ import annotations

from typing import Any, Protocol

import msgspec


class Principal(msgspec.Struct, frozen=True, kw_only=True):
    """Who calls. `type` is the vendor's IdentityType: Account, RAMUser or AssumedRoleUser; `arn` as RAM writes it."""

    account: str
    type: str
    arn: str
    id: str
    name: str = ""
    role_id: str = ""
    policy: str = ""

    @property
    def is_root(self) -> bool:
        return self.type == "Account"


class AccessKey(msgspec.Struct, frozen=True, kw_only=True):
    """`secret` signs. A temporary key has `token` and `expires_at` (wall time)."""

    id: str
    secret: str
    principal: Principal
    active: bool = True
    token: str = ""
    expires_at: float | None = None


class CredentialSource(Protocol):
    """Owns the access keys."""

    def find(self, access_key_id: str) -> AccessKey | None: ...


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """`reason` is for the audit and for people: which rule decided."""

    allowed: bool
    reason: str
    detail: dict[str, Any] = msgspec.field(default_factory=dict)


class Authorizer(Protocol):
    """May this principal do this to that, and why."""

    def decide(self, principal: Principal, action: str, resource: str, source: str) -> Decision: ...
