"""Paging, once for all products: page numbers (older actions) and tokens (newer ones)."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from typing import Generic, TypeVar

import msgspec

from kowloon.actions.errors import INVALID_PARAMETER

T = TypeVar("T")


class Page(msgspec.Struct, Generic[T], kw_only=True):
    """One page. `next_token` is empty on the last one."""

    items: list[T]
    total: int
    number: int
    size: int
    next_token: str = ""


def by_number(items: Sequence[T], number: int, size: int, most: int = 100) -> Page[T]:
    """Page `number` (from 1) of `size` items; `InvalidParameter` when out of the vendor's range, empty past the end."""
    if number < 1:
        raise INVALID_PARAMETER.error(name="PageNumber")
    if not 1 <= size <= most:
        raise INVALID_PARAMETER.error(name="PageSize")
    start = (number - 1) * size
    return Page(items=list(items[start : start + size]), total=len(items), number=number, size=size)


def by_token(
    items: Sequence[T],
    token: str,
    size: int,
    most: int = 100,
    *,
    size_name: str = "MaxResults",
    token_name: str = "NextToken",
) -> Page[T]:
    """The page that follows `token` ('' = the first). Tokens are opaque to clients; a foreign one is refused. The names
    are those of the parameters, for refusals."""
    if not 1 <= size <= most:
        raise INVALID_PARAMETER.error(name=size_name)
    start = _offset(token, token_name) if token else 0
    stop = start + size
    following = _token(stop) if stop < len(items) else ""
    return Page(items=list(items[start:stop]), total=len(items), number=1, size=size, next_token=following)


def either(items: Sequence[T], number: int, size: int, token: str, max_results: int | None, most: int = 100) -> Page[T]:
    """For actions that take both: tokens win when MaxResults or NextToken is given."""
    if token or max_results is not None:
        return by_token(items, token, max_results if max_results is not None else 10, most)
    return by_number(items, number, size, most)


def _token(offset: int) -> str:
    return base64.urlsafe_b64encode(f"kowloon:{offset}".encode()).decode()


def by_marker(items: Sequence[T], marker: str, size: int, most: int = 1000) -> Page[T]:
    """The same where the parameters are Marker and MaxItems."""
    return by_token(items, marker, size, most, size_name="MaxItems", token_name="Marker")


def _offset(token: str, name: str) -> int:
    try:
        made_by, _, offset = base64.urlsafe_b64decode(token.encode()).decode().partition(":")
        if made_by == "kowloon" and int(offset) >= 0:
            return int(offset)
    except (ValueError, binascii.Error, UnicodeError):
        pass
    raise INVALID_PARAMETER.error(name=name)
