"""Control policies: what the members of a directory may do at most, whatever their own policies say."""

from __future__ import annotations

import json
from typing import Any

import pytest

from kowloon.actions.ports import Principal
from kowloon.store.identity import Role
from tests.helpers import refused
from tests.services.ram.parts import person
from tests.services.ram.resourcemanager.parts import Organisation
from tests.services.ram.rights import document, statement

FULL = "cp-FullAliyunAccess"
NO_POLICY = ("EntityNotExists.ControlPolicy", "The specified policy does not exist.", 404)
DENY_VPC = {"Effect": "Deny", "Action": "vpc:CreateVpc", "Resource": "*"}


def attach(organisation: Organisation, policy: str, target: str) -> None:
    organisation.manage("AttachControlPolicy", policy_id=policy, target_id=target)


def test_a_denial_reaches_all_below(organisation: Organisation) -> None:
    folder = organisation.folder("restricted")
    account = organisation.member("bound", organisation.folder("inner", folder))
    free = organisation.inside(organisation.member("free"))
    inside = organisation.inside(account)
    policy = organisation.control_policy("NoNetworks", DENY_VPC)
    assert organisation.manage("EnableControlPolicy").enablement_status == "Enabled"
    attach(organisation, policy, folder)
    error = refused(
        lambda: inside.call("vpc", "CreateVpc", cidr_block="10.0.0.0/8"), "Forbidden.RAM", "User not authorized", 403
    )
    detail = error.accessDeniedDetail
    assert (detail["PolicyType"], detail["NoPermissionType"]) == ("ControlPolicy", "ExplicitDeny")
    assert detail["AuthAction"] == "vpc:CreateVpc"
    # Other actions, other members and the management account go on.
    assert inside.call("vpc", "DescribeVpcs").total_count == 0
    free.call("vpc", "CreateVpc", cidr_block="10.0.0.0/8")
    organisation.call("vpc", "CreateVpc", cidr_block="10.0.0.0/8")
    # A member that moves out of the folder is free, one that moves in is not.
    organisation.manage("MoveAccount", account_id=account, destination_folder_id=organisation.directory.root_folder_id)
    inside.call("vpc", "CreateVpc", cidr_block="10.0.0.0/8")


def test_users_of_a_member_are_bound_and_its_root_is_not(organisation: Organisation) -> None:
    account = organisation.member("people")
    inside = organisation.inside(account)
    user = person(inside, "worker", "AdministratorAccess")
    organisation.manage("EnableControlPolicy")
    user.call("vpc", "CreateVpc", cidr_block="10.0.0.0/8")
    attach(organisation, organisation.control_policy("NoNetworks", DENY_VPC), account)
    error = refused(
        lambda: user.call("vpc", "CreateVpc", cidr_block="10.0.0.0/8"),
        "Forbidden.RAM",
        "User not authorized to operate on the specified resource, or this API",
    )
    assert error.accessDeniedDetail["PolicyType"] == "ControlPolicy"


def test_what_no_level_allows_is_denied(organisation: Organisation) -> None:
    account = organisation.member("narrow")
    inside = organisation.inside(account)
    organisation.manage("EnableControlPolicy")
    attach(
        organisation,
        organisation.control_policy("OnlyLooking", {"Effect": "Allow", "Action": "vpc:Describe*", "Resource": "*"}),
        account,
    )
    # FullAliyunAccess is still there beside it.
    inside.call("vpc", "CreateVpc", cidr_block="10.0.0.0/8")
    organisation.manage("DetachControlPolicy", policy_id=FULL, target_id=account)
    error = refused(
        lambda: inside.call("vpc", "CreateVpc", cidr_block="10.0.0.0/8"),
        "Forbidden.RAM",
        "User not authorized to operate on the specified resource, or this API",
    )
    detail = error.accessDeniedDetail
    assert (detail["PolicyType"], detail["NoPermissionType"]) == ("ControlPolicy", "ImplicitDeny")
    assert inside.call("vpc", "DescribeVpcs").total_count == 1


def test_policies_count_while_they_are_enabled(organisation: Organisation) -> None:
    account = organisation.member("switched")
    inside = organisation.inside(account)
    policy = organisation.control_policy("NoNetworks", DENY_VPC)
    refused(
        lambda: attach(organisation, policy, account),
        "ControlPolicyNotEnabled",
        "The control policy feature of the resource directory is not enabled.",
        409,
    )
    organisation.manage("EnableControlPolicy")
    organisation.manage("EnableControlPolicy")
    assert organisation.manage("GetControlPolicyEnablementStatus").enablement_status == "Enabled"
    assert organisation.manage("GetResourceDirectory").resource_directory.control_policy_status == "Enabled"
    attach(organisation, policy, account)
    refused(
        lambda: inside.call("vpc", "CreateVpc", cidr_block="10.0.0.0/8"),
        "Forbidden.RAM",
        "User not authorized to operate on the specified resource, or this API",
    )
    assert organisation.manage("DisableControlPolicy").enablement_status == "Disabled"
    inside.call("vpc", "CreateVpc", cidr_block="10.0.0.0/8")
    assert organisation.manage("GetControlPolicy", policy_id=policy).control_policy.attachment_count == "0"


