"""Conversations. What is said in them is in the message log, not in the store."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import msgspec

from kowloon.store.resources import Resource

# group: has a title and an owner. single: of two members. robot: of a member and an application's robot.
# notice: an application's work notifications to one member.
Form = Literal["group", "single", "robot", "notice"]


class Conversation(Resource, frozen=True, kw_only=True):
    """id is its openConversationId; `chat_id` the older one, of groups only. `members` are userids, `robots` appKeys.
    `title`: of groups; of others the name of who was in it and has left the organisation. `everyone`: whoever is in the
    organisation belongs to it. `settings`: what else the platform's calls set and show."""

    kind: ClassVar[str] = "dingtalk-conversation"
    form: Form = "group"
    chat_id: str = ""
    title: str = ""
    owner: str = ""
    members: tuple[str, ...] = ()
    robots: tuple[str, ...] = ()
    sub_admins: tuple[str, ...] = ()
    everyone: bool = False
    dissolved: bool = False
    template: str = ""
    settings: dict[str, Any] = msgspec.field(default_factory=dict)


class Sender(msgspec.Struct, frozen=True):
    """member: `id` is a userid. robot: a custom robot, `id` is its public one. application: `id` is the appKey.
    system: the messenger itself."""

    type: Literal["member", "robot", "application", "system"]
    id: str
    name: str


class Said(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One message as the log keeps it. `type` and `body` as a custom robot's webhook takes them, with the types that
    only other senders have: image, file, audio, video, oa, card. `text` is what a reader sees, in plain text. `at`:
    userids; `robots`: appKeys that it is addressed to. A recalled one has lost its content."""

    sender: Sender
    type: str
    title: str = ""
    text: str = ""
    body: dict[str, Any] = msgspec.field(default_factory=dict)
    at: tuple[str, ...] = ()
    at_all: bool = False
    robots: tuple[str, ...] = ()
    recalled: bool = False


RESOURCES: tuple[type[Resource], ...] = (Conversation,)
