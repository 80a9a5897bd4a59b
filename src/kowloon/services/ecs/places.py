"""Where and what can be bought: zones and instance types."""

from __future__ import annotations

import msgspec

from kowloon.actions import pages
from kowloon.actions.context import Context
from kowloon.actions.declare import Response
from kowloon.actions.decode import Request
from kowloon.services.ecs.product import ecs
from kowloon.services.ecs.types import InstanceType, instance_types

_DISKS = ["cloud_essd", "cloud_efficiency", "cloud_ssd"]


class DiskCategories(msgspec.Struct, kw_only=True):
    DiskCategories: list[str]


class TypeNames(msgspec.Struct, kw_only=True):
    InstanceTypes: list[str]


class Creatable(msgspec.Struct, kw_only=True):
    ResourceTypes: list[str]


class ZoneItem(msgspec.Struct, kw_only=True):
    ZoneId: str
    LocalName: str
    ZoneType: str
    AvailableDiskCategories: DiskCategories
    AvailableInstanceTypes: TypeNames
    AvailableResourceCreation: Creatable


class ZoneList(msgspec.Struct, kw_only=True):
    Zone: list[ZoneItem]


class DescribeZonesRequest(Request):
    AcceptLanguage: str = "zh-CN"
    Verbose: bool = True


class DescribeZonesResponse(Response):
    Zones: ZoneList


@ecs.action()
def describe_zones(ctx: Context, req: DescribeZonesRequest) -> DescribeZonesResponse:
    ctx.require_region()
    rows = []
    for zone in ctx.topology.regions[ctx.region].zones:
        # A zone without a host in service sells nothing, as the vendor's own list says on such a day.
        open_for_sale = bool(ctx.health.in_stock(zone.id))
        rows.append(
            ZoneItem(
                ZoneId=zone.id,
                LocalName=zone.name,
                ZoneType="AvailabilityZone",
                AvailableDiskCategories=DiskCategories(DiskCategories=_DISKS if open_for_sale else []),
                AvailableInstanceTypes=TypeNames(
                    InstanceTypes=list(instance_types()) if open_for_sale and req.Verbose else []
                ),
                AvailableResourceCreation=Creatable(
                    ResourceTypes=["VSwitch", "IoOptimized", "Instance", "Disk"] if open_for_sale else []
                ),
            )
        )
    return DescribeZonesResponse(Zones=ZoneList(Zone=rows))


class TypeItem(msgspec.Struct, kw_only=True):
    InstanceTypeId: str
    InstanceTypeFamily: str
    CpuCoreCount: int
    MemorySize: float
    CpuArchitecture: str
    InstanceCategory: str
    EniQuantity: int
    EniPrivateIpAddressQuantity: int
    InstanceBandwidthRx: int
    InstanceBandwidthTx: int
    GPUAmount: int = 0
    GPUSpec: str = ""
    LocalStorageCategory: str = ""


class TypeList(msgspec.Struct, kw_only=True):
    InstanceType: list[TypeItem]


class DescribeInstanceTypesRequest(Request):
    InstanceTypes: list[str] = []
    InstanceTypeFamily: str = ""
    CpuArchitecture: str = ""
    MinimumCpuCoreCount: int | None = None
    MaximumCpuCoreCount: int | None = None
    MinimumMemorySize: float | None = None
    MaximumMemorySize: float | None = None
    MaxResults: int = 100
    NextToken: str = ""


class DescribeInstanceTypesResponse(Response):
    NextToken: str
    InstanceTypes: TypeList


@ecs.action()
def describe_instance_types(ctx: Context, req: DescribeInstanceTypesRequest) -> DescribeInstanceTypesResponse:
    found = [row for row in instance_types().values() if _type_fits(row, req)]
    page = pages.by_token(found, req.NextToken, req.MaxResults, most=1600)
    return DescribeInstanceTypesResponse(
        NextToken=page.next_token, InstanceTypes=TypeList(InstanceType=[_type_shown(row) for row in page.items])
    )


def _type_fits(row: InstanceType, req: DescribeInstanceTypesRequest) -> bool:
    return (
        (not req.InstanceTypes or row.id in req.InstanceTypes)
        and req.InstanceTypeFamily in ("", row.family)
        and req.CpuArchitecture.upper() in ("", row.arch.upper())
        and (req.MinimumCpuCoreCount is None or row.vcpu >= req.MinimumCpuCoreCount)
        and (req.MaximumCpuCoreCount is None or row.vcpu <= req.MaximumCpuCoreCount)
        and (req.MinimumMemorySize is None or row.memory_gib >= req.MinimumMemorySize)
        and (req.MaximumMemorySize is None or row.memory_gib <= req.MaximumMemorySize)
    )


def _type_shown(row: InstanceType) -> TypeItem:
    bandwidth_kbps = int(row.bandwidth_gbps * 1024 * 1024)
    return TypeItem(
        InstanceTypeId=row.id,
        InstanceTypeFamily=row.family,
        CpuCoreCount=row.vcpu,
        MemorySize=row.memory_gib,
        CpuArchitecture=row.arch,
        InstanceCategory=row.category,
        EniQuantity=row.eni,
        EniPrivateIpAddressQuantity=row.private_ipv4_per_eni,
        InstanceBandwidthRx=bandwidth_kbps,
        InstanceBandwidthTx=bandwidth_kbps,
    )
