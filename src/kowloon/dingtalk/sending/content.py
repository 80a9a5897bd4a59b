"""The two forms in which messages come beside a webhook's: `msgKey` and `msgParam` of an application's robot, and the
older host's `msg` with its names in snake_case. Both become the content that a conversation keeps. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from kowloon.dingtalk import messages
from kowloon.dingtalk.messages import Content
from kowloon.dingtalk.platform.decode import read_json
from kowloon.dingtalk.platform.errors import MISSING, PlatformError, Refusal

MOST_PARAM_BYTES: Final = 15_000
MOST_MSG_BYTES: Final = 2_048

UNKNOWN_KEY = Refusal(40035, "invalidParameter.msgKey.invalid", "不支持的消息模板 {key}")
WRONG_PARAM = Refusal(40035, "invalidParameter.msgParam.invalid", "消息模板参数不合法：{name}")
PARAM_TOO_LONG = Refusal(
    460101, "invalidParameter.msgParam.invalid", f"message too long, exceed {MOST_PARAM_BYTES} bytes"
)
WRONG_MSG = Refusal(34015, "invalidParameter.msg.invalid", "消息内容不合法：{name}")
MSG_TOO_LONG = Refusal(34016, "invalidParameter.msg.tooLong", f"消息内容过长，超过 {MOST_MSG_BYTES} 字节")

_Part = dict[str, Any]


def from_template(key: str, param: str) -> Content:
    """Of an application's robot. It notifies nobody in particular: this form has no @."""
    if not key:
        raise MISSING.error(name="msgKey")
    if len(param.encode()) > MOST_PARAM_BYTES:
        raise PARAM_TOO_LONG.error()
    try:
        given = read_json(param)
    except ValueError:
        given = None
    if not isinstance(given, dict):
        raise WRONG_PARAM.error(name="msgParam")
    make = _TEMPLATES.get(key)
    if make is None:
        raise UNKNOWN_KEY.error(key=key)
    return _checked(make(_Fields(given, WRONG_PARAM)), WRONG_PARAM)


def from_msg(msg: Mapping[str, Any]) -> Content:
    """Of work notifications and of older groups."""
    if len(msgspec.json.encode(dict(msg))) > MOST_MSG_BYTES:
        raise MSG_TOO_LONG.error()
    kind = str(msg.get("msgtype") or "")
    make, part = _MSG_TYPES.get(kind), msg.get(kind)
    if make is None:
        raise messages.UNKNOWN_TYPE.error(kind=kind)
    if not isinstance(part, dict):
        raise WRONG_MSG.error(name=kind)
    return _checked(make(_Fields(part, WRONG_MSG)), WRONG_MSG)


class _Fields:
    """Of one message; what is missing is refused by its name."""

    def __init__(self, given: _Part, refusal: Refusal) -> None:
        self.given = given
        self._refusal = refusal

    def need(self, name: str) -> str:
        value = self.given.get(name)
        if isinstance(value, int | float) and not isinstance(value, bool):
            value = str(value)
        if not isinstance(value, str) or not value:
            raise self._refusal.error(name=name)
        return value

    def get(self, name: str) -> str:
        value = self.given.get(name)
        return str(value) if isinstance(value, str | int | float) else ""

    def buttons(self, name: str) -> list[_Part]:
        found = self.given.get(name)
        if isinstance(found, str):
            try:
                found = read_json(found)
            except ValueError:
                found = None
        if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
            raise self._refusal.error(name=name)
        return found


def _checked(body: _Part, refusal: Refusal) -> Content:
    """Types that a webhook has are read as there; the others only have something to show."""
    kind = str(body["msgtype"])
    if kind in _ONLY_SHOWN:
        title, text = _ONLY_SHOWN[kind](body[kind])
        return Content(message_type=kind, title=title, text=text, body=body)
    try:
        return messages.parse(body)
    except PlatformError as problem:
        raise refusal.error(name=problem.message) from None


_ONLY_SHOWN: Final[dict[str, Callable[[_Part], tuple[str, str]]]] = {
    "image": lambda part: ("", "[图片]"),
    "audio": lambda part: ("", "[语音]"),
    "video": lambda part: ("", "[视频]"),
    "file": lambda part: (part.get("fileName", ""), f"[文件] {part.get('fileName', '')}".rstrip()),
    "oa": lambda part: _oa_text(part),
}


def _oa_text(part: _Part) -> tuple[str, str]:
    body = part.get("body") if isinstance(part.get("body"), dict) else {}
    assert isinstance(body, dict)
    form = body.get("form")
    pairs = [each for each in form if isinstance(each, dict)] if isinstance(form, list) else []
    rows = [f"{each.get('key', '')}{each.get('value', '')}" for each in pairs]
    lines = [str(body.get("title", "")), *rows, str(body.get("content", ""))]
    return str(body.get("title", "")), "\n".join(line for line in lines if line)


