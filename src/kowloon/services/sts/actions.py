"""STS: who am I, and temporary credentials of a role (API version 2015-04-01).

Deviation: no policy evaluation beyond the trust policy's principals and the caller's system policies yet.
"""

from __future__ import annotations

import json
import re

import msgspec

from kowloon.actions.context import Context
from kowloon.actions.declare import Product, Response
from kowloon.actions.decode import Request
from kowloon.actions.errors import NO_PERMISSION
from kowloon.actions.sessions import open_session
from kowloon.core.clock import iso_seconds
from kowloon.services.sts.errors import (
    INVALID_ARN,
    INVALID_DURATION,
    INVALID_SESSION_NAME,
    NOT_TRUSTED,
    ROLE_NOT_FOUND,
    ROOT_REFUSED,
)
from kowloon.store.identity import Role, StoredKey

sts = Product("Sts", "2015-04-01", ram_code="sts", hosts=("sts",), central=True, denied=NO_PERMISSION)

_ARN = re.compile(r"acs:ram::(\d+):role/([A-Za-z0-9.-]{1,64})")
_SESSION = re.compile(r"[A-Za-z0-9.@_-]{2,64}")
_SHORTEST_S = 900


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
    if not _trusts(role, ctx.principal.account, ctx.principal.arn):
        raise NOT_TRUSTED.error()
    if not _SHORTEST_S <= req.DurationSeconds <= role.max_session_s:
        raise INVALID_DURATION.error(most_s=role.max_session_s)
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


def _trusts(role: Role, account: str, arn: str) -> bool:
    """Whether an Allow of the trust policy names the caller or the caller's account, and no Deny does."""
    allowed = False
    for statement in json.loads(role.trust)["Statement"]:
        actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
        named = statement["Principal"].get("RAM", [])
        named = named if isinstance(named, list) else [named]
        if not {"sts:AssumeRole", "sts:*", "*"} & set(actions):
            continue
        if f"acs:ram::{account}:root" in named or arn in named or "*" in named:
            if statement["Effect"] == "Deny":
                return False
            allowed = True
    return allowed


def _forget_expired(ctx: Context) -> None:
    for key in ctx.tx.list(StoredKey):
        if key.expires_at is not None and key.expires_at <= ctx.wall:
            ctx.tx.delete(key)
