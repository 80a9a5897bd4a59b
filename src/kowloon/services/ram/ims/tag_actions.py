"""Tags of users, by id or logon name."""

from __future__ import annotations

import msgspec

from kowloon.actions import pages, tags
from kowloon.actions.context import Context
from kowloon.actions.declare import Response
from kowloon.actions.decode import AsJson, Request
from kowloon.actions.errors import INVALID_PARAMETER
from kowloon.services.ram.errors import INCORRECT
from kowloon.services.ram.ims.product import ims
from kowloon.services.ram.logic import login_names, tagging, users
from kowloon.store.identity import User


def _check_type(resource_type: str) -> None:
    if resource_type.lower() != "user":
        raise INCORRECT.error(name="ResourceType")


def _named(ctx: Context, ids: list[str], login_name: list[str]) -> list[User]:
    if ids and login_name:
        raise INVALID_PARAMETER.error(name="ResourcePrincipalName")
    return [users.find_by_id(ctx, id) for id in ids] + [login_names.find(ctx, name) for name in login_name]


class OfUsers(Request):
    ResourceType: str
    ResourceId: AsJson[list[str]] = []
    ResourcePrincipalName: AsJson[list[str]] = []


def _found(ctx: Context, req: OfUsers) -> list[User]:
    _check_type(req.ResourceType)
    tagging.check_count([*req.ResourceId, *req.ResourcePrincipalName], "ResourceId")
    return _named(ctx, req.ResourceId, req.ResourcePrincipalName)


class TagResourcesRequest(OfUsers, kw_only=True):
    Tag: AsJson[list[tags.TagParam]]


@ims.action(resource="acs:ram:*:{account}:user/{Tagged}")
def tag_resources(ctx: Context, req: TagResourcesRequest) -> Response:
    tagging.add(ctx, _found(ctx, req), req.Tag)
    return Response()


class UntagResourcesRequest(OfUsers, kw_only=True):
    TagKey: AsJson[list[str]] = []
    All: bool = False


@ims.action(resource="acs:ram:*:{account}:user/{Tagged}")
def untag_resources(ctx: Context, req: UntagResourcesRequest) -> Response:
    tagging.remove(ctx, _found(ctx, req), req.TagKey, every=req.All)
    return Response()


class ListTagResourcesRequest(OfUsers, kw_only=True):
    Tag: AsJson[list[tags.TagParam]] = []
    NextToken: str = ""
    PageSize: int = 100


class TagRow(msgspec.Struct, kw_only=True):
    ResourceId: str
    ResourceType: str
    TagKey: str
    TagValue: str


class TagRowList(msgspec.Struct, kw_only=True):
    TagResource: list[TagRow]


class ListTagResourcesResponse(Response):
    IsTruncated: bool
    NextToken: str
    TagResources: TagRowList


@ims.action(resource="acs:ram:*:{account}:user/{Tagged}")
def list_tag_resources(ctx: Context, req: ListTagResourcesRequest) -> ListTagResourcesResponse:
    _check_type(req.ResourceType)
    named = _named(ctx, req.ResourceId, req.ResourcePrincipalName)
    rows = [
        TagRow(ResourceId=user.user_id, ResourceType="user", TagKey=key, TagValue=value)
        for user in (named or ctx.tx.list(User, account=ctx.account))
        if tags.matches(user.tags, req.Tag)
        for key, value in user.tags.items()
    ]
    page = pages.by_token(rows, req.NextToken, req.PageSize, size_name="PageSize")
    return ListTagResourcesResponse(
        IsTruncated=bool(page.next_token), NextToken=page.next_token, TagResources=TagRowList(TagResource=page.items)
    )
