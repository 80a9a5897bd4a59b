"""The system policies that exist so far, and the thin decision over them. Custom policies come with identity proper."""

from __future__ import annotations

import json
import re
from typing import Any

from kowloon.actions.ports import AccessRequest, Decision, Principal
from kowloon.services.ram.errors import MALFORMED_POLICY
from kowloon.store.identity import PolicyAttachment
from kowloon.store.store import Store

_READS = ("Describe", "Get", "List", "Query")

_DECISIONS_KEPT = 10_000

# Policy name -> (RAM codes it covers, or None for all; whether only reads).
SYSTEM_POLICIES: dict[str, tuple[frozenset[str] | None, bool]] = {
    "AdministratorAccess": (None, False),
    "ReadOnlyAccess": (None, True),
    "AliyunECSFullAccess": (frozenset({"ecs"}), False),
    "AliyunECSReadOnlyAccess": (frozenset({"ecs"}), True),
    "AliyunVPCFullAccess": (frozenset({"vpc"}), False),
    "AliyunVPCReadOnlyAccess": (frozenset({"vpc"}), True),
    "AliyunSLBFullAccess": (frozenset({"slb"}), False),
    "AliyunSLBReadOnlyAccess": (frozenset({"slb"}), True),
    "AliyunRDSFullAccess": (frozenset({"rds"}), False),
    "AliyunRDSReadOnlyAccess": (frozenset({"rds"}), True),
    "AliyunOSSFullAccess": (frozenset({"oss"}), False),
    "AliyunOSSReadOnlyAccess": (frozenset({"oss"}), True),
    "AliyunRAMFullAccess": (frozenset({"ram"}), False),
    "AliyunSTSAssumeRoleAccess": (frozenset({"sts"}), False),
}


class AttachedPolicies:
    """An Authorizer: root may all, users and roles what their attached system policies say."""

    def __init__(self, store: Store) -> None:
        self._store = store
        # What was decided, while nothing changes: a system policy says the same of every resource.
        self._decided: dict[tuple[str, str, str], Decision] = {}
        self._generation = -1

    def decide(self, asked: AccessRequest) -> Decision:
        principal, action = asked.principal, asked.action
        if principal.is_root:
            return Decision(allowed=True, reason="root of the account")
        if action == "sts:GetCallerIdentity":
            return Decision(allowed=True, reason="everyone may ask who they are")
        generation = self._store.generation
        if generation != self._generation or len(self._decided) >= _DECISIONS_KEPT:
            self._decided.clear()
            self._generation = generation
        known = (principal.account, principal.id, action)
        decision = self._decided.get(known)
        if decision is None:
            decision = self._decided[known] = self._decide(principal, action)
        return decision

    def _decide(self, principal: Principal, action: str) -> Decision:
        product, _, name = action.partition(":")
        entity = _entity(principal)
        for attachment in self._store.list(PolicyAttachment, account=principal.account):
            if attachment.entity != entity:
                continue
            covered, reads_only = SYSTEM_POLICIES[attachment.policy_name]
            if (covered is None or product in covered) and (not reads_only or name.startswith(_READS)):
                return Decision(allowed=True, reason=f"System/{attachment.policy_name} on {entity}")
        return Decision(allowed=False, reason=f"nothing on {entity} allows {action}", detail=_detail(principal, action))


def _entity(principal: Principal) -> str:
    return f"role/{principal.name.lower()}" if principal.type == "AssumedRoleUser" else f"user/{principal.name}"


def _detail(principal: Principal, action: str) -> dict[str, Any]:
    kinds = {"RAMUser": "SubUser", "AssumedRoleUser": "AssumedRoleUser"}
    return {
        "AuthAction": action,
        "AuthPrincipalType": kinds.get(principal.type, principal.type),
        "AuthPrincipalOwnerId": principal.account,
        "AuthPrincipalDisplayName": principal.id,
        "NoPermissionType": "ImplicitDeny",
        "PolicyType": "AccountLevelIdentityBasedPolicy",
    }


def parse_trust(document: str) -> list[dict[str, Any]]:
    """The statements of a trust policy, or MalformedPolicyDocument with the reason."""
    try:
        policy = json.loads(document)
    except (ValueError, RecursionError):
        raise MALFORMED_POLICY.error(why="it is not JSON.") from None
    statements = policy.get("Statement") if isinstance(policy, dict) else None
    if not isinstance(statements, list) or not statements or policy.get("Version") != "1":
        raise MALFORMED_POLICY.error(why='it needs "Version": "1" and a list "Statement".')
    for statement in statements:
        if not isinstance(statement, dict) or statement.get("Effect") not in ("Allow", "Deny"):
            raise MALFORMED_POLICY.error(why='each statement needs "Effect": "Allow" or "Deny".')
        if not isinstance(statement.get("Principal"), dict) or "Action" not in statement:
            raise MALFORMED_POLICY.error(why='each statement needs "Principal" and "Action".')
    return statements


ROLE_NAME = re.compile(r"[A-Za-z0-9.-]{1,64}")
