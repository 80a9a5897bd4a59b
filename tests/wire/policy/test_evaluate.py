"""What sets of policies say, in the vendor's order; and that a second evaluator agrees."""

from __future__ import annotations

import json
from typing import Any

import pytest

from kowloon.wire.policy.document import parse_policy
from kowloon.wire.policy.evaluate import CONTROL, GROUP, IDENTITY, SESSION, Policies, PolicySet, Source, Verdict, decide
from tests.wire.policy.cases import differences

INSTANCE = "acs:ecs:cn-hongkong:123:instance/i-1"
ALL = {"Effect": "Allow", "Action": "*", "Resource": "*"}


def policy_set(kind: str, *statements: Any) -> PolicySet:
    document = json.dumps({"Version": "1", "Statement": list(statements)})
    return PolicySet(kind, [(Source("mine", "Custom", "v1", "user/alice"), parse_policy(document))])


def ask(identity: list[Any], **others: Any) -> Verdict:
    policies = Policies(policy_set(IDENTITY, *identity), **others)
    return decide(policies, "ecs:StopInstance", INSTANCE, {"acs:sourceip": "10.0.0.1"}.get)


def test_nothing_is_allowed_that_no_policy_allows() -> None:
    verdict = decide(Policies(PolicySet(IDENTITY, [])), "ecs:StopInstance", INSTANCE, {}.get)
    assert verdict == Verdict(False, "AccountLevelIdentityBasedPolicy", None)
    assert not verdict.is_explicit
    assert not verdict.is_final


def test_the_verdict_names_policy_entity_and_statement() -> None:
    verdict = ask([{**ALL, "Action": "vpc:*"}, {**ALL, "Action": "ecs:Stop*"}])
    assert verdict.allowed
    assert verdict.rule is not None
    assert verdict.rule.name == "statement 2 of Custom/mine on user/alice"


def test_a_denial_comes_before_every_allowance() -> None:
    denial = {**ALL, "Effect": "Deny", "Condition": {"IpAddress": {"acs:SourceIp": "10.0.0.0/8"}}}
    verdict = ask([ALL, denial])
    assert not verdict.allowed
    assert verdict.is_explicit
    assert verdict.is_final
    assert verdict.rule is not None
    assert verdict.rule.statement.number == 2
    assert ask([ALL, {**denial, "Condition": {"NotIpAddress": {"acs:SourceIp": "10.0.0.0/8"}}}]).allowed


def test_a_session_may_what_its_policy_and_its_role_allow() -> None:
    session = policy_set(SESSION, {**ALL, "Action": "ecs:Stop*"})
    assert ask([ALL], session=session).allowed
    assert ask([{**ALL, "Action": "vpc:*"}], session=session).kind == "AccountLevelIdentityBasedPolicy"
    verdict = ask([ALL], session=policy_set(SESSION, {**ALL, "Action": "ecs:Start*"}))
    assert (verdict.allowed, verdict.kind, verdict.is_explicit, verdict.is_final) == (
        False,
        "SessionPolicy",
        False,
        True,
    )


def test_every_level_of_control_must_allow() -> None:
    root, folder = policy_set(CONTROL, ALL), policy_set(CONTROL, {**ALL, "Action": "vpc:*"})
    assert ask([ALL], control=(root, root)).allowed
    verdict = ask([ALL], control=(root, folder))
    assert (verdict.allowed, verdict.kind, verdict.is_final) == (False, "ControlPolicy", True)
    # Guard rails allow nothing by themselves.
    nothing = policy_set(IDENTITY, {**ALL, "Action": "vpc:*"})
    verdict = decide(Policies(nothing, control=(root,)), "ecs:StopInstance", INSTANCE, {}.get)
    assert verdict.kind == "AccountLevelIdentityBasedPolicy"


def test_what_counts_in_a_group_allows_and_denies_beside_the_rest() -> None:
    stops, starts = {**ALL, "Action": "ecs:Stop*"}, {**ALL, "Action": "ecs:Start*"}
    verdict = ask([starts], group=policy_set(GROUP, stops))
    assert (verdict.allowed, verdict.kind) == (True, "ResourceGroupLevelIdentityBasedPolicy")
    assert ask([stops], group=policy_set(GROUP, starts)).allowed
    verdict = ask([ALL], group=policy_set(GROUP, {**stops, "Effect": "Deny"}))
    assert (verdict.allowed, verdict.kind, verdict.is_final) == (False, "ResourceGroupLevelIdentityBasedPolicy", True)
    verdict = ask([{**stops, "Effect": "Deny"}], group=policy_set(GROUP, ALL))
    assert (verdict.allowed, verdict.kind, verdict.is_final) == (False, "AccountLevelIdentityBasedPolicy", True)
    verdict = ask([starts], group=policy_set(GROUP, starts))
    assert (verdict.allowed, verdict.kind, verdict.is_final) == (False, "AccountLevelIdentityBasedPolicy", False)
    # Neither a session's policy nor control policies let it by.
    assert not ask([starts], group=policy_set(GROUP, ALL), session=policy_set(SESSION, starts)).allowed
    assert not ask([starts], group=policy_set(GROUP, ALL), control=(policy_set(CONTROL, starts),)).allowed


@pytest.mark.parametrize("seed", range(2))
def test_a_naive_evaluator_agrees(seed: int) -> None:
    different, answers = differences(seed, 2_000)
    assert different == []
    # All answers come up, so that agreeing means something.
    assert len(answers) == 8
    assert answers["Allow"] > 100
