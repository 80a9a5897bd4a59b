"""Wire parameters to an action's typed input, declared once per request struct; the vendor's errors for the rest."""

from __future__ import annotations

import re
import types
import typing
from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

import msgspec

from kowloon.actions.errors import INVALID_PARAMETER, MISSING, MISSING_PARAMETER
from kowloon.core.errors import ApiError
from kowloon.wire.parameters import unflatten

T = TypeVar("T")

# A list or object that travels as one JSON document in one parameter: `InstanceIds=["i-1","i-2"]`.
AsJson = Annotated[T, msgspec.Meta(extra={"style": "json"})]
# A list that travels as one comma separated parameter: `VpcId=vpc-1,vpc-2`.
AsCommas = Annotated[T, msgspec.Meta(extra={"style": "simple"})]

_PATH = re.compile(r"at `\$\.?([^`]*)`")
_INDEX = re.compile(r"\[(\d+)\]")
# Might not fit into 64 bits, which is what the vendor's numbers have.
_LONG_NUMBER = re.compile(r"\d{19}")
_MISSING = re.compile(r"missing required field `([^`]+)`")


class Request(msgspec.Struct, kw_only=True):
    """Base of typed inputs. Field names are the vendor's wire names; a field without a default is mandatory."""


class Decoder:
    """Decodes one request type. Unknown parameters are ignored, as the vendor's gateway does. `styles`: fields that
    travel in one parameter, `json` or `simple` (with commas)."""

    def __init__(self, request: type[Request]) -> None:
        self._request = request
        self.styles: dict[str, str] = {}
        self._texts: set[str] = set()
        self._lists: set[str] = set()
        hints = typing.get_type_hints(request, include_extras=True)
        for name, hint in hints.items():
            bare = _without_none(hint)
            style = _style(bare)
            if style:
                self.styles[name] = style
            elif bare is str:
                self._texts.add(name)
            elif typing.get_origin(bare) in (list, tuple):
                self._lists.add(name)

    def decode(self, parameters: Mapping[str, str]) -> Request:
        plain = unflatten(parameters)
        for name in list(plain):
            value = plain[name]
            if value == "" and name not in self._texts:
                # An empty value of a number, a switch or a list is as good as none: several clients send it.
                del plain[name]
            elif name in self.styles:
                plain[name] = self._parse(name, value)
            elif name in self._lists and isinstance(value, str):
                # `SecurityGroupIds=sg-1` instead of `SecurityGroupIds.1=sg-1`.
                plain[name] = [value]
        try:
            decoded = msgspec.convert(plain, self._request, strict=False)
        except msgspec.ValidationError as problem:
            raise _as_api_error(str(problem)) from None
        if any(len(value) >= 19 and _LONG_NUMBER.search(value) for value in parameters.values()):
            for name in self._request.__struct_fields__:
                if _too_great(msgspec.to_builtins(getattr(decoded, name))):
                    raise INVALID_PARAMETER.error(name=name)
        return decoded

    def _parse(self, name: str, value: object) -> object:
        if not isinstance(value, str):
            return value
        if self.styles[name] == "simple":
            return [part.strip() for part in value.split(",") if part.strip()]
        try:
            return msgspec.json.decode(value)
        except (msgspec.DecodeError, RecursionError):
            raise INVALID_PARAMETER.error(name=name) from None


def _too_great(value: object) -> bool:
    if isinstance(value, int):
        return not -(2**63) <= value < 2**63
    if isinstance(value, dict):
        return any(_too_great(part) for part in value.values())
    return isinstance(value, (list, tuple)) and any(_too_great(part) for part in value)


def _without_none(hint: Any) -> Any:
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        options = [option for option in typing.get_args(hint) if option is not type(None)]
        return options[0] if len(options) == 1 else hint
    return hint


def _style(hint: Any) -> str:
    if typing.get_origin(hint) is Annotated:
        for extra in hint.__metadata__:
            if isinstance(extra, msgspec.Meta) and extra.extra and "style" in extra.extra:
                return str(extra.extra["style"])
    return ""


def _as_api_error(problem: str) -> ApiError:
    missing = _MISSING.search(problem)
    path = _PATH.search(problem)
    parent = path.group(1) if path else ""
    if missing:
        name = missing.group(1)
        if not parent:
            return MISSING.error(name=name)
        return MISSING_PARAMETER.error(name=f"{_dotted(parent)}.{name}")
    return INVALID_PARAMETER.error(name=_dotted(parent) or "Request")


def _dotted(path: str) -> str:
    """As the vendor counts: `Disk[0].Size` is Disk.1.Size; of a map's values no name is known."""
    return _INDEX.sub(lambda found: f".{int(found[1]) + 1}", path).replace("[...]", ".N").strip(".")
