"""Custom robots, and messages as earlier versions kept them."""

from __future__ import annotations

import hashlib
from typing import Any, ClassVar

from kowloon.store.resources import Resource


class Robot(Resource, frozen=True, kw_only=True):
    """One robot in one group; id is its access token (64 hex digits). At least one security setting is on; all that
    are on must hold: `keywords` (one must occur), `secret` (requests are signed), `addresses` (IPs or CIDR blocks)."""

    kind: ClassVar[str] = "dingtalk-robot"
    name: str
    # The title of its group when it was made; robots of earlier versions have nothing else.
    group: str
    conversation: str = ""
    keywords: tuple[str, ...] = ()
    secret: str = ""
    addresses: tuple[str, ...] = ()
    stopped: bool = False

    @property
    def sender_id(self) -> str:
        """What readers may know of it: its id is what opens it."""
        return hashlib.blake2b(self.id.encode(), digest_size=8, person=b"dingtalk-robot").hexdigest()


class Message(Resource, frozen=True, kw_only=True):
    """One message of a group as earlier versions kept it; it goes into the log at the next start."""

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
    """A `msgUuid` that a robot had seen, as earlier versions kept it."""

    kind: ClassVar[str] = "dingtalk-message-id"


RESOURCES: tuple[type[Resource], ...] = (Robot, Message, MessageId)
