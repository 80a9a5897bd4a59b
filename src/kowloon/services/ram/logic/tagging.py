"""Adding and taking away tags of whatever can carry them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from kowloon.actions import tags
from kowloon.actions.context import Context
from kowloon.actions.errors import MISSING_PARAMETER, invalid
from kowloon.store.resources import Resource

_MOST_RESOURCES: Final = 50


def check_count(resources: Sequence[str], parameter: str) -> None:
    if not resources:
        raise MISSING_PARAMETER.error(name=parameter)
    if len(resources) > _MOST_RESOURCES:
        raise invalid(parameter, f"A call names at most {_MOST_RESOURCES} resources.")


def add(ctx: Context, items: Iterable[Resource], given: Iterable[tags.TagParam]) -> None:
    added = tags.checked(given)
    for item in items:
        ctx.tx.put(msgspec.structs.replace(item, tags=tags.merged(item.tags, added)))


def remove(ctx: Context, items: Iterable[Resource], keys: Sequence[str], *, every: bool) -> None:
    """`every`: all tags, when no keys are given."""
    for item in items:
        if not keys and not every:
            raise MISSING_PARAMETER.error(name="TagKey")
        kept = {key: value for key, value in item.tags.items() if keys and key not in keys}
        ctx.tx.put(msgspec.structs.replace(item, tags=kept))
