"""Policies that count in one resource group only."""

from __future__ import annotations

from typing import Any

import pytest
from alibabacloud_resourcemanager20200331.models import MoveResourcesRequestResources

from tests.conftest import REGION
from tests.helpers import refused
from tests.services.oss.parts import Owner as Buckets
from tests.services.parts import IMAGE, TYPE, Customer
from tests.services.ram.parts import grant, person, with_key
from tests.services.ram.resourcemanager.parts import Owner
from tests.services.ram.rights import document, statement

DENIED = ("Forbidden.RAM", "User not authorized to operate on the specified resource", 403)


def login(owner: Owner, name: str) -> str:
    return f"{name}@{owner.id}.onaliyun.com"


def attach(owner: Owner, group: str, principal: str, policy: str, **fields: Any) -> None:
    request = {"policy_type": "System", "principal_type": "IMSUser", **fields}
    owner.manage("AttachPolicy", resource_group_id=group, principal_name=principal, policy_name=policy, **request)


def detach(owner: Owner, group: str, principal: str, policy: str, **fields: Any) -> None:
    request = {"policy_type": "System", "principal_type": "IMSUser", **fields}
    owner.manage("DetachPolicy", resource_group_id=group, principal_name=principal, policy_name=policy, **request)


def network(user: Customer, **fields: Any) -> str:
    return str(user.call("vpc", "CreateVpc", cidr_block="10.0.0.0/8", **fields).vpc_id)


def test_groups_that_callers_make_up_leave_nothing_behind(owner: Owner) -> None:
    user = person(owner, "guesser")
    attach(owner, owner.group("mine"), login(owner, "guesser"), "AliyunVPCFullAccess")
    sets = owner.cloud.cloud.authorizer._sets

    def guess(group: str) -> None:
        refused(lambda: user.call("vpc", "DescribeVpcs", resource_group_id=group), *DENIED)

    guess("rg-guessed0")
    known = set(sets)
    for number in range(1, 4):
        guess(f"rg-guessed{number}")
    assert set(sets) == known


def test_a_policy_counts_in_its_group_only(owner: Owner) -> None:
    group, other = owner.group("mine"), owner.group("other")
    user = person(owner, "worker")
    attach(owner, group, login(owner, "worker"), "AliyunVPCFullAccess")
    inside = network(user, resource_group_id=group)
    outside = network(owner, resource_group_id=other)
    user.call("vpc", "ModifyVpcAttribute", vpc_id=inside, vpc_name="renamed")
    refused(lambda: user.call("vpc", "ModifyVpcAttribute", vpc_id=outside, vpc_name="renamed"), *DENIED)
    for fields in ({}, {"resource_group_id": other}):
        refused(lambda fields=fields: network(user, **fields), *DENIED)
        refused(lambda fields=fields: user.call("vpc", "DescribeVpcs", **fields), *DENIED)
    listed = user.call("vpc", "DescribeVpcs", resource_group_id=group).vpcs.vpc
    assert [each.vpc_id for each in listed] == [inside]
    # What belongs to the VPC is where it is.
    place = {"zone_id": f"{REGION}-b", "cidr_block": "10.0.0.0/24"}
    switch = owner.call("vpc", "CreateVSwitch", vpc_id=inside, **place).v_switch_id
    user.call("vpc", "ModifyVSwitchAttribute", v_switch_id=switch, v_switch_name="theirs")
    user.call("vpc", "DeleteVSwitch", v_switch_id=switch)
    # A resource that moves takes its rights along.
    owner.manage("MoveResources", resource_group_id=other, resources=[_moved(inside)])
    refused(lambda: user.call("vpc", "DeleteVpc", vpc_id=inside), *DENIED)
    owner.manage("MoveResources", resource_group_id=group, resources=[_moved(inside)])
    user.call("vpc", "DeleteVpc", vpc_id=inside)
    detach(owner, group, login(owner, "worker"), "AliyunVPCFullAccess")
    refused(lambda: network(user, resource_group_id=group), *DENIED)


