"""Users: made, found, changed, renamed with all that is theirs, deleted when nothing is."""

from __future__ import annotations

from typing import Any

import pytest

from kowloon.services.ram import quotas
from kowloon.store.identity import User
from tests.helpers import refused
from tests.services.parts import Customer
from tests.services.ram.parts import PASSWORD, document, grant, put, with_key


def test_a_user_lives_from_creation_to_deletion(customer: Customer) -> None:
    made = customer.call(
        "ram",
        "CreateUser",
        user_name="life.1",
        display_name="小明 @1",
        mobile_phone="86-18600008888",
        email="life@example.com",
        comments="c",
    ).user
    assert made.user_id.startswith("2")
    assert made.create_date
    shown = customer.call("ram", "GetUser", user_name="life.1").user
    assert (shown.user_id, shown.display_name, shown.mobile_phone) == (made.user_id, "小明 @1", "86-18600008888")
    assert (shown.email, shown.comments, shown.create_date) == ("life@example.com", "c", made.create_date)
    refused(
        lambda: customer.call("ram", "CreateUser", user_name="life.1"),
        "EntityAlreadyExists.User",
        "The user does already EXIST: life.1.",
        409,
    )
    changed = customer.call(
        "ram", "UpdateUser", user_name="life.1", new_display_name="X", new_comments="", new_email="x@example.org"
    ).user
    assert (changed.display_name, changed.comments, changed.email) == ("X", "", "x@example.org")
    assert changed.mobile_phone == "86-18600008888"
    customer.call("ram", "DeleteUser", user_name="life.1")
    for action in ("GetUser", "UpdateUser", "DeleteUser"):
        refused(
            lambda action=action: customer.call("ram", action, user_name="life.1"),
            "EntityNotExist.User",
            "The user does not exist: life.1.",
            404,
        )


@pytest.mark.parametrize(
    ("fields", "code", "message"),
    [
        ({"user_name": "a b"}, "InvalidParameter.UserName.InvalidChars", 'The parameter - "UserName" contains invalid'),
        ({"user_name": "x" * 65}, "InvalidParameter.UserName.Length", 'The parameter - "UserName" beyond the length'),
        ({"display_name": "x" * 129}, "InvalidParameter.DisplayName.Length", "beyond the length limit"),
        ({"display_name": "a\nb"}, "InvalidParameter.DisplayName.InvalidChars", "contains invalid chars"),
        ({"mobile_phone": "123"}, "InvalidParameter.MobilePhone.Format", 'The format of the parameter - "MobilePhone"'),
        ({"email": "nobody"}, "InvalidParameter.Email.Format", 'The format of the parameter - "Email" is incorrect.'),
        ({"comments": "x" * 129}, "InvalidParameter.Comments.Length", "beyond the length limit"),
    ],
)
def test_users_that_cannot_be(customer: Customer, fields: dict[str, Any], code: str, message: str) -> None:
    refused(lambda: customer.call("ram", "CreateUser", **{"user_name": "fine", **fields}), code, message, 400)
    customer.call("ram", "CreateUser", user_name="fine")
    new = {f"new_{name}": value for name, value in fields.items()}
    code = code.replace("InvalidParameter.", "InvalidParameter.New")
    refused(lambda: customer.call("ram", "UpdateUser", user_name="fine", **new), code, status=400)
    customer.call("ram", "DeleteUser", user_name="fine")


def test_a_user_needs_a_name(customer: Customer) -> None:
    refused(lambda: customer.call("ram", "CreateUser"), "MissingUserName", "UserName is mandatory for this action.")


def test_users_in_pages(alone: Customer) -> None:
    for number in range(3):
        alone.call("ram", "CreateUser", user_name=f"u{number}")
    first = alone.call("ram", "ListUsers", max_items=2)
    assert (first.is_truncated, [user.user_name for user in first.users.user]) == (True, ["admin", "u0"])
    rest = alone.call("ram", "ListUsers", max_items=2, marker=first.marker)
    assert (rest.is_truncated, [user.user_name for user in rest.users.user]) == (False, ["u1", "u2"])
    refused(lambda: alone.call("ram", "ListUsers", max_items=1001), "InvalidParameter", '"MaxItems"')
    refused(lambda: alone.call("ram", "ListUsers", marker="nonsense"), "InvalidParameter", '"Marker"')


