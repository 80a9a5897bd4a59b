"""What the provider does with ResourceManager and Tag: made, read back unchanged, taken apart again."""

from __future__ import annotations

import json

from alibabacloud_resourcemanager20200331 import models
from alibabacloud_tag20180828 import models as tag_models

from kowloon.testing.cloud import LocalCloud
from tests.helpers import refused
from tests.services.ram.resourcemanager.parts import Owner
from tests.services.ram.rights import document, statement


def test_a_resource_group(shared_cloud: LocalCloud) -> None:
    owner = Owner(shared_cloud)
    made = owner.manage("CreateResourceGroup", name="tf-group", display_name="tf").resource_group
    # It waits until the group is OK.
    read = owner.manage("GetResourceGroup", resource_group_id=made.id).resource_group
    assert (read.status, read.name, read.display_name, read.account_id) == ("OK", "tf-group", "tf", owner.id)
    assert {each.status for each in read.region_statuses.region_status} == {"OK"}
    owner.manage("UpdateResourceGroup", resource_group_id=made.id, new_display_name="changed")
    tag = [models.TagResourcesRequestTag(key="by", value="tf")]
    owner.manage("TagResources", resource_type="resourcegroup", resource_id=[made.id], tag=tag)
    rows = owner.manage("ListTagResources", resource_type="resourcegroup", resource_id=[made.id]).tag_resources
    assert [(each.tag_key, each.tag_value) for each in rows] == [("by", "tf")]
    assert owner.manage("GetResourceGroup", resource_group_id=made.id).resource_group.display_name == "changed"
    owner.manage("DeleteResourceGroup", resource_group_id=made.id)
    refused(
        lambda: owner.manage("GetResourceGroup", resource_group_id=made.id),
        "EntityNotExists.ResourceGroup",
        "The specified resource group does not exist. You must first create a",
    )


def test_a_policy_on_a_role_in_a_group(shared_cloud: LocalCloud) -> None:
    owner = Owner(shared_cloud)
    group = owner.group("tf-scope")
    owner.manage("CreatePolicy", policy_name="tf-policy", policy_document=document(statement("Allow", "ecs:*")))
    read = owner.manage("GetPolicy", policy_name="tf-policy", policy_type="Custom").policy
    assert read.default_version == "v1"
    version = owner.manage("GetPolicyVersion", policy_name="tf-policy", policy_type="Custom", version_id="v1")
    assert json.loads(version.policy_version.policy_document)["Statement"][0]["Action"] == "ecs:*"
    owner.call("ram", "CreateUser", user_name="tf-user")
    attachment = {
        "policy_name": "tf-policy",
        "policy_type": "Custom",
        "principal_name": f"tf-user@{owner.id}.onaliyun.com",
        "principal_type": "IMSUser",
        "resource_group_id": group,
    }
    owner.manage("AttachPolicy", **attachment)
    rows = owner.manage("ListPolicyAttachments", language="en", **attachment).policy_attachments.policy_attachment
    assert {name: getattr(rows[0], name) for name in attachment} == attachment
    refused(
        lambda: owner.manage("DeletePolicy", policy_name="tf-policy"),
        "DeleteConflict.Policy.User",
        "The policy CAN NOT been attached to any user while deleting the policy:",
    )
    owner.manage("DetachPolicy", **attachment)
    assert owner.manage("ListPolicyAttachments", **attachment).total_count == 0
    owner.manage("DeletePolicy", policy_name="tf-policy")
    refused(
        lambda: owner.manage("DetachPolicy", **attachment),
        "EntityNotExist.User.Policy",
        "The indicate policy attached to the user does not exist: tf-policy.",
    )


