"""Listeners: reading them."""

from __future__ import annotations

import msgspec

from kowloon.actions import pages, tags
from kowloon.actions.context import Context
from kowloon.actions.declare import Response
from kowloon.actions.decode import Request
from kowloon.services.slb.listeners import find
from kowloon.services.slb.load_balancers import mine as my_balancer
from kowloon.services.slb.product import slb
from kowloon.services.slb.resources import Listener, LoadBalancer


class CheckPart(msgspec.Struct, kw_only=True):
    HealthCheck: str
    HealthCheckInterval: int | None
    HealthCheckConnectPort: int | None
    HealthyThreshold: int | None
    UnhealthyThreshold: int | None
    HealthCheckDomain: str
    HealthCheckURI: str
    HealthCheckHttpCode: str
    HealthCheckMethod: str


class TcpPart(CheckPart):
    HealthCheckType: str
    HealthCheckConnectTimeout: int | None
    EstablishedTimeout: int
    PersistenceTimeout: int = 0
    ConnectionDrain: str = "off"
    MasterSlaveServerGroupId: str = ""


class HttpPart(CheckPart):
    HealthCheckTimeout: int | None
    IdleTimeout: int
    RequestTimeout: int
    Gzip: str
    StickySession: str
    StickySessionType: str
    Cookie: str
    CookieTimeout: int | None
    XForwardedFor: str
    XForwardedFor_ClientSrcPort: str = "off"
    XForwardedFor_SLBID: str = "off"
    XForwardedFor_SLBIP: str = "off"
    XForwardedFor_SLBPORT: str = "off"
    XForwardedFor_proto: str = "off"
    ListenerForward: str = "off"


def _core(item: Listener) -> dict[str, object]:
    """What every answer about a listener says."""
    return {
        "LoadBalancerId": item.refers_to(LoadBalancer.kind),
        "ListenerPort": item.port,
        "Status": item.status,
        "Description": item.description,
        "Bandwidth": item.bandwidth,
        "Scheduler": item.scheduler,
        "BackendServerPort": item.backend_port or None,
        "VServerGroupId": item.group_id,
    }


def _check_part(item: Listener) -> dict[str, object]:
    on = item.check == "on"
    http = on and (item.protocol == "http" or item.check_type == "http")
    return {
        "HealthCheck": item.check,
        "HealthCheckInterval": item.check_interval if on else None,
        "HealthCheckConnectPort": item.check_port or None if on else None,
        "HealthyThreshold": item.healthy if on else None,
        "UnhealthyThreshold": item.unhealthy if on else None,
        "HealthCheckDomain": item.check_domain if http else "",
        "HealthCheckURI": item.check_uri if http else "",
        "HealthCheckHttpCode": item.check_codes if http else "",
        "HealthCheckMethod": item.check_method if http else "",
    }


def _tcp_part(item: Listener) -> dict[str, object]:
    return {
        **_check_part(item),
        "HealthCheckType": item.check_type,
        "HealthCheckConnectTimeout": item.check_timeout if item.check == "on" else None,
        "EstablishedTimeout": item.established_timeout,
    }


def _http_part(item: Listener) -> dict[str, object]:
    return {
        **_check_part(item),
        "HealthCheckTimeout": item.check_timeout if item.check == "on" else None,
        "IdleTimeout": item.idle_timeout,
        "RequestTimeout": item.request_timeout,
        "Gzip": item.gzip,
        "StickySession": item.sticky,
        "StickySessionType": item.sticky_type,
        "Cookie": item.cookie,
        "CookieTimeout": item.cookie_timeout or None,
        "XForwardedFor": item.forwarded_for,
    }


class DescribeLoadBalancerTCPListenerAttributeRequest(Request):
    LoadBalancerId: str
    ListenerPort: int


class DescribeLoadBalancerTCPListenerAttributeResponse(Response, TcpPart, kw_only=True):
    LoadBalancerId: str
    ListenerPort: int
    Status: str
    Description: str
    Bandwidth: int
    Scheduler: str
    BackendServerPort: int | None
    VServerGroupId: str
    AclStatus: str = "off"
    SynProxy: str = "disable"
    ProxyProtocolV2Enabled: bool = False
    Tags: tags.TagList


