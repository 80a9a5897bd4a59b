"""Load balancers: create, read, change, delete.

Deviations: `Address` is always a dialable address of the cloud, for intranet ones too, and cannot be chosen. The peak
bandwidth and the specification are kept and shown, and shape no traffic.
"""

from __future__ import annotations

import msgspec

from kowloon.actions import pages, resource_groups, tags
from kowloon.actions.context import Context
from kowloon.actions.declare import Response
from kowloon.actions.decode import AsCommas, AsJson, Request
from kowloon.actions.errors import MISSING_PARAMETER, invalid
from kowloon.core.clock import iso_seconds
from kowloon.core.errors import CapabilityError
from kowloon.engines.balancer.base import BalancerPayload
from kowloon.services.slb.errors import (
    ADDRESSES_USED_UP,
    BALANCER_NOT_FOUND,
    BALANCER_PROTECTED,
    NO_CAPACITY,
    VSWITCH_IN_USE,
    VSWITCH_NOT_FOUND,
)
from kowloon.services.slb.payload import groups_of, listeners_of, refresh
from kowloon.services.slb.product import slb
from kowloon.services.slb.resources import INSTANCE, BalancerHealth, LoadBalancer, Server, server_references
from kowloon.services.slb.zones import check_pair
from kowloon.store.resources import Key, Place, Reference, Resource
from kowloon.store.units import Unit, dialable_address
from kowloon.topology.map import place


def mine(ctx: Context, id: str) -> LoadBalancer:
    item = ctx.mine(LoadBalancer, id)
    if item is None:
        raise BALANCER_NOT_FOUND.error()
    return item


def with_servers(item: LoadBalancer, servers: tuple[Server, ...]) -> LoadBalancer:
    """The load balancer with that default group."""
    kept = tuple(reference for reference in item.references if reference.kind != INSTANCE)
    return msgspec.structs.replace(item, servers=servers, references=(*kept, *server_references(servers)))


class CreateLoadBalancerRequest(Request):
    AddressType: str = "internet"
    LoadBalancerName: str = ""
    VpcId: str = ""
    VSwitchId: str = ""
    MasterZoneId: str = ""
    SlaveZoneId: str = ""
    LoadBalancerSpec: str = ""
    Bandwidth: int | None = None
    InternetChargeType: str = "paybytraffic"
    InstanceChargeType: str = "PayBySpec"
    PayType: str = "PayOnDemand"
    AddressIPVersion: str = "ipv4"
    Address: str = ""
    DeleteProtection: str = "off"
    ModificationProtectionStatus: str = "NonProtection"
    ModificationProtectionReason: str = ""
    ResourceGroupId: str = ""
    Tag: list[tags.TagParam] = []
    ClientToken: str = ""


class CreateLoadBalancerResponse(Response):
    LoadBalancerId: str
    LoadBalancerName: str
    Address: str
    AddressIPVersion: str
    NetworkType: str
    VpcId: str
    VSwitchId: str
    ResourceGroupId: str


@slb.action(resource="acs:slb:{region}:{account}:loadbalancer/*")
def create_load_balancer(ctx: Context, req: CreateLoadBalancerRequest) -> CreateLoadBalancerResponse:
    _check(req)
    ctx.require_region()
    vswitch = _vswitch(ctx, req)
    master, slave = _zones(ctx, req, vswitch)
    id = ctx.ids.resource("lb")
    try:
        address = dialable_address(ctx.tx)
    except CapabilityError:
        raise ADDRESSES_USED_UP.error() from None
    item = LoadBalancer(
        id=id,
        account=ctx.account,
        region=ctx.region,
        created_at=ctx.now,
        tags=tags.checked(req.Tag),
        references=_vswitch_reference(vswitch),
        place=_spot(ctx, id, master),
        name=req.LoadBalancerName or id,
        address=address.address,
        address_type="intranet" if req.AddressType == "intranet" else "internet",
        spec=req.LoadBalancerSpec or "slb.s1.small",
        bandwidth=5120 if req.Bandwidth is None else req.Bandwidth,
        internet_charge_type=req.InternetChargeType,
        instance_charge_type=req.InstanceChargeType,
        master_zone=master,
        slave_zone=slave,
        delete_protection=req.DeleteProtection == "on",
        modification_protection=req.ModificationProtectionStatus,
        modification_reason=req.ModificationProtectionReason,
        resource_group_id=resource_groups.chosen(ctx, req.ResourceGroupId),
    )
    ctx.tx.put(item)
    ctx.tx.put(_unit(ctx, item, address))
    return CreateLoadBalancerResponse(
        LoadBalancerId=id,
        LoadBalancerName=item.name,
        Address=item.address,
        AddressIPVersion="ipv4",
        NetworkType=_network_type(item),
        VpcId=vswitch.refers_to("vpc") if vswitch is not None else "",
        VSwitchId=item.refers_to("vswitch"),
        ResourceGroupId=item.resource_group,
    )


