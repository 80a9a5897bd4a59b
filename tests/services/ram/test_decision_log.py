"""What is remembered of decisions: bounded, and enough to explain them and to write a policy."""

from __future__ import annotations

import json
from typing import Any

from kowloon.actions.ports import Principal
from kowloon.services.ram.decisions import DecisionLog, Record
from kowloon.services.ram.generation import generate

ALICE = Principal(account="1", type="RAMUser", arn="acs:ram::1:user/alice", id="2", name="alice")
SESSION = Principal(account="1", type="AssumedRoleUser", arn="acs:ram::1:assumed-role/ci/x", id="3:x", name="CI")


def note(log: DecisionLog, action: str, resource: str, allowed: bool = True, **more: Any) -> None:
    principal, request_id = more.get("principal", ALICE), more.get("request_id", "R")
    log.note(principal, Record(request_id, principal.arn, action, resource, "because", allowed, None, None, {}))


def test_allowed_calls_do_not_push_denials_out() -> None:
    log = DecisionLog()
    note(log, "ecs:StopInstance", "r", allowed=False, request_id="D")
    for number in range(1500):
        note(log, "ecs:StopInstance", "r", request_id=f"A{number}")
    assert [record.allowed for record in log.of_request("D")] == [False]
    assert log.of_request("A499") == []
    assert len(log.of_request("A500")) == 1
    log.clear()
    assert log.of_request("D") == []
    assert generate(log).policies == []


def test_a_policy_has_what_was_used_and_tells_what_it_denies() -> None:
    log = DecisionLog()
    for _ in range(3):
        note(log, "ecs:StopInstance", "acs:ecs:cn:1:instance/i-1")
    note(log, "ecs:StartInstance", "acs:ecs:cn:1:instance/i-1")
    note(log, "vpc:DescribeVpcs", "acs:vpc:cn:1:vpc/*", principal=SESSION)
    note(log, "ecs:DeleteInstance", "acs:ecs:cn:1:instance/i-1", allowed=False)
    note(log, "ecs:StopInstance", "acs:ecs:cn:1:instance/i-1", allowed=False)
    note(log, "sts:GetCallerIdentity", "*")
    made = generate(log)
    assert made.policies == [
        {
            "Version": "1",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Action": ["ecs:StartInstance", "ecs:StopInstance"],
                    "Resource": ["acs:ecs:cn:1:instance/i-1"],
                },
                {"Effect": "Allow", "Action": ["vpc:DescribeVpcs"], "Resource": ["acs:vpc:cn:1:vpc/*"]},
            ],
        }
    ]
    assert (made.actions, made.calls) == (3, 5)
    assert [(row.principal, row.action, row.times) for row in made.denied] == [(ALICE.arn, "ecs:DeleteInstance", 1)]
    role = generate(log, "acs:ram::1:role/ci")
    assert [statement["Action"] for statement in role.policies[0]["Statement"]] == [["vpc:DescribeVpcs"]]
    assert role.denied == []


def test_many_resources_become_what_they_begin_with() -> None:
    log = DecisionLog()
    for number in range(500):
        note(log, "oss:GetObject", f"acs:oss:cn:1:logs/2024/{number}.txt")
    assert generate(log).policies[0]["Statement"][0]["Resource"] == ["acs:oss:cn:1:logs/2024/*"]
    note(log, "oss:GetObject", "acs:oss:cn:1:logs/2023/1.txt")
    assert generate(log).policies[0]["Statement"][0]["Resource"] == ["acs:oss:cn:1:logs/202*"]


def test_a_policy_that_would_be_too_long_is_several() -> None:
    log = DecisionLog()
    for number in range(200):
        note(log, f"ecs:Action{number}", f"acs:ecs:cn:1:instance/{'i' * 60}-{number}")
    made = generate(log)
    assert len(made.policies) > 1
    assert all(len(json.dumps(policy, indent=2)) <= 6144 for policy in made.policies)
    assert sum(len(policy["Statement"]) for policy in made.policies) == 200


def test_the_log_is_bounded_in_what_it_tells_apart() -> None:
    log = DecisionLog()
    for number in range(5000):
        note(log, f"ecs:Action{number}", "*")
    assert len(list(log.observed())) == 2048
