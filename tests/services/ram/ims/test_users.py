"""Users, groups, keys and passwords by logon name and id: the same ones that RAM knows."""

from __future__ import annotations

from typing import Any

import pytest

from tests.helpers import refused
from tests.services.parts import Customer
from tests.services.ram.parts import PASSWORD, login_name


def _create(customer: Customer, name: str, **fields: Any) -> Any:
    request = {"user_principal_name": login_name(customer, name), "display_name": name, **fields}
    return customer.call("ims", "CreateUser", **request).user


def test_a_user_is_one_in_both_apis(customer: Customer) -> None:
    made = _create(customer, "ims.life", email="a@example.com", mobile_phone="86-18600000000", comments="c")
    assert (made.user_principal_name, made.provision_type) == (login_name(customer, "ims.life"), "Manual")
    same = customer.call("ram", "GetUser", user_name="ims.life").user
    assert (same.user_id, same.email, same.comments) == (made.user_id, "a@example.com", "c")
    refused(
        lambda: _create(customer, "ims.life"), "EntityAlreadyExists.User", "The user does already EXIST: ims.life.", 409
    )
    key = customer.call("ram", "CreateAccessKey", user_name="ims.life").access_key
    for which in (
        {"user_principal_name": made.user_principal_name},
        {"user_id": made.user_id},
        {"user_access_key_id": key.access_key_id},
    ):
        shown = customer.call("ims", "GetUser", **which).user
        assert (shown.user_id, shown.user_name) == (made.user_id, "ims.life")
    new = login_name(customer, "ims.renamed")
    changed = customer.call(
        "ims", "UpdateUser", user_id=made.user_id, new_user_principal_name=new, new_display_name="R", new_comments=""
    ).user
    assert (changed.user_principal_name, changed.display_name, changed.comments) == (new, "R", "")
    assert changed.email == "a@example.com"
    assert customer.call("ram", "GetUser", user_name="ims.renamed").user.user_id == made.user_id


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({}, "MissingUserPrincipalName"),
        ({"user_principal_name": "x@y", "user_id": "2"}, "InvalidParameter"),
        ({"user_id": "2"}, "EntityNotExist.User"),
        ({"user_access_key_id": "LTAI"}, "EntityNotExist.User"),
        ({"user_principal_name": "admin@elsewhere.onaliyun.com"}, "EntityNotExist.User"),
    ],
)
def test_users_who_are_not_found(customer: Customer, fields: dict[str, str], code: str) -> None:
    refused(lambda: customer.call("ims", "GetUser", **fields), code)
    if "user_access_key_id" not in fields:
        refused(lambda: customer.call("ims", "UpdateUser", **fields), code)
        refused(lambda: customer.call("ims", "DeleteUser", **fields), code)


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"user_principal_name": "bare"}, "InvalidParameter.UserPrincipalName.Format"),
        ({"user_principal_name": "a@elsewhere.onaliyun.com"}, "InvalidParameter.UserPrincipalName.Format"),
        ({"user_principal_name": "a b@x"}, "InvalidParameter.UserPrincipalName.InvalidChars"),
        ({"user_principal_name": "@x"}, "InvalidParameter.UserPrincipalName.Length"),
        ({"email": "nobody"}, "InvalidParameter.Email.Format"),
        ({"display_name": "x" * 25}, "InvalidParameter.DisplayName.Length"),
    ],
)
def test_users_that_cannot_be(customer: Customer, fields: dict[str, str], code: str) -> None:
    refused(lambda: _create(customer, "ims-fine", **fields), code, status=400)


def test_users_in_pages(alone: Customer) -> None:
    for number in range(3):
        _create(alone, f"u{number}")
    for action, rows_of in (
        ("ListUsers", lambda body: body.users.user),
        ("ListUserBasicInfos", lambda body: body.user_basic_infos.user_basic_info),
    ):
        first = alone.call("ims", action, max_items=3)
        assert (first.is_truncated, [row.display_name for row in rows_of(first)]) == (True, ["", "u0", "u1"])
        rest = alone.call("ims", action, max_items=3, marker=first.marker)
        assert (rest.is_truncated, [row.display_name for row in rows_of(rest)]) == (False, ["u2"])
        assert {row.status for row in rows_of(first)} == {"active"}
        assert rows_of(alone.call("ims", action, status="freeze")) == []
        assert len(rows_of(alone.call("ims", action, status="active,freeze"))) == 4
        refused(
            lambda action=action: alone.call("ims", action, status="odd"),
            "InvalidParameter.Status",
            'The parameter - "Status" is incorrect.',
        )
        refused(lambda action=action: alone.call("ims", action, max_items=1001), "InvalidParameter", '"MaxItems"')


