"""STS: who am I, and temporary credentials of a role (API version 2015-04-01)."""

from __future__ import annotations

import re

import msgspec

from kowloon.actions.context import Context
from kowloon.actions.declare import Product, Response
from kowloon.actions.decode import Request
from kowloon.actions.errors import NO_PERMISSION
from kowloon.actions.ports import Principal
from kowloon.actions.sessions import open_session, trusts_caller
from kowloon.core.clock import iso_seconds
from kowloon.core.errors import ApiError
from kowloon.services.sts.errors import (
    INVALID_ARN,
    INVALID_DURATION,
    INVALID_SESSION_NAME,
    NOT_TRUSTED,
    POLICY_GRAMMAR,
    POLICY_SIZE,
    ROLE_NOT_FOUND,
    ROOT_REFUSED,
)
from kowloon.store.identity import Role, StoredKey
from kowloon.wire.policy.document import parse_policy
from kowloon.wire.policy.syntax import PolicyError

sts = Product(
    "Sts",
    "2015-04-01",
    ram_code="sts",
    hosts=("sts",),
    central=True,
    denied=NO_PERMISSION,
    condition_keys={"sts:externalid": "ExternalId"},
)

_ARN = re.compile(r"acs:ram::(\d+):role/([A-Za-z0-9.-]{1,64})")
_SESSION = re.compile(r"[A-Za-z0-9.@_-]{2,64}")
_SHORTEST_S = 900
_MOST_POLICY_CHARACTERS = 2048


class GetCallerIdentityRequest(Request):
    pass


class GetCallerIdentityResponse(Response):
    AccountId: str
    Arn: str
    IdentityType: str
    PrincipalId: str
    UserId: str = ""
    RoleId: str = ""


@sts.action()
def get_caller_identity(ctx: Context, req: GetCallerIdentityRequest) -> GetCallerIdentityResponse:
    caller = ctx.principal
    return GetCallerIdentityResponse(
        AccountId=caller.account,
        Arn=caller.arn,
        IdentityType=caller.type,
        PrincipalId=caller.id,
        UserId="" if caller.role_id else caller.id,
        RoleId=caller.role_id,
    )


class AssumeRoleRequest(Request):
    RoleArn: str
    RoleSessionName: str
    DurationSeconds: int = 3600
    Policy: str = ""
    ExternalId: str = ""


class AssumedRoleUser(msgspec.Struct, kw_only=True):
    Arn: str
    AssumedRoleId: str


class Credentials(msgspec.Struct, kw_only=True):
    AccessKeyId: str
    AccessKeySecret: str
    SecurityToken: str
    Expiration: str


class AssumeRoleResponse(Response):
    AssumedRoleUser: AssumedRoleUser
    Credentials: Credentials


@sts.action(resource="{RoleArn}")
def assume_role(ctx: Context, req: AssumeRoleRequest) -> AssumeRoleResponse:
    arn = _ARN.fullmatch(req.RoleArn)
    if arn is None:
        raise INVALID_ARN.error()
    if not _SESSION.fullmatch(req.RoleSessionName):
        raise INVALID_SESSION_NAME.error()
    if ctx.principal.is_root:
        raise ROOT_REFUSED.error()
    account, name = arn.groups()
    role = ctx.tx.get(Role, f"{account}:{name.lower()}")
    if role is None:
        raise ROLE_NOT_FOUND.error()
    if not trusts_caller(role, ctx.principal, ctx.value_of):
        raise _refuse(ctx.principal)
    if not _SHORTEST_S <= req.DurationSeconds <= role.max_session_s:
        raise INVALID_DURATION.error(most_s=role.max_session_s)
    if req.Policy:
        _check_policy(req.Policy)
    _forget_expired(ctx)
    key = open_session(
        ctx.ids, role, req.RoleSessionName, req.DurationSeconds, now=ctx.now, wall=ctx.wall, policy=req.Policy
    )
    ctx.tx.put(key)
    return AssumeRoleResponse(
        AssumedRoleUser=AssumedRoleUser(
            Arn=f"acs:ram::{role.account}:assumed-role/{role.name.lower()}/{req.RoleSessionName}",
            AssumedRoleId=f"{role.role_id}:{req.RoleSessionName}",
        ),
        Credentials=Credentials(
            AccessKeyId=key.id,
            AccessKeySecret=key.secret,
            SecurityToken=key.token,
            Expiration=iso_seconds(key.expires_at or 0.0),
        ),
    )


def _check_policy(policy: str) -> None:
    if len(policy) > _MOST_POLICY_CHARACTERS:
        raise POLICY_SIZE.error(most=_MOST_POLICY_CHARACTERS)
    try:
        parse_policy(policy)
    except PolicyError:
        raise POLICY_GRAMMAR.error() from None


def _refuse(caller: Principal) -> ApiError:
    """It is the role's trust policy that says no."""
    error = NOT_TRUSTED.error()
    error.detail = {
        "AuthAction": "sts:AssumeRole",
        "AuthPrincipalType": "AssumedRoleUser" if caller.role_id else "SubUser",
        "AuthPrincipalOwnerId": caller.account,
        "AuthPrincipalDisplayName": caller.id,
        "NoPermissionType": "ImplicitDeny",
        "PolicyType": "AssumeRolePolicy",
    }
    return error


def _forget_expired(ctx: Context) -> None:
    for key in ctx.tx.list(StoredKey):
        if key.expires_at is not None and key.expires_at <= ctx.wall:
            ctx.tx.delete(key)
