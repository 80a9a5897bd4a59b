"""Conversations as the chat page has them: the list, one of them, its messages, who is in it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import Any, TypeVar

import msgspec

from kowloon.actions.routes import json_body
from kowloon.dingtalk.chat.resources import Conversation
from kowloon.dingtalk.contacts.directory import check_room
from kowloon.dingtalk.contacts.resources import Application, Member, Role
from kowloon.dingtalk.groups import logic
from kowloon.dingtalk.page import errors
from kowloon.dingtalk.page.calls import PageCall, asked_number
from kowloon.dingtalk.page.people import role_row
from kowloon.dingtalk.page.resources import Preferences
from kowloon.dingtalk.page.shown import conversation_row, message, name_row
from kowloon.dingtalk.platform.call import Call, own_id
from kowloon.engines.messages.log import Kept
from kowloon.store.store import Transaction

T = TypeVar("T")

MOST_TITLE = 50
RECALLED_WITHIN_S = 24 * 3600.0
_PAGE = 50
_AT_ONCE = 50
_MOST_PAGE = 200


class NewConversation(msgspec.Struct, forbid_unknown_fields=True):
    """A group with a title, or a conversation `with_person` or `with_robot`."""

    title: str = ""
    members: tuple[str, ...] = ()
    robots: tuple[str, ...] = ()
    with_person: str = ""
    with_robot: str = ""


class MembersBody(msgspec.Struct, forbid_unknown_fields=True):
    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()
    robots: tuple[str, ...] = ()


class MuteBody(msgspec.Struct, forbid_unknown_fields=True):
    muted: bool


class Nothing(msgspec.Struct, forbid_unknown_fields=True):
    """A body without fields."""


def of_caller(call: Call, given: dict[str, str]) -> Conversation:
    """The one that is asked for, when the caller is in it; any other is as good as absent."""
    messenger = call.parts.messenger
    found = messenger.find(call.account, given["id"])
    if found is None or not messenger.belongs(found, call.person.userid):
        raise errors.NO_CONVERSATION.error()
    return found


def leads(group: Conversation, member: Member) -> bool:
    return member.userid == group.owner or member.userid in group.sub_admins or member.admin


def message_of(call: Call, given: dict[str, str]) -> tuple[Conversation, Kept]:
    """One of a conversation of the caller's."""
    conversation = of_caller(call, given)
    kept = call.parts.messenger.log.find(given["message"])
    if kept is None or kept.conversation != conversation.id:
        raise errors.NO_MESSAGE.error()
    return conversation, kept


def _muted(call: Call) -> tuple[str, ...]:
    kept = call.store.get(Preferences, call.person.id)
    return kept.muted if kept is not None else ()


def _row(call: Call, conversation: Conversation) -> dict[str, Any]:
    muted = conversation.id in _muted(call)
    return conversation_row(call.parts.messenger, call.store, conversation, call.person.userid, muted)


async def listed(call: Call, given: dict[str, str]) -> dict[str, Any]:
    muted, messenger, userid = _muted(call), call.parts.messenger, call.person.userid
    rows: list[dict[str, Any]] = []
    async for each in _by_and_by(messenger.of_member(call.account, userid)):
        rows.append(conversation_row(messenger, call.store, each, userid, each.id in muted))
    return {"conversations": rows}


async def _by_and_by(found: Iterable[T]) -> AsyncIterator[T]:
    """Others have their turn when these are thousands."""
    for place, each in enumerate(found, 1):
        yield each
        if place % _AT_ONCE == 0:
            await asyncio.sleep(0)


async def one(call: Call, given: dict[str, str]) -> dict[str, Any]:
    """With who is in it, what posts they hold, and how far each has read."""
    conversation = of_caller(call, given)
    messenger = call.parts.messenger
    by_member: dict[str, list[dict[str, Any]]] = {}
    for role in call.all(Role):
        for userid in role.members:
            by_member.setdefault(userid, []).append(role_row(role))
    people: list[dict[str, Any]] = []
    async for each in _by_and_by(messenger.members(conversation)):
        member = messenger.member(call.account, each)
        if member is not None:
            people.append({**name_row(member), "roles": by_member.get(each, [])})
    return {
        **_row(call, conversation),
        "sub_admins": conversation.sub_admins,
        "everyone": conversation.everyone,
        "people": people,
        "marks": {userid: [read, at] for userid, (read, at) in messenger.log.marks(conversation.id).items()},
    }


def messages(call: Call, given: dict[str, str]) -> dict[str, Any]:
    """Ascending: those behind `after`, or the last ones before `before`; the last ones of all where neither is
    given."""
    conversation = of_caller(call, given)
    log = call.parts.messenger.log
    after, before = asked_number(call, "after", 0), asked_number(call, "before", 0)
    most = asked_number(call, "most", _PAGE, least=1, most=_MOST_PAGE)
    if not after and not before:
        before = log.last(conversation.id) + 1
    found = log.read(conversation.id, after=after, before=before, most=most)
    return {"messages": [message(call.parts.messenger, each) for each in found], "sequence": log.last(conversation.id)}


async def begin(call: Call, given: dict[str, str]) -> dict[str, Any]:
    """A new group, whose owner the caller is; or the one conversation with a person or a robot."""
    asked = json_body(call.request, NewConversation)
    if asked.with_person or asked.with_robot:
        if asked.title or asked.members or bool(asked.with_person) == bool(asked.with_robot):
            raise errors.ONE_OTHER.error()
        return _row(call, await call.write(lambda tx: _between(call, tx, asked)))
    return _row(call, await call.write(lambda tx: _group(call, tx, asked)))


