"""What groups may be, and how they change. Pure but for the transaction; events are told by the call."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar, Final

import msgspec

from kowloon.core import limits
from kowloon.dingtalk.chat.resources import Conversation
from kowloon.dingtalk.contacts.directory import Directory
from kowloon.dingtalk.platform.call import Call, make_room, own_id
from kowloon.dingtalk.platform.errors import Refusal
from kowloon.store.resources import Resource

MOST_MEMBERS: Final = 1_000
NO_GROUP = Refusal(34001, "invalid.openConversationId", "会话不存在")
GONE = Refusal(34003, "group.dissolved", "群已被解散")
TITLE = Refusal(34004, "invalidParameter.name.invalid", "群名称长度应在 1 到 {most} 个字符之间")
OWNER = Refusal(34002, "invalidParameter.owner.invalid", "群主不是企业员工")
NOT_MEMBER = Refusal(34010, "invalidParameter.userIds.notMember", "用户 {userid} 不在群中")
STRANGER = Refusal(33012, "invalidParameter.userIds.invalid", "无效的USERID {userid}")
FULL = Refusal(34011, "group.overMax", f"群成员超过最大限制 {MOST_MEMBERS}")
OWNER_LEAVES = Refusal(34012, "invalidParameter.userIds.owner", "群主不能被移除")
TOO_MANY = Refusal(33014, "invalidParameter.{name}.overMax", "{name} 超过最大限制 {most}")
USED_TOKEN = Refusal(40035, "invalidRequest.duplicateClientToken", "uuid 已使用", 409)
TOO_MANY_GROUPS = Refusal(34013, "quotaExceeded.group", "企业中的群已达上限 {most}")


class GroupRequest(Resource, frozen=True, kw_only=True):
    """A uuid that made a group: the same one again makes no other."""

    kind: ClassVar[str] = "dingtalk-group-request"
    group: str


def create(
    call: Call,
    *,
    title: str,
    owner: str,
    members: Iterable[str],
    most_title: int,
    settings: dict[str, Any],
    template: str = "",
    sub_admins: Iterable[str] = (),
    with_robot: bool = False,
    uuid: str = "",
) -> Conversation:
    """The owner is a member. The calling application's robot comes with a scene group."""
    check_title(title, most_title)
    directory = Directory(call.tx, call.account)
    if directory.find_member(owner) is None:
        raise OWNER.error()
    if uuid and call.tx.get(GroupRequest, own_id(call.account, uuid)) is not None:
        raise USED_TOKEN.error()
    if len(call.all(Conversation)) >= limits.DINGTALK_CONVERSATIONS:
        raise TOO_MANY_GROUPS.error(most=limits.DINGTALK_CONVERSATIONS)
    people = check_people(directory, members)
    if len({owner, *people}) > MOST_MEMBERS:
        raise FULL.error()
    admins = tuple(check_people(directory, sub_admins))
    group = call.parts.messenger.new_group(
        call.tx,
        call.account,
        title=title,
        owner=owner,
        members=(*people, *admins),
        robots=(call.app.id,) if with_robot else (),
        template=template,
        settings=settings,
    )
    if admins:
        group = msgspec.structs.replace(group, sub_admins=admins)
        call.tx.put(group)
    if uuid:
        _remember(call, uuid, group.id)
    return group


def _remember(call: Call, uuid: str, group: str) -> None:
    make_room(call.tx, call.all(GroupRequest), limits.DINGTALK_RECORDS)
    call.tx.put(GroupRequest(id=own_id(call.account, uuid), account=call.account, created_at=call.now, group=group))


def find(call: Call, id: str) -> Conversation:
    """The organisation's group by either id. 34001 for what is none, 34003 for one that was dissolved."""
    found = call.parts.messenger.find(call.account, id) if id else None
    # A transaction sees its own writes.
    group = call.tx.get(Conversation, found.id) if found is not None else None
    if group is None or group.form != "group":
        raise NO_GROUP.error()
    if group.dissolved:
        raise GONE.error()
    return group


def check_title(title: str, most: int) -> None:
    if not 1 <= len(title) <= most:
        raise TITLE.error(most=most)


def check_people(directory: Directory, userids: Iterable[str]) -> list[str]:
    people = list(dict.fromkeys(userids))
    for userid in people:
        if directory.find_member(userid) is None:
            raise STRANGER.error(userid=userid)
    return people


def add(call: Call, group: Conversation, userids: Iterable[str]) -> Conversation:
    """Who is in it already stays."""
    people = check_people(Directory(call.tx, call.account), userids)
    fresh = [each for each in people if each not in group.members]
    if len(group.members) + len(fresh) > MOST_MEMBERS:
        raise FULL.error()
    if not fresh:
        return group
    changed = msgspec.structs.replace(group, members=(*group.members, *fresh))
    call.tx.put(changed)
    call.emit("chat_add_member", **_told(group), userId=fresh)
    return changed


def remove(
    call: Call, group: Conversation, userids: Iterable[str], *, event: str = "chat_remove_member"
) -> Conversation:
    """Who is not in it is passed over; the owner cannot be removed. `event`: chat_quit of who leaves."""
    gone = [each for each in dict.fromkeys(userids) if each in group.members]
    if group.owner in gone:
        raise OWNER_LEAVES.error()
    if not gone:
        return group
    changed = msgspec.structs.replace(
        group,
        members=tuple([each for each in group.members if each not in gone]),
        sub_admins=tuple([each for each in group.sub_admins if each not in gone]),
    )
    call.tx.put(changed)
    call.emit(event, **_told(group), userId=gone)
    return changed


def rename(call: Call, group: Conversation, title: str, most: int) -> Conversation:
    check_title(title, most)
    if title == group.title:
        return group
    changed = msgspec.structs.replace(group, title=title)
    call.tx.put(changed)
    call.emit("chat_update_title", **_told(group), title=title)
    return changed


def give_to(call: Call, group: Conversation, owner: str) -> Conversation:
    """To a member of it."""
    if owner == group.owner:
        return group
    if owner not in group.members:
        raise NOT_MEMBER.error(userid=owner)
    changed = msgspec.structs.replace(group, owner=owner)
    call.tx.put(changed)
    call.emit("chat_update_owner", **_told(group), owner=owner)
    return changed


def set_up(call: Call, group: Conversation, settings: dict[str, Any]) -> Conversation:
    if not settings:
        return group
    changed = msgspec.structs.replace(group, settings={**group.settings, **settings})
    call.tx.put(changed)
    return changed


def set_sub_admins(call: Call, group: Conversation, userids: Iterable[str], *, are: bool) -> Conversation:
    named = list(dict.fromkeys(userids))
    for userid in named:
        if userid not in group.members:
            raise NOT_MEMBER.error(userid=userid)
    rest = [each for each in group.sub_admins if each not in named]
    changed = msgspec.structs.replace(group, sub_admins=(*rest, *named) if are else tuple(rest))
    call.tx.put(changed)
    return changed


def dissolve(call: Call, group: Conversation) -> None:
    call.tx.put(msgspec.structs.replace(group, dissolved=True))
    call.emit("chat_disband", **_told(group))


def _told(group: Conversation) -> dict[str, Any]:
    return {"chatId": group.chat_id, "openConversationId": group.id}


RESOURCES: tuple[type[Resource], ...] = (GroupRequest,)
