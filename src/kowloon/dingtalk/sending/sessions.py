"""A robot's answer to what it was told: the address that comes with each message to it takes the bodies of a webhook,
needs no key, and ends by itself."""

from __future__ import annotations

from collections import deque
from typing import Any, ClassVar, Final
from urllib.parse import parse_qs

import msgspec

from kowloon.actions.routes import Routes
from kowloon.core import limits
from kowloon.dingtalk import messages
from kowloon.dingtalk.chat.resources import Conversation, Sender
from kowloon.dingtalk.contacts.resources import Application
from kowloon.dingtalk.parts import Parts
from kowloon.dingtalk.platform.decode import read_json
from kowloon.dingtalk.platform.errors import NOT_JSON, SYSTEM_BUSY, WRONG_METHOD, PlatformError, Refusal
from kowloon.store.resources import Resource
from kowloon.store.store import Transaction
from kowloon.wire.http import HttpRequest, HttpResponse

PATH: Final = "/robot/sendBySession"
LIFE_S: Final = 90 * 60.0
# As a webhook.
PER_MINUTE: Final = 20
_JSON: Final = "application/json;charset=utf-8"

NO_SESSION = Refusal(300005, "invalidParameter.session.invalid", "session is not exist")
TOO_FAST = Refusal(130101, "send.too.fast", f"send too fast, exceed {PER_MINUTE} times per minute")
TOO_LONG = Refusal(460101, "invalidParameter.msg.tooLong", f"message too long, exceed {messages.MOST_BYTES} bytes")


class SessionWebhook(Resource, frozen=True, kw_only=True):
    """id is the session. Ends by the cloud's clock."""

    kind: ClassVar[str] = "dingtalk-session-webhook"
    application: str
    conversation: str
    expires_at: float


class SessionWebhooks:
    """`open` when a message goes to a robot; the same conversation and robot keep theirs while it is good for half of
    its life."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        # Per session: when it posted within the last minute. Cloud time.
        self._recent: dict[str, deque[float]] = {}

    def register(self, routes: Routes) -> None:
        routes.add("GET POST PUT DELETE", PATH, self.send, "own")

    async def open(self, conversation: Conversation, application: str) -> SessionWebhook:
        def body(tx: Transaction) -> SessionWebhook:
            now = self._parts.clock.now()
            kept: list[SessionWebhook] = []
            for each in tx.list(SessionWebhook, account=conversation.account):
                mine = each.conversation == conversation.id and each.application == application
                if mine and each.expires_at > now + LIFE_S / 2:
                    return each
                if each.expires_at > now:
                    kept.append(each)
                else:
                    tx.delete(each)
            for old in kept[: max(0, len(kept) + 1 - limits.DINGTALK_RECORDS)]:
                tx.delete(old)
            made = SessionWebhook(
                id=self._parts.ids.secret(32),
                account=conversation.account,
                created_at=now,
                application=application,
                conversation=conversation.id,
                expires_at=now + LIFE_S,
            )
            tx.put(made)
            return made

        return await self._parts.store.run(body)

    async def send(self, request: HttpRequest) -> HttpResponse:
        try:
            await self._send(request)
        except PlatformError as refusal:
            if refusal.status == 503:
                return HttpResponse(503, b"", content_type=_JSON)
            return _answer(refusal.errcode, refusal.message)
        return _answer(0, "ok")

    async def _send(self, request: HttpRequest) -> None:
        if not self._parts.plane.serves():
            raise SYSTEM_BUSY.error()
        if request.method != "POST":
            raise WRONG_METHOD.error()
        session = self._parts.store.get(SessionWebhook, parse_qs(request.query).get("session", [""])[-1])
        if session is None or session.expires_at <= self._parts.clock.now():
            raise NO_SESSION.error()
        application = self._parts.store.get(Application, session.application)
        conversation = self._parts.store.get(Conversation, session.conversation)
        if application is None or conversation is None or conversation.dissolved:
            raise NO_SESSION.error()
        if session.application not in conversation.robots:
            raise NO_SESSION.error()
        if len(request.body) > messages.MOST_BYTES:
            raise TOO_LONG.error()
        content = messages.parse(_body(request))
        self._count(session.id)
        await self._parts.messenger.post(conversation, Sender("application", application.id, application.name), content)

    def _count(self, session: str) -> None:
        now = self._parts.clock.now()
        for quiet in [id for id, recent in self._recent.items() if recent[-1] <= now - 60.0]:
            del self._recent[quiet]
        recent = self._recent.setdefault(session, deque())
        while recent and recent[0] <= now - 60.0:
            recent.popleft()
        if len(recent) >= PER_MINUTE:
            raise TOO_FAST.error()
        recent.append(now)

    def forget(self) -> None:
        self._recent.clear()


def _body(request: HttpRequest) -> dict[str, Any]:
    try:
        body = read_json(request.body)
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise NOT_JSON.error()
    return body


def _answer(code: int, message: str) -> HttpResponse:
    return HttpResponse(200, msgspec.json.encode({"errcode": code, "errmsg": message}), content_type=_JSON)


RESOURCES: tuple[type[Resource], ...] = (SessionWebhook,)