def test_a_directory_with_everything_in_it(shared_cloud: LocalCloud) -> None:
    owner = Owner(shared_cloud)
    refused(lambda: owner.manage("GetResourceDirectory"), "ResourceDirectoryNotInUse", "The specified account is not")
    owner.manage("InitResourceDirectory")
    owner.manage("EnableControlPolicy")
    assert owner.manage("GetResourceDirectory").resource_directory.control_policy_status == "Enabled"
    folder = owner.manage("CreateFolder", folder_name="tf").folder.folder_id
    assert folder in {each.folder_id for each in owner.manage("ListFoldersForParent").folders.folder}
    account = owner.manage(
        "CreateResourceAccount", display_name="tf", account_name_prefix="tf", parent_folder_id=folder
    ).account.account_id
    read = owner.manage("GetAccount", account_id=account).account
    assert (read.display_name, read.folder_id, read.join_method) == ("tf", folder, "created")
    assert owner.manage("GetPayerForAccount", account_id=account).payer_account_id == ""
    text = document(statement("Deny", "vpc:*"))
    policy = owner.manage(
        "CreateControlPolicy", policy_name="tf", policy_document=text, effect_scope="RAM", description="d"
    ).control_policy.policy_id
    shown = owner.manage("GetControlPolicy", policy_id=policy).control_policy
    assert (shown.policy_document, shown.effect_scope, shown.policy_name) == (text, "RAM", "tf")
    owner.manage("AttachControlPolicy", policy_id=policy, target_id=folder)
    held = owner.manage("ListControlPolicyAttachmentsForTarget", target_id=folder).control_policy_attachments
    assert policy in {each.policy_id for each in held.control_policy_attachment}
    owner.manage("RegisterDelegatedAdministrator", account_id=account, service_principal="tag.aliyuncs.com")
    invited = Owner(shared_cloud)
    handshake = owner.manage(
        "InviteAccountToResourceDirectory", target_entity=invited.id, target_type="Account", note="n"
    ).handshake.handshake_id
    assert owner.manage("GetHandshake", handshake_id=handshake).handshake.note == "n"
    # And back. What the provider takes for "gone already" is said where it is.
    owner.manage("CancelHandshake", handshake_id=handshake)
    refused(
        lambda: owner.manage("CancelHandshake", handshake_id=handshake),
        "HandshakeStatusMismatch",
        "You cannot perform the action on the handshake in its current status.",
    )
    owner.manage("DeregisterDelegatedAdministrator", account_id=account, service_principal="tag.aliyuncs.com")
    owner.manage("DetachControlPolicy", policy_id=policy, target_id=folder)
    owner.manage("DeleteControlPolicy", policy_id=policy)
    refused(
        lambda: owner.manage("GetControlPolicy", policy_id=policy),
        "EntityNotExists.ControlPolicy",
        "The specified policy does not exist.",
    )
    owner.manage("SetMemberDeletionPermission", status="Enabled")
    owner.manage("DeleteAccount", account_id=account)
    assert owner.manage("GetAccountDeletionStatus", account_id=account).rd_account_deletion_status.status == "Success"
    owner.manage("DeleteFolder", folder_id=folder)
    refused(lambda: owner.manage("GetFolder", folder_id=folder), "EntityNotExists.Folder", "The resource directory")
    owner.manage("DisableControlPolicy")
    owner.manage("DestroyResourceDirectory")


def test_a_meta_tag(shared_cloud: LocalCloud) -> None:
    owner = Owner(shared_cloud)
    values = [
        tag_models.CreateTagsRequestTagKeyValueParamListTagValueParamList(value=value) for value in ("red", "blue")
    ]
    given = [tag_models.CreateTagsRequestTagKeyValueParamList(key="team", tag_value_param_list=values)]
    owner.call("tag", "CreateTags", tag_key_value_param_list=given)
    read = owner.call("tag", "ListTagValues", key="team", query_type="MetaTag")
    assert (read.values.value, read.next_token) == (["red", "blue"], "")
    for value in ("red", "blue"):
        owner.call("tag", "DeleteTag", key="team", value=value)
    owner.call("tag", "DeleteTag", key="team")
    refused(
        lambda: owner.call("tag", "ListTagValues", key="team", query_type="MetaTag"),
        "MetaTagKeyNotFound",
        "The meta tag key is not found.",
    )
