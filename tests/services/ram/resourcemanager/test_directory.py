"""A directory: made once, seen by its members, and gone again."""

from __future__ import annotations

import pytest

from tests.helpers import refused
from tests.services.ram.resourcemanager.parts import Organisation, Owner

NOT_ENABLED = "The resource directory for the account is not enabled."


def test_a_directory_is_made_once(owner: Owner) -> None:
    refused(lambda: owner.manage("GetResourceDirectory"), "ResourceDirectoryNotInUse", "is not an Alibaba Cloud", 404)
    made = owner.manage("InitResourceDirectory").resource_directory
    assert made.resource_directory_id.startswith("rd-")
    assert made.root_folder_id.startswith("r-")
    assert made.master_account_id == owner.id
    shown = owner.manage("GetResourceDirectory").resource_directory
    assert (shown.resource_directory_id, shown.root_folder_id) == (made.resource_directory_id, made.root_folder_id)
    assert (shown.control_policy_status, shown.member_deletion_status) == ("Disabled", "Disabled")
    assert shown.master_account_name.startswith("owner ")
    refused(
        lambda: owner.manage("InitResourceDirectory"),
        "EntityAlreadyExists.ResourceDirectory",
        "The resource directory for the account is already enabled.",
        409,
    )
    root = owner.manage("GetFolder", folder_id=made.root_folder_id).folder
    assert (root.folder_name, root.parent_folder_id) == ("Root", "")
    assert root.resource_directory_path == f"{made.resource_directory_id}/{made.root_folder_id}"


def test_the_account_itself_becomes_the_manager(owner: Owner) -> None:
    refused(
        lambda: owner.manage("EnableResourceDirectory", enable_mode="Other"),
        "InvalidParameter.EnableMode",
        "The EnableMode is invalid.",
        400,
    )
    refused(
        lambda: owner.manage("EnableResourceDirectory", enable_mode="NewManagementAccount", maname="new"),
        "NotBuiltInKowloon",
        "NewManagementAccount",
        501,
    )
    made = owner.manage("EnableResourceDirectory", enable_mode="CurrentAccount").resource_directory
    assert made.master_account_id == owner.id


def test_a_directory_goes_when_it_is_empty(organisation: Organisation) -> None:
    folder = organisation.folder("things")
    refused(
        lambda: organisation.manage("DestroyResourceDirectory"),
        "DeleteConflict.ResourceDirectory.Folder",
        "one or more folders exist",
        409,
    )
    account = organisation.member("last", folder)
    refused(
        lambda: organisation.manage("DestroyResourceDirectory"),
        "DeleteConflict.ResourceDirectory.Account",
        "one or more member accounts exist",
        409,
    )
    organisation.manage("UpdateAccount", account_id=account, new_account_type="CloudAccount")
    organisation.manage("RemoveCloudAccount", account_id=account)
    organisation.manage("DeleteFolder", folder_id=folder)
    organisation.control_policy("left-over", {"Effect": "Deny", "Action": "ecs:*", "Resource": "*"})
    organisation.manage("DestroyResourceDirectory")
    refused(
        lambda: organisation.manage("GetResourceDirectory"),
        "ResourceDirectoryNotInUse",
        "The specified account is not an Alibaba Cloud account or a member",
    )
    refused(
        lambda: organisation.manage("DestroyResourceDirectory"), "EntityNotExists.ResourceDirectory", NOT_ENABLED, 404
    )
    # All of it is gone: another directory can be made, without the old one's policies.
    organisation.manage("InitResourceDirectory")
    assert organisation.manage("ListControlPolicies", policy_type="Custom").total_count == 0


def test_members_see_the_directory_and_manage_nothing(organisation: Organisation) -> None:
    inside = organisation.inside(organisation.member("looker"))
    shown = inside.call("resourcemanager", "GetResourceDirectory").resource_directory
    assert shown.resource_directory_id == organisation.directory.resource_directory_id
    for action, fields in (
        ("ListAccounts", {}),
        ("CreateFolder", {"folder_name": "mine"}),
        ("ListHandshakesForResourceDirectory", {}),
    ):
        refused(
            lambda action=action, fields=fields: inside.call("resourcemanager", action, **fields),
            "EntityNotExists.ResourceDirectory",
            NOT_ENABLED,
            404,
        )
    refused(
        lambda: inside.call("resourcemanager", "InitResourceDirectory"),
        "EntityAlreadyExists.ResourceDirectoryAccount",
        "already in a resource directory",
        409,
    )


def test_whether_members_may_be_deleted(organisation: Organisation) -> None:
    done = organisation.manage("SetMemberDeletionPermission", status="Enabled")
    assert (done.member_deletion_status, done.management_account_id) == ("Enabled", organisation.id)
    assert organisation.manage("GetResourceDirectory").resource_directory.member_deletion_status == "Enabled"
    refused(
        lambda: organisation.manage("SetMemberDeletionPermission", status="Perhaps"),
        "InvalidParameter.Status",
        "The Status is invalid.",
        400,
    )


@pytest.mark.parametrize(
    "action",
    ["EnableControlPolicy", "DisableControlPolicy", "GetControlPolicyEnablementStatus", "ListControlPolicies"],
)
def test_without_a_directory_there_is_nothing_to_manage(owner: Owner, action: str) -> None:
    refused(lambda: owner.manage(action), "EntityNotExists.ResourceDirectory", NOT_ENABLED, 404)
