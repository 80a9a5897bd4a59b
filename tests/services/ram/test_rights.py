"""Who may do what with identities: denied by policy, one's own affairs, and never another account's."""

from __future__ import annotations

import json
import typing
from typing import Any

import msgspec
import pytest
from alibabacloud_ims20190815 import models as ims_models
from alibabacloud_ram20150501 import models as ram_models
from alibabacloud_tea_openapi.client import Client as OpenApiClient
from alibabacloud_tea_openapi.models import OpenApiRequest, Params
from alibabacloud_tea_util.models import RuntimeOptions

from kowloon.actions.declare import Action
from kowloon.services.ram.actions import ram
from kowloon.services.ram.ims.actions import ims
from tests.conftest import sdk_config
from tests.helpers import refused
from tests.services.parts import Customer, other_account
from tests.services.ram.parts import PASSWORD, TRUST, document, grant, login_name, person, with_key

# A user's own by the account's default.
OWN = {
    "Ram ChangePassword",
    "Ram CreateVirtualMFADevice",
    "Ims ChangePassword",
    "Ims CreateVirtualMFADevice",
    "Ims GetUserMFAInfo",
}
ACTIONS = [action for product in (ram, ims) for action in product.actions.values()]


def _some_value(hint: Any) -> str:
    bare = typing.get_args(hint)[0] if typing.get_origin(hint) is typing.Annotated else hint
    if typing.get_origin(bare) is list:
        return '["x"]' if typing.get_args(bare)[0] is str else '[{"Key":"k","Value":"v"}]'
    return {int: "1", bool: "true"}.get(bare, "x")


def _some_request(action: Action) -> dict[str, str]:
    """Every mandatory parameter, with some value."""
    hints = typing.get_type_hints(action.request, include_extras=True)
    required = [field.name for field in msgspec.structs.fields(action.request) if field.required]
    return {name: _some_value(hints[name]) for name in required}


def _call(customer: Customer, action: Action) -> Any:
    client = OpenApiClient(sdk_config(customer.cloud, **customer.config))
    params = Params(
        action=action.name,
        version=action.product.version,
        protocol="HTTP",
        pathname="/",
        method="POST",
        auth_type="AK",
        style="RPC",
        req_body_type="formData",
        body_type="json",
    )
    return client.call_api(params, OpenApiRequest(query=_some_request(action)), RuntimeOptions())


@pytest.fixture(scope="module")
def stranger(shared_cloud: Any) -> Customer:
    """A user without rights."""
    return person(Customer(shared_cloud), "stranger")


@pytest.mark.parametrize(
    "action",
    [action for action in ACTIONS if f"{action.product.code} {action.name}" not in OWN],
    ids=lambda action: f"{action.product.code}-{action.name}",
)
def test_nothing_is_allowed_without_a_policy(stranger: Customer, action: Action) -> None:
    error = refused(lambda: _call(stranger, action), "NoPermission", "You are not authorized to do this action.", 403)
    assert error.accessDeniedDetail["AuthAction"] == f"ram:{action.name}"


def test_a_denial_of_one_user_holds_however_the_user_is_named(customer: Customer) -> None:
    them = person(customer, "limited", "AliyunRAMFullAccess")
    victim = customer.call("ram", "CreateUser", user_name="victim").user
    key = customer.call("ram", "CreateAccessKey", user_name="victim").access_key
    grant(customer, "limited", "NotVictim", document("ram:*", "Deny", "acs:ram:*:*:user/victim"))
    calls: list[tuple[str, str, dict[str, str]]] = [
        ("ram", "GetUser", {"user_name": "victim"}),
        ("ims", "GetUser", {"user_principal_name": login_name(customer, "victim")}),
        ("ims", "GetUser", {"user_id": victim.user_id}),
        ("ims", "GetUser", {"user_access_key_id": key.access_key_id}),
        ("ims", "DeleteUser", {"user_id": victim.user_id}),
    ]
    for product, action, fields in calls:
        error = refused(
            lambda product=product, action=action, fields=fields: them.call(product, action, **fields),
            "NoPermission",
            "You are not authorized to do this action. You should be authorized by",
        )
        assert error.accessDeniedDetail["NoPermissionType"] == "ExplicitDeny"
    assert them.call("ram", "GetUser", user_name="admin").user.user_name == "admin"


