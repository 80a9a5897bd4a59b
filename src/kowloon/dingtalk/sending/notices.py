"""Work notifications: an application's messages to people and departments, each in that person's own conversation with
it. The vendor drops silently what is over a quota, and tells it in the result; so does this."""

from __future__ import annotations

import hashlib
from collections import Counter
from typing import Any, Final

import msgspec

from kowloon.dingtalk.contacts.directory import Directory
from kowloon.dingtalk.contacts.resources import Member
from kowloon.dingtalk.platform.call import Call
from kowloon.dingtalk.platform.decode import Commas
from kowloon.dingtalk.platform.endpoints import endpoints
from kowloon.dingtalk.platform.errors import Refusal
from kowloon.dingtalk.sending import resources
from kowloon.dingtalk.sending.content import from_msg
from kowloon.dingtalk.sending.resources import Sent
from kowloon.dingtalk.sending.robots import tell_each

_DAY_S: Final = 24 * 3600.0
_MOST_PEOPLE, _MOST_DEPARTMENTS, _MOST_RECIPIENTS = 100, 20, 5_000
_MOST_A_DAY, _MOST_TO_ALL_A_DAY = 500, 3
# Why somebody got nothing, as the vendor's result tells it.
_OVER_A_DAY, _SAME_CONTENT = "143105", "143106"

WRONG_AGENT = Refusal(40011, "invalidParameter.agentId.invalid", "不合法的agentid")
NOBODY = Refusal(41010, "invalidParameter.userIds.empty", "userid_list、dept_id_list、to_all_user 不能同时为空")
TOO_MANY = Refusal(33014, "invalidParameter.{name}.overMax", "{name} 超过最大限制 {most}")
TO_ALL_TOO_OFTEN = Refusal(400005, "invalidParameter.toAllUser.overMax", "全员消息每天最多发送 3 次")
NO_TASK = Refusal(34007, "invalidParameter.taskId.invalid", "task_id 不存在")
TOO_LATE = Refusal(34008, "invalidParameter.taskId.expired", "消息已撤回或超过可撤回时间")
NOT_OA = Refusal(34009, "invalidParameter.taskId.type", "只支持更新OA消息的状态栏")


class Send(msgspec.Struct, kw_only=True):
    agent_id: int
    msg: dict[str, Any]
    userid_list: Commas[list[str]] = msgspec.field(default_factory=list)
    dept_id_list: Commas[list[int]] = msgspec.field(default_factory=list)
    to_all_user: bool = False


class OfTask(msgspec.Struct, kw_only=True):
    agent_id: int
    task_id: int


class Recall(msgspec.Struct, kw_only=True):
    agent_id: int
    msg_task_id: int


class StatusBar(msgspec.Struct, kw_only=True):
    agent_id: int
    task_id: int
    status_value: str
    status_bg: str = ""


@endpoints.older("/topapi/message/corpconversation/asyncsend_v2")
async def send(call: Call, req: Send) -> dict[str, Any]:
    _check_agent(call, req.agent_id)
    if len(req.userid_list) > _MOST_PEOPLE:
        raise TOO_MANY.error(name="userid_list", most=_MOST_PEOPLE)
    if len(req.dept_id_list) > _MOST_DEPARTMENTS:
        raise TOO_MANY.error(name="dept_id_list", most=_MOST_DEPARTMENTS)
    if not (req.userid_list or req.dept_id_list or req.to_all_user):
        raise NOBODY.error()
    content = from_msg(req.msg)
    earlier = _of_today(call)
    if req.to_all_user and sum(each.to_all for each in earlier) >= _MOST_TO_ALL_A_DAY:
        raise TO_ALL_TOO_OFTEN.error()
    people, strangers, unknown = _recipients(call, req)
    digest = hashlib.blake2b(msgspec.json.encode(content.body), digest_size=16).hexdigest()
    left_out = _over_quota(earlier, people, digest)
    there = [each for each in people if each not in left_out]
    sent = await resources.keep(
        call,
        "notice",
        await tell_each(call, "notice", there, content),
        handle=call.ids.digits(12),
        left_out=left_out,
        invalid=tuple(strangers),
        invalid_departments=tuple(unknown),
        digest=digest,
        to_all=req.to_all_user,
    )
    return {"task_id": int(sent.handle)}


