"""The recycle bin: what is deleted can come back for 30 days."""

from __future__ import annotations

from typing import Any

from kowloon.services.ram import quotas
from kowloon.store.identity import RecycledUser, User
from tests.helpers import refused
from tests.services.parts import Customer, other_account
from tests.services.ram.parts import PASSWORD, grant, login_name, person, put

DAY_S = 24 * 3600


def _deleted_user(customer: Customer, name: str) -> tuple[str, Customer]:
    """Id and keys of a user who had everything and was deleted."""
    them = person(customer, name, "AliyunECSReadOnlyAccess")
    customer.call("ram", "CreateGroup", group_name=f"of-{name}")
    customer.call("ram", "AddUserToGroup", group_name=f"of-{name}", user_name=name)
    customer.call("ram", "CreateLoginProfile", user_name=name, password=PASSWORD)
    user_id = customer.call("ram", "GetUser", user_name=name).user.user_id
    customer.call("ims", "DeleteUser", user_id=user_id)
    return user_id, them


def test_a_deleted_user_comes_back(customer: Customer) -> None:
    user_id, them = _deleted_user(customer, "gone")
    key = them.config["access_key_id"]
    refused(
        lambda: customer.call("ram", "GetUser", user_name="gone"),
        "EntityNotExist.User",
        "The user does not exist: gone.",
    )
    refused(them.sts.get_caller_identity, "InvalidAccessKeyId.NotFound", "Specified access key is not", status=404)
    for which in ({"user_id": user_id}, {"user_access_key_id": key}):
        shown = customer.call("ims", "GetUserInRecycleBin", **which).user
        assert (shown.user_id, shown.user_principal_name) == (user_id, login_name(customer, "gone"))
        assert shown.create_date <= shown.recycle_date < shown.delete_date
    found = customer.call("ims", "ListUsersInRecycleBin", filter=f"UserPrincipalName eq {login_name(customer, 'gone')}")
    assert [user.user_id for user in found.users.user] == [user_id]
    info = customer.call("ims", "GetAccessKeyInfoInRecycleBin", user_access_key_id=key).access_key
    assert (info.user_id, info.user_recycled, info.user_principal_name) == (user_id, True, shown.user_principal_name)
    which = {"user_id": user_id, "user_access_key_id": key}
    refused(
        lambda: customer.call("ims", "RestoreAccessKeyFromRecycleBin", **which),
        "EntityNotExist.User",
        "The user does not exist:",
        status=404,
    )
    customer.call("ims", "RestoreUserFromRecycleBin", user_id=user_id)
    assert customer.call("ram", "GetUser", user_name="gone").user.user_id == user_id
    # Without rights, groups and password.
    assert customer.call("ram", "ListPoliciesForUser", user_name="gone").policies.policy == []
    assert customer.call("ram", "ListGroupsForUser", user_name="gone").groups.group == []
    refused(
        lambda: customer.call("ram", "GetLoginProfile", user_name="gone"),
        "EntityNotExist.User.LoginProfile",
        "The user login profile does not exist: gone.",
    )
    assert (
        customer.call("ims", "GetAccessKeyInfoInRecycleBin", user_access_key_id=key).access_key.user_recycled is False
    )
    customer.call("ims", "RestoreAccessKeyFromRecycleBin", **which)
    refused(them.sts.get_caller_identity, "InvalidAccessKeyId.Inactive", "Specified access key is disabled.")
    customer.call("ram", "UpdateAccessKey", user_name="gone", user_access_key_id=key, status="Active")
    assert them.sts.get_caller_identity().body.user_id == user_id
    refused(
        lambda: customer.call("ims", "RestoreUserFromRecycleBin", user_id=user_id),
        "EntityNotExist.User",
        "The user does not exist:",
    )
    refused(
        lambda: customer.call("ims", "RestoreAccessKeyFromRecycleBin", **which),
        "EntityNotExist.User.AccessKey",
        "The user access key does not exist: LTAI",
    )


def test_a_name_that_is_taken_keeps_its_former_user_out(customer: Customer) -> None:
    user_id, _ = _deleted_user(customer, "name")
    customer.call("ram", "CreateUser", user_name="name")
    refused(
        lambda: customer.call("ims", "RestoreUserFromRecycleBin", user_id=user_id),
        "EntityAlreadyExists.User",
        "The user does already EXIST: name.",
        status=409,
    )
    customer.call("ims", "DeleteUserInRecycleBin", user_id=user_id)
    for action in ("GetUserInRecycleBin", "RestoreUserFromRecycleBin", "DeleteUserInRecycleBin"):
        refused(
            lambda action=action: customer.call("ims", action, user_id=user_id),
            "EntityNotExist.User",
            f"The user does not exist: {user_id}.",
            404,
        )


