"""The status that others see of a member: one at a time, from when to when (milliseconds). Paths and fields are spelt
as the official SDK spells them."""

from __future__ import annotations

from typing import Any

import msgspec

from kowloon.dingtalk.contacts import errors
from kowloon.dingtalk.contacts.departments import WRITE
from kowloon.dingtalk.contacts.directory import Directory
from kowloon.dingtalk.contacts.resources import Member
from kowloon.dingtalk.platform.call import Call
from kowloon.dingtalk.platform.endpoints import endpoints
from kowloon.dingtalk.platform.errors import Refusal

_MOST_CHARACTERS = 64
_PATH = "/v1.0/contact/orgAccounts"

NOT_FOUND = Refusal(400002, "invalidParameter.ownness.notFound", "工作状态不存在", 404)
TIMES = Refusal(400002, "invalidParameter.endTime.invalid", "结束时间应晚于开始时间")


class Banner(msgspec.Struct, kw_only=True, rename="camel"):
    user_id: str
    ownness_id: int
    ownenss_type: int
    text: str
    start_time: int
    end_time: int


class Named(msgspec.Struct, kw_only=True, rename="camel"):
    user_id: str
    ownness_id: int
    ownenss_type: int


class Change(msgspec.Struct, kw_only=True, rename="camel"):
    user_id: str
    id: int
    ownenss_type: int | None = None
    start_time: int | None = None
    end_time: int | None = None
    deleted_flag: int = 0


@endpoints.newer("POST", f"{_PATH}/owness", scope=WRITE)
def add(call: Call, req: Banner) -> dict[str, Any]:
    """Instead of the one that there was."""
    member = Directory(call.tx, call.account).member(req.user_id)
    _put(call, member, req.ownness_id, req.ownenss_type, req.text, req.start_time, req.end_time)
    return {"result": 1}


@endpoints.newer("PUT", f"{_PATH}/owness", scope=WRITE)
def modify(call: Call, req: Banner) -> dict[str, Any]:
    member = _with_banner(call, req.user_id, req.ownness_id, req.ownenss_type)
    _put(call, member, req.ownness_id, req.ownenss_type, req.text, req.start_time, req.end_time)
    return {"result": True}


@endpoints.newer("DELETE", f"{_PATH}/ownness", scope=WRITE)
def delete(call: Call, req: Named) -> dict[str, Any]:
    member = _with_banner(call, req.user_id, req.ownness_id, req.ownenss_type)
    call.tx.put(msgspec.structs.replace(member, banner={}))
    return {"result": True}


@endpoints.newer("PUT", "/v1.0/contact/user/{userId}/ownness", scope=WRITE)
def change(call: Call, req: Change) -> dict[str, Any]:
    """`deletedFlag` 1 takes it away."""
    member = _with_banner(call, req.user_id, req.id, req.ownenss_type)
    if req.deleted_flag:
        call.tx.put(msgspec.structs.replace(member, banner={}))
    else:
        kept = member.banner
        start = kept["startTime"] if req.start_time is None else req.start_time
        end = kept["endTime"] if req.end_time is None else req.end_time
        _put(call, member, req.id, kept["type"], kept["text"], start, end)
    return {"result": "true"}


def _with_banner(call: Call, userid: str, id: int, kind: int | None) -> Member:
    member = Directory(call.tx, call.account).member(userid)
    if member.banner.get("id") != id or kind not in (None, member.banner["type"]):
        raise NOT_FOUND.error()
    return member


def _put(call: Call, member: Member, id: int, kind: int, text: str, start: int, end: int) -> None:
    if not 1 <= len(text) <= _MOST_CHARACTERS:
        raise errors.NAME_TOO_LONG.error(most=_MOST_CHARACTERS)
    if end <= start:
        raise TIMES.error()
    banner = {"id": id, "type": kind, "text": text, "startTime": start, "endTime": end}
    call.tx.put(msgspec.structs.replace(member, banner=banner))
    call.emit("user_modify_org", userId=[member.userid])
