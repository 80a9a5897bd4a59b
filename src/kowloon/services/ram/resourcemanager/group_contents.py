"""What is in resource groups: resources of all products that have them, listed, counted and moved."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final, NamedTuple

import msgspec

from kowloon.actions import arns, pages, resource_groups
from kowloon.actions.context import Context
from kowloon.actions.declare import Product, Registry, ResourceType, Response
from kowloon.actions.decode import Request
from kowloon.actions.errors import MISSING_PARAMETER
from kowloon.core.clock import iso_seconds
from kowloon.core.errors import ErrorSpec
from kowloon.services.ram.resourcemanager.errors import GROUP_NOT_FOUND, INVALID
from kowloon.services.ram.resourcemanager.product import resourcemanager
from kowloon.store.identity import Account
from kowloon.store.resource_groups import ResourceGroup
from kowloon.store.resources import Resource, default_group_id

MOST_MOVED: Final = 100
_ALL: Final = "acs:resourcemanager:*:{account}:resourcegroup/*"
_ONE: Final = "acs:resourcemanager:*:{account}:resourcegroup/{ResourceGroupId}"
_RESOURCE_NOT_FOUND: Final = ErrorSpec("EntityNotExists.Resource", 404, "The specified resource does not exist.")
_TYPE_UNSUPPORTED: Final = ErrorSpec(
    "NotSupport.ResourceType", 400, "Resources of the type {name} cannot be moved between resource groups."
)


def _default(ctx: Context) -> ResourceGroup:
    """As it is while nothing of it was changed."""
    account = ctx.tx.get(Account, ctx.account)
    return ResourceGroup(
        id=default_group_id(ctx.account),
        account=ctx.account,
        created_at=account.created_at if account is not None else 0.0,
        name="default",
        display_name="default resource group",
    )


def find(ctx: Context, id: str) -> ResourceGroup:
    group = ctx.mine(ResourceGroup, id)
    if group is not None:
        return group
    if id != default_group_id(ctx.account):
        raise GROUP_NOT_FOUND.error()
    return _default(ctx)


def groups(ctx: Context) -> list[ResourceGroup]:
    """The caller's, the default one first."""
    default = find(ctx, default_group_id(ctx.account))
    others = [group for group in ctx.tx.list(ResourceGroup, account=ctx.account) if group.id != default.id]
    return [default, *others]


class Content(NamedTuple):
    product: Product
    type: ResourceType
    item: Resource
    group: str

    @property
    def id(self) -> str:
        return self.type.shown_id(self.item)


def contents(ctx: Context, service: str = "", type_name: str = "") -> Iterator[Content]:
    """All of the caller's in all regions, product by product."""
    for product, type in ctx.port(Registry).types_of(service, type_name):
        if type.grouped:
            for item in ctx.tx.list(type.kind, account=ctx.account):
                yield Content(product, type, item, item.resource_group)


class TypeParam(msgspec.Struct, kw_only=True):
    Service: str = ""
    ResourceType: str = ""


class ListResourcesRequest(Request):
    ResourceGroupId: str = ""
    Service: str = ""
    ResourceType: str = ""
    ResourceTypes: list[TypeParam] = []
    ResourceId: str = ""
    Region: str = ""
    PageNumber: int = 1
    PageSize: int = 10


class ResourceItem(msgspec.Struct, kw_only=True):
    Service: str
    ResourceType: str
    ResourceId: str
    ResourceGroupId: str
    RegionId: str
    CreateDate: str


class ResourceList(msgspec.Struct, kw_only=True):
    Resource: list[ResourceItem]


class ListResourcesResponse(Response):
    TotalCount: int
    PageNumber: int
    PageSize: int
    Resources: ResourceList


@resourcemanager.action(resource=_ONE)
def list_resources(ctx: Context, req: ListResourcesRequest) -> ListResourcesResponse:
    if req.ResourceGroupId:
        find(ctx, req.ResourceGroupId)
    wanted = [
        each
        for each in contents(ctx, req.Service, req.ResourceType)
        if req.ResourceGroupId in ("", each.group)
        and req.ResourceId in ("", each.id)
        and req.Region in ("", each.item.region)
        and _is_one_of(each, req.ResourceTypes)
    ]
    page = pages.by_number(wanted, req.PageNumber, req.PageSize)
    rows = [
        ResourceItem(
            Service=each.product.ram_code,
            ResourceType=each.type.name,
            ResourceId=each.id,
            ResourceGroupId=each.group,
            RegionId=each.item.region,
            CreateDate=iso_seconds(each.item.created_at),
        )
        for each in page.items
    ]
    return ListResourcesResponse(
        TotalCount=page.total,
        PageNumber=page.number,
        PageSize=page.size,
        Resources=ResourceList(Resource=rows),
    )


def _is_one_of(content: Content, types: list[TypeParam]) -> bool:
    return not types or any(
        each.Service.lower() in ("", content.product.ram_code)
        and (not each.ResourceType or content.type.is_named(each.ResourceType))
        for each in types
    )


