"""VPC's own list of zones."""

from __future__ import annotations

import msgspec

from kowloon.actions.context import Context
from kowloon.actions.declare import Response
from kowloon.actions.decode import Request
from kowloon.services.vpc.product import vpc


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
