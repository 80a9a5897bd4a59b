"""Roles, their policies, and what they may do elsewhere."""

from __future__ import annotations

import json
from importlib import resources
from typing import Any

import pytest
from alibabacloud_ram20150501 import models as ram_models

from kowloon.services.ram import quotas
from kowloon.store.identity import Role
from tests.helpers import refused
from tests.services.parts import Customer
from tests.services.ram.parts import put

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
    refused(
        lambda: customer.call("ram", "AttachPolicyToRole", **policy),
        "EntityAlreadyExists.Role.Policy",
        "The role has already been attached this policy: ReadOnlyAccess.",
    )
    rows = customer.call("ram", "ListPoliciesForRole", role_name="Builder").policies.policy
    assert [row.policy_name for row in rows] == ["ReadOnlyAccess"]
    refused(
        lambda: customer.call("ram", "DeleteRole", role_name="Builder"),
        "DeleteConflict.Role.Policy",
        "The role CAN NOT has any attached policy while deleting the role:",
        status=409,
    )
    customer.call("ram", "DetachPolicyFromRole", **policy)
    refused(
        lambda: customer.call("ram", "DetachPolicyFromRole", **policy),
        "EntityNotExist.Role.Policy",
        "The indicate policy attached to the role does not exist: ReadOnlyAccess.",
    )
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
    refused(
        lambda: customer.call("ram", "AttachPolicyToRole", policy_type="System", **which),
        "EntityNotExist.Policy",
        "The policy does not exist: AliyunNothing.",
    )
    refused(
        lambda: customer.call("ram", "AttachPolicyToRole", policy_type="Odd", **which),
        "InvalidParameter.PolicyType",
        'The parameter - "PolicyType" is incorrect.',
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
    assert reader.call("ecs", "DescribeInstances").request_id
    assert reader.call("ecs", "DescribeSecurityGroups").total_count == 1
    error = refused(lambda: reader.launch(network, wait=False), "Forbidden.RAM", "User not authorized to operate", 403)
    assert error.accessDeniedDetail["AuthAction"] == "ecs:RunInstances"
    assert error.accessDeniedDetail["AuthPrincipalType"] == "AssumedRoleUser"
    assert error.accessDeniedDetail["NoPermissionType"] == "ImplicitDeny"
    refused(
        lambda: reader.call("vpc", "CreateVpc", cidr_block="10.0.0.0/8"),
        "Forbidden.RAM",
        "User not authorized to operate on the specified resource, or this API",
    )
    refused(lambda: reader.call("slb", "CreateLoadBalancer"), "Forbidden.RAM", "User not authorized to operate on the")
    refused(
        lambda: reader.call("ram", "CreateRole", role_name="x", assume_role_policy_document=json.dumps(TRUST)),
        "NoPermission",
        "You are not authorized to do this action.",
        403,
    )
    assert alone.call("ecs", "DescribeInstances").request_id
    alone.call(
        "ram",
        "AttachPolicyToRole",
        policy_type="System",
        policy_name="AliyunECSFullAccess",
        role_name="EcsReader",
    )
    reader.launch(network)


def test_a_role_is_changed_field_by_field(customer: Customer) -> None:
    made = _create(customer, "Changing", description="d", allow_console_login=True)
    assert made.allow_console_login is True
    trust = json.dumps(
        {**TRUST, "Statement": [{**TRUST["Statement"][0], "Principal": {"Service": ["ecs.aliyuncs.com"]}}]}
    )
    changed = customer.call(
        "ram", "UpdateRole", role_name="Changing", new_assume_role_policy_document=trust, new_max_session_duration=7200
    ).role
    assert (changed.assume_role_policy_document, changed.max_session_duration) == (trust, 7200)
    assert (changed.description, changed.allow_console_login, changed.role_id) == ("d", True, made.role_id)
    changed = customer.call(
        "ram", "UpdateRole", role_name="changing", new_description="", new_allow_console_login=False
    ).role
    assert (changed.description, changed.allow_console_login, changed.max_session_duration) == ("", False, 7200)
    assert changed.update_date >= made.create_date
    for fields, code in (
        ({"new_assume_role_policy_document": "nonsense"}, "MalformedPolicyDocument"),
        ({"new_assume_role_policy_document": "x" * 2049}, "InvalidParameter.NewAssumeRolePolicyDocument.Length"),
        ({"new_description": "x" * 1025}, "InvalidParameter.NewDescription.Length"),
        ({"new_max_session_duration": 43201}, "InvalidParameter.MaxSessionDuration"),
    ):
        refused(
            lambda fields=fields: customer.call("ram", "UpdateRole", role_name="Changing", **fields), code, status=400
        )
    refused(
        lambda: customer.call("ram", "UpdateRole", role_name="None"),
        "EntityNotExist.Role",
        "The role not exists: None.",
        status=404,
    )


def test_roles_are_found_by_their_tags(alone: Customer) -> None:
    _create(alone, "Tagged", tag=[ram_models.CreateRoleRequestTag(key="team", value="red")])
    _create(alone, "Untagged")
    wanted = [ram_models.ListRolesRequestTag(key="team", value="red")]
    rows = alone.call("ram", "ListRoles", tag=wanted).roles.role
    assert [row.role_name for row in rows] == ["Tagged"]
    assert [(tag.tag_key, tag.tag_value) for tag in rows[0].tags.tag] == [("team", "red")]


def test_a_role_of_a_service(alone: Customer) -> None:
    service = "actiontrail.aliyuncs.com"
    template = alone.call("ram", "GetServiceLinkedRoleTemplate", service_name=service).service_linked_role_template
    assert (template.role_name_prefix, template.multiple_roles_allowed) == ("AliyunServiceRoleForActionTrail", False)
    made = alone.call("ram", "CreateServiceLinkedRole", service_name=service).role
    assert (made.role_name, made.is_service_linked_role) == ("AliyunServiceRoleForActionTrail", True)
    trusted = json.loads(made.assume_role_policy_document)["Statement"][0]["Principal"]
    assert trusted == {"Service": [service]}
    name = {"role_name": made.role_name}
    rows = alone.call("ram", "ListPoliciesForRole", **name).policies.policy
    assert [row.policy_name for row in rows] == [template.system_policy_name]
    shown = alone.call("ram", "GetRole", **name).role
    assert (shown.is_service_linked_role, shown.role_principal_name) == (
        True,
        f"{made.role_name}@role.{alone.cloud.account_id}.onaliyunservice.com",
    )
    refused(
        lambda: alone.call("ram", "CreateServiceLinkedRole", service_name=service),
        "EntityAlreadyExists.Role",
        "The role already exists: AliyunServiceRoleForActionTrail.",
        status=409,
    )
    policy = {"policy_type": "System", "policy_name": "AdministratorAccess"}
    for action, fields in (
        ("DeleteRole", {}),
        ("UpdateRole", {"new_description": "mine"}),
        ("AttachPolicyToRole", policy),
        ("DetachPolicyFromRole", policy),
    ):
        refused(
            lambda action=action, fields=fields: alone.call("ram", action, **name, **fields),
            "NoPermission.ServiceLinkedRole",
            f"This operation is not allowed on the service-linked role: {made.role_name}.",
            403,
        )
    task = alone.call("ram", "DeleteServiceLinkedRole", **name).deletion_task_id
    assert task.startswith(f"task/{made.role_name}/")
    refused(
        lambda: alone.call("ram", "GetRole", **name),
        "EntityNotExist.Role",
        "The role not exists: AliyunServiceRoleForActionTrail.",
    )
    refused(
        lambda: alone.call("ram", "DeleteServiceLinkedRole", **name),
        "EntityNotExist.Role",
        "The role not exists: AliyunServiceRoleForActionTrail.",
        status=404,
    )
    assert alone.call("ram", "GetPolicy", policy_type="System", policy_name=template.system_policy_name)


def test_roles_of_services_that_cannot_be(customer: Customer) -> None:
    for action in ("CreateServiceLinkedRole", "GetServiceLinkedRoleTemplate"):
        refused(
            lambda action=action: customer.call("ram", action, service_name="odd.aliyuncs.com"),
            "EntityNotExist.Service",
            "The service does not exist: odd.aliyuncs.com.",
            404,
        )
    service = {"service_name": "logdelivery.slb.aliyuncs.com"}
    refused(
        lambda: customer.call("ram", "CreateServiceLinkedRole", custom_suffix="x", **service),
        "InvalidParameter.CustomSuffix.NotAllowed",
        "Custom suffix is not allowed for this Service Linked Role.",
        400,
    )
    refused(
        lambda: customer.call("ram", "CreateServiceLinkedRole", description="x", **service),
        "InvalidParameter.Description.NotAllowed",
        "Custom description is not allowed for default service linked role.",
        400,
    )
    _create(customer, "NotAServices")
    refused(
        lambda: customer.call("ram", "DeleteServiceLinkedRole", role_name="NotAServices"),
        "EntityNotExist.Role",
        "The role not exists: NotAServices.",
    )


def test_every_service_has_its_policy(customer: Customer) -> None:
    raw = resources.files("kowloon.data").joinpath("service_linked_roles.json").read_text(encoding="utf-8")
    for row in json.loads(raw):
        shown = customer.call("ram", "GetPolicy", policy_type="System", policy_name=row["policy"])
        assert row["service"] in shown.default_policy_version.policy_document


def test_an_account_has_only_so_many_roles(alone: Customer) -> None:
    account = alone.cloud.account_id
    put(
        alone,
        *[
            Role(id=f"{account}:n{n}", account=account, name=f"n{n}", role_id=f"{n}", trust="")
            for n in range(quotas.ROLES)
        ],
    )
    refused(lambda: _create(alone, "last"), "LimitExceeded.Role", "The count of roles beyond the current limits.", 409)
