"""A role taken by a caller: a user, or the session of another role."""

from __future__ import annotations

import re
from typing import Final

from kowloon.actions.context import Context
from kowloon.actions.declare import Response
from kowloon.actions.decode import Request
from kowloon.actions.sessions import trust_in_caller, with_values
from kowloon.services.sts import sessions
from kowloon.services.sts.errors import INVALID, NOT_TRUSTED, ROLE_NOT_FOUND, ROOT_REFUSED, SOURCE_IDENTITY_STAYS
from kowloon.services.sts.product import sts

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
    if not decision.allowed:
        raise sessions.refusal(NOT_TRUSTED.error(), ctx, decision)
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
    )
    return AssumeRoleResponse(AssumedRoleUser=user, Credentials=credentials, SourceIdentity=source_identity)


def _source_identity(ctx: Context, req: AssumeRoleRequest) -> str:
    """Once it is said, it goes along with all sessions that follow."""
    if req.SourceIdentity and not _SOURCE_IDENTITY.fullmatch(req.SourceIdentity):
        raise INVALID.error(name="SourceIdentity")
    inherited = ctx.principal.source_identity
    if inherited and req.SourceIdentity not in ("", inherited):
        raise SOURCE_IDENTITY_STAYS.error()
    return inherited or req.SourceIdentity
