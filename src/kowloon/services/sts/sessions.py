"""What all ways to assume a role have in common: which role, for how long, with which policy, and the answer."""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec

from kowloon.actions.context import Context
from kowloon.actions.sessions import ASSUME, TrustDecision, TrustLog, keep_session, open_session
from kowloon.core.clock import iso_seconds
from kowloon.core.errors import ApiError
from kowloon.services.sts.errors import INVALID, INVALID_DURATION, POLICY_GRAMMAR, POLICY_SIZE
from kowloon.store.identity import Role
from kowloon.wire.policy.document import parse_policy
from kowloon.wire.policy.syntax import PolicyError

DEFAULT_S: Final = 3600
_SHORTEST_S: Final = 900
_ARN: Final = re.compile(r"acs:ram::(\d+):role/([A-Za-z0-9.-]{1,64})")
_SESSION: Final = re.compile(r"[A-Za-z0-9.@_-]{2,64}")
_MOST_POLICY_CHARACTERS: Final = 2048


class AssumedRoleUser(msgspec.Struct, kw_only=True):
    Arn: str
    AssumedRoleId: str


class Credentials(msgspec.Struct, kw_only=True):
    AccessKeyId: str
    AccessKeySecret: str
    SecurityToken: str
    Expiration: str


def role_of(ctx: Context, arn: str, missing: ApiError) -> Role:
    """The role with that ARN, in whichever account; `missing` when there is none."""
    match = _ARN.fullmatch(arn)
    if match is None:
        raise INVALID.error(name="RoleArn")
    account, name = match.groups()
    role = ctx.tx.get(Role, f"{account}:{name.lower()}")
    if role is None:
        raise missing
    return role


def check_session_name(name: str) -> None:
    if not _SESSION.fullmatch(name):
        raise INVALID.error(name="RoleSessionName")


def check_duration(seconds: int, most_s: int) -> None:
    if not _SHORTEST_S <= seconds <= most_s:
        raise INVALID_DURATION.error(most_s=most_s)


def check_policy(policy: str) -> None:
    """Empty: the session has none."""
    if len(policy) > _MOST_POLICY_CHARACTERS:
        raise POLICY_SIZE.error(most=_MOST_POLICY_CHARACTERS)
    try:
        if policy:
            parse_policy(policy)
    except PolicyError:
        raise POLICY_GRAMMAR.error() from None


def begin(ctx: Context, role: Role, name: str, duration_s: int, **more: Any) -> tuple[AssumedRoleUser, Credentials]:
    """`more`: as open_session takes it."""
    key = open_session(ctx.ids, role, name, duration_s, now=ctx.now, wall=ctx.wall, **more)
    keep_session(ctx.tx, key, ctx.wall)
    return (
        AssumedRoleUser(
            Arn=f"acs:ram::{role.account}:assumed-role/{role.name.lower()}/{name}",
            AssumedRoleId=f"{role.role_id}:{name}",
        ),
        Credentials(
            AccessKeyId=key.id,
            AccessKeySecret=key.secret,
            SecurityToken=key.token,
            Expiration=iso_seconds(key.expires_at or 0.0),
        ),
    )


def refusal(error: ApiError, ctx: Context, decision: TrustDecision) -> ApiError:
    """It is the role's trust policy that says no."""
    caller = ctx.principal
    ctx.port(TrustLog).note_refusal(ctx.request_id, caller, decision)  # type: ignore[type-abstract]
    error.detail = {
        "AuthAction": ASSUME,
        "AuthPrincipalType": "SubUser" if caller.type == "RAMUser" else caller.type,
        "AuthPrincipalOwnerId": caller.account,
        "AuthPrincipalDisplayName": caller.id,
        "NoPermissionType": "ImplicitDeny" if decision.verdict.statement is None else "ExplicitDeny",
        "PolicyType": "AssumeRolePolicy",
    }
    return error
