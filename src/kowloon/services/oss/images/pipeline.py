"""What `x-oss-process=image/...` asks for: actions in order, each with its parameters checked. No image is touched."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from kowloon.services.oss.images.errors import INVALID_PARAMETER, MISSING_PARAMETER, NOT_BASE64, UNKNOWN_ACTION
from kowloon.services.oss.images.errors import TOO_MANY_ACTIONS as TOO_MANY

MOST_SIDE: Final = 16384
FORMATS: Final = ("jpg", "jpeg", "png", "webp", "bmp", "gif", "tiff", "avif")
_GRAVITIES: Final = ("nw", "north", "ne", "west", "center", "east", "sw", "south", "se")
_COLOR: Final = re.compile(r"[0-9A-Fa-f]{6}")
_MOST_ACTIONS: Final = 20
_MOST_TEXT_CHARACTERS: Final = 64

Value = int | str
Check = Callable[[str], Value]


class Step(msgspec.Struct, frozen=True):
    """One action. The parameter that has no name of its own is ``; parameters that were not given are not there."""

    action: str
    values: dict[str, int | str] = {}

    def number(self, name: str, default: int = 0) -> int:
        value = self.values.get(name, default)
        assert isinstance(value, int)
        return value

    def text(self, name: str, default: str = "") -> str:
        return str(self.values.get(name, default))


def _number(least: int, most: int) -> Check:
    def check(text: str) -> int:
        digits = text.removeprefix("-")
        if not (digits.isascii() and digits.isdigit() and len(digits) <= 6):
            raise ValueError("Value must be digit")
        if not least <= int(text) <= most:
            raise ValueError(f"Value must be between {least} and {most}")
        return int(text)

    return check


def _one_of(*names: str) -> Check:
    def check(text: str) -> str:
        if text not in names:
            raise ValueError(f"Value must be one of {','.join(names)}")
        return text

    return check


def _color(text: str) -> str:
    if _COLOR.fullmatch(text) is None:
        raise ValueError("Value must be six hexadecimal digits")
    return text


def _encoded(most_characters: int) -> Check:
    def check(text: str) -> str:
        decoded = decode_name(text)
        if not decoded or len(decoded) > most_characters:
            raise ValueError(f"Value must have 1 to {most_characters} characters")
        return decoded

    return check


_SIDE: Final = _number(1, MOST_SIDE)
_SWITCH: Final = _number(0, 1)
_OFFSET: Final = _number(0, 4096)
_ACTIONS: Final[Mapping[str, Mapping[str, Check]]] = {
    "resize": {
        "m": _one_of("lfit", "mfit", "fill", "pad", "fixed"),
        "w": _SIDE,
        "h": _SIDE,
        "l": _SIDE,
        "s": _SIDE,
        "limit": _SWITCH,
        "color": _color,
        "p": _number(1, 1000),
    },
    "crop": {
        "w": _number(0, 30000),
        "h": _number(0, 30000),
        "x": _number(0, 30000),
        "y": _number(0, 30000),
        "g": _one_of(*_GRAVITIES),
    },
    "rotate": {"": _number(0, 360)},
    "auto-orient": {"": _SWITCH},
    "format": {"": _one_of(*FORMATS)},
    "quality": {"q": _number(1, 100), "Q": _number(1, 100)},
    "interlace": {"": _SWITCH},
    "circle": {"r": _number(1, 4096)},
    "rounded-corners": {"r": _number(1, 4096)},
    "indexcrop": {"x": _SIDE, "y": _SIDE, "i": _number(0, MOST_SIDE)},
    "blur": {"r": _number(1, 50), "s": _number(1, 50)},
    "sharpen": {"": _number(50, 399)},
    "bright": {"": _number(-100, 100)},
    "contrast": {"": _number(-100, 100)},
    "info": {},
    "average-hue": {},
    "watermark": {
        "text": _encoded(_MOST_TEXT_CHARACTERS),
        "image": _encoded(1023),
        "type": _encoded(128),
        "color": _color,
        "size": _number(1, 1000),
        "shadow": _number(0, 100),
        "rotate": _number(0, 360),
        "fill": _SWITCH,
        "t": _number(0, 100),
        "g": _one_of(*_GRAVITIES),
        "x": _OFFSET,
        "y": _OFFSET,
        "voffset": _number(-1000, 1000),
        "P": _number(1, 100),
    },
}
_NEEDED: Final[Mapping[str, tuple[str, ...]]] = {
    "resize": ("w", "h", "l", "s", "p"),
    "quality": ("q", "Q"),
    "circle": ("r",),
    "rounded-corners": ("r",),
    "indexcrop": ("x", "y"),
    "watermark": ("text", "image"),
}
# Both of them, not one of them.
_ALL_NEEDED: Final[Mapping[str, tuple[str, ...]]] = {"blur": ("r", "s")}
_ALONE: Final = ("info", "average-hue")


def parse_pipeline(text: str) -> list[Step]:
    """`resize,w_100/rotate,90`: what stands behind `image/`. 400 InvalidArgument, MissingArgument, BadRequest."""
    pieces = [piece for piece in text.split("/") if piece]
    if not pieces:
        raise MISSING_PARAMETER.error(name="action")
    if len(pieces) > _MOST_ACTIONS:
        raise TOO_MANY.error(most=_MOST_ACTIONS)
    steps = [_step(piece) for piece in pieces]
    for step in steps:
        if step.action in _ALONE and len(steps) > 1:
            raise INVALID_PARAMETER.error(value=text, name=step.action, why="It must be the only action")
    return steps


def _step(piece: str) -> Step:
    action, *given = piece.split(",")
    checks = _ACTIONS.get(action)
    if checks is None:
        raise UNKNOWN_ACTION.error(action=action)
    values: dict[str, Value] = {}
    for item in given:
        name, separator, value = item.partition("_")
        if not separator and "" in checks:
            name, value = "", item
        check = checks.get(name)
        if check is None:
            raise INVALID_PARAMETER.error(value=value or item, name=name or action, why="There is no such parameter")
        try:
            values[name] = check(value)
        except ValueError as problem:
            raise INVALID_PARAMETER.error(value=value, name=name or action, why=str(problem)) from None
    _check_complete(action, checks, values)
    return Step(action, values)


def _check_complete(action: str, checks: Mapping[str, Check], values: Mapping[str, Value]) -> None:
    needed = _NEEDED.get(action, ("",) if "" in checks else ())
    if needed and not any(name in values for name in needed):
        raise MISSING_PARAMETER.error(name=" or ".join(filter(None, needed)) or action)
    for name in _ALL_NEEDED.get(action, ()):
        if name not in values:
            raise MISSING_PARAMETER.error(name=name)


def decode_name(text: str) -> str:
    """URL-safe base64 without its padding, as names are given. 400 BadRequest."""
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True).decode()
    except ValueError:
        raise NOT_BASE64.error() from None
