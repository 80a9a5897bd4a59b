"""Tags put on and taken off resources of all products, and shown, by ARN."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec

from kowloon.actions import arns, pages, tags
from kowloon.actions.context import Context
from kowloon.actions.declare import Product, Registry, ResourceType, Response
from kowloon.actions.decode import Request
from kowloon.core.errors import ApiError
from kowloon.services.tag.errors import (
    ARN_ACCOUNT,
    ARN_FORMAT,
    ARN_REGION,
    ARN_SERVICE,
    ARN_TYPE,
    CATEGORY,
    NO_KEY,
    RESOURCE_NOT_FOUND,
    TAG_KEY,
    TAG_VALUE,
    TAGS_FORMAT,
    TAGS_PER_RESOURCE,
    TOO_MANY_KEYS,
    TOO_MANY_RESOURCES,
    TOO_MANY_TAGS,
)
from kowloon.services.tag.product import tag
from kowloon.store.resources import Resource

# The vendor's bounds of one call.
MOST_RESOURCES: Final = 50
MOST_TAGS: Final = 10
MOST_ROWS: Final = 1000


def arn_of(product: Product, type: ResourceType, item: Resource) -> str:
    return f"arn:acs:{product.ram_code}:{item.region or '*'}:{item.account}:{type.name}/{type.shown_id(item)}"


def _arn(ctx: Context, text: str) -> arns.Arn:
    """What is open in it (`*`) is the caller's account and the region of the call."""
    arn = arns.parse(text)
    if arn is None or not text.startswith("arn:") or not arn.type or not arn.id:
        raise ARN_FORMAT.error(arn=text)
    registry = ctx.port(Registry)
    if not any(registry.types_of(arn.service, "")):
        raise ARN_SERVICE.error(name=arn.service)
    if not any(registry.types_of(arn.service, arn.type)):
        raise ARN_TYPE.error(name=arn.type)
    if arn.account not in ("", "*", ctx.account):
        raise ARN_ACCOUNT.error(arn=text)
    if arn.region not in ("", "*", ctx.region):
        raise ARN_REGION.error(arn=text)
    return arn._replace(account=ctx.account, region=ctx.region)


def _arns(ctx: Context, given: list[str]) -> dict[str, arns.Arn]:
    """By how the call writes them."""
    if len(given) > MOST_RESOURCES:
        raise TOO_MANY_RESOURCES.error()
    return {text: _arn(ctx, text) for text in given}


def _find(ctx: Context, arn: arns.Arn) -> Resource:
    found = arns.find(ctx.port(Registry), ctx.tx, arn)
    if found is None or found.item.region not in ("", ctx.region):
        raise RESOURCE_NOT_FOUND.error()
    return found.item


class Outcome(msgspec.Struct, kw_only=True):
    Code: str
    Message: str


class FailedResource(msgspec.Struct, kw_only=True):
    ResourceARN: str
    Result: Outcome


class FailedResourceList(msgspec.Struct, kw_only=True):
    FailedResource: list[FailedResource]


class ChangedResponse(Response):
    FailedResources: FailedResourceList


def _each(ctx: Context, given: list[str], change: Callable[[Resource], dict[str, str]]) -> ChangedResponse:
    """Every resource by itself: what fails is told, what does not is done. `change` gives the new tags."""
    failed = []
    for text, arn in _arns(ctx, given).items():
        try:
            item = _find(ctx, arn)
            ctx.tx.put(msgspec.structs.replace(item, tags=change(item)))
        except ApiError as problem:
            outcome = Outcome(Code=problem.code, Message=problem.message)
            failed.append(FailedResource(ResourceARN=text, Result=outcome))
    return ChangedResponse(FailedResources=FailedResourceList(FailedResource=failed))


def _tags(text: str) -> dict[str, str]:
    try:
        given = msgspec.json.decode(text or "null", type=dict[str, str])
    except (msgspec.DecodeError, RecursionError):
        raise TAGS_FORMAT.error() from None
    if not given:
        raise TAGS_FORMAT.error()
    return given


def _checked(text: str) -> dict[str, str]:
    given = _tags(text)
    if len(given) > MOST_TAGS:
        raise TOO_MANY_TAGS.error()
    wrong = [key for key in given if not tags.is_key(key)]
    if wrong:
        raise TAG_KEY.error(names=wrong)
    wrong = [value for value in given.values() if not tags.is_value(value)]
    if wrong:
        raise TAG_VALUE.error(names=wrong)
    return given


class TagResourcesRequest(Request):
    ResourceARN: list[str]
    Tags: str


@tag.action(resource="{Named}")
def tag_resources(ctx: Context, req: TagResourcesRequest) -> ChangedResponse:
    added = _checked(req.Tags)
    return _each(ctx, req.ResourceARN, lambda item: tags.merged(item.tags, added, TAGS_PER_RESOURCE.error))


class UntagResourcesRequest(Request):
    ResourceARN: list[str]
    TagKey: list[str]


@tag.action(resource="{Named}")
def untag_resources(ctx: Context, req: UntagResourcesRequest) -> ChangedResponse:
    if not req.TagKey:
        raise NO_KEY.error()
    if len(req.TagKey) > MOST_TAGS:
        raise TOO_MANY_KEYS.error()
    return _each(
        ctx,
        req.ResourceARN,
        lambda item: {key: value for key, value in item.tags.items() if key not in req.TagKey},
    )


class ListTagResourcesRequest(Request):
    ResourceARN: list[str] = []
    Tags: str = ""
    Category: str = "All"
    NextToken: str = ""
    PageSize: int = 50


class TagItem(msgspec.Struct, kw_only=True):
    Key: str
    Value: str
    Category: str = "Custom"


class TaggedResource(msgspec.Struct, kw_only=True):
    ResourceARN: str
    Tags: list[TagItem]


class ListTagResourcesResponse(Response):
    NextToken: str
    TagResources: list[TaggedResource]


@tag.action(resource="{Named}")
def list_tag_resources(ctx: Context, req: ListTagResourcesRequest) -> ListTagResourcesResponse:
    """Of resources that have tags, and all those that `Tags` wants. There are no tags of the system."""
    if req.Category not in ("", "All", "Custom", "System"):
        raise CATEGORY.error()
    wanted = _tags(req.Tags) if req.Tags else {}
    named = list(_arns(ctx, req.ResourceARN).values())
    rows = [
        TaggedResource(
            ResourceARN=arn_of(product, type, item),
            Tags=[TagItem(Key=key, Value=value) for key, value in item.tags.items()],
        )
        for product, type in ctx.port(Registry).types_of("", "")
        for item in carriers(ctx, type)
        if req.Category != "System"
        and (not named or any(_names(arn, product, type, item) for arn in named))
        and all(key in item.tags and value in ("", item.tags[key]) for key, value in wanted.items())
    ]
    page = pages.by_token(rows, req.NextToken, req.PageSize, most=MOST_ROWS, size_name="PageSize")
    return ListTagResourcesResponse(NextToken=page.next_token, TagResources=page.items)


def _names(arn: arns.Arn, product: Product, type: ResourceType, item: Resource) -> bool:
    """An id of `*` names all of a type."""
    is_type = arn.service == product.ram_code and type.is_named(arn.type)
    return is_type and (arn.id == "*" or type.stored_id(arn.account, arn.region, arn.id) == item.id)


def carriers(ctx: Context, type: ResourceType) -> list[Resource]:
    """The caller's resources of a type in the region of the call, and those of no region, that have tags."""
    found = ctx.tx.list(type.kind, account=ctx.account)
    return [item for item in found if item.tags and item.region in ("", ctx.region)]
