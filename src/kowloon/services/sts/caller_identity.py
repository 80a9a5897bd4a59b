"""Who am I."""

from __future__ import annotations

from kowloon.actions.context import Context
from kowloon.actions.declare import Response
from kowloon.actions.decode import Request
from kowloon.services.sts.product import sts


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
