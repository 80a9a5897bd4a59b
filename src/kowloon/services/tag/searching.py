"""Which keys and values there are, and which resources have them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from kowloon.actions import pages
from kowloon.actions.context import Context
from kowloon.actions.declare import Registry, ResourceType, Response
from kowloon.actions.decode import Request
from kowloon.services.tag.errors import CATEGORY, FUZZY, META_NOT_FOUND, NO_KEY, QUERY_TYPE, RESOURCE_TYPE
from kowloon.services.tag.product import tag
from kowloon.services.tag.resources import MetaTag
from kowloon.services.tag.tagging import MOST_ROWS, carriers
from kowloon.store.resources import Resource

_META: Final = "MetaTag"


class FilterParam(msgspec.Struct, kw_only=True):
    Key: str = ""
    Value: str = ""


def _types(ctx: Context, name: str) -> list[ResourceType]:
    """Of `ALIYUN::ECS::INSTANCE`; all types without a name."""
    registry = ctx.port(Registry)
    if not name:
        return [type for _, type in registry.types_of("", "")]
    parts = name.split("::")
    found = list(registry.types_of(parts[1], parts[2])) if len(parts) == 3 and parts[0].upper() == "ALIYUN" else []
    if not found:
        raise RESOURCE_TYPE.error()
    return [type for _, type in found]


def _tagged(ctx: Context, type_name: str) -> Iterable[Resource]:
    return [item for type in _types(ctx, type_name) for item in carriers(ctx, type)]


def _check_query(query_type: str, fuzzy_type: str) -> None:
    if query_type not in ("", "ResourceTag", _META):
        raise QUERY_TYPE.error()
    if fuzzy_type not in ("", "EQUAL", "PREFIX"):
        raise FUZZY.error()


def _fits(text: str, wanted: str, fuzzy_type: str) -> bool:
    return not wanted or (text.startswith(wanted) if fuzzy_type == "PREFIX" else text == wanted)


class ListTagKeysRequest(Request):
    ResourceType: str = ""
    TagFilter: FilterParam = msgspec.field(default_factory=FilterParam)
    FuzzyType: str = ""
    QueryType: str = ""
    Category: str = "all"
    NextToken: str = ""
    PageSize: int = 50


class KeyItem(msgspec.Struct, kw_only=True):
    Key: str
    Description: str
    Category: str = "custom"


class KeyList(msgspec.Struct, kw_only=True):
    Key: list[KeyItem]


class ListTagKeysResponse(Response):
    NextToken: str
    Keys: KeyList


@tag.action()
def list_tag_keys(ctx: Context, req: ListTagKeysRequest) -> ListTagKeysResponse:
    """`QueryType` MetaTag: those that the account has prepared, instead of those that resources have."""
    _check_query(req.QueryType, req.FuzzyType)
    if req.Category not in ("", "all", "custom", "system"):
        raise CATEGORY.error()
    described = {each.name: each.description for each in ctx.tx.list(MetaTag, account=ctx.account)}
    used = {key for item in _tagged(ctx, req.ResourceType) for key in item.tags}
    keys = [] if req.Category == "system" else sorted(described if req.QueryType == _META else used)
    rows = [
        KeyItem(Key=key, Description=described.get(key, ""))
        for key in keys
        if _fits(key, req.TagFilter.Key, req.FuzzyType)
    ]
    page = pages.by_token(rows, req.NextToken, req.PageSize, most=MOST_ROWS, size_name="PageSize")
    return ListTagKeysResponse(NextToken=page.next_token, Keys=KeyList(Key=page.items))


class ListTagValuesRequest(Request):
    Key: str
    ResourceType: str = ""
    TagFilter: FilterParam = msgspec.field(default_factory=FilterParam)
    FuzzyType: str = ""
    QueryType: str = ""
    NextToken: str = ""
    PageSize: int = 50


class ValueList(msgspec.Struct, kw_only=True):
    Value: list[str]


class ListTagValuesResponse(Response):
    NextToken: str
    Values: ValueList


@tag.action()
def list_tag_values(ctx: Context, req: ListTagValuesRequest) -> ListTagValuesResponse:
    _check_query(req.QueryType, req.FuzzyType)
    if req.QueryType == _META:
        prepared = ctx.tx.get(MetaTag, f"{ctx.account}:{req.Key}")
        if prepared is None:
            raise META_NOT_FOUND.error()
        values = [*prepared.values]
    else:
        values = sorted({item.tags[req.Key] for item in _tagged(ctx, req.ResourceType) if req.Key in item.tags})
    wanted = [value for value in values if _fits(value, req.TagFilter.Value, req.FuzzyType)]
    page = pages.by_token(wanted, req.NextToken, req.PageSize, most=MOST_ROWS, size_name="PageSize")
    return ListTagValuesResponse(NextToken=page.next_token, Values=ValueList(Value=page.items))


class ListResourcesByTagRequest(Request):
    ResourceType: str
    TagFilter: FilterParam = msgspec.field(default_factory=FilterParam)
    FuzzyType: str = ""
    IncludeAllTags: bool = False
    NextToken: str = ""
    MaxResult: int = 50


class FoundTag(msgspec.Struct, kw_only=True):
    Key: str
    Value: str
    Category: str = "custom"


class FoundResource(msgspec.Struct, kw_only=True):
    ResourceId: str
    Tags: list[FoundTag]


class ListResourcesByTagResponse(Response):
    NextToken: str
    Resources: list[FoundResource]


@tag.action()
def list_resources_by_tag(ctx: Context, req: ListResourcesByTagRequest) -> ListResourcesByTagResponse:
    """`FuzzyType` NOT: those that do not have the tag, whether they have others or none."""
    if req.FuzzyType not in ("", "EQUAL", "NOT"):
        raise FUZZY.error()
    wanted = req.TagFilter
    if not wanted.Key:
        raise NO_KEY.error()
    rows = [
        FoundResource(
            ResourceId=type.shown_id(item),
            Tags=[FoundTag(Key=key, Value=value) for key, value in item.tags.items()] if req.IncludeAllTags else [],
        )
        for type in _types(ctx, req.ResourceType)
        for item in ctx.tx.list(type.kind, account=ctx.account)
        if item.region in ("", ctx.region) and _has(item, wanted) != (req.FuzzyType == "NOT")
    ]
    page = pages.by_token(rows, req.NextToken, req.MaxResult, most=MOST_ROWS, size_name="MaxResult")
    return ListResourcesByTagResponse(NextToken=page.next_token, Resources=page.items)


def _has(item: Resource, wanted: FilterParam) -> bool:
    return wanted.Key in item.tags and wanted.Value in ("", item.tags[wanted.Key])


class ListSupportResourceTypesRequest(Request):
    ProductCode: str = ""
    # As the vendor spells it.
    ResourceTye: str = ""
    NextToken: str = ""
    MaxResult: int = 50


class SupportedType(msgspec.Struct, kw_only=True):
    ProductCode: str
    ResourceType: str
    ArnTemplate: str


class ListSupportResourceTypesResponse(Response):
    NextToken: str
    SupportResourceTypes: list[SupportedType]


@tag.action()
def list_support_resource_types(ctx: Context, req: ListSupportResourceTypesRequest) -> ListSupportResourceTypesResponse:
    rows = [
        SupportedType(
            ProductCode=product.ram_code,
            ResourceType=type.name,
            ArnTemplate=f"arn:acs:{product.ram_code}:*:*:{type.name}/*",
        )
        for product, type in ctx.port(Registry).types_of(req.ProductCode, req.ResourceTye)
    ]
    page = pages.by_token(rows, req.NextToken, req.MaxResult, most=MOST_ROWS, size_name="MaxResult")
    return ListSupportResourceTypesResponse(NextToken=page.next_token, SupportResourceTypes=page.items)