@endpoints.older("/topapi/message/corpconversation/getsendprogress", reads=True)
def progress(call: Call, req: OfTask) -> dict[str, Any]:
    """Sending is done when its call is answered."""
    _sent(call, req.agent_id, req.task_id)
    return {"progress": {"progress_in_percent": 100, "status": 2}}


@endpoints.older("/topapi/message/corpconversation/getsendresult", reads=True)
async def result(call: Call, req: OfTask) -> dict[str, Any]:
    sent = _sent(call, req.agent_id, req.task_id)
    read = await resources.read_at(call, sent)
    return {
        "send_result": {
            "invalid_user_id_list": list(sent.invalid),
            "forbidden_user_id_list": list(sent.left_out),
            "failed_user_id_list": [],
            "read_user_id_list": [each for each, at in read.items() if at is not None],
            "unread_user_id_list": [each for each, at in read.items() if at is None],
            "invalid_dept_id_list": list(sent.invalid_departments),
            "forbidden_list": [
                {"code": code, "count": _MOST_A_DAY if code == _OVER_A_DAY else 1, "userid": userid}
                for userid, code in sent.left_out.items()
            ],
        }
    }


@endpoints.older("/topapi/message/corpconversation/recall")
async def recall(call: Call, req: Recall) -> None:
    if not await resources.recall(call, _sent(call, req.agent_id, req.msg_task_id)):
        raise TOO_LATE.error()


@endpoints.older("/topapi/message/corpconversation/status_bar/update")
async def update_status_bar(call: Call, req: StatusBar) -> None:
    sent = _sent(call, req.agent_id, req.task_id)
    messenger = call.parts.messenger
    for id in sent.messages.values():
        found = messenger.find_message(call.account, id)
        if found is None:
            continue
        conversation, kept = found
        said = messenger.read(kept)
        if said.recalled:
            raise TOO_LATE.error()
        if said.type != "oa":
            raise NOT_OA.error()
        bar = {"status_value": req.status_value, "status_bg": req.status_bg}
        body = {**said.body, "oa": {**said.body["oa"], "status_bar": bar}}
        await messenger.replace(conversation, kept, msgspec.structs.replace(said, body=body))


def _check_agent(call: Call, agent_id: int) -> None:
    if agent_id != call.app.agent_id:
        raise WRONG_AGENT.error()


def _sent(call: Call, agent_id: int, task: int) -> Sent:
    _check_agent(call, agent_id)
    sent = resources.find(call, "notice", str(task))
    if sent is None:
        raise NO_TASK.error()
    return sent


def _recipients(call: Call, req: Send) -> tuple[list[str], list[str], list[int]]:
    """Who is meant and there, who is not there, which departments are not."""
    directory = Directory(call.store, call.account)
    members = directory.all(Member)
    if req.to_all_user:
        return _bounded([each.userid for each in members]), [], []
    known = {each.userid for each in members}
    people = [each for each in req.userid_list if each in known]
    unknown: list[int] = []
    for number in req.dept_id_list:
        if not directory.has_department(number):
            unknown.append(number)
            continue
        meant = {number, *[each.number for each in directory.below(number)]}
        people += [each.userid for each in members if not meant.isdisjoint(each.departments)]
    strangers = [each for each in req.userid_list if each not in known]
    return _bounded(list(dict.fromkeys(people))), strangers, unknown


def _bounded(people: list[str]) -> list[str]:
    if len(people) > _MOST_RECIPIENTS:
        raise TOO_MANY.error(name="to_all_user", most=_MOST_RECIPIENTS)
    return people


def _of_today(call: Call) -> list[Sent]:
    """The application's work notifications of the last 24 hours."""
    return [
        each
        for each in call.store.list(Sent, account=call.account)
        if each.way == "notice" and each.application == call.app.id and each.created_at > call.now - _DAY_S
    ]


def _over_quota(earlier: list[Sent], people: list[str], digest: str) -> dict[str, str]:
    got = Counter(userid for each in earlier for userid in each.messages)
    same = {userid for each in earlier if each.digest == digest for userid in each.messages}
    return {
        userid: _SAME_CONTENT if userid in same else _OVER_A_DAY
        for userid in people
        if userid in same or got[userid] >= _MOST_A_DAY
    }
