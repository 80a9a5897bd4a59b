"""What callers send: JSON that can be kept and passed on, and typed requests. Clients are loose with types, and so is
the vendor: numbers come as texts, lists as texts with commas, objects as texts with JSON in them (forms can send
nothing else)."""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final, TypeVar

import msgspec

from kowloon.dingtalk.platform.errors import INVALID, MISSING, NOT_JSON

T = TypeVar("T")
# A list that travels as `a,b`; a real list is taken, too.
Commas = Annotated[T, msgspec.Meta(extra={"style": "commas"})]

# Read before anybody knows who sends it, so the loop has to be done with the worst of it in some milliseconds. Twice
# what a card may hold, because clients write a letter as `\uXXXX`.
MOST_BODY_BYTES: Final = 320 * 1024
MOST_FIELDS: Final = 1_000
# Whoever encodes it later, or decodes it, may be deeper in calls than who took it.
_MOST_DEPTH = 64
_LEAST_NUMBER, _MOST_NUMBER = -(2**63), 2**63 - 1
_MOST_PLACE_DIGITS = 9

_TRUE = frozenset({"true", "1", "y", "yes"})


def read_json(raw: bytes | str) -> Any:
    """ValueError for what is no JSON, longer than anything that is meant, lies deeper than 64 levels, or has whole
    numbers of more than 64 bits."""
    if len(raw) > MOST_BODY_BYTES:
        raise ValueError(f"it is longer than {MOST_BODY_BYTES} bytes")
    try:
        value = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        raise ValueError("it is not JSON") from None
    check_plain(value)
    return value


def read_body(raw: bytes) -> dict[str, Any]:
    """What a call says in JSON. PlatformError for what is no object."""
    try:
        body = read_json(raw)
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise NOT_JSON.error()
    return body


def check_plain(value: Any) -> None:
    """ValueError for what nobody else could read again."""
    level = [value]
    for _ in range(_MOST_DEPTH):
        if not level:
            return
        below: list[Any] = []
        for each in level:
            if isinstance(each, dict):
                below += each.values()
            elif isinstance(each, list | tuple):
                below += each
            elif isinstance(each, int) and not _LEAST_NUMBER <= each <= _MOST_NUMBER:
                raise ValueError(f"{each} is too large")
        level = below
    raise ValueError(f"it is deeper than {_MOST_DEPTH} levels")


def page_of(rows: Sequence[T], token: str, size: int, most: int) -> tuple[list[T], str]:
    """From where the token of the page before says, or the first; and the token of the next one, '' for none."""
    start = int(token) if token.isascii() and token.isdigit() and len(token) <= _MOST_PLACE_DIGITS else 0
    page = list(rows[start : start + max(1, min(size, most))])
    following = start + len(page)
    return page, str(following) if following < len(rows) else ""


class Decoder:
    """Fields that nobody knows are passed over. PlatformError for what is missing or of the wrong type."""

    def __init__(self, request: type[Any]) -> None:
        self.request = request
        hints = typing.get_type_hints(request, include_extras=True)
        by_wire = dict(zip(request.__struct_fields__, request.__struct_encode_fields__, strict=True))
        self._fields = {wire: name for name, wire in by_wire.items()}
        self._hints = {by_wire[name]: _bare(hint) for name, hint in hints.items() if name in by_wire}

    def decode(self, given: Mapping[str, Any]) -> Any:
        plain: dict[str, Any] = {}
        for name, hint in self._hints.items():
            value = given.get(name)
            if value is not None:
                plain[name] = _fitted(value, hint, name)
        try:
            found = msgspec.convert(plain, self.request, strict=False)
        except msgspec.ValidationError as problem:
            raise _refusal(str(problem)) from None
        for name in plain:
            try:
                check_plain(getattr(found, self._fields[name]))
            except ValueError:
                raise INVALID.error(name=name) from None
        return found


def _bare(hint: Any) -> Any:
    """Without `| None`."""
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        rest = [each for each in typing.get_args(hint) if each is not type(None)]
        return rest[0] if len(rest) == 1 else Any
    return hint


def _style(hint: Any) -> str:
    for extra in getattr(hint, "__metadata__", ()):
        if isinstance(extra, msgspec.Meta) and extra.extra:
            return str(extra.extra.get("style", ""))
    return ""


def _fitted(value: Any, hint: Any, name: str) -> Any:
    if _style(hint) == "commas":
        if isinstance(value, str | int) and not isinstance(value, bool):
            return [part.strip() for part in str(value).replace("|", ",").split(",") if part.strip()]
        return value
    if hint is str:
        return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value
    if hint is bool and isinstance(value, str | int):
        return str(value).lower() in _TRUE
    if isinstance(value, str) and hint not in (int, float, Any) and value[:1] in ("{", "["):
        try:
            return read_json(value)
        except ValueError:
            raise INVALID.error(name=name) from None
    return value


def _refusal(problem: str) -> Exception:
    """msgspec says `Object missing required field `x`` or `Expected ... - at `$.x``."""
    parts = problem.split("`")
    if "missing required field" in problem and len(parts) > 1:
        path = parts[3].removeprefix("$").lstrip(".") if len(parts) > 3 else ""
        return MISSING.error(name=f"{path}.{parts[1]}" if path else parts[1])
    path = parts[-2].removeprefix("$").lstrip(".") if len(parts) > 2 else "body"
    return INVALID.error(name=path or "body")
