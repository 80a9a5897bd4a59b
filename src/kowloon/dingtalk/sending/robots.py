"""An application's robot: to people one by one, into groups, recalled, and who has read it."""

from __future__ import annotations

import functools
from typing import Any, Final

import msgspec

from kowloon.dingtalk.chat.resources import Conversation, Form, Sender
from kowloon.dingtalk.contacts.directory import Directory
from kowloon.dingtalk.contacts.resources import Application
from kowloon.dingtalk.messages import Content
from kowloon.dingtalk.platform.call import Call
from kowloon.dingtalk.platform.decode import page_of
from kowloon.dingtalk.platform.endpoints import endpoints
from kowloon.dingtalk.platform.errors import MISSING, Refusal
from kowloon.dingtalk.sending import resources
from kowloon.dingtalk.sending.content import from_template
from kowloon.dingtalk.sending.resources import RECALLED_WITHIN_S, Sent
from kowloon.engines.messages.log import Kept
from kowloon.store.store import Transaction

SEND: Final = "qyapi_robot_sendmsg"
READ_SHOWN_S: Final = 24 * 3600.0
_MOST_PEOPLE: Final = 20
_MOST_KEYS: Final = 20
_MOST_ON_PAGE: Final = 200
_AT_ONCE: Final = 50

NOT_OWN_ROBOT = Refusal(40035, "invalidParameter.robotCode.auth", "机器人不属于该应用")
TOO_MANY = Refusal(40035, "invalidParameter.{name}.overMax", "{name} 超过最大限制 {most}")
NO_CONVERSATION = Refusal(34005, "invalid.openConversationId", "openConversationId 不存在")
NOT_IN_GROUP = Refusal(400106, "resource.unavailable", "机器人不在该群中")
NO_MESSAGE = Refusal(34006, "invalidParameter.processQueryKey.invalid", "processQueryKey 不存在")
_TOO_LATE: Final = "消息已撤回或超过可撤回时间"


class ToPeople(msgspec.Struct, kw_only=True, rename="camel"):
    robot_code: str = ""
    user_ids: list[str] = msgspec.field(default_factory=list)
    msg_key: str = ""
    msg_param: str


class OfPeople(msgspec.Struct, kw_only=True, rename="camel"):
    robot_code: str = ""
    process_query_key: str


class RecallFromPeople(msgspec.Struct, kw_only=True, rename="camel"):
    robot_code: str = ""
    process_query_keys: list[str]


class ToGroup(msgspec.Struct, kw_only=True, rename="camel"):
    robot_code: str = ""
    open_conversation_id: str
    msg_key: str = ""
    msg_param: str


class OfGroup(msgspec.Struct, kw_only=True, rename="camel"):
    robot_code: str = ""
    open_conversation_id: str
    process_query_key: str
    max_results: int = 100
    next_token: str = ""


class RecallFromGroup(msgspec.Struct, kw_only=True, rename="camel"):
    robot_code: str = ""
    open_conversation_id: str
    process_query_keys: list[str]


class OfConversation(msgspec.Struct, kw_only=True, rename="camel"):
    open_conversation_id: str


# --- to people ---


@endpoints.newer("POST", "/v1.0/robot/oToMessages/batchSend", scope=SEND)
async def send_to_people(call: Call, req: ToPeople) -> dict[str, Any]:
    check_robot(call, req.robot_code)
    if not req.user_ids:
        raise MISSING.error(name="userIds")
    if len(req.user_ids) > _MOST_PEOPLE:
        raise TOO_MANY.error(name="userIds", most=_MOST_PEOPLE)
    content = from_template(req.msg_key, req.msg_param)
    directory = Directory(call.store, call.account)
    there = [each for each in dict.fromkeys(req.user_ids) if directory.find_member(each) is not None]
    sent = await resources.keep(call, "robot", await tell_each(call, "robot", there, content))
    return {
        "processQueryKey": sent.handle,
        "invalidStaffIdList": [each for each in req.user_ids if each not in there],
        "flowControlledStaffIdList": [],
        "filteredStaffIdList": [],
    }


