"""What a denial tells its caller: AccessDeniedDetail, whose message is sealed and opened by DecodeDiagnosticMessage.

The message can be neither read nor made without the cloud's secret, and another account cannot open it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from typing import Any

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from kowloon.actions.ports import AccessRequest, Principal
from kowloon.wire.policy.evaluate import CONTROL, GROUP, Policies, Rule, Verdict

# What the vendor calls a caller in a denial.
_PRINCIPAL_TYPES = {"RAMUser": "SubUser", "AssumedRoleUser": "AssumedRoleUser"}
_ENTITY_TYPES = {
    "user": "RamUser",
    "group": "RamGroup",
    "role": "RamRole",
    "folder": "ResourceDirectoryFolder",
    "account": "ResourceDirectoryAccount",
}
_SCOPES = {GROUP: "ResourceGroup", CONTROL: "ResourceDirectory"}
_VERSION = b"\x01"


class AuthPrincipal(msgspec.Struct, kw_only=True):
    AuthPrincipalType: str
    AuthPrincipalOwnerId: str
    AuthPrincipalDisplayName: str


class AuthCondition(msgspec.Struct, kw_only=True):
    ConditionKey: str
    ConditionValues: list[str]


class MatchedPolicy(msgspec.Struct, kw_only=True):
    Effect: str
    PolicyIdentifier: str
    PolicyType: str
    PolicyVersion: str
    AttachedEntityType: str
    AttachedScope: str


class Diagnosis(msgspec.Struct, kw_only=True):
    """DecodedDiagnosticMessage of the vendor."""

    ExplicitDeny: bool
    NoPermissionPolicyType: str
    AuthAction: str
    AuthResource: str
    AuthPrincipal: AuthPrincipal
    AuthConditions: list[AuthCondition]
    MatchedPolicies: list[MatchedPolicy]


def denial_detail(
    seal: DiagnosticSeal,
    asked: AccessRequest,
    policies: Policies,
    verdict: Verdict,
    values: Mapping[str, str | None],
) -> dict[str, Any]:
    """AccessDeniedDetail. `values`: the condition values that were asked for."""
    diagnosis = _diagnose(asked, policies, verdict, values)
    principal = diagnosis.AuthPrincipal
    return {
        "AuthAction": asked.action,
        "AuthPrincipalType": principal.AuthPrincipalType,
        "AuthPrincipalOwnerId": principal.AuthPrincipalOwnerId,
        "AuthPrincipalDisplayName": principal.AuthPrincipalDisplayName,
        "NoPermissionType": "ExplicitDeny" if diagnosis.ExplicitDeny else "ImplicitDeny",
        "PolicyType": verdict.kind,
        "EncodedDiagnosticMessage": seal.close(asked.principal.account, diagnosis),
    }


def _diagnose(
    asked: AccessRequest, policies: Policies, verdict: Verdict, values: Mapping[str, str | None]
) -> Diagnosis:
    names = {
        condition.key: condition.name
        for policy_set in policies.sets
        for rule in policy_set.covering(asked.action)
        for condition in rule.statement.conditions
    }
    conditions = [
        AuthCondition(ConditionKey=names[key], ConditionValues=[value])
        for key, value in values.items()
        if value is not None and key in names
    ]
    return Diagnosis(
        ExplicitDeny=verdict.is_explicit,
        NoPermissionPolicyType=verdict.kind,
        AuthAction=asked.action,
        AuthResource=asked.resource,
        AuthPrincipal=_principal(asked.principal),
        AuthConditions=conditions,
        MatchedPolicies=[_matched(verdict.rule, verdict.kind)] if verdict.rule is not None else [],
    )


def _principal(principal: Principal) -> AuthPrincipal:
    return AuthPrincipal(
        AuthPrincipalType=_PRINCIPAL_TYPES.get(principal.type, principal.type),
        AuthPrincipalOwnerId=principal.account,
        AuthPrincipalDisplayName=principal.id,
    )


def _matched(rule: Rule, kind: str) -> MatchedPolicy:
    source = rule.source
    entity = source.attached_to.partition("/")[0]
    return MatchedPolicy(
        Effect="Deny" if rule.statement.denies else "Allow",
        PolicyIdentifier=source.name,
        PolicyType=source.type,
        PolicyVersion=source.version,
        AttachedEntityType=_ENTITY_TYPES.get(entity, entity),
        AttachedScope=_SCOPES.get(kind, "Account"),
    )


# Sealing --------------------------------------------------------------------------------------------------------------


class DiagnosticSeal:
    """`secret` is the cloud's: messages can be opened as long as it stays, also after a restart."""

    def __init__(self, secret: str) -> None:
        self._cipher = AESSIV(hmac.digest(secret.encode(), b"ram-diagnosis", hashlib.sha512))

    def close(self, account: str, diagnosis: Diagnosis) -> str:
        sealed = self._cipher.encrypt(msgspec.json.encode(diagnosis), [account.encode()])
        return base64.b64encode(_VERSION + sealed).decode()

    def open(self, account: str, message: str) -> Diagnosis | None:
        """None when the message is none of this cloud, was changed, or belongs to another account."""
        try:
            raw = base64.b64decode(message, validate=True)
        except ValueError:
            return None
        if not raw.startswith(_VERSION):
            return None
        try:
            plain = self._cipher.decrypt(raw[len(_VERSION) :], [account.encode()])
        except (InvalidTag, ValueError):
            return None
        return msgspec.json.decode(plain, type=Diagnosis)
