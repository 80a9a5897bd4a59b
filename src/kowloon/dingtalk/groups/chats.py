"""Groups by their older id, `chat...`, on both hosts."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from kowloon.dingtalk.chat.resources import Conversation
from kowloon.dingtalk.groups import logic
from kowloon.dingtalk.platform.call import Call
from kowloon.dingtalk.platform.decode import Commas
from kowloon.dingtalk.platform.endpoints import endpoints
from kowloon.dingtalk.platform.errors import Refusal
from kowloon.dingtalk.sending.content import from_msg
from kowloon.dingtalk.sending.robots import robot_of

SCOPE: Final = "qyapi_chat_manage"
_MOST_TITLE: Final = 20
_MOST_AT_ONCE: Final = 40
_SETTINGS: Final = (
    "icon",
    "showHistoryType",
    "searchable",
    "validationType",
    "mentionAllAuthority",
    "managementType",
    "chatBannedType",
)

NO_MESSAGE = Refusal(34006, "invalidParameter.messageId.invalid", "messageId 不存在")


class Settings(msgspec.Struct, kw_only=True):
    icon: str | None = None
    show_history_type: int | None = msgspec.field(name="showHistoryType", default=None)
    searchable: int | None = None
    validation_type: int | None = msgspec.field(name="validationType", default=None)
    mention_all_authority: int | None = msgspec.field(name="mentionAllAuthority", default=None)
    management_type: int | None = msgspec.field(name="managementType", default=None)
    chat_banned_type: int | None = msgspec.field(name="chatBannedType", default=None)


class Create(Settings, kw_only=True):
    name: str
    owner: str
    useridlist: Commas[list[str]]


class Update(Settings, kw_only=True):
    chatid: str
    name: str | None = None
    owner: str | None = None
    add_useridlist: Commas[list[str]] = msgspec.field(default_factory=list)
    del_useridlist: Commas[list[str]] = msgspec.field(default_factory=list)


class OfChat(msgspec.Struct, kw_only=True):
    chatid: str


class Send(msgspec.Struct, kw_only=True):
    chatid: str
    msg: dict[str, Any]


class ReadList(msgspec.Struct, kw_only=True):
    message_id: str = msgspec.field(name="messageId")
    cursor: int = 0
    size: int = 100


class NewCreate(msgspec.Struct, kw_only=True):
    name: str
    owner: str
    useridlist: list[str]
    icon: str = ""
    options: dict[str, Any] = msgspec.field(name="managementOptions", default_factory=dict)


class NewUpdate(msgspec.Struct, kw_only=True):
    chatid: str
    name: str | None = None
    owner: str | None = None
    icon: str = ""
    add_useridlist: list[str] = msgspec.field(default_factory=list)
    del_useridlist: list[str] = msgspec.field(default_factory=list)
    options: dict[str, Any] = msgspec.field(name="managementOptions", default_factory=dict)


class Convert(msgspec.Struct, kw_only=True):
    chat_id: str = msgspec.field(name="chatId")


@endpoints.older("/chat/create", scope=SCOPE)
def create(call: Call, req: Create) -> dict[str, Any]:
    group = _create(call, req.name, req.owner, req.useridlist, _given(req))
    return {"chatid": group.chat_id, "openConversationId": group.id, "conversationTag": 2}


@endpoints.newer("POST", "/v1.0/im/group/create", scope=SCOPE)
def create_newer(call: Call, req: NewCreate) -> dict[str, Any]:
    group = _create(call, req.name, req.owner, req.useridlist, _options(req.icon, req.options))
    return {"chatid": group.chat_id, "openConversationId": group.id, "conversationTag": 2}


@endpoints.older("/chat/update", scope=SCOPE)
def update(call: Call, req: Update) -> None:
    _update(call, req.chatid, req.name, req.owner, req.add_useridlist, req.del_useridlist, _given(req))


@endpoints.newer("POST", "/v1.0/im/group/update", scope=SCOPE)
def update_newer(call: Call, req: NewUpdate) -> dict[str, Any]:
    settings = _options(req.icon, req.options)
    _update(call, req.chatid, req.name, req.owner, req.add_useridlist, req.del_useridlist, settings)
    return {"success": True}


@endpoints.older("/chat/get", methods="GET POST", scope=SCOPE, reads=True)
def get(call: Call, req: OfChat) -> dict[str, Any]:
    group = logic.find(call, req.chatid)
    return {
        "chat_info": {
            **{name: group.settings.get(name, "" if name == "icon" else 0) for name in _SETTINGS},
            "chatid": group.chat_id,
            "openConversationId": group.id,
            "name": group.title,
            "owner": group.owner,
            "useridlist": list(call.parts.messenger.members(group)),
            "extidlist": [],
            "conversationTag": 2,
            "status": 1,
        }
    }


@endpoints.older("/chat/send", scope=SCOPE)
async def send(call: Call, req: Send) -> dict[str, Any]:
    """The application itself is the sender; it need not be in the group."""
    group = await call.write(lambda tx: logic.find(call, req.chatid))
    kept = await call.parts.messenger.post(group, robot_of(call), from_msg(req.msg))
    return {"messageId": kept.id}


@endpoints.older("/chat/getReadList", methods="GET POST", scope=SCOPE, reads=True)
def read_list(call: Call, req: ReadList) -> dict[str, Any]:
    messenger = call.parts.messenger
    found = messenger.find_message(call.account, req.message_id)
    if found is None or found[1].sender != f"application:{call.app.id}":
        raise NO_MESSAGE.error()
    group, kept = found
    readers = sorted(messenger.readers(group, kept.sequence))
    start = max(req.cursor, 0)
    page = readers[start : start + max(1, min(req.size, 100))]
    following = start + len(page)
    return {"readUserIdList": page, "next_cursor": following if following < len(readers) else 0}


@endpoints.newer("POST", "/v1.0/im/chat/{chatId}/convertToOpenConversationId", scope=SCOPE, reads=True)
def convert(call: Call, req: Convert) -> dict[str, Any]:
    return {"openConversationId": logic.find(call, req.chat_id).id}


def _create(call: Call, name: str, owner: str, members: list[str], settings: dict[str, Any]) -> Conversation:
    if len(members) > _MOST_AT_ONCE:
        raise logic.TOO_MANY.error(name="useridlist", most=_MOST_AT_ONCE)
    return logic.create(call, title=name, owner=owner, members=members, most_title=_MOST_TITLE, settings=settings)


def _update(
    call: Call,
    chat_id: str,
    name: str | None,
    owner: str | None,
    added: list[str],
    removed: list[str],
    settings: dict[str, Any],
) -> None:
    for field, given in (("add_useridlist", added), ("del_useridlist", removed)):
        if len(given) > _MOST_AT_ONCE:
            raise logic.TOO_MANY.error(name=field, most=_MOST_AT_ONCE)
    group = logic.add(call, logic.find(call, chat_id), added)
    if owner is not None:
        group = logic.give_to(call, group, owner)
    group = logic.remove(call, group, removed)
    if name is not None:
        group = logic.rename(call, group, name, _MOST_TITLE)
    logic.set_up(call, group, settings)


def _given(req: Settings) -> dict[str, Any]:
    values = msgspec.to_builtins(req)
    return {name: values[name] for name in _SETTINGS if values.get(name) is not None}


def _options(icon: str, options: dict[str, Any]) -> dict[str, Any]:
    found = {name: options[name] for name in _SETTINGS if options.get(name) is not None}
    return {**found, "icon": icon} if icon else found
