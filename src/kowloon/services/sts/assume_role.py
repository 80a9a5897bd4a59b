"""A role taken by a caller: a user, or the session of another role."""

from __future__ import annotations

import re
from typing import Final

from kowloon.actions.context import Context
from kowloon.actions.declare import Response
from kowloon.actions.decode import Request
from kowloon.actions.ports import Standing
from kowloon.actions.sessions import DUTY, trust_in_caller, trusts_service, with_values
from kowloon.services.sts import sessions
from kowloon.services.sts.errors import INVALID, NOT_TRUSTED, ROLE_NOT_FOUND, ROOT_REFUSED, SOURCE_IDENTITY_STAYS
from kowloon.services.sts.product import sts
from kowloon.store.identity import Role

# The session of a role that another session took.
_LONGEST_CHAINED_S: Final = 3600
_EXTERNAL_ID: Final = re.compile(r"[\w+=,.@:/-]{2,1224}", re.ASCII)
_SOURCE_IDENTITY: Final = re.compile(r"[\w+=,.@-]{2,64}", re.ASCII)


class AssumeRoleRequest(Request):
    RoleArn: str
    RoleSessionName: str
    DurationSeconds: int = sessions.DEFAULT_S
    Policy: str = ""
    ExternalId: str = ""
    SourceIdentity: str = ""


class AssumeRoleResponse(Response):
    AssumedRoleUser: sessions.AssumedRoleUser
    Credentials: sessions.Credentials
    SourceIdentity: str


@sts.action(resource="{RoleArn}")
def assume_role(ctx: Context, req: AssumeRoleRequest) -> AssumeRoleResponse:
    """The caller's policies have allowed it by now; the role's trust policy must, too."""
    sessions.check_session_name(req.RoleSessionName)
    if req.ExternalId and not _EXTERNAL_ID.fullmatch(req.ExternalId):
        raise INVALID.error(name="ExternalId")
    if ctx.principal.is_root:
        raise ROOT_REFUSED.error()
    role = sessions.role_of(ctx, req.RoleArn, ROLE_NOT_FOUND.error())
    source_identity = _source_identity(ctx, req)
    known = {
        "acs:sourceidentity": ctx.principal.source_identity or None,
        "sts:sourceidentity": source_identity or None,
    }
    decision = trust_in_caller(role, ctx.principal, with_values(known, ctx.value_of))
    post_user, post_role = ctx.principal.post_user, ctx.principal.post_role
    if not decision.allowed:
        if not _has_by_post(ctx, role):
            raise sessions.refusal(NOT_TRUSTED.error(), ctx, decision)
        post_user, post_role = f"{ctx.account}:{ctx.principal.name}", role.id
    chained = bool(ctx.principal.role_id)
    sessions.check_duration(
        req.DurationSeconds, min(role.max_session_s, _LONGEST_CHAINED_S) if chained else role.max_session_s
    )
    sessions.check_policy(req.Policy)
    user, credentials = sessions.begin(
        ctx,
        role,
        req.RoleSessionName,
        req.DurationSeconds,
        policy=req.Policy,
        source_identity=source_identity,
        post_user=post_user,
        post_role=post_role,
    )
    return AssumeRoleResponse(AssumedRoleUser=user, Credentials=credentials, SourceIdentity=source_identity)


def _has_by_post(ctx: Context, role: Role) -> bool:
    """Whether the caller holds a post that gives the role, and the role is one that duty may give. The session ends
    with the tenure, to the second."""
    if ctx.principal.type != "RAMUser" or not trusts_service(role, DUTY):
        return False
    standing = ctx.port(Standing)  # type: ignore[type-abstract]
    return bool(standing.post_of(f"{ctx.account}:{ctx.principal.name}", role.id))


def _source_identity(ctx: Context, req: AssumeRoleRequest) -> str:
    """Once it is said, it goes along with all sessions that follow."""
    if req.SourceIdentity and not _SOURCE_IDENTITY.fullmatch(req.SourceIdentity):
        raise INVALID.error(name="SourceIdentity")
    inherited = ctx.principal.source_identity
    if inherited and req.SourceIdentity not in ("", inherited):
        raise SOURCE_IDENTITY_STAYS.error()
    return inherited or req.SourceIdentity
