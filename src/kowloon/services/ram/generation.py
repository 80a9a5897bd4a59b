"""A policy with no more rights than were used: out of the calls that were seen."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from kowloon.services.ram import quotas
from kowloon.services.ram.decisions import FREE, DecisionLog
from kowloon.wire.policy import document, evaluate
from kowloon.wire.policy.evaluate import IDENTITY, Policies, PolicySet, Source


class Denied(msgspec.Struct, kw_only=True):
    """A call that was seen and that the generated policies do not allow; `times` of the action in all."""

    principal: str
    action: str
    resource: str
    times: int


class Generated(msgspec.Struct, kw_only=True):
    """`policies`: documents, several where one would be too long for the vendor."""

    policies: list[dict[str, Any]]
    denied: list[Denied]
    actions: int
    calls: int


def generate(log: DecisionLog, principal: str = "") -> Generated:
    """Out of what was allowed, of one identity when its ARN is given."""
    used: dict[str, set[str]] = {}
    calls = 0
    for _, action, observed in log.observed(principal):
        if observed.allowed and action not in FREE:
            used.setdefault(action, set()).update(observed.allowed_on.patterns)
            calls += observed.allowed
    policies = _packed(_statements(used))
    return Generated(policies=policies, denied=_denied(log, principal, policies), actions=len(used), calls=calls)


def _statements(used: dict[str, set[str]]) -> list[dict[str, Any]]:
    """Actions on the same resources are one statement."""
    by_resources: dict[tuple[str, ...], list[str]] = {}
    for action, resources in sorted(used.items()):
        by_resources.setdefault(tuple(sorted(resources)), []).append(action)
    return [
        {"Effect": "Allow", "Action": actions, "Resource": list(resources)}
        for resources, actions in sorted(by_resources.items(), key=lambda item: item[1])
    ]


def _packed(statements: list[dict[str, Any]]) -> list[dict[str, Any]]:
    policies: list[dict[str, Any]] = []
    for statement in statements:
        if policies:
            fuller = {"Version": "1", "Statement": [*policies[-1]["Statement"], statement]}
            if len(json.dumps(fuller, indent=2)) <= quotas.POLICY_CHARACTERS:
                policies[-1] = fuller
                continue
        policies.append({"Version": "1", "Statement": [statement]})
    return policies


def _denied(log: DecisionLog, principal: str, policies: list[dict[str, Any]]) -> list[Denied]:
    parsed = [(Source(f"generated-{at}"), document.parse_policy(json.dumps(text))) for at, text in enumerate(policies)]
    generated = Policies(PolicySet(IDENTITY, parsed))
    return [
        Denied(principal=arn, action=action, resource=resource, times=observed.denied)
        for arn, action, observed in log.observed(principal)
        if action not in FREE
        for resource in observed.denied_on.patterns
        if not evaluate.decide(generated, action, resource, lambda key: None).allowed
    ]
