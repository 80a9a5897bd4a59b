"""People in front of browsers that show the chat page."""

from __future__ import annotations

import re
from typing import Any

from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, Request, expect

from tests.dingtalk.page.people import Person
from tests.duty.page.browsers import STEP_MS


class Screen:
    """`troubles`: whatever the browser complained of, the policy of content too. `asked`: addresses it asked for."""

    def __init__(self, browser: Browser, width: int = 1200, **settings: Any) -> None:
        viewport = {"width": width, "height": 800}
        self.context = browser.new_context(viewport=viewport, **{"locale": "en-GB", **settings})
        self.page: Page = self.context.new_page()
        self.page.set_default_timeout(STEP_MS)
        self.troubles: list[str] = []
        self.asked: list[str] = []
        self.page.on("console", self._heard)
        self.page.on("pageerror", lambda error: self.troubles.append(str(error)))
        self.page.on("dialog", lambda dialog: self.troubles.append(f"dialog: {dialog.message}"))
        self.page.on("request", self._requested)

    def _heard(self, message: ConsoleMessage) -> None:
        # That the cloud refused something, or was away, is in the console, too, and is no trouble of the page's.
        passing = ("Failed to load resource", "WebSocket connection to")
        if message.type in ("error", "warning") and not any(each in message.text for each in passing):
            self.troubles.append(message.text)

    def _requested(self, request: Request) -> None:
        self.asked.append(request.url)

    def come_in(self, person: Person, conversation: str = "", side: str = "") -> Page:
        """With the cookie of who signed in already."""
        name, _, value = person.cookie.partition("=")
        self.context.add_cookies([{"name": name, "value": value, "url": person.address}])
        self.page.goto(f"{person.address}/dingtalk")
        expect(self.page.locator("#top .badge.good")).to_have_text(re.compile("."))
        if conversation:
            self.open(conversation, side)
        return self.page

    def open(self, conversation: str, side: str = "") -> None:
        more = f"&side={side}" if side else ""
        self.page.evaluate(
            "([id, more]) => { location.hash = `#/chat?id=${encodeURIComponent(id)}${more}` }", [conversation, more]
        )
        expect(self.page.locator("#composer")).to_be_attached()
        expect(self.page.locator("main[data-shown*='chat?id=']")).to_be_attached()

    def write(self, text: str) -> None:
        self.page.locator("#composer").fill(text)
        self.page.locator("#composer").press("Enter")

    @property
    def bubbles(self) -> Locator:
        return self.page.locator(".message[data-sequence] .bubble")

    def leave(self) -> None:
        self.context.close()
