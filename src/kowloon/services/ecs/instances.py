"""Instances: reading them."""

from __future__ import annotations

import re

import msgspec

from kowloon.actions import pages, tags
from kowloon.actions.context import Context
from kowloon.actions.declare import Response
from kowloon.actions.decode import AsJson, Request
from kowloon.core.clock import iso_minutes
from kowloon.services.ecs.errors import INSTANCE_NOT_FOUND
from kowloon.services.ecs.images import public_base
from kowloon.services.ecs.product import ecs
from kowloon.services.ecs.resources import Instance
from kowloon.services.ecs.types import instance_types
from kowloon.store.resources import Key


class IpAddresses(msgspec.Struct, kw_only=True):
    IpAddress: list[str] = []


class GroupIds(msgspec.Struct, kw_only=True):
    SecurityGroupId: list[str] = []


class LockReasons(msgspec.Struct, kw_only=True):
    LockReason: list[str] = []


class VpcAttributes(msgspec.Struct, kw_only=True):
    VpcId: str = ""
    VSwitchId: str = ""
    NatIpAddress: str = ""
    PrivateIpAddress: IpAddresses


class EipAttributes(msgspec.Struct, kw_only=True):
    AllocationId: str = ""
    IpAddress: str = ""
    InternetChargeType: str = ""
    Bandwidth: int | None = None


class PrivateIp(msgspec.Struct, kw_only=True):
    PrivateIpAddress: str
    Primary: bool = True


class PrivateIpSets(msgspec.Struct, kw_only=True):
    PrivateIpSet: list[PrivateIp]


class InterfaceItem(msgspec.Struct, kw_only=True):
    NetworkInterfaceId: str
    MacAddress: str
    PrimaryIpAddress: str
    Type: str
    PrivateIpSets: PrivateIpSets


class Interfaces(msgspec.Struct, kw_only=True):
    NetworkInterface: list[InterfaceItem]


class InstanceItem(msgspec.Struct, kw_only=True):
    InstanceId: str
    InstanceName: str
    Description: str
    HostName: str
    Status: str
    RegionId: str
    ZoneId: str
    ImageId: str
    OSName: str
    OSNameEn: str
    OSType: str
    InstanceType: str
    InstanceTypeFamily: str
    Cpu: int
    Memory: int
    CreationTime: str
    StartTime: str
    ExpiredTime: str
    InstanceChargeType: str
    InstanceNetworkType: str
    InternetChargeType: str
    InternetMaxBandwidthIn: int
    InternetMaxBandwidthOut: int
    IoOptimized: bool
    KeyPairName: str
    SerialNumber: str
    DeletionProtection: bool
    DeviceAvailable: bool
    StoppedMode: str
    ResourceGroupId: str
    CreditSpecification: str
    SpotStrategy: str
    SecurityGroupIds: GroupIds
    InnerIpAddress: IpAddresses
    PublicIpAddress: IpAddresses
    OperationLocks: LockReasons
    VpcAttributes: VpcAttributes
    EipAddress: EipAttributes
    NetworkInterfaces: Interfaces
    Tags: tags.TagList


class InstanceList(msgspec.Struct, kw_only=True):
    Instance: list[InstanceItem]


class DescribeInstancesRequest(Request):
    InstanceIds: AsJson[list[str]] | None = None
    VpcId: str = ""
    VSwitchId: str = ""
    ZoneId: str = ""
    Status: str = ""
    InstanceName: str = ""
    InstanceType: str = ""
    InstanceTypeFamily: str = ""
    ImageId: str = ""
    SecurityGroupId: str = ""
    KeyPairName: str = ""
    InstanceChargeType: str = ""
    InstanceNetworkType: str = ""
    ResourceGroupId: str = ""
    PrivateIpAddresses: AsJson[list[str]] | None = None
    EipAddresses: AsJson[list[str]] | None = None
    Tag: list[tags.TagParam] = []
    PageNumber: int = 1
    PageSize: int = 10
    NextToken: str = ""
    MaxResults: int | None = None
    DryRun: bool = False


class DescribeInstancesResponse(Response):
    TotalCount: int
    PageNumber: int
    PageSize: int
    NextToken: str
    Instances: InstanceList