@endpoints.newer("GET", "/v1.0/robot/oToMessages/readStatus", scope=SEND)
async def read_by_people(call: Call, req: OfPeople) -> dict[str, Any]:
    check_robot(call, req.robot_code)
    sent = resources.find(call, "robot", req.process_query_key)
    if sent is None or sent.created_at + READ_SHOWN_S <= call.now:
        raise NO_MESSAGE.error()
    return {
        "sendStatus": "RECALLED" if sent.recalled else "SUCCESS",
        "messageReadInfoList": await _read_rows(call, sent),
    }


@endpoints.newer("POST", "/v1.0/robot/otoMessages/batchRecall", scope=SEND)
async def recall_from_people(call: Call, req: RecallFromPeople) -> dict[str, Any]:
    check_robot(call, req.robot_code)
    done: list[str] = []
    failed: dict[str, str] = {}
    for key in _few(req.process_query_keys):
        sent = resources.find(call, "robot", key)
        if sent is None:
            failed[key] = NO_MESSAGE.message
        elif await resources.recall(call, sent):
            done.append(key)
        else:
            failed[key] = _TOO_LATE
    return {"successResult": done, "failedResult": failed}


# --- to groups, and to two people's own conversation that the robot was added to ---


@endpoints.newer("POST", "/v1.0/robot/groupMessages/send", scope=SEND)
async def send_to_group(call: Call, req: ToGroup) -> dict[str, Any]:
    return await _send(call, req, "group")


@endpoints.newer("POST", "/v1.0/robot/privateChatMessages/send", scope=SEND)
async def send_to_pair(call: Call, req: ToGroup) -> dict[str, Any]:
    return await _send(call, req, "single")


@endpoints.newer("POST", "/v1.0/robot/groupMessages/query", scope=SEND, reads=True)
def read_by_group(call: Call, req: OfGroup) -> dict[str, Any]:
    conversation, userids, more = _readers(call, req, "group")
    directory = Directory(call.tx, conversation.account)
    users = [{"userId": each, "unionId": directory.member(each).union_id} for each in userids]
    return {"sendStatus": "SUCCESS", "readUserIds": userids, "readUsers": users, **more}


@endpoints.newer("POST", "/v1.0/robot/privateChatMessages/query", scope=SEND, reads=True)
def read_by_pair(call: Call, req: OfGroup) -> dict[str, Any]:
    _, userids, more = _readers(call, req, "single")
    return {"sendStatus": "SUCCESS", "readUserIds": userids, **more}


@endpoints.newer("POST", "/v1.0/robot/groupMessages/recall", scope=SEND)
async def recall_from_group(call: Call, req: RecallFromGroup) -> dict[str, Any]:
    return await _recall(call, req, "group")


@endpoints.newer("POST", "/v1.0/robot/privateChatMessages/batchRecall", scope=SEND)
async def recall_from_pair(call: Call, req: RecallFromGroup) -> dict[str, Any]:
    return await _recall(call, req, "single")


@endpoints.newer("POST", "/v1.0/robot/groups/robots/query", scope=SEND, reads=True)
def robots_of_group(call: Call, req: OfConversation) -> dict[str, Any]:
    conversation = conversation_of(call, req.open_conversation_id, "group")
    rows = []
    for key in conversation.robots:
        application = call.tx.get(Application, key)
        if application is not None and application.account == call.account:
            rows.append({"robotCode": key, "name": application.name, "openRobotType": 1, "downloadIconURL": ""})
    return {"chatbotInstanceVOList": rows}


async def _send(call: Call, req: ToGroup, form: str) -> dict[str, Any]:
    check_robot(call, req.robot_code)
    conversation = conversation_of(call, req.open_conversation_id, form)
    if call.app.id not in conversation.robots:
        raise NOT_IN_GROUP.error()
    content = from_template(req.msg_key, req.msg_param)
    kept = await call.parts.messenger.post(conversation, robot_of(call), content)
    return {"processQueryKey": kept.id}


