"""Signing in with a password: who is let in, for how long, and what everybody else is told."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from kowloon.core.events import RequestEvent
from kowloon.services.ram.logic.sign_in import LOCKED_S
from kowloon.store.identity import SignInAttempts, StoredKey
from tests.core.parts import Caller, paper_cloud
from tests.pages import PASSWORD, RAM, Page, code_now, device, person

FAILED = (401, "SignInFailed", "The logon name or the password is wrong, or this user may not sign in with one.")


@pytest.fixture
async def caller() -> AsyncIterator[Caller]:
    async with paper_cloud() as caller:
        yield caller


@pytest.fixture
def page(caller: Caller) -> Page:
    return Page(caller)


def _signings(caller: Caller) -> list[RequestEvent]:
    return [
        event for event in caller.cloud.bus.recent if isinstance(event, RequestEvent) and event.event_type != "ApiCall"
    ]


async def test_a_right_password_opens_a_session(caller: Caller, page: Page) -> None:
    account = caller.cloud.identity.account_id
    name = await person(caller)
    assert await page.who() == {"signed_in": False}
    told = await page.sign_in(name)
    assert told == {
        "signed_in": True,
        "account": account,
        "name": f"alice@{account}.onaliyun.com",
        "user": "alice",
        "arn": f"acs:ram::{account}:user/alice",
        "mfa": False,
        "until": "2025-10-09T14:53:20Z",
    }
    assert await page.who() == told
    cookie, *attributes = page.set_cookie.split("; ")
    assert cookie.startswith("kowloon_session=STS.")
    assert attributes == ["Path=/", "HttpOnly", "SameSite=Strict", "Max-Age=21600"]


async def test_over_https_the_cookie_stays_there(caller: Caller) -> None:
    page = Page(caller, scheme="https")
    await page.sign_in(await person(caller))
    assert page.set_cookie.endswith("; Secure")


async def test_every_form_of_a_logon_name_is_known(caller: Caller, page: Page) -> None:
    account = caller.cloud.identity.account_id
    await person(caller)
    await caller.ask("SetAccountAlias", AccountAlias="kowloon-walled", **RAM)
    for domain in (account, f"{account}.onaliyun.com", "kowloon-walled", "kowloon-walled.onaliyun.com"):
        told = await page.sign_in(f" alice@{domain.upper() if '.' in domain else domain} ")
        assert told["name"] == "alice@kowloon-walled.onaliyun.com", domain
    for name in (
        "",
        "alice",
        "@",
        "alice@",
        f"@{account}",
        "alice@example.com",
        "alice@a.b.onaliyun.com",
        f"{'a' * 65}@{account}",
    ):
        status, code, message = await page.not_in(name)
        assert (status, code) == (400, "InvalidLogonName"), name
        assert message.startswith("A logon name is `user@ACCOUNT`")


async def test_whatever_is_wrong_the_answer_is_the_same(caller: Caller, page: Page) -> None:
    name = await person(caller)
    account = caller.cloud.identity.account_id
    await caller.ask("CreateUser", UserName="bob", **RAM)
    off = await person(caller, "off")
    await caller.ask(
        "UpdateLoginProfile", Version="2019-08-15", UserPrincipalName=f"{off}.onaliyun.com", Status="Inactive"
    )
    tries = [(name, "wrong"), (name, ""), (f"ALICE@{account}", PASSWORD), (f"nobody@{account}", PASSWORD)]
    tries += [(f"bob@{account}", PASSWORD), (off, PASSWORD), ("alice@1999000011112222", PASSWORD)]
    for who, password in tries:
        assert await page.not_in(who, password) == FAILED, who
    assert page.cookie == ""
    assert caller.cloud.store.list(StoredKey, account=account)[-1].token == ""


async def test_what_is_no_sign_in_is_refused(caller: Caller, page: Page) -> None:
    name = await person(caller)
    good = {"name": name, "password": PASSWORD}
    form = f"name={name}&password={PASSWORD}".encode()
    refusals: list[tuple[Any, dict[str, str], tuple[int, str]]] = [
        (good, {"origin": "http://evil.example"}, (403, "OriginRefused")),
        (good, {"origin": "http://127.0.0.1:9999"}, (403, "OriginRefused")),
        (good, {"origin": "null"}, (403, "OriginRefused")),
        (good, {"origin": "http://["}, (403, "OriginRefused")),
        (good, {"origin": "nowhere"}, (403, "OriginRefused")),
        (form, {"content_type": "application/x-www-form-urlencoded"}, (415, "JsonRequired")),
        (good, {"content_type": "text/plain"}, (415, "JsonRequired")),
        (good, {"content_type": ""}, (415, "JsonRequired")),
        (good, {"host": "ecs.aliyuncs.com", "origin": ""}, (403, "HostNotLocal")),
        (b"{", {}, (400, "InvalidBody")),
        (b"[" * 100_000, {}, (400, "InvalidBody")),
        ([], {}, (400, "InvalidBody")),
        ({"name": name}, {}, (400, "InvalidBody")),
        ({**good, "remember": True}, {}, (400, "InvalidBody")),
    ]
    for body, headers, expected in refusals:
        status, code, _ = await page.refused("POST", "/sign-in", body, **headers)
        assert (status, code) == expected, (body, headers)
    assert page.cookie == ""
    # Programs say nothing of an origin, and an IPv6 address is one of ours as well.
    await page.ask("POST", "/sign-in", good, origin="")
    await page.ask("POST", "/sign-in", good, host="localhost:8520", origin="http://localhost:8520")
    await page.ask("POST", "/sign-in", good, host="[::1]:8520", origin="http://[::1]:8520")
    status, code, _ = await page.refused("GET", "/sign-in")
    assert (status, code) == (405, "MethodNotAllowed")


async def test_too_many_failures_close_a_name_for_an_hour(caller: Caller, page: Page) -> None:
    name = await person(caller)
    await caller.ask("SetPasswordPolicy", MaxLoginAttemps="3", **RAM)
    account = caller.cloud.identity.account_id
    # Also one that nobody has: it would tell apart who is there.
    for who in (name, f"nobody@{account}"):
        for _ in range(3):
            assert await page.not_in(who, "wrong") == FAILED
        until = "2025-10-09T09:53:20Z"
        message = f"Signing in under this name failed too often; it is closed until {until} (cloud time)."
        assert await page.not_in(who, PASSWORD) == (403, "SignInLocked", message)
    caller.wall.now += LOCKED_S - 1
    assert (await page.not_in(name))[1] == "SignInLocked"
    caller.wall.now += 1
    await page.sign_in(name)
    assert [item.id for item in caller.cloud.store.list(SignInAttempts)] == [f"{account}:nobody"]


async def test_names_that_nobody_has_do_not_give_others_their_tries_back(
    caller: Caller, page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kowloon.services.ram.logic.sign_in._MOST_NAMES", 3)
    name = await person(caller)
    await caller.ask("SetPasswordPolicy", MaxLoginAttemps="2", **RAM)
    account = caller.cloud.identity.account_id
    assert await page.not_in(name, "wrong") == FAILED
    for number in range(5):
        assert await page.not_in(f"made-up-{number}@{account}", "wrong") == FAILED
    assert len(caller.cloud.store.list(SignInAttempts)) == 4
    assert await page.not_in(name, "wrong") == FAILED
    assert (await page.not_in(name))[1] == "SignInLocked"


async def test_failures_count_for_an_hour_and_until_one_gets_in(caller: Caller, page: Page) -> None:
    name = await person(caller)
    await caller.ask("SetPasswordPolicy", MaxLoginAttemps="3", **RAM)
    for _ in range(2):
        await page.not_in(name, "wrong")
    caller.wall.now += LOCKED_S
    for _ in range(2):
        assert await page.not_in(name, "wrong") == FAILED
    await page.sign_in(name)
    for _ in range(2):
        assert await page.not_in(name, "wrong") == FAILED
    await page.sign_in(name)


async def test_a_device_vouches_once_per_code(caller: Caller, page: Page) -> None:
    name = await person(caller)
    seed = await device(caller)
    needed = (401, "MfaCodeRequired", "Send the code that the user's MFA device shows now as well (`code`).")
    assert await page.not_in(name) == needed
    used = (
        401,
        "MfaCodeRefused",
        "The code is not the one that the MFA device shows, or was used before: wait for its next one.",
    )
    # The last was used to bind the device; a right code does not help a wrong password.
    for code in ("000000", "12", "１２３４５６", code_now(caller, seed, -5), code_now(caller, seed, -1)):
        assert await page.not_in(name, code=code) == used, code
    assert await page.not_in(name, "wrong", code=code_now(caller, seed)) == FAILED
    told = await page.sign_in(name, code=code_now(caller, seed))
    assert told["mfa"] is True
    assert await page.not_in(name, code=code_now(caller, seed)) == used
    caller.wall.now += 30
    # A phone that is ahead, or behind: by a step, and never by one that counted already.
    await page.sign_in(name, code=code_now(caller, seed, 1))
    assert await page.not_in(name, code=code_now(caller, seed)) == used
    caller.wall.now += 90
    await page.sign_in(name, code=code_now(caller, seed, -1))


async def test_codes_cannot_be_tried_out(caller: Caller, page: Page) -> None:
    name = await person(caller)
    seed = await device(caller)
    for _ in range(10):
        assert (await page.not_in(name, code="000000"))[1] == "MfaCodeRefused"
    assert (await page.not_in(name, code=code_now(caller, seed)))[1] == "SignInLocked"
    caller.wall.now += LOCKED_S
    await page.sign_in(name, code=code_now(caller, seed))


async def test_who_must_have_a_device_gets_in_with_one_only(caller: Caller, page: Page) -> None:
    name = await person(caller, MFABindRequired="true")
    status, code, message = await page.not_in(name)
    assert (status, code) == (403, "MfaDeviceRequired")
    assert "bind one (BindMFADevice)" in message
    seed = await device(caller)
    assert (await page.sign_in(name, code=code_now(caller, seed)))["mfa"] is True
    other = await person(caller, "bob")
    await page.sign_in(other)
    await caller.ask("SetSecurityPreference", Version="2019-08-15", MFAOperationForLogin="mandatory")
    assert (await page.not_in(other))[1] == "MfaDeviceRequired"


async def test_a_password_that_must_be_changed_is_changed_on_the_way(caller: Caller, page: Page) -> None:
    name = await person(caller, PasswordResetRequired="true")
    asked = (
        403,
        "PasswordChangeRequired",
        "The password must be changed: send all of it again, with a `new_password`.",
    )
    assert await page.not_in(name) == asked
    weak = 'The parameter - "NewPassword" is not compliant with the password policy.'
    for new, why in ((PASSWORD, "It is the old one."), ("short", "It needs 8 characters.")):
        expected = (400, "InvalidParameter.NewPassword.TooWeak", f"{weak} {why}")
        assert await page.not_in(name, new_password=new) == expected
    assert await page.not_in(name, "wrong", new_password="Battery-Staple-8") == FAILED
    await page.sign_in(name, new_password="Battery-Staple-8")
    assert await page.not_in(name) == FAILED
    await page.sign_in(name, "Battery-Staple-8")
    status, code, _ = await page.not_in(name, "Battery-Staple-8", new_password="Another-Staple-9")
    assert (status, code) == (400, "NewPasswordNotAsked")


async def test_old_passwords_expire(caller: Caller, page: Page) -> None:
    name = await person(caller)
    await caller.ask("SetPasswordPolicy", Version="2019-08-15", InitialPasswordAge="7", MaxPasswordAge="30")
    await page.sign_in(name)
    caller.wall.now += 7 * 24 * 3600
    assert (await page.not_in(name))[1] == "PasswordChangeRequired"
    await page.sign_in(name, new_password="Battery-Staple-8")
    caller.wall.now += 29 * 24 * 3600
    await page.sign_in(name, "Battery-Staple-8")
    await caller.ask("SetPasswordPolicy", Version="2019-08-15", HardExpire="true")
    caller.wall.now += 24 * 3600
    expired = (
        403,
        "PasswordExpired",
        "The password has expired: have an administrator set another one (UpdateLoginProfile).",
    )
    assert await page.not_in(name, "Battery-Staple-8", new_password="Another-Staple-9") == expired


async def test_an_account_says_from_where(caller: Caller, page: Page) -> None:
    name = await person(caller)
    await caller.ask("SetSecurityPreference", LoginNetworkMasks="10.0.0.0/8;192.168.1.1", **RAM)
    message = "This account's LoginNetworkMasks do not let anybody sign in from 127.0.0.1."
    for password in (PASSWORD, "wrong"):
        assert await page.not_in(name, password) == (403, "SignInNetworkRefused", message)
    for peer, status in (("10.1.2.3", 200), ("192.168.1.1", 200), ("192.168.1.2", 403), ("::1", 403), ("test", 403)):
        answered = await Page(caller, peer=peer).send("POST", "/sign-in", {"name": name, "password": PASSWORD})
        assert answered.status == status, peer


async def test_a_session_ends_by_the_clock(caller: Caller, page: Page) -> None:
    await caller.ask("SetSecurityPreference", LoginSessionDuration="2", **RAM)
    await page.sign_in(await person(caller))
    assert "Max-Age=7200" in page.set_cookie
    # Tokens go by the wall's clock: what a drill skips ends none.
    await caller.cloud.clock.skip(3 * 3600.0)
    caller.wall.now += 7199
    assert (await page.who())["signed_in"] is True
    caller.wall.now += 1
    assert await page.who() == {"signed_in": False}
    refusal = (401, "SignInRequired", "Nobody is signed in, or the session has ended: sign in (POST /sign-in).")
    assert await page.refused("POST", "/api/Sts/GetCallerIdentity") == refusal


async def test_signing_out_ends_it_for_good(caller: Caller, page: Page) -> None:
    await page.sign_in(await person(caller))
    cookie = page.cookie
    assert (await page.refused("POST", "/sign-out", origin="http://evil.example"))[1] == "OriginRefused"
    assert (await page.refused("POST", "/sign-out", content_type="text/plain"))[1] == "JsonRequired"
    assert (await page.who())["signed_in"] is True
    assert await page.ask("POST", "/sign-out") == {"signed_in": False}
    assert page.set_cookie == "kowloon_session=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0"
    page.cookie = cookie
    assert await page.who() == {"signed_in": False}
    assert await page.ask("POST", "/sign-out") == {"signed_in": False}


IMS = {"Version": "2019-08-15"}
BACK = ("CreateLoginProfile", {"UserName": "alice", "Password": PASSWORD, **RAM})
# What ends a session, and how its user could sign in again.
ENDINGS: dict[str, list[tuple[str, dict[str, str]]]] = {
    "another password": [("UpdateLoginProfile", {"UserName": "alice", "Password": "Battery-Staple-8", **RAM})],
    "switched off": [
        ("UpdateLoginProfile", {"UserPrincipalName": "{}", "Status": "Inactive", **IMS}),
        ("UpdateLoginProfile", {"UserPrincipalName": "{}", "Status": "Active", **IMS}),
    ],
    "no profile": [("DeleteLoginProfile", {"UserName": "alice", **RAM}), BACK],
    "no user": [
        ("DeleteUser", {"UserPrincipalName": "{}", **IMS}),
        ("CreateUser", {"UserName": "alice", **RAM}),
        BACK,
    ],
}


@pytest.mark.parametrize("ending", ENDINGS)
async def test_who_may_no_longer_sign_in_is_out(caller: Caller, page: Page, ending: str) -> None:
    """And with a new start under the old name the session does not come back."""
    name = await person(caller)
    await page.sign_in(name)
    for action, fields in ENDINGS[ending]:
        caller.wall.now += 1
        await caller.ask(action, **{field: value.format(f"{name}.onaliyun.com") for field, value in fields.items()})
        assert await page.who() == {"signed_in": False}, action
    await page.sign_in(name, ENDINGS[ending][-1][1].get("Password", PASSWORD))


async def test_sessions_are_no_access_keys(caller: Caller, page: Page) -> None:
    name = await person(caller)
    await page.sign_in(name)
    assert (await caller.ask("ListAccessKeys", UserName="alice", **RAM))["AccessKeys"]["AccessKey"] == []
    for _ in range(2):
        await caller.ask("CreateAccessKey", UserName="alice", **RAM)
    # A new name takes the session along.
    await caller.ask("UpdateUser", UserName="alice", NewUserName="alicia", **RAM)
    assert (await page.who())["user"] == "alicia"
    for _ in range(40):
        await Page(caller).sign_in(name.replace("alice", "alicia"))
    assert await page.who() == {"signed_in": False}
    sessions = [key for key in caller.cloud.store.list(StoredKey) if key.token]
    assert len(sessions) == 32


async def test_every_attempt_is_an_event(caller: Caller, page: Page) -> None:
    name = await person(caller)
    seed = await device(caller)
    await page.not_in(name, "Not-My-Secret-9")
    await page.not_in("alice@1999000011112222")
    await page.sign_in(name, code=code_now(caller, seed))
    await page.ask("POST", "/sign-out")
    failed, stranger, signed_in, signed_out = _signings(caller)
    assert (failed.event_type, failed.action, failed.code, failed.status) == (
        "ConsoleSignin",
        "ConsoleSignin",
        "SignInFailed",
        401,
    )
    assert (failed.account, failed.principal, failed.principal_name) == (caller.cloud.identity.account_id, "", "alice")
    assert (failed.parameters, failed.source, failed.user_agent) == ({"LogonName": name}, "127.0.0.1", "a browser")
    assert stranger.account == ""
    assert (signed_in.code, signed_in.mfa, signed_in.principal_name) == ("", True, "alice")
    assert signed_out.action == "ConsoleSignout"
    await caller.cloud.audit.catch_up()
    found = await caller.ask(
        "LookupEvents",
        Version="2020-07-06",
        **{"LookupAttribute.1.Key": "EventName", "LookupAttribute.1.Value": "ConsoleSignin"},
    )
    shown, wrong = found["Events"]
    assert (shown["eventType"], shown["serviceName"], shown["eventSource"]) == (
        "ConsoleSignin",
        "AasSub",
        "signin.aliyun.com",
    )
    assert shown["additionalEventData"]["mfaChecked"] == "true"
    assert shown["userIdentity"]["userName"] == "alice"
    assert wrong["errorCode"] == "SignInFailed"
    recorded = json.dumps(found) + str(caller.cloud.bus.recent)
    assert PASSWORD not in recorded
    assert "Not-My-Secret-9" not in recorded


async def test_only_who_signed_in_has_a_cookie_that_counts(caller: Caller, page: Page) -> None:
    """Neither somebody's access key nor the session of a role is one."""
    await page.sign_in(await person(caller))
    session = page.cookie.partition("=")[2]
    id, _, token = session.partition(":")
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"RAM": ["*"]}}
    document = json.dumps({"Version": "1", "Statement": [trust]})
    account = caller.cloud.identity.account_id
    document = document.replace('"*"', f'"acs:ram::{account}:root"')
    await caller.ask("CreateRole", RoleName="worker", AssumeRolePolicyDocument=document, **RAM)
    role = await caller.ask("AssumeRole", RoleArn=f"acs:ram::{account}:role/worker", RoleSessionName="s1")
    keys = role["Credentials"]
    values = ["", ":", "x", id, f"{id}:", f"{id}:{token}x", f"{id}:{token[:-1]}", f":{token}", f"{id}:é"]
    values += [
        f"{keys['AccessKeyId']}:{keys['SecurityToken']}",
        f"{caller.key_id}:",
        f"{caller.key_id}:{caller.secret}",
    ]
    for value in values:
        page.cookie = f"kowloon_session={value}"
        assert await page.who() == {"signed_in": False}, value
    page.cookie = f'theme=dark; kowloon_session={session}; x="y"'
    assert (await page.who())["user"] == "alice"
    # A bucket's own host is the bucket's, whatever the path.
    answered = await page.send("GET", "/signed-in", host="bucket.localhost:8520")
    assert b"<Code>NoSuchBucket</Code>" in answered.body


async def test_at_once_a_code_counts_once_and_failures_all_count(caller: Caller) -> None:
    name = await person(caller)
    seed = await device(caller)
    good = {"name": name, "password": PASSWORD, "code": code_now(caller, seed)}
    answered = await asyncio.gather(*(Page(caller).send("POST", "/sign-in", good) for _ in range(8)))
    assert sorted(each.status for each in answered) == [200, *[401] * 7]
    await caller.ask("SetPasswordPolicy", MaxLoginAttemps="20", **RAM)
    wrong = {"name": name, "password": "wrong"}
    answered = await asyncio.gather(*(Page(caller).send("POST", "/sign-in", wrong) for _ in range(30)))
    assert [each.status for each in answered].count(401) == 20
    assert [each.status for each in answered].count(403) == 10
