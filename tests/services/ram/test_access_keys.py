"""Access keys: two of each user, on and off, and when they signed last."""

from __future__ import annotations

from pathlib import Path

from kowloon.core.config import Settings
from kowloon.services.ram import quotas
from kowloon.testing.cloud import LocalCloud
from tests.helpers import eventually, refused
from tests.services.parts import Customer, other_account
from tests.services.ram.parts import PASSWORD, document, person, with_key


def _keys(customer: Customer, name: str) -> dict[str, str]:
    rows = customer.call("ram", "ListAccessKeys", user_name=name).access_keys.access_key
    return {row.access_key_id: row.status for row in rows}


def test_a_key_lives_from_creation_to_deletion(customer: Customer) -> None:
    customer.call("ram", "CreateUser", user_name="keyed")
    key = customer.call("ram", "CreateAccessKey", user_name="keyed").access_key
    assert key.access_key_id.startswith("LTAI5t")
    assert len(key.access_key_secret) == 30
    assert (key.status, bool(key.create_date)) == ("Active", True)
    assert _keys(customer, "keyed") == {key.access_key_id: "Active"}
    them = Customer(customer.cloud, access_key_id=key.access_key_id, access_key_secret=key.access_key_secret)
    assert them.sts.get_caller_identity().body.arn.endswith(":user/keyed")
    which = {"user_name": "keyed", "user_access_key_id": key.access_key_id}
    customer.call("ram", "UpdateAccessKey", status="Inactive", **which)
    assert _keys(customer, "keyed") == {key.access_key_id: "Inactive"}
    refused(them.sts.get_caller_identity, "InvalidAccessKeyId.Inactive", "Specified access key is disabled.", 400)
    customer.call("ram", "UpdateAccessKey", status="Active", **which)
    assert them.sts.get_caller_identity().body.identity_type == "RAMUser"
    refused(
        lambda: customer.call("ram", "UpdateAccessKey", status="Odd", **which),
        "InvalidParameter.Status",
        'The parameter - "Status" is incorrect.',
        400,
    )
    customer.call("ram", "DeleteAccessKey", **which)
    refused(them.sts.get_caller_identity, "InvalidAccessKeyId.NotFound", "Specified access key is not", status=404)
    for action, more in (
        ("DeleteAccessKey", {}),
        ("UpdateAccessKey", {"status": "Active"}),
        ("GetAccessKeyLastUsed", {}),
    ):
        refused(
            lambda action=action, more=more: customer.call("ram", action, **which, **more),
            "EntityNotExist.User.AccessKey",
            f"The user access key does not exist: {key.access_key_id}.",
            404,
        )


def test_a_user_has_two_keys(customer: Customer) -> None:
    customer.call("ram", "CreateUser", user_name="twice")
    for _ in range(2):
        customer.call("ram", "CreateAccessKey", user_name="twice")
    refused(
        lambda: customer.call("ram", "CreateAccessKey", user_name="twice"),
        "LimitExceeded.User.AccessKey",
        "The access key count of the user access keys beyond the current limits.",
        409,
    )
    for action in ("CreateAccessKey", "ListAccessKeys"):
        refused(
            lambda action=action: customer.call("ram", action, user_name="nobody"),
            "EntityNotExist.User",
            "The user does not exist: nobody.",
        )


def test_without_a_name_keys_are_the_callers(customer: Customer) -> None:
    them = person(customer, "own-keys", "AliyunRAMFullAccess")
    own = them.call("ram", "ListAccessKeys").access_keys.access_key
    assert [key.access_key_id for key in own] == [them.config["access_key_id"]]
    fresh = them.call("ram", "CreateAccessKey").access_key
    assert set(_keys(customer, "own-keys")) == {them.config["access_key_id"], fresh.access_key_id}
    admins = customer.call("ram", "ListAccessKeys", user_name="admin").access_keys.access_key[0]
    refused(
        lambda: them.call("ram", "DeleteAccessKey", user_access_key_id=admins.access_key_id),
        "EntityNotExist.User.AccessKey",
        "The user access key does not exist: LTAI",
    )
    role = customer.role("KeyKeeper", "AliyunRAMFullAccess")
    refused(lambda: role.call("ram", "ListAccessKeys"), "EntityNotExist.User", "The user does not exist:", status=404)