def _moved(vpc: str) -> Any:
    return MoveResourcesRequestResources(service="vpc", resource_type="vpc", resource_id=vpc, region_id=REGION)


def test_a_denial_in_the_group_is_one_there(owner: Owner) -> None:
    group = owner.group("guarded")
    user = person(owner, "worker", "AliyunVPCFullAccess")
    owner.manage("CreatePolicy", policy_name="NoDelete", policy_document=document(statement("Deny", "vpc:DeleteVpc")))
    attach(owner, group, login(owner, "worker"), "NoDelete", policy_type="Custom")
    inside, outside = network(user, resource_group_id=group), network(user)
    error = refused(lambda: user.call("vpc", "DeleteVpc", vpc_id=inside), *DENIED)
    detail = error.accessDeniedDetail
    assert (detail["PolicyType"], detail["NoPermissionType"]) == (
        "ResourceGroupLevelIdentityBasedPolicy",
        "ExplicitDeny",
    )
    opened = owner.call(
        "ram", "DecodeDiagnosticMessage", encoded_diagnostic_message=detail["EncodedDiagnosticMessage"]
    ).decoded_diagnostic_message
    matched = opened.matched_policies[0]
    assert (matched.policy_identifier, matched.attached_scope) == ("NoDelete", "ResourceGroup")
    user.call("vpc", "DeleteVpc", vpc_id=outside)


def test_a_denial_in_the_account_is_one_everywhere(owner: Owner) -> None:
    group = owner.group("guarded")
    user = person(owner, "worker")
    grant(owner, "worker", "NoDelete", document(statement("Deny", "vpc:DeleteVpc")))
    attach(owner, group, login(owner, "worker"), "AliyunVPCFullAccess")
    inside = network(user, resource_group_id=group)
    error = refused(lambda: user.call("vpc", "DeleteVpc", vpc_id=inside), *DENIED)
    assert error.accessDeniedDetail["PolicyType"] == "AccountLevelIdentityBasedPolicy"


def test_groups_of_users_and_roles_carry_them_too(owner: Owner) -> None:
    group = owner.group("shared")
    user = person(owner, "worker")
    owner.call("ram", "CreateGroup", group_name="team")
    owner.call("ram", "AddUserToGroup", group_name="team", user_name="worker")
    attach(owner, group, f"team@group.{owner.id}.onaliyun.com", "AliyunVPCFullAccess", principal_type="IMSGroup")
    network(user, resource_group_id=group)
    refused(lambda: network(user), *DENIED)
    trust = document({**statement("Allow", "sts:AssumeRole"), "Principal": {"RAM": [f"acs:ram::{owner.id}:root"]}})
    trust = trust.replace('"Resource": "*", ', "")
    owner.manage("CreateRole", role_name="Builder", assume_role_policy_document=trust)
    principal = f"Builder@role.{owner.id}.onaliyunservice.com"
    attach(owner, group, principal, "AliyunVPCFullAccess", principal_type="ServiceRole")
    arn = f"acs:ram::{owner.id}:role/builder"
    keys = owner.call("sts", "AssumeRole", role_arn=arn, role_session_name="builder").credentials
    session = Customer(
        owner.cloud,
        access_key_id=keys.access_key_id,
        access_key_secret=keys.access_key_secret,
        security_token=keys.security_token,
    )
    network(session, resource_group_id=group)
    refused(lambda: network(session), *DENIED)
    listed = owner.manage("ListPolicyAttachments", resource_group_id=group).policy_attachments.policy_attachment
    assert {(each.principal_type, each.principal_name) for each in listed} == {
        ("IMSGroup", f"team@group.{owner.id}.onaliyun.com"),
        ("ServiceRole", principal),
    }


