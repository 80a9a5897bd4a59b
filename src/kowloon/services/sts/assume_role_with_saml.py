"""A role taken by whom a SAML identity provider vouches for. Nobody signs that call; an assertion is good for one."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Final

import msgspec

from kowloon.actions.context import Context
from kowloon.actions.declare import Response
from kowloon.actions.decode import Request
from kowloon.actions.ports import Principal
from kowloon.actions.sessions import trust_in_provider, with_values
from kowloon.services.sts import sessions
from kowloon.services.sts.errors import (
    ASSERTION_INVALID,
    INVALID,
    MISSING,
    NO_SAML_PROVIDER,
    NOT_PERMITTED,
    SAML_ROLE_NOT_FOUND,
)
from kowloon.services.sts.federation import Federation
from kowloon.services.sts.product import sts
from kowloon.services.sts.resources import UsedAssertion
from kowloon.services.sts.saml_assertions import Assertion
from kowloon.store.identity import SamlProvider

_ATTRIBUTES: Final = "https://www.aliyun.com/SAML-Role/Attributes/"


class AssumeRoleWithSAMLRequest(Request):
    SAMLProviderArn: str = ""
    SAMLAssertion: str = ""
    RoleArn: str = ""
    DurationSeconds: int | None = None
    Policy: str = ""


class SAMLAssertionInfo(msgspec.Struct, kw_only=True):
    Subject: str
    SubjectType: str
    Recipient: str
    Issuer: str


class AssumeRoleWithSAMLResponse(Response):
    AssumedRoleUser: sessions.AssumedRoleUser
    Credentials: sessions.Credentials
    SAMLAssertionInfo: SAMLAssertionInfo


async def _verified(ports: Mapping[type, object], req: AssumeRoleWithSAMLRequest) -> tuple[SamlProvider, Assertion]:
    federation = ports[Federation]
    assert isinstance(federation, Federation)
    for name in ("SAMLAssertion", "SAMLProviderArn", "RoleArn"):
        if not getattr(req, name):
            raise MISSING.error(name=name)
    return await federation.saml(req.SAMLProviderArn, req.SAMLAssertion)


@sts.action(anonymous=True, prepare=_verified)
def assume_role_with_saml(ctx: Context, req: AssumeRoleWithSAMLRequest) -> AssumeRoleWithSAMLResponse:
    provider: SamlProvider
    assertion: Assertion
    provider, assertion = ctx.prepared
    ctx.comes_from(
        Principal(
            account=provider.account,
            type="SAMLUser",
            arn=provider.arn,
            id=assertion.subject,
            name=assertion.subject,
            provider=provider.arn,
            subject=assertion.subject,
        )
    )
    if ctx.tx.get(SamlProvider, provider.id) is None:
        raise NO_SAML_PROVIDER.error()
    if (req.RoleArn, provider.arn) not in _roles(assertion):
        raise ASSERTION_INVALID.error()
    role = sessions.role_of(ctx, req.RoleArn, SAML_ROLE_NOT_FOUND.error())
    known = {"saml:recipient": assertion.recipient, "saml:issuer": assertion.issuer}
    decision = trust_in_provider(role, provider.arn, with_values(known, ctx.value_of))
    if not decision.allowed:
        raise sessions.refusal(NOT_PERMITTED.error(), ctx, decision)
    name = _attribute(assertion, "RoleSessionName")
    sessions.check_session_name(name)
    duration_s = _duration_s(req, assertion)
    sessions.check_duration(duration_s, role.max_session_s)
    sessions.check_policy(req.Policy)
    _use(ctx, provider, assertion)
    user, credentials = sessions.begin(
        ctx, role, name, duration_s, policy=req.Policy, provider=provider.arn, subject=assertion.subject
    )
    return AssumeRoleWithSAMLResponse(
        AssumedRoleUser=user,
        Credentials=credentials,
        SAMLAssertionInfo=SAMLAssertionInfo(
            Subject=assertion.subject,
            SubjectType=assertion.subject_type,
            Recipient=assertion.recipient,
            Issuer=assertion.issuer,
        ),
    )


def _roles(assertion: Assertion) -> set[tuple[str, str]]:
    """The pairs of a role and a provider that it offers, each written `role ARN,provider ARN`."""
    pairs = [value.partition(",") for value in assertion.attributes.get(f"{_ATTRIBUTES}Role", ())]
    return {(role.strip(), provider.strip()) for role, _, provider in pairs}


def _attribute(assertion: Assertion, name: str) -> str:
    values = assertion.attributes.get(_ATTRIBUTES + name, ())
    return values[0] if len(values) == 1 else ""


def _duration_s(req: AssumeRoleWithSAMLRequest, assertion: Assertion) -> int:
    if req.DurationSeconds is not None:
        return req.DurationSeconds
    told = _attribute(assertion, "SessionDuration")
    if not told:
        return sessions.DEFAULT_S
    if not (told.isascii() and told.isdigit() and len(told) < 10):
        raise INVALID.error(name="DurationSeconds")
    return int(told)


def _use(ctx: Context, provider: SamlProvider, assertion: Assertion) -> None:
    for earlier in ctx.tx.list(UsedAssertion):
        if earlier.ends_at <= ctx.wall:
            ctx.tx.delete(earlier)
    id = hashlib.sha256(f"{provider.id}\n{assertion.id}".encode()).hexdigest()
    if ctx.tx.get(UsedAssertion, id) is not None:
        raise ASSERTION_INVALID.error()
    ctx.tx.put(UsedAssertion(id=id, account=provider.account, created_at=ctx.now, ends_at=assertion.ends_at))
