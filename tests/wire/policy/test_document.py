"""What documents may say, and what they are told when they say something else."""

from __future__ import annotations

import json
from typing import Any

import pytest

from kowloon.wire.policy.document import parse_policy, parse_trust
from kowloon.wire.policy.syntax import PolicyError

STATEMENT: dict[str, Any] = {"Effect": "Allow", "Action": "ecs:*", "Resource": "*"}


def document(*statements: Any, **changes: Any) -> str:
    return json.dumps({"Version": "1", "Statement": list(statements), **changes})


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{", "it is not JSON."),
        ("[" * 100_000, "it is not JSON."),
        ("[]", "it takes Version and Statement."),
        (document(STATEMENT, Statements=[]), "it takes Version and Statement."),
        (document(STATEMENT, Version="2012-10-17"), 'Version must be the string "1".'),
        (document(STATEMENT, Version=1), 'Version must be the string "1".'),
        (document(), "Statement must be a list that is not empty."),
        (document(Statement={}), "Statement must be a list that is not empty."),
        (document("x"), "each statement must be an object."),
        ('{"Version":"1","Version":"1","Statement":[]}', "a name comes twice in one object."),
        (document({**STATEMENT, "Effect": "allow"}), "Effect must be Allow or Deny."),
        (document({**STATEMENT, "Conditions": {}}), "a statement has no element 'Conditions'."),
        (document({**STATEMENT, "Principal": "*"}), "a statement has no element 'Principal'."),
        (document({**STATEMENT, "NotAction": "*"}), "a statement has either Action or NotAction."),
        (document({"Effect": "Allow", "Action": "*"}), "a statement has either Resource or NotResource."),
        (document({**STATEMENT, "Action": []}), "Action must be a list of strings that is not empty."),
        (document({**STATEMENT, "Action": [1]}), "Action must be a list of strings that is not empty."),
        (document({**STATEMENT, "Action": "RunInstances"}), "'RunInstances' is no action."),
        (document({**STATEMENT, "Resource": "instance/*"}), "'instance/*' is no resource."),
        (document({**STATEMENT, "Resource": "acs:ecs:*:instance"}), "'acs:ecs:*:instance' is no resource."),
        (document({**STATEMENT, "Resource": "arn:aws:s3:::bucket"}), "'arn:aws:s3:::bucket' is no resource."),
        (document({**STATEMENT, "Condition": []}), "Condition must be an object."),
        (document({**STATEMENT, "Condition": {"Null": {}}}), "there is no condition operator 'Null'."),
        (
            document({**STATEMENT, "Condition": {"StringEqualsIfExists": {"a": "b"}}}),
            "there is no condition operator 'StringEqualsIfExists'.",
        ),
        (document({**STATEMENT, "Condition": {"Bool": {}}}), "Bool must be an object that is not empty."),
        (document({**STATEMENT, "Condition": {"Bool": {"a": []}}}), "a needs a value."),
        (document({**STATEMENT, "Condition": {"Bool": {"a": "yes"}}}), "Bool cannot compare with ['yes']."),
        (
            document({**STATEMENT, "Condition": {"IpAddress": {"acs:SourceIp": "10.0.0.0/33"}}}),
            "IpAddress cannot compare with ['10.0.0.0/33'].",
        ),
        (
            document({**STATEMENT, "Condition": {"DateLessThan": {"acs:CurrentTime": "tomorrow"}}}),
            "DateLessThan cannot compare with ['tomorrow'].",
        ),
        (document({**STATEMENT, "Condition": {"StringEquals": {"a": {}}}}), "the values of a condition are strings."),
    ],
)
def test_what_is_wrong_is_said(text: str, why: str) -> None:
    with pytest.raises(PolicyError) as problem:
        parse_policy(text)
    assert str(problem.value) == why


def test_keys_that_nobody_knows_are_accepted_and_never_met() -> None:
    policy = parse_policy(document({**STATEMENT, "Condition": {"StringEquals": {"new:Key": "x"}}}))
    assert not policy.statements[0].applies("*", {}.get)
    assert policy.statements[0].applies("*", {"new:key": "x"}.get)


@pytest.mark.parametrize(
    ("pattern", "resource", "covered"),
    [
        ("*", "*", True),
        ("*", "acs:ecs:cn-hongkong:123:instance/i-1", True),
        ("acs:ecs:*:*:*", "*", False),
        ("acs:ecs:*:*:instance/*", "acs:ecs:cn-hongkong:123:instance/i-1", True),
        ("acs:ecs::123:instance/i-1", "acs:ecs:cn-hongkong:123:instance/i-1", True),
        ("acs:ecs:cn-shanghai:*:*", "acs:ecs:cn-hongkong:123:instance/i-1", False),
        ("acs:ecs:*:*:Instance/*", "acs:ecs:cn-hongkong:123:instance/i-1", False),
        ("acs:ecs:*:999:*", "acs:ecs:cn-hongkong:123:instance/i-1", False),
        # A wildcard of one part does not reach into the next.
        ("acs:*:123:instance/i-1:x", "acs:ecs:cn-hongkong:123:instance/i-1", False),
        ("acs:ram:*:123:user/alice", "acs:ram:*:123:user/alice", True),
        ("acs:ram::123:user/alice", "acs:ram:*:123:user/alice", True),
        # Names of roles know no letter case.
        ("acs:ram::123:role/Ops", "acs:ram:*:123:role/ops", True),
        ("acs:ram::123:role/ops-*", "acs:ram:*:123:role/OPS-1", True),
        ("acs:ram::123:user/Alice", "acs:ram:*:123:user/alice", False),
        ("acs:oss:*:*:logs/*", "acs:oss:cn-hongkong:123:logs/a:b/c", True),
        ("acs:oss:oss-cn-hongkong:*:logs", "acs:oss:cn-hongkong:123:logs", True),
        ("acs:oss:*:*:logs/?.txt", "acs:oss:cn-hongkong:123:logs/10.txt", False),
    ],
)
def test_resources_are_matched_part_by_part(pattern: str, resource: str, covered: bool) -> None:
    statement = parse_policy(document({**STATEMENT, "Resource": pattern})).statements[0]
    assert statement.covers_resource(resource) is covered
    opposite = parse_policy(document({"Effect": "Deny", "Action": "*", "NotResource": pattern})).statements[0]
    assert opposite.covers_resource(resource) is not covered


