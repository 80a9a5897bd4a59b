"""Where load balancers can be bought."""

from __future__ import annotations

import msgspec

from kowloon.actions.context import Context
from kowloon.actions.declare import Response
from kowloon.actions.decode import Request
from kowloon.services.slb.product import slb
from kowloon.services.slb.zones import slaves_of


class SlaveZoneItem(msgspec.Struct, kw_only=True):
    ZoneId: str
    LocalName: str


class SlaveZoneList(msgspec.Struct, kw_only=True):
    SlaveZone: list[SlaveZoneItem]


class ZoneItem(msgspec.Struct, kw_only=True):
    ZoneId: str
    LocalName: str
    SlaveZones: SlaveZoneList


class ZoneList(msgspec.Struct, kw_only=True):
    Zone: list[ZoneItem]


class DescribeZonesRequest(Request):
    AcceptLanguage: str = "zh-CN"


class DescribeZonesResponse(Response):
    Zones: ZoneList


@slb.action()
def describe_zones(ctx: Context, req: DescribeZonesRequest) -> DescribeZonesResponse:
    """Master zones, each with its slaves; a zone with no host in service is not on sale."""
    ctx.require_region()
    names = {zone.id: zone.name for zone in ctx.topology.regions[ctx.region].zones}
    rows = [
        ZoneItem(
            ZoneId=zone,
            LocalName=names[zone],
            SlaveZones=SlaveZoneList(
                SlaveZone=[SlaveZoneItem(ZoneId=slave, LocalName=names[slave]) for slave in slaves_of(zone, [*names])]
            ),
        )
        for zone in names
        if ctx.health.in_stock(zone)
    ]
    return DescribeZonesResponse(Zones=ZoneList(Zone=rows))
