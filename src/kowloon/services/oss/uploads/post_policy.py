"""The policy of a posted form: until when it may be used, and what its fields must be."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal, NamedTuple

from kowloon.services.oss.errors import ENTITY_TOO_LARGE, ENTITY_TOO_SMALL
from kowloon.services.oss.uploads.post_errors import INVALID_POST_POLICY, POLICY_EXPIRED, POLICY_FAILED

_MOST_CONDITIONS = 1000


class Condition(NamedTuple):
    """`field` in lower case; `values`: one for `eq` and `starts-with`, any number for `in` and `not-in`. `shown` is
    the condition as the policy has it."""

    kind: Literal["eq", "starts-with", "in", "not-in"]
    field: str
    values: tuple[str, ...]
    shown: str

    def holds(self, fields: Mapping[str, str]) -> bool:
        value = fields.get(self.field)
        match self.kind:
            case "eq":
                return value == self.values[0]
            case "starts-with":
                # An empty prefix takes anything, and nothing.
                return (value or "").startswith(self.values[0])
            case "in":
                return value in self.values
            case "not-in":
                return value not in self.values


class PostPolicy(NamedTuple):
    """`expires`: wall seconds. `least_bytes` and `most_bytes` are of the file; no most where none is said."""

    expires: float
    conditions: tuple[Condition, ...]
    least_bytes: int = 0
    most_bytes: int | None = None

    def check(self, fields: Mapping[str, str], wall: float) -> None:
        """`fields` by lower-case name, with `bucket` among them. 403 AccessDenied when it has expired or one does
        not hold. A field that no condition names may be anything, as with the vendor."""
        if wall >= self.expires:
            raise POLICY_EXPIRED.error()
        for condition in self.conditions:
            if not condition.holds(fields):
                raise POLICY_FAILED.error(condition=condition.shown)

    def check_size(self, size_bytes: int, *, complete: bool) -> None:
        """400 EntityTooLarge as soon as there is too much, EntityTooSmall once it is complete."""
        if self.most_bytes is not None and size_bytes > self.most_bytes:
            raise ENTITY_TOO_LARGE.error(
                extra={"ProposedSize": str(size_bytes), "MaxSizeAllowed": str(self.most_bytes)}
            )
        if complete and size_bytes < self.least_bytes:
            raise ENTITY_TOO_SMALL.error(
                extra={"ProposedSize": str(size_bytes), "MinSizeAllowed": str(self.least_bytes)}
            )


def parse_policy(text: str) -> PostPolicy:
    """The base64 text of a form's `policy`. 400 InvalidPolicyDocument says what is wrong with it."""
    try:
        document = json.loads(base64.b64decode(text, validate=True))
    except (ValueError, RecursionError):
        raise _invalid("Invalid JSON.") from None
    if not isinstance(document, dict):
        raise _invalid("Invalid JSON.")
    expires = _expiration(document)
    listed = document.get("conditions")
    if not isinstance(listed, list):
        raise _invalid("Policy missing conditions.")
    if len(listed) > _MOST_CONDITIONS:
        raise _invalid("Policy has too many conditions.")
    conditions: list[Condition] = []
    least_bytes, most_bytes = 0, None
    for item in listed:
        if isinstance(item, list) and item and _lower(item[0]) == "content-length-range":
            first, last = _size_range(item)
            least_bytes = max(least_bytes, first)
            most_bytes = last if most_bytes is None else min(most_bytes, last)
        else:
            conditions.append(_condition(item))
    return PostPolicy(expires, tuple(conditions), least_bytes, most_bytes)


def _expiration(document: dict[str, Any]) -> float:
    text = document.get("expiration")
    if text is None:
        raise _invalid("Policy missing expiration.")
    try:
        if not isinstance(text, str) or not text.endswith("Z"):
            raise ValueError(text)
        return datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError):
        raise _invalid(f"Invalid 'expiration' value: '{text}'") from None


def _condition(item: Any) -> Condition:
    if isinstance(item, dict):
        if len(item) != 1:
            raise _invalid("Invalid Simple-Condition: Simple-Conditions must have exactly one property specified.")
        ((name, value),) = item.items()
        if not isinstance(value, str):
            raise _invalid("Invalid Simple-Condition: value must be a string.")
        return Condition("eq", name.lower(), (value,), _shown(["eq", f"${name}", value]))
    if not isinstance(item, list):
        raise _invalid("Invalid JSON: a condition must be of the map or list type.")
    if len(item) != 3 or not isinstance(item[1], str):
        raise _invalid(f"Invalid Condition: {_shown(item)}")
    kind, field, value = _lower(item[0]), item[1].removeprefix("$").lower(), item[2]
    match kind:
        case "eq" | "starts-with" if isinstance(value, str):
            return Condition(kind, field, (value,), _shown(item))
        case "in" | "not-in" if isinstance(value, list) and all(isinstance(each, str) for each in value):
            return Condition(kind, field, tuple(value), _shown(item))
        case "eq" | "starts-with" | "in" | "not-in":
            raise _invalid(f"Invalid Condition: the value is of the wrong type: {_shown(item)}")
    raise _invalid(f"Invalid Condition: unknown operation '{item[0]}'.")


def _size_range(item: list[Any]) -> tuple[int, int]:
    numbers = item[1:]
    if len(numbers) != 2 or not all(type(number) is int and number >= 0 for number in numbers):
        raise _invalid("Invalid JSON: content-length-range takes two numbers.")
    return numbers[0], numbers[1]


def _lower(value: Any) -> str:
    return value.lower() if isinstance(value, str) else ""


def _shown(item: Any) -> str:
    return json.dumps(item, ensure_ascii=False)


def _invalid(why: str) -> Exception:
    return INVALID_POST_POLICY.error(why=why)
