"""Sessions of roles: temporary keys, and whom a role's trust policy gives them to: callers of STS, users of identity
providers, instances, products on behalf of their customers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, Protocol

from kowloon.actions.ports import Principal
from kowloon.core.ids import Ids
from kowloon.store.identity import Role, StoredKey
from kowloon.store.store import Transaction
from kowloon.wire.policy.conditions import ValueOf
from kowloon.wire.policy.document import Trust, TrustVerdict, parse_trust

ASSUME = "sts:AssumeRole"
# A role that trusts this service is given to whoever holds a post that has it.
DUTY = "duty.aliyuncs.com"


class TrustDecision(NamedTuple):
    """What the trust policy of a role says of someone, and of whom it was asked: as Trust.decide takes them."""

    role: Role
    trust: Trust
    kind: str
    names: frozenset[str]
    value_of: ValueOf
    verdict: TrustVerdict

    @property
    def allowed(self) -> bool:
        return self.verdict.allowed


class TrustLog(Protocol):
    """Remembers whom roles were refused, for people who ask why."""

    def note_refusal(self, request_id: str, principal: Principal, decision: TrustDecision) -> None: ...


def open_session(
    ids: Ids,
    role: Role,
    session_name: str,
    duration_s: int,
    *,
    now: float,
    wall: float,
    policy: str = "",
    source_identity: str = "",
    provider: str = "",
    subject: str = "",
    service: str = "",
    post_user: str = "",
    post_role: str = "",
) -> StoredKey:
    """A key that is not kept yet. Its life ends by the wall clock, because clients refresh by theirs."""
    return StoredKey(
        id="STS." + ids.token(26),
        account=role.account,
        created_at=now,
        secret=ids.secret(44),
        role=role.id,
        role_id=role.role_id,
        session_name=session_name,
        policy=policy,
        source_identity=source_identity,
        provider=provider,
        subject=subject,
        service=service,
        post_user=post_user,
        post_role=post_role,
        token="CAIS" + ids.secret(200),
        expires_at=float(int(wall)) + duration_s,
    )


def keep_session(tx: Transaction, session: StoredKey, wall: float) -> None:
    """From now on its keys are good. Sessions that have ended go."""
    for key in tx.list(StoredKey):
        if key.expires_at is not None and key.expires_at <= wall:
            tx.delete(key)
    tx.put(session)


def trust_in_caller(role: Role, caller: Principal, value_of: ValueOf) -> TrustDecision:
    """A caller may be named itself, a session by its role, and all of an account by its root."""
    names = {caller.arn, f"acs:ram::{caller.account}:root"}
    if caller.role_id:
        names.add(f"acs:ram::{caller.account}:role/{caller.name.lower()}")
    return _decide(role, "RAM", frozenset(names), value_of)


def trust_in_provider(role: Role, arn: str, value_of: ValueOf) -> TrustDecision:
    """In the users of an identity provider. `value_of` knows what the provider said of this one (`oidc:sub`)."""
    return _decide(role, "Federated", frozenset({arn}), value_of)


def trusts_service(role: Role, service: str) -> bool:
    """Whether a product (`actiontrail.aliyuncs.com`) may act as the role. It comes from no address and at no time."""
    return _decide(role, "Service", frozenset({service}), lambda key: None).allowed


def _decide(role: Role, kind: str, names: frozenset[str], value_of: ValueOf) -> TrustDecision:
    trust = parse_trust(role.trust)
    return TrustDecision(role, trust, kind, names, value_of, trust.decide(kind, names, ASSUME, value_of))


def with_values(known: Mapping[str, str | None], value_of: ValueOf) -> ValueOf:
    """The same, but for the keys that are known."""
    return lambda key: known[key] if key in known else value_of(key)
