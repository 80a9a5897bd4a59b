"""Where and what can be bought: zones, instance types, images."""

from __future__ import annotations

import msgspec

from kowloon.actions import pages, tags
from kowloon.actions.context import Context
from kowloon.actions.declare import Response
from kowloon.actions.decode import AsCommas, Request
from kowloon.services.ecs.product import ecs
from kowloon.services.ecs.types import PUBLIC_IMAGES, InstanceType, PublicImage, instance_types

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


class ImageItem(msgspec.Struct, kw_only=True):
    ImageId: str
    ImageName: str
    ImageOwnerAlias: str
    OSName: str
    OSNameEn: str
    OSType: str
    Platform: str
    Architecture: str
    Size: int
    Status: str
    IsPublic: bool
    IsSupportCloudinit: bool
    IsSupportIoOptimized: bool
    CreationTime: str
    Description: str
    Usage: str
    Tags: tags.TagList


class ImageList(msgspec.Struct, kw_only=True):
    Image: list[ImageItem]


class DescribeImagesRequest(Request):
    ImageId: AsCommas[list[str]] = []
    ImageName: str = ""
    ImageOwnerAlias: str = ""
    OSType: str = ""
    Architecture: str = ""
    Status: str = ""
    IsSupportCloudinit: bool | None = None
    PageNumber: int = 1
    PageSize: int = 10
    DryRun: bool = False


class DescribeImagesResponse(Response):
    RegionId: str
    TotalCount: int
    PageNumber: int
    PageSize: int
    Images: ImageList


@ecs.action()
def describe_images(ctx: Context, req: DescribeImagesRequest) -> DescribeImagesResponse:
    found = [
        image
        for image in PUBLIC_IMAGES
        if (not req.ImageId or image.id in req.ImageId)
        and req.ImageName in ("", image.name)
        and req.ImageOwnerAlias in ("", "system")
        and req.OSType in ("", "linux")
        and req.Architecture in ("", image.architecture)
        and req.Status in ("", "Available")
        and req.IsSupportCloudinit is not False
    ]
    page = pages.by_number(found, req.PageNumber, req.PageSize)
    return DescribeImagesResponse(
        RegionId=ctx.region,
        TotalCount=page.total,
        PageNumber=page.number,
        PageSize=page.size,
        Images=ImageList(Image=[_image_shown(image) for image in page.items]),
    )


def _image_shown(image: PublicImage) -> ImageItem:
    return ImageItem(
        ImageId=image.id,
        ImageName=image.name,
        ImageOwnerAlias="system",
        OSName=image.os_name,
        OSNameEn=image.os_name.replace("64位", "64 bit"),
        OSType="linux",
        Platform=image.platform,
        Architecture=image.architecture,
        Size=image.size_gib,
        Status="Available",
        IsPublic=True,
        IsSupportCloudinit=True,
        IsSupportIoOptimized=True,
        CreationTime="2024-07-11T00:00:00Z",
        Description="",
        Usage="none",
        Tags=tags.TagList(),
    )
