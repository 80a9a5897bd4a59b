"""A click goes to the application that the card is of: by HTTP where it has named an address, else by Stream."""

from __future__ import annotations

import asyncio
from typing import Any, Final

import msgspec

from kowloon.core.clock import Clock
from kowloon.dingtalk.cards.changes import Change, Click, ParamMap, UpdateOptions, change_of, texts
from kowloon.dingtalk.cards.errors import NOT_ANSWERED
from kowloon.dingtalk.cards.resources import Card, CardRoute
from kowloon.dingtalk.cards.view import STANDARD_DATA
from kowloon.dingtalk.contacts.resources import Application, corp_id
from kowloon.dingtalk.platform.call import own_id
from kowloon.dingtalk.platform.decode import read_json
from kowloon.dingtalk.stream.connections import Connections
from kowloon.dingtalk.stream.frames import CARD_CALLBACKS, OK
from kowloon.engines.dialler import DialError, Dialler
from kowloon.store.store import Store
from kowloon.wire.dingtalk_crypto import card_signature, robot_signature
from kowloon.wire.encode import JSON_TYPE

TIMEOUT_S: Final = 2.0
_MOST_ANSWER_BYTES: Final = 256 * 1024


class _Answer(msgspec.Struct, rename="camel"):
    """A StandardCard's data is one text."""

    card_update_options: UpdateOptions = UpdateOptions()
    card_data: ParamMap | str | None = None
    user_private_data: ParamMap | None = None


def route_id(account: str, application: str, route: str) -> str:
    return own_id(account, f"{application}/{route}")


class Asking:
    def __init__(self, store: Store, clock: Clock, stream: Connections, dialler: Dialler) -> None:
        self._store = store
        self._clock = clock
        self._stream = stream
        self._dialler = dialler

    async def ask(self, click: Click) -> Change | None:
        """What the application wants changed. PlatformError when it has not answered within two seconds."""
        card = click.card
        if card.route or card.callback_url:
            answer = await self._by_http(click)
        else:
            answer = await self._by_stream(click)
        try:
            return _change(msgspec.convert(answer, _Answer), click.userid)
        except msgspec.ValidationError as problem:
            raise NOT_ANSWERED.error(problem=problem) from None

    async def _by_stream(self, click: Click) -> Any:
        coming = self._stream.ask(click.card.application, CARD_CALLBACKS, _told(click))
        if coming is None:
            raise NOT_ANSWERED.error(problem="no Stream connection takes card callbacks")
        try:
            async with asyncio.timeout(TIMEOUT_S):
                ack = await coming
        except TimeoutError:
            raise NOT_ANSWERED.error(problem=f"no answer within {TIMEOUT_S:g} s") from None
        if ack is None:
            raise NOT_ANSWERED.error(problem="its connection is gone")
        if ack.code != OK:
            raise NOT_ANSWERED.error(problem=f"it answered {ack.code}")
        answer = ack.data.get("response") if isinstance(ack.data, dict) else None
        # Handlers that change nothing answer with a text such as `OK`.
        return answer if isinstance(answer, dict) else {}

    async def _by_http(self, click: Click) -> Any:
        url, headers = self._address(click.card)
        headers["content-type"] = JSON_TYPE
        try:
            reply = await self._dialler.post(
                url,
                headers,
                msgspec.json.encode(_told(click)),
                timeout_s=TIMEOUT_S,
                most_bytes=_MOST_ANSWER_BYTES,
            )
        except (DialError, ValueError) as problem:
            raise NOT_ANSWERED.error(problem=problem) from None
        if reply.status != 200:
            raise NOT_ANSWERED.error(problem=f"it answered {reply.status}")
        try:
            answer = read_json(reply.body) if reply.body.strip() else {}
        except ValueError:
            raise NOT_ANSWERED.error(problem="its answer is not JSON") from None
        return answer if isinstance(answer, dict) else {}

    def _address(self, card: Card) -> tuple[str, dict[str, str]]:
        """Where, and how it is signed: for a route with its own secret, else as messages to robots are."""
        timestamp = str(int(self._clock.wall() * 1000))
        if card.route:
            route = self._store.get(CardRoute, route_id(card.account, card.application, card.route))
            if route is None:
                raise NOT_ANSWERED.error(problem=f"callbackRouteKey {card.route} is not registered")
            signed = card_signature(route.api_secret, timestamp)
            return route.url, {"x-ddpaas-signature-timestamp": timestamp, "x-ddpaas-signature": signed}
        application = self._store.get(Application, card.application)
        secret = application.secret if application is not None else ""
        return card.callback_url, {"timestamp": timestamp, "sign": robot_signature(secret, timestamp)}


def _told(click: Click) -> dict[str, Any]:
    """`content` and `extension` are JSON in texts."""
    card = click.card
    delivery = card.deliveries[0]
    content = {"cardPrivateData": {"actionIds": [click.action], "params": click.params}}
    return {
        "type": "actionCallback",
        "outTrackId": card.track,
        "corpId": corp_id(card.account),
        "userId": click.userid,
        "userIdType": 1,
        "spaceType": delivery.space_type,
        "spaceId": delivery.space_id,
        "extension": "{}",
        "content": msgspec.json.encode(content).decode(),
    }


def _change(answer: _Answer, userid: str) -> Change | None:
    own = answer.user_private_data
    if answer.card_data is None and own is None:
        return None
    data: dict[str, str] | None = None
    if isinstance(answer.card_data, str):
        data = {STANDARD_DATA: answer.card_data}
    elif answer.card_data is not None:
        data = texts(answer.card_data.card_param_map)
    private = {userid: texts(own.card_param_map)} if own is not None else {}
    return change_of(data, private, answer.card_update_options)