def test_who_may_attach_one_policy_may_attach_no_other(customer: Customer) -> None:
    them = person(customer, "attacher")
    customer.call("ram", "CreateUser", user_name="attachee")
    account = customer.cloud.account_id
    resources = [f"acs:ram:*:{account}:user/*", "acs:ram:*:system:policy/AliyunECS*"]
    text = {
        "Version": "1",
        "Statement": [{"Effect": "Allow", "Action": "ram:AttachPolicyToUser", "Resource": resources}],
    }
    grant(customer, "attacher", "MayAttach", json.dumps(text))
    which = {"user_name": "attachee", "policy_type": "System"}
    them.call("ram", "AttachPolicyToUser", policy_name="AliyunECSReadOnlyAccess", **which)
    refused(
        lambda: them.call("ram", "AttachPolicyToUser", policy_name="AdministratorAccess", **which),
        "NoPermission",
        "You are not authorized to do this action. You should be authorized by",
        status=403,
    )


def test_who_may_fill_a_group_needs_the_user_too(customer: Customer) -> None:
    them = person(customer, "filler")
    for name in ("ours", "theirs"):
        customer.call("ram", "CreateUser", user_name=name)
    customer.call("ram", "CreateGroup", group_name="filled")
    account = customer.cloud.account_id
    resources = [f"acs:ram:*:{account}:user/ours", f"acs:ram::{account}:group/filled"]
    text = {"Version": "1", "Statement": [{"Effect": "Allow", "Action": "ram:AddUserToGroup", "Resource": resources}]}
    grant(customer, "filler", "MayFill", json.dumps(text))
    them.call("ram", "AddUserToGroup", user_name="ours", group_name="filled")
    refused(
        lambda: them.call("ram", "AddUserToGroup", user_name="theirs", group_name="filled"),
        "NoPermission",
        "You are not authorized to do this action. You should be authorized by",
    )
    refused(
        lambda: them.call(
            "ims", "AddUserToGroup", user_principal_name=login_name(customer, "theirs"), group_name="filled"
        ),
        "NoPermission",
        "You are not authorized to do this action. You should be authorized by",
    )


def test_tags_are_allowed_by_what_carries_them(customer: Customer) -> None:
    them = person(customer, "tagger")
    user = customer.call("ram", "CreateUser", user_name="taggable").user
    account = customer.cloud.account_id
    grant(customer, "tagger", "MayTag", document("ram:TagResources", resource=f"acs:ram:*:{account}:user/taggable"))
    tag = [ram_models.TagResourcesRequestTag(key="k", value="v")]
    them.call("ram", "TagResources", resource_type="user", resource_names=["taggable"], tag=tag)
    refused(
        lambda: them.call("ram", "TagResources", resource_type="user", resource_names=["taggable", "admin"], tag=tag),
        "NoPermission",
        "You are not authorized to do this action. You should be authorized by",
    )
    tag = [ims_models.TagResourcesRequestTag(key="k", value="w")]
    for which in (
        {"resource_id": [user.user_id]},
        {"resource_principal_name": [login_name(customer, "taggable")]},
    ):
        them.call("ims", "TagResources", resource_type="user", tag=tag, **which)
    refused(
        lambda: them.call("ims", "TagResources", resource_type="user", resource_id=["2"], tag=tag),
        "NoPermission",
        "You are not authorized to do this action. You should be authorized by",
    )


def test_roles_of_one_service_only(alone: Customer) -> None:
    them = person(alone, "linker", "AliyunActionTrailFullAccess")
    made = them.call("ram", "CreateServiceLinkedRole", service_name="actiontrail.aliyuncs.com").role
    assert made.is_service_linked_role is True
    refused(
        lambda: them.call("ram", "CreateServiceLinkedRole", service_name="logdelivery.slb.aliyuncs.com"),
        "NoPermission",
        "You are not authorized to do this action. You should be authorized by",
    )


# --- one's own ---


