"""Who may take a role, and with which policy of the session."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.helpers import refused
from tests.services.parts import Customer, other_account
from tests.services.ram.rights import Rights, document, statement

NO_PERMISSION = ("NoPermission", "You are not authorized to do this action. You should be authorized by RAM.", 403)


@pytest.fixture
def rights(customer: Customer) -> Rights:
    return Rights(customer)


def trusting(rights: Rights, *statements: dict[str, Any]) -> str:
    """A role with this trust; its ARN."""
    name = rights.role(statement("Allow", "vpc:*"))
    trust = json.dumps({"Version": "1", "Statement": list(statements)})
    rights.admin.call("ram", "UpdateRole", role_name=name, new_assume_role_policy_document=trust)
    return f"acs:ram::{rights.admin.cloud.account_id}:role/{name}"


def by(*names: str, effect: str = "Allow", **condition: Any) -> dict[str, Any]:
    made = {"Effect": effect, "Action": "sts:AssumeRole", "Principal": {"RAM": list(names)}}
    return {**made, "Condition": condition} if condition else made


def take(customer: Customer, arn: str, **fields: Any) -> Any:
    return customer.call("sts", "AssumeRole", role_arn=arn, role_session_name="tester", **fields)


def test_both_sides_must_agree(rights: Rights) -> None:
    user = rights.user()
    arn = trusting(rights, by(user.arn))
    detail = refused(lambda: take(user, arn), *NO_PERMISSION).accessDeniedDetail
    assert (detail["AuthAction"], detail["PolicyType"]) == ("sts:AssumeRole", "AccountLevelIdentityBasedPolicy")
    user.attach(rights.policy(statement("Allow", "sts:AssumeRole", arn)))
    take(user, arn)
    other = trusting(rights, by(user.arn))
    refused(lambda: take(user, other), *NO_PERMISSION)
    stranger = rights.user(system=("AliyunSTSAssumeRoleAccess",))
    detail = refused(lambda: take(stranger, arn), *NO_PERMISSION).accessDeniedDetail
    assert (detail["PolicyType"], detail["NoPermissionType"]) == ("AssumeRolePolicy", "ImplicitDeny")
    assert detail["AuthPrincipalDisplayName"] == stranger.id


def test_a_denial_in_the_trust_is_final(rights: Rights) -> None:
    account = f"acs:ram::{rights.admin.cloud.account_id}:root"
    user = rights.user(system=("AliyunSTSAssumeRoleAccess",))
    take(user, trusting(rights, by(account)))
    refused(lambda: take(user, trusting(rights, by(account), by(user.arn, effect="Deny"))), *NO_PERMISSION)


def test_conditions_of_the_trust(rights: Rights) -> None:
    account = f"acs:ram::{rights.admin.cloud.account_id}:root"
    arn = trusting(rights, by(account, StringEquals={"sts:ExternalId": "42"}))
    refused(lambda: take(rights.admin, arn), *NO_PERMISSION)
    refused(lambda: take(rights.admin, arn, external_id="43"), *NO_PERMISSION)
    take(rights.admin, arn, external_id="42")
    away = trusting(rights, by(account, NotIpAddress={"acs:SourceIp": ["127.0.0.0/8", "::1"]}))
    refused(lambda: take(rights.admin, away), *NO_PERMISSION)


def test_other_accounts_that_are_trusted(alone: Customer) -> None:
    rights = Rights(alone)
    theirs = Rights(other_account(alone.cloud))
    user = theirs.user(system=("AliyunSTSAssumeRoleAccess",))
    refused(lambda: take(user, trusting(rights, by(f"acs:ram::{alone.cloud.account_id}:root"))), *NO_PERMISSION)
    arn = trusting(rights, by("acs:ram::1999000011112222:root"))
    keys = take(user, arn).credentials
    session = Customer(
        alone.cloud,
        access_key_id=keys.access_key_id,
        access_key_secret=keys.access_key_secret,
        security_token=keys.security_token,
    )
    alone.network("b")
    # It sees what is the role's account's, as far as the role may.
    assert session.call("vpc", "DescribeVpcs").total_count == 1
    refused(lambda: session.call("ecs", "DescribeInstances"), "Forbidden.RAM", "User not authorized to operate on the")


def test_a_session_may_take_a_role_that_trusts_its_own(rights: Rights) -> None:
    first = rights.role(statement("Allow", "sts:AssumeRole"))
    account = rights.admin.cloud.account_id
    second = trusting(rights, by(f"acs:ram::{account}:role/{first}"))
    take(rights.session(first), second)
    third = rights.role(statement("Allow", "sts:AssumeRole"))
    refused(lambda: take(rights.session(third), second), *NO_PERMISSION)


@pytest.mark.parametrize(
    ("policy", "code", "message"),
    [
        ("{", "InvalidParameter.PolicyGrammar", "The parameter Policy has not passed grammar check."),
        ('{"Version":"2","Statement":[]}', "InvalidParameter.PolicyGrammar", "has not passed grammar check."),
        (
            document(statement("Allow", "x" * 3000)),
            "InvalidParameter.PolicySize",
            "The size of Policy must be smaller than 2048 bytes.",
        ),
    ],
)
def test_policies_that_a_session_cannot_have(rights: Rights, policy: str, code: str, message: str) -> None:
    arn = trusting(rights, by(f"acs:ram::{rights.admin.cloud.account_id}:root"))
    refused(lambda: take(rights.admin, arn, policy=policy), code, message, 400)
