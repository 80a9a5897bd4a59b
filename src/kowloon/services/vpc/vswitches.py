"""vSwitches: a subnet in one zone; the place of everything that is created in it."""

from __future__ import annotations

import msgspec

from kowloon.actions import pages, tags
from kowloon.actions.context import Context
from kowloon.actions.declare import Response
from kowloon.actions.decode import AsCommas, Request
from kowloon.core.clock import iso_seconds
from kowloon.services.vpc.errors import (
    VPC_HAS_VSWITCH,
    VPC_ID_NOT_FOUND,
    VSWITCH_NOT_FOUND,
    ZONE_NOT_FOUND,
)
from kowloon.services.vpc.logic import check_name, check_vswitch_cidr
from kowloon.services.vpc.product import vpc
from kowloon.services.vpc.resources import Vpc, VSwitch
from kowloon.store.resources import AddressPool, Place, Reference


class CreateVSwitchRequest(Request):
    ZoneId: str
    CidrBlock: str
    VpcId: str
    VSwitchName: str = ""
    Description: str = ""
    Tag: list[tags.TagParam] = []
    ClientToken: str = ""


class CreateVSwitchResponse(Response):
    VSwitchId: str


@vpc.action(resource=("acs:vpc:{region}:{account}:vswitch/*", "acs:vpc:{region}:{account}:vpc/{VpcId}"))
def create_vswitch(ctx: Context, req: CreateVSwitchRequest) -> CreateVSwitchResponse:
    parent = ctx.mine(Vpc, req.VpcId)
    if parent is None:
        raise VPC_ID_NOT_FOUND.error()
    ctx.require_region()
    if req.ZoneId not in ctx.topology.zone_ids(ctx.region):
        raise ZONE_NOT_FOUND.error()
    siblings = [other.cidr for other in ctx.all(VSwitch) if other.refers_to("vpc") == parent.id]
    cidr = check_vswitch_cidr(req.CidrBlock, parent.cidr, siblings)
    item = VSwitch(
        id=ctx.ids.resource("vsw"),
        account=ctx.account,
        region=ctx.region,
        created_at=ctx.now,
        tags=tags.checked(req.Tag),
        references=(Reference(kind="vpc", id=parent.id, code=VPC_HAS_VSWITCH.code, message=VPC_HAS_VSWITCH.message),),
        place=Place(req.ZoneId),
        pool=AddressPool(cidr),
        name=check_name(req.VSwitchName),
        description=req.Description,
        cidr=cidr,
    )
    ctx.tx.put(item)
    return CreateVSwitchResponse(VSwitchId=item.id)


class RouteTable(msgspec.Struct, kw_only=True):
    RouteTableId: str
    RouteTableType: str


class VSwitchItem(msgspec.Struct, kw_only=True):
    VSwitchId: str
    VSwitchName: str
    Description: str
    VpcId: str
    ZoneId: str
    CidrBlock: str
    Status: str
    AvailableIpAddressCount: int
    CreationTime: str
    IsDefault: bool
    ResourceGroupId: str
    OwnerId: int
    RouteTable: RouteTable
    Tags: tags.TagList


class VSwitchList(msgspec.Struct, kw_only=True):
    VSwitch: list[VSwitchItem]


class DescribeVSwitchesRequest(Request):
    VpcId: str = ""
    VSwitchId: AsCommas[list[str]] = []
    VSwitchName: str = ""
    ZoneId: str = ""
    IsDefault: bool | None = None
    ResourceGroupId: str = ""
    Tag: list[tags.TagParam] = []
    PageNumber: int = 1
    PageSize: int = 10
    DryRun: bool = False


class DescribeVSwitchesResponse(Response):
    PageNumber: int
    PageSize: int
    TotalCount: int
    VSwitches: VSwitchList