def test_users_manage_their_keys_where_the_account_says_so(alone: Customer) -> None:
    them = person(alone, "self")
    alone.call("ram", "CreateUser", user_name="other")
    own = {"user_access_key_id": them.config["access_key_id"]}
    calls: list[tuple[str, str, dict[str, str]]] = [
        ("ram", "CreateAccessKey", {}),
        ("ram", "ListAccessKeys", {"user_name": "self"}),
        ("ims", "ListAccessKeys", {}),
        ("ram", "GetAccessKeyLastUsed", own),
        ("ims", "UpdateAccessKey", {"status": "Active", **own}),
    ]
    for product, action, fields in calls:
        refused(
            lambda product=product, action=action, fields=fields: them.call(product, action, **fields),
            "NoPermission",
            "You are not authorized to do this action. You should be authorized by",
        )
    alone.call("ram", "SetSecurityPreference", allow_user_to_manage_access_keys=True)
    for product, action, fields in calls:
        them.call(product, action, **fields)
    for product, action, fields in (
        ("ram", "CreateAccessKey", {"user_name": "other"}),
        ("ims", "ListAccessKeys", {"user_principal_name": login_name(alone, "other")}),
        ("ram", "DeleteAccessKey", {"user_name": "other", **own}),
        ("ram", "CreateUser", {"user_name": "more"}),
    ):
        refused(
            lambda product=product, action=action, fields=fields: them.call(product, action, **fields),
            "NoPermission",
            "You are not authorized to do this action. You should be authorized by",
        )
    grant(alone, "self", "NoKeys", document("ram:*AccessKey*", "Deny"))
    refused(lambda: them.call("ram", "ListAccessKeys"), "NoPermission", "You are not authorized to do", status=403)


def test_users_change_their_password_unless_the_account_says_no(alone: Customer) -> None:
    them = person(alone, "self")
    alone.call("ram", "CreateLoginProfile", user_name="self", password=PASSWORD)
    them.call("ram", "ChangePassword", old_password=PASSWORD, new_password="Other-Horse-8")
    alone.call("ram", "SetSecurityPreference", allow_user_to_change_password=False)
    back = {"old_password": "Other-Horse-8", "new_password": PASSWORD}
    refused(lambda: them.call("ram", "ChangePassword", **back), "NoPermission", "You are not authorized", status=403)
    grant(alone, "self", "MayChange", document("ram:ChangePassword"))
    them.call("ram", "ChangePassword", **back)


def test_users_manage_their_devices_unless_the_account_says_no(alone: Customer) -> None:
    them = person(alone, "self")
    alone.call("ram", "CreateUser", user_name="other")
    device = them.call("ram", "CreateVirtualMFADevice", virtual_mfadevice_name="mine").virtual_mfadevice
    assert device.base_32string_seed
    assert them.call("ims", "GetUserMFAInfo").is_mfaenable is False
    refused(lambda: them.call("ram", "GetUserMFAInfo", user_name="other"), "NoPermission", "You are not authorized to")
    refused(
        lambda: them.call("ram", "DeleteVirtualMFADevice", serial_number=device.serial_number),
        "NoPermission",
        "You are not authorized to do this action. You should be authorized by",
    )
    alone.call("ram", "SetSecurityPreference", allow_user_to_manage_mfadevices=False)
    refused(lambda: them.call("ims", "GetUserMFAInfo"), "NoPermission", "You are not authorized to do this action.")
    refused(
        lambda: them.call("ram", "CreateVirtualMFADevice", virtual_mfadevice_name="more"),
        "NoPermission",
        "You are not authorized to do this action. You should be authorized by",
        status=403,
    )


def test_roles_and_roots_have_no_password(alone: Customer) -> None:
    role = alone.role("Passer", "AliyunRAMFullAccess")
    for caller in (role, other_account(alone.cloud)):
        refused(
            lambda caller=caller: caller.call("ram", "ChangePassword", old_password="x", new_password="y"),
            "EntityNotExist.User",
            "The user does not exist:",
        )
        refused(
            lambda caller=caller: caller.call("ims", "ChangePassword", old_password="x", new_password="y"),
            "EntityNotExist.User",
            "The user does not exist:",
        )
    refused(lambda: role.call("ims", "GetUserMFAInfo"), "EntityNotExist.User", "The user does not exist: Passer.")


