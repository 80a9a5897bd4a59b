"""Policies and their versions, and what carries them."""

from __future__ import annotations

import json

import pytest

from kowloon.services.ram import quotas
from kowloon.store.identity import Policy, PolicyAttachment, PolicyVersion
from tests.helpers import refused
from tests.services.parts import Customer
from tests.services.ram.parts import TRUST, document, person, put

ENTITIES = [("User", "user_name"), ("Group", "group_name"), ("Role", "role_name")]


def _versions(customer: Customer, name: str) -> dict[str, bool]:
    rows = customer.call("ram", "ListPolicyVersions", policy_type="Custom", policy_name=name)
    return {row.version_id: row.is_default_version for row in rows.policy_versions.policy_version}


def test_a_policy_lives_from_creation_to_deletion(customer: Customer) -> None:
    text = document()
    made = customer.call("ram", "CreatePolicy", policy_name="Life", policy_document=text, description="d").policy
    assert (made.policy_type, made.default_version, made.description) == ("Custom", "v1", "d")
    shown = customer.call("ram", "GetPolicy", policy_type="Custom", policy_name="Life")
    assert (shown.policy.attachment_count, shown.policy.create_date) == (0, made.create_date)
    assert (shown.default_policy_version.version_id, shown.default_policy_version.policy_document) == ("v1", text)
    assert shown.policy.policy_document == text
    refused(
        lambda: customer.call("ram", "CreatePolicy", policy_name="Life", policy_document=text),
        "EntityAlreadyExists.Policy",
        "The policy does already EXIST: Life.",
        409,
    )
    changed = customer.call("ram", "UpdatePolicyDescription", policy_name="Life", new_description="n").policy
    assert changed.description == "n"
    customer.call("ram", "DeletePolicy", policy_name="Life")
    for action in ("GetPolicy", "ListPolicyVersions", "ListEntitiesForPolicy"):
        refused(
            lambda action=action: customer.call("ram", action, policy_type="Custom", policy_name="Life"),
            "EntityNotExist.Policy",
            "The policy does not exist: Life.",
            404,
        )
    for action, fields in (
        ("DeletePolicy", {}),
        ("UpdatePolicyDescription", {"new_description": ""}),
        ("CreatePolicyVersion", {"policy_document": text}),
        ("DeletePolicyVersion", {"version_id": "v1"}),
        ("SetDefaultPolicyVersion", {"version_id": "v1"}),
    ):
        refused(
            lambda action=action, fields=fields: customer.call("ram", action, policy_name="Life", **fields),
            "EntityNotExist.Policy",
            "The policy does not exist: Life.",
        )


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"policy_name": "a_b"}, "InvalidParameter.PolicyName.InvalidChars"),
        ({"policy_name": "x" * 129}, "InvalidParameter.PolicyName.Length"),
        ({"description": "x" * 1025}, "InvalidParameter.Description.Length"),
        ({"policy_document": "x" * 6145}, "InvalidParameter.PolicyDocument.Length"),
        ({"policy_document": ""}, "InvalidParameter.PolicyDocument.Length"),
        ({"policy_document": "nonsense"}, "MalformedPolicyDocument"),
        ({"policy_document": '{"Version":"1","Statement":[{"Effect":"Allow"}]}'}, "MalformedPolicyDocument"),
        ({"policy_document": document(effect="Perhaps")}, "MalformedPolicyDocument"),
    ],
)
def test_policies_that_cannot_be(customer: Customer, fields: dict[str, str], code: str) -> None:
    request = {"policy_name": "fine", "policy_document": document(), **fields}
    refused(lambda: customer.call("ram", "CreatePolicy", **request), code, status=400)