def _check(req: CreateLoadBalancerRequest) -> None:
    """The values that a call gives; what cannot run here is refused with the reason."""
    if req.AddressType not in ("internet", "intranet"):
        raise invalid("AddressType")
    _on_off("DeleteProtection", req.DeleteProtection)
    if req.ModificationProtectionStatus not in ("NonProtection", "ConsoleProtection"):
        raise invalid("ModificationProtectionStatus")
    if req.Bandwidth is not None and not (req.Bandwidth == -1 or 1 <= req.Bandwidth <= 5120):
        raise invalid("Bandwidth")
    _check_name(req.LoadBalancerName)
    if req.AddressIPVersion != "ipv4":
        raise invalid("AddressIPVersion", "Kowloon has IPv4 load balancers only.")
    if req.Address:
        raise invalid("Address", "Kowloon gives each load balancer an address of its own; it cannot be chosen.")
    if req.PayType.lower() not in ("", "payondemand", "postpay"):
        raise invalid("PayType", "Kowloon sells pay-as-you-go only.")


def _on_off(name: str, value: str) -> bool:
    if value not in ("on", "off"):
        raise invalid(name)
    return value == "on"


def _check_name(name: str) -> str:
    if len(name) > 80 or name.startswith(("http://", "https://")):
        raise invalid("LoadBalancerName")
    return name


def _vswitch(ctx: Context, req: CreateLoadBalancerRequest) -> Resource | None:
    """An intranet load balancer stands in a vSwitch; for others the parameter says nothing, as with the vendor."""
    if req.AddressType != "intranet":
        return None
    if not req.VSwitchId:
        raise MISSING_PARAMETER.error(name="VSwitchId")
    vswitch = ctx.tx.find(Key("vswitch", req.VSwitchId))
    if vswitch is None or not ctx.reference("vswitch", req.VSwitchId):
        raise VSWITCH_NOT_FOUND.error()
    return vswitch


def _vswitch_reference(vswitch: Resource | None) -> tuple[Reference, ...]:
    if vswitch is None:
        return ()
    code, message = VSWITCH_IN_USE.code, VSWITCH_IN_USE.message
    return (Reference(kind=vswitch.kind, id=vswitch.id, code=code, message=message),)


def _zones(ctx: Context, req: CreateLoadBalancerRequest, vswitch: Resource | None) -> tuple[str, str]:
    """As asked; else the master is the vSwitch's zone, or the first one that has room."""
    zones = ctx.topology.zone_ids(ctx.region)
    master = req.MasterZoneId or (vswitch.zone if vswitch is not None else "")
    if not master:
        free = [zone for zone in zones if zone != req.SlaveZoneId and ctx.health.in_stock(zone)]
        if not free:
            raise NO_CAPACITY.error()
        master = free[0]
    return check_pair(master, req.SlaveZoneId, zones)


def _spot(ctx: Context, id: str, master: str) -> Place:
    host = place(id, ctx.health.in_stock(master, unit_class="balancer"))
    if host is None:
        raise NO_CAPACITY.error()
    return Place(master, host)


def _unit(ctx: Context, item: LoadBalancer, address: Reference) -> Unit:
    """It holds the address, so that nobody else gets it before the engine has let go."""
    return Unit(
        id=item.id,
        account=item.account,
        region=item.region,
        created_at=ctx.now,
        references=(address,),
        place=item.place,
        owner_kind=LoadBalancer.kind,
        owner_id=item.id,
        engine="balancer",
        address=item.address,
        payload=msgspec.to_builtins(BalancerPayload()),
    )