@ecs.action(resource="acs:ecs:{region}:{account}:instance/{InstanceIds}")
def describe_instances(ctx: Context, req: DescribeInstancesRequest) -> DescribeInstancesResponse:
    wanted = req.InstanceIds
    if wanted is None:
        rows = ctx.all(Instance)
    else:
        rows = [item for id in wanted if (item := ctx.mine(Instance, id)) is not None]
    found = [item for item in rows if _fits(ctx, item, req)] if _narrows(req) else rows
    page = pages.either(found, req.PageNumber, req.PageSize, req.NextToken, req.MaxResults)
    return DescribeInstancesResponse(
        TotalCount=page.total,
        PageNumber=page.number,
        PageSize=page.size,
        NextToken=page.next_token,
        Instances=InstanceList(Instance=[shown(ctx, item) for item in page.items]),
    )


_PAGING = frozenset({"InstanceIds", "PageNumber", "PageSize", "NextToken", "MaxResults", "DryRun"})
_FILTERS = tuple(name for name in DescribeInstancesRequest.__struct_fields__ if name not in _PAGING)


def _narrows(req: DescribeInstancesRequest) -> bool:
    """Whether any filter is set: the usual list of everything looks at no instance twice."""
    return any(getattr(req, name) not in ("", None, []) for name in _FILTERS)


def _fits(ctx: Context, item: Instance, req: DescribeInstancesRequest) -> bool:
    return (
        req.Status in ("", item.status)
        and req.ZoneId in ("", item.zone)
        and req.VSwitchId in ("", item.refers_to("vswitch"))
        and (not req.VpcId or req.VpcId == vpc_of(ctx, item))
        and (not req.InstanceName or _named(item.name, req.InstanceName))
        and req.InstanceType in ("", item.instance_type)
        and (not req.InstanceTypeFamily or item.instance_type.startswith(req.InstanceTypeFamily + "."))
        and req.ImageId in ("", item.image_id)
        and (not req.SecurityGroupId or req.SecurityGroupId in item.group_ids)
        and req.KeyPairName in ("", item.key_pair)
        and req.InstanceChargeType in ("", item.charge_type)
        and req.InstanceNetworkType in ("", "vpc")
        and req.ResourceGroupId in ("", item.resource_group)
        and (req.PrivateIpAddresses is None or item.private_ip in req.PrivateIpAddresses)
        and (req.EipAddresses is None or _eip(ctx, item).IpAddress in req.EipAddresses)
        and (not req.Tag or tags.matches(item.tags, req.Tag))
    )


def _named(name: str, pattern: str) -> bool:
    """The vendor's wildcard is `*` alone; `?` and brackets are letters like any other."""
    if "*" not in pattern:
        return name == pattern
    return re.fullmatch(".*".join(re.escape(part) for part in pattern.split("*")), name, re.DOTALL) is not None


def vpc_of(ctx: Context, item: Instance) -> str:
    vswitch = ctx.tx.find(Key("vswitch", item.refers_to("vswitch")))
    return vswitch.refers_to("vpc") if vswitch is not None else ""


def _eip(ctx: Context, item: Instance) -> EipAttributes:
    for holder in ctx.tx.referrers(item.key):
        if holder.kind == "eip":
            address = next((reference.address for reference in holder.references if reference.address), "")
            return EipAttributes(AllocationId=holder.id, IpAddress=address)
    return EipAttributes()