@slb.action(resource="acs:slb:{region}:{account}:loadbalancer/{LoadBalancerId}")
def describe_tcp_listener(
    ctx: Context, req: DescribeLoadBalancerTCPListenerAttributeRequest
) -> DescribeLoadBalancerTCPListenerAttributeResponse:
    item = find(ctx, req.LoadBalancerId, req.ListenerPort, "tcp")
    fields = {**_core(item), **_tcp_part(item), "Tags": tags.shown(item.tags)}
    return msgspec.convert(fields, DescribeLoadBalancerTCPListenerAttributeResponse)


class Rules(msgspec.Struct, kw_only=True):
    """Kowloon has no forwarding rules yet."""

    Rule: list[str] = []


class DescribeLoadBalancerHTTPListenerAttributeRequest(Request):
    LoadBalancerId: str
    ListenerPort: int


class DescribeLoadBalancerHTTPListenerAttributeResponse(Response, HttpPart, kw_only=True):
    LoadBalancerId: str
    ListenerPort: int
    Status: str
    Description: str
    Bandwidth: int
    Scheduler: str
    BackendServerPort: int | None
    VServerGroupId: str
    AclStatus: str = "off"
    SecurityStatus: str = "off"
    Rules: Rules
    Tags: tags.TagList


@slb.action(resource="acs:slb:{region}:{account}:loadbalancer/{LoadBalancerId}")
def describe_http_listener(
    ctx: Context, req: DescribeLoadBalancerHTTPListenerAttributeRequest
) -> DescribeLoadBalancerHTTPListenerAttributeResponse:
    item = find(ctx, req.LoadBalancerId, req.ListenerPort, "http")
    fields = {**_core(item), **_http_part(item), "Rules": Rules(), "Tags": tags.shown(item.tags)}
    return msgspec.convert(fields, DescribeLoadBalancerHTTPListenerAttributeResponse)


class TcpConfig(TcpPart):
    """Here the switch is text."""

    ProxyProtocolV2Enabled: str = "false"


class ListenerItem(msgspec.Struct, kw_only=True):
    LoadBalancerId: str
    ListenerPort: int
    Status: str
    Description: str
    Bandwidth: int
    Scheduler: str
    BackendServerPort: int | None
    VServerGroupId: str
    AclStatus: str = "off"
    ListenerProtocol: str
    TCPListenerConfig: TcpConfig | None
    HTTPListenerConfig: HttpPart | None
    Tags: list[tags.TagItem]


class DescribeLoadBalancerListenersRequest(Request):
    LoadBalancerId: list[str] = []
    ListenerProtocol: str = ""
    ListenerPort: int | None = None
    Description: str = ""
    Tag: list[tags.TagParam] = []
    NextToken: str = ""
    MaxResults: int = 20


class DescribeLoadBalancerListenersResponse(Response):
    Listeners: list[ListenerItem]
    TotalCount: int
    MaxResults: int
    NextToken: str


@slb.action(resource="acs:slb:{region}:{account}:loadbalancer/*")
def describe_listeners(
    ctx: Context, req: DescribeLoadBalancerListenersRequest
) -> DescribeLoadBalancerListenersResponse:
    balancers = {my_balancer(ctx, id).id for id in req.LoadBalancerId}
    found = [
        item
        for item in ctx.all(Listener)
        if (not balancers or item.refers_to(LoadBalancer.kind) in balancers)
        and req.ListenerProtocol.lower() in ("", item.protocol)
        and req.ListenerPort in (None, item.port)
        and req.Description in ("", item.description)
        and tags.matches(item.tags, req.Tag)
    ]
    page = pages.by_token(found, req.NextToken, req.MaxResults)
    return DescribeLoadBalancerListenersResponse(
        Listeners=[_row(item) for item in page.items],
        TotalCount=page.total,
        MaxResults=page.size,
        NextToken=page.next_token,
    )


def _row(item: Listener) -> ListenerItem:
    fields = {
        **_core(item),
        "ListenerProtocol": item.protocol,
        "TCPListenerConfig": msgspec.convert(_tcp_part(item), TcpConfig) if item.protocol == "tcp" else None,
        "HTTPListenerConfig": msgspec.convert(_http_part(item), HttpPart) if item.protocol == "http" else None,
        "Tags": tags.shown(item.tags).Tag,
    }
    return msgspec.convert(fields, ListenerItem)