def test_a_changed_policy_counts_at_once(organisation: Organisation) -> None:
    account = organisation.member("changing")
    inside = organisation.inside(account)
    organisation.manage("EnableControlPolicy")
    policy = organisation.control_policy("Changing", DENY_VPC)
    attach(organisation, policy, account)
    refused(
        lambda: inside.call("vpc", "CreateVpc", cidr_block="10.0.0.0/8"),
        "Forbidden.RAM",
        "User not authorized to operate on the specified resource, or this API",
    )
    other = document(statement("Deny", "ecs:*"))
    changed = organisation.manage(
        "UpdateControlPolicy",
        policy_id=policy,
        new_policy_document=other,
        new_policy_name="Changed",
        new_description="d",
    ).control_policy
    assert (changed.policy_name, changed.description) == ("Changed", "d")
    inside.call("vpc", "CreateVpc", cidr_block="10.0.0.0/8")
    refused(lambda: inside.call("ecs", "DescribeInstances"), "Forbidden.RAM", "User not authorized to operate on the")


def test_roles_of_services_are_not_bound(organisation: Organisation) -> None:
    account = organisation.member("served")
    inside = organisation.inside(account)
    organisation.manage("EnableControlPolicy")
    attach(
        organisation,
        organisation.control_policy("Nothing", {"Effect": "Deny", "Action": "*", "Resource": "*"}),
        account,
    )
    refused(lambda: inside.call("ram", "ListRoles"), "NoPermission", "You are not authorized to do this action. You")
    cloud = organisation.cloud.cloud
    role = Role(
        id=f"{account}:of-a-service", account=account, name="of-a-service", role_id="3", trust="{}", service="s"
    )
    bound = Principal(account=account, type="AssumedRoleUser", arn="", id="", name="other", role_id="4")

    async def put() -> None:
        await cloud.store.run(lambda tx: tx.put(role))

    organisation.cloud.run(put())
    of_service = Principal(account=account, type="AssumedRoleUser", arn="", id="", name=role.name, role_id="3")
    assert cloud.authorizer.policies_of(of_service).control == ()
    assert len(cloud.authorizer.policies_of(bound).control) == 2


def test_a_policy_from_end_to_end(organisation: Organisation) -> None:
    text = json.dumps({"Version": "1", "Statement": [DENY_VPC]})
    made = organisation.manage(
        "CreateControlPolicy", policy_name="Guard", policy_document=text, effect_scope="RAM", description="guards"
    ).control_policy
    assert (made.policy_type, made.effect_scope, made.attachment_count) == ("Custom", "RAM", "0")
    shown = organisation.manage("GetControlPolicy", policy_id=made.policy_id).control_policy
    assert (shown.policy_document, shown.description) == (text, "guards")
    organisation.manage("EnableControlPolicy")
    folder = organisation.folder("guarded")
    for target in (folder, organisation.directory.root_folder_id):
        attach(organisation, made.policy_id, target)
    rows = organisation.manage("ListTargetAttachmentsForControlPolicy", policy_id=made.policy_id, page_size=1)
    row = rows.target_attachments.target_attachment[0]
    assert (rows.total_count, row.target_id, row.target_name, row.target_type) == (2, folder, "guarded", "Folder")
    held = organisation.manage("ListControlPolicyAttachmentsForTarget", target_id=folder).control_policy_attachments
    assert {each.policy_name for each in held.control_policy_attachment} == {"FullAliyunAccess", "Guard"}
    refused(
        lambda: organisation.manage("DeleteControlPolicy", policy_id=made.policy_id),
        "DeleteConflict.ControlPolicy.Attachment",
        "The policy is attached to a target.",
        409,
    )
    refused(
        lambda: attach(organisation, made.policy_id, folder),
        "EntityAlreadyExists.ControlPolicyAttachment",
        "The policy is already attached to the target.",
        409,
    )
    for target in (folder, organisation.directory.root_folder_id):
        organisation.manage("DetachControlPolicy", policy_id=made.policy_id, target_id=target)
    refused(
        lambda: organisation.manage("DetachControlPolicy", policy_id=made.policy_id, target_id=folder),
        "EntityNotExists.ControlPolicyAttachment",
        "The specified policy is not attached to the target.",
        404,
    )
    refused(
        lambda: organisation.manage("DetachControlPolicy", policy_id=FULL, target_id=folder),
        "NotSupport.DetachLastControlPolicy",
        "It is not detach the last control policy on the target node.",
        400,
    )
    organisation.manage("DeleteControlPolicy", policy_id=made.policy_id)
    refused(lambda: organisation.manage("GetControlPolicy", policy_id=made.policy_id), *NO_POLICY)


