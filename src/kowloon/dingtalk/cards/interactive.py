"""Cards by the earlier calls: of robots, whose content is one JSON text (`StandardCard`), and the advanced ones with
parameters. They are the same cards; `cardBizId` and `outTrackId` are one thing."""

from __future__ import annotations

from typing import Any, Final, TypeVar

import msgspec

from kowloon.dingtalk.cards import errors
from kowloon.dingtalk.cards.changes import ParamMap, UpdateOptions, change_of, texts
from kowloon.dingtalk.cards.instances import (
    WRITE,
    UpdateCard,
    changed,
    check_address,
    check_route,
    group_of,
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
from kowloon.dingtalk.sending.robots import SEND, check_robot, robot_of
from kowloon.store.store import Transaction

T = TypeVar("T")

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


class ChangeCard(UpdateCard, kw_only=True, rename="camel"):
    card_update_options: UpdateOptions = msgspec.field(default=UpdateOptions(), name="cardOptions")


@endpoints.newer("POST", "/v1.0/im/v1.0/robot/interactiveCards/send", scope=SEND)
async def send_robot_card(call: Call, req: SendRobotCard) -> dict[str, Any]:
    check_robot(call, req.robot_code)
    data = _data(req.card_template_id, req.card_data, "cardData")
    if req.callback_url:
        check_address(req.callback_url)
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
    data = _data(card.template, req.card_data, "cardData") if req.card_data else None
    private = _private(call, card.template, req.user_id_private_data_map)
    change = change_of(data, private, req.update_options)
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
    await changed(call, req)
    # The SDKs read a text.
    return {"success": "true"}


def _place(call: Call, group: str, userid: object) -> Conversation:
    """A group that the robot is in, or its conversation with one member. Inside of a transaction."""
    if group:
        return group_of(call, group)
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
    given = _read(text, list, name) if text else []
    named = [each.get("userId") if isinstance(each, dict) else each for each in given]
    return [each for each in named if isinstance(each, str)]


def _object(text: str, name: str) -> dict[str, Any]:
    return _read(text, dict, name) if text else {}


def _read(text: str, kind: type[T], name: str) -> T:
    try:
        given = read_json(text)
    except ValueError:
        given = None
    if not isinstance(given, kind):
        raise errors.NOT_JSON.error(name=name)
    return given
