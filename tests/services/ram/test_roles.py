"""Roles, their policies, and what they may do elsewhere."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.helpers import refused
from tests.services.parts import Customer

TRUST = {
    "Version": "1",
    "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"RAM": ["acs:ram::1:root"]}}],
}


def _create(customer: Customer, name: str, **fields: Any) -> Any:
    document = fields.pop("document", json.dumps(TRUST))
    return customer.call("ram", "CreateRole", role_name=name, assume_role_policy_document=document, **fields).role


def test_a_role_lives_from_creation_to_deletion(customer: Customer) -> None:
    made = _create(customer, "Builder", description="d", max_session_duration=7200)
    assert made.arn == f"acs:ram::{customer.cloud.account_id}:role/builder"
    shown = customer.call("ram", "GetRole", role_name="builder").role
    assert (shown.role_id, shown.role_name, shown.max_session_duration) == (made.role_id, "Builder", 7200)
    assert json.loads(shown.assume_role_policy_document) == TRUST
    refused(lambda: _create(customer, "BUILDER"), "EntityAlreadyExists.Role", "The role already exists: BUILDER.", 409)
    policy = {"policy_type": "System", "policy_name": "ReadOnlyAccess", "role_name": "Builder"}
    customer.call("ram", "AttachPolicyToRole", **policy)
    refused(lambda: customer.call("ram", "AttachPolicyToRole", **policy), "EntityAlreadyExists.Role.Policy")
    rows = customer.call("ram", "ListPoliciesForRole", role_name="Builder").policies.policy
    assert [row.policy_name for row in rows] == ["ReadOnlyAccess"]
    refused(lambda: customer.call("ram", "DeleteRole", role_name="Builder"), "DeleteConflict.Role.Policy", status=409)
    customer.call("ram", "DetachPolicyFromRole", **policy)
    refused(lambda: customer.call("ram", "DetachPolicyFromRole", **policy), "EntityNotExist.Role.Policy")
    customer.call("ram", "DeleteRole", role_name="Builder")
    refused(
        lambda: customer.call("ram", "GetRole", role_name="Builder"),
        "EntityNotExist.Role",
        "The role not exists: Builder.",
        404,
    )


@pytest.mark.parametrize(
    ("name", "fields", "code"),
    [
        ("a b", {}, "InvalidParameter.RoleName.InvalidChars"),
        ("ok", {"max_session_duration": 100}, "InvalidParameter.MaxSessionDuration"),
        ("ok", {"document": "nonsense"}, "MalformedPolicyDocument"),
        ("ok", {"document": '{"Version":"2","Statement":[]}'}, "MalformedPolicyDocument"),
        ("ok", {"document": '{"Version":"1","Statement":[{"Effect":"Allow"}]}'}, "MalformedPolicyDocument"),
    ],
)
def test_roles_that_cannot_be(customer: Customer, name: str, fields: dict[str, Any], code: str) -> None:
    refused(lambda: _create(customer, name, **fields), code)


def test_policies_that_cannot_be(customer: Customer) -> None:
    _create(customer, "Plain")
    which = {"role_name": "Plain", "policy_name": "AliyunNothing"}
    refused(lambda: customer.call("ram", "AttachPolicyToRole", policy_type="System", **which), "EntityNotExist.Policy")
    refused(
        lambda: customer.call("ram", "AttachPolicyToRole", policy_type="Odd", **which), "InvalidParameter.PolicyType"
    )


def test_roles_in_pages(alone: Customer) -> None:
    for number in range(3):
        _create(alone, f"r{number}")
    first = alone.call("ram", "ListRoles", max_items=2)
    assert (first.is_truncated, len(first.roles.role)) == (True, 2)
    rest = alone.call("ram", "ListRoles", max_items=2, marker=first.marker)
    assert (rest.is_truncated, [role.role_name for role in rest.roles.role]) == (False, ["r2"])


def test_a_role_may_do_what_its_policies_say(alone: Customer) -> None:
    reader = alone.role("EcsReader", "AliyunECSReadOnlyAccess")
    network = alone.network("b")
    assert reader.call("ecs", "DescribeInstances").total_count == 0
    assert reader.call("ecs", "DescribeSecurityGroups").total_count == 1
    error = refused(lambda: reader.launch(network, wait=False), "Forbidden.RAM", "User not authorized to operate", 403)
    assert error.accessDeniedDetail["AuthAction"] == "ecs:RunInstances"
    assert error.accessDeniedDetail["AuthPrincipalType"] == "AssumedRoleUser"
    assert error.accessDeniedDetail["NoPermissionType"] == "ImplicitDeny"
    refused(lambda: reader.call("vpc", "CreateVpc", cidr_block="10.0.0.0/8"), "Forbidden.RAM")
    refused(lambda: reader.call("slb", "CreateLoadBalancer"), "Forbidden.RAM")
    refused(
        lambda: reader.call("ram", "CreateRole", role_name="x", assume_role_policy_document=json.dumps(TRUST)),
        "NoPermission",
        "You are not authorized to do this action.",
        403,
    )
    assert alone.call("ecs", "DescribeInstances").total_count == 0
    alone.call(
        "ram",
        "AttachPolicyToRole",
        policy_type="System",
        policy_name="AliyunECSFullAccess",
        role_name="EcsReader",
    )
    reader.launch(network)
