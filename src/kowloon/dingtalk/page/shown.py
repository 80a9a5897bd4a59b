"""What the page is shown, as JSON: messages, conversations, people."""

from __future__ import annotations

from typing import Any

import msgspec

from kowloon.dingtalk.chat.messenger import Messenger
from kowloon.dingtalk.chat.resources import Conversation, Said, Sender
from kowloon.dingtalk.contacts.resources import Application, Member
from kowloon.dingtalk.platform.call import own_id
from kowloon.engines.messages.log import Kept
from kowloon.store.store import Store

# Their text is all there is of them.
_PLAIN = frozenset({"text", "markdown"})


class Shown(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One message. `body`: the part of its type as a robot's webhook would take it, where `text` is not all. `at`: the
    cloud's time; `mentions`: userids; `robots`: appKeys."""

    conversation: str
    sequence: int
    id: str
    at: float
    sender: Sender
    msgtype: str
    title: str = ""
    text: str = ""
    body: dict[str, Any] = {}
    mentions: tuple[str, ...] = ()
    everyone: bool = False
    robots: tuple[str, ...] = ()
    recalled: bool = False


class ShownNow(Shown, frozen=True, kw_only=True, omit_defaults=True, tag_field="type", tag="message"):
    """The same, told when it is said."""


def fields_of(kept: Kept, said: Said) -> dict[str, Any]:
    part = said.body.get(said.type) if said.type not in _PLAIN else None
    if said.type == "card":
        part = {"outTrackId": said.body.get("outTrackId")}
    return {
        "conversation": kept.conversation,
        "sequence": kept.sequence,
        "id": kept.id,
        "at": kept.at,
        "sender": said.sender,
        "msgtype": said.type,
        "title": said.title,
        "text": said.text,
        "body": part if isinstance(part, dict) else {},
        "mentions": said.at,
        "everyone": said.at_all,
        "robots": said.robots,
        "recalled": said.recalled,
    }


def message(messenger: Messenger, kept: Kept) -> Shown:
    return Shown(**fields_of(kept, messenger.read(kept)))


def title_of(store: Store, conversation: Conversation, userid: str) -> str:
    """A group's own; of others, who the other one is."""
    if conversation.form == "group":
        return conversation.title
    if conversation.form == "single":
        if conversation.title:
            return conversation.title
        others = [each for each in conversation.members if each != userid] or [userid]
        found = store.get(Member, own_id(conversation.account, others[0]))
        return found.name if found is not None else others[0]
    application = store.get(Application, next(iter(conversation.robots), ""))
    return application.name if application is not None else conversation.title


def robots_of(store: Store, conversation: Conversation) -> list[dict[str, str]]:
    found = [store.get(Application, each) for each in conversation.robots]
    return [{"id": each.id, "name": each.name} for each in found if each is not None]


def conversation_row(
    messenger: Messenger, store: Store, conversation: Conversation, userid: str, muted: bool
) -> dict[str, Any]:
    """As the list of one member shows it."""
    sequence = messenger.log.last(conversation.id)
    last = messenger.log.read(conversation.id, before=sequence + 1, most=1)
    return {
        "id": conversation.id,
        "form": conversation.form,
        "title": title_of(store, conversation, userid),
        "with": next((each for each in conversation.members if each != userid), userid)
        if conversation.form == "single"
        else "",
        "owner": conversation.owner,
        "members": len(messenger.members(conversation)),
        "robots": robots_of(store, conversation),
        "created_at": conversation.created_at,
        "sequence": sequence,
        "unread": messenger.log.unread(conversation.id, userid),
        "muted": muted,
        "last": message(messenger, last[0]) if last else None,
    }


def name_row(member: Member) -> dict[str, Any]:
    return {
        "id": member.userid,
        "name": member.name,
        "title": member.title,
        "banner": member.banner,
        "mobile": "" if member.settings.get("hide_mobile") else member.mobile,
    }
