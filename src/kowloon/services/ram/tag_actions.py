"""Tags of roles, policies, users and groups, by name."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from kowloon.actions import pages, tags
from kowloon.actions.context import Context
from kowloon.actions.declare import Response
from kowloon.actions.decode import AsJson, Request
from kowloon.services.ram import roles
from kowloon.services.ram.errors import INCORRECT
from kowloon.services.ram.logic import groups, policies, tagging, users
from kowloon.services.ram.product import ram
from kowloon.store.identity import Group, Policy, Role, User

Taggable = Role | Policy | User | Group

_KINDS: dict[str, type[Taggable]] = {"role": Role, "policy": Policy, "user": User, "group": Group}
_FINDERS: dict[str, Callable[[Context, str], Taggable]] = {
    "role": roles.find,
    "policy": policies.find,
    "user": users.find,
    "group": groups.find,
}


def _type(name: str) -> str:
    kind = name.lower()
    if kind not in _KINDS:
        raise INCORRECT.error(name="ResourceType")
    return kind


def _found(ctx: Context, resource_type: str, resource_names: list[str]) -> list[Taggable]:
    find = _FINDERS[_type(resource_type)]
    tagging.check_count(resource_names, "ResourceNames")
    return [find(ctx, name) for name in resource_names]


class TagResourcesRequest(Request):
    ResourceType: str
    ResourceNames: AsJson[list[str]]
    Tag: AsJson[list[tags.TagParam]]


@ram.action(resource="acs:ram:*:{account}:{Tagged}")
def tag_resources(ctx: Context, req: TagResourcesRequest) -> Response:
    tagging.add(ctx, _found(ctx, req.ResourceType, req.ResourceNames), req.Tag)
    return Response()


class UntagResourcesRequest(Request):
    ResourceType: str
    ResourceNames: AsJson[list[str]]
    TagKeys: AsJson[list[str]] = []
    All: bool = False


@ram.action(resource="acs:ram:*:{account}:{Tagged}")
def untag_resources(ctx: Context, req: UntagResourcesRequest) -> Response:
    tagging.remove(ctx, _found(ctx, req.ResourceType, req.ResourceNames), req.TagKeys, every=req.All)
    return Response()


class ListTagResourcesRequest(Request):
    ResourceType: str
    ResourceNames: AsJson[list[str]] = []
    Tag: AsJson[list[tags.TagParam]] = []
    NextToken: str = ""
    PageSize: int = 100


class TagRow(msgspec.Struct, kw_only=True):
    ResourceName: str
    ResourceType: str
    TagKey: str
    TagValue: str


class ListTagResourcesResponse(Response):
    NextToken: str
    TagResources: list[TagRow]


@ram.action(resource="acs:ram:*:{account}:{Tagged}")
def list_tag_resources(ctx: Context, req: ListTagResourcesRequest) -> ListTagResourcesResponse:
    kind = _type(req.ResourceType)
    wanted = {name.lower() if kind == "role" else name for name in req.ResourceNames}
    rows = []
    for item in ctx.tx.list(_KINDS[kind], account=ctx.account):
        name = item.name.lower() if kind == "role" else item.name
        if (not wanted or name in wanted) and tags.matches(item.tags, req.Tag):
            rows += [
                TagRow(ResourceName=item.name, ResourceType=kind, TagKey=key, TagValue=value)
                for key, value in item.tags.items()
            ]
    page = pages.by_token(rows, req.NextToken, req.PageSize, size_name="PageSize")
    return ListTagResourcesResponse(NextToken=page.next_token, TagResources=page.items)
