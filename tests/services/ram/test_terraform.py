"""What the provider does with identities: what it made it reads back unchanged, and it can take it apart again."""

from __future__ import annotations

import json
from typing import Any

from alibabacloud_ram20150501 import models as ram_models

from tests.helpers import refused
from tests.services.parts import Customer
from tests.services.ram.parts import TRUST, document


def test_a_user_with_all_that_is_theirs(customer: Customer) -> None:
    def ram(action: str, **fields: Any) -> Any:
        return customer.call("ram", action, **fields)

    settings = {
        "display_name": "tf",
        "mobile_phone": "86-18688888888",
        "email": "tf@example.com",
        "comments": "made by a test",
    }
    ram("CreateUser", user_name="tf-user", **settings)
    read = ram("GetUser", user_name="tf-user").user
    assert {name: getattr(read, name) for name in settings} == settings
    found = ram("ListUsers", max_items=1000).users.user
    assert read.user_id in {user.user_id for user in found}
    ram("CreateGroup", group_name="tf-group", comments="g")
    ram("AddUserToGroup", user_name="tf-user", group_name="tf-group")
    key = ram("CreateAccessKey", user_name="tf-user").access_key
    ram("UpdateAccessKey", user_name="tf-user", user_access_key_id=key.access_key_id, status="Inactive")
    listed = ram("ListAccessKeys", user_name="tf-user").access_keys.access_key[0]
    assert (listed.access_key_id, listed.status, listed.create_date) == (key.access_key_id, "Inactive", key.create_date)
    ram("CreateLoginProfile", user_name="tf-user", password="Terraform-7", mfabind_required=False)
    ram("AttachPolicyToUser", user_name="tf-user", policy_type="System", policy_name="AliyunECSReadOnlyAccess")
    # With force_destroy the provider asks what there is, and takes it away.
    for row in ram("ListAccessKeys", user_name="tf-user").access_keys.access_key:
        ram("DeleteAccessKey", user_name="tf-user", user_access_key_id=row.access_key_id)
    for row in ram("ListPoliciesForUser", user_name="tf-user").policies.policy:
        ram("DetachPolicyFromUser", user_name="tf-user", policy_type=row.policy_type, policy_name=row.policy_name)
    for row in ram("ListGroupsForUser", user_name="tf-user").groups.group:
        ram("RemoveUserFromGroup", user_name="tf-user", group_name=row.group_name)
    ram("DeleteLoginProfile", user_name="tf-user")
    refused(
        lambda: ram("UnbindMFADevice", user_name="tf-user"),
        "EntityNotExist.User.MFADevice",
        "The user has not bound any MFA device: tf-user.",
    )
    ram("DeleteUser", user_name="tf-user")
    refused(lambda: ram("GetUser", user_name="tf-user"), "EntityNotExist.User", "The user does not exist: tf-user.")
    ram("DeleteGroup", group_name="tf-group")
    # A second apply makes the same again.
    ram("CreateUser", user_name="tf-user", **settings)
    ram("DeleteUser", user_name="tf-user")


def test_a_role_and_its_policy(customer: Customer) -> None:
    def ram(action: str, **fields: Any) -> Any:
        return customer.call("ram", action, **fields)

    tag = [ram_models.CreateRoleRequestTag(key="by", value="tf")]
    ram("CreateRole", role_name="tf-role", assume_role_policy_document=TRUST, description="d", tag=tag)
    role = ram("GetRole", role_name="tf-role").role
    assert json.loads(role.assume_role_policy_document) == json.loads(TRUST)
    assert (role.max_session_duration, role.description, role.arn.endswith(":role/tf-role")) == (3600, "d", True)
    rows = ram("ListTagResources", resource_type="role", resource_names=["tf-role"]).tag_resources
    assert [(row.tag_key, row.tag_value) for row in rows] == [("by", "tf")]
    tag = [ram_models.CreatePolicyRequestTag(key="by", value="tf")]
    ram("CreatePolicy", policy_name="tf-policy", policy_document=document(), tag=tag)
    for number in range(6):
        ram(
            "CreatePolicyVersion",
            policy_name="tf-policy",
            policy_document=document(f"ecs:A{number}"),
            set_as_default=True,
            rotate_strategy="DeleteOldestNonDefaultVersionWhenLimitExceeded",
        )
    read = ram("GetPolicy", policy_type="Custom", policy_name="tf-policy")
    assert (read.policy.default_version, read.default_policy_version.policy_document) == ("v7", document("ecs:A5"))
    ram("AttachPolicyToRole", role_name="tf-role", policy_type="Custom", policy_name="tf-policy")
    attached = ram("ListPoliciesForRole", role_name="tf-role").policies.policy[0]
    assert (attached.policy_name, attached.policy_type) == ("tf-policy", "Custom")
    carriers = ram("ListEntitiesForPolicy", policy_type="Custom", policy_name="tf-policy").roles.role
    assert [(carrier.role_name, carrier.arn) for carrier in carriers] == [("tf-role", role.arn)]
    refused(lambda: ram("DeleteRole", role_name="tf-role"), "DeleteConflict.Role.Policy", "The role CAN NOT has any")
    for row in ram("ListPoliciesForRole", role_name="tf-role").policies.policy:
        ram("DetachPolicyFromRole", role_name="tf-role", policy_type=row.policy_type, policy_name=row.policy_name)
    ram("DeleteRole", role_name="tf-role")
    for version in ram(
        "ListPolicyVersions", policy_type="Custom", policy_name="tf-policy"
    ).policy_versions.policy_version:
        if not version.is_default_version:
            ram("DeletePolicyVersion", policy_name="tf-policy", version_id=version.version_id)
    ram("DeletePolicy", policy_name="tf-policy")
