"""VPCs: create, read, change, delete."""

from __future__ import annotations

import msgspec

from kowloon.actions import pages, resource_groups, tags
from kowloon.actions.context import Context
from kowloon.actions.declare import Response
from kowloon.actions.decode import AsCommas, Request
from kowloon.core.clock import iso_seconds
from kowloon.services.vpc.errors import VPC_NOT_FOUND
from kowloon.services.vpc.logic import DEFAULT_VPC_CIDR, check_name, check_vpc_cidr
from kowloon.services.vpc.product import vpc
from kowloon.services.vpc.resources import Vpc, VSwitch


class CreateVpcRequest(Request):
    CidrBlock: str = DEFAULT_VPC_CIDR
    VpcName: str = ""
    Description: str = ""
    ResourceGroupId: str = ""
    Tag: list[tags.TagParam] = []
    ClientToken: str = ""
    DryRun: bool = False


class CreateVpcResponse(Response):
    VpcId: str
    VRouterId: str
    RouteTableId: str
    ResourceGroupId: str


@vpc.action(resource="acs:vpc:{region}:{account}:vpc/*")
def create_vpc(ctx: Context, req: CreateVpcRequest) -> CreateVpcResponse:
    item = Vpc(
        id=ctx.ids.resource("vpc"),
        account=ctx.account,
        region=ctx.region,
        created_at=ctx.now,
        tags=tags.checked(req.Tag),
        name=check_name(req.VpcName),
        description=req.Description,
        cidr=check_vpc_cidr(req.CidrBlock),
        router_id=ctx.ids.resource("vrt"),
        route_table_id=ctx.ids.resource("vtb"),
        resource_group_id=resource_groups.chosen(ctx, req.ResourceGroupId),
    )
    ctx.tx.put(item)
    return CreateVpcResponse(
        VpcId=item.id,
        VRouterId=item.router_id,
        RouteTableId=item.route_table_id,
        ResourceGroupId=item.resource_group,
    )


class Ids(msgspec.Struct, kw_only=True):
    VSwitchId: list[str] = []


class RouterTableIds(msgspec.Struct, kw_only=True):
    RouterTableIds: list[str] = []


class Nothing(msgspec.Struct, kw_only=True):
    """Lists that Kowloon has nothing for yet, present because clients look inside."""

    SecondaryCidrBlock: list[str] = []


class VpcItem(msgspec.Struct, kw_only=True):
    VpcId: str
    VpcName: str
    Description: str
    CidrBlock: str
    RegionId: str
    Status: str
    VRouterId: str
    RouteTableId: str
    CreationTime: str
    ResourceGroupId: str
    OwnerId: int
    IsDefault: bool
    VSwitchIds: Ids
    RouterTableIds: RouterTableIds
    SecondaryCidrBlocks: Nothing
    Tags: tags.TagList


class VpcList(msgspec.Struct, kw_only=True):
    Vpc: list[VpcItem]


class DescribeVpcsRequest(Request):
    VpcId: AsCommas[list[str]] = []
    VpcName: str = ""
    IsDefault: bool | None = None
    ResourceGroupId: str = ""
    Tag: list[tags.TagParam] = []
    PageNumber: int = 1
    PageSize: int = 10
    DryRun: bool = False


class DescribeVpcsResponse(Response):
    PageNumber: int
    PageSize: int
    TotalCount: int
    Vpcs: VpcList


@vpc.action(resource="acs:vpc:{region}:{account}:vpc/*")
def describe_vpcs(ctx: Context, req: DescribeVpcsRequest) -> DescribeVpcsResponse:
    found = [
        item
        for item in ctx.all(Vpc)
        if (not req.VpcId or item.id in req.VpcId)
        and req.VpcName in ("", item.name)
        and req.IsDefault is not True
        and req.ResourceGroupId in ("", item.resource_group)
        and tags.matches(item.tags, req.Tag)
    ]
    page = pages.by_number(found, req.PageNumber, req.PageSize, most=50)
    switches = ctx.all(VSwitch)
    return DescribeVpcsResponse(
        PageNumber=page.number,
        PageSize=page.size,
        TotalCount=page.total,
        Vpcs=VpcList(Vpc=[_shown(item, switches) for item in page.items]),
    )


def _shown(item: Vpc, switches: list[VSwitch]) -> VpcItem:
    return VpcItem(
        VpcId=item.id,
        VpcName=item.name,
        Description=item.description,
        CidrBlock=item.cidr,
        RegionId=item.region,
        Status="Available",
        VRouterId=item.router_id,
        RouteTableId=item.route_table_id,
        CreationTime=iso_seconds(item.created_at),
        ResourceGroupId=item.resource_group,
        OwnerId=int(item.account),
        IsDefault=False,
        VSwitchIds=Ids(VSwitchId=[switch.id for switch in switches if switch.refers_to("vpc") == item.id]),
        RouterTableIds=RouterTableIds(RouterTableIds=[item.route_table_id]),
        SecondaryCidrBlocks=Nothing(),
        Tags=tags.shown(item.tags),
    )


class DescribeVpcAttributeRequest(Request):
    VpcId: str
    DryRun: bool = False


class DescribeVpcAttributeResponse(Response, VpcItem):
    """The fields of one VPC at the top level."""


@vpc.action(resource="acs:vpc:{region}:{account}:vpc/{VpcId}")
def describe_vpc_attribute(ctx: Context, req: DescribeVpcAttributeRequest) -> DescribeVpcAttributeResponse:
    item = ctx.mine(Vpc, req.VpcId)
    if item is None:
        raise VPC_NOT_FOUND.error()
    return DescribeVpcAttributeResponse(**msgspec.structs.asdict(_shown(item, ctx.all(VSwitch))))


class ModifyVpcAttributeRequest(Request):
    VpcId: str
    VpcName: str | None = None
    Description: str | None = None


@vpc.action(resource="acs:vpc:{region}:{account}:vpc/{VpcId}")
def modify_vpc_attribute(ctx: Context, req: ModifyVpcAttributeRequest) -> Response:
    item = ctx.mine(Vpc, req.VpcId)
    if item is None:
        raise VPC_NOT_FOUND.error()
    name = item.name if req.VpcName is None else check_name(req.VpcName)
    description = item.description if req.Description is None else req.Description
    ctx.tx.put(msgspec.structs.replace(item, name=name, description=description))
    return Response()


class DeleteVpcRequest(Request):
    VpcId: str
    DryRun: bool = False


@vpc.action(resource="acs:vpc:{region}:{account}:vpc/{VpcId}")
def delete_vpc(ctx: Context, req: DeleteVpcRequest) -> Response:
    item = ctx.mine(Vpc, req.VpcId)
    if item is None:
        raise VPC_NOT_FOUND.error()
    ctx.tx.delete(item)
    return Response()