@vpc.action(resource="acs:vpc:{region}:{account}:vswitch/*")
def describe_vswitches(ctx: Context, req: DescribeVSwitchesRequest) -> DescribeVSwitchesResponse:
    found = [
        item
        for item in ctx.all(VSwitch)
        if (not req.VSwitchId or item.id in req.VSwitchId)
        and req.VpcId in ("", item.refers_to("vpc"))
        and req.VSwitchName in ("", item.name)
        and req.ZoneId in ("", item.zone)
        and req.IsDefault is not True
        and req.ResourceGroupId in ("", _group(ctx, item))
        and tags.matches(item.tags, req.Tag)
    ]
    page = pages.by_number(found, req.PageNumber, req.PageSize, most=50)
    return DescribeVSwitchesResponse(
        PageNumber=page.number,
        PageSize=page.size,
        TotalCount=page.total,
        VSwitches=VSwitchList(VSwitch=[_shown(ctx, item) for item in page.items]),
    )


def _group(ctx: Context, item: VSwitch) -> str:
    """A vSwitch is where its VPC is."""
    parent = ctx.mine(Vpc, item.refers_to("vpc"))
    return parent.resource_group if parent else ""


def _shown(ctx: Context, item: VSwitch) -> VSwitchItem:
    parent = ctx.mine(Vpc, item.refers_to("vpc"))
    taken = sum(
        1
        for holder in ctx.tx.referrers(item.key)
        for reference in holder.references
        if reference.key == item.key and reference.address
    )
    return VSwitchItem(
        VSwitchId=item.id,
        VSwitchName=item.name,
        Description=item.description,
        VpcId=item.refers_to("vpc"),
        ZoneId=item.zone,
        CidrBlock=item.cidr,
        Status="Available",
        AvailableIpAddressCount=len(AddressPool(item.cidr).addresses()) - taken,
        CreationTime=iso_seconds(item.created_at),
        IsDefault=item.is_default,
        ResourceGroupId=_group(ctx, item),
        OwnerId=int(item.account),
        RouteTable=RouteTable(RouteTableId=parent.route_table_id if parent else "", RouteTableType="System"),
        Tags=tags.shown(item.tags),
    )


class DescribeVSwitchAttributesRequest(Request):
    VSwitchId: str
    DryRun: bool = False


class DescribeVSwitchAttributesResponse(Response, VSwitchItem):
    """The fields of one vSwitch at the top level."""


@vpc.action(resource="acs:vpc:{region}:{account}:vswitch/{VSwitchId}")
def describe_vswitch_attributes(
    ctx: Context, req: DescribeVSwitchAttributesRequest
) -> DescribeVSwitchAttributesResponse:
    return DescribeVSwitchAttributesResponse(**msgspec.structs.asdict(_shown(ctx, _mine(ctx, req.VSwitchId))))


def _mine(ctx: Context, id: str) -> VSwitch:
    item = ctx.mine(VSwitch, id)
    if item is None:
        raise VSWITCH_NOT_FOUND.error()
    return item


class ModifyVSwitchAttributeRequest(Request):
    VSwitchId: str
    VSwitchName: str | None = None
    Description: str | None = None


@vpc.action(resource="acs:vpc:{region}:{account}:vswitch/{VSwitchId}")
def modify_vswitch_attribute(ctx: Context, req: ModifyVSwitchAttributeRequest) -> Response:
    item = _mine(ctx, req.VSwitchId)
    name = item.name if req.VSwitchName is None else check_name(req.VSwitchName)
    description = item.description if req.Description is None else req.Description
    ctx.tx.put(msgspec.structs.replace(item, name=name, description=description))
    return Response()


class DeleteVSwitchRequest(Request):
    VSwitchId: str
    DryRun: bool = False


@vpc.action(resource="acs:vpc:{region}:{account}:vswitch/{VSwitchId}")
def delete_vswitch(ctx: Context, req: DeleteVSwitchRequest) -> Response:
    ctx.tx.delete(_mine(ctx, req.VSwitchId))
    return Response()
