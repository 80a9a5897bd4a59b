"""Elastic IP addresses: a dialable address of their own, bound to one target at a time."""

from __future__ import annotations

import msgspec

from kowloon.actions import pages, resource_groups, tags
from kowloon.actions.context import Context
from kowloon.actions.declare import Response
from kowloon.actions.decode import AsCommas, Request
from kowloon.actions.errors import invalid
from kowloon.core.clock import iso_seconds
from kowloon.core.errors import CapabilityError
from kowloon.engines.balancer.base import BalancerPayload
from kowloon.services.vpc.errors import (
    EIP_NONE_LEFT,
    EIP_NOT_FOUND,
    EIP_STATUS,
    EIP_TARGET_NOT_FOUND,
    EIP_TARGET_TAKEN,
)
from kowloon.services.vpc.logic import check_name
from kowloon.services.vpc.product import vpc
from kowloon.services.vpc.resources import Eip
from kowloon.store.resources import Reference
from kowloon.store.units import Unit, dialable_address

# The vendor's InstanceType values that can be bound here, and the resource kinds behind them.
TARGETS = {"EcsInstance": "instance", "SlbInstance": "load-balancer"}


class AllocateEipAddressRequest(Request):
    Bandwidth: str = "5"
    InternetChargeType: str = "PayByTraffic"
    ISP: str = "BGP"
    Name: str = ""
    Description: str = ""
    ResourceGroupId: str = ""
    Tag: list[tags.TagParam] = []
    ClientToken: str = ""


class AllocateEipAddressResponse(Response):
    AllocationId: str
    EipAddress: str
    ResourceGroupId: str


@vpc.action(resource="acs:vpc:{region}:{account}:eip/*")
def allocate_eip_address(ctx: Context, req: AllocateEipAddressRequest) -> AllocateEipAddressResponse:
    try:
        address = dialable_address(ctx.tx)
    except CapabilityError:
        raise EIP_NONE_LEFT.error() from None
    item = Eip(
        id=ctx.ids.resource("eip"),
        account=ctx.account,
        region=ctx.region,
        created_at=ctx.now,
        tags=tags.checked(req.Tag),
        references=(address,),
        name=check_name(req.Name),
        description=req.Description,
        address=address.address,
        bandwidth=_bandwidth(req.Bandwidth),
        charge_type=req.InternetChargeType,
        isp=req.ISP,
        resource_group_id=resource_groups.chosen(ctx, req.ResourceGroupId),
    )
    ctx.tx.put(item)
    return AllocateEipAddressResponse(
        AllocationId=item.id, EipAddress=item.address, ResourceGroupId=item.resource_group
    )


def _bandwidth(text: str) -> str:
    if not text.isdigit() or not 1 <= int(text) <= 1000:
        raise invalid("Bandwidth", "It is a number of Mbit/s from 1 to 1000.")
    return text


class EipItem(msgspec.Struct, kw_only=True):
    AllocationId: str
    IpAddress: str
    Name: str
    Description: str
    Status: str
    InstanceId: str
    InstanceType: str
    InstanceRegionId: str
    Bandwidth: str
    EipBandwidth: str
    InternetChargeType: str
    ISP: str
    RegionId: str
    ChargeType: str
    AllocationTime: str
    ResourceGroupId: str
    Tags: tags.TagList


class EipList(msgspec.Struct, kw_only=True):
    EipAddress: list[EipItem]


class DescribeEipAddressesRequest(Request):
    AllocationId: AsCommas[list[str]] = []
    EipAddress: AsCommas[list[str]] = []
    EipName: str = ""
    Status: str = ""
    AssociatedInstanceId: AsCommas[list[str]] = []
    AssociatedInstanceType: str = ""
    ResourceGroupId: str = ""
    Tag: list[tags.TagParam] = []
    PageNumber: int = 1
    PageSize: int = 10
    DryRun: bool = False


class DescribeEipAddressesResponse(Response):
    PageNumber: int
    PageSize: int
    TotalCount: int
    EipAddresses: EipList


@vpc.action(resource="acs:vpc:{region}:{account}:eip/*")
def describe_eip_addresses(ctx: Context, req: DescribeEipAddressesRequest) -> DescribeEipAddressesResponse:
    found = [
        item
        for item in ctx.all(Eip)
        if (not req.AllocationId or item.id in req.AllocationId)
        and (not req.EipAddress or item.address in req.EipAddress)
        and req.EipName in ("", item.name)
        and req.Status in ("", _status(item))
        and req.ResourceGroupId in ("", item.resource_group)
        and (not req.AssociatedInstanceId or item.bound_id in req.AssociatedInstanceId)
        and req.AssociatedInstanceType in ("", item.bound_type)
        and tags.matches(item.tags, req.Tag)
    ]
    page = pages.by_number(found, req.PageNumber, req.PageSize, most=100)
    return DescribeEipAddressesResponse(
        PageNumber=page.number,
        PageSize=page.size,
        TotalCount=page.total,
        EipAddresses=EipList(EipAddress=[_shown(item) for item in page.items]),
    )