def test_the_vendors_policy(organisation: Organisation) -> None:
    shown = organisation.manage("GetControlPolicy", policy_id=FULL).control_policy
    assert (shown.policy_name, shown.policy_type, shown.effect_scope) == ("FullAliyunAccess", "System", "All")
    assert json.loads(shown.policy_document)["Statement"] == [{"Effect": "Allow", "Action": "*", "Resource": "*"}]
    for action, fields in (("DeleteControlPolicy", {}), ("UpdateControlPolicy", {"new_description": "x"})):
        refused(
            lambda action=action, fields=fields: organisation.manage(action, policy_id=FULL, **fields),
            "NotSupport.SystemControlPolicy",
            "The operation is not supported for system policies.",
            400,
        )


def test_lists(organisation: Organisation) -> None:
    for number in range(3):
        organisation.control_policy(f"policy-{number}", DENY_VPC)
    listed = organisation.manage("ListControlPolicies", page_size=2)
    assert (listed.total_count, [each.policy_name for each in listed.control_policies.control_policy]) == (
        4,
        ["FullAliyunAccess", "policy-0"],
    )
    custom = organisation.manage("ListControlPolicies", policy_type="Custom")
    assert custom.total_count == 3
    refused(
        lambda: organisation.manage("ListControlPolicies", policy_type="Other"),
        "InvalidParameter.PolicyType",
        "The PolicyType is invalid.",
        400,
    )


@pytest.mark.parametrize(
    ("fields", "code", "message"),
    [
        ({"policy_name": "a/b"}, "InvalidParameter.PolicyName", "The PolicyName is invalid."),
        ({"policy_name": "FullAliyunAccess"}, "EntityAlreadyExists.ControlPolicy", "The policy name already exists."),
        ({"effect_scope": "All"}, "InvalidParameter.EffectScope", "The EffectScope is invalid."),
        ({"description": "x" * 1025}, "InvalidParameter.Description", "The Description is invalid."),
        ({"policy_document": "{}"}, "InvalidParameter.PolicyDocument", "The PolicyDocument is invalid: "),
        ({"policy_document": " " * 4097}, "InvalidParameter.PolicyDocument.Length", "is invalid."),
    ],
)
def test_policies_that_are_not_made(
    organisation: Organisation, fields: dict[str, str], code: str, message: str
) -> None:
    text = json.dumps({"Version": "1", "Statement": [DENY_VPC]})
    request: dict[str, Any] = {"policy_name": "right", "policy_document": text, "effect_scope": "RAM", **fields}
    refused(lambda: organisation.manage("CreateControlPolicy", **request), code, message)


def test_a_target_has_so_many(organisation: Organisation) -> None:
    organisation.manage("EnableControlPolicy")
    root = organisation.directory.root_folder_id
    for number in range(9):
        attach(organisation, organisation.control_policy(f"p-{number}", DENY_VPC), root)
    one_more = organisation.control_policy("one-more", DENY_VPC)
    refused(
        lambda: attach(organisation, one_more, root), "LimitExceeded.ControlPolicyAttachment", "exceeds the limit", 409
    )


def test_another_directorys_policy_and_target_are_none(organisation: Organisation) -> None:
    other = Organisation(organisation.cloud)
    theirs, folder = other.control_policy("Theirs", DENY_VPC), other.folder("theirs")
    organisation.manage("EnableControlPolicy")
    root = organisation.directory.root_folder_id
    mine = organisation.control_policy("Mine", DENY_VPC)
    for action, fields in (
        ("GetControlPolicy", {}),
        ("UpdateControlPolicy", {"new_description": "x"}),
        ("DeleteControlPolicy", {}),
        ("AttachControlPolicy", {"target_id": root}),
        ("DetachControlPolicy", {"target_id": root}),
        ("ListTargetAttachmentsForControlPolicy", {}),
    ):
        refused(
            lambda action=action, fields=fields: organisation.manage(action, policy_id=theirs, **fields), *NO_POLICY
        )
    for call in (
        lambda: attach(organisation, mine, folder),
        lambda: organisation.manage("DetachControlPolicy", policy_id=mine, target_id=folder),
        lambda: organisation.manage("ListControlPolicyAttachmentsForTarget", target_id=folder),
    ):
        refused(call, "EntityNotExists.Target", "The specified target does not exist in the resource directory.", 404)