def test_actions_know_no_letter_case() -> None:
    statement = parse_policy(document({**STATEMENT, "Action": ["ecs:describe*", "vpc:CreateVpc"]})).statements[0]
    assert statement.covers_action("ecs:DescribeInstances")
    assert statement.covers_action("VPC:createvpc")
    assert not statement.covers_action("vpc:CreateVpcs")


def test_a_pattern_of_many_stars_is_matched_in_no_time() -> None:
    statement = parse_policy(document({**STATEMENT, "Resource": f"acs:oss:{'*a' * 40}:*:{'*a' * 1000}b"})).statements[0]
    assert not statement.covers_resource(f"acs:oss:{'a' * 60}:1:{'a' * 1000}")


# Trust ----------------------------------------------------------------------------------------------------------------


def trust(principal: Any, **changes: Any) -> str:
    return document({"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": principal, **changes})


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (trust("*"), "Principal must be an object of RAM, Service or Federated."),
        (trust({}), "Principal must be an object of RAM, Service or Federated."),
        (trust({"AWS": "*"}), "Principal must be an object of RAM, Service or Federated."),
        (trust({"RAM": []}), "RAM must be a list of strings that is not empty."),
        (trust({"RAM": "alice"}), "'alice' is no principal."),
        (trust({"RAM": "*"}, Resource="*"), "a statement has no element 'Resource'."),
        (
            document({"Effect": "Allow", "Principal": {"RAM": "*"}}),
            "a statement has either Action or NotAction.",
        ),
    ],
)
def test_what_is_wrong_with_a_trust_policy_is_said(text: str, why: str) -> None:
    with pytest.raises(PolicyError) as problem:
        parse_trust(text)
    assert str(problem.value) == why


def test_trust_names_accounts_users_services_and_providers() -> None:
    alice = {"acs:ram::1:user/alice", "acs:ram::1:root"}
    assert parse_trust(trust({"RAM": "acs:ram::1:root"})).allows("RAM", alice, "sts:AssumeRole", {}.get)
    assert parse_trust(trust({"RAM": "acs:ram:*:1:root"})).allows("RAM", alice, "sts:AssumeRole", {}.get)
    assert parse_trust(trust({"RAM": ["acs:ram::1:user/alice"]})).allows("RAM", alice, "sts:AssumeRole", {}.get)
    assert not parse_trust(trust({"RAM": "acs:ram::2:root"})).allows("RAM", alice, "sts:AssumeRole", {}.get)
    service = parse_trust(trust({"Service": ["ecs.aliyuncs.com"]}))
    assert service.allows("Service", {"ecs.aliyuncs.com"}, "sts:AssumeRole", {}.get)
    assert not service.allows("RAM", alice, "sts:AssumeRole", {}.get)
    # Roles are known in any letter case, users are not.
    session = {"acs:ram::1:assumed-role/ops/Ann", "acs:ram::1:role/ops", "acs:ram::1:root"}
    for name in ("acs:ram:*:1:role/Ops", "acs:ram::1:assumed-role/OPS/Ann"):
        assert parse_trust(trust({"RAM": name})).allows("RAM", session, "sts:AssumeRole", {}.get)
    for name in ("acs:ram::1:assumed-role/ops/ann", "acs:ram::1:role/op"):
        assert not parse_trust(trust({"RAM": name})).allows("RAM", session, "sts:AssumeRole", {}.get)
    assert not parse_trust(trust({"RAM": "acs:ram::1:user/Alice"})).allows("RAM", alice, "sts:AssumeRole", {}.get)


def test_trust_in_all_but_some_actions() -> None:
    statement = {"Effect": "Allow", "NotAction": "sts:AssumeRole", "Principal": {"RAM": "*"}}
    trust_in_others = parse_trust(document(statement))
    assert not trust_in_others.allows("RAM", {"acs:ram::1:root"}, "sts:AssumeRole", {}.get)
    assert trust_in_others.allows("RAM", {"acs:ram::1:root"}, "sts:Other", {}.get)


def test_trust_has_conditions_and_denials() -> None:
    alice = {"acs:ram::1:user/alice", "acs:ram::1:root"}
    condition = {"StringEquals": {"sts:ExternalId": "42"}}
    with_id = parse_trust(trust({"RAM": "acs:ram::1:root"}, Condition=condition))
    assert with_id.allows("RAM", alice, "sts:AssumeRole", {"sts:externalid": "42"}.get)
    assert not with_id.allows("RAM", alice, "sts:AssumeRole", {}.get)
    denial = {"Effect": "Deny", "Action": "sts:*", "Principal": {"RAM": "acs:ram::1:user/alice"}}
    both = parse_trust(document(json.loads(trust({"RAM": "acs:ram::1:root"}))["Statement"][0], denial))
    assert not both.allows("RAM", alice, "sts:AssumeRole", {}.get)
    denied = both.decide("RAM", alice, "sts:AssumeRole", {}.get).statement
    assert denied is not None
    assert (denied.number, denied.denies) == (2, True)
    assert both.allows("RAM", {"acs:ram::1:user/bob", "acs:ram::1:root"}, "sts:AssumeRole", {}.get)
