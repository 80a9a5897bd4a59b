"""A robot's answer to what it was told: the address that comes with each message to it takes the bodies of a webhook,
needs no key, and ends by itself."""

from __future__ import annotations

from typing import ClassVar, Final
from urllib.parse import parse_qs

from kowloon.actions.routes import Routes
from kowloon.core import limits
from kowloon.dingtalk import messages
from kowloon.dingtalk.chat.resources import Conversation, Sender
from kowloon.dingtalk.contacts.resources import Application
from kowloon.dingtalk.parts import Parts
from kowloon.dingtalk.platform.call import make_room
from kowloon.dingtalk.platform.decode import read_body
from kowloon.dingtalk.platform.errors import SYSTEM_BUSY, WRONG_METHOD, PlatformError, Refusal
from kowloon.dingtalk.platform.recent import Recent
from kowloon.dingtalk.robot import PER_MINUTE, TOO_FAST, TOO_LONG, answer
from kowloon.store.resources import Resource
from kowloon.store.store import Transaction
from kowloon.wire.encode import JSON_TYPE
from kowloon.wire.http import HttpRequest, HttpResponse

PATH: Final = "/robot/sendBySession"
LIFE_S: Final = 90 * 60.0

NO_SESSION = Refusal(300005, "invalidParameter.session.invalid", "session is not exist")


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
        # What each posted; as often as a webhook. Cloud time.
        self._recent = Recent(PER_MINUTE, 60.0)

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
            make_room(tx, kept, limits.DINGTALK_RECORDS)
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
                return HttpResponse(503, b"", content_type=JSON_TYPE)
            return answer(refusal.errcode, refusal.message)
        return answer(0, "ok")

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
        content = messages.parse(read_body(request.body))
        if not self._recent.count(session.id, self._parts.clock.now()):
            raise TOO_FAST.error()
        await self._parts.messenger.post(conversation, Sender("application", application.id, application.name), content)

    def forget(self) -> None:
        self._recent.forget()


RESOURCES: tuple[type[Resource], ...] = (SessionWebhook,)
