"""Write docs/pictures/dingtalk-*.png from the chat page as a browser shows it, by day and by night, on a desk and on a
phone.

    python scripts/chat_pictures.py

Needs chromium, and fonts with Chinese letters (Debian: fonts-wqy-zenhei).
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from playwright.sync_api import Browser, sync_playwright  # noqa: E402
from tests.dingtalk.page.people import Chats, Person  # noqa: E402
from tests.dingtalk.page.screens import Screen  # noqa: E402
from tests.duty.page.browsers import start_browser  # noqa: E402

from kowloon.dingtalk.cards.view import INCIDENT  # noqa: E402
from kowloon.dingtalk.chat.resources import Sender  # noqa: E402
from kowloon.dingtalk.contacts.resources import Role, RoleGroup  # noqa: E402
from kowloon.dingtalk.platform.call import own_id  # noqa: E402
from kowloon.testing.cloud import LocalCloud  # noqa: E402

FOLDER = ROOT / "docs" / "pictures"
ALARM = """#### Replication of **rds-1** lags
> 40 seconds behind in <font color="#c00000">cn-hongkong-c</font>

1. Reads from the replica are old.
2. A failover would lose up to 40 s.

[Runbook](https://wiki.example/rds-lag)"""
CARD = {
    "title": "Cooling is lost in cn-hongkong-c",
    "status": "acknowledged",
    "level": "critical",
    "markdown": "**31** instances and **4** databases are hit.",
    "fields": json.dumps([["Since", "10:48"], ["Leads", "Chen Mei, acting for 2 hours"], ["Next update", "11:30"]]),
    "buttons": json.dumps([{"id": "lead", "text": "Take the lead", "color": "blue"}, {"id": "end", "text": "Close"}]),
}


def furnish(chats: Chats) -> tuple[Person, str]:
    """Something happens; gives somebody who looks, and where."""
    mei = chats.person("mei", name="Chen Mei", title="Database on call")
    omar = chats.person("omar", name="Omar Haddad", title="Shift lead", banner={"content": "Travelling until Friday"})
    lin = chats.person("lin", name="林涛", title="Network on call")
    account = mei.account
    chats.put(
        RoleGroup(id=own_id(account, 5), account=account, number=5, name="On call"),
        Role(id=own_id(account, 6), account=account, number=6, name="DBA", group=5, members=("mei",)),
    )
    helper = chats.robot("helper")
    room = chats.group(mei, omar, lin, title="Incident: cn-hongkong-c", robots=(helper.id,))
    database = chats.group(omar, mei, title="数据库值班")
    single = omar.post("conversations", {"with_person": "mei"})["id"]
    chats.post(room, {"msgtype": "markdown", "markdown": {"title": "Replication lags", "text": ALARM}})
    chats.cloud.run(_card(chats, room))
    with mei.live() as at_mei, omar.live() as at_omar, lin.live() as at_lin:
        at_omar.say(room, "The operator of the building says two more hours.")
        at_mei.say(room, "I move the writers to zone b. @lin please drain the balancers first.", at=["lin"])
        at_lin.say(room, "好的，正在处理。")
        at_lin.say(room, "Done: nothing new goes to zone c.")
        at_mei.say(room, "@helper status", at=[helper.id])
        at_omar.say(database, "rds-3 的备份从周一起变慢")
        at_omar.say(single, "Can you take my night shift?")
        for person, page in ((mei, at_mei), (lin, at_lin)):
            page.send({"type": "read", "conversation": room, "sequence": 99})
            person.get("me")
    return mei, room


async def _card(chats: Chats, room: str) -> None:
    cards = chats.cloud.cloud.dingtalk.parts.cards
    await cards.send(
        Sender("system", "", "Incidents"), chats.find(room), track="incident", template=INCIDENT, data=CARD
    )


def take(browser: Browser, person: Person, name: str, room: str = "", side: str = "", **settings: Any) -> None:
    at = Screen(browser, **{"width": 1280, **settings})
    page = at.come_in(person, room, side)
    if room:
        at.bubbles.last.wait_for()
    page.wait_for_function("document.querySelector('[data-track] dl') || !document.querySelector('[data-track]')")
    page.evaluate("document.activeElement.blur()")
    page.mouse.move(0, 0)
    page.screenshot(path=FOLDER / f"dingtalk-{name}.png")
    at.leave()


def main() -> None:
    with LocalCloud() as cloud, sync_playwright() as playwright:
        chats = Chats(cloud)
        mei, room = furnish(chats)
        browser = start_browser(playwright)
        take(browser, mei, "desktop", room, "people")
        take(browser, mei, "night", room, color_scheme="dark")
        take(browser, mei, "chinese", room, locale="zh-CN")
        take(browser, mei, "phone-list", width=390)
        take(browser, mei, "phone", room, width=390)
        browser.close()


if __name__ == "__main__":
    main()