def test_a_launch_from_a_public_image_in_the_group(owner: Owner) -> None:
    group = owner.group("launches")
    user = person(owner, "worker")
    for policy in ("AliyunVPCFullAccess", "AliyunECSFullAccess"):
        attach(owner, group, login(owner, "worker"), policy)
    vpc = network(user, resource_group_id=group)
    switch = owner.call("vpc", "CreateVSwitch", vpc_id=vpc, zone_id=f"{REGION}-b", cidr_block="10.0.0.0/24")
    security = user.call("ecs", "CreateSecurityGroup", vpc_id=vpc, resource_group_id=group).security_group_id
    launch = {
        "image_id": IMAGE,
        "instance_type": TYPE,
        "security_group_id": security,
        "v_switch_id": switch.v_switch_id,
    }
    ids = user.call("ecs", "RunInstances", resource_group_id=group, **launch).instance_id_sets.instance_id_set
    assert user.call("ecs", "DescribeInstances", resource_group_id=group).total_count == len(ids) == 1
    refused(lambda: user.call("ecs", "RunInstances", **launch), *DENIED)


def test_rights_in_a_group_are_none_over_identities(owner: Owner) -> None:
    """Users, roles and policies are in no group: not even in the default one."""
    default = owner.manage("ListResourceGroups").resource_groups.resource_group[0].id
    user = person(owner, "worker")
    attach(owner, default, login(owner, "worker"), "AdministratorAccess")
    network(user)
    for action, fields in (
        ("CreateUser", {"user_name": "crony"}),
        ("GetUser", {"user_name": "admin"}),
        ("CreateAccessKey", {"user_name": "admin"}),
    ):
        refused(
            lambda action=action, fields=fields: user.call("ram", action, **fields),
            "NoPermission",
            "You are not authorized to do this action. You should be authorized by",
        )
    refused(lambda: user.call("resourcemanager", "ListResourceGroups"), "NoPermission", "You are not authorized to do")


def test_buckets_of_a_group(owner: Owner) -> None:
    group = owner.group("buckets")
    user = person(owner, "worker")
    attach(owner, group, login(owner, "worker"), "AliyunOSSFullAccess")
    mine = Buckets(owner.cloud, owner.config["access_key_id"], owner.config["access_key_secret"]).bucket()
    mine.put_object("a", b"1")
    theirs = Buckets(owner.cloud, user.config["access_key_id"], user.config["access_key_secret"]).bucket(
        mine.bucket_name, create=False
    )
    with pytest.raises(Exception, match="AccessDenied"):
        theirs.get_object("a")
    mine.put_bucket_resource_group(group)
    assert theirs.get_object("a").read() == b"1"
    mine.delete_object("a")
    mine.delete_bucket()


def test_attachments_are_listed(owner: Owner) -> None:
    group = owner.group("listed")
    for number in range(3):
        person(owner, f"user-{number}")
        attach(owner, group, login(owner, f"user-{number}"), "AliyunVPCReadOnlyAccess")
    attach(owner, owner.id, login(owner, "user-0"), "AliyunVPCFullAccess")
    listed = owner.manage("ListPolicyAttachments", resource_group_id=group, page_size=2)
    rows = listed.policy_attachments.policy_attachment
    assert (listed.total_count, len(rows)) == (3, 2)
    assert (rows[0].policy_name, rows[0].policy_type, rows[0].principal_type, rows[0].principal_name) == (
        "AliyunVPCReadOnlyAccess",
        "System",
        "IMSUser",
        login(owner, "user-0"),
    )
    whole = owner.manage("ListPolicyAttachments", resource_group_id=owner.id, principal_name=login(owner, "user-0"))
    assert [each.policy_name for each in whole.policy_attachments.policy_attachment] == ["AliyunVPCFullAccess"]
    # RAM shows what counts in the whole account, and nothing else.
    seen = owner.call("ram", "ListPoliciesForUser", user_name="user-0").policies.policy
    assert [each.policy_name for each in seen] == ["AliyunVPCFullAccess"]
    carriers = owner.call("ram", "ListEntitiesForPolicy", policy_type="System", policy_name="AliyunVPCReadOnlyAccess")
    assert carriers.users.user == []
    for wrong in ({"principal_type": "Robot"}, {"policy_type": "Other"}):
        refused(
            lambda wrong=wrong: owner.manage("ListPolicyAttachments", **wrong),
            f"InvalidParameter.{'PrincipalType' if 'principal_type' in wrong else 'PolicyType'}",
        )