def test_five_versions_and_then_the_oldest_goes(customer: Customer) -> None:
    customer.call("ram", "CreatePolicy", policy_name="Versions", policy_document=document("ecs:A"))
    for number in range(2, 6):
        version = customer.call(
            "ram", "CreatePolicyVersion", policy_name="Versions", policy_document=document(f"ecs:A{number}")
        ).policy_version
        assert (version.version_id, version.is_default_version) == (f"v{number}", False)
    sixth = {"policy_name": "Versions", "policy_document": document("ecs:A6")}
    refused(
        lambda: customer.call("ram", "CreatePolicyVersion", **sixth),
        "LimitExceeded.Policy.Version",
        "The count of policy version beyond the current limits.",
        409,
    )
    refused(
        lambda: customer.call("ram", "CreatePolicyVersion", rotate_strategy="Odd", **sixth),
        "InvalidParameter.RotateStrategy",
        'The parameter - "RotateStrategy" is incorrect.',
    )
    rotate = "DeleteOldestNonDefaultVersionWhenLimitExceeded"
    made = customer.call(
        "ram", "CreatePolicyVersion", set_as_default=True, rotate_strategy=rotate, **sixth
    ).policy_version
    assert (made.version_id, made.is_default_version) == ("v6", True)
    # v1 was the default when the oldest that is not went.
    assert _versions(customer, "Versions") == {"v6": True, "v5": False, "v4": False, "v3": False, "v1": False}
    shown = customer.call("ram", "GetPolicy", policy_type="Custom", policy_name="Versions")
    assert json.loads(shown.default_policy_version.policy_document)["Statement"][0]["Action"] == "ecs:A6"


def test_versions_one_by_one(customer: Customer) -> None:
    customer.call("ram", "CreatePolicy", policy_name="Steps", policy_document=document("ecs:One"))
    customer.call("ram", "CreatePolicyVersion", policy_name="Steps", policy_document=document("ecs:Two"))
    second = customer.call("ram", "GetPolicyVersion", policy_type="Custom", policy_name="Steps", version_id="v2")
    assert second.policy_version.policy_document == document("ecs:Two")
    refused(
        lambda: customer.call("ram", "DeletePolicy", policy_name="Steps"),
        "DeleteConflict.Policy.Version",
        "The policy CAN NOT has any version except the default version: Steps.",
        409,
    )
    customer.call("ram", "SetDefaultPolicyVersion", policy_name="Steps", version_id="v2")
    refused(
        lambda: customer.call("ram", "DeletePolicyVersion", policy_name="Steps", version_id="v2"),
        "DeleteConflict.Policy.Version.Default",
        "The default policy version CAN NOT been deleted directly: v2.",
        409,
    )
    customer.call("ram", "DeletePolicyVersion", policy_name="Steps", version_id="v1")
    for action in ("DeletePolicyVersion", "SetDefaultPolicyVersion"):
        refused(
            lambda action=action: customer.call("ram", action, policy_name="Steps", version_id="v1"),
            "EntityNotExist.Policy.Version",
            "The policy version does not exist: v1.",
            404,
        )
    refused(
        lambda: customer.call("ram", "GetPolicyVersion", policy_type="Custom", policy_name="Steps", version_id="v9"),
        "EntityNotExist.Policy.Version",
        "The policy version does not exist: v9.",
    )
    third = customer.call("ram", "CreatePolicyVersion", policy_name="Steps", policy_document=document()).policy_version
    # A number is never given twice.
    assert third.version_id == "v3"
    customer.call("ram", "DeletePolicy", policy_name="Steps", cascading_delete=True)


def test_the_vendors_policies_can_be_read(customer: Customer) -> None:
    shown = customer.call("ram", "GetPolicy", policy_type="System", policy_name="AdministratorAccess")
    assert json.loads(shown.default_policy_version.policy_document)["Statement"][0]["Action"] == "*"
    assert shown.policy.policy_type == "System"
    version = shown.default_policy_version.version_id
    same = customer.call(
        "ram", "GetPolicyVersion", policy_type="System", policy_name="AdministratorAccess", version_id=version
    )
    assert same.policy_version.policy_document == shown.default_policy_version.policy_document
    refused(
        lambda: customer.call("ram", "GetPolicy", policy_type="System", policy_name="AliyunNothing"),
        "EntityNotExist.Policy",
        "The policy does not exist: AliyunNothing.",
    )
    refused(
        lambda: customer.call("ram", "GetPolicy", policy_type="Odd", policy_name="AdministratorAccess"),
        "InvalidParameter.PolicyType",
        'The parameter - "PolicyType" is incorrect.',
        400,
    )
    refused(
        lambda: customer.call("ram", "DeletePolicy", policy_name="AdministratorAccess"),
        "EntityNotExist.Policy",
        "The policy does not exist: AdministratorAccess.",
    )


