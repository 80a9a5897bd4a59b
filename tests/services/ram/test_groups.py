"""Groups and their members, and what they may do through them."""

from __future__ import annotations

import pytest

from kowloon.services.ram import quotas
from kowloon.store.identity import Group, Membership
from tests.helpers import refused
from tests.services.parts import Customer
from tests.services.ram.parts import person, put


def test_a_group_lives_from_creation_to_deletion(customer: Customer) -> None:
    made = customer.call("ram", "CreateGroup", group_name="makers", comments="c").group
    shown = customer.call("ram", "GetGroup", group_name="makers").group
    assert (shown.group_id, shown.comments, shown.create_date) == (made.group_id, "c", made.create_date)
    refused(
        lambda: customer.call("ram", "CreateGroup", group_name="makers"),
        "EntityAlreadyExists.Group",
        "The group does already EXIST: makers.",
        409,
    )
    customer.call("ram", "DeleteGroup", group_name="makers")
    for action in ("GetGroup", "UpdateGroup", "DeleteGroup", "ListUsersForGroup"):
        refused(
            lambda action=action: customer.call("ram", action, group_name="makers"),
            "EntityNotExist.Group",
            "The group does not exist: makers.",
            404,
        )


@pytest.mark.parametrize(
    ("name", "comments", "code"),
    [
        ("a b", "", "InvalidParameter.{}GroupName.InvalidChars"),
        ("x" * 65, "", "InvalidParameter.{}GroupName.Length"),
        ("plain", "x" * 129, "InvalidParameter.{}Comments.Length"),
    ],
)
def test_groups_that_cannot_be(customer: Customer, name: str, comments: str, code: str) -> None:
    refused(
        lambda: customer.call("ram", "CreateGroup", group_name=name, comments=comments),
        code.format(""),
        'The parameter - "',
        status=400,
    )
    customer.call("ram", "CreateGroup", group_name="fine")
    changes = {"group_name": "fine", "new_group_name": name, "new_comments": comments}
    refused(
        lambda: customer.call("ram", "UpdateGroup", **changes), code.format("New"), 'The parameter - "New', status=400
    )
    customer.call("ram", "DeleteGroup", group_name="fine")


def test_groups_in_pages(alone: Customer) -> None:
    for number in range(3):
        alone.call("ram", "CreateGroup", group_name=f"g{number}")
        alone.call("ram", "CreateUser", user_name=f"u{number}")
        alone.call("ram", "AddUserToGroup", user_name=f"u{number}", group_name="g0")
    first = alone.call("ram", "ListGroups", max_items=2)
    assert (first.is_truncated, [group.group_name for group in first.groups.group]) == (True, ["g0", "g1"])
    rest = alone.call("ram", "ListGroups", marker=first.marker)
    assert (rest.is_truncated, [group.group_name for group in rest.groups.group]) == (False, ["g2"])
    members = alone.call("ram", "ListUsersForGroup", group_name="g0", max_items=2)
    assert (members.is_truncated, [user.user_name for user in members.users.user]) == (True, ["u0", "u1"])
    others = alone.call("ram", "ListUsersForGroup", group_name="g0", marker=members.marker)
    assert (others.is_truncated, [user.user_name for user in others.users.user]) == (False, ["u2"])


