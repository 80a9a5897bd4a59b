"""Where databases can be bought."""

from __future__ import annotations

import msgspec

from kowloon.actions.context import Context
from kowloon.actions.declare import Response
from kowloon.actions.decode import Request
from kowloon.services.rds.errors import ENGINE
from kowloon.services.rds.logic import VERSIONS
from kowloon.services.rds.product import rds


class RegionRow(msgspec.Struct, kw_only=True):
    RegionId: str
    ZoneId: str
    LocalName: str
    ZoneName: str
    RegionEndpoint: str


class RegionRows(msgspec.Struct, kw_only=True):
    RDSRegion: list[RegionRow]


class DescribeRegionsRequest(Request):
    AcceptLanguage: str = "zh-CN"


class DescribeRegionsResponse(Response):
    Regions: RegionRows


@rds.action()
def describe_regions(ctx: Context, req: DescribeRegionsRequest) -> DescribeRegionsResponse:
    rows = [
        RegionRow(
            RegionId=region.id,
            ZoneId=zone.id,
            LocalName=region.name,
            ZoneName=zone.name,
            RegionEndpoint=f"rds.{region.id}.aliyuncs.com",
        )
        for region in ctx.topology.regions.values()
        for zone in region.zones
    ]
    return DescribeRegionsResponse(Regions=RegionRows(RDSRegion=rows))


class StorageType(msgspec.Struct, kw_only=True):
    StorageType: str


class SupportedCategory(msgspec.Struct, kw_only=True):
    Category: str
    SupportedStorageTypes: list[StorageType]


class SupportedVersion(msgspec.Struct, kw_only=True):
    Version: str
    SupportedCategorys: list[SupportedCategory]


class SupportedEngine(msgspec.Struct, kw_only=True):
    Engine: str
    SupportedEngineVersions: list[SupportedVersion]


class AvailableZone(msgspec.Struct, kw_only=True):
    RegionId: str
    ZoneId: str
    SupportedEngines: list[SupportedEngine]


class DescribeAvailableZonesRequest(Request):
    Engine: str
    EngineVersion: str = ""
    ZoneId: str = ""
    Category: str = ""


class DescribeAvailableZonesResponse(Response):
    AvailableZones: list[AvailableZone]


@rds.action()
def describe_available_zones(ctx: Context, req: DescribeAvailableZonesRequest) -> DescribeAvailableZonesResponse:
    ctx.require_region()
    if req.Engine != "PostgreSQL":
        raise ENGINE.error(why=f"{req.Engine} is not built yet; Kowloon runs PostgreSQL.")
    categories = [
        SupportedCategory(Category=name, SupportedStorageTypes=[StorageType(StorageType="cloud_essd")])
        for name in ("Basic", "HighAvailability")
        if req.Category in ("", name)
    ]
    versions = [
        SupportedVersion(Version=version, SupportedCategorys=categories)
        for version in VERSIONS
        if req.EngineVersion in ("", version)
    ]
    engine = SupportedEngine(Engine="PostgreSQL", SupportedEngineVersions=versions)
    rows = [
        AvailableZone(RegionId=ctx.region, ZoneId=zone, SupportedEngines=[engine])
        for zone in ctx.topology.zone_ids(ctx.region)
        if req.ZoneId in ("", zone) and ctx.health.in_stock(zone)
    ]
    return DescribeAvailableZonesResponse(AvailableZones=rows)
