"""Custom robots and what they posted."""

from __future__ import annotations

from typing import Any, ClassVar

import msgspec

from kowloon.store.resources import Resource


class Robot(Resource, frozen=True, kw_only=True):
    """One robot in one group; id is its access token (64 hex digits). At least one security setting is on; all that
    are on must hold: `keywords` (one must occur), `secret` (requests are signed), `addresses` (IPs or CIDR blocks)."""

    kind: ClassVar[str] = "dingtalk-robot"
    name: str
    group: str
    keywords: tuple[str, ...] = ()
    secret: str = ""
    addresses: tuple[str, ...] = ()
    stopped: bool = False


class Message(Resource, frozen=True, kw_only=True):
    """One message that reached a group. `body` is as it was sent; `text` is what a reader sees, in plain text."""

    kind: ClassVar[str] = "dingtalk-message"
    sequence: int
    robot_id: str
    group: str
    message_type: str
    title: str
    text: str
    body: dict[str, Any]
    at_user_ids: tuple[str, ...] = ()
    at_mobiles: tuple[str, ...] = ()
    at_all: bool = False


class MessageId(Resource, frozen=True, kw_only=True):
    """A `msgUuid` that a robot has seen: the same one is answered and not posted again."""

    kind: ClassVar[str] = "dingtalk-message-id"


class Refusal(Exception):
    """What the webhook answers: HTTP 200 with a code and a message (the vendor's, where known)."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class At(msgspec.Struct, frozen=True):
    user_ids: tuple[str, ...] = ()
    mobiles: tuple[str, ...] = ()
    everyone: bool = False
