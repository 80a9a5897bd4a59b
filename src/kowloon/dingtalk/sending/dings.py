"""DINGs: messages that insist. One by the application stands in the person's conversation with the robot, marked as
urgent. One by text message or telephone stands there as well and says so: nothing goes out to telephones from here."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from kowloon.dingtalk.contacts.directory import Directory
from kowloon.dingtalk.messages import Content
from kowloon.dingtalk.platform.call import Call
from kowloon.dingtalk.platform.endpoints import endpoints
from kowloon.dingtalk.platform.errors import MISSING, Refusal
from kowloon.dingtalk.sending import resources
from kowloon.dingtalk.sending.robots import TOO_MANY, check_robot, tell_each

SCOPE: Final = "Robot.DING.Send"
_MOST_PEOPLE: Final = 200
_MOST_CHARACTERS: Final = 2_000
_WAYS: Final = {1: "app", 2: "sms", 3: "phone"}

NO_DING = Refusal(34006, "invalidParameter.openDingId.invalid", "openDingId 不存在")
WRONG_WAY = Refusal(40035, "invalidParameter.remindType.invalid", "remindType 只能为 1、2、3")
CONTENT = Refusal(40035, "invalidParameter.content.invalid", f"content 长度应在 1 到 {_MOST_CHARACTERS} 之间")


class Ding(msgspec.Struct, kw_only=True, rename="camel"):
    robot_code: str = ""
    remind_type: int
    receiver_user_id_list: list[str]
    content: str
    call_voice: str = ""


class OfDing(msgspec.Struct, kw_only=True, rename="camel"):
    robot_code: str = ""
    open_ding_id: str


@endpoints.newer("POST", "/v1.0/robot/ding/send", scope=SCOPE)
async def send(call: Call, req: Ding) -> dict[str, Any]:
    check_robot(call, req.robot_code)
    way = _WAYS.get(req.remind_type)
    if way is None:
        raise WRONG_WAY.error()
    if not req.receiver_user_id_list:
        raise MISSING.error(name="receiverUserIdList")
    if len(req.receiver_user_id_list) > _MOST_PEOPLE:
        raise TOO_MANY.error(name="receiverUserIdList", most=_MOST_PEOPLE)
    if not 1 <= len(req.content) <= _MOST_CHARACTERS:
        raise CONTENT.error()
    directory = Directory(call.store, call.account)
    named = list(dict.fromkeys(req.receiver_user_id_list))
    there = [each for each in named if directory.find_member(each) is not None]
    body = {"msgtype": "ding", "ding": {"content": req.content, "way": way}}
    content = Content(message_type="ding", title="", text=req.content, body=body)
    sent = await resources.keep(call, "ding", await tell_each(call, "robot", there, content))
    absent = [each for each in named if each not in there]
    return {"openDingId": sent.handle, "failedList": {"invalidUserIds": absent} if absent else {}}


@endpoints.newer("POST", "/v1.0/robot/ding/recall", scope=SCOPE)
async def recall(call: Call, req: OfDing) -> dict[str, Any]:
    check_robot(call, req.robot_code)
    sent = resources.find(call, "ding", req.open_ding_id)
    if sent is None or not await resources.recall(call, sent):
        raise NO_DING.error()
    return {"openDingId": sent.handle}


@endpoints.newer("POST", "/v1.0/robot/ding/readStatuses/query", scope=SCOPE, reads=True)
async def read(call: Call, req: OfDing) -> dict[str, Any]:
    check_robot(call, req.robot_code)
    sent = resources.find(call, "ding", req.open_ding_id)
    if sent is None:
        raise NO_DING.error()
    rows = [
        {"userId": userid, "readStatus": "READ" if at is not None else "UNREAD"}
        for userid, at in (await resources.read_at(call, sent)).items()
    ]
    return {"success": True, "result": {"robotDingReadInfoList": rows}}
