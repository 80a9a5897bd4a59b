"""What goes over the page's open connection, both ways."""

from __future__ import annotations

import msgspec

from kowloon.dingtalk.messages import MOST_BYTES, At, Content
from kowloon.dingtalk.page import errors

EVERYONE = "@all"
MOST_UNIQUE = 64
_MOST_AT = 50


class Say(msgspec.Struct, tag_field="type", tag="say"):
    """Somebody says something. `unique`: the sender's own name for it, under which it stands there once however often
    it is sent. `at`: whom it is addressed to: userids, robots' appKeys, `@all`."""

    conversation: str
    unique: str
    msgtype: str = "text"
    title: str = ""
    text: str = ""
    at: tuple[str, ...] = ()


class Read(msgspec.Struct, tag_field="type", tag="read"):
    """Somebody has read up to there. It is not answered."""

    conversation: str
    sequence: int


class Accepted(msgspec.Struct, tag_field="type", tag="said"):
    unique: str
    conversation: str
    sequence: int
    id: str


class Refused(msgspec.Struct, tag_field="type", tag="refused"):
    """`unique` is empty where the frame was none."""

    unique: str
    code: str
    message: str


def content_of(say: Say) -> Content:
    """ApiError for what people cannot say."""
    if not 1 <= len(say.unique) <= MOST_UNIQUE:
        raise errors.UNIQUE.error(most=MOST_UNIQUE)
    if say.msgtype not in ("text", "markdown"):
        raise errors.TYPE.error(type=say.msgtype)
    if not say.text.strip():
        raise errors.EMPTY.error()
    if len(say.text.encode()) + len(say.title.encode()) > MOST_BYTES:
        raise errors.TOO_LONG.error(most=MOST_BYTES)
    part = {"content": say.text} if say.msgtype == "text" else {"title": say.title, "text": say.text}
    people = tuple([each for each in say.at if each != EVERYONE])[:_MOST_AT]
    return Content(
        message_type=say.msgtype,
        title=say.title if say.msgtype == "markdown" else "",
        text=say.text,
        body={"msgtype": say.msgtype, say.msgtype: part},
        at=At(user_ids=people, everyone=EVERYONE in say.at),
    )