def _readers(call: Call, req: OfGroup, form: str) -> tuple[Conversation, list[str], dict[str, Any]]:
    check_robot(call, req.robot_code)
    conversation = conversation_of(call, req.open_conversation_id, form)
    kept = _own_message(call, conversation, req.process_query_key)
    if kept is None:
        raise NO_MESSAGE.error()
    readers = sorted(call.parts.messenger.readers(conversation, kept.sequence))
    there = [each for each in readers if call.parts.messenger.member(call.account, each) is not None]
    page, following = page_of(there, req.next_token, req.max_results, _MOST_ON_PAGE)
    return conversation, page, {"hasMore": bool(following), "nextToken": following}


async def _recall(call: Call, req: RecallFromGroup, form: str) -> dict[str, Any]:
    check_robot(call, req.robot_code)
    conversation = conversation_of(call, req.open_conversation_id, form)
    done: list[str] = []
    failed: dict[str, str] = {}
    for key in _few(req.process_query_keys):
        kept = _own_message(call, conversation, key)
        if kept is None:
            failed[key] = NO_MESSAGE.message
        elif call.parts.messenger.read(kept).recalled or kept.at + RECALLED_WITHIN_S <= call.now:
            failed[key] = _TOO_LATE
        else:
            await call.parts.messenger.recall(conversation, kept)
            done.append(key)
    return {"successResult": done, "failedResult": failed}


def _few(keys: list[str]) -> list[str]:
    """Each once."""
    if len(keys) > _MOST_KEYS:
        raise TOO_MANY.error(name="processQueryKeys", most=_MOST_KEYS)
    return list(dict.fromkeys(keys))


def _own_message(call: Call, conversation: Conversation, id: str) -> Kept | None:
    """What this robot said there; another's is as good as absent."""
    kept = call.parts.messenger.log.find(id)
    if kept is None or kept.conversation != conversation.id or kept.sender != f"application:{call.app.id}":
        return None
    return kept


async def _read_rows(call: Call, sent: Sent) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for userid, read_at in (await resources.read_at(call, sent)).items():
        member = call.parts.messenger.member(call.account, userid)
        row: dict[str, Any] = {"userId": userid, "name": member.name if member is not None else ""}
        row["readStatus"] = "READ" if read_at is not None else "UNREAD"
        if read_at is not None:
            row["readTimestamp"] = int(read_at * 1000)
        rows.append(row)
    return rows


def check_robot(call: Call, code: str) -> None:
    """The application's own; its code is the appKey."""
    if not code:
        raise MISSING.error(name="robotCode")
    if code != call.app.id:
        raise NOT_OWN_ROBOT.error()


def conversation_of(call: Call, id: str, form: str) -> Conversation:
    found = call.parts.messenger.find(call.account, id)
    if found is None or found.form != form or found.dissolved:
        raise NO_CONVERSATION.error()
    return found


async def tell_each(call: Call, form: Form, userids: list[str], content: Content) -> dict[str, str]:
    """Each in their own conversation with the application: the id of the message by userid. Some at once, and then
    others have their turn."""
    told: dict[str, str] = {}
    for first in range(0, len(userids), _AT_ONCE):
        some = userids[first : first + _AT_ONCE]
        conversations = await call.write(functools.partial(_each_between, call=call, form=form, userids=some))
        coming = [call.parts.messenger.post(each, robot_of(call), content) for each in conversations]
        told |= {userid: (await kept).id for userid, kept in zip(some, coming, strict=True)}
    return told


def _each_between(tx: Transaction, call: Call, form: Form, userids: list[str]) -> list[Conversation]:
    return [call.parts.messenger.between(tx, call.account, form, each, call.app.id) for each in userids]


def robot_of(call: Call) -> Sender:
    return Sender("application", call.app.id, call.app.name)
