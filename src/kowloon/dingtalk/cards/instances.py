"""Cards by the newer host: created, delivered, changed, streamed to; where clicks go by HTTP.

Deviations: `recipients` are kept and shown, and do not hide a card from the other members of a group; cards at the top
of a conversation (`ONE_BOX`), in feeds and in documents are not built, which their delivery's result says.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from kowloon.dingtalk.cards import errors
from kowloon.dingtalk.cards.asking import route_id
from kowloon.dingtalk.cards.changes import Change, ParamMap, UpdateOptions, change_of, texts
from kowloon.dingtalk.cards.resources import Card, CardRoute
from kowloon.dingtalk.cards.view import EXECUTING, FAILED, FINISHED, FLOW_STATUS, INPUTTING, PROCESSING
from kowloon.dingtalk.chat.resources import Conversation
from kowloon.dingtalk.contacts.resources import Member
from kowloon.dingtalk.messages import At
from kowloon.dingtalk.platform.call import Call
from kowloon.dingtalk.platform.endpoints import endpoints
from kowloon.dingtalk.platform.errors import PlatformError
from kowloon.dingtalk.sending.robots import NOT_IN_GROUP, check_robot, conversation_of, robot_of
from kowloon.engines.dialler import check_url
from kowloon.store.store import Transaction

WRITE: Final = "Card.Instance.Write"
STREAM: Final = "Card.Streaming.Write"
_SPACES: Final = "dtv1.card//"
_MOST_SPACES: Final = 20
_MOST_ROUTES: Final = 100
_EVERYBODY: Final = "@ALL"
_BY_UNION_ID: Final = 2


class GroupDelivery(msgspec.Struct, frozen=True, rename="camel"):
    robot_code: str = ""
    at_user_ids: dict[str, str] = msgspec.field(default_factory=dict)
    recipients: tuple[str, ...] = ()


class RobotDelivery(msgspec.Struct, frozen=True, rename="camel"):
    robot_code: str = ""


class CreateCard(msgspec.Struct, kw_only=True, rename="camel"):
    card_template_id: str
    out_track_id: str
    card_data: ParamMap
    callback_type: str = ""
    callback_route_key: str = ""
    private_data: dict[str, ParamMap] = msgspec.field(default_factory=dict)
    user_id_type: int = 1


class DeliverCard(msgspec.Struct, kw_only=True, rename="camel"):
    out_track_id: str
    open_space_id: str
    user_id_type: int = 1
    im_group_open_deliver_model: GroupDelivery = GroupDelivery()
    im_single_open_deliver_model: GroupDelivery = GroupDelivery()
    im_robot_open_deliver_model: RobotDelivery = RobotDelivery()


class CreateAndDeliverCard(CreateCard, kw_only=True, rename="camel"):
    open_space_id: str
    im_group_open_deliver_model: GroupDelivery = GroupDelivery()
    im_single_open_deliver_model: GroupDelivery = GroupDelivery()
    im_robot_open_deliver_model: RobotDelivery = RobotDelivery()


class UpdateCard(msgspec.Struct, kw_only=True, rename="camel"):
    out_track_id: str
    card_data: ParamMap | None = None
    private_data: dict[str, ParamMap] = msgspec.field(default_factory=dict)
    card_update_options: UpdateOptions = UpdateOptions()
    user_id_type: int = 1


class StreamingUpdate(msgspec.Struct, kw_only=True, rename="camel"):
    out_track_id: str
    guid: str
    key: str
    content: str
    is_full: bool = False
    is_finalize: bool = False
    is_error: bool = False


class RegisterCallback(msgspec.Struct, kw_only=True, rename="camel"):
    callback_route_key: str
    callback_url: str
    api_secret: str = ""
    force_update: bool = False


@endpoints.newer("POST", "/v1.0/card/instances", scope=WRITE)
def create_card(call: Call, req: CreateCard) -> dict[str, Any]:
    """The same `outTrackId` again is the same card, as it is."""
    return {"success": True, "result": _created(call, req).track}


@endpoints.newer("POST", "/v1.0/card/instances/deliver", scope=WRITE)
async def deliver_card(call: Call, req: DeliverCard) -> dict[str, Any]:
    return {"success": True, "result": await _delivered(call, own_card(call, req.out_track_id), req)}


@endpoints.newer("POST", "/v1.0/card/instances/createAndDeliver", scope=WRITE)
async def create_and_deliver_card(call: Call, req: CreateAndDeliverCard) -> dict[str, Any]:
    _spaces(req.open_space_id)
    card = await call.write(lambda tx: _created(call, req))
    return {"success": True, "result": {"outTrackId": card.track, "deliverResults": await _delivered(call, card, req)}}


@endpoints.newer("PUT", "/v1.0/card/instances", scope=WRITE)
async def update_card(call: Call, req: UpdateCard) -> dict[str, Any]:
    await changed(call, req)
    return {"success": True, "result": True}


@endpoints.newer("PUT", "/v1.0/card/streaming", scope=STREAM)
async def stream_to_card(call: Call, req: StreamingUpdate) -> dict[str, Any]:
    """The same `guid` twice in a row is one piece. A card that shows how far it is, shows it."""
    card = own_card(call, req.out_track_id)
    if card.guid != req.guid:
        text = req.content if req.is_full else card.data.get(req.key, "") + req.content
        data = {req.key: text}
        if card.data.get(FLOW_STATUS) in (PROCESSING, INPUTTING, EXECUTING):
            data[FLOW_STATUS] = FAILED if req.is_error else FINISHED if req.is_finalize else INPUTTING
        change = Change(data=data, guid=req.guid)
        await call.parts.cards.change(call.account, req.out_track_id, change, application=call.app.id)
    return {"success": True, "result": True}


@endpoints.newer("POST", "/v1.0/card/callbacks/register", scope=WRITE)
def register_callback(call: Call, req: RegisterCallback) -> dict[str, Any]:
    """Another address for a key that has one only by `forceUpdate`. A secret is made where none is given."""
    check_address(req.callback_url)
    found = call.tx.get(CardRoute, route_id(call.account, call.app.id, req.callback_route_key))
    if found is not None and found.url != req.callback_url and not req.force_update:
        raise errors.ROUTE_EXISTS.error()
    own = [each for each in call.all(CardRoute) if each.application == call.app.id]
    if found is None and len(own) >= _MOST_ROUTES:
        raise errors.TOO_MANY_ROUTES.error(most=_MOST_ROUTES)
    route = CardRoute(
        id=route_id(call.account, call.app.id, req.callback_route_key),
        account=call.account,
        created_at=call.now,
        application=call.app.id,
        route=req.callback_route_key,
        url=req.callback_url,
        api_secret=req.api_secret or (found.api_secret if found is not None else call.ids.secret(32)),
    )
    call.tx.put(route)
    return {"success": True, "result": {"callbackUrl": route.url, "apiSecret": route.api_secret}}


# --- for the other calls about cards ---


def own_card(call: Call, track: str) -> Card:
    """The application's; another's is as good as absent."""
    card = call.mine(Card, track)
    if card is None or card.application != call.app.id:
        raise errors.NO_CARD.error()
    return card


async def changed(call: Call, req: UpdateCard) -> None:
    data = texts(req.card_data.card_param_map) if req.card_data is not None else None
    change = change_of(data, private_of(call, req.private_data, req.user_id_type), req.card_update_options)
    await call.parts.cards.change(call.account, req.out_track_id, change, application=call.app.id)


def private_of(call: Call, given: dict[str, ParamMap], user_id_type: int) -> dict[str, dict[str, str]]:
    """By userid, whichever ids the caller names people by; who is not there is left out."""
    return {
        userid: texts(given[name].card_param_map) for name, userid in userids(call, list(given), user_id_type).items()
    }


def userids(call: Call, names: list[str], user_id_type: int) -> dict[str, str]:
    """By the names that the caller uses, which are userids or (2) unionIds."""
    if user_id_type != _BY_UNION_ID:
        return {name: name for name in names if call.parts.messenger.member(call.account, name) is not None}
    by_union = {each.union_id: each.userid for each in call.all(Member)} if names else {}
    return {name: by_union[name] for name in names if name in by_union}


def check_route(call: Call, route: str) -> str:
    if route and call.mine(CardRoute, f"{call.app.id}/{route}") is None:
        raise errors.NO_ROUTE.error()
    return route


def check_address(url: str) -> None:
    try:
        check_url(url)
    except ValueError:
        raise errors.WRONG_URL.error() from None


def group_of(call: Call, id: str, form: str = "group") -> Conversation:
    """One that the application's robot is in."""
    conversation = conversation_of(call, id, form)
    if call.app.id not in conversation.robots:
        raise NOT_IN_GROUP.error()
    return conversation


