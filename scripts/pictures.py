"""Write docs/pictures from the page of duty as a browser shows it, by day, on a desk and on a phone.

    python scripts/pictures.py

Needs chromium, and fonts with Chinese letters (Debian: fonts-wqy-zenhei). The organisation is examples/duty's.
"""

from __future__ import annotations

import json
import sys
import time
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from playwright.sync_api import Browser, Page, sync_playwright  # noqa: E402
from tests.duty.page.browsers import PASSWORD, start_browser  # noqa: E402

from kowloon.testing.cloud import LocalCloud  # noqa: E402

FOLDER = ROOT / "docs" / "pictures"
EXAMPLE = ROOT / "examples" / "duty" / "exchange.yaml"
SCREENS = {"desktop": (1280, 800), "phone": (360, 740)}
PLANNED_S = 120.0


class Office:
    """A cloud in which that organisation has been on duty for a while."""

    def __init__(self, cloud: LocalCloud) -> None:
        self.cloud = cloud

    def call(self, action: str, **fields: Any) -> Any:
        connection = HTTPConnection(self.cloud.endpoint, timeout=120.0)
        token = {"Authorization": f"Bearer {self.cloud.admin_token}"}
        connection.request("POST", f"/_kowloon/call/{action}", json.dumps(fields), token)
        answer = json.loads(connection.getresponse().read())
        connection.close()
        if "Code" in answer:
            raise SystemExit(f"{action}: {answer['Code']}: {answer['Message']}")
        return answer

    def plan(self, **fields: Any) -> Any:
        made = self.call("Duty/CreatePlan", Seconds=10, **fields)["Plan"]
        until = time.monotonic() + PLANNED_S
        while time.monotonic() < until:
            made = self.call("Duty/GetPlan", PlanId=made["PlanId"], OnlyMoved=True)["Plan"]
            if made["State"] not in ("waiting", "computing"):
                return made
            time.sleep(0.2)
        raise SystemExit("no plan in time")

    def furnish(self) -> str:
        """Something happens; gives the logon name of somebody who looks."""
        self.call("Duty/ApplyOrganisation", File=EXAMPLE.read_text(encoding="utf-8"))
        self.plan(Adopt=True)
        self.cloud.skip(hours=11 * 24)
        organisation = self.call("Duty/GetOrganisation")["Organisation"]
        post = next(post["id"] for post in organisation["posts"] if post["layers"] and post["ladder"])
        holder = self.call("Duty/GetHolder", PostId=post)["Holder"]["PersonId"]
        day = int(self.cloud.call(self.cloud.cloud.clock.now))
        until = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(day + 3 * 86400))
        self.call("Duty/CreateAbsence", PersonId=holder, To=until, Note="ill")
        self.call(
            "Duty/CreatePage", PostId=post, Title="Replication lags", Text="rds-1 is 40 s behind", Severity="high"
        )
        self.call(
            "Duty/CreateHandOverNote", PostId=post, PersonId=holder, Text="The backup of rds-3 is slow since Monday."
        )
        person = next(each for each in organisation["people"] if each["user"] and each["id"] != holder)
        self.call("Ram/CreateUser", UserName=person["user"])
        self.call("Ram/CreateLoginProfile", UserName=person["user"], Password=PASSWORD)
        self.call(
            "Ram/AttachPolicyToUser", UserName=person["user"], PolicyType="System", PolicyName="AdministratorAccess"
        )
        return f"{person['user']}@{self.cloud.account_id}"


def signed_in(browser: Browser, office: Office, name: str, size: tuple[int, int], locale: str = "en-GB") -> Page:
    viewport = {"width": size[0], "height": size[1]}
    page = browser.new_context(viewport=viewport, locale=locale, color_scheme="light").new_page()
    page.goto(f"http://{office.cloud.endpoint}/duty")
    page.locator("input[name=username]").fill(name)
    page.locator("input[type=password]").fill(PASSWORD)
    page.locator("button[type=submit]").click()
    page.locator("nav").wait_for()
    return page


def take(page: Page, path: str, name: str) -> None:
    page.goto(f"{page.url.partition('#')[0]}#/{path}")
    page.locator(f'main[data-shown="#/{path}"]:not([aria-busy]) h1').wait_for()
    page.mouse.move(0, 0)
    page.screenshot(path=FOLDER / f"duty-{name}.png")


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    with LocalCloud() as cloud, sync_playwright() as playwright:
        office = Office(cloud)
        name = office.furnish()
        browser = start_browser(playwright)
        for screen, size in SCREENS.items():
            page = signed_in(browser, office, name, size)
            for view in ("now", "rota", "load"):
                take(page, view, f"{view}-{screen}")
        take(signed_in(browser, office, name, SCREENS["desktop"], "zh-CN"), "rota?zoom=week", "rota-chinese")
        browser.close()


if __name__ == "__main__":
    main()
