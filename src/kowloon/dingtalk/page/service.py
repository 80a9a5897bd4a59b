"""The chat page, put together."""

from __future__ import annotations

from kowloon.actions.routes import Routes
from kowloon.actions.web_page import WebPage
from kowloon.dingtalk.contacts.people import SignedInPeople
from kowloon.dingtalk.page import conversations, inside, people
from kowloon.dingtalk.page.calls import PageCalls
from kowloon.dingtalk.page.live import Live
from kowloon.dingtalk.parts import Parts


class ChatPage:
    def __init__(self, parts: Parts, signed_in: SignedInPeople) -> None:
        self.live = Live(parts, signed_in)
        self._calls = PageCalls(parts, signed_in, [*people.CALLS, *conversations.CALLS, *inside.CALLS])

    def register(self, routes: Routes) -> None:
        WebPage("dingtalk", "kowloon.dingtalk.page").register(routes)
        self._calls.register(routes)
        self.live.register(routes)
