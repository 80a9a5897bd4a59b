"""The message bodies of a custom robot: checked, and turned into what a reader sees. Pure.

Source: public documentation of custom robots; the codes that are not confirmed are marked in docs/deviations.md.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from kowloon.dingtalk.platform.errors import PlatformError, Refusal

MOST_BYTES = 20_000
MOST_AT = 50


UNKNOWN_TYPE = Refusal(400105, "invalidParameter.msgtype.invalid", "不支持的消息类型 {kind}")
_ABSENT = (
    "错误描述:参数 {kind} --》 {field} 缺失，或者参数格式不正确; 解决方案:请填充上对应参数;"
    "参考链接:请参考本接口对应文档;"
)


class At(msgspec.Struct, frozen=True):
    """Who is to be notified."""

    user_ids: tuple[str, ...] = ()
    mobiles: tuple[str, ...] = ()
    everyone: bool = False


class Content(msgspec.Struct, frozen=True, kw_only=True):
    """`text` is what a reader sees; keywords are looked for in `title` and `text`. `body`: the message as it came."""

    message_type: str
    title: str
    text: str
    body: dict[str, Any]
    at: At = At()


def parse(body: dict[str, Any]) -> Content:
    kind = body.get("msgtype")
    reader = _READERS.get(kind) if isinstance(kind, str) else None
    if reader is None:
        raise UNKNOWN_TYPE.error(kind=kind)
    part = body.get(str(kind))
    if not isinstance(part, dict):
        raise _missing(str(kind), "")
    title, text = reader(part)
    # Link and feed cards notify nobody, whatever they say.
    at = _at(body.get("at")) if kind in ("text", "markdown", "actionCard") else At()
    return Content(message_type=str(kind), title=title, text=text, body=body, at=at)


def _missing(kind: str, field: str) -> PlatformError:
    errcode = {"markdown": 400402, "text": 400403}.get(kind, 400404)
    return Refusal(errcode, f"invalidParameter.{kind}.invalid", _ABSENT).error(kind=kind, field=field)


def _need(kind: str, part: dict[str, Any], field: str) -> str:
    value = part.get(field)
    if not isinstance(value, str) or not value:
        raise _missing(kind, field)
    return value


def _text(part: dict[str, Any]) -> tuple[str, str]:
    return "", _need("text", part, "content")


def _link(part: dict[str, Any]) -> tuple[str, str]:
    title = _need("link", part, "title")
    return title, f"{_need('link', part, 'text')}\n{_need('link', part, 'messageUrl')}"


def _markdown(part: dict[str, Any]) -> tuple[str, str]:
    return _need("markdown", part, "title"), _need("markdown", part, "text")


def _action_card(part: dict[str, Any]) -> tuple[str, str]:
    title, text = _need("actionCard", part, "title"), _need("actionCard", part, "text")
    buttons = part.get("btns")
    if isinstance(buttons, list) and buttons:
        for button in buttons:
            if not isinstance(button, dict):
                raise _missing("actionCard", "btns")
            text += f"\n[{_need('actionCard', button, 'title')}]({_need('actionCard', button, 'actionURL')})"
        return title, text
    return title, f"{text}\n[{_need('actionCard', part, 'singleTitle')}]({_need('actionCard', part, 'singleURL')})"


def _feed_card(part: dict[str, Any]) -> tuple[str, str]:
    links = part.get("links")
    if not isinstance(links, list) or not links:
        raise _missing("feedCard", "links")
    rows = []
    for link in links:
        if not isinstance(link, dict):
            raise _missing("feedCard", "links")
        _need("feedCard", link, "picURL")
        rows.append(f"{_need('feedCard', link, 'title')} {_need('feedCard', link, 'messageURL')}")
    return "", "\n".join(rows)


_READERS: dict[str, Callable[[dict[str, Any]], tuple[str, str]]] = {
    "text": _text,
    "link": _link,
    "markdown": _markdown,
    "actionCard": _action_card,
    "feedCard": _feed_card,
}


def _at(given: object) -> At:
    if not isinstance(given, dict):
        return At()
    return At(
        user_ids=_names(given.get("atUserIds")),
        mobiles=_names(given.get("atMobiles")),
        everyone=given.get("isAtAll") in (True, "true", 1, "1"),
    )


def _names(given: object) -> tuple[str, ...]:
    if not isinstance(given, list):
        return ()
    return tuple(str(name) for name in given[:MOST_AT] if isinstance(name, (str, int)))
