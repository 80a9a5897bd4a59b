"""What the developer console sets: where an application's events go. The owner in what is encrypted is its appKey then,
as with the vendor; by the older call it is the corp id."""

from __future__ import annotations

import msgspec

from kowloon.actions.routes import Routes, answer_json, json_body
from kowloon.core.errors import ApiError
from kowloon.dingtalk.contacts.resources import Application
from kowloon.dingtalk.parts import Parts
from kowloon.dingtalk.platform.errors import PlatformError
from kowloon.dingtalk.push.callbacks import CallBack, checked, subscribed
from kowloon.wire.http import HttpRequest, HttpResponse


class Subscription(msgspec.Struct, forbid_unknown_fields=True):
    app_key: str
    url: str
    token: str
    aes_key: str
    events: tuple[str, ...]


class PushConsole:
    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def register(self, routes: Routes) -> None:
        routes.add("PUT", "/_kowloon/dingtalk/callbacks", self.subscribe, "admin")

    async def subscribe(self, request: HttpRequest) -> HttpResponse:
        """In the place of what was there before; the address is checked first."""
        body = json_body(request, Subscription)
        application = self._parts.store.get(Application, body.app_key)
        if application is None:
            raise ApiError("ApplicationNotFound", 404, f"There is no application {body.app_key}.")
        asked = CallBack(call_back_tag=body.events, token=body.token, aes_key=body.aes_key, url=body.url)
        try:
            target = await checked(self._parts, asked, owner=application.id)
        except PlatformError as refusal:
            raise ApiError("CallbackRefused", 400, f"{refusal.errcode}: {refusal.message}") from None
        await self._parts.store.run(lambda tx: subscribed(tx, application.id, target, asked))
        return answer_json({})
