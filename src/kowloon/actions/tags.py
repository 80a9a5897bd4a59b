"""Tags, once for all products: the tag fields of requests, filters, and the three tag actions by declaration."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import msgspec

from kowloon.actions import pages
from kowloon.actions.context import Context
from kowloon.actions.declare import Named, Product, ResourceType, Response
from kowloon.actions.decode import Request
from kowloon.actions.errors import MISSING_PARAMETER, invalid
from kowloon.core.errors import ApiError, ErrorSpec
from kowloon.store.resources import Resource

# The vendor's limits: 20 tags on a resource, 128 characters in a key or a value.
MOST_TAGS = 20
MOST_CHARACTERS = 128

RESOURCE_NOT_FOUND = ErrorSpec(
    "InvalidResourceId.NotFound", 404, "The specified ResourceId is not found in our records."
)


class TagParam(msgspec.Struct, kw_only=True):
    Key: str = ""
    Value: str = ""


class TagItem(msgspec.Struct, kw_only=True):
    """A tag as Describe answers show it."""

    TagKey: str
    TagValue: str
    Key: str = ""
    Value: str = ""


class TagList(msgspec.Struct, kw_only=True):
    Tag: list[TagItem] = []


def checked(given: Iterable[TagParam]) -> dict[str, str]:
    """Tags of a request as a dict; the vendor's refusals for bad keys and too many."""
    tags: dict[str, str] = {}
    for tag in given:
        if not is_key(tag.Key):
            raise invalid("Tag.N.Key", "A key has 1 to 128 characters and must not begin with aliyun or acs:.")
        if not is_value(tag.Value):
            raise invalid("Tag.N.Value", "A value has at most 128 characters.")
        tags[tag.Key] = tag.Value
    return merged({}, tags)


def is_key(key: str) -> bool:
    lowered = key.lower()
    reserved = lowered.startswith(("aliyun", "acs:")) or "http://" in lowered or "https://" in lowered
    return 1 <= len(key) <= MOST_CHARACTERS and not reserved


def is_value(value: str) -> bool:
    return len(value) <= MOST_CHARACTERS


def _too_many() -> ApiError:
    return invalid("Tag", f"A resource has at most {MOST_TAGS} tags.")


def merged(
    held: Mapping[str, str], added: Mapping[str, str], too_many: Callable[[], ApiError] = _too_many
) -> dict[str, str]:
    """What a resource has then; `too_many` says so in the product's words."""
    tags = {**held, **added}
    if len(tags) > MOST_TAGS:
        raise too_many()
    return tags


def matches(tags: Mapping[str, str], wanted: Iterable[TagParam]) -> bool:
    """Whether all wanted tags are there; an empty value wants the key alone."""
    return all(tag.Key in tags and tag.Value in ("", tags[tag.Key]) for tag in wanted)


def shown(tags: Mapping[str, str]) -> TagList:
    if not tags:
        return TagList()
    return TagList(Tag=[TagItem(TagKey=key, TagValue=value, Key=key, Value=value) for key, value in tags.items()])


class TagResourcesRequest(Request):
    ResourceType: str
    ResourceId: list[str]
    Tag: list[TagParam]


class UntagResourcesRequest(Request):
    ResourceType: str
    ResourceId: list[str]
    TagKey: list[str] = []
    All: bool = False


class UnTagResourcesRequest(UntagResourcesRequest):
    """The same, as VPC spells it."""


class ListTagResourcesRequest(Request):
    ResourceType: str
    ResourceId: list[str] = []
    Tag: list[TagParam] = []
    NextToken: str = ""
    MaxResults: int = 50


class TagResourceItem(msgspec.Struct, kw_only=True):
    ResourceId: str
    ResourceType: str
    TagKey: str
    TagValue: str


class TagResourceList(msgspec.Struct, kw_only=True):
    TagResource: list[TagResourceItem] = []


class ListTagResourcesResponse(Response):
    NextToken: str = ""
    TagResources: TagResourceList = msgspec.field(default_factory=TagResourceList)


def declare_tag_actions(product: Product, *, untag: type[UntagResourcesRequest] = UntagResourcesRequest) -> None:
    """TagResources, UntagResources (or UnTagResources) and ListTagResources of the product's types, whose names are
    matched in any letter case."""
    by_name = {type.name: type for type in product.types}

    def type_of(name: str) -> ResourceType:
        type = by_name.get(name.lower())
        if type is None:
            raise invalid("ResourceType", f"It must be one of {', '.join(by_name)}.")
        return type

    def found(ctx: Context, resource_type: str, ids: list[str]) -> list[Resource]:
        if not ids:
            raise MISSING_PARAMETER.error(name="ResourceId")
        type = type_of(resource_type)
        items = []
        for id in ids:
            item = ctx.mine(type.kind, type.stored_id(ctx.account, ctx.region, id))
            if item is None:
                raise RESOURCE_NOT_FOUND.error()
            items.append(item)
        return items

    def tag_resources(ctx: Context, req: TagResourcesRequest) -> Response:
        tags = checked(req.Tag)
        for item in found(ctx, req.ResourceType, req.ResourceId):
            ctx.tx.put(msgspec.structs.replace(item, tags=merged(item.tags, tags)))
        return Response()

    def untag_resources(ctx: Context, req: UntagResourcesRequest) -> Response:
        for item in found(ctx, req.ResourceType, req.ResourceId):
            kept = {} if req.All else {key: value for key, value in item.tags.items() if key not in req.TagKey}
            ctx.tx.put(msgspec.structs.replace(item, tags=kept))
        return Response()

    def list_tag_resources(ctx: Context, req: ListTagResourcesRequest) -> ListTagResourcesResponse:
        type = type_of(req.ResourceType)
        rows = [
            TagResourceItem(ResourceId=type.shown_id(item), ResourceType=req.ResourceType, TagKey=key, TagValue=value)
            for item in ctx.all(type.kind)
            if (not req.ResourceId or type.shown_id(item) in req.ResourceId) and matches(item.tags, req.Tag)
            for key, value in item.tags.items()
        ]
        page = pages.by_token(rows, req.NextToken, req.MaxResults)
        return ListTagResourcesResponse(NextToken=page.next_token, TagResources=TagResourceList(TagResource=page.items))

    def names(call: Named) -> Mapping[str, list[str]]:
        told = call.text("ResourceType").lower()
        type = by_name.get(told)
        kind = type.arn_name or type.name if type is not None else told
        return {"Tagged": [f"{kind}/{id}" for id in call.texts("ResourceId")]}

    untag_resources.__annotations__["req"] = untag
    product.naming.append(names)
    tagged = f"acs:{product.ram_code}:{{region}}:{{account}}:{{Tagged}}"
    product.action(resource=tagged)(tag_resources)
    product.action(resource=tagged)(untag_resources)
    product.action(resource="*")(list_tag_resources)
