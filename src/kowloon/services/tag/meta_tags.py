"""Tags that an account prepares before any resource has them."""

from __future__ import annotations

from typing import Final

import msgspec

from kowloon.actions import tags
from kowloon.actions.context import Context
from kowloon.actions.declare import Response
from kowloon.actions.decode import Request
from kowloon.services.tag.errors import (
    META_DESCRIPTION,
    META_HAS_VALUE,
    META_KEY,
    META_NOT_FOUND,
    META_VALUE,
    NO_META,
    TOO_MANY_KEYS,
    TOO_MANY_META_KEYS,
    TOO_MANY_META_VALUES,
)
from kowloon.services.tag.product import tag
from kowloon.services.tag.resources import MetaTag
from kowloon.services.tag.tagging import MOST_TAGS

# The vendor's bounds of what an account prepares are not published.
MOST_KEYS: Final = 1000
MOST_VALUES: Final = 1000
_MOST_DESCRIPTION_CHARACTERS: Final = 512


class ValueParam(msgspec.Struct, kw_only=True):
    Value: str = ""
    Description: str = ""


class KeyParam(msgspec.Struct, kw_only=True):
    Key: str = ""
    Description: str = ""
    TagValueParamList: list[ValueParam] = []


class CreateTagsRequest(Request):
    TagKeyValueParamList: list[KeyParam] = []


@tag.action()
def create_tags(ctx: Context, req: CreateTagsRequest) -> Response:
    """Values are added to a key that is there already."""
    if not req.TagKeyValueParamList:
        raise NO_META.error()
    if len(req.TagKeyValueParamList) > MOST_TAGS:
        raise TOO_MANY_KEYS.error()
    for given in req.TagKeyValueParamList:
        _check(given)
        id = f"{ctx.account}:{given.Key}"
        known = ctx.tx.get(MetaTag, id)
        values = {value.Value: value.Description for value in given.TagValueParamList}
        made = MetaTag(
            id=id,
            account=ctx.account,
            created_at=known.created_at if known is not None else ctx.now,
            name=given.Key,
            description=given.Description or (known.description if known is not None else ""),
            values={**(known.values if known is not None else {}), **values},
        )
        if len(made.values) > MOST_VALUES:
            raise TOO_MANY_META_VALUES.error()
        ctx.tx.put(made)
    if len(ctx.tx.list(MetaTag, account=ctx.account)) > MOST_KEYS:
        raise TOO_MANY_META_KEYS.error()
    return Response()


def _check(given: KeyParam) -> None:
    if not tags.is_key(given.Key):
        raise META_KEY.error()
    if any(not value.Value or not tags.is_value(value.Value) for value in given.TagValueParamList):
        raise META_VALUE.error()
    told = (given.Description, *(value.Description for value in given.TagValueParamList))
    if max(map(len, told)) > _MOST_DESCRIPTION_CHARACTERS:
        raise META_DESCRIPTION.error()


class DeleteTagRequest(Request):
    Key: str
    Value: str = ""


@tag.action()
def delete_tag(ctx: Context, req: DeleteTagRequest) -> Response:
    """A value of a key; or the key itself, once it has no values. What resources have stays."""
    known = ctx.tx.get(MetaTag, f"{ctx.account}:{req.Key}")
    if known is None:
        raise META_NOT_FOUND.error()
    if not req.Value:
        if known.values:
            raise META_HAS_VALUE.error()
        ctx.tx.delete(known)
        return Response()
    if req.Value not in known.values:
        raise META_VALUE.error()
    kept = {value: description for value, description in known.values.items() if value != req.Value}
    ctx.tx.put(msgspec.structs.replace(known, values=kept))
    return Response()
