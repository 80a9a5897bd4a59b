"""Cards by the earlier calls: of robots, whose content is one JSON text (`StandardCard`), and the advanced ones with
parameters. They are the same cards; `cardBizId` and `outTrackId` are one thing."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from kowloon.dingtalk.cards import errors
from kowloon.dingtalk.cards.changes import Change, texts
from kowloon.dingtalk.cards.instances import (
    WRITE,
    ParamMap,
    UpdateOptions,
    check_route,
    own_card,
    private_of,
    userids,
)
from kowloon.dingtalk.cards.resources import Card
from kowloon.dingtalk.cards.view import STANDARD, STANDARD_DATA
from kowloon.dingtalk.chat.resources import Conversation
from kowloon.dingtalk.messages import At
from kowloon.dingtalk.platform.call import Call
from kowloon.dingtalk.platform.decode import read_json
from kowloon.dingtalk.platform.endpoints import endpoints
from kowloon.dingtalk.platform.errors import MISSING
from kowloon.dingtalk.sending.robots import NOT_IN_GROUP, SEND, check_robot, conversation_of, robot_of
from kowloon.engines.dialler import check_url
from kowloon.store.store import Transaction

_SINGLE: Final = 0
_GROUP: Final = 1
_MOST_RECEIVERS: Final = 100


class SendOptions(msgspec.Struct, frozen=True, rename="camel"):
    """Lists are JSON in texts: `[{"nickName": ..., "userId": ...}]`."""

    at_all: bool = False
    at_user_list_json: str = ""
    receiver_list_json: str = ""


class SendRobotCard(msgspec.Struct, kw_only=True, rename="camel"):
    card_template_id: str
    card_biz_id: str
    robot_code: str
    card_data: str
    open_conversation_id: str = ""
    single_chat_receiver: str = ""
    send_options: SendOptions = SendOptions()
    callback_url: str = ""
    user_id_private_data_map: str = ""


class UpdateRobotCard(msgspec.Struct, kw_only=True, rename="camel"):
    card_biz_id: str
    card_data: str = ""
    user_id_private_data_map: str = ""
    update_options: UpdateOptions = UpdateOptions()


class SendCard(msgspec.Struct, kw_only=True, rename="camel"):
    card_template_id: str
    out_track_id: str
    card_data: ParamMap
    conversation_type: int
    open_conversation_id: str = ""
    robot_code: str = ""
    receiver_user_id_list: tuple[str, ...] = ()
    at_open_ids: dict[str, str] = msgspec.field(default_factory=dict)
    callback_route_key: str = ""
    private_data: dict[str, ParamMap] = msgspec.field(default_factory=dict)
    user_id_type: int = 1


class ChangeCard(msgspec.Struct, kw_only=True, rename="camel"):
    out_track_id: str
    card_data: ParamMap | None = None
    private_data: dict[str, ParamMap] = msgspec.field(default_factory=dict)
    card_options: UpdateOptions = UpdateOptions()
    user_id_type: int = 1


@endpoints.newer("POST", "/v1.0/im/v1.0/robot/interactiveCards/send", scope=SEND)
async def send_robot_card(call: Call, req: SendRobotCard) -> dict[str, Any]:
    check_robot(call, req.robot_code)
    data = _data(req.card_template_id, req.card_data, "cardData")
    if req.callback_url:
        _check_callback(req.callback_url)
    receiver = _object(req.single_chat_receiver, "singleChatReceiver").get("userId")
    private = _private(call, req.card_template_id, req.user_id_private_data_map)

    def body(tx: Transaction) -> tuple[Card, Conversation]:
        conversation = _place(call, req.open_conversation_id, receiver)
        card = call.parts.cards.create(
            tx,
            call.account,
            track=req.card_biz_id,
            template=req.card_template_id,
            data=data,
            application=call.app.id,
            private=private,
            callback_url=req.callback_url,
        )
        return card, conversation

    card, conversation = await call.write(body)
    options = req.send_options
    at = At(
        user_ids=tuple(userids(call, _people(options.at_user_list_json, "atUserListJson"), 1).values()),
        everyone=options.at_all,
    )
    receivers = tuple(_people(options.receiver_list_json, "receiverListJson"))
    kept = await call.parts.cards.deliver(card, robot_of(call), conversation, at=at, recipients=receivers)
    return {"processQueryKey": kept.id}


@endpoints.newer("PUT", "/v1.0/im/robots/interactiveCards", scope=SEND)
async def update_robot_card(call: Call, req: UpdateRobotCard) -> dict[str, Any]:
    card = own_card(call, req.card_biz_id)
    change = Change(
        data=_data(card.template, req.card_data, "cardData") if req.card_data else None,
        private=_private(call, card.template, req.user_id_private_data_map),
        data_by_key=req.update_options.update_card_data_by_key,
        private_by_key=req.update_options.update_private_data_by_key,
    )
    await call.parts.cards.change(call.account, card.track, change, application=call.app.id)
    return {"processQueryKey": card.track}


@endpoints.newer("POST", "/v1.0/im/interactiveCards/send", scope=WRITE)
async def send_card(call: Call, req: SendCard) -> dict[str, Any]:
    """To a group, or to each receiver of their own."""
    check_robot(call, req.robot_code or call.app.id)
    if req.conversation_type not in (_SINGLE, _GROUP):
        raise errors.WRONG_CONVERSATION_TYPE.error()
    receivers = userids(call, list(req.receiver_user_id_list), req.user_id_type)
    if req.conversation_type == _SINGLE and not 0 < len(receivers) <= _MOST_RECEIVERS:
        raise errors.WRONG_RECEIVER.error()

    def body(tx: Transaction) -> tuple[Card, list[Conversation]]:
        if req.conversation_type == _GROUP:
            places = [_place(call, req.open_conversation_id, None)]
        else:
            places = [_place(call, "", userid) for userid in receivers.values()]
        card = call.parts.cards.create(
            tx,
            call.account,
            track=req.out_track_id,
            template=req.card_template_id,
            data=texts(req.card_data.card_param_map),
            application=call.app.id,
            private=private_of(call, req.private_data, req.user_id_type),
            route=check_route(call, req.callback_route_key),
        )
        return card, places

    card, places = await call.write(body)
    at = At(user_ids=tuple(userids(call, list(req.at_open_ids), req.user_id_type).values()))
    keys = [(await call.parts.cards.deliver(card, robot_of(call), place, at=at)).id for place in places]
    return {"success": True, "result": {"processQueryKey": keys[0]}}


@endpoints.newer("PUT", "/v1.0/im/interactiveCards", scope=WRITE)
async def change_card(call: Call, req: ChangeCard) -> dict[str, Any]:
    change = Change(
        data=texts(req.card_data.card_param_map) if req.card_data is not None else None,
        private=private_of(call, req.private_data, req.user_id_type),
        data_by_key=req.card_options.update_card_data_by_key,
        private_by_key=req.card_options.update_private_data_by_key,
    )
    await call.parts.cards.change(call.account, req.out_track_id, change, application=call.app.id)
    # The SDKs read a text.
    return {"success": "true"}


def _place(call: Call, group: str, userid: object) -> Conversation:
    """A group that the robot is in, or its conversation with one member. Inside of a transaction."""
    if group:
        conversation = conversation_of(call, group, "group")
        if call.app.id not in conversation.robots:
            raise NOT_IN_GROUP.error()
        return conversation
    if not userid:
        raise MISSING.error(name="openConversationId")
    if not isinstance(userid, str) or call.parts.messenger.member(call.account, userid) is None:
        raise errors.WRONG_RECEIVER.error()
    return call.parts.messenger.between(call.tx, call.account, "robot", userid, call.app.id)


def _data(template: str, text: str, name: str) -> dict[str, str]:
    """Parameters; of a StandardCard it is the whole of it."""
    given = _object(text, name)
    return {STANDARD_DATA: text} if template == STANDARD else texts(given)


def _private(call: Call, template: str, text: str) -> dict[str, dict[str, str]]:
    """By userid: what `_data` takes, as an object or as a text."""
    name = "userIdPrivateDataMap"
    given = _object(text, name)
    found: dict[str, dict[str, str]] = {}
    for userid in userids(call, list(given), 1):
        own = given[userid]
        found[userid] = _data(template, own if isinstance(own, str) else msgspec.json.encode(own).decode(), name)
    return found


def _people(text: str, name: str) -> list[str]:
    """The userids in a JSON list of people, or of userids."""
    if not text:
        return []
    try:
        given = read_json(text)
    except ValueError:
        given = None
    if not isinstance(given, list):
        raise errors.NOT_JSON.error(name=name)
    named = [each.get("userId") if isinstance(each, dict) else each for each in given]
    return [each for each in named if isinstance(each, str)]


def _object(text: str, name: str) -> dict[str, Any]:
    if not text:
        return {}
    try:
        given = read_json(text)
    except ValueError:
        given = None
    if not isinstance(given, dict):
        raise errors.NOT_JSON.error(name=name)
    return given


def _check_callback(url: str) -> None:
    try:
        check_url(url)
    except ValueError:
        raise errors.WRONG_URL.error() from None