def test_an_attachment_goes_with_its_group_and_follows_a_new_name(owner: Owner) -> None:
    group = owner.group("passing")
    person(owner, "before")
    attach(owner, group, login(owner, "before"), "AliyunVPCFullAccess")
    owner.call("ram", "UpdateUser", user_name="before", new_user_name="after")
    after = with_key(owner, "after")
    vpc = network(after, resource_group_id=group)
    after.call("vpc", "DeleteVpc", vpc_id=vpc)
    key = owner.call("ram", "ListAccessKeys", user_name="after").access_keys.access_key
    for each in key:
        owner.call("ram", "DeleteAccessKey", user_name="after", user_access_key_id=each.access_key_id)
    refused(
        lambda: owner.call("ram", "DeleteUser", user_name="after"),
        "DeleteConflict.User.Policy",
        "The user CAN NOT has any attached policy while deleting the user: after.",
    )
    owner.manage("DeleteResourceGroup", resource_group_id=group)
    assert owner.manage("ListPolicyAttachments", principal_name=login(owner, "after")).total_count == 0
    owner.call("ram", "DeleteUser", user_name="after")


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"resource_group_id": "rg-none"}, "EntityNotExists.ResourceGroup"),
        ({"policy_name": "NoSuchPolicy"}, "EntityNotExist.Policy"),
        ({"policy_type": "Other"}, "InvalidParameter.PolicyType"),
        ({"principal_type": "Robot"}, "InvalidParameter.PrincipalType"),
        ({"principal_name": "nobody@{id}.onaliyun.com"}, "EntityNotExist.User"),
        ({"principal_name": "worker@elsewhere.onaliyun.com"}, "EntityNotExist.User"),
        ({"principal_type": "IMSGroup", "principal_name": "none@group.{id}.onaliyun.com"}, "EntityNotExist.Group"),
        ({"principal_type": "IMSGroup", "principal_name": "none@group.1.onaliyun.com"}, "EntityNotExist.Group"),
        (
            {"principal_type": "ServiceRole", "principal_name": "none@role.{id}.onaliyunservice.com"},
            "EntityNotExist.Role",
        ),
        ({"principal_type": "ServiceRole", "principal_name": "none@role.1.onaliyunservice.com"}, "EntityNotExist.Role"),
    ],
)
def test_attachments_that_are_not_made(owner: Owner, fields: dict[str, str], code: str) -> None:
    person(owner, "worker")
    request = {
        "resource_group_id": owner.group("some"),
        "policy_type": "System",
        "policy_name": "AliyunVPCFullAccess",
        "principal_type": "IMSUser",
        "principal_name": login(owner, "worker"),
        **{name: value.format(id=owner.id) for name, value in fields.items()},
    }
    refused(lambda: owner.manage("AttachPolicy", **request), code)
    known = code if "policy_name" not in fields else "EntityNotExist.User.Policy"
    refused(lambda: owner.manage("DetachPolicy", **request), known)


def test_once_is_enough(owner: Owner) -> None:
    group = owner.group("once")
    person(owner, "worker")
    attach(owner, group, login(owner, "worker"), "AliyunVPCFullAccess")
    refused(
        lambda: attach(owner, group, login(owner, "worker"), "AliyunVPCFullAccess"),
        "EntityAlreadyExists.User.Policy",
        "The user has already been attached this policy",
        409,
    )
    # The same in another group is another attachment.
    attach(owner, owner.group("twice"), login(owner, "worker"), "AliyunVPCFullAccess")
