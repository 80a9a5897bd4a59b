"""Roles and policies by this API: the same ones that RAM shows."""

from __future__ import annotations

from tests.helpers import refused
from tests.services.ram.parts import TRUST
from tests.services.ram.resourcemanager.parts import Owner
from tests.services.ram.rights import document, statement

READS = document(statement("Allow", "ecs:Describe*"))
WRITES = document(statement("Allow", "ecs:*"))


def test_a_policy_is_rams(owner: Owner) -> None:
    made = owner.manage("CreatePolicy", policy_name="Reads", policy_document=READS, description="d").policy
    assert (made.policy_name, made.policy_type, made.default_version) == ("Reads", "Custom", "v1")
    assert owner.call("ram", "GetPolicy", policy_type="Custom", policy_name="Reads").policy.policy_document == READS
    read = owner.manage("GetPolicy", policy_type="Custom", policy_name="Reads").policy
    assert (read.policy_document, read.description, read.attachment_count) == (READS, "d", 0)
    version = owner.manage("CreatePolicyVersion", policy_name="Reads", policy_document=WRITES, set_as_default=False)
    assert (version.policy_version.version_id, version.policy_version.is_default_version) == ("v2", False)
    owner.manage("SetDefaultPolicyVersion", policy_name="Reads", version_id="v2")
    shown = owner.manage("GetPolicyVersion", policy_type="Custom", policy_name="Reads", version_id="v2").policy_version
    assert (shown.policy_document, shown.is_default_version) == (WRITES, True)
    listed = owner.manage("ListPolicyVersions", policy_type="Custom", policy_name="Reads").policy_versions
    assert [each.version_id for each in listed.policy_version] == ["v2", "v1"]
    refused(
        lambda: owner.manage("DeletePolicyVersion", policy_name="Reads", version_id="v2"),
        "DeleteConflict.Policy.Version.Default",
        "The default policy version CAN NOT been deleted directly: v2.",
    )
    refused(
        lambda: owner.manage("DeletePolicy", policy_name="Reads"),
        "DeleteConflict.Policy.Version",
        "The policy CAN NOT has any version except the default version: Reads.",
    )
    owner.manage("DeletePolicyVersion", policy_name="Reads", version_id="v1")
    refused(
        lambda: owner.manage("GetPolicyVersion", policy_type="Custom", policy_name="Reads", version_id="v1"),
        "EntityNotExist.Policy.Version",
        "The policy version does not exist: v1.",
        404,
    )
    owner.manage("DeletePolicy", policy_name="Reads")
    refused(
        lambda: owner.manage("GetPolicy", policy_type="Custom", policy_name="Reads"),
        "EntityNotExist.Policy",
        "The policy does not exist: Reads.",
        404,
    )


def test_policies_are_listed_by_page(owner: Owner) -> None:
    for number in range(3):
        owner.manage("CreatePolicy", policy_name=f"P{number}", policy_document=READS)
    listed = owner.manage("ListPolicies", policy_type="Custom", page_size=2)
    assert (listed.total_count, [each.policy_name for each in listed.policies.policy]) == (3, ["P0", "P1"])
    last = owner.manage("ListPolicies", policy_type="Custom", page_size=2, page_number=2)
    assert [each.policy_name for each in last.policies.policy] == ["P2"]
    system = owner.manage("ListPolicies", policy_type="System", page_size=100).policies.policy
    assert "AdministratorAccess" in {each.policy_name for each in system}
    refused(
        lambda: owner.manage("ListPolicies", policy_type="Other"),
        "InvalidParameter.PolicyType",
        'The parameter - "PolicyType" is incorrect.',
    )


def test_a_role_is_rams(owner: Owner) -> None:
    made = owner.manage(
        "CreateRole", role_name="Worker", assume_role_policy_document=TRUST, description="d", max_session_duration=7200
    ).role
    assert (made.role_name, made.max_session_duration, made.arn) == ("Worker", 7200, f"acs:ram::{owner.id}:role/worker")
    assert made.role_principal_name == f"Worker@role.{owner.id}.onaliyunservice.com"
    assert owner.call("ram", "GetRole", role_name="Worker").role.role_id == made.role_id
    updated = owner.manage("UpdateRole", role_name="Worker", new_description="e", new_max_session_duration=3600).role
    assert (updated.description, updated.max_session_duration) == ("e", 3600)
    read = owner.manage("GetRole", role_name="Worker").role
    assert (read.description, read.is_service_linked_role) == ("e", False)
    owner.manage("CreateRole", role_name="Other", assume_role_policy_document=TRUST)
    listed = owner.manage("ListRoles", page_size=1)
    assert (listed.total_count, [each.role_name for each in listed.roles.role]) == (2, ["Worker"])
    refused(
        lambda: owner.manage("CreateRole", role_name="worker", assume_role_policy_document=TRUST),
        "EntityAlreadyExists.Role",
        "The role already exists: worker.",
        409,
    )
    owner.manage("DeleteRole", role_name="Worker")
    refused(lambda: owner.manage("GetRole", role_name="Worker"), "EntityNotExist.Role", "The role not exists", 404)


def test_a_service_linked_role_and_its_deletion(owner: Owner) -> None:
    made = owner.manage("CreateServiceLinkedRole", service_name="actiontrail.aliyuncs.com").role
    assert (made.role_name, made.is_service_linked_role) == ("AliyunServiceRoleForActionTrail", True)
    refused(
        lambda: owner.manage("CreateServiceLinkedRole", service_name="nobody.aliyuncs.com"),
        "EntityNotExist.Service",
        "The service does not exist: nobody.aliyuncs.com.",
    )
    task = owner.manage("DeleteServiceLinkedRole", role_name=made.role_name).deletion_task_id
    assert task.startswith("task/AliyunServiceRoleForActionTrail/")
    assert owner.manage("GetServiceLinkedRoleDeletionStatus", deletion_task_id=task).status == "SUCCEEDED"
    refused(
        lambda: owner.manage("GetRole", role_name=made.role_name),
        "EntityNotExist.Role",
        "The role not exists: AliyunServiceRoleForActionTrail.",
    )
    stranger = Owner(owner.cloud)
    for who, id in ((stranger, task), (owner, "task/none")):
        refused(
            lambda who=who, id=id: who.manage("GetServiceLinkedRoleDeletionStatus", deletion_task_id=id),
            "EntityNotExist.Role.DeletionTask",
            "The deletion task does not exist",
            404,
        )


def test_tasks_are_remembered_for_a_while(owner: Owner) -> None:
    tasks = []
    for _ in range(102):
        owner.manage("CreateServiceLinkedRole", service_name="actiontrail.aliyuncs.com")
        tasks.append(
            owner.manage("DeleteServiceLinkedRole", role_name="AliyunServiceRoleForActionTrail").deletion_task_id
        )
    assert owner.manage("GetServiceLinkedRoleDeletionStatus", deletion_task_id=tasks[-1]).status == "SUCCEEDED"
    refused(
        lambda: owner.manage("GetServiceLinkedRoleDeletionStatus", deletion_task_id=tasks[0]),
        "EntityNotExist.Role.DeletionTask",
        "The deletion task does not exist: task/AliyunServiceRoleForActionTrail/",
    )
