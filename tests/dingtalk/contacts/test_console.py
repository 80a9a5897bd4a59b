"""From the messenger to the cloud: members who are RAM users, departments that have a role."""

from __future__ import annotations

import json
from typing import Any

import pytest
import requests
from alibabacloud_ram20150501 import models as ram

from kowloon.testing.callers import Caller
from kowloon.testing.cloud import LocalCloud
from tests.dingtalk.contacts.people import Browser, department, member, ram_user
from tests.dingtalk.platform import Office


@pytest.fixture
def ada(cloud: LocalCloud, office: Office) -> Browser:
    member(office, "ada")
    browser = Browser(cloud)
    browser.sign_in("ada")
    return browser


def admin(cloud: LocalCloud, method: str, path: str, body: object = None) -> tuple[int, dict[str, Any]]:
    headers = {"Authorization": f"Bearer {cloud.admin_token}"}
    url = f"http://{cloud.endpoint}/_kowloon/dingtalk/{path}"
    response = requests.request(method, url, json=body, headers=headers, timeout=30)
    return response.status_code, response.json()


def link(cloud: LocalCloud, userid: str, user: str) -> None:
    status, told = admin(cloud, "POST", "members/link", {"userid": userid, "user": user})
    assert (status, told["user"]) == (200, user)