def shown(ctx: Context, item: Instance) -> InstanceItem:
    type = instance_types()[item.instance_type]
    image = public_base(ctx, item.image_id)
    return InstanceItem(
        InstanceId=item.id,
        InstanceName=item.name,
        Description=item.description,
        HostName=item.hostname,
        Status=item.status,
        RegionId=item.region,
        ZoneId=item.zone,
        ImageId=item.image_id,
        OSName=image.os_name,
        OSNameEn=image.os_name.replace("64位", "64 bit"),
        OSType="linux",
        InstanceType=item.instance_type,
        InstanceTypeFamily=type.family,
        Cpu=type.vcpu,
        Memory=int(type.memory_gib * 1024),
        CreationTime=iso_minutes(item.created_at),
        StartTime=iso_minutes(item.started_at) if item.started_at else "",
        ExpiredTime="2099-12-31T15:59Z",
        InstanceChargeType=item.charge_type,
        InstanceNetworkType="vpc",
        InternetChargeType="PayByTraffic",
        InternetMaxBandwidthIn=-1,
        InternetMaxBandwidthOut=0,
        IoOptimized=True,
        KeyPairName=item.key_pair,
        SerialNumber=item.serial_number,
        DeletionProtection=item.deletion_protection,
        DeviceAvailable=True,
        StoppedMode="KeepCharging" if item.status == "Stopped" else "Not-applicable",
        ResourceGroupId=item.resource_group,
        CreditSpecification="",
        SpotStrategy="NoSpot",
        SecurityGroupIds=GroupIds(SecurityGroupId=item.group_ids),
        InnerIpAddress=IpAddresses(),
        PublicIpAddress=IpAddresses(),
        OperationLocks=LockReasons(),
        VpcAttributes=VpcAttributes(
            VpcId=vpc_of(ctx, item),
            VSwitchId=item.refers_to("vswitch"),
            PrivateIpAddress=IpAddresses(IpAddress=[item.private_ip]),
        ),
        EipAddress=_eip(ctx, item),
        NetworkInterfaces=Interfaces(
            NetworkInterface=[
                InterfaceItem(
                    NetworkInterfaceId=item.network_interface_id,
                    MacAddress=item.mac,
                    PrimaryIpAddress=item.private_ip,
                    Type="Primary",
                    PrivateIpSets=PrivateIpSets(PrivateIpSet=[PrivateIp(PrivateIpAddress=item.private_ip)]),
                )
            ]
        ),
        Tags=tags.shown(item.tags),
    )


class StatusItem(msgspec.Struct, kw_only=True):
    InstanceId: str
    Status: str


class StatusList(msgspec.Struct, kw_only=True):
    InstanceStatus: list[StatusItem]


class DescribeInstanceStatusRequest(Request):
    InstanceId: list[str] = []
    ZoneId: str = ""
    PageNumber: int = 1
    PageSize: int = 10


class DescribeInstanceStatusResponse(Response):
    TotalCount: int
    PageNumber: int
    PageSize: int
    InstanceStatuses: StatusList


@ecs.action(resource="acs:ecs:{region}:{account}:instance/*")
def describe_instance_status(ctx: Context, req: DescribeInstanceStatusRequest) -> DescribeInstanceStatusResponse:
    found = [
        item
        for item in ctx.all(Instance)
        if (not req.InstanceId or item.id in req.InstanceId) and req.ZoneId in ("", item.zone)
    ]
    page = pages.by_number(found, req.PageNumber, req.PageSize, most=50)
    rows = [StatusItem(InstanceId=item.id, Status=item.status) for item in page.items]
    return DescribeInstanceStatusResponse(
        TotalCount=page.total,
        PageNumber=page.number,
        PageSize=page.size,
        InstanceStatuses=StatusList(InstanceStatus=rows),
    )


class DescribeInstanceAttributeRequest(Request):
    InstanceId: str


class DescribeInstanceAttributeResponse(Response, InstanceItem):
    """The fields of one instance at the top level."""


def mine(ctx: Context, id: str) -> Instance:
    item = ctx.mine(Instance, id)
    if item is None:
        raise INSTANCE_NOT_FOUND.error()
    return item


@ecs.action(resource="acs:ecs:{region}:{account}:instance/{InstanceId}")
def describe_instance_attribute(
    ctx: Context, req: DescribeInstanceAttributeRequest
) -> DescribeInstanceAttributeResponse:
    item = shown(ctx, mine(ctx, req.InstanceId))
    return DescribeInstanceAttributeResponse(**msgspec.structs.asdict(item))


class DescribeUserDataRequest(Request):
    InstanceId: str


class DescribeUserDataResponse(Response):
    RegionId: str
    InstanceId: str
    UserData: str


@ecs.action(resource="acs:ecs:{region}:{account}:instance/{InstanceId}")
def describe_user_data(ctx: Context, req: DescribeUserDataRequest) -> DescribeUserDataResponse:
    item = mine(ctx, req.InstanceId)
    return DescribeUserDataResponse(RegionId=item.region, InstanceId=item.id, UserData=item.user_data)
