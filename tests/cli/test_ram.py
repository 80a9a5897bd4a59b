"""`kowloon ram`, as a user runs it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from tests.cli.parts import Served, http_call, kowloon

HERE = {"IpAddress": {"acs:SourceIp": "127.0.0.0/8"}}


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimpleNamespace]:
    """A cloud with a user who was allowed one call and denied another."""
    with Served(tmp_path_factory.mktemp("ram") / "home", "--quiet") as served:
        ram = {"Version": "2015-05-01"}
        document = {
            "Version": "1",
            "Statement": [
                {"Effect": "Allow", "Action": "ecs:*", "Resource": "*"},
                {"Effect": "Deny", "Action": "ecs:DescribeImages", "Resource": "*", "Condition": HERE},
            ],
        }
        served.ask("CreateUser", UserName="alice", **ram)
        key = served.ask("CreateAccessKey", UserName="alice", **ram)["AccessKey"]
        served.ask("CreatePolicy", PolicyName="dev", PolicyDocument=json.dumps(document), **ram)
        served.ask("AttachPolicyToUser", UserName="alice", PolicyType="Custom", PolicyName="dev", **ram)
        account = served.keys["account_id"]
        alice = SimpleNamespace(served=served, account=account, arn=f"acs:ram::{account}:user/alice")
        alice.allowed = _call(served, key, "DescribeInstances")
        alice.denied = _call(served, key, "DescribeImages")
        alice.untrusted = _untrusted(served, account)
        yield alice


def _call(served: Served, key: dict[str, str], action: str, **fields: str) -> str:
    own = dict(served.keys)
    served.keys.update(access_key_id=key["AccessKeyId"], access_key_secret=key["AccessKeySecret"])
    try:
        answer = http_call(served.port, "GET", served.target(action, **{"Version": "2014-05-26", **fields}))[1]
    finally:
        served.keys = own
    return str(answer["RequestId"])


def _untrusted(served: Served, account: str) -> str:
    """The id of carol's call for a role that trusts somebody else."""
    somebody = {"RAM": [f"acs:ram::{account}:user/bob"]}
    trust = {"Version": "1", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": somebody}]}
    fields = {"RoleName": "bobs", "AssumeRolePolicyDocument": json.dumps(trust), "Version": "2015-05-01"}
    served.ask("CreateRole", **fields)
    carol = {"UserName": "carol", "Version": "2015-05-01"}
    served.ask("CreateUser", **carol)
    key = served.ask("CreateAccessKey", **carol)["AccessKey"]
    served.ask("AttachPolicyToUser", PolicyType="System", PolicyName="AliyunSTSAssumeRoleAccess", **carol)
    role = {"RoleArn": f"acs:ram::{account}:role/bobs", "RoleSessionName": "me", "Version": "2015-04-01"}
    return _call(served, key, "AssumeRole", **role)


def test_explain_shows_whom_a_role_trusts(told: SimpleNamespace) -> None:
    ran = kowloon(told.served.home, "ram", "explain", told.untrusted)
    assert ran.returncode == 0, ran.stderr
    carol = f"acs:ram::{told.account}:user/carol"
    assert ran.stdout.splitlines()[-3:] == [
        f"DENIED  sts:AssumeRole on acs:ram::{told.account}:role/bobs",
        f"  by {carol}: no statement of the trust policy of role/bobs trusts {carol} here",
        "     Allow  statement 1 of the trust policy of role/bobs; does not name who asks",
    ]


def test_explain_shows_the_statement_that_decided(told: SimpleNamespace) -> None:
    ran = kowloon(told.served.home, "ram", "explain", told.denied)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.splitlines() == [
        f"DENIED  ecs:DescribeImages on acs:ecs:cn-hongkong:{told.account}:image/*",
        f"  by {told.arn}: statement 2 of Custom/dev on user/alice denies ecs:DescribeImages",
        "  -> Deny  statement 2 of Custom/dev on user/alice; "
        "IpAddress acs:SourceIp [127.0.0.0/8] holds: it is '127.0.0.1'",
        "     Allow  statement 1 of Custom/dev on user/alice",
    ]
    allowed = kowloon(told.served.home, "ram", "explain", told.allowed).stdout
    assert allowed.startswith("allowed  ecs:DescribeInstances")
    assert allowed.endswith("  1 other statements are about other actions\n")
    plain = json.loads(kowloon(told.served.home, "ram", "explain", "--json", told.denied).stdout)
    assert plain["decisions"][0]["allowed"] is False


def test_explain_knows_no_such_request(told: SimpleNamespace) -> None:
    ran = kowloon(told.served.home, "ram", "explain", "NONE")
    assert ran.returncode == 1
    assert "NotFound: No decision of request 'NONE' is known" in ran.stderr


def test_simulate_decides_without_a_call(told: SimpleNamespace) -> None:
    asked = ["ram", "simulate", "--principal", told.arn, "--action", "ecs:DescribeImages"]
    away = kowloon(told.served.home, *asked, "--context", "acs:SourceIp=192.0.2.1")
    assert away.stdout.startswith("allowed  ecs:DescribeImages on *\n")
    assert "[127.0.0.0/8] does not hold: it is '192.0.2.1'" in away.stdout
    here = kowloon(told.served.home, *asked, "--context", "acs:SourceIp=127.0.0.1", "--json")
    assert json.loads(here.stdout)["decisions"][0]["allowed"] is False
    wrong = kowloon(told.served.home, *asked, "--context", "acs:SourceIp")
    assert (wrong.returncode, wrong.stderr.strip()) == (2, "--context takes KEY=VALUE, not 'acs:SourceIp'")
    nobody = kowloon(told.served.home, "ram", "simulate", "--principal", "bob", "--action", "ecs:Stop")
    assert nobody.returncode == 1
    assert "There is no user, role or account 'bob'." in nobody.stderr


def test_generate_writes_a_policy_from_the_log(told: SimpleNamespace) -> None:
    ran = kowloon(told.served.home, "ram", "generate", "--from-log", "--principal", told.arn)
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout)["Statement"] == [
        {
            "Effect": "Allow",
            "Action": ["ecs:DescribeInstances"],
            "Resource": [f"acs:ecs:cn-hongkong:{told.account}:instance/*"],
        }
    ]
    assert ran.stderr.splitlines() == [
        "1 actions, out of 1 allowed calls",
        f"would have denied ecs:DescribeImages on acs:ecs:cn-hongkong:{told.account}:image/* by {told.arn} (1 times)",
    ]
    assert kowloon(told.served.home, "ram", "generate").returncode == 2
    nobody = kowloon(told.served.home, "ram", "generate", "--from-log", "--principal", "acs:ram::1:user/nobody")
    assert (nobody.returncode, nobody.stdout) == (1, "")
    assert "no call of acs:ram::1:user/nobody was allowed" in nobody.stderr