def _between(call: Call, tx: Transaction, asked: NewConversation) -> Conversation:
    check_room(tx, call.account, Conversation, "conversations")
    messenger, own = call.parts.messenger, call.person.userid
    if asked.with_robot:
        robot = _known_robots(call, tx, (asked.with_robot,))[0]
        return messenger.between(tx, call.account, "robot", own, robot)
    other = _known_people(call, tx, (asked.with_person,))[0]
    if other == own:
        raise errors.NOBODY_ELSE.error()
    return messenger.between(tx, call.account, "single", own, other)


def _group(call: Call, tx: Transaction, asked: NewConversation) -> Conversation:
    check_room(tx, call.account, Conversation, "conversations")
    title = asked.title.strip()
    if not 1 <= len(title) <= MOST_TITLE:
        raise errors.TITLE.error(most=MOST_TITLE)
    members = _known_people(call, tx, asked.members)
    robots = _known_robots(call, tx, asked.robots)
    if not robots and not set(members) - {call.person.userid}:
        raise errors.NOBODY_ELSE.error()
    if len({call.person.userid, *members}) > logic.MOST_MEMBERS:
        raise logic.FULL.error()
    return call.parts.messenger.new_group(
        tx, call.account, title=title, owner=call.person.userid, members=members, robots=robots
    )


async def change_members(call: Call, given: dict[str, str]) -> dict[str, Any]:
    """Owner and administrators of a group bring people in and take them out; everybody may leave."""
    asked = json_body(call.request, MembersBody)
    before = of_caller(call, given)
    if before.form != "group" or before.everyone:
        raise errors.NOT_A_GROUP.error()
    await call.write(lambda tx: _change_members(call, tx, before.id, asked))
    after = call.parts.messenger.find(call.account, before.id)
    if after is None or not call.parts.messenger.belongs(after, call.person.userid):
        return {"left": True}
    return await one(call, given)


def _change_members(call: Call, tx: Transaction, id: str, asked: MembersBody) -> None:
    group, own = tx.get(Conversation, id), call.person.userid
    if group is None or own not in group.members:
        raise errors.NO_CONVERSATION.error()
    if not leads(group, call.person) and (asked.add or asked.robots or set(asked.remove) != {own}):
        raise errors.NOT_ALLOWED.error()
    if group.owner in asked.remove:
        raise errors.OWNER_STAYS.error()
    robots = tuple(dict.fromkeys([*group.robots, *_known_robots(call, tx, asked.robots)]))
    if robots != group.robots:
        group = msgspec.structs.replace(group, robots=robots)
        tx.put(group)
    group = logic.add(call, group, _known_people(call, tx, asked.add))
    logic.remove(call, group, asked.remove, event="chat_quit" if asked.remove == (own,) else "chat_remove_member")


def _known_people(call: Call, tx: Transaction, userids: tuple[str, ...]) -> tuple[str, ...]:
    for userid in userids:
        if tx.get(Member, own_id(call.account, userid)) is None:
            raise errors.NO_PERSON.error(userid=userid)
    return tuple(dict.fromkeys(userids))


def _known_robots(call: Call, tx: Transaction, ids: tuple[str, ...]) -> tuple[str, ...]:
    for id in ids:
        application = tx.get(Application, id)
        if application is None or application.account != call.account:
            raise errors.NO_ROBOT.error(id=id)
    return tuple(dict.fromkeys(ids))


async def mute(call: Call, given: dict[str, str]) -> dict[str, Any]:
    asked = json_body(call.request, MuteBody)
    conversation = of_caller(call, given)

    def body(tx: Transaction) -> None:
        kept = tx.get(Preferences, call.person.id) or Preferences(id=call.person.id, account=call.account)
        rest = tuple([each for each in kept.muted if each != conversation.id and tx.get(Conversation, each)])
        tx.put(msgspec.structs.replace(kept, muted=(*rest, conversation.id) if asked.muted else rest))

    await call.write(body)
    return {"muted": asked.muted}


async def recall(call: Call, given: dict[str, str]) -> dict[str, Any]:
    """Of one's own messages, for a day."""
    json_body(call.request, Nothing)
    conversation, kept = message_of(call, given)
    messenger = call.parts.messenger
    said = messenger.read(kept)
    if said.sender.type != "member" or said.sender.id != call.person.userid:
        raise errors.NOT_YOURS.error()
    if call.now - kept.at > RECALLED_WITHIN_S:
        raise errors.TOO_LATE.error(hours=int(RECALLED_WITHIN_S // 3600))
    if not said.recalled:
        await messenger.recall(conversation, kept)
    return {"recalled": True}


CALLS = [
    PageCall("GET", "conversations", listed),
    PageCall("POST", "conversations", begin, "CreateConversation"),
    PageCall("GET", "conversations/{id}", one),
    PageCall("GET", "conversations/{id}/messages", messages),
    PageCall("POST", "conversations/{id}/members", change_members, "ChangeMembers"),
    PageCall("POST", "conversations/{id}/mute", mute),
    PageCall("POST", "conversations/{id}/messages/{message}/recall", recall, "RecallMessage"),
]
