"""What a denial tells its caller: AccessDeniedDetail, whose message is sealed and opened by DecodeDiagnosticMessage.

The message can be neither read nor made without the cloud's key, and another account cannot open it.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from typing import Any, ClassVar

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from kowloon.actions.ports import AccessRequest, Principal
from kowloon.core.ids import Ids
from kowloon.store.resources import Resource
from kowloon.store.store import Store
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


class DiagnosticKey(Resource, frozen=True, kw_only=True):
    """What diagnostic messages are sealed with; one per cloud, its id is `diagnostic`."""

    kind: ClassVar[str] = "ram-diagnostic-key"
    secret: str

    @property
    def cipher(self) -> AESSIV:
        return AESSIV(hashlib.sha512(self.secret.encode()).digest())


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
    store: Store,
    ids: Ids,
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
        "EncodedDiagnosticMessage": _seal(_key(store, ids), asked.principal.account, diagnosis),
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


def _key(store: Store, ids: Ids) -> DiagnosticKey:
    """Made at the first denial, and kept."""
    key = store.get(DiagnosticKey, "diagnostic")
    if key is None:
        key = DiagnosticKey(id="diagnostic", secret=ids.secret(64))
        transaction = store.begin()
        transaction.put(key)
        store.commit_now(transaction)
    return key


def _seal(key: DiagnosticKey, account: str, diagnosis: Diagnosis) -> str:
    sealed = key.cipher.encrypt(msgspec.json.encode(diagnosis), [account.encode()])
    return base64.b64encode(_VERSION + sealed).decode()


def open_message(key: DiagnosticKey | None, account: str, message: str) -> Diagnosis | None:
    """None when the message is none of this cloud, was changed, or belongs to another account."""
    try:
        raw = base64.b64decode(message, validate=True)
    except ValueError:
        return None
    if key is None or not raw.startswith(_VERSION):
        return None
    try:
        plain = key.cipher.decrypt(raw[len(_VERSION) :], [account.encode()])
    except (InvalidTag, ValueError):
        return None
    return msgspec.json.decode(plain, type=Diagnosis)
