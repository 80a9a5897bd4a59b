"""People sign in to applications: the page of consent, codes and tokens."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
import requests
from alibabacloud_dingtalk.contact_1_0.client import Client as Contacts
from alibabacloud_dingtalk.contact_1_0.models import GetUserHeaders
from alibabacloud_dingtalk.oauth2_1_0.client import Client
from alibabacloud_dingtalk.oauth2_1_0.models import GetUserTokenRequest
from alibabacloud_tea_openapi.models import Config
from alibabacloud_tea_util.models import RuntimeOptions

from kowloon.core.events import RequestEvent
from kowloon.dingtalk.contacts.login import login_code
from kowloon.dingtalk.contacts.resources import AccessToken, LoginCode
from kowloon.dingtalk.plane import NODE
from kowloon.testing.cloud import LocalCloud
from tests.dingtalk.contacts.people import Browser, member, ram_user
from tests.dingtalk.platform import Office, office_of

BACK = "http://127.0.0.1:9/signed-in?next=1"
CODE_UNKNOWN = (400, "invalidParameter.authCode.notFound", "不存在的临时授权码")


@pytest.fixture
def office(cloud: LocalCloud) -> Office:
    cloud.reset()
    return office_of(cloud, name="<b>Wiki</b>", redirect_uris=[BACK, "https://wiki.example/in"])


@pytest.fixture
def ada(cloud: LocalCloud, office: Office) -> Browser:
    member(office, "ada", name="<img src=x onerror=alert(1)>", mobile="13800000001", email="ada@example.com")
    browser = Browser(cloud)
    browser.sign_in("ada")
    return browser


def auth(office: Office, **changes: str) -> str:
    """The address that an application sends people to; an empty value is left out."""
    query = {
        "client_id": office.app_key,
        "redirect_uri": BACK,
        "response_type": "code",
        "scope": "openid corpid",
        "state": "xyz",
        "prompt": "consent",
        **changes,
    }
    return "/oauth2/auth?" + urlencode({name: value for name, value in query.items() if value})


def ticket(browser: Browser, path: str) -> str:
    page = browser.send("GET", path)
    assert page.status_code == 200, page.text
    found = re.search(r'name="ticket" value="([A-Za-z0-9]+)"', page.text)
    assert found is not None, page.text
    return found[1]


def answer(browser: Browser, ticket: str, decision: str = "allow", **headers: str) -> requests.Response:
    sent = {"Origin": browser.root} | {name.replace("_", "-").title(): value for name, value in headers.items()}
    return browser.session.post(
        f"{browser.root}/oauth2/auth",
        data={"ticket": ticket, "decision": decision},
        headers={name: value for name, value in sent.items() if value},
        timeout=30,
        allow_redirects=False,
    )


def given(response: requests.Response) -> dict[str, str]:
    """What the application is told, of a redirect to where it is registered."""
    assert response.status_code == 303, response.text
    place = urlsplit(response.headers["Location"])
    assert f"{place.scheme}://{place.netloc}{place.path}" == "http://127.0.0.1:9/signed-in"
    told = {name: values[0] for name, values in parse_qs(place.query).items()}
    assert told.pop("next") == "1", "what the address had stays"
    return told


def code_for(browser: Browser, office: Office, **changes: str) -> str:
    return given(answer(browser, ticket(browser, auth(office, **changes))))["authCode"]


def tokens(office: Office, **fields: str) -> dict[str, Any]:
    return office.post("/v1.0/oauth2/userAccessToken", asked(office, **fields), token="")


def asked(office: Office, **fields: str) -> dict[str, str]:
    return {"clientId": office.app_key, "clientSecret": office.app_secret, "grantType": "authorization_code", **fields}


def refused(office: Office, **fields: str) -> tuple[int, str, str]:
    return office.refused("POST", "/v1.0/oauth2/userAccessToken", asked(office, **fields), token="")


def test_the_whole_way_by_the_official_clients(cloud: LocalCloud, office: Office, ada: Browser) -> None:
    told = given(answer(ada, ticket(ada, auth(office))))
    assert set(told) == {"authCode", "state"}
    assert told["state"] == "xyz"
    config = Config(protocol="http", endpoint=cloud.endpoint)
    request = GetUserTokenRequest(
        client_id=office.app_key,
        client_secret=office.app_secret,
        code=told["authCode"],
        grant_type="authorization_code",
    )
    body = Client(config).get_user_token(request).body
    assert (body.expire_in, body.corp_id) == (7200, office.corp_id)
    headers = GetUserHeaders(x_acs_dingtalk_access_token=body.access_token)
    me = Contacts(config).get_user_with_options("me", headers, RuntimeOptions()).body
    assert (me.nick, me.mobile, me.email) == ("<img src=x onerror=alert(1)>", "13800000001", "ada@example.com")
    staff = office.post("/topapi/user/getbyunionid", {"unionid": me.union_id})["result"]
    assert staff == {"contact_type": 0, "userid": "ada"}


def test_somebody_of_the_console_signs_in(cloud: LocalCloud, office: Office) -> None:
    ram_user(cloud, "alice")
    browser = Browser(cloud)
    browser.to_console(cloud, "alice")
    token = tokens(office, code=code_for(browser, office))["accessToken"]
    assert office.answer("GET", "/v1.0/contact/users/me", token=token)["nick"] == "alice"


def test_under_the_login_host_too(cloud: LocalCloud, office: Office, ada: Browser) -> None:
    value = ada.session.cookies["dingtalk_session"]
    page = ada.send("GET", auth(office), host="login.dingtalk.com", cookie=f"dingtalk_session={value}")
    assert page.status_code == 200
    assert ada.refused("GET", auth(office), host="api.dingtalk.com")[:2] == (403, "HostNotLocal")


def test_without_corpid_nobody_tells_the_organisation(office: Office, ada: Browser) -> None:
    assert "corpId" not in tokens(office, code=code_for(ada, office, scope="openid"))


# --- the page ---


def test_the_page_runs_nothing_and_shows_names_as_they_are(office: Office, ada: Browser) -> None:
    page = ada.send("GET", auth(office, state='"><script>alert(1)</script>', scope="openid Contact.User.Read"))
    assert "&lt;b&gt;Wiki&lt;/b&gt;" in page.text
    assert "&lt;img src=x" in page.text
    assert "Contact.User.Read" in page.text
    assert "<b>" not in page.text
    assert "<img" not in page.text
    assert "<script" not in page.text
    assert "xyz" not in page.text
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "form-action 'self' http://127.0.0.1:9;" in policy
    assert "frame-ancestors 'none'" in policy
    assert "script-src" not in policy
    assert page.headers["Referrer-Policy"] == "same-origin"
    assert (page.headers["Cache-Control"], page.headers["X-Content-Type-Options"]) == ("no-store", "nosniff")


def test_a_state_comes_back_as_it_went(office: Office, ada: Browser) -> None:
    state = 'a&authCode=evil\r\nSet-Cookie: x=y#"><script>中文'
    told = given(answer(ada, ticket(ada, auth(office, state=state))))
    assert told["state"] == state
    assert told["authCode"] != "evil"
    assert set(given(answer(ada, ticket(ada, auth(office, state=""))))) == {"authCode"}


def test_refusing(office: Office, ada: Browser) -> None:
    told = given(answer(ada, ticket(ada, auth(office)), "refuse"))
    assert told == {"error": "access_denied", "state": "xyz"}


def test_who_agreed_is_on_record(cloud: LocalCloud, office: Office, ada: Browser) -> None:
    code = code_for(ada, office)
    answer(ada, ticket(ada, auth(office)), "refuse")
    events = [each for each in cloud.call(lambda: list(cloud.cloud.bus.recent)) if isinstance(each, RequestEvent)]
    found = [(each.action, each.principal_id, each.parameters) for each in events if "Consent" in each.action]
    about = {"ClientId": office.app_key}
    assert found[-2:] == [("Consent", "ada", about), ("RefuseConsent", "ada", about)]
    assert code not in str(events)


@pytest.mark.parametrize(
    ("changes", "status", "text"),
    [
        ({"client_id": "dingno"}, 400, "There is no application with this client_id."),
        ({"client_id": ""}, 400, "There is no application with this client_id."),
        ({"redirect_uri": ""}, 400, "This redirect_uri is not registered for the application."),
        ({"redirect_uri": "http://evil.example/"}, 400, "This redirect_uri is not registered for the application."),
        ({"redirect_uri": BACK + "2"}, 400, "This redirect_uri is not registered for the application."),
        ({"redirect_uri": BACK.replace("?", "@evil.example/?")}, 400, "This redirect_uri is not registered"),
        ({"redirect_uri": "//127.0.0.1:9/signed-in?next=1"}, 400, "This redirect_uri is not registered"),
        ({"state": "x" * 2049}, 400, "A state has 2048 characters at most."),
        ({"corpId": "dingother"}, 403, "The application belongs to an organisation that you are not signed in to."),
    ],
)
def test_nobody_is_sent_anywhere_else(
    office: Office, ada: Browser, changes: dict[str, str], status: int, text: str
) -> None:
    page = ada.send("GET", auth(office, **changes))
    assert (page.status_code, page.headers.get("Location")) == (status, None)
    assert text in page.text
    assert "form-action 'none'" in page.headers["Content-Security-Policy"]


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": ""}, "unsupported_response_type"),
        ({"scope": ""}, "invalid_scope"),
        ({"scope": "corpid"}, "invalid_scope"),
        ({"scope": "openid <b>"}, "invalid_scope"),
    ],
)
def test_the_application_is_told_what_it_asked_wrong(
    office: Office, ada: Browser, changes: dict[str, str], error: str
) -> None:
    assert given(ada.send("GET", auth(office, **changes))) == {"error": error, "state": "xyz"}


def test_people_of_another_organisation(cloud: LocalCloud, office: Office, ada: Browser) -> None:
    other = office_of(cloud, cloud.as_account("Other").account_id, redirect_uris=[BACK])
    page = ada.send("GET", auth(other))
    assert (page.status_code, "organisation that you are not signed in to" in page.text) == (403, True)


def test_who_is_not_signed_in(cloud: LocalCloud, office: Office) -> None:
    nobody = Browser(cloud)
    page = nobody.send("GET", auth(office))
    assert (page.status_code, "Sign in first" in page.text) == (401, True)
    assert 'href="/dingtalk"' in page.text
    # The cookie is not sent along from another site: the page asks for itself again, from here.
    visit = nobody.send("GET", auth(office), sec_fetch_site="cross-site")
    assert visit.status_code == 200
    assert 'http-equiv="refresh" content="0;url=/oauth2/auth?client_id=' in visit.text
    assert nobody.send("GET", auth(office), sec_fetch_site="same-origin").status_code == 401


def test_while_the_messenger_is_down(cloud: LocalCloud, office: Office, ada: Browser) -> None:
    kept = ticket(ada, auth(office))
    with cloud.fault("service_stop", NODE):
        assert ada.send("GET", auth(office)).status_code == 503
        assert answer(ada, kept).status_code == 503
    assert "authCode" in given(answer(ada, kept))


# --- the form ---


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "", "sec_fetch_site": "cross-site"},
        {"origin": "", "sec_fetch_site": "same-site"},
        {"origin": "", "sec_fetch_site": "none"},
    ],
)
def test_other_sites_cannot_agree(office: Office, ada: Browser, headers: dict[str, str]) -> None:
    response = answer(ada, ticket(ada, auth(office)), **headers)
    assert (response.status_code, response.json()["Code"]) == (403, "OriginRefused")
    assert response.headers.get("Location") is None


def test_a_page_is_answered_once_by_whom_it_was_shown_to(cloud: LocalCloud, office: Office, ada: Browser) -> None:
    shown = ticket(ada, auth(office))
    member(office, "bob")
    bob = Browser(cloud)
    gone = "This page has been answered, is too old, or is somebody else&#x27;s."
    assert gone in answer(bob, shown).text
    bob.sign_in("bob")
    for response in (answer(bob, shown), answer(ada, ""), answer(ada, "no"), answer(ada, "中文")):
        assert (response.status_code, gone in response.text) == (400, True)
    assert "authCode" in given(answer(ada, shown))
    assert answer(ada, shown).status_code == 400, "once"
    assert answer(ada, ticket(ada, auth(office)), "perhaps").status_code == 400
    json = ada.send("POST", "/oauth2/auth", {"ticket": ticket(ada, auth(office)), "decision": "allow"})
    assert json.status_code == 400, "not as JSON"


def test_pages_that_nobody_answers_give_way(office: Office, ada: Browser) -> None:
    first = ticket(ada, auth(office))
    last = [ticket(ada, auth(office)) for _ in range(16)][-1]
    assert answer(ada, first).status_code == 400
    assert answer(ada, last).status_code == 303


# --- codes and tokens ---


def test_a_code_is_good_once_for_its_application(cloud: LocalCloud, office: Office, ada: Browser) -> None:
    other = office_of(cloud)
    code = code_for(ada, office)
    assert refused(other, code=code) == CODE_UNKNOWN
    tokens(office, code=code)
    assert refused(office, code=code) == CODE_UNKNOWN
    assert refused(office, code="no") == CODE_UNKNOWN
    assert refused(office)[:2] == (400, "invalidParameter.code.empty")
    assert refused(office, code=code, grantType="password")[:2] == (400, "unsupported.grant.type")
    wrong = (400, "invalidClientIdOrSecret", "无效的clientId或者clientSecret")
    assert refused(office, code=code_for(ada, office), clientSecret="no") == wrong
    assert refused(office, code=code_for(ada, office), clientId="no") == wrong


def test_a_code_ends_after_five_minutes(cloud: LocalCloud, office: Office, ada: Browser) -> None:
    code = code_for(ada, office)
    kept = cloud.call(lambda: cloud.cloud.store.list(LoginCode))[-1]
    assert 290 < kept.expires_at - cloud.call(cloud.cloud.clock.wall) <= 300
    assert code not in str(kept), "what is kept opens nothing"
    age(cloud)
    assert refused(office, code=code) == CODE_UNKNOWN


def age(cloud: LocalCloud) -> None:
    """All codes and tokens have ended."""

    def end() -> None:
        import msgspec

        store = cloud.cloud.store
        transaction = store.begin()
        for kind in (LoginCode, AccessToken):
            for each in transaction.list(kind):
                transaction.put(msgspec.structs.replace(each, expires_at=1.0))
        store.commit_now(transaction)

    cloud.call(end)


def test_refreshing(cloud: LocalCloud, office: Office, ada: Browser) -> None:
    first = tokens(office, code=code_for(ada, office))
    renewed = tokens(office, refreshToken=first["refreshToken"], grantType="refresh_token")
    assert (renewed["expireIn"], renewed["corpId"]) == (7200, office.corp_id)
    assert office.answer("GET", "/v1.0/contact/users/me", token=renewed["accessToken"])["mobile"] == "13800000001"
    unknown = (400, "invalidParameter.refreshToken.notFound", "不合法的refreshToken")
    assert refused(office, refreshToken=first["refreshToken"], grantType="refresh_token") == unknown, "once"
    assert refused(office, refreshToken=renewed["accessToken"], grantType="refresh_token") == unknown
    assert refused(office_of(cloud), refreshToken=renewed["refreshToken"], grantType="refresh_token") == unknown
    assert refused(office, grantType="refresh_token")[1] == "invalidParameter.refreshToken.empty"
    age(cloud)
    assert refused(office, refreshToken=renewed["refreshToken"], grantType="refresh_token") == unknown


def test_whose_token_is_good_for_what(cloud: LocalCloud, office: Office, ada: Browser) -> None:
    token = tokens(office, code=code_for(ada, office))
    invalid = (400, "InvalidAuthentication", "不合法的access_token")
    me = "/v1.0/contact/users/me"
    assert office.refused("GET", me, token=token["refreshToken"]) == invalid, "a refresh token only refreshes"
    assert office.refused("GET", me) == invalid, "an application is nobody"
    search = {"queryWord": "a", "offset": 0, "size": 1}
    assert office.refused("POST", "/v1.0/contact/users/search", search, token=token["accessToken"]) == invalid
    member(office, "bob")
    bob = office.post("/topapi/v2/user/get", {"userid": "bob"})["result"]["unionid"]
    assert office.refused("GET", f"/v1.0/contact/users/{bob}", token=token["accessToken"])[0] == 404, "only oneself"
    assert office.answer("GET", f"/v1.0/contact/users/{bob}")["nick"] == "Bob"
    age(cloud)
    office._token = ""
    assert office.refused("GET", me, token=token["accessToken"]) == invalid


def test_who_left_has_no_tokens_and_no_codes(office: Office, ada: Browser) -> None:
    token = tokens(office, code=code_for(ada, office))
    code = code_for(ada, office)
    office.post("/topapi/v2/user/delete", {"userid": "ada"})
    member(office, "ada")
    assert office.refused("GET", "/v1.0/contact/users/me", token=token["accessToken"])[1] == "InvalidAuthentication"
    assert refused(office, code=code) == CODE_UNKNOWN
    assert refused(office, refreshToken=token["refreshToken"], grantType="refresh_token")[0] == 400


def test_permissions_about_oneself(cloud: LocalCloud, office: Office, ada: Browser) -> None:
    some = office_of(cloud, scopes=["Contact.User.Read"], redirect_uris=[BACK])
    token = tokens(some, code=code_for(ada, some))["accessToken"]
    assert some.answer("GET", "/v1.0/contact/users/me", token=token)["mobile"] == ""
    none = office_of(cloud, scopes=["qyapi_get_department_list"], redirect_uris=[BACK])
    token = tokens(none, code=code_for(ada, none))["accessToken"]
    told = none.answer("GET", "/v1.0/contact/users/me", token=token)
    assert told["code"] == "Forbidden.AccessDenied.AccessTokenPermissionDenied"
    assert told["accessdenieddetail"] == {"requiredScopes": ["Contact.User.Read"]}
    union_id = office.post("/topapi/v2/user/get", {"userid": "ada"})["result"]["unionid"]
    told = none.answer("GET", f"/v1.0/contact/users/{union_id}")
    assert told["accessdenieddetail"] == {"requiredScopes": ["qyapi_get_member"]}


def test_tokens_of_one_person_are_bounded(cloud: LocalCloud, office: Office, ada: Browser) -> None:
    made = [tokens(office, code=code_for(ada, office)) for _ in range(11)]
    assert len(cloud.call(lambda: cloud.cloud.store.list(AccessToken))) == 21, "and the application's own"
    assert office.refused("GET", "/v1.0/contact/users/me", token=made[0]["accessToken"])[0] == 400
    assert office.answer("GET", "/v1.0/contact/users/me", token=made[-1]["accessToken"])["nick"]


# --- inside of the messenger ---


def test_a_code_of_a_page_of_the_messenger(cloud: LocalCloud, office: Office, ada: Browser) -> None:
    info = "/topapi/v2/user/getuserinfo"
    parts = cloud.cloud.dingtalk.parts
    code = cloud.run(login_code(parts, office.account, "ada", office.app_key))
    union_id = office.post("/topapi/v2/user/get", {"userid": "ada"})["result"]["unionid"]
    unknown = (40078, "", "不存在的临时授权码")
    assert office_of(cloud).refused("POST", info, {"code": code}) == unknown, "another application's"
    assert refused(office, code=code or "") == CODE_UNKNOWN, "nobody consented"
    assert office.post(info, {"code": code})["result"] == {
        "userid": "ada",
        "unionid": union_id,
        "associated_unionid": "",
        "device_id": "",
        "sys": False,
        "sys_level": 0,
        "name": "<img src=x onerror=alert(1)>",
    }
    assert office.refused("POST", info, {"code": code}) == unknown, "once"
    assert office.refused("POST", info, {"code": code_for(ada, office)}) == unknown, "one of the page of consent"
    assert office.refused("POST", info, {})[0] == 40035
    other = office_of(cloud, cloud.as_account("Other").account_id)
    assert cloud.run(login_code(parts, other.account, "ada", other.app_key)) is None
    assert cloud.run(login_code(parts, office.account, "ada", other.app_key)) is None
    code = cloud.run(login_code(parts, office.account, "ada", office.app_key))
    assert other.refused("POST", info, {"code": code}) == unknown
    age(cloud)
    office._token = ""
    assert office.refused("POST", info, {"code": code}) == unknown


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "javascript:alert(1)",
        "data:text/html,x",
        "//evil.example",
        "/in",
        "http://",
        "http://user@evil.example/",
        "http://a b/",
        "http://a.example/#part",
        "http://a.example/\r\nX: y",
        "http://a.example;script-src%20*/",
        "http://a.example\\@evil.example/",
        "http://例.example/",
        "http://a.example/" + "x" * 1024,
    ],
)
def test_addresses_that_nobody_can_be_sent_to(cloud: LocalCloud, office: Office, uri: str) -> None:
    headers = {"Authorization": f"Bearer {cloud.admin_token}"}
    response = requests.post(
        f"http://{cloud.endpoint}/_kowloon/dingtalk/applications",
        json={"name": "x", "redirect_uris": [uri]},
        headers=headers,
        timeout=30,
    )
    assert (response.status_code, response.json()["Code"]) == (400, "InvalidBody")


def test_addresses_that_are_fine(cloud: LocalCloud, office: Office) -> None:
    for uri in ("http://[::1]:8080/in?a=b&c=%20", "https://wiki.example", "http://localhost:3000/cb"):
        office_of(cloud, redirect_uris=[uri])