def test_no_secret_is_recorded(alone: Customer) -> None:
    events: list[Any] = []
    alone.cloud.call(lambda: alone.cloud.cloud.bus.subscribe(events.append))
    alone.call("ram", "CreateUser", user_name="secretive")
    key = alone.call("ram", "CreateAccessKey", user_name="secretive").access_key
    alone.call("ram", "CreateLoginProfile", user_name="secretive", password=PASSWORD)
    device = alone.call("ram", "CreateVirtualMFADevice", virtual_mfadevice_name="secretive").virtual_mfadevice
    app = alone.call("ims", "CreateApplication", display_name="secretive", app_type="WebApp").application
    secret = alone.call("ims", "CreateAppSecret", app_id=app.app_id).app_secret
    recorded = repr(events)
    assert "CreateAppSecret" in recorded
    for value in (
        key.access_key_secret,
        PASSWORD,
        device.base_32string_seed,
        device.qrcode_png,
        secret.app_secret_value,
    ):
        assert value not in recorded


# --- another account ---


def test_accounts_do_not_see_each_other(alone: Customer) -> None:
    other = other_account(alone.cloud)
    alone.call("ram", "CreateUser", user_name="mine")
    key = alone.call("ram", "CreateAccessKey", user_name="mine").access_key.access_key_id
    alone.call("ram", "CreateGroup", group_name="mine")
    alone.call("ram", "CreateRole", role_name="mine", assume_role_policy_document=TRUST)
    alone.call("ram", "CreatePolicy", policy_name="mine", policy_document=document())
    device = alone.call("ram", "CreateVirtualMFADevice", virtual_mfadevice_name="mine").virtual_mfadevice
    app = alone.call("ims", "CreateApplication", display_name="mine", app_type="WebApp").application
    user_id = alone.call("ram", "GetUser", user_name="mine").user.user_id
    for product, action, fields, code in (
        ("ram", "GetUser", {"user_name": "mine"}, "EntityNotExist.User"),
        ("ram", "GetGroup", {"group_name": "mine"}, "EntityNotExist.Group"),
        ("ram", "GetRole", {"role_name": "mine"}, "EntityNotExist.Role"),
        ("ram", "GetPolicy", {"policy_type": "Custom", "policy_name": "mine"}, "EntityNotExist.Policy"),
        ("ram", "DeleteAccessKey", {"user_access_key_id": key}, "EntityNotExist.User.AccessKey"),
        ("ram", "DeleteVirtualMFADevice", {"serial_number": device.serial_number}, "EntityNotExist.VirtualMFADevice"),
        ("ims", "GetUser", {"user_id": user_id}, "EntityNotExist.User"),
        ("ims", "GetUser", {"user_access_key_id": key}, "EntityNotExist.User"),
        ("ims", "GetUser", {"user_principal_name": login_name(alone, "mine")}, "EntityNotExist.User"),
        ("ims", "GetApplication", {"app_id": app.app_id}, "EntityNotExist.Application"),
    ):
        refused(
            lambda product=product, action=action, fields=fields: other.call(product, action, **fields),
            code,
            status=404,
        )
    assert other.call("ram", "ListUsers").users.user == []
    assert other.call("ram", "ListGroups").groups.group == []
    assert other.call("ram", "ListRoles").roles.role == []
    assert other.call("ram", "ListPolicies", policy_type="Custom").policies.policy == []
    assert other.call("ram", "ListVirtualMFADevices").virtual_mfadevices.virtual_mfadevice == []
    assert other.call("ims", "ListApplications").applications.application == []
    # The same names are free.
    other.call("ram", "CreateUser", user_name="mine")
    other.call("ram", "CreateVirtualMFADevice", virtual_mfadevice_name="mine")
    other.call("ram", "SetPasswordPolicy", minimum_password_length=20)
    assert alone.call("ram", "GetPasswordPolicy").password_policy.minimum_password_length == 8
    theirs = with_key(other, "mine")
    assert theirs.sts.get_caller_identity().body.account_id != alone.cloud.account_id
    alone.call("ram", "DeleteAccessKey", user_name="mine", user_access_key_id=key)
    alone.call("ims", "DeleteUser", user_id=user_id)
    assert other.call("ims", "ListUsersInRecycleBin").users.user == []
    refused(
        lambda: other.call("ims", "RestoreUserFromRecycleBin", user_id=user_id),
        "EntityNotExist.User",
        "The user does not exist:",
    )