class CountedTypeParam(msgspec.Struct, kw_only=True):
    Service: str = ""
    ResourceTypeCode: str = ""


class GetResourceGroupResourceCountsRequest(Request):
    GroupByKey: str = "ResourceGroupId"
    ResourceGroupId: str = ""
    ResourceRegionId: str = ""
    ResourceTypes: list[CountedTypeParam] = []


class ResourceCount(msgspec.Struct, kw_only=True):
    GroupByKey: str
    ResourceGroupId: str
    Count: int


class GetResourceGroupResourceCountsResponse(Response):
    ResourceCounts: list[ResourceCount]


@resourcemanager.action(resource=_ONE)
def get_resource_group_resource_counts(
    ctx: Context, req: GetResourceGroupResourceCountsRequest
) -> GetResourceGroupResourceCountsResponse:
    """Per group, or per group and type (`ecs:instance`)."""
    if req.GroupByKey not in ("ResourceGroupId", "ResourceType"):
        raise INVALID.error(name="GroupByKey")
    if req.ResourceGroupId:
        find(ctx, req.ResourceGroupId)
    types = [TypeParam(Service=each.Service, ResourceType=each.ResourceTypeCode) for each in req.ResourceTypes]
    counts: Counter[tuple[str, str]] = Counter()
    for each in contents(ctx):
        fits = req.ResourceGroupId in ("", each.group) and req.ResourceRegionId in ("", each.item.region)
        if fits and _is_one_of(each, types):
            by_type = f"{each.product.ram_code}:{each.type.name}"
            counts[each.group, by_type if req.GroupByKey == "ResourceType" else each.group] += 1
    return GetResourceGroupResourceCountsResponse(
        ResourceCounts=[
            ResourceCount(GroupByKey=key, ResourceGroupId=group, Count=count) for (group, key), count in counts.items()
        ]
    )


class ListResourceGroupCapabilityRequest(Request):
    Service: str = ""
    ResourceType: str = ""


class Capability(msgspec.Struct, kw_only=True):
    Service: str
    ResourceType: str
    SupportResourceGroupEvent: bool


class ListResourceGroupCapabilityResponse(Response):
    Capabilities: list[Capability]


@resourcemanager.action()
def list_resource_group_capability(
    ctx: Context, req: ListResourceGroupCapabilityRequest
) -> ListResourceGroupCapabilityResponse:
    """What can be moved between groups."""
    return ListResourceGroupCapabilityResponse(
        Capabilities=[
            Capability(Service=product.ram_code, ResourceType=type.name, SupportResourceGroupEvent=False)
            for product, type in ctx.port(Registry).types_of(req.Service, req.ResourceType)
            if type.grouped
        ]
    )


class MovedParam(msgspec.Struct, kw_only=True):
    Service: str = ""
    ResourceType: str = ""
    ResourceId: str = ""
    RegionId: str = ""


class MoveResourcesRequest(Request):
    ResourceGroupId: str
    Resources: list[MovedParam]


class MovedItem(MovedParam, kw_only=True):
    Status: str
    ErrorCode: str
    ErrorMsg: str
    RequestId: str


class MoveResourcesResponse(Response):
    Responses: list[MovedItem]


@resourcemanager.action(resource=_ALL)
def move_resources(ctx: Context, req: MoveResourcesRequest) -> MoveResourcesResponse:
    """Each by itself: what cannot be moved is said in its row."""
    group = find(ctx, req.ResourceGroupId)
    if not req.Resources:
        raise MISSING_PARAMETER.error(name="Resources")
    if len(req.Resources) > MOST_MOVED:
        raise INVALID.error(name="Resources")
    return MoveResourcesResponse(Responses=[_move(ctx, group, each) for each in req.Resources])


def _move(ctx: Context, group: ResourceGroup, wanted: MovedParam) -> MovedItem:
    arn = arns.Arn(wanted.Service.lower(), wanted.RegionId, ctx.account, wanted.ResourceType, wanted.ResourceId)
    found = arns.find(ctx.port(Registry), ctx.tx, arn) if wanted.Service and wanted.ResourceType else None
    problem = None
    if found is None or wanted.RegionId not in ("", found.item.region):
        problem = _RESOURCE_NOT_FOUND.error()
    elif not found.type.grouped:
        problem = _TYPE_UNSUPPORTED.error(name=wanted.ResourceType)
    else:
        kept = resource_groups.kept(ctx.account, group.id)
        ctx.tx.put(msgspec.structs.replace(found.item, resource_group_id=kept))
    return MovedItem(
        **msgspec.structs.asdict(wanted),
        Status="FAIL" if problem is not None else "SUCCESS",
        ErrorCode=problem.code if problem is not None else "",
        ErrorMsg=problem.message if problem is not None else "",
        RequestId=ctx.request_id,
    )