# --- steps ---


def _created(call: Call, req: CreateCard) -> Card:
    if req.callback_type not in ("", "STREAM", "HTTP"):
        raise errors.WRONG_CALLBACK.error()
    if req.callback_type == "HTTP" and not req.callback_route_key:
        raise errors.NO_ROUTE.error()
    return call.parts.cards.create(
        call.tx,
        call.account,
        track=req.out_track_id,
        template=req.card_template_id,
        data=texts(req.card_data.card_param_map),
        application=call.app.id,
        private=private_of(call, req.private_data, req.user_id_type),
        route=check_route(call, req.callback_route_key) if req.callback_type == "HTTP" else "",
    )


def _spaces(text: str) -> list[tuple[str, str]]:
    """Of `dtv1.card//IM_GROUP.cid...;IM_ROBOT.user`: type and id of each."""
    spaces = []
    for part in text.split(";"):
        kind, dot, id = part.strip().removeprefix(_SPACES).partition(".")
        if not dot or not kind or not id:
            raise errors.WRONG_SPACE.error()
        spaces.append((kind, id))
    if len(spaces) > _MOST_SPACES:
        raise errors.WRONG_SPACE.error()
    return list(dict.fromkeys(spaces))


async def _delivered(call: Call, card: Card, req: DeliverCard | CreateAndDeliverCard) -> list[dict[str, Any]]:
    """One row for each place; one that fails is said in its row and keeps the others from nothing."""
    rows = []
    for space in _spaces(req.open_space_id):
        row: dict[str, Any] = {"spaceType": space[0], "spaceId": space[1], "success": True, "errorMsg": ""}
        try:
            conversation, model = await _place(call, space, req)
            kept = await call.parts.cards.deliver(
                card,
                robot_of(call),
                conversation,
                at=_at(call, model, req.user_id_type),
                space=space,
                recipients=model.recipients,
            )
            row["carrierId"] = kept.id
        except PlatformError as refusal:
            row.update(success=False, errorMsg=refusal.message)
        rows.append(row)
    return rows


async def _place(
    call: Call, space: tuple[str, str], req: DeliverCard | CreateAndDeliverCard
) -> tuple[Conversation, GroupDelivery]:
    kind, id = space
    nobody = GroupDelivery()
    if kind == "IM_ROBOT":
        check_robot(call, req.im_robot_open_deliver_model.robot_code or call.app.id)
        found = userids(call, [id], req.user_id_type)
        if not found:
            raise errors.WRONG_RECEIVER.error()

        def body(tx: Transaction) -> Conversation:
            return call.parts.messenger.between(tx, call.account, "robot", found[id], call.app.id)

        return await call.write(body), nobody
    if kind == "IM_GROUP":
        model = req.im_group_open_deliver_model
        check_robot(call, model.robot_code or call.app.id)
        return group_of(call, id), model
    if kind == "IM_SINGLE":
        return group_of(call, id, "single"), req.im_single_open_deliver_model
    raise errors.NOT_BUILT_SPACE.error(kind=kind)


def _at(call: Call, model: GroupDelivery, user_id_type: int) -> At:
    names = [name for name in model.at_user_ids if name != _EVERYBODY]
    return At(user_ids=tuple(userids(call, names, user_id_type).values()), everyone=_EVERYBODY in model.at_user_ids)
