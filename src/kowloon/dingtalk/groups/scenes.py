"""Scene groups: made from a template, with the application's robot in them. In three spellings, as the vendor has them.

Templates are the developer console's; here any id is taken as one that is enabled.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from kowloon.dingtalk.chat.resources import Conversation
from kowloon.dingtalk.contacts.directory import Directory
from kowloon.dingtalk.groups import logic
from kowloon.dingtalk.platform.call import Call
from kowloon.dingtalk.platform.decode import Commas, page_of
from kowloon.dingtalk.platform.endpoints import endpoints
from kowloon.dingtalk.platform.errors import MISSING, Refusal

SCOPE: Final = "qyapi_chat_manage"
_MOST_TITLE: Final = 100
_MOST_AT_ONCE: Final = 999
_MOST_ON_PAGE: Final = 1_000

WRONG_ROLE = Refusal(40035, "invalidParameter.role.invalid", "role 只能为 2 或 3")


class Create(msgspec.Struct, kw_only=True):
    title: str
    template_id: str
    owner_user_id: str
    user_ids: Commas[list[str]] = msgspec.field(default_factory=list)
    subadmin_ids: Commas[list[str]] = msgspec.field(default_factory=list)
    uuid: str = ""
    icon: str = ""
    management_options: dict[str, Any] = msgspec.field(default_factory=dict)


class CreateCamel(msgspec.Struct, kw_only=True, rename="camel"):
    group_name: str
    template_id: str
    group_owner_id: str
    user_id_list: list[str] = msgspec.field(default_factory=list)
    uuid: str = ""
    icon: str = ""
    management_options: dict[str, Any] = msgspec.field(default_factory=dict)


class Change(msgspec.Struct, kw_only=True):
    open_conversation_id: str
    title: str | None = None
    owner_user_id: str | None = None
    icon: str = ""
    management_options: dict[str, Any] = msgspec.field(default_factory=dict)


class People(msgspec.Struct, kw_only=True):
    open_conversation_id: str
    user_ids: Commas[list[str]] = msgspec.field(default_factory=list)
    union_ids: Commas[list[str]] = msgspec.field(default_factory=list)


class OfGroup(msgspec.Struct, kw_only=True, rename="camel"):
    open_conversation_id: str


class OfGroupSnake(msgspec.Struct, kw_only=True):
    open_conversation_id: str


class Members(msgspec.Struct, kw_only=True, rename="camel"):
    open_conversation_id: str
    max_results: int = 100
    next_token: str = ""


class MembersByCursor(msgspec.Struct, kw_only=True, rename="camel"):
    open_conversation_id: str
    cursor: str = ""
    size: int = 100


class SubAdmins(msgspec.Struct, kw_only=True, rename="camel"):
    open_conversation_id: str
    user_ids: list[str] = msgspec.field(default_factory=list)
    role: int


def _create(call: Call, req: Create) -> Conversation:
    return logic.create(
        call,
        title=req.title,
        owner=req.owner_user_id,
        members=_few("user_ids", req.user_ids),
        most_title=_MOST_TITLE,
        settings={**req.management_options, **({"icon": req.icon} if req.icon else {})},
        template=req.template_id,
        sub_admins=_few("subadmin_ids", req.subadmin_ids),
        with_robot=True,
        uuid=req.uuid,
    )


@endpoints.newer("POST", "/v1.0/im/sceneGroup/create", scope=SCOPE)
def create(call: Call, req: Create) -> dict[str, Any]:
    group = _create(call, req)
    return {"open_conversation_id": group.id, "chat_id": group.chat_id}


@endpoints.older("/topapi/im/chat/scenegroup/create", scope=SCOPE)
def create_older(call: Call, req: Create) -> dict[str, Any]:
    group = _create(call, req)
    return {"result": {"open_conversation_id": group.id, "chat_id": group.chat_id}}


@endpoints.newer("POST", "/v1.0/im/sceneGroups", scope=SCOPE)
def create_camel(call: Call, req: CreateCamel) -> dict[str, Any]:
    same = Create(
        title=req.group_name,
        template_id=req.template_id,
        owner_user_id=req.group_owner_id,
        user_ids=req.user_id_list,
        uuid=req.uuid,
        icon=req.icon,
        management_options=req.management_options,
    )
    return {"openConversationId": _create(call, same).id}


@endpoints.newer("POST", "/v1.0/im/sceneGroup/update", scope=SCOPE)
def update(call: Call, req: Change) -> dict[str, Any]:
    group = logic.find(call, req.open_conversation_id)
    if req.owner_user_id is not None:
        group = logic.give_to(call, group, req.owner_user_id)
    if req.title is not None:
        group = logic.rename(call, group, req.title, _MOST_TITLE)
    logic.set_up(call, group, {**req.management_options, **({"icon": req.icon} if req.icon else {})})
    return {"success": True}


@endpoints.newer("POST", "/v1.0/im/sceneGroup/member/add", scope=SCOPE)
def add(call: Call, req: People) -> dict[str, Any]:
    logic.add(call, logic.find(call, req.open_conversation_id), _named(call, req))
    return {"success": True}


@endpoints.older("/topapi/im/chat/scenegroup/member/add", scope=SCOPE)
def add_older(call: Call, req: People) -> dict[str, Any]:
    return add(call, req)


@endpoints.newer("POST", "/v1.0/im/sceneGroup/member/delete", scope=SCOPE)
def remove(call: Call, req: People) -> dict[str, Any]:
    logic.remove(call, logic.find(call, req.open_conversation_id), _named(call, req))
    return {"success": True}


@endpoints.older("/topapi/im/chat/scenegroup/member/delete", scope=SCOPE)
def remove_older(call: Call, req: People) -> dict[str, Any]:
    return remove(call, req)


@endpoints.newer("POST", "/v1.0/im/sceneGroups/query", scope=SCOPE, reads=True)
def query(call: Call, req: OfGroup) -> dict[str, Any]:
    group = logic.find(call, req.open_conversation_id)
    return {
        "success": True,
        "openConversationId": group.id,
        "templateId": group.template,
        "title": group.title,
        "ownerUserId": group.owner,
        "icon": group.settings.get("icon", ""),
        "groupUrl": f"dingtalk://dingtalkclient/action/jumpgroup?cid={group.id}",
        "status": 1,
    }


@endpoints.older("/topapi/im/chat/scenegroup/get", scope=SCOPE, reads=True)
def query_older(call: Call, req: OfGroupSnake) -> dict[str, Any]:
    group = logic.find(call, req.open_conversation_id)
    return {
        "result": {
            "open_conversation_id": group.id,
            "template_id": group.template,
            "title": group.title,
            "owner_user_id": group.owner,
            "user_ids": list(call.parts.messenger.members(group)),
            "sub_admin_ids": list(group.sub_admins),
            "icon": group.settings.get("icon", ""),
            "management_options": {name: value for name, value in group.settings.items() if name != "icon"},
            "status": 1,
        }
    }


@endpoints.newer("POST", "/v1.0/im/sceneGroups/members/batchQuery", scope=SCOPE, reads=True)
def members(call: Call, req: Members) -> dict[str, Any]:
    people = call.parts.messenger.members(logic.find(call, req.open_conversation_id))
    page, following = page_of(people, req.next_token, req.max_results, _MOST_ON_PAGE)
    return {"success": True, "memberUserIds": page, "hasMore": bool(following), "nextToken": following}


@endpoints.newer("POST", "/v1.0/im/sceneGroups/members/query", scope=SCOPE, reads=True)
def members_by_cursor(call: Call, req: MembersByCursor) -> dict[str, Any]:
    people = call.parts.messenger.members(logic.find(call, req.open_conversation_id))
    page, following = page_of(people, req.cursor, req.size, _MOST_ON_PAGE)
    return {"success": True, "memberUserIds": page, "hasMore": bool(following), "nextCursor": following}


@endpoints.newer("PUT", "/v1.0/im/sceneGroups/subAdmins", scope=SCOPE)
def sub_admins(call: Call, req: SubAdmins) -> dict[str, Any]:
    if req.role not in (2, 3):
        raise WRONG_ROLE.error()
    logic.set_sub_admins(call, logic.find(call, req.open_conversation_id), req.user_ids, are=req.role == 2)
    return {"success": True}


@endpoints.newer("POST", "/v1.0/im/chat/scenegroup/disband", scope=SCOPE)
def disband(call: Call, req: OfGroup) -> dict[str, Any]:
    logic.dissolve(call, logic.find(call, req.open_conversation_id))
    return {"success": True}


def _named(call: Call, req: People) -> list[str]:
    """By userid or unionId."""
    directory = Directory(call.tx, call.account)
    named = list(_few("user_ids", req.user_ids))
    for union_id in _few("union_ids", req.union_ids):
        member = directory.by_union_id(union_id)
        if member is None:
            raise logic.STRANGER.error(userid=union_id)
        named.append(member.userid)
    if not named:
        raise MISSING.error(name="user_ids")
    return named


def _few(name: str, given: list[str]) -> list[str]:
    if len(given) > _MOST_AT_ONCE:
        raise logic.TOO_MANY.error(name=name, most=_MOST_AT_ONCE)
    return given