def role(cloud: LocalCloud, name: str, service: str = "dingtalk.aliyuncs.com") -> None:
    trust = [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": [service]}}]
    document = json.dumps({"Version": "1", "Statement": trust})
    cloud.client("ram20150501").create_role(ram.CreateRoleRequest(role_name=name, assume_role_policy_document=document))


def who(cloud: LocalCloud, keys: dict[str, str]) -> str:
    caller = Caller(
        endpoint=cloud.endpoint,
        region="cn-hongkong",
        account_id=cloud.account_id,
        access_key_id=keys["access_key_id"],
        access_key_secret=keys["access_key_secret"],
        security_token=keys["security_token"],
    )
    arn: str = caller.client("sts20150401").get_caller_identity().body.arn
    return arn


def test_a_ram_user_gets_the_console(cloud: LocalCloud, office: Office, ada: Browser) -> None:
    ram_user(cloud, "adam")
    link(cloud, "ada", "adam")
    assert ada.ask("GET", "/signed-in") == {"signed_in": False}
    assert ada.ask("POST", "/dingtalk/console", {}) == {"user": "adam", "account": cloud.account_id}
    told = ada.ask("GET", "/signed-in")
    assert (told["user"], told["mfa"]) == ("adam", False)
    ada.ask("POST", "/dingtalk/sign-out", {})
    assert ada.who()["userid"] == "ada", "by the console's session now"


@pytest.mark.parametrize(
    ("profile", "status", "code"),
    [
        (None, 403, "ConsoleLogonNotAllowed"),
        ({"password_reset_required": True}, 403, "PasswordChangeRequired"),
        ({"mfabind_required": True}, 403, "MfaDeviceRequired"),
    ],
)
def test_nobody_gets_more_than_by_a_password(
    cloud: LocalCloud, office: Office, ada: Browser, profile: dict[str, Any] | None, status: int, code: str
) -> None:
    ram_user(cloud, "adam", password="" if profile is None else "Correct-Horse-7")
    if profile is not None:
        client = cloud.client("ram20150501")
        client.update_login_profile(ram.UpdateLoginProfileRequest(user_name="adam", **profile))
    link(cloud, "ada", "adam")
    assert ada.refused("POST", "/dingtalk/console", {})[:2] == (status, code)
    assert ada.ask("GET", "/signed-in") == {"signed_in": False}


def test_who_is_no_ram_user_and_not_signed_in(cloud: LocalCloud, office: Office, ada: Browser) -> None:
    assert ada.refused("POST", "/dingtalk/console", {}) == (
        403,
        "NoConsoleAccess",
        "This member is no RAM user, and no department of theirs has a role in the cloud.",
    )
    assert Browser(cloud).refused("POST", "/dingtalk/console", {})[:2] == (401, "SignInRequired")


def test_a_department_has_a_role(cloud: LocalCloud, office: Office, ada: Browser) -> None:
    number = department(office, "运维")
    office.post("/topapi/v2/user/update", {"userid": "ada", "dept_id_list": str(number)})
    role(cloud, "Operators")
    status, told = admin(cloud, "POST", "departments/role", {"department": number, "role": "operators"})
    assert (status, told["role"]) == (200, "operators")
    keys = ada.ask("POST", "/dingtalk/console", {})
    assert keys["role"] == "operators"
    assert who(cloud, keys) == f"acs:ram::{cloud.account_id}:assumed-role/operators/ada"
    assert ada.ask("POST", "/dingtalk/console", {"role": "Operators"})["role"] == "operators"
    refused = ada.refused("POST", "/dingtalk/console", {"role": "admins"})
    assert refused[:2] == (403, "NoConsoleAccess")
    # Whoever leaves the department has its role no longer.
    office.post("/topapi/v2/user/update", {"userid": "ada", "dept_id_list": "1"})
    with pytest.raises(Exception, match=r"InvalidSecurityToken|InvalidAccessKeyId"):
        who(cloud, keys)
    assert ada.refused("POST", "/dingtalk/console", {})[1] == "NoConsoleAccess"


def test_a_role_that_is_taken_away_or_trusts_no_more(cloud: LocalCloud, office: Office, ada: Browser) -> None:
    role(cloud, "Operators")
    admin(cloud, "POST", "departments/role", {"department": 1, "role": "Operators"})
    keys = ada.ask("POST", "/dingtalk/console", {})
    assert admin(cloud, "POST", "departments/role", {"department": 1, "role": ""})[1]["role"] == ""
    with pytest.raises(Exception, match=r"InvalidSecurityToken|InvalidAccessKeyId"):
        who(cloud, keys)
    admin(cloud, "POST", "departments/role", {"department": 1, "role": "Operators"})
    cloud.client("ram20150501").delete_role(ram.DeleteRoleRequest(role_name="Operators"))
    assert ada.refused("POST", "/dingtalk/console", {})[:2] == (403, "RoleNotTrusting")


# --- operators ---


def test_operators_see_members_and_departments(cloud: LocalCloud, office: Office, ada: Browser) -> None:
    number = department(office, "ops")
    status, told = admin(cloud, "GET", "members")
    assert (status, told["account"], told["corp_id"]) == (200, cloud.account_id, office.corp_id)
    assert told["members"] == [
        {"userid": "ada", "name": "Ada", "user": "", "departments": [1], "admin": False, "person": ""}
    ]
    assert [(each["number"], each["parent"], each["role"]) for each in told["departments"]] == [
        (1, 0, ""),
        (number, 1, ""),
    ]
    other = cloud.as_account("Other").account_id
    assert admin(cloud, "GET", f"members?account={other}")[1]["members"] == []


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        ("members/link", {"userid": "nobody", "user": "adam"}, 404, "MemberNotFound"),
        ("members/link", {"userid": "ada", "user": "nobody"}, 404, "UserNotFound"),
        ("members/link", {"userid": "bob", "user": "adam"}, 409, "UserAlreadyLinked"),
        ("members/link", {"userid": "ada", "user": "adam", "account": "1"}, 404, "AccountNotFound"),
        ("members/link", {"userid": "ada"}, 400, "InvalidBody"),
        ("departments/role", {"department": 42, "role": ""}, 404, "DepartmentNotFound"),
        ("departments/role", {"department": 1, "role": "nothing"}, 400, "RoleNotTrusting"),
        ("departments/role", {"department": 1, "role": "machines"}, 400, "RoleNotTrusting"),
        ("departments/role", {"department": "x", "role": ""}, 400, "InvalidBody"),
    ],
)
def test_what_operators_are_refused(
    cloud: LocalCloud, office: Office, ada: Browser, path: str, body: dict[str, Any], status: int, code: str
) -> None:
    ram_user(cloud, "adam", password="")
    role(cloud, "machines", service="ecs.aliyuncs.com")
    member(office, "bob")
    link(cloud, "ada", "adam")
    answered, told = admin(cloud, "POST", path, body)
    assert (answered, told["Code"]) == (status, code)


def test_a_link_can_be_taken_back(cloud: LocalCloud, office: Office, ada: Browser) -> None:
    ram_user(cloud, "adam")
    member(office, "bob")
    link(cloud, "ada", "adam")
    link(cloud, "ada", "")
    link(cloud, "bob", "adam")
    assert ada.refused("POST", "/dingtalk/console", {})[1] == "NoConsoleAccess"
