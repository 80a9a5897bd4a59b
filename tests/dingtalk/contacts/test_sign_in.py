"""Signing in to the messenger, and who somebody is then."""

from __future__ import annotations

import json

import pytest
from alibabacloud_ram20150501 import models as ram

from kowloon.core import limits
from kowloon.core.events import RequestEvent
from kowloon.dingtalk.contacts.resources import FailedSignIns, Member, MemberSession
from kowloon.dingtalk.plane import NODE
from kowloon.testing.cloud import LocalCloud
from tests.dingtalk.contacts.people import PASSWORD, Browser, member, ram_user
from tests.dingtalk.platform import Office

FAILED = (401, "SignInFailed", "The name or the password is wrong, or this member may not sign in with one.")


@pytest.fixture
def browser(cloud: LocalCloud) -> Browser:
    return Browser(cloud)


def test_a_member_signs_in_and_out(cloud: LocalCloud, office: Office, browser: Browser) -> None:
    member(office, "ada", mobile="13800000001")
    assert browser.who() == {"signed_in": False}
    told = browser.sign_in("ada")
    assert told == {
        "signed_in": True,
        "corp": office.corp_id,
        "account": office.account,
        "userid": "ada",
        "name": "Ada",
        "user": "",
        "admin": False,
    }
    assert browser.who() == told
    (cookie,) = browser.session.cookies
    assert (cookie.name, cookie.has_nonstandard_attr("HttpOnly")) == ("dingtalk_session", True)
    assert cookie.get_nonstandard_attr("SameSite") == "Strict"
    (kept,) = cloud.call(lambda: cloud.cloud.store.list(MemberSession))
    assert cookie.value not in json.dumps([kept.id, kept.userid]), "what is kept opens nothing"
    value = cookie.value
    assert browser.ask("POST", "/dingtalk/sign-out", {}) == {"signed_in": False}
    assert browser.who() == {"signed_in": False}
    browser.session.cookies.set("dingtalk_session", value)
    assert browser.who() == {"signed_in": False}, "the cookie is good no more"


@pytest.mark.parametrize("way", ["corp", "account", "alias", "mobile"])
def test_every_way_to_name_somebody(cloud: LocalCloud, office: Office, browser: Browser, way: str) -> None:
    member(office, "ada", mobile="13800000001")
    cloud.client("ram20150501").set_account_alias(ram.SetAccountAliasRequest(account_alias="walled"))
    which = {
        "corp": {"corp_id": office.corp_id},
        "account": {"account": office.account},
        "alias": {"account": "walled"},
    }
    login = "+86-13800000001" if way == "mobile" else " ada "
    assert browser.sign_in(login, **which.get(way, {}))["userid"] == "ada"


def test_who_is_not_let_in(cloud: LocalCloud, office: Office, browser: Browser) -> None:
    member(office, "ada")
    member(office, "bob", init_password="")
    other = cloud.as_account("Other")
    assert browser.not_in("ada", "wrong") == FAILED
    assert browser.not_in("nobody") == FAILED
    assert browser.not_in("") == FAILED
    assert browser.not_in("bob", "") == FAILED, "who has no password has no empty one either"
    assert browser.not_in("ada", account=other.account_id) == FAILED
    assert browser.not_in("ada", account="1999") == FAILED
    assert browser.not_in("ada", corp_id="dingother") == FAILED
    assert browser.not_in("ada", "x" * 300) == FAILED
    assert browser.who() == {"signed_in": False}


def test_five_wrong_passwords_lock_a_member_by_all_names(cloud: LocalCloud, office: Office, browser: Browser) -> None:
    member(office, "ada", mobile="13800000001")
    member(office, "bob")
    for login in ("ada", "13800000001", "ada", "ada", "13800000001"):
        assert browser.not_in(login, "wrong") == FAILED
    status, code, message = browser.not_in("ada")
    assert (status, code) == (403, "SignInLocked")
    assert message.startswith("Too many wrong passwords: this name is locked until ")
    assert browser.not_in("13800000001")[1] == "SignInLocked"
    assert browser.sign_in("bob")["userid"] == "bob"
    cloud.skip(hours=1)
    assert browser.sign_in("ada")["userid"] == "ada"
    assert cloud.call(lambda: cloud.cloud.store.list(FailedSignIns)) == []
    for _ in range(5):
        assert browser.not_in("nobody") == FAILED
    assert browser.not_in("nobody")[1] == "SignInLocked", "names that nobody has look the same"


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({"origin": "http://evil.example"}, 403, "OriginRefused"),
        ({"origin": "null"}, 403, "OriginRefused"),
        ({"content_type": "text/plain"}, 415, "JsonRequired"),
        ({"host": "ecs.aliyuncs.com"}, 403, "HostNotLocal"),
    ],
)
@pytest.mark.parametrize("path", ["sign-in", "sign-out", "console"])
def test_other_sites_sign_nobody_in(
    office: Office, browser: Browser, path: str, headers: dict[str, str], status: int, code: str
) -> None:
    body = {"login": "ada", "password": PASSWORD} if path == "sign-in" else {}
    assert browser.refused("POST", f"/dingtalk/{path}", body, **headers)[:2] == (status, code)


def test_bodies_that_are_none(office: Office, browser: Browser) -> None:
    for body in ({}, {"login": 1, "password": "x"}, {"login": "a", "password": "b", "more": 1}, []):
        assert browser.refused("POST", "/dingtalk/sign-in", body)[:2] == (400, "InvalidBody")


