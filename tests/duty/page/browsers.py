"""A cloud with an organisation to look at, and a browser to look with."""

from __future__ import annotations

import http.client
import json
import shutil
from itertools import cycle
from pathlib import Path
from typing import Any

import msgspec
from playwright.sync_api import Browser, ConsoleMessage, Page, Playwright, expect

from kowloon.duty.organisation import Organisation
from kowloon.duty.planning import calendar
from kowloon.duty.resources import Rota, Turn
from kowloon.testing.cloud import LocalCloud
from tests.ways_in.installs import unavailable

ORGANISATION = Path(__file__).with_name("organisation.yaml")
PASSWORD = "Correct-Horse-7"
DAY_S = 86400.0
# Of one step in the browser, on a machine that does other things as well.
STEP_MS = 20_000
expect.set_options(timeout=STEP_MS)


def start_browser(playwright: Playwright) -> Browser:
    """Debian's chromium. It reaches this machine only: every other name leads nowhere."""
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        unavailable("the page of duty is not looked at: chromium not found on PATH")
    return playwright.chromium.launch(
        executable_path=program,
        args=["--no-sandbox", "--disable-gpu", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"],
    )


class DutyCloud:
    """`people` sign in as themselves; `rotas` has everybody of the pool take turns."""

    def __init__(self, cloud: LocalCloud) -> None:
        self.cloud = cloud
        self.address = f"http://{cloud.endpoint}/duty"

    def call(self, action: str, **fields: Any) -> Any:
        """As the administrator of the account; `action` with its product."""
        connection = http.client.HTTPConnection(self.cloud.endpoint, timeout=60.0)
        token = {"Authorization": f"Bearer {self.cloud.admin_token}"}
        connection.request("POST", f"/_kowloon/call/{action}", json.dumps(fields), token)
        response = connection.getresponse()
        answer = json.loads(response.read())
        connection.close()
        assert response.status == 200, (action, answer)
        return answer

    def apply(self, text: str = "") -> None:
        self.call("Duty/ApplyOrganisation", File=text or ORGANISATION.read_text(encoding="utf-8"))

    def person(self, name: str, *actions: str) -> str:
        """A RAM user who can sign in; may do all there is of duty, or only those actions. Gives the logon name."""
        self.call("Ram/CreateUser", UserName=name)
        self.call("Ram/CreateLoginProfile", UserName=name, Password=PASSWORD)
        statement = {"Effect": "Allow", "Action": list(actions) or "duty:*", "Resource": "*"}
        document = json.dumps({"Version": "1", "Statement": [statement]})
        self.call("Ram/CreatePolicy", PolicyName=f"{name}-duty", PolicyDocument=document)
        self.call("Ram/AttachPolicyToUser", UserName=name, PolicyType="Custom", PolicyName=f"{name}-duty")
        return f"{name}@{self.cloud.account_id}"

    def take_turns(self, days: float = 60.0) -> None:
        """Each post with layers is planned: those of its pool one after the other, from a week ago on."""
        answer = self.call("Duty/GetOrganisation")
        whole = msgspec.convert(answer["Organisation"], Organisation)
        now = self.cloud.cloud.clock.now()
        rotas = [self._rota(whole, id, now - 7 * DAY_S, now + days * DAY_S) for id in [post.id for post in whole.posts]]

        async def put() -> None:
            def body(tx: Any) -> None:
                for rota in rotas:
                    tx.put(rota)

            await self.cloud.cloud.store.run(body)

        self.cloud.run(put())

    def _rota(self, whole: Organisation, post_id: str, start: float, end: float) -> Rota:
        post = whole.post(post_id)
        assert post is not None
        pools = set(post.eligible.pools)
        people = cycle([person.id for person in whole.people if not pools or pools & set(person.pools)])
        turns = [
            Turn(shift=shift.id, layer=shift.layer, person=next(people), spans=shift.spans)
            for shift in calendar.shifts(post.planned(), start, end)
        ]
        account = self.cloud.account_id
        return Rota(id=f"{account}:{post_id}", account=account, post=post_id, turns=tuple(turns))


class Visitor:
    """Somebody in front of a browser. `troubles`: whatever the browser complained of, the policy of content too."""

    def __init__(self, page: Page, duty: DutyCloud) -> None:
        self.duty = duty
        self.context = page.context
        self.page = page
        self.page.set_default_timeout(STEP_MS)
        self.troubles: list[str] = []
        self.page.on("console", self._heard)
        self.page.on("pageerror", self._broke)

    def leave(self) -> None:
        """As if nobody had been there: for the next one in front of the same screen."""
        self.page.remove_listener("console", self._heard)
        self.page.remove_listener("pageerror", self._broke)
        self.context.clear_cookies()
        if self.page.url.startswith("http"):
            self.page.evaluate("localStorage.clear()")
        self.page.goto("about:blank")

    def _broke(self, error: object) -> None:
        self.troubles.append(str(error))

    def _heard(self, message: ConsoleMessage) -> None:
        # That the cloud refused a call is in the console, too, and is no trouble of the page's.
        if message.type in ("error", "warning") and "Failed to load resource" not in message.text:
            self.troubles.append(message.text)

    def sign_in(self, name: str, password: str = PASSWORD) -> Page:
        self.page.goto(self.duty.address)
        self.page.locator("input[name=username]").fill(name)
        self.page.locator("input[type=password]").fill(password)
        self.page.locator("button[type=submit]").click()
        expect(self.page.locator("nav")).to_be_visible()
        return self.page

    def come_in(self, name: str, path: str = "now") -> Page:
        """With the cookie of who signed in already."""
        connection = http.client.HTTPConnection(self.duty.cloud.endpoint, timeout=60.0)
        body = json.dumps({"name": name, "password": PASSWORD})
        connection.request("POST", "/sign-in", body, {"Content-Type": "application/json"})
        cookie = str(connection.getresponse().getheader("Set-Cookie")).partition(";")[0].partition("=")
        connection.close()
        self.context.add_cookies([{"name": cookie[0], "value": cookie[2], "url": f"http://{self.duty.cloud.endpoint}"}])
        self.page.goto("about:blank")
        return self.open(path)

    def open(self, path: str) -> Page:
        self.page.goto(f"{self.duty.address}#/{path}")
        expect(self.page.locator(f'main[data-shown="#/{path}"]:not([aria-busy]) h1')).to_be_visible()
        return self.page
