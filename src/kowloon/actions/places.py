"""DescribeRegions, once for the products that answer it alike. Zones differ per product, so each has its own."""

from __future__ import annotations

import msgspec

from kowloon.actions.context import Context
from kowloon.actions.declare import Product, Response
from kowloon.actions.decode import Request
from kowloon.topology.map import Region


class DescribeRegionsRequest(Request):
    AcceptLanguage: str = "zh-CN"


class RegionItem(msgspec.Struct, kw_only=True):
    RegionId: str
    LocalName: str
    RegionEndpoint: str
    Status: str = "available"


class RegionList(msgspec.Struct, kw_only=True):
    Region: list[RegionItem]


class DescribeRegionsResponse(Response):
    Regions: RegionList


def declare_regions(product: Product) -> None:
    """The vendor's regions, named in Chinese unless AcceptLanguage asks for another language."""

    def describe_regions(ctx: Context, req: DescribeRegionsRequest) -> DescribeRegionsResponse:
        chinese = req.AcceptLanguage.lower().startswith("zh")
        rows = [
            RegionItem(
                RegionId=region.id,
                LocalName=region.name_zh if chinese else region.name,
                RegionEndpoint=_endpoint(product, region),
            )
            for region in ctx.topology.regions.values()
        ]
        return DescribeRegionsResponse(Regions=RegionList(Region=rows))

    product.action()(describe_regions)


def _endpoint(product: Product, region: Region) -> str:
    # ECS has endpoint names of its own in the oldest regions.
    return region.endpoint if product.ram_code == "ecs" else f"{product.hosts[0]}.{region.id}.aliyuncs.com"
