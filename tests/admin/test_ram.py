"""Why, what if, and what for: permissions as operators see them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from kowloon.testing.cloud import LocalCloud
from tests.admin.test_routes import Admin
from tests.helpers import refused
from tests.services.parts import Customer
from tests.services.ram.rights import Rights, document, statement


@pytest.fixture
def rights(shared_cloud: LocalCloud) -> Rights:
    return Rights(Customer(shared_cloud))


@pytest.fixture
def admin(shared_cloud: LocalCloud) -> Admin:
    return Admin(shared_cloud)


def request_id_of(call: Any) -> str:
    return str(refused(call, "Forbidden.RAM", "User not authorized to operate on the specified").data["RequestId"])


def test_a_denial_is_explained_statement_by_statement(rights: Rights, admin: Admin) -> None:
    user = rights.user(system=("AliyunECSFullAccess",))
    here = {"IpAddress": {"acs:SourceIp": ["127.0.0.0/8", "::1"]}}
    policy = rights.policy(statement("Allow", "vpc:*"), statement("Deny", "ecs:Describe*", **here))
    user.attach(policy)
    id = request_id_of(lambda: user.call("ecs", "DescribeInstances"))
    (found,) = admin.call("GET", f"ram/explain?request={id}")["decisions"]
    assert (found["request_id"], found["principal"], found["allowed"]) == (id, user.arn, False)
    assert found["reason"] == f"statement 2 of Custom/{policy} on user/{user.name} denies ecs:DescribeInstances"
    denial, allowance = found["statements"]
    assert (denial["effect"], denial["number"], denial["decided"], denial["resource"]) == ("Deny", 2, True, True)
    condition = denial["conditions"][0]
    assert (condition["key"], condition["holds"]) == ("acs:SourceIp", True)
    assert (allowance["effect"], allowance["decided"]) == ("Allow", False)
    assert allowance["policy"] == f"System/AliyunECSFullAccess on user/{user.name}"
    assert found["others"] == 3


def test_an_allowance_is_explained_per_resource(rights: Rights, admin: Admin) -> None:
    user = rights.user(statement("Allow", "ecs:*"))
    network = rights.admin.network("b")
    answer = user.call("ecs", "CreateSecurityGroup", vpc_id=network.vpc)
    decisions = admin.call("GET", f"ram/explain?request={answer.request_id}")["decisions"]
    account = user.cloud.account_id
    assert [decision["resource"] for decision in decisions] == [
        f"acs:ecs:cn-hongkong:{account}:securitygroup/*",
        f"acs:vpc:cn-hongkong:{account}:vpc/{network.vpc}",
    ]
    assert all(decision["allowed"] and decision["statements"][0]["decided"] for decision in decisions)


def _trusting(rights: Rights, name: str, *statements: dict[str, Any]) -> str:
    """ARN of a new role with these statements in its trust policy."""
    trust = document(*[{key: each[key] for key in each if key != "Resource"} for each in statements])
    return str(rights.admin.call("ram", "CreateRole", role_name=name, assume_role_policy_document=trust).role.arn)


def test_what_a_roles_trust_policy_refuses_is_explained(rights: Rights, admin: Admin) -> None:
    user = rights.user(statement("Allow", "sts:AssumeRole"))
    account = user.cloud.account_id
    here = {"IpAddress": {"acs:SourceIp": ["127.0.0.0/8", "::1"]}, "StringEquals": {"sts:ExternalId": "42"}}
    everyone, other = {"RAM": [f"acs:ram::{account}:root"]}, {"RAM": [f"acs:ram::{account}:user/other"]}
    role = _trusting(
        rights,
        "Refuses",
        {**statement("Allow", "sts:AssumeRole", **here), "Principal": everyone},
        {**statement("Allow", "sts:AssumeRole"), "Principal": other},
        {**statement("Allow", "sts:TagSession"), "Principal": everyone},
    )

    def explained(role: str, **fields: str) -> tuple[Any, Any]:
        call = lambda: user.call("sts", "AssumeRole", role_arn=role, role_session_name="me", **fields)  # noqa: E731
        id = str(refused(call, "NoPermission", "You are not authorized to do this action.", 403).data["RequestId"])
        first, second = admin.call("GET", f"ram/explain?request={id}")["decisions"]
        return first, second

    identity, trust = explained(role)
    assert (identity["action"], identity["allowed"]) == ("sts:AssumeRole", True)
    assert (trust["principal"], trust["action"], trust["resource"]) == (user.arn, "sts:AssumeRole", role)
    assert trust["allowed"] is False
    assert trust["reason"] == f"no statement of the trust policy of role/Refuses trusts {user.arn} here"
    named, unnamed = trust["statements"]
    assert (named["policy"], named["kind"]) == ("the trust policy of role/Refuses", "AssumeRolePolicy")
    assert (named["number"], named["resource"], named["decided"]) == (1, True, False)
    assert [(each["key"], each["holds"], each["value"]) for each in named["conditions"]] == [
        ("acs:SourceIp", True, "127.0.0.1"),
        ("sts:ExternalId", False, None),
    ]
    assert (unnamed["number"], unnamed["resource"]) == (2, False)
    assert trust["others"] == 1
    _, trust = explained(role, external_id="43")
    assert trust["statements"][0]["conditions"][1]["value"] == "43"

    denies = _trusting(
        rights,
        "Denies",
        {**statement("Allow", "sts:AssumeRole"), "Principal": everyone},
        {**statement("Deny", "sts:AssumeRole"), "Principal": {"RAM": [user.arn]}},
    )
    _, trust = explained(denies)
    assert trust["reason"] == "statement 2 of the trust policy of role/Denies denies sts:AssumeRole"
    assert [(each["effect"], each["decided"]) for each in trust["statements"]] == [("Allow", False), ("Deny", True)]


def test_requests_that_nobody_knows(admin: Admin) -> None:
    code, message = admin.refused("GET", "ram/explain?request=NONE", status=404)
    assert code == "NotFound"
    assert "No decision of request 'NONE' is known" in message


def test_a_call_is_tried_without_a_call(rights: Rights, admin: Admin) -> None:
    user = rights.user(statement("Allow", "ecs:Stop*", Bool={"acs:SecureTransport": "true"}))
    body = {"principal": user.arn, "action": "ecs:StopInstance", "resource": "acs:ecs:cn-hongkong:1:instance/i-1"}

    def simulated(**changes: Any) -> Any:
        return admin.call("POST", "ram/simulate", {**body, **changes})["decisions"][0]

    denied = simulated()
    assert denied["allowed"] is False
    assert denied["statements"][0]["conditions"][0]["holds"] is False
    assert simulated(context={"ACS:SecureTransport": "true"})["allowed"] is True
    assert simulated(action="ecs:StartInstance", context={"acs:SecureTransport": "true"})["allowed"] is False
    role = rights.role(statement("Allow", "vpc:*"))
    arn = f"acs:ram::{user.cloud.account_id}:role/{role}"
    assert simulated(principal=arn, action="vpc:DeleteVpc")["allowed"] is True
    assert simulated(principal=arn.replace(":role", ":assumed-role") + "/me")["allowed"] is False
    assert simulated(principal=f"acs:ram::{user.cloud.account_id}:root")["reason"] == "root of the account"


def test_what_counts_in_a_resource_group_is_tried_for_what_is_in_it(rights: Rights, admin: Admin) -> None:
    owner, user = rights.admin, rights.user()
    made = owner.call("resourcemanager", "CreateResourceGroup", name="tried", display_name="tried").resource_group
    owner.call(
        "resourcemanager",
        "AttachPolicy",
        resource_group_id=made.id,
        policy_type="System",
        policy_name="AliyunVPCFullAccess",
        principal_type="IMSUser",
        principal_name=f"{user.name}@{owner.cloud.account_id}.onaliyun.com",
    )
    for group, allowed in ((made.id, True), (None, False)):
        vpc = owner.call("vpc", "CreateVpc", cidr_block="10.0.0.0/8", resource_group_id=group).vpc_id
        resource = f"acs:vpc:cn-hongkong:{owner.cloud.account_id}:vpc/{vpc}"
        body = {"principal": user.arn, "action": "vpc:DeleteVpc", "resource": resource}
        assert admin.call("POST", "ram/simulate", body)["decisions"][0]["allowed"] is allowed


@pytest.mark.parametrize(
    ("body", "status", "code", "message"),
    [
        (b"{", 400, "InvalidBody", "The body is not as expected"),
        ({"principal": "x"}, 400, "InvalidBody", "missing required field `action`"),
        ({"principal": "alice", "action": "ecs:*"}, 404, "NotFound", "There is no user, role or account 'alice'."),
        ({"principal": "acs:ram::1:user/nobody", "action": "ecs:*"}, 404, "NotFound", "There is no user"),
        ({"principal": "acs:ram::1:role/nobody", "action": "ecs:*"}, 404, "NotFound", "There is no user"),
        ({"principal": "acs:ram::1:root", "action": "ecs:*"}, 404, "NotFound", "There is no user"),
    ],
)
def test_what_cannot_be_tried(admin: Admin, body: Any, status: int, code: str, message: str) -> None:
    found = admin.refused("POST", "ram/simulate", body, status)
    assert found[0] == code
    assert message in found[1]


def test_a_policy_is_written_from_calls_and_does(rights: Rights, admin: Admin) -> None:
    user = rights.user(statement("Allow", "vpc:*"))
    user.call("vpc", "DescribeVpcs")
    refused(lambda: user.call("ecs", "DescribeInstances"), "Forbidden.RAM", "User not authorized to operate on the")
    made = admin.call("GET", f"ram/generate?principal={user.arn}")
    account = user.cloud.account_id
    (policy,) = made["policies"]
    assert policy["Statement"] == [
        {"Effect": "Allow", "Action": ["vpc:DescribeVpcs"], "Resource": [f"acs:vpc:cn-hongkong:{account}:vpc/*"]}
    ]
    assert [(row["action"], row["times"]) for row in made["denied"]] == [("ecs:DescribeInstances", 1)]
    lesser = rights.user(*policy["Statement"])
    lesser.call("vpc", "DescribeVpcs")
    refused(lambda: lesser.call("vpc", "DescribeVSwitches"), "Forbidden.RAM", "User not authorized to operate on the")


def test_sessions_count_as_their_role(rights: Rights, admin: Admin) -> None:
    role = rights.role(statement("Allow", "vpc:*"))
    rights.session(role, document(statement("Allow", "*"))).call("vpc", "DescribeVpcs")
    made = admin.call("GET", f"ram/generate?principal=acs:ram::{rights.admin.cloud.account_id}:role/{role}")
    assert json.dumps(made["policies"]).count("vpc:DescribeVpcs") == 1


def test_a_reset_forgets_what_was_decided(cloud: LocalCloud) -> None:
    user, admin = Rights(Customer(cloud)).user(), Admin(cloud)
    id = request_id_of(lambda: user.call("ecs", "DescribeInstances"))
    assert admin.call("GET", f"ram/explain?request={id}")["decisions"]
    admin.call("POST", "reset")
    assert admin.refused("GET", f"ram/explain?request={id}", status=404)[0] == "NotFound"
    # And a new cloud seals anew.
    again = Rights(Customer(cloud)).user()
    refused(lambda: again.call("ecs", "DescribeInstances"), "Forbidden.RAM", "User not authorized to operate on the")
