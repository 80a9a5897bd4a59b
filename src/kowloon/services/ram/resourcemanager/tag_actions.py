"""Tags of resource groups and member accounts."""

from __future__ import annotations

from typing import Final

import msgspec

from kowloon.actions import pages, tags
from kowloon.actions.context import Context
from kowloon.actions.declare import Response
from kowloon.actions.decode import Request
from kowloon.services.ram.logic import tagging
from kowloon.services.ram.resourcemanager import group_contents, tree
from kowloon.services.ram.resourcemanager.errors import INVALID
from kowloon.services.ram.resourcemanager.product import resourcemanager
from kowloon.services.ram.resourcemanager.resources import Member
from kowloon.store.resource_groups import ResourceGroup

Taggable = ResourceGroup | Member

# In lower case; the vendor's clients write them in several.
_GROUPS: Final = "resourcegroup"
_ACCOUNTS: Final = "account"
_TAGGED: Final = "acs:resourcemanager:*:{account}:{Tagged}"


def _type(name: str) -> str:
    kind = name.lower()
    if kind not in (_GROUPS, _ACCOUNTS):
        raise INVALID.error(name="ResourceType")
    return kind


def _all(ctx: Context, kind: str) -> list[Taggable]:
    if kind == _GROUPS:
        return [*group_contents.groups(ctx)]
    directory = tree.directory_of(ctx.tx, ctx.account)
    return [*tree.members(ctx.tx, directory)] if directory is not None else []


def _named(ctx: Context, resource_type: str, ids: list[str]) -> list[Taggable]:
    kind = _type(resource_type)
    tagging.check_count(ids, "ResourceId")
    if kind == _GROUPS:
        return [group_contents.find(ctx, id) for id in ids]
    directory = tree.managed(ctx)
    return [tree.member(ctx, directory, id) for id in ids]


class TagResourcesRequest(Request):
    ResourceId: list[str]
    Tag: list[tags.TagParam]
    ResourceType: str = "ResourceGroup"


@resourcemanager.action(resource=_TAGGED)
def tag_resources(ctx: Context, req: TagResourcesRequest) -> Response:
    tagging.add(ctx, _named(ctx, req.ResourceType, req.ResourceId), req.Tag)
    return Response()


class UntagResourcesRequest(Request):
    ResourceId: list[str]
    ResourceType: str = "ResourceGroup"
    TagKey: list[str] = []
    All: bool = False


@resourcemanager.action(resource=_TAGGED)
def untag_resources(ctx: Context, req: UntagResourcesRequest) -> Response:
    tagging.remove(ctx, _named(ctx, req.ResourceType, req.ResourceId), req.TagKey, every=req.All)
    return Response()


class ListTagResourcesRequest(Request):
    ResourceType: str = "ResourceGroup"
    ResourceId: list[str] = []
    Tag: list[tags.TagParam] = []
    NextToken: str = ""
    MaxResults: int = 10


class TagRow(msgspec.Struct, kw_only=True):
    ResourceId: str
    ResourceType: str
    TagKey: str
    TagValue: str


class ListTagResourcesResponse(Response):
    NextToken: str
    TagResources: list[TagRow]


@resourcemanager.action(resource=_TAGGED)
def list_tag_resources(ctx: Context, req: ListTagResourcesRequest) -> ListTagResourcesResponse:
    kind = _type(req.ResourceType)
    rows = [
        TagRow(ResourceId=item.id, ResourceType="Account" if kind == _ACCOUNTS else kind, TagKey=key, TagValue=value)
        for item in _all(ctx, kind)
        if (not req.ResourceId or item.id in req.ResourceId) and tags.matches(item.tags, req.Tag)
        for key, value in item.tags.items()
    ]
    page = pages.by_token(rows, req.NextToken, req.MaxResults)
    return ListTagResourcesResponse(NextToken=page.next_token, TagResources=page.items)


class ListTagKeysRequest(Request):
    ResourceType: str
    KeyFilter: str = ""
    NextToken: str = ""
    MaxResults: int = 10


class TagKey(msgspec.Struct, kw_only=True):
    Key: str


class ListTagKeysResponse(Response):
    NextToken: str
    Tags: list[TagKey]


@resourcemanager.action()
def list_tag_keys(ctx: Context, req: ListTagKeysRequest) -> ListTagKeysResponse:
    keys = sorted({key for item in _all(ctx, _type(req.ResourceType)) for key in item.tags if req.KeyFilter in key})
    page = pages.by_token(keys, req.NextToken, req.MaxResults)
    return ListTagKeysResponse(NextToken=page.next_token, Tags=[TagKey(Key=key) for key in page.items])


class ListTagValuesRequest(Request):
    ResourceType: str
    TagKey: str
    ValueFilter: str = ""
    NextToken: str = ""
    MaxResults: int = 10


class TagValue(msgspec.Struct, kw_only=True):
    Value: str


class ListTagValuesResponse(Response):
    NextToken: str
    Tags: list[TagValue]


@resourcemanager.action()
def list_tag_values(ctx: Context, req: ListTagValuesRequest) -> ListTagValuesResponse:
    found = {item.tags[req.TagKey] for item in _all(ctx, _type(req.ResourceType)) if req.TagKey in item.tags}
    values = sorted(value for value in found if req.ValueFilter in value)
    page = pages.by_token(values, req.NextToken, req.MaxResults)
    return ListTagValuesResponse(NextToken=page.next_token, Tags=[TagValue(Value=value) for value in page.items])
