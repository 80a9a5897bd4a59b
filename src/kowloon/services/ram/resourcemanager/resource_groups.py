"""Resource groups. What is in them is in group_contents."""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec

from kowloon.actions import pages, tags
from kowloon.actions.context import Context
from kowloon.actions.declare import Response
from kowloon.actions.decode import Request
from kowloon.core.clock import iso_seconds
from kowloon.services.ram.resourcemanager import group_contents
from kowloon.services.ram.resourcemanager.errors import (
    DEFAULT_GROUP,
    GROUP_EXISTS,
    GROUP_HAS_RESOURCES,
    INVALID,
    TOO_MANY_GROUPS,
)
from kowloon.services.ram.resourcemanager.group_contents import find
from kowloon.services.ram.resourcemanager.product import resourcemanager
from kowloon.store.identity import PolicyAttachment
from kowloon.store.resource_groups import ResourceGroup
from kowloon.store.resources import default_group_id

MOST_GROUPS: Final = 30
_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9-]{1,49}")
_ALL: Final = "acs:resourcemanager:*:{account}:resourcegroup/*"
_ONE: Final = "acs:resourcemanager:*:{account}:resourcegroup/{ResourceGroupId}"


class GroupItem(msgspec.Struct, kw_only=True):
    Id: str
    Name: str
    DisplayName: str
    AccountId: str
    CreateDate: str


class ListedGroup(GroupItem, kw_only=True):
    Status: str
    Tags: tags.TagList


class RegionStatus(msgspec.Struct, kw_only=True):
    RegionId: str
    Status: str


class RegionStatusList(msgspec.Struct, kw_only=True):
    RegionStatus: list[RegionStatus]


class GroupWithRegions(ListedGroup, kw_only=True):
    RegionStatuses: RegionStatusList


class GroupResponse(Response):
    ResourceGroup: GroupWithRegions


def _fields(group: ResourceGroup) -> dict[str, Any]:
    return {
        "Id": group.id,
        "Name": group.name,
        "DisplayName": group.display_name,
        "AccountId": group.account,
        "CreateDate": iso_seconds(group.created_at),
    }


def _shown(ctx: Context, group: ResourceGroup, status: str = "OK", *, with_tags: bool = True) -> GroupWithRegions:
    regions = [RegionStatus(RegionId=region, Status=status) for region in ctx.topology.regions]
    return GroupWithRegions(
        **_fields(group),
        Status=status,
        Tags=tags.shown(group.tags if with_tags else {}),
        RegionStatuses=RegionStatusList(RegionStatus=regions),
    )


def _find_own(ctx: Context, id: str) -> ResourceGroup:
    """Not the default one, which is as it is."""
    if id == default_group_id(ctx.account):
        raise DEFAULT_GROUP.error()
    return find(ctx, id)


def _check_display_name(name: str, parameter: str) -> None:
    if not 1 <= len(name) <= 50:
        raise INVALID.error(name=parameter)


class CreateResourceGroupRequest(Request):
    Name: str
    DisplayName: str
    Tag: list[tags.TagParam] = []


@resourcemanager.action(resource=_ALL)
def create_resource_group(ctx: Context, req: CreateResourceGroupRequest) -> GroupResponse:
    if not _NAME.fullmatch(req.Name):
        raise INVALID.error(name="Name")
    _check_display_name(req.DisplayName, "DisplayName")
    groups = group_contents.groups(ctx)
    if any(group.name == req.Name for group in groups):
        raise GROUP_EXISTS.error()
    if len(groups) > MOST_GROUPS:
        raise TOO_MANY_GROUPS.error()
    group = ResourceGroup(
        id=ctx.ids.resource("rg", 15),
        account=ctx.account,
        created_at=ctx.now,
        tags=tags.checked(req.Tag),
        name=req.Name,
        display_name=req.DisplayName,
    )
    ctx.tx.put(group)
    return GroupResponse(ResourceGroup=_shown(ctx, group))


class GetResourceGroupRequest(Request):
    ResourceGroupId: str
    IncludeTags: bool = False


@resourcemanager.action(resource=_ONE)
def get_resource_group(ctx: Context, req: GetResourceGroupRequest) -> GroupResponse:
    group = find(ctx, req.ResourceGroupId)
    return GroupResponse(ResourceGroup=_shown(ctx, group, with_tags=req.IncludeTags))


class UpdateResourceGroupRequest(Request):
    ResourceGroupId: str
    NewDisplayName: str


class UpdateResourceGroupResponse(Response):
    ResourceGroup: GroupItem


@resourcemanager.action(resource=_ONE)
def update_resource_group(ctx: Context, req: UpdateResourceGroupRequest) -> UpdateResourceGroupResponse:
    group = _find_own(ctx, req.ResourceGroupId)
    _check_display_name(req.NewDisplayName, "NewDisplayName")
    changed = msgspec.structs.replace(group, display_name=req.NewDisplayName)
    ctx.tx.put(changed)
    return UpdateResourceGroupResponse(ResourceGroup=GroupItem(**_fields(changed)))


class DeleteResourceGroupRequest(Request):
    ResourceGroupId: str


@resourcemanager.action(resource=_ONE)
def delete_resource_group(ctx: Context, req: DeleteResourceGroupRequest) -> GroupResponse:
    """At once, with the rights that count in it only; what it held must be gone."""
    group = _find_own(ctx, req.ResourceGroupId)
    if any(member.group == group.id for member in group_contents.contents(ctx)):
        raise GROUP_HAS_RESOURCES.error()
    for attachment in ctx.tx.list(PolicyAttachment, account=ctx.account):
        if attachment.scope == group.id:
            ctx.tx.delete(attachment)
    ctx.tx.delete(group)
    return GroupResponse(ResourceGroup=_shown(ctx, group, "PendingDelete"))


class ListResourceGroupsRequest(Request):
    ResourceGroupId: str = ""
    ResourceGroupIds: list[str] = []
    Name: str = ""
    DisplayName: str = ""
    Status: str = ""
    IncludeTags: bool = False
    Tag: list[tags.TagParam] = []
    PageNumber: int = 1
    PageSize: int = 10


class GroupList(msgspec.Struct, kw_only=True):
    ResourceGroup: list[ListedGroup]


class ListResourceGroupsResponse(Response):
    TotalCount: int
    PageNumber: int
    PageSize: int
    ResourceGroups: GroupList


@resourcemanager.action(resource=_ALL)
def list_resource_groups(ctx: Context, req: ListResourceGroupsRequest) -> ListResourceGroupsResponse:
    """The default group first. Names may be told in part."""
    if req.Status not in ("", "Creating", "OK", "PendingDelete"):
        raise INVALID.error(name="Status")
    wanted = [
        group
        for group in group_contents.groups(ctx)
        if req.ResourceGroupId in ("", group.id)
        and (not req.ResourceGroupIds or group.id in req.ResourceGroupIds)
        and req.Name in group.name
        and req.DisplayName in group.display_name
        and req.Status in ("", "OK")
        and tags.matches(group.tags, req.Tag)
    ]
    page = pages.by_number(wanted, req.PageNumber, req.PageSize)
    rows = [
        ListedGroup(**_fields(group), Status="OK", Tags=tags.shown(group.tags if req.IncludeTags else {}))
        for group in page.items
    ]
    return ListResourceGroupsResponse(
        TotalCount=page.total,
        PageNumber=page.number,
        PageSize=page.size,
        ResourceGroups=GroupList(ResourceGroup=rows),
    )
