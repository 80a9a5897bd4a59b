"""Endpoints of products. Whoever asks by an official name is told official names; whoever asks by an address of this
cloud is told that very address, and so comes back here."""

from __future__ import annotations

import msgspec

from kowloon.actions.context import Context
from kowloon.actions.declare import Registry, Response
from kowloon.actions.decode import Request
from kowloon.services.location.errors import REGION_UNKNOWN, SERVICE_UNKNOWN
from kowloon.services.location.product import location
from kowloon.wire.http import routing_host
from kowloon.wire.names import is_vendor_name

# The only type of which there are endpoints here: clients ask for others inside the vendor's networks.
_PUBLIC = "openAPI"


class DescribeEndpointsRequest(Request):
    Id: str
    ServiceCode: str
    Type: str = _PUBLIC


class ProtocolList(msgspec.Struct, kw_only=True):
    Protocols: list[str]


class EndpointItem(msgspec.Struct, kw_only=True):
    """`SerivceCode` is how the vendor spells it."""

    Id: str
    SerivceCode: str
    Type: str
    Namespace: str = ""
    Endpoint: str
    Protocols: ProtocolList


class EndpointList(msgspec.Struct, kw_only=True):
    Endpoint: list[EndpointItem]


class DescribeEndpointsResponse(Response, kw_only=True):
    Success: bool = True
    Endpoints: EndpointList


@location.action()
def describe_endpoints(ctx: Context, req: DescribeEndpointsRequest) -> DescribeEndpointsResponse:
    """The public endpoint of a product in a region; none of another type."""
    if req.Id not in ctx.topology.regions:
        raise REGION_UNKNOWN.error()
    name = _official_name(ctx, req.ServiceCode.lower(), req.Id)
    found = EndpointItem(
        Id=req.Id,
        SerivceCode=req.ServiceCode,
        Type=req.Type,
        Endpoint=name if is_vendor_name(routing_host(ctx.host)) else _bare(ctx.host) or name,
        Protocols=ProtocolList(Protocols=["HTTP", "HTTPS"]),
    )
    return DescribeEndpointsResponse(Endpoints=EndpointList(Endpoint=[found] if req.Type == _PUBLIC else []))


def _official_name(ctx: Context, service: str, region: str) -> str:
    """Of a product that is not built, too: its calls answer that. 400 `Illegal Parameter` for what is no product."""
    if service == "ecs":
        return ctx.topology.regions[region].endpoint
    if service == "oss":
        return f"oss-{region}.aliyuncs.com"
    registry = ctx.port(Registry)
    built = next((product for product in registry.products if service in product.hosts), None)
    if built is not None:
        return f"{service}.aliyuncs.com" if built.central else f"{service}.{region}.aliyuncs.com"
    if all(service != code.lower() for products in registry.known.values() for code in products):
        raise SERVICE_UNKNOWN.error()
    return f"{service}.{region}.aliyuncs.com"


def _bare(host: str) -> str:
    """host:port, also of clients that write a scheme before it."""
    return host.rpartition("://")[2]
