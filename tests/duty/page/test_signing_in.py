"""Getting in and out of the page, and what it says when that fails."""

from __future__ import annotations

import time
from collections.abc import Callable

from playwright.sync_api import expect

from kowloon.services.ram.logic.mfa import code_at
from kowloon.store.identity import StoredKey
from tests.duty.page.browsers import PASSWORD, DutyCloud, Visitor

Visit = Callable[..., Visitor]


def _try(visitor: Visitor, name: str, password: str) -> None:
    visitor.page.goto(visitor.duty.address)
    visitor.page.get_by_label("Logon name").fill(name)
    visitor.page.get_by_label("Password").fill(password)
    visitor.page.get_by_role("button", name="Sign in").click()


def test_a_wrong_password_is_told_with_what_to_do(visit: Visit, duty: DutyCloud) -> None:
    visitor, name = visit(), duty.person("mei")
    _try(visitor, name, "wrong")
    alert = visitor.page.get_by_role("alert")
    expect(alert).to_contain_text("Name or password is wrong")
    expect(alert).to_contain_text("Check the account behind the @.")
    expect(visitor.page.get_by_label("Logon name")).to_have_value(name)
    visitor.page.get_by_label("Password").fill(PASSWORD)
    visitor.page.get_by_role("button", name="Sign in").click()
    expect(visitor.page.get_by_role("heading", level=1)).to_have_text("Cloud of Kowloon")
    expect(visitor.page).to_have_title("Cloud of Kowloon · Duty")


def test_a_code_and_a_new_password_are_asked_for(visit: Visit, duty: DutyCloud) -> None:
    visitor, name = visit(), duty.person("mei")
    device = duty.call("Ram/CreateVirtualMFADevice", VirtualMFADeviceName="phone")["VirtualMFADevice"]
    seed, step = device["Base32StringSeed"], int(time.time()) // 30
    codes = {f"AuthenticationCode{number}": code_at(seed, step - 4 + number) for number in (1, 2)}
    duty.call("Ram/BindMFADevice", UserName="mei", SerialNumber=device["SerialNumber"], **codes)
    duty.call("Ram/UpdateLoginProfile", UserName="mei", PasswordResetRequired=True)
    _try(visitor, name, PASSWORD)
    page = visitor.page
    expect(page.get_by_role("alert")).to_contain_text("Your MFA device is needed, too.")
    expect(page.get_by_label("Code of your MFA device")).to_be_focused()
    page.get_by_label("Code of your MFA device").fill("000000")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("That code does not count.")
    page.get_by_label("Code of your MFA device").fill(code_at(seed, int(time.time()) // 30))
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("The password must be changed.")
    page.get_by_label("New password").fill("short")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("It needs 8 characters.")
    page.get_by_label("New password").fill("Battery-Staple-8")
    page.get_by_label("Code of your MFA device").fill(code_at(seed, int(time.time()) // 30))
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("navigation")).to_be_visible()


def test_leaving_and_coming_back(visit: Visit, duty: DutyCloud) -> None:
    visitor = visit()
    page = visitor.sign_in(duty.person("mei"))
    expect(page.get_by_text("Chen Mei").first).to_be_visible()
    page.reload()
    expect(page.get_by_role("navigation")).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    expect(page.get_by_role("navigation")).to_have_count(0)
    assert visitor.context.cookies() == []
    page.reload()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_a_session_that_has_ended_leads_back_to_the_door(visit: Visit, duty: DutyCloud) -> None:
    visitor = visit()
    page = visitor.sign_in(duty.person("mei"))
    duty.call("Ram/UpdateLoginProfile", UserName="mei", Password="Battery-Staple-8")
    # Not by a click: what the page was still loading may have led there already.
    page.evaluate("location.hash = '#/rota'")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    # Nor does going on from there lead anywhere else.
    page.evaluate("location.hash = '#/load'")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    expect(page.get_by_role("navigation")).to_have_count(0)


def test_no_script_reads_the_cookie(visit: Visit, duty: DutyCloud) -> None:
    visitor = visit()
    page = visitor.sign_in(duty.person("mei"))
    assert page.evaluate("document.cookie") == ""
    (cookie,) = visitor.context.cookies()
    assert (cookie["name"], cookie["httpOnly"], cookie["sameSite"]) == ("kowloon_session", True, "Strict")
    session = next(key for key in duty.cloud.cloud.store.list(StoredKey) if key.token)
    assert page.evaluate("JSON.stringify({...localStorage, ...sessionStorage})").find(session.token) == -1


def test_another_page_on_this_machine_gets_nothing(visit: Visit, duty: DutyCloud) -> None:
    """As a page of another port, or one that a bucket serves, would try."""
    visitor = visit()
    page = visitor.sign_in(duty.person("mei"))
    tried = """async (address) => {
      const frame = document.createElement("iframe");
      frame.sandbox = "allow-scripts";
      document.body.append(frame);
      const answer = await fetch(address, {method: "POST", headers: {"Content-Type": "text/plain"}, body: "{}"});
      return answer.status;
    }"""
    assert page.evaluate(tried, "/api/Duty/ListHolders") == 415
    other = visitor.context.new_page()
    other.goto("about:blank")
    from_elsewhere = """async (address) => {
      try { return (await fetch(address, {method: "POST", credentials: "include", body: "{}"})).status }
      catch { return "refused" }
    }"""
    assert other.evaluate(from_elsewhere, f"http://{duty.cloud.endpoint}/api/Duty/ListHolders") == "refused"
    visitor.troubles.clear()
