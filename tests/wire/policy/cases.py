"""Random policies and requests that meet often enough to say something."""

from __future__ import annotations

import json
import random
from collections import Counter
from typing import Any, NamedTuple

from kowloon.wire.policy.document import parse_policy
from kowloon.wire.policy.evaluate import CONTROL, GROUP, IDENTITY, SESSION, Policies, PolicySet, Source, always, decide
from tests.wire.policy import naive

ACTIONS = [
    "ecs:RunInstances",
    "ecs:StopInstances",
    "ECS:DescribeInstances",
    "vpc:CreateVpc",
    "oss:GetObject",
    "ram:GetUser",
]
ACTION_PATTERNS = [
    *ACTIONS,
    "*",
    "ecs:*",
    "*:Describe*",
    "*:Get*",
    "ecs:*Instances",
    "e?s:Stop*",
    "vpc:*",
    "oss:Get*t",
    "ecs:?top*ces",
]
RESOURCES = [
    "acs:ecs:cn-hongkong:123:instance/i-1",
    "acs:ecs:cn-hongkong:123:instance/i-22",
    "acs:ecs:cn-hongkong:123:instance/*",
    "acs:ecs:cn-shanghai:123:instance/i-1",
    "acs:vpc:cn-hongkong:123:vpc/vpc-1",
    "acs:oss:cn-hongkong:123:logs/2024/a:b.txt",
    "acs:ram:*:123:user/alice",
    "*",
]
RESOURCE_PATTERNS = [
    *RESOURCES,
    "acs:ecs:*:*:instance/*",
    "acs:ecs:cn-*:123:instance/i-?",
    "acs:ecs::123:*",
    "acs:*:cn-hongkong:*:*",
    "acs:*:*:*:*",
    "acs:oss:*:*:logs/*/a*txt",
    "acs:ecs:*:12?:instance/i-*2",
    "acs:ram::*:user/al*e",
    "acs:vpc:cn-*ong*:1*3:*/vpc-1",
]
VALUES: dict[str, list[str]] = {
    "acs:sourceip": ["10.0.0.1", "192.168.1.7", "2001:db8::1", "somewhere"],
    "acs:securetransport": ["true", "false"],
    "acs:currenttime": ["2024-05-01T00:00:00Z", "2024-06-01T12:00:00Z", "2025-01-01T00:00:00Z"],
    "acs:mfapresent": ["true", "false"],
    "acs:principalarn": ["acs:ram::123:user/alice", "acs:ram::123:role/ops"],
    "acs:requesttag/Team": ["dev", "Ops", ""],
    "acs:resourcetag/Team": ["dev", "Ops", "d*v"],
    "oss:maxkeys": ["1", "100", "1000", "many"],
}
NAMES = {
    "acs:sourceip": "acs:SourceIp",
    "acs:securetransport": "acs:SecureTransport",
    "acs:currenttime": "acs:CurrentTime",
    "acs:mfapresent": "acs:MFAPresent",
    "acs:principalarn": "acs:PrincipalARN",
    "acs:requesttag/Team": "acs:RequestTag/Team",
    "acs:resourcetag/Team": "ACS:ResourceTag/Team",
    "oss:maxkeys": "oss:MaxKeys",
}
_SIGNS = ["Equals", "NotEquals", "LessThan", "LessThanEquals", "GreaterThan", "GreaterThanEquals"]
_STRINGS = [
    "StringEquals",
    "StringNotEquals",
    "StringEqualsIgnoreCase",
    "StringNotEqualsIgnoreCase",
    "StringLike",
    "StringNotLike",
]
_PATTERNS = ["*", "d*", "?ps", "dev", "DEV", "acs:ram::*:user/*", "*O?s*", "10.*"]


class Case(NamedTuple):
    identity: list[Any]
    session: Any | None
    control: list[list[Any]]
    group: list[Any] | None


def random_case(luck: random.Random) -> Case:
    return Case(
        identity=[_policy(luck) for _ in range(luck.randint(0, 3))],
        session=_policy(luck) if luck.random() < 0.25 else None,
        control=[[_policy(luck) for _ in range(luck.randint(1, 2))] for _ in range(luck.choice([0, 0, 0, 1, 2]))],
        group=[_policy(luck) for _ in range(luck.randint(1, 2))] if luck.random() < 0.3 else None,
    )