def test_policies_in_pages(alone: Customer) -> None:
    for number in range(3):
        alone.call("ram", "CreatePolicy", policy_name=f"p{number}", policy_document=document())
    custom = alone.call("ram", "ListPolicies", policy_type="Custom", max_items=2)
    assert (custom.is_truncated, [row.policy_name for row in custom.policies.policy]) == (True, ["p0", "p1"])
    rest = alone.call("ram", "ListPolicies", policy_type="Custom", max_items=2, marker=custom.marker)
    assert (rest.is_truncated, [row.policy_name for row in rest.policies.policy]) == (False, ["p2"])
    system = alone.call("ram", "ListPolicies", policy_type="System", max_items=1000).policies.policy
    counts = {row.policy_name: row.attachment_count for row in system}
    assert counts["AdministratorAccess"] == 1
    every = alone.call("ram", "ListPolicies", max_items=1000).policies.policy
    assert len(every) == len(system) + 3
    refused(
        lambda: alone.call("ram", "ListPolicies", policy_type="Odd"),
        "InvalidParameter.PolicyType",
        'The parameter - "PolicyType" is incorrect.',
    )


@pytest.mark.parametrize(("kind", "parameter"), ENTITIES)
def test_attached_and_detached(customer: Customer, kind: str, parameter: str) -> None:
    who = {parameter: f"carrier{kind}"}
    extra = {"assume_role_policy_document": TRUST} if kind == "Role" else {}
    customer.call("ram", f"Create{kind}", **who, **extra)
    customer.call("ram", "CreatePolicy", policy_name=f"For{kind}", policy_document=document(), description="d")
    policy = {"policy_type": "Custom", "policy_name": f"For{kind}"}
    attach, detach, listed = f"AttachPolicyTo{kind}", f"DetachPolicyFrom{kind}", f"ListPoliciesFor{kind}"
    word = kind.lower()
    refused(
        lambda: customer.call("ram", detach, **who, **policy),
        f"EntityNotExist.{kind}.Policy",
        f"The indicate policy attached to the {word} does not exist: For{kind}.",
        404,
    )
    customer.call("ram", attach, **who, **policy)
    refused(
        lambda: customer.call("ram", attach, **who, **policy),
        f"EntityAlreadyExists.{kind}.Policy",
        f"The {word} has already been attached this policy: For{kind}.",
        409,
    )
    row = customer.call("ram", listed, **who).policies.policy[0]
    assert (row.policy_name, row.policy_type, row.default_version, row.description) == (
        f"For{kind}",
        "Custom",
        "v1",
        "d",
    )
    assert row.attach_date
    carriers = customer.call("ram", "ListEntitiesForPolicy", **policy)
    names = {
        "User": [user.user_name for user in carriers.users.user],
        "Group": [group.group_name for group in carriers.groups.group],
        "Role": [role.role_name for role in carriers.roles.role],
    }
    assert names == {"User": [], "Group": [], "Role": [], kind: [f"carrier{kind}"]}
    assert customer.call("ram", "GetPolicy", **policy).policy.attachment_count == 1
    refused(
        lambda: customer.call("ram", "DeletePolicy", policy_name=f"For{kind}", cascading_delete=True),
        f"DeleteConflict.Policy.{kind}",
        f"The policy CAN NOT been attached to any {word} while deleting the policy: For{kind}.",
        409,
    )
    customer.call("ram", detach, **who, **policy)
    assert customer.call("ram", listed, **who).policies.policy == []
    for action in (attach, detach):
        refused(
            lambda action=action: customer.call("ram", action, **{parameter: "nobody"}, **policy),
            f"EntityNotExist.{kind}",
            ": nobody.",
            status=404,
        )
        odd = {"policy_type": "Odd", "policy_name": "x"}
        refused(
            lambda action=action, odd=odd: customer.call("ram", action, **who, **odd),
            "InvalidParameter.PolicyType",
            'The parameter - "PolicyType" is incorrect.',
        )
    absent = {"policy_type": "Custom", "policy_name": "Absent"}
    refused(
        lambda: customer.call("ram", attach, **who, **absent),
        "EntityNotExist.Policy",
        "The policy does not exist: Absent.",
    )
    refused(lambda: customer.call("ram", listed, **{parameter: "nobody"}), f"EntityNotExist.{kind}", ": nobody.")


