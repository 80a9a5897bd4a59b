"""What a card looks like, whatever its template: texts, rows and buttons that a page can show. Pure.

Templates live with the vendor and are not published; of those built into its SDKs it is known what their parameters
mean. Of any other one its parameters are shown as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, Literal

import msgspec

from kowloon.dingtalk.platform.decode import read_json

Params = Mapping[str, str]

STANDARD: Final = "StandardCard"
MARKDOWN: Final = "589420e2-c1e2-46ef-a5ed-b8728e654da9.schema"
MARKDOWN_BUTTONS: Final = "1366a1eb-bc54-4859-ac88-517c56a9acb1.schema"
AI: Final = "382e4302-551d-4880-bf29-a30acfab2e71.schema"
RPA: Final = "7f538f6d-ebb7-4533-a9ac-61a32da094cf.schema"
# Of this cloud itself. Parameters: title, status, level (info, good, warning, critical), markdown, tips, logo;
# `fields`: JSON of [[label, value], ...]; `buttons`: JSON of [{id, text, color?, url?}, ...].
INCIDENT: Final = "kowloon.incident.v1"
CONFIRMATION: Final = "kowloon.confirmation.v1"
APPROVAL: Final = "kowloon.approval.v1"

# The parameter that holds the whole of a StandardCard, as its sender wrote it.
STANDARD_DATA: Final = "cardData"
FLOW_STATUS: Final = "flowStatus"
PROCESSING, INPUTTING, FINISHED, EXECUTING, FAILED = "1", "2", "3", "4", "5"
_FLOW: Final = {
    PROCESSING: "processing",
    INPUTTING: "inputting",
    FINISHED: "finished",
    EXECUTING: "executing",
    FAILED: "failed",
}
_COLORS: Final = {"primary": "blue", "warning": "red", "normal": "gray"}
_MOST_BUTTONS, _MOST_ROWS, _MOST_IMAGES = 20, 50, 20


class Button(msgspec.Struct, frozen=True, omit_defaults=True):
    """request: asks the application that the card is of. open: leads to `url`."""

    id: str
    text: str
    url: str = ""
    color: str = ""
    action: Literal["request", "open"] = "open"


class View(msgspec.Struct, frozen=True, kw_only=True):
    """`status`: how far it is, in a word. `level`: how much it matters. `fields`: rows of a label and a value.
    `any_action`: the template is not known, so neither is what its buttons are called."""

    template: str
    title: str = ""
    markdown: str = ""
    tips: str = ""
    logo: str = ""
    status: str = ""
    level: str = ""
    fields: tuple[tuple[str, str], ...] = ()
    images: tuple[str, ...] = ()
    buttons: tuple[Button, ...] = ()
    any_action: bool = False

    @property
    def text(self) -> str:
        """For who reads only text."""
        rows = [f"{label}: {value}" for label, value in self.fields]
        return "\n".join(line for line in (self.markdown, *rows, self.tips) if line) or self.title

    def asks(self, action: str) -> bool:
        """Whether it has a button of that id that asks the application."""
        return self.any_action or any(each.id == action and each.action == "request" for each in self.buttons)


def view_of(template: str, params: Params, private: Params | None = None) -> View:
    """`private`: what only the reader sees; it goes before what all do."""
    seen = {**params, **(private or {})}
    return _TEMPLATES.get(template, _generic)(template, seen)


# --- the vendor's ---


def _markdown(template: str, params: Params) -> View:
    return View(
        template=template,
        title=params.get("title", ""),
        markdown=params.get("markdown", ""),
        tips=params.get("tips", ""),
        logo=params.get("logo", ""),
        buttons=_message_buttons(_object(params.get("sys_full_json_obj"))),
    )


def _ai(template: str, params: Params) -> View:
    """Parts stand in the order that the card says; texts are one after the other."""
    whole = _object(params.get("sys_full_json_obj"))
    order = [name for name in _list(whole.get("order")) if name in ("msgContent", "staticMsgContent")]
    texts = [params.get(name, "") for name in dict.fromkeys([*order, "msgContent", "staticMsgContent"])]
    slides = [_text(_dict(each).get("image")) for each in _list(whole.get("msgSlider"))]
    pictures = [_text(each) or _text(_dict(each).get("image")) for each in _list(whole.get("msgImages"))]
    return View(
        template=template,
        title=params.get("msgTitle", ""),
        markdown="\n\n".join(text for text in texts if text),
        tips=_text(_dict(whole.get("source")).get("text")),
        logo=params.get("logo", ""),
        status=_FLOW.get(params.get(FLOW_STATUS, ""), ""),
        images=tuple(each for each in (*slides, *pictures) if each)[:_MOST_IMAGES],
        buttons=_message_buttons(whole),
    )


def _rpa(template: str, params: Params) -> View:
    return View(template=template, title=params.get("goal", ""), status=_FLOW.get(params.get(FLOW_STATUS, ""), ""))


def _message_buttons(whole: Mapping[str, Any]) -> tuple[Button, ...]:
    buttons = []
    for place, given in enumerate(_list(whole.get("msgButtons"))[:_MOST_BUTTONS]):
        button = _dict(given)
        url = _text(button.get("url")) or _text(button.get("iosUrl"))
        asks = button.get("request") is True or not url
        buttons.append(
            Button(
                id=_text(button.get("id")) or f"button{place + 1}",
                text=_text(button.get("text")),
                url="" if asks else url,
                color=_text(button.get("color")),
                action="request" if asks else "open",
            )
        )
    return tuple(buttons)


def _standard(template: str, params: Params) -> View:
    """Its content is a list of parts of many types: `header`, and `contents`."""
    whole = _object(params.get(STANDARD_DATA) or params.get("sys_full_json_obj"))
    header = _dict(whole.get("header"))
    parts = _Parts()
    for part in _list(whole.get("contents"))[:_MOST_ROWS]:
        parts.add(_dict(part))
    return View(
        template=template,
        title=_label(header.get("title")),
        logo=_text(header.get("logo")),
        markdown="\n\n".join(text for text in parts.texts if text),
        images=tuple(parts.images[:_MOST_IMAGES]),
        buttons=tuple(parts.buttons[:_MOST_BUTTONS]),
    )


class _Parts:
    """Of a StandardCard, gathered."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.images: list[str] = []
        self.buttons: list[Button] = []

    def add(self, part: Mapping[str, Any]) -> None:
        kind = part.get("type")
        if kind in ("markdown", "text"):
            self.texts.append(_text(part.get("text")))
        elif kind == "image":
            self.images.append(_text(part.get("image")))
        elif kind == "imageList":
            self.images += [_text(each) for each in _list(part.get("images"))]
        elif kind == "divider":
            self.texts.append("---")
        elif kind == "button":
            self._add_button(part)
        elif kind == "action":
            for each in _list(part.get("actions"))[:_MOST_BUTTONS]:
                self._add_button(_dict(each))
        elif kind == "section":
            self.add(_dict(part.get("content")))
            for each in _list(_dict(part.get("fields")).get("list"))[:_MOST_ROWS]:
                self.texts.append(_label(each))
            self.add(_dict(part.get("extra")))

    def _add_button(self, button: Mapping[str, Any]) -> None:
        asks = button.get("actionType") == "request"
        status = _text(button.get("status"))
        self.buttons.append(
            Button(
                id=_text(button.get("id")),
                text=_label(button.get("label")),
                url="" if asks else _text(_dict(button.get("url")).get("all")),
                color=_COLORS.get(status, status),
                action="request" if asks else "open",
            )
        )