def random_request(luck: random.Random) -> naive.Request:
    context = {key: luck.choice(values) for key, values in VALUES.items() if luck.random() < 0.7}
    return {"action": luck.choice(ACTIONS), "resource": luck.choice(RESOURCES), "context": context}


def _policy(luck: random.Random) -> Any:
    return {"Version": "1", "Statement": [_statement(luck) for _ in range(luck.randint(1, 3))]}


def _statement(luck: random.Random) -> Any:
    statement: dict[str, Any] = {
        "Effect": luck.choice(["Allow", "Allow", "Allow", "Deny"]),
        "NotAction" if luck.random() < 0.1 else "Action": _some(luck, ACTION_PATTERNS),
        "NotResource" if luck.random() < 0.1 else "Resource": _some(luck, RESOURCE_PATTERNS),
    }
    if luck.random() < 0.4:
        statement["Condition"] = _conditions(luck)
    return statement


def _some(luck: random.Random, choices: list[str]) -> Any:
    chosen = luck.sample(choices, luck.randint(1, 3))
    return chosen if len(chosen) > 1 or luck.random() < 0.5 else chosen[0]


def _conditions(luck: random.Random) -> Any:
    conditions: dict[str, dict[str, Any]] = {}
    for _ in range(luck.randint(1, 2)):
        key = luck.choice(list(VALUES))
        operator, wanted = _operator(luck, key)
        conditions.setdefault(operator, {})[NAMES[key]] = wanted if len(wanted) > 1 else wanted[0]
    return conditions


def _operator(luck: random.Random, key: str) -> tuple[str, list[Any]]:
    count = luck.randint(1, 2)
    if key == "acs:sourceip":
        networks = ["10.0.0.0/8", "192.168.1.7", "192.168.0.0/255.255.0.0", "2001:db8::/32", "10.0.0.5/31", "0.0.0.0/0"]
        return luck.choice(["IpAddress", "NotIpAddress"]), luck.sample(networks, count)
    if key in ("acs:securetransport", "acs:mfapresent"):
        return "Bool", [luck.choice(["true", "false", "True", True, False])]
    if key == "acs:currenttime":
        return f"Date{luck.choice(_SIGNS)}", luck.sample(VALUES[key], count)
    if key == "oss:maxkeys":
        return f"Numeric{luck.choice(_SIGNS)}", luck.sample([1, "50", 100, "1000", "-3"], count)
    return luck.choice(_STRINGS), luck.sample([*VALUES[key], *_PATTERNS], count)


def real_policies(case: Case) -> Policies:
    def made(kind: str, documents: list[Any]) -> PolicySet:
        return PolicySet(kind, [(Source(str(at)), parse_policy(json.dumps(text))) for at, text in enumerate(documents)])

    return Policies(
        made(IDENTITY, case.identity),
        made(SESSION, [case.session]) if case.session is not None else None,
        tuple([made(CONTROL, level) for level in case.control]),
        made(GROUP, case.group) if case.group is not None else None,
    )


def real_answer(policies: Policies, request: naive.Request) -> str:
    """In the words of the naive evaluator. What is said whatever the request is like is said of this one, too."""
    verdict = decide(policies, request["action"], request["resource"], request["context"].get)
    settled = always(policies, request["action"])
    if settled is not None and settled != verdict:
        return f"always {settled}"
    if verdict.allowed:
        return "Allow"
    return f"{verdict.kind} {'ExplicitDeny' if verdict.is_explicit else 'ImplicitDeny'}"


def differences(seed: int, count: int) -> tuple[list[tuple[Case, naive.Request]], Counter[str]]:
    """The cases of which the two think differently, and how often each answer came. Ten requests to one case."""
    luck = random.Random(seed)
    different: list[tuple[Case, naive.Request]] = []
    answers: Counter[str] = Counter()
    for _ in range(count // 10):
        case = random_case(luck)
        policies = real_policies(case)
        for _ in range(10):
            request = random_request(luck)
            wanted = naive.decide(*case, request)
            answers[wanted] += 1
            if real_answer(policies, request) != wanted:
                different.append((case, request))
    return different, answers