@pytest.mark.parametrize("policy_type", ["System", "Custom"])
def test_an_entity_carries_only_so_many(customer: Customer, policy_type: str) -> None:
    account = customer.cloud.account_id
    name = f"laden-{policy_type}"
    customer.call("ram", "CreateUser", user_name=name)
    system = customer.call("ram", "ListPolicies", policy_type="System", max_items=100).policies.policy
    most = quotas.SYSTEM_POLICIES_PER_ENTITY if policy_type == "System" else quotas.CUSTOM_POLICIES_PER_ENTITY
    if policy_type == "System":
        policies = [row.policy_name for row in system][: most + 1]
    else:
        policies = [f"Laden{number}" for number in range(most + 1)]
        version = (PolicyVersion(id="v1", document=document(), created_at=0.0),)
        put(customer, *[Policy(id=f"{account}:{n}", account=account, name=n, versions=version) for n in policies])
    put(
        customer,
        *[
            PolicyAttachment(
                id=f"{account}:user/{name}:{policy_type}/{policy}",
                account=account,
                entity=f"user/{name}",
                policy_type=policy_type,
                policy_name=policy,
            )
            for policy in policies[:-1]
        ],
    )
    refused(
        lambda: customer.call(
            "ram", "AttachPolicyToUser", user_name=name, policy_type=policy_type, policy_name=policies[-1]
        ),
        "LimitExceeded.User.Policy",
        "The count of policies attached to the user beyond the current limits.",
        409,
    )


def test_an_account_has_only_so_many_policies(alone: Customer) -> None:
    account = alone.cloud.account_id
    version = (PolicyVersion(id="v1", document=document(), created_at=0.0),)
    put(
        alone,
        *[
            Policy(id=f"{account}:n{n}", account=account, name=f"n{n}", versions=version)
            for n in range(quotas.POLICIES)
        ],
    )
    refused(
        lambda: alone.call("ram", "CreatePolicy", policy_name="last", policy_document=document()),
        "LimitExceeded.Policy",
        "The count of policy beyond the current limits.",
        409,
    )


def test_the_default_version_is_what_counts(customer: Customer) -> None:
    them = person(customer, "versioned")
    customer.call("ram", "CreatePolicy", policy_name="Counting", policy_document=document("ecs:DescribeInstances"))
    customer.call("ram", "AttachPolicyToUser", user_name="versioned", policy_type="Custom", policy_name="Counting")
    assert them.call("ecs", "DescribeInstances").request_id
    customer.call(
        "ram",
        "CreatePolicyVersion",
        policy_name="Counting",
        policy_document=document("ecs:DescribeSecurityGroups"),
        set_as_default=True,
    )
    refused(lambda: them.call("ecs", "DescribeInstances"), "Forbidden.RAM", "User not authorized to", status=403)
    customer.call("ram", "SetDefaultPolicyVersion", policy_name="Counting", version_id="v1")
    assert them.call("ecs", "DescribeInstances").request_id