def test_groups_have_display_names(alone: Customer) -> None:
    made = alone.call("ims", "CreateGroup", group_name="g0", display_name="Zero", comments="c").group
    shown = alone.call("ims", "GetGroup", group_name="g0").group
    assert (shown.group_id, shown.display_name, shown.comments) == (made.group_id, "Zero", "c")
    refused(
        lambda: alone.call("ims", "CreateGroup", group_name="g0"),
        "EntityAlreadyExists.Group",
        "The group does already EXIST: g0.",
        status=409,
    )
    refused(
        lambda: alone.call("ims", "CreateGroup", group_name="g9", display_name="x" * 25),
        "InvalidParameter.DisplayName.Length",
        'The parameter - "DisplayName" beyond the length limit.',
    )
    renamed = alone.call("ims", "UpdateGroup", group_name="g0", new_group_name="g1", new_display_name="One").group
    assert (renamed.group_name, renamed.display_name, renamed.comments) == ("g1", "One", "c")
    who = login_name(alone, "admin")
    alone.call("ims", "AddUserToGroup", group_name="g1", user_principal_name=who)
    refused(
        lambda: alone.call("ims", "AddUserToGroup", group_name="g1", user_principal_name=who),
        "EntityAlreadyExists.User.Group",
        "The user has already joined the group: g1.",
    )
    joined = alone.call("ims", "ListGroupsForUser", user_principal_name=who).groups.group
    assert [(group.group_name, group.display_name) for group in joined] == [("g1", "One")]
    _create(alone, "second")
    alone.call("ims", "AddUserToGroup", group_name="g1", user_principal_name=login_name(alone, "second"))
    members = alone.call("ims", "ListUsersForGroup", group_name="g1", max_items=1)
    assert (members.is_truncated, [user.user_principal_name for user in members.users.user]) == (True, [who])
    others = alone.call("ims", "ListUsersForGroup", group_name="g1", marker=members.marker)
    assert (others.is_truncated, len(others.users.user)) == (False, 1)
    refused(
        lambda: alone.call("ims", "DeleteGroup", group_name="g1"),
        "DeleteConflict.Group.User",
        "The group CAN NOT has any user member while deleting the group: g1.",
    )
    for name in ("admin", "second"):
        alone.call("ims", "RemoveUserFromGroup", group_name="g1", user_principal_name=login_name(alone, name))
    refused(
        lambda: alone.call("ims", "RemoveUserFromGroup", group_name="g1", user_principal_name=who),
        "EntityNotExist.User.Group",
        "The user has not joined the group: g1.",
    )
    alone.call("ims", "CreateGroup", group_name="g2")
    page = alone.call("ims", "ListGroups", max_items=1)
    assert (page.is_truncated, page.groups.group[0].display_name) == (True, "One")
    assert len(alone.call("ims", "ListGroups", marker=page.marker).groups.group) == 1
    alone.call("ims", "DeleteGroup", group_name="g1")
    refused(
        lambda: alone.call("ims", "GetGroup", group_name="g1"),
        "EntityNotExist.Group",
        "The group does not exist: g1.",
        status=404,
    )


def test_keys_by_logon_name(customer: Customer) -> None:
    who = {"user_principal_name": _create(customer, "ims-keys").user_principal_name}
    key = customer.call("ims", "CreateAccessKey", **who).access_key
    assert len(key.access_key_secret) == 30
    which = {"user_access_key_id": key.access_key_id, **who}
    customer.call("ims", "UpdateAccessKey", status="Inactive", **which)
    row = customer.call("ims", "ListAccessKeys", **who).access_keys.access_key[0]
    assert (row.access_key_id, row.status, bool(row.update_date)) == (key.access_key_id, "Inactive", True)
    assert customer.call("ims", "GetAccessKeyLastUsed", **which).access_key_last_used.service_name == ""
    customer.call("ims", "DeleteAccessKey", **which)
    refused(
        lambda: customer.call("ims", "DeleteAccessKey", **which),
        "EntityNotExist.User.AccessKey",
        "The user access key does not exist: LTAI",
        status=404,
    )
    own = {row.access_key_id for row in customer.call("ims", "ListAccessKeys").access_keys.access_key}
    assert own == {customer.cloud.access_key_id}


def test_passwords_by_logon_name(customer: Customer) -> None:
    who = {"user_principal_name": _create(customer, "ims-login").user_principal_name}
    made = customer.call("ims", "CreateLoginProfile", password=PASSWORD, status="Inactive", **who).login_profile
    assert (made.status, made.password_status, made.user_principal_name) == (
        "Inactive",
        "InitialValid",
        who["user_principal_name"],
    )
    refused(
        lambda: customer.call("ims", "CreateLoginProfile", password=PASSWORD, **who),
        "EntityAlreadyExists.User.LoginProfile",
        "The user login profile does already EXIST: ims-login.",
    )
    changed = customer.call("ims", "UpdateLoginProfile", password_reset_required=True, **who).login_profile
    assert (changed.password_reset_required, changed.mfabind_required) == (True, False)
    assert customer.call("ims", "GetLoginProfile", **who).login_profile.last_login_time == ""
    customer.call("ims", "DeleteLoginProfile", **who)
    refused(
        lambda: customer.call("ims", "GetLoginProfile", **who),
        "EntityNotExist.User.LoginProfile",
        "The user login profile does not exist: ims-login.",
        status=404,
    )


def test_nobody_has_a_passkey(customer: Customer) -> None:
    who = {"user_principal_name": login_name(customer, "admin")}
    assert customer.call("ims", "ListPasskeys", **who).passkeys == []
    for action, fields in (("UpdatePasskey", {"passkey_name": "n"}), ("DeletePasskey", {})):
        refused(
            lambda action=action, fields=fields: customer.call("ims", action, passkey_id="p", **fields, **who),
            "EntityNotExist.Passkey",
            "The passkey does not exist: p.",
            404,
        )
    nobody = {"user_principal_name": login_name(customer, "nobody")}
    refused(lambda: customer.call("ims", "ListPasskeys", **nobody), "EntityNotExist.User", "The user does not exist:")


def test_what_is_not_built_says_so(customer: Customer) -> None:
    refused(
        lambda: customer.call("ims", "GenerateGovernanceReport"), "NotBuiltInKowloon", "GenerateGovernanceReport", 501
    )