# --- msgKey ---


def _image(fields: _Fields) -> _Part:
    return {"msgtype": "image", "image": {"picURL": fields.need("photoURL")}}


def _action_card(fields: _Fields) -> _Part:
    card = {"title": fields.need("title"), "text": fields.need("text")}
    return {
        "msgtype": "actionCard",
        "actionCard": {**card, "singleTitle": fields.need("singleTitle"), "singleURL": fields.need("singleURL")},
    }


def _many_buttons(count: int, title: str, url: str, orientation: str) -> Callable[[_Fields], _Part]:
    def make(fields: _Fields) -> _Part:
        card = {"title": fields.need("title"), "text": fields.need("text"), "btnOrientation": orientation}
        buttons = [
            {"title": fields.need(f"{title}{place}"), "actionURL": fields.need(f"{url}{place}")}
            for place in range(1, count + 1)
        ]
        return {"msgtype": "actionCard", "actionCard": {**card, "btns": buttons}}

    return make


def _link(fields: _Fields) -> _Part:
    link = {"title": fields.need("title"), "text": fields.need("text"), "messageUrl": fields.need("messageUrl")}
    return {"msgtype": "link", "link": {**link, "picUrl": fields.get("picUrl")}}


def _file(fields: _Fields) -> _Part:
    part = {"mediaId": fields.need("mediaId"), "fileName": fields.need("fileName"), "fileType": fields.get("fileType")}
    return {"msgtype": "file", "file": part}


def _video(fields: _Fields) -> _Part:
    part = {name: fields.get(name) for name in ("duration", "videoType", "picMediaId")}
    return {"msgtype": "video", "video": {"mediaId": fields.need("videoMediaId"), **part}}


_TEMPLATES: Final[dict[str, Callable[[_Fields], _Part]]] = {
    "sampleText": lambda fields: {"msgtype": "text", "text": {"content": fields.need("content")}},
    "sampleMarkdown": lambda fields: {
        "msgtype": "markdown",
        "markdown": {"title": fields.need("title"), "text": fields.need("text")},
    },
    "sampleImageMsg": _image,
    "sampleLink": _link,
    "sampleActionCard": _action_card,
    **{f"sampleActionCard{count}": _many_buttons(count, "actionTitle", "actionURL", "0") for count in range(2, 6)},
    "sampleActionCard6": _many_buttons(2, "buttonTitle", "buttonUrl", "1"),
    "sampleAudio": lambda fields: {
        "msgtype": "audio",
        "audio": {"mediaId": fields.need("mediaId"), "duration": fields.get("duration")},
    },
    "sampleFile": _file,
    "sampleVideo": _video,
}


# --- msg of the older host ---


def _older_card(fields: _Fields) -> _Part:
    card: _Part = {"title": fields.get("title") or fields.need("markdown")[:20], "text": fields.need("markdown")}
    if fields.given.get("btn_json_list"):
        card["btnOrientation"] = fields.get("btn_orientation") or "0"
        card["btns"] = [
            {"title": each.get("title"), "actionURL": each.get("action_url")}
            for each in fields.buttons("btn_json_list")
        ]
    else:
        card["singleTitle"], card["singleURL"] = fields.need("single_title"), fields.need("single_url")
    return {"msgtype": "actionCard", "actionCard": card}


def _older_media(kind: str) -> Callable[[_Fields], _Part]:
    def make(fields: _Fields) -> _Part:
        part = {"mediaId": fields.need("media_id")}
        if kind == "audio":
            part["duration"] = fields.need("duration")
        return {"msgtype": kind, kind: part}

    return make


def _oa(fields: _Fields) -> _Part:
    fields.need("message_url")
    if not isinstance(fields.given.get("head"), dict) or not isinstance(fields.given.get("body"), dict):
        raise WRONG_MSG.error(name="head" if not isinstance(fields.given.get("head"), dict) else "body")
    return {"msgtype": "oa", "oa": fields.given}


_MSG_TYPES: Final[dict[str, Callable[[_Fields], _Part]]] = {
    "text": lambda fields: {"msgtype": "text", "text": {"content": fields.need("content")}},
    "image": _older_media("image"),
    "voice": _older_media("audio"),
    "file": _older_media("file"),
    "link": _link,
    "markdown": lambda fields: {
        "msgtype": "markdown",
        "markdown": {"title": fields.need("title"), "text": fields.need("text")},
    },
    "oa": _oa,
    "action_card": _older_card,
}
