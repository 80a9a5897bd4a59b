"""A role taken by whom an OpenID Connect issuer vouches for: a pod, a build, a user. Nobody signs that call."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from kowloon.actions.context import Context
from kowloon.actions.declare import Response
from kowloon.actions.decode import Request
from kowloon.actions.ports import Principal
from kowloon.actions.sessions import trust_in_provider, with_values
from kowloon.core.clock import iso_seconds
from kowloon.services.sts import sessions
from kowloon.services.sts.errors import (
    MISSING,
    NO_OIDC_PROVIDER,
    NOT_PERMITTED,
    OIDC_ROLE_NOT_FOUND,
    TOKEN_CONTENT,
    TOKEN_EMPTY,
)
from kowloon.services.sts.federation import Federation
from kowloon.services.sts.oidc_tokens import Claims
from kowloon.services.sts.product import sts
from kowloon.store.identity import OidcProvider

_MOST_CHARACTERS: Final = 20_000


class AssumeRoleWithOIDCRequest(Request):
    RoleSessionName: str
    OIDCProviderArn: str = ""
    OIDCToken: str = ""
    RoleArn: str = ""
    DurationSeconds: int = sessions.DEFAULT_S
    Policy: str = ""


class OIDCTokenInfo(msgspec.Struct, kw_only=True):
    Subject: str
    Issuer: str
    ClientIds: str
    IssuanceTime: str
    ExpirationTime: str
    VerificationInfo: str


class AssumeRoleWithOIDCResponse(Response):
    AssumedRoleUser: sessions.AssumedRoleUser
    Credentials: sessions.Credentials
    OIDCTokenInfo: OIDCTokenInfo


async def _verified(ports: Mapping[type, object], req: AssumeRoleWithOIDCRequest) -> tuple[OidcProvider, Claims]:
    federation = ports[Federation]
    assert isinstance(federation, Federation)
    # Files that tokens are read from end with a line break.
    token = req.OIDCToken.strip()
    if not token:
        raise TOKEN_EMPTY.error()
    if len(token) > _MOST_CHARACTERS:
        raise TOKEN_CONTENT.error()
    for name in ("OIDCProviderArn", "RoleArn"):
        if not getattr(req, name):
            raise MISSING.error(name=name)
    return await federation.oidc(req.OIDCProviderArn, token)


@sts.action(anonymous=True, prepare=_verified)
def assume_role_with_oidc(ctx: Context, req: AssumeRoleWithOIDCRequest) -> AssumeRoleWithOIDCResponse:
    provider: OidcProvider
    claims: Claims
    provider, claims = ctx.prepared
    ctx.comes_from(
        Principal(
            account=provider.account,
            type="OIDCUser",
            arn=provider.arn,
            id=claims.sub,
            name=claims.sub,
            provider=provider.arn,
            subject=claims.sub,
        )
    )
    if ctx.tx.get(OidcProvider, provider.id) is None:
        raise NO_OIDC_PROVIDER.error()
    sessions.check_session_name(req.RoleSessionName)
    role = sessions.role_of(ctx, req.RoleArn, OIDC_ROLE_NOT_FOUND.error(arn=req.RoleArn))
    # Of several audiences the one that is meant here.
    audience = next(each for each in claims.audiences if each in provider.client_ids)
    known = {"oidc:iss": claims.iss, "oidc:aud": audience, "oidc:sub": claims.sub}
    decision = trust_in_provider(role, provider.arn, with_values(known, ctx.value_of))
    if not decision.allowed:
        raise sessions.refusal(NOT_PERMITTED.error(), ctx, decision)
    sessions.check_duration(req.DurationSeconds, role.max_session_s)
    sessions.check_policy(req.Policy)
    user, credentials = sessions.begin(
        ctx,
        role,
        req.RoleSessionName,
        req.DurationSeconds,
        policy=req.Policy,
        provider=provider.arn,
        subject=claims.sub,
    )
    return AssumeRoleWithOIDCResponse(
        AssumedRoleUser=user,
        Credentials=credentials,
        OIDCTokenInfo=OIDCTokenInfo(
            Subject=claims.sub,
            Issuer=claims.iss,
            ClientIds=",".join(claims.audiences),
            IssuanceTime=iso_seconds(claims.iat),
            ExpirationTime=iso_seconds(claims.exp),
            VerificationInfo="Success",
        ),
    )
