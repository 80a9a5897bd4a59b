"""One load balancer with what hangs on it."""

from __future__ import annotations

import msgspec

from kowloon.actions.context import Context
from kowloon.actions.declare import Response
from kowloon.actions.decode import Request
from kowloon.services.slb.load_balancers import LoadBalancerItem, mine, shown
from kowloon.services.slb.payload import listeners_of
from kowloon.services.slb.product import slb
from kowloon.services.slb.resources import Listener, Server
from kowloon.services.slb.servers import private_ip


class Ports(msgspec.Struct, kw_only=True):
    ListenerPort: list[int]


class PortAndProtocol(msgspec.Struct, kw_only=True):
    ListenerPort: int
    ListenerProtocol: str
    ListenerForward: str = "off"
    Description: str = ""


class PortsAndProtocol(msgspec.Struct, kw_only=True):
    ListenerPortAndProtocol: list[PortAndProtocol]


class PortAndProtocal(msgspec.Struct, kw_only=True):
    """The vendor's own spelling, still sent beside the right one."""

    ListenerPort: int
    ListenerProtocal: str


class PortsAndProtocal(msgspec.Struct, kw_only=True):
    ListenerPortAndProtocal: list[PortAndProtocal]


class ServerItem(msgspec.Struct, kw_only=True):
    ServerId: str
    ServerIp: str
    Weight: int
    Type: str = "ecs"
    Description: str = ""


class ServerList(msgspec.Struct, kw_only=True):
    BackendServer: list[ServerItem]


class DescribeLoadBalancerAttributeRequest(Request):
    LoadBalancerId: str


class DescribeLoadBalancerAttributeResponse(Response, LoadBalancerItem):
    ListenerPorts: Ports
    ListenerPortsAndProtocol: PortsAndProtocol
    ListenerPortsAndProtocal: PortsAndProtocal
    BackendServers: ServerList


@slb.action(resource="acs:slb:{region}:{account}:loadbalancer/{LoadBalancerId}")
def describe_load_balancer_attribute(
    ctx: Context, req: DescribeLoadBalancerAttributeRequest
) -> DescribeLoadBalancerAttributeResponse:
    item = mine(ctx, req.LoadBalancerId)
    listeners = listeners_of(ctx.tx, item.id)
    return DescribeLoadBalancerAttributeResponse(
        **msgspec.structs.asdict(shown(ctx, item)),
        ListenerPorts=Ports(ListenerPort=[listener.port for listener in listeners]),
        ListenerPortsAndProtocol=PortsAndProtocol(ListenerPortAndProtocol=[_port(row) for row in listeners]),
        ListenerPortsAndProtocal=PortsAndProtocal(
            ListenerPortAndProtocal=[
                PortAndProtocal(ListenerPort=row.port, ListenerProtocal=row.protocol) for row in listeners
            ]
        ),
        BackendServers=ServerList(BackendServer=[_server(ctx, server) for server in item.servers]),
    )


def _port(listener: Listener) -> PortAndProtocol:
    return PortAndProtocol(
        ListenerPort=listener.port, ListenerProtocol=listener.protocol, Description=listener.description
    )


def _server(ctx: Context, server: Server) -> ServerItem:
    return ServerItem(
        ServerId=server.id,
        ServerIp=private_ip(ctx, server.id),
        Weight=server.weight,
        Description=server.description,
    )
