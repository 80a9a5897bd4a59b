"""What web pages could do to a cloud on loopback: every route beside the admin's is named here, and why it may be."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from kowloon.actions.routes import Route
from tests.core.parts import Caller, paper_cloud
from tests.pages import Page, person

# Nothing there is anybody's, or changes anything.
OPEN = {
    "/_kowloon/health",
    "/_oss/callback_pub_key_v1.pem",
    "/api/openapi.json",
    "/duty",
    "/duty/",
    "/dingtalk",
    "/dingtalk/",
}
# These are signed, or know a word that nobody guesses.
BY_WORD = {"/robot/send", "/robot/sendBySession", "/_kowloon/ecs/credentials/", "/connect", "/dingtalk/media/"}
BY_COOKIE = {"/sign-in", "/sign-out", "/signed-in", "/api/"}
MESSENGER = {"/dingtalk/sign-in", "/dingtalk/sign-out", "/dingtalk/signed-in", "/dingtalk/console"}
# A form of a page of ours with a word in it that is good once; files and the connection of the chat page.
OTHERWISE = {"/oauth2/auth", "/dingtalk/api/", "/dingtalk/api/media", "/dingtalk/live"}


@pytest.fixture
async def caller() -> AsyncIterator[Caller]:
    async with paper_cloud() as caller:
        yield caller


def _routes(caller: Caller) -> list[Route]:
    routes = caller.cloud.routes
    return [*(route for routes_of in routes._exact.values() for route in routes_of), *routes._prefixes]


def test_every_route_without_the_admin_token_is_known(caller: Caller) -> None:
    for route in _routes(caller):
        if route.access == "open":
            assert route.path in OPEN, route.path
            assert set(route.methods) <= {"GET", "HEAD"}, route.path
        elif getattr(route.handler, "__self__", None) is caller.cloud.dingtalk.platform:
            # Whose token it is each call of the open platform asks itself.
            continue
        elif route.access == "own":
            assert route.path in BY_WORD | BY_COOKIE | MESSENGER | OTHERWISE, route.path


async def test_what_goes_by_the_cookie_refuses_other_pages_and_names(caller: Caller) -> None:
    page = Page(caller)
    await page.sign_in(await person(caller))
    by_cookie = BY_COOKIE | MESSENGER
    changing = [route for route in _routes(caller) if route.path in by_cookie and route.methods == ("POST",)]
    assert len(changing) == 6
    for route in changing:
        target = "/api/Sts/GetCallerIdentity" if route.path == "/api/" else route.path
        for origin in ("http://evil.example", "http://127.0.0.1:9", "https://localhost:8520", "null", "file://"):
            assert (await page.refused("POST", target, origin=origin))[:2] == (403, "OriginRefused"), (target, origin)
        for kind in ("", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "text/json"):
            assert (await page.refused("POST", target, content_type=kind))[:2] == (415, "JsonRequired"), (target, kind)
        for host in ("ecs.aliyuncs.com", "oapi.dingtalk.com"):
            refused = await page.refused("POST", target, host=host, origin=f"http://{host}")
            assert refused[:2] == (403, "HostNotLocal"), (target, host)
    assert (await page.refused("GET", "/signed-in", host="ecs.aliyuncs.com"))[:2] == (403, "HostNotLocal")
    for target in ("/dingtalk/api/conversations", "/dingtalk/api/media"):
        for origin in ("http://evil.example", "null"):
            assert (await page.refused("POST", target, origin=origin))[:2] == (403, "OriginRefused"), (target, origin)
    # The session is the same as before all that.
    assert (await page.who())["signed_in"] is True