class LoadBalancerItem(msgspec.Struct, kw_only=True):
    LoadBalancerId: str
    LoadBalancerName: str
    LoadBalancerStatus: str
    Address: str
    AddressType: str
    AddressIPVersion: str
    RegionId: str
    RegionIdAlias: str
    MasterZoneId: str
    SlaveZoneId: str
    NetworkType: str
    VpcId: str
    VSwitchId: str
    LoadBalancerSpec: str
    Bandwidth: int
    InternetChargeType: str
    InternetChargeTypeAlias: str
    InstanceChargeType: str
    PayType: str
    CreateTime: str
    CreateTimeStamp: int
    DeleteProtection: str
    ModificationProtectionStatus: str
    ModificationProtectionReason: str
    ResourceGroupId: str
    Tags: tags.TagList


class LoadBalancerList(msgspec.Struct, kw_only=True):
    LoadBalancer: list[LoadBalancerItem]


class TagFilter(msgspec.Struct, kw_only=True):
    TagKey: str = ""
    TagValue: str = ""


class DescribeLoadBalancersRequest(Request):
    LoadBalancerId: AsCommas[list[str]] = []
    LoadBalancerName: AsCommas[list[str]] = []
    LoadBalancerStatus: str = ""
    Address: AsCommas[list[str]] = []
    AddressType: str = ""
    NetworkType: str = ""
    InternetChargeType: str = ""
    MasterZoneId: str = ""
    SlaveZoneId: str = ""
    VpcId: str = ""
    VSwitchId: str = ""
    ServerId: str = ""
    ResourceGroupId: str = ""
    Tags: AsJson[list[TagFilter]] = []
    Tag: list[tags.TagParam] = []
    PageNumber: int = 1
    PageSize: int = 50


class DescribeLoadBalancersResponse(Response):
    PageNumber: int
    PageSize: int
    TotalCount: int
    LoadBalancers: LoadBalancerList


@slb.action(resource="acs:slb:{region}:{account}:loadbalancer/*")
def describe_load_balancers(ctx: Context, req: DescribeLoadBalancersRequest) -> DescribeLoadBalancersResponse:
    found = [item for item in ctx.all(LoadBalancer) if _fits(ctx, item, req)]
    page = pages.by_number(found, req.PageNumber, req.PageSize)
    return DescribeLoadBalancersResponse(
        PageNumber=page.number,
        PageSize=page.size,
        TotalCount=page.total,
        LoadBalancers=LoadBalancerList(LoadBalancer=[shown(ctx, item) for item in page.items]),
    )


def _fits(ctx: Context, item: LoadBalancer, req: DescribeLoadBalancersRequest) -> bool:
    wanted = [*req.Tag, *(tags.TagParam(Key=tag.TagKey, Value=tag.TagValue) for tag in req.Tags)]
    return (
        (not req.LoadBalancerId or item.id in req.LoadBalancerId)
        and (not req.LoadBalancerName or item.name in req.LoadBalancerName)
        and (not req.Address or item.address in req.Address)
        and req.LoadBalancerStatus in ("", item.status)
        and req.AddressType in ("", item.address_type)
        and req.NetworkType in ("", _network_type(item))
        and req.InternetChargeType in ("", item.internet_charge_type)
        and req.MasterZoneId in ("", item.master_zone)
        and req.SlaveZoneId in ("", item.slave_zone)
        and req.VSwitchId in ("", item.refers_to("vswitch"))
        and (not req.VpcId or req.VpcId == _vpc_of(ctx, item))
        and req.ResourceGroupId in ("", item.resource_group)
        and (not req.ServerId or _serves(ctx, item, req.ServerId))
        and tags.matches(item.tags, wanted)
    )


def _serves(ctx: Context, item: LoadBalancer, server_id: str) -> bool:
    servers = [*item.servers, *(server for group in groups_of(ctx.tx, item.id) for server in group.servers)]
    return any(server.id == server_id for server in servers)


def _network_type(item: LoadBalancer) -> str:
    return "vpc" if item.address_type == "intranet" else "classic"


def _vpc_of(ctx: Context, item: LoadBalancer) -> str:
    vswitch = ctx.tx.find(Key("vswitch", item.refers_to("vswitch")))
    return vswitch.refers_to("vpc") if vswitch is not None else ""