def _status(item: Eip) -> str:
    return "InUse" if item.bound_id else "Available"


def _shown(item: Eip) -> EipItem:
    return EipItem(
        AllocationId=item.id,
        IpAddress=item.address,
        Name=item.name,
        Description=item.description,
        Status=_status(item),
        InstanceId=item.bound_id,
        InstanceType=item.bound_type,
        InstanceRegionId=item.region if item.bound_id else "",
        Bandwidth=item.bandwidth,
        EipBandwidth=item.bandwidth,
        InternetChargeType=item.charge_type,
        ISP=item.isp,
        RegionId=item.region,
        ChargeType="PostPaid",
        AllocationTime=iso_seconds(item.created_at),
        ResourceGroupId=item.resource_group,
        Tags=tags.shown(item.tags),
    )


def _mine(ctx: Context, id: str) -> Eip:
    item = ctx.mine(Eip, id)
    if item is None:
        raise EIP_NOT_FOUND.error()
    return item


class AssociateEipAddressRequest(Request):
    AllocationId: str
    InstanceId: str
    InstanceType: str = "EcsInstance"
    ClientToken: str = ""


@vpc.action(resource="acs:vpc:{region}:{account}:eip/{AllocationId}")
def associate_eip_address(ctx: Context, req: AssociateEipAddressRequest) -> Response:
    item = _mine(ctx, req.AllocationId)
    if item.bound_id:
        raise EIP_STATUS.error()
    kind = TARGETS.get(req.InstanceType)
    if kind is None:
        raise invalid("InstanceType", f"Kowloon binds {' and '.join(TARGETS)}.")
    unit = ctx.tx.get(Unit, req.InstanceId)
    if not ctx.reference(kind, req.InstanceId) or unit is None:
        raise EIP_TARGET_NOT_FOUND.error()
    if any(other.bound_id == req.InstanceId for other in ctx.all(Eip)):
        raise EIP_TARGET_TAKEN.error()
    kept = tuple(reference for reference in item.references if reference.address)
    bound = msgspec.structs.replace(
        item,
        bound_id=req.InstanceId,
        bound_type=req.InstanceType,
        references=(*kept, Reference(kind=kind, id=req.InstanceId)),
    )
    ctx.tx.put(bound)
    ctx.tx.put(
        Unit(
            id=item.id,
            account=item.account,
            region=item.region,
            created_at=ctx.now,
            place=unit.place,
            owner_kind=Eip.kind,
            owner_id=item.id,
            engine="balancer",
            address=item.address,
            payload=msgspec.to_builtins(BalancerPayload(mirror=unit.address)),
        )
    )
    return Response()


class UnassociateEipAddressRequest(Request):
    AllocationId: str
    InstanceId: str = ""
    InstanceType: str = ""
    Force: bool = False
    ClientToken: str = ""


@vpc.action(resource="acs:vpc:{region}:{account}:eip/{AllocationId}")
def unassociate_eip_address(ctx: Context, req: UnassociateEipAddressRequest) -> Response:
    item = _mine(ctx, req.AllocationId)
    if not item.bound_id or req.InstanceId not in ("", item.bound_id):
        raise EIP_STATUS.error()
    kept = tuple(reference for reference in item.references if reference.address)
    ctx.tx.put(msgspec.structs.replace(item, bound_id="", bound_type="", references=kept))
    unit = ctx.tx.get(Unit, item.id)
    if unit is not None:
        ctx.tx.put(msgspec.structs.replace(unit, desired="deleted"))
    return Response()


class ModifyEipAddressAttributeRequest(Request):
    AllocationId: str
    Name: str | None = None
    Description: str | None = None
    Bandwidth: str | None = None


@vpc.action(resource="acs:vpc:{region}:{account}:eip/{AllocationId}")
def modify_eip_address_attribute(ctx: Context, req: ModifyEipAddressAttributeRequest) -> Response:
    item = _mine(ctx, req.AllocationId)
    changed = msgspec.structs.replace(
        item,
        name=item.name if req.Name is None else check_name(req.Name),
        description=item.description if req.Description is None else req.Description,
        bandwidth=item.bandwidth if req.Bandwidth is None else _bandwidth(req.Bandwidth),
    )
    ctx.tx.put(changed)
    return Response()


class ReleaseEipAddressRequest(Request):
    AllocationId: str


@vpc.action(resource="acs:vpc:{region}:{account}:eip/{AllocationId}")
def release_eip_address(ctx: Context, req: ReleaseEipAddressRequest) -> Response:
    item = _mine(ctx, req.AllocationId)
    if item.bound_id:
        raise EIP_STATUS.error()
    ctx.tx.delete(item)
    return Response()