def test_an_account_has_only_so_many_users(alone: Customer) -> None:
    account = alone.cloud.account_id
    put(
        alone, *[User(id=f"{account}:n{n}", account=account, name=f"n{n}", user_id=f"{n}") for n in range(quotas.USERS)]
    )
    refused(
        lambda: alone.call("ram", "CreateUser", user_name="last"),
        "LimitExceeded.User",
        "The count of users beyond the current limits.",
        409,
    )


def test_a_renamed_user_keeps_everything(customer: Customer) -> None:
    customer.call("ram", "CreateUser", user_name="old")
    customer.call("ram", "CreateUser", user_name="taken")
    grant(customer, "old", "OldReads", document("ecs:DescribeInstances"))
    customer.call("ram", "CreateGroup", group_name="renamers")
    customer.call("ram", "AddUserToGroup", user_name="old", group_name="renamers")
    customer.call("ram", "CreateLoginProfile", user_name="old", password=PASSWORD)
    them = with_key(customer, "old")
    refused(
        lambda: customer.call("ram", "UpdateUser", user_name="old", new_user_name="taken"),
        "EntityAlreadyExists.User",
        "The user does already EXIST: taken.",
    )
    renamed = customer.call("ram", "UpdateUser", user_name="old", new_user_name="new").user
    assert renamed.user_name == "new"
    assert them.sts.get_caller_identity().body.arn.endswith(":user/new")
    assert them.call("ecs", "DescribeInstances").request_id
    rows = customer.call("ram", "ListPoliciesForUser", user_name="new").policies.policy
    assert [row.policy_name for row in rows] == ["OldReads"]
    groups = customer.call("ram", "ListGroupsForUser", user_name="new").groups.group
    assert [group.group_name for group in groups] == ["renamers"]
    members = customer.call("ram", "ListUsersForGroup", group_name="renamers").users.user
    assert [member.user_name for member in members] == ["new"]
    assert customer.call("ram", "GetLoginProfile", user_name="new").login_profile.user_name == "new"
    them.call("ram", "ChangePassword", old_password=PASSWORD, new_password="Another-Horse-8")
    refused(
        lambda: customer.call("ram", "GetUser", user_name="old"), "EntityNotExist.User", "The user does not exist: old."
    )


def test_a_user_who_has_something_is_not_deleted(customer: Customer) -> None:
    customer.call("ram", "CreateUser", user_name="rich")
    customer.call("ram", "CreateGroup", group_name="club")
    customer.call("ram", "AddUserToGroup", user_name="rich", group_name="club")
    key = customer.call("ram", "CreateAccessKey", user_name="rich").access_key
    customer.call("ram", "CreateLoginProfile", user_name="rich", password=PASSWORD)
    grant(customer, "rich", "RichReads", document())

    def conflict(code: str, message: str) -> None:
        refused(lambda: customer.call("ram", "DeleteUser", user_name="rich"), code, message, 409)

    conflict("DeleteConflict.User.Group", "The user CAN NOT be in any group while deleting the user: rich.")
    customer.call("ram", "RemoveUserFromGroup", user_name="rich", group_name="club")
    conflict("DeleteConflict.User.AccessKey", "The user CAN NOT has any access key while deleting the user: rich.")
    customer.call("ram", "DeleteAccessKey", user_name="rich", user_access_key_id=key.access_key_id)
    conflict("DeleteConflict.User.LoginProfile", "The user CAN NOT has any login profile while deleting")
    customer.call("ram", "DeleteLoginProfile", user_name="rich")
    conflict("DeleteConflict.User.Policy", "The user CAN NOT has any attached policy while deleting the user: rich.")
    customer.call("ram", "DetachPolicyFromUser", user_name="rich", policy_type="Custom", policy_name="RichReads")
    customer.call("ram", "DeleteUser", user_name="rich")
