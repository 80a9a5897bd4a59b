"""The page of consent in a browser: what browsers make of its form, its policy and its cookies."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from playwright.sync_api import BrowserContext, Page, sync_playwright

from kowloon.testing.cloud import LocalCloud
from tests.dingtalk.contacts.people import PASSWORD, member
from tests.dingtalk.platform import Office, office_of
from tests.duty.page.browsers import start_browser

WIKI = "http://wiki.example"


@pytest.fixture(scope="module")
def context() -> Iterator[BrowserContext]:
    with sync_playwright() as playwright:
        browser = start_browser(playwright)
        yield browser.new_context()
        browser.close()


def at_the_wiki(context: BrowserContext, html: str) -> Page:
    """An application's own site, where every page is this one."""
    context.unroute_all()
    context.route(f"{WIKI}/**", lambda route: route.fulfill(content_type="text/html", body=html))
    page = context.new_page()
    page.goto(WIKI)
    return page


@pytest.fixture
def office(cloud: LocalCloud) -> Office:
    cloud.reset()
    office = office_of(cloud, name="Wiki <script>", redirect_uris=[f"{WIKI}/in"])
    member(office, "ada", name="<img src=x onerror=alert(1)>")
    return office


def test_from_another_site_and_back(cloud: LocalCloud, office: Office, context: BrowserContext) -> None:
    root = f"http://{cloud.endpoint}"
    query = {
        "client_id": office.app_key,
        "redirect_uri": f"{WIKI}/in",
        "response_type": "code",
        "scope": "openid",
        "state": "a b&c",
    }
    page = at_the_wiki(context, f'<a href="{root}/oauth2/auth?{escape(urlencode(query))}">sign in</a>')
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("dialog", lambda dialog: complaints.append("a dialog"))
    page.get_by_role("link", name="sign in").click()
    page.get_by_role("heading", name="Sign in first").wait_for()
    complaints.clear()  # Of the answer's status 401.
    signed = context.request.post(
        f"{root}/dingtalk/sign-in", data={"login": "ada", "password": PASSWORD}, headers={"Origin": root}
    )
    assert signed.status == 200
    page.goto(WIKI)
    page.get_by_role("link", name="sign in").click()
    page.get_by_role("heading", name="Sign in to Wiki <script>").wait_for()
    assert page.get_by_text("<img src=x onerror=alert(1)>").is_visible()
    assert page.locator("img, script").count() == 0
    page.get_by_role("button", name="Allow").click()
    page.wait_for_url(f"{WIKI}/in?**")
    told = parse_qs(urlsplit(page.url).query)
    assert told["state"] == ["a b&c"]
    keys = {"clientId": office.app_key, "clientSecret": office.app_secret, "grantType": "authorization_code"}
    token = office.post("/v1.0/oauth2/userAccessToken", {**keys, "code": told["authCode"][0]}, token="")
    assert office.answer("GET", "/v1.0/contact/users/me", token=token["accessToken"])["nick"].startswith("<img")
    page.goto(WIKI)
    page.get_by_role("link", name="sign in").click()
    page.get_by_role("button", name="Refuse").click()
    page.wait_for_url(f"{WIKI}/in?error=access_denied**")
    assert complaints == []
    page.close()


def test_another_site_cannot_agree(cloud: LocalCloud, office: Office, context: BrowserContext) -> None:
    root = f"http://{cloud.endpoint}"
    page = at_the_wiki(
        context,
        f'<form method="post" action="{root}/oauth2/auth"><input name="ticket" value="x">'
        '<button name="decision" value="allow">win</button></form>',
    )
    page.get_by_role("button", name="win").click()
    page.get_by_text("OriginRefused").wait_for()
    page.close()