def test_users_of_the_other_api_come_back_too(alone: Customer) -> None:
    for number in range(3):
        alone.call("ram", "CreateUser", user_name=f"u{number}")
        alone.call("ram", "DeleteUser", user_name=f"u{number}")
    first = alone.call("ims", "ListUsersInRecycleBin", max_items=2)
    rest = alone.call("ims", "ListUsersInRecycleBin", max_items=2, marker=first.marker)
    assert (first.is_truncated, len(first.users.user)) == (True, 2)
    assert (rest.is_truncated, len(rest.users.user)) == (False, 1)
    refused(lambda: alone.call("ims", "ListUsersInRecycleBin", filter="UserId eq 1"), "InvalidParameter", '"Filter"')
    refused(lambda: alone.call("ims", "GetUserInRecycleBin"), "InvalidParameter", '"UserId"')
    alone.cloud.run(alone.cloud.cloud.clock.skip(31 * DAY_S))
    assert alone.call("ims", "ListUsersInRecycleBin").users.user == []
    refused(
        lambda: alone.call("ims", "RestoreUserFromRecycleBin", user_id=rest.users.user[0].user_id),
        "EntityNotExist.User",
        "The user does not exist:",
    )


def test_the_bin_of_users_has_a_size(alone: Customer) -> None:
    account = alone.cloud.account_id
    put(
        alone,
        *[
            RecycledUser(
                id=f"id{n}",
                account=account,
                created_at=alone.cloud.cloud.clock.now(),
                user=User(id=f"{account}:n{n}", account=account, name=f"n{n}", user_id=f"id{n}"),
            )
            for n in range(quotas.RECYCLED_USERS)
        ],
    )
    alone.call("ram", "CreateUser", user_name="last")
    alone.call("ram", "DeleteUser", user_name="last")
    refused(
        lambda: alone.call("ims", "GetUserInRecycleBin", user_id="id0"),
        "EntityNotExist.User",
        "The user does not exist: id0.",
    )
    assert alone.call("ims", "GetUserInRecycleBin", user_id="id1").user.user_id == "id1"


def test_deleted_keys_come_back(alone: Customer) -> None:
    them = person(alone, "keyed")
    user_id = alone.call("ram", "GetUser", user_name="keyed").user.user_id

    def delete(key: str) -> None:
        alone.call("ram", "DeleteAccessKey", user_name="keyed", user_access_key_id=key)

    def recycled(**fields: Any) -> list[str]:
        rows = alone.call("ims", "ListAccessKeysInRecycleBin", **fields).access_keys.access_key
        return [row.access_key_id for row in rows]

    keys = [them.config["access_key_id"]]
    delete(keys[0])
    for _ in range(quotas.RECYCLED_KEYS_PER_USER):
        key = alone.call("ram", "CreateAccessKey", user_name="keyed").access_key.access_key_id
        keys.append(key)
        delete(key)
    # Three of a user, the oldest went.
    assert recycled(user_id=user_id) == keys[1:]
    for _ in range(2):
        last = alone.call("ram", "CreateAccessKey", user_name="keyed").access_key
    which = {"user_id": user_id, "user_access_key_id": keys[1]}
    refused(
        lambda: alone.call("ims", "RestoreAccessKeyFromRecycleBin", **which),
        "LimitExceeded.User.AccessKey",
        "The access key count of the user access keys beyond the current limits.",
        status=409,
    )
    alone.call("ims", "DeleteAccessKeyInRecycleBin", **which)
    refused(
        lambda: alone.call("ims", "DeleteAccessKeyInRecycleBin", **which),
        "EntityNotExist.User.AccessKey",
        f"The user access key does not exist: {keys[1]}.",
        404,
    )
    root = other_account(alone.cloud)
    refused(lambda: root.call("ims", "ListAccessKeysInRecycleBin"), "MissingUserId", "UserId is mandatory")
    refused(lambda: recycled(user_id="2"), "EntityNotExist.User", "The user does not exist: 2.")
    grant(
        alone,
        "keyed",
        "OwnBin",
        '{"Version":"1","Statement":[{"Effect":"Allow","Action":"ram:*RecycleBin","Resource":"*"}]}',
    )
    theirs = Customer(alone.cloud, access_key_id=last.access_key_id, access_key_secret=last.access_key_secret)
    own = theirs.call("ims", "ListAccessKeysInRecycleBin").access_keys.access_key
    assert [row.access_key_id for row in own] == keys[2:]
    alone.cloud.run(alone.cloud.cloud.clock.skip(31 * DAY_S))
    assert recycled(user_id=user_id) == []
    delete(last.access_key_id)
    assert recycled(user_id=user_id) == [last.access_key_id]