def test_members_come_and_go(customer: Customer) -> None:
    customer.call("ram", "CreateUser", user_name="joiner", display_name="J")
    customer.call("ram", "CreateGroup", group_name="joined")
    both = {"user_name": "joiner", "group_name": "joined"}
    refused(
        lambda: customer.call("ram", "RemoveUserFromGroup", **both),
        "EntityNotExist.User.Group",
        "The user has not joined the group: joined.",
        404,
    )
    customer.call("ram", "AddUserToGroup", **both)
    refused(
        lambda: customer.call("ram", "AddUserToGroup", **both),
        "EntityAlreadyExists.User.Group",
        "The user has already joined the group: joined.",
        409,
    )
    member = customer.call("ram", "ListUsersForGroup", group_name="joined").users.user[0]
    assert (member.user_name, member.display_name) == ("joiner", "J")
    assert member.join_date
    refused(
        lambda: customer.call("ram", "DeleteGroup", group_name="joined"),
        "DeleteConflict.Group.User",
        "The group CAN NOT has any user member while deleting the group: joined.",
        409,
    )
    customer.call("ram", "RemoveUserFromGroup", **both)
    assert customer.call("ram", "ListGroupsForUser", user_name="joiner").groups.group == []
    for fields in ({"user_name": "nobody", "group_name": "joined"}, {"user_name": "joiner", "group_name": "none"}):
        code = "EntityNotExist.User" if fields["user_name"] == "nobody" else "EntityNotExist.Group"
        refused(lambda fields=fields: customer.call("ram", "AddUserToGroup", **fields), code, status=404)
    refused(
        lambda: customer.call("ram", "ListGroupsForUser", user_name="nobody"),
        "EntityNotExist.User",
        "The user does not exist: nobody.",
        status=404,
    )


def test_a_renamed_group_keeps_its_members_and_rights(customer: Customer) -> None:
    them = person(customer, "grouped")
    customer.call("ram", "CreateGroup", group_name="before")
    customer.call("ram", "CreateGroup", group_name="occupied")
    customer.call("ram", "AddUserToGroup", user_name="grouped", group_name="before")
    refused(lambda: them.call("ecs", "DescribeInstances"), "Forbidden.RAM", "User not authorized to", status=403)
    policy = {"policy_type": "System", "policy_name": "AliyunECSReadOnlyAccess"}
    customer.call("ram", "AttachPolicyToGroup", group_name="before", **policy)
    assert them.call("ecs", "DescribeInstances").request_id
    refused(
        lambda: customer.call("ram", "UpdateGroup", group_name="before", new_group_name="occupied"),
        "EntityAlreadyExists.Group",
        "The group does already EXIST: occupied.",
    )
    renamed = customer.call("ram", "UpdateGroup", group_name="before", new_group_name="after", new_comments="n").group
    assert (renamed.group_name, renamed.comments) == ("after", "n")
    assert them.call("ecs", "DescribeInstances").request_id
    rows = customer.call("ram", "ListPoliciesForGroup", group_name="after").policies.policy
    assert [row.policy_name for row in rows] == ["AliyunECSReadOnlyAccess"]
    customer.call("ram", "RemoveUserFromGroup", user_name="grouped", group_name="after")
    refused(lambda: them.call("ecs", "DescribeInstances"), "Forbidden.RAM", "User not authorized to", status=403)
    refused(
        lambda: customer.call("ram", "DeleteGroup", group_name="after"),
        "DeleteConflict.Group.Policy",
        "The entity CAN NOT has any attached policy while deleting the group: after.",
        409,
    )
    customer.call("ram", "DetachPolicyFromGroup", group_name="after", **policy)
    customer.call("ram", "DeleteGroup", group_name="after")


def test_groups_have_their_limits(alone: Customer) -> None:
    account = alone.cloud.account_id
    alone.call("ram", "CreateUser", user_name="joiner")
    names = [f"n{number}" for number in range(quotas.GROUPS)]
    put(alone, *[Group(id=f"{account}:{name}", account=account, name=name, group_id=name) for name in names])
    refused(
        lambda: alone.call("ram", "CreateGroup", group_name="last"),
        "LimitExceeded.Group",
        "The count of groups beyond the current limits.",
        409,
    )
    joined = names[: quotas.GROUPS_PER_USER]
    put(
        alone,
        *[Membership(id=f"{account}:{name}/joiner", account=account, group=name, user="joiner") for name in joined],
    )
    refused(
        lambda: alone.call("ram", "AddUserToGroup", user_name="joiner", group_name=names[-1]),
        "LimitExceeded.User.Group",
        "The count of groups the target user joined beyond the current limits.",
        409,
    )