def _generic(template: str, params: Params) -> View:
    """Of a template that only its owner knows."""
    known = {"title", "markdown", "content", "tips", "logo", "status", "sys_full_json_obj"}
    rows = [(name, value) for name, value in params.items() if name not in known and value]
    return View(
        template=template,
        title=params.get("title", ""),
        markdown=params.get("markdown") or params.get("content", ""),
        tips=params.get("tips", ""),
        logo=params.get("logo", ""),
        status=params.get("status", ""),
        fields=tuple(rows[:_MOST_ROWS]),
        buttons=_message_buttons(_object(params.get("sys_full_json_obj"))),
        any_action=True,
    )


# --- this cloud's own ---


def _own(template: str, params: Params) -> View:
    rows = [each for each in _list(_json(params.get("fields"))) if isinstance(each, list) and len(each) == 2]
    buttons = []
    for given in _list(_json(params.get("buttons")))[:_MOST_BUTTONS]:
        button = _dict(given)
        url = _text(button.get("url"))
        buttons.append(
            Button(
                id=_text(button.get("id")),
                text=_text(button.get("text")),
                url=url,
                color=_text(button.get("color")),
                action="open" if url else "request",
            )
        )
    return View(
        template=template,
        title=params.get("title", ""),
        markdown=params.get("markdown", ""),
        tips=params.get("tips", ""),
        logo=params.get("logo", ""),
        status=params.get("status", ""),
        level=params.get("level", ""),
        fields=tuple((_text(label), _text(value)) for label, value in rows[:_MOST_ROWS]),
        buttons=tuple(buttons),
    )


_TEMPLATES: Final[Mapping[str, Callable[[str, Params], View]]] = {
    STANDARD: _standard,
    MARKDOWN: _markdown,
    MARKDOWN_BUTTONS: _markdown,
    AI: _ai,
    RPA: _rpa,
    INCIDENT: _own,
    CONFIRMATION: _own,
    APPROVAL: _own,
}


# --- reading what anybody wrote ---


def _json(text: object) -> Any:
    if not isinstance(text, str) or not text:
        return None
    try:
        return read_json(text)
    except ValueError:
        return None


def _object(text: object) -> Mapping[str, Any]:
    return _dict(_json(text))


def _dict(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _label(value: object) -> str:
    """A text, or a part that has one."""
    return _text(value) or _text(_dict(value).get("text"))