def shown(ctx: Context, item: LoadBalancer) -> LoadBalancerItem:
    return LoadBalancerItem(
        LoadBalancerId=item.id,
        LoadBalancerName=item.name,
        LoadBalancerStatus=item.status,
        Address=item.address,
        AddressType=item.address_type,
        AddressIPVersion="ipv4",
        RegionId=item.region,
        RegionIdAlias=item.region,
        MasterZoneId=item.master_zone,
        SlaveZoneId=item.slave_zone,
        NetworkType=_network_type(item),
        VpcId=_vpc_of(ctx, item),
        VSwitchId=item.refers_to("vswitch"),
        LoadBalancerSpec=item.spec,
        Bandwidth=item.bandwidth,
        InternetChargeType=item.internet_charge_type,
        InternetChargeTypeAlias=item.internet_charge_type,
        InstanceChargeType=item.instance_charge_type,
        PayType="PayOnDemand",
        CreateTime=iso_seconds(item.created_at),
        CreateTimeStamp=int(item.created_at * 1000),
        DeleteProtection="on" if item.delete_protection else "off",
        ModificationProtectionStatus=item.modification_protection,
        ModificationProtectionReason=item.modification_reason,
        ResourceGroupId=item.resource_group,
        Tags=tags.shown(item.tags),
    )


class DeleteLoadBalancerRequest(Request):
    LoadBalancerId: str


@slb.action(resource="acs:slb:{region}:{account}:loadbalancer/{LoadBalancerId}")
def delete_load_balancer(ctx: Context, req: DeleteLoadBalancerRequest) -> Response:
    """Its listeners and groups go with it."""
    item = mine(ctx, req.LoadBalancerId)
    if item.delete_protection:
        raise BALANCER_PROTECTED.error()
    for held in (*listeners_of(ctx.tx, item.id), *groups_of(ctx.tx, item.id)):
        ctx.tx.delete(held)
    health = ctx.tx.get(BalancerHealth, item.id)
    if health is not None:
        ctx.tx.delete(health)
    ctx.tx.delete(item)
    unit = ctx.tx.get(Unit, item.id)
    if unit is not None:
        ctx.tx.put(msgspec.structs.replace(unit, desired="deleted"))
    return Response()


class SetLoadBalancerNameRequest(Request):
    LoadBalancerId: str
    LoadBalancerName: str


@slb.action(resource="acs:slb:{region}:{account}:loadbalancer/{LoadBalancerId}")
def set_load_balancer_name(ctx: Context, req: SetLoadBalancerNameRequest) -> Response:
    item = mine(ctx, req.LoadBalancerId)
    ctx.tx.put(msgspec.structs.replace(item, name=_check_name(req.LoadBalancerName)))
    return Response()


class SetLoadBalancerStatusRequest(Request):
    LoadBalancerId: str
    LoadBalancerStatus: str


@slb.action(resource="acs:slb:{region}:{account}:loadbalancer/{LoadBalancerId}")
def set_load_balancer_status(ctx: Context, req: SetLoadBalancerStatusRequest) -> Response:
    """An inactive load balancer keeps its address and listens on none of its ports."""
    item = mine(ctx, req.LoadBalancerId)
    if req.LoadBalancerStatus not in ("active", "inactive"):
        raise invalid("LoadBalancerStatus")
    ctx.tx.put(msgspec.structs.replace(item, status=req.LoadBalancerStatus))
    refresh(ctx.tx, item.id)
    return Response()


class SetLoadBalancerDeleteProtectionRequest(Request):
    LoadBalancerId: str
    DeleteProtection: str


@slb.action(resource="acs:slb:{region}:{account}:loadbalancer/{LoadBalancerId}")
def set_load_balancer_delete_protection(ctx: Context, req: SetLoadBalancerDeleteProtectionRequest) -> Response:
    item = mine(ctx, req.LoadBalancerId)
    protected = _on_off("DeleteProtection", req.DeleteProtection)
    ctx.tx.put(msgspec.structs.replace(item, delete_protection=protected))
    return Response()


class SetLoadBalancerModificationProtectionRequest(Request):
    LoadBalancerId: str
    ModificationProtectionStatus: str
    ModificationProtectionReason: str = ""


@slb.action(resource="acs:slb:{region}:{account}:loadbalancer/{LoadBalancerId}")
def set_load_balancer_modification_protection(
    ctx: Context, req: SetLoadBalancerModificationProtectionRequest
) -> Response:
    """Kept and shown: it guards against the vendor's console, not against this API."""
    item = mine(ctx, req.LoadBalancerId)
    status = req.ModificationProtectionStatus
    if status not in ("NonProtection", "ConsoleProtection"):
        raise invalid("ModificationProtectionStatus")
    reason = req.ModificationProtectionReason if status == "ConsoleProtection" else ""
    ctx.tx.put(msgspec.structs.replace(item, modification_protection=status, modification_reason=reason))
    return Response()