def test_who_left_is_signed_out_and_not_whoever_comes_next(office: Office, browser: Browser) -> None:
    member(office, "ada")
    browser.sign_in("ada")
    office.post("/topapi/v2/user/delete", {"userid": "ada"})
    assert browser.who() == {"signed_in": False}
    member(office, "ada")
    assert browser.who() == {"signed_in": False}


def test_sessions_end_by_the_wall(cloud: LocalCloud, office: Office, browser: Browser) -> None:
    member(office, "ada")
    browser.sign_in("ada")

    def age() -> None:
        store = cloud.cloud.store
        transaction = store.begin()
        for session in transaction.list(MemberSession):
            transaction.put(MemberSession(id=session.id, account=session.account, userid="ada", expires_at=1.0))
        store.commit_now(transaction)

    cloud.call(age)
    assert browser.who() == {"signed_in": False}
    browser.sign_in("ada")
    assert len(cloud.call(lambda: cloud.cloud.store.list(MemberSession))) == 1, "ended ones go"


def test_a_member_has_so_many_sessions(cloud: LocalCloud, office: Office) -> None:
    member(office, "ada")
    browsers = [Browser(cloud) for _ in range(17)]
    for each in browsers:
        each.sign_in("ada")
    assert [each.who()["signed_in"] for each in (browsers[0], browsers[1], browsers[16])] == [False, True, True]


def test_signing_in_is_on_record_without_the_password(cloud: LocalCloud, office: Office, browser: Browser) -> None:
    member(office, "ada")
    browser.not_in("ada", "wrong-word")
    browser.sign_in("ada")
    events = [each for each in cloud.call(lambda: list(cloud.cloud.bus.recent)) if isinstance(each, RequestEvent)]
    found = [(each.principal_name, each.status, each.code) for each in events if each.action == "SignIn"]
    assert found[-2:] == [("Ada", 401, "SignInFailed"), ("Ada", 200, "")]
    assert not any(PASSWORD in str(each) or "wrong-word" in str(each) for each in events)


def test_login_ids_are_unique(office: Office) -> None:
    member(office, "ada")
    assert office.refused(
        "POST", "/topapi/v2/user/create", {"name": "B", "dept_id_list": "1", "login_id": "ada", "init_password": "x"}
    ) == (60104, "", "登录账号在公司中已存在")
    member(office, "bob")
    taken = {"userid": "bob", "login_id": "ada"}
    assert office.refused("POST", "/topapi/v2/user/update", taken)[0] == 60104
    office.post("/topapi/v2/user/update", {"userid": "ada", "login_id": "ada"})


# --- the console's people ---


def test_a_ram_user_becomes_a_member_once(cloud: LocalCloud, office: Office, browser: Browser) -> None:
    ram_user(cloud, "alice", display_name="爱丽丝")
    browser.to_console(cloud, "alice")
    told = browser.who()
    assert (told["userid"], told["name"], told["user"], told["admin"]) == ("alice", "爱丽丝", "alice", False)
    assert browser.who() == told
    again = Browser(cloud)
    again.to_console(cloud, "alice")
    assert again.who() == told
    assert [each.userid for each in cloud.call(lambda: cloud.cloud.store.list(Member))] == ["alice"]
    assert office.post("/topapi/v2/user/get", {"userid": "alice"})["result"]["dept_id_list"] == [1]


def test_a_userid_that_somebody_has_is_not_taken_over(cloud: LocalCloud, office: Office, browser: Browser) -> None:
    member(office, "alice", name="Another Alice")
    ram_user(cloud, "alice")
    browser.to_console(cloud, "alice")
    told = browser.who()
    assert told["userid"].isdigit()
    assert told["name"] == "alice"


def test_an_organisation_that_is_full(
    cloud: LocalCloud, office: Office, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    ram_user(cloud, "alice")
    browser.to_console(cloud, "alice")
    monkeypatch.setattr(limits, "DINGTALK_PEOPLE", 0)
    refused = browser.refused("GET", "/dingtalk/signed-in")
    assert refused == (403, "OrganisationFull", "The organisation has 0 members already.")


def test_an_administrator_of_the_cloud_is_one_of_the_messenger(cloud: LocalCloud, browser: Browser) -> None:
    cloud.reset()
    ram_user(cloud, "alice")
    cloud.client("ram20150501").attach_policy_to_user(
        ram.AttachPolicyToUserRequest(policy_type="System", policy_name="AdministratorAccess", user_name="alice")
    )
    browser.to_console(cloud, "alice")
    assert browser.who()["admin"] is True


def test_whose_session_of_the_console_ended_is_nobody(cloud: LocalCloud, office: Office, browser: Browser) -> None:
    ram_user(cloud, "alice")
    browser.to_console(cloud, "alice")
    assert browser.who()["signed_in"]
    browser.ask("POST", "/sign-out", {})
    assert browser.who() == {"signed_in": False}


def test_of_two_sessions_the_messengers_own_counts(cloud: LocalCloud, office: Office, browser: Browser) -> None:
    ram_user(cloud, "alice")
    browser.to_console(cloud, "alice")
    member(office, "ada")
    browser.sign_in("ada")
    assert browser.who()["userid"] == "ada"
    browser.ask("POST", "/dingtalk/sign-out", {})
    assert browser.who()["userid"] == "alice"


def test_while_the_messenger_is_down_nobody_signs_in(cloud: LocalCloud, office: Office, browser: Browser) -> None:
    member(office, "ada")
    with cloud.fault("service_stop", NODE):
        assert browser.not_in("ada") == (503, "ServiceUnavailable", "The messenger is down.")
