"""What goes over the page's open connection, both ways."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from kowloon.dingtalk.messages import MOST_BYTES, At, Content
from kowloon.dingtalk.page import errors
from kowloon.dingtalk.sending.media import MediaFile

EVERYONE = "@all"
MOST_UNIQUE = 64
_MOST_AT = 50


class Say(msgspec.Struct, tag_field="type", tag="say"):
    """Somebody says something. `unique`: the sender's own name for it, under which it stands there once however often
    it is sent. `at`: whom it is addressed to: userids, robots' appKeys, `@all`. `media`: of an image or a file, as its
    upload was answered."""

    conversation: str
    unique: str
    msgtype: str = "text"
    title: str = ""
    text: str = ""
    at: tuple[str, ...] = ()
    media: str = ""


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


def content_of(say: Say, find_file: Callable[[str], MediaFile | None]) -> Content:
    """ApiError for what people cannot say."""
    if not 1 <= len(say.unique) <= MOST_UNIQUE:
        raise errors.UNIQUE.error(most=MOST_UNIQUE)
    if say.msgtype in ("image", "file"):
        return _file_content(say.msgtype, find_file(say.media))
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


def _file_content(kind: str, file: MediaFile | None) -> Content:
    if file is None or (kind == "image" and file.type != "image"):
        raise errors.NO_UPLOAD.error()
    part = {"mediaId": file.id, "fileName": file.name}
    if kind == "file":
        part["fileType"] = file.name.rpartition(".")[2] if "." in file.name else ""
    text = "[图片]" if kind == "image" else f"[文件] {file.name}"
    return Content(message_type=kind, title="", text=text, body={"msgtype": kind, kind: part})
