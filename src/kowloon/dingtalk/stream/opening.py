"""`connections/open`: an application says what it wants to hear, and is told where to connect."""

from __future__ import annotations

from typing import Final

import msgspec

from kowloon.dingtalk.contacts.resources import Application
from kowloon.dingtalk.contacts.tokens import WRONG_CLIENT, application_of
from kowloon.dingtalk.platform.call import Call
from kowloon.dingtalk.platform.endpoints import endpoints
from kowloon.dingtalk.platform.errors import INVALID, MISSING
from kowloon.dingtalk.stream.frames import ALL_EVENTS, CALLBACK, EVENT, TYPES, Subscription
from kowloon.store.store import Transaction

PATH: Final = "/connect"
_MOST_SUBSCRIPTIONS: Final = 100
_MOST_TOPIC_CHARACTERS: Final = 256


class OpenConnection(msgspec.Struct, kw_only=True, rename="camel"):
    client_id: str
    client_secret: str
    subscriptions: tuple[Subscription, ...]


@endpoints.newer("POST", "/v1.0/gateway/connections/open", auth="none")
async def open_connection(call: Call, req: OpenConnection) -> dict[str, str]:
    """Topics that are not known are taken; nothing comes of them. Credentials are refused with 400, which is a design
    choice: the vendor's status is not published."""

    def body(tx: Transaction) -> Application:
        application = application_of(tx, req.client_id, req.client_secret, WRONG_CLIENT.error())
        call.application, call.account = application, application.account
        _check(req.subscriptions)
        if not application.stream_events and Subscription(EVENT, ALL_EVENTS) in req.subscriptions:
            application = msgspec.structs.replace(application, stream_events=True)
            tx.put(application)
        return application

    application = await call.write(body)
    ticket = call.parts.stream.new_ticket(application, req.subscriptions)
    address = call.request.origin.removeprefix("http")
    return {"endpoint": f"ws{address}{PATH}", "ticket": ticket}


def _check(subscriptions: tuple[Subscription, ...]) -> None:
    if not subscriptions:
        raise MISSING.error(name="subscriptions")
    if len(subscriptions) > _MOST_SUBSCRIPTIONS:
        raise INVALID.error(name="subscriptions")
    for each in subscriptions:
        if each.type not in TYPES:
            raise INVALID.error(name="subscriptions.type")
        wrong = (each.type == EVENT and each.topic != ALL_EVENTS) or (
            each.type == CALLBACK and not each.topic.startswith("/")
        )
        if wrong or not 0 < len(each.topic) <= _MOST_TOPIC_CHARACTERS:
            raise INVALID.error(name="subscriptions.topic")