def test_the_root_has_keys_of_its_own(alone: Customer) -> None:
    root = other_account(alone.cloud)
    for _ in range(quotas.KEYS_PER_ACCOUNT - 1):
        last = root.call("ram", "CreateAccessKey").access_key
    refused(lambda: root.call("ram", "CreateAccessKey"), "LimitExceeded.User.AccessKey", "The access key count of the")
    other = Customer(alone.cloud, access_key_id=last.access_key_id, access_key_secret=last.access_key_secret)
    assert other.sts.get_caller_identity().body.identity_type == "Account"
    root.call("ram", "DeleteAccessKey", user_access_key_id=last.access_key_id)
    assert len(root.call("ram", "ListAccessKeys").access_keys.access_key) == quotas.KEYS_PER_ACCOUNT - 1


def test_the_last_use_of_a_key_is_known(customer: Customer) -> None:
    customer.call("ram", "CreateUser", user_name="used")
    them = with_key(customer, "used")
    which = {"user_name": "used", "user_access_key_id": them.config["access_key_id"]}

    def last_used() -> str:
        return customer.call("ram", "GetAccessKeyLastUsed", **which).access_key_last_used.last_used_date

    assert last_used() == ""
    refused(lambda: them.call("ecs", "DescribeInstances"), "Forbidden.RAM", "User not authorized to operate on the")
    assert eventually(last_used)
    login = customer.call("ims", "GetUser", user_access_key_id=them.config["access_key_id"]).user
    fields = {**which, "user_principal_name": login.user_principal_name}
    del fields["user_name"]
    shown = customer.call("ims", "GetAccessKeyLastUsed", **fields).access_key_last_used
    assert (shown.last_used_date, shown.service_name) == (last_used(), "Ecs")


def test_who_does_not_have_the_secret_does_not_use_a_key(alone: Customer) -> None:
    them = person(alone, "guessed")
    guess = Customer(alone.cloud, **{**them.config, "access_key_secret": "wrong"})
    refused(guess.sts.get_caller_identity, "SignatureDoesNotMatch", "Specified signature is not matched with our")
    alone.cloud.call(alone.cloud.cloud.key_use.flush)
    which = {"user_name": "guessed", "user_access_key_id": them.config["access_key_id"]}
    assert alone.call("ram", "GetAccessKeyLastUsed", **which).access_key_last_used.last_used_date == ""


def test_identities_and_last_uses_outlive_the_process(tmp_path: Path) -> None:
    settings = Settings(engine="paper", port=0, home=tmp_path / "home")
    with LocalCloud(settings) as cloud:
        owner = Customer(cloud)
        them = person(owner, "kept", "AliyunECSReadOnlyAccess")
        owner.call("ram", "CreateLoginProfile", user_name="kept", password=PASSWORD)
        owner.call("ram", "CreatePolicy", policy_name="Kept", policy_document=document())
        owner.call("ram", "SetPasswordPolicy", minimum_password_length=10)
        owner.call("ram", "CreateVirtualMFADevice", virtual_mfadevice_name="kept")
        owner.call("ims", "CreateApplication", display_name="kept", app_type="WebApp")
        owner.call("ims", "SetUserSsoSettings", sso_login_with_domain=False)
        owner.call("ims", "GenerateCredentialReport")
        owner.call("ram", "CreateUser", user_name="gone")
        owner.call("ram", "DeleteUser", user_name="gone")
        them.call("ecs", "DescribeInstances")
    with LocalCloud(settings) as cloud:
        owner, them = Customer(cloud), Customer(cloud, **them.config)
        which = {"user_name": "kept", "user_access_key_id": them.config["access_key_id"]}
        assert owner.call("ram", "GetAccessKeyLastUsed", **which).access_key_last_used.last_used_date
        them.call("ram", "ChangePassword", old_password=PASSWORD, new_password="Another-Horse-8")
        assert them.call("ecs", "DescribeInstances").request_id
        assert owner.call("ram", "GetPasswordPolicy").password_policy.minimum_password_length == 10
        summary = owner.call("ims", "GetAccountSummary").summary_map
        assert (summary.users, summary.policies, summary.mfadevices) == (2, 1, 1)
        assert len(owner.call("ims", "ListUsersInRecycleBin").users.user) == 1
        assert len(owner.call("ims", "ListApplications").applications.application) == 1
        assert owner.call("ims", "GetUserSsoSettings").user_sso_settings.sso_login_with_domain is False
        assert owner.call("ims", "GetCredentialReport").content


def test_a_reset_forgets_when_keys_were_used(alone: Customer) -> None:
    alone.call("ram", "ListUsers")
    alone.cloud.call(alone.cloud.cloud.key_use.flush)
    which = {"user_name": "admin", "user_access_key_id": alone.cloud.access_key_id}
    assert alone.call("ram", "GetAccessKeyLastUsed", **which).access_key_last_used.last_used_date
    alone.cloud.run(alone.cloud.cloud.reset())
    assert alone.call("ram", "GetAccessKeyLastUsed", **which).access_key_last_used.last_used_date == ""
