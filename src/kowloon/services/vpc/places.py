"""VPC's own lists of regions and zones."""

from __future__ import annotations

import msgspec

from kowloon.actions.context import Context
from kowloon.actions.declare import Response
from kowloon.actions.decode import Request
from kowloon.services.vpc.product import vpc


class RegionItem(msgspec.Struct, kw_only=True):
    RegionId: str
    LocalName: str
    RegionEndpoint: str


class RegionList(msgspec.Struct, kw_only=True):
    Region: list[RegionItem]


class DescribeRegionsRequest(Request):
    AcceptLanguage: str = "zh-CN"


class DescribeRegionsResponse(Response):
    Regions: RegionList


@vpc.action()
def describe_regions(ctx: Context, req: DescribeRegionsRequest) -> DescribeRegionsResponse:
    chinese = req.AcceptLanguage.lower().startswith("zh")
    rows = [
        RegionItem(
            RegionId=region.id,
            LocalName=region.name_zh if chinese else region.name,
            RegionEndpoint=f"vpc.{region.id}.aliyuncs.com",
        )
        for region in ctx.topology.regions.values()
    ]
    return DescribeRegionsResponse(Regions=RegionList(Region=rows))


class ZoneItem(msgspec.Struct, kw_only=True):
    ZoneId: str
    LocalName: str


class ZoneList(msgspec.Struct, kw_only=True):
    Zone: list[ZoneItem]


class DescribeZonesRequest(Request):
    AcceptLanguage: str = "zh-CN"


class DescribeZonesResponse(Response):
    Zones: ZoneList


@vpc.action()
def describe_zones(ctx: Context, req: DescribeZonesRequest) -> DescribeZonesResponse:
    ctx.require_region()
    zones = ctx.topology.regions[ctx.region].zones
    return DescribeZonesResponse(Zones=ZoneList(Zone=[ZoneItem(ZoneId=zone.id, LocalName=zone.name) for zone in zones]))
