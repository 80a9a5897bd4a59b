"""Listeners of TCP and HTTP: create, change, start, stop, delete."""

from __future__ import annotations

import msgspec

from kowloon.actions import tags
from kowloon.actions.context import Context
from kowloon.actions.declare import Response
from kowloon.actions.decode import Request
from kowloon.actions.errors import invalid
from kowloon.services.slb.errors import GROUP_IN_USE, GROUP_NOT_FOUND, LISTENER_EXISTS, LISTENER_NOT_FOUND
from kowloon.services.slb.load_balancers import mine as my_balancer
from kowloon.services.slb.payload import listeners_of, refresh
from kowloon.services.slb.product import slb
from kowloon.services.slb.resources import Listener, LoadBalancer, ServerGroup
from kowloon.services.slb.settings import HttpFields, TcpFields, changes, checked
from kowloon.store.resources import Reference


def listener_id(balancer_id: str, protocol: str, port: int) -> str:
    return f"{balancer_id}_{protocol}_{port}"


def find(ctx: Context, balancer_id: str, port: int, protocol: str = "") -> Listener:
    """The listener of a port (and protocol, when it is told)."""
    balancer = my_balancer(ctx, balancer_id)
    for listener in listeners_of(ctx.tx, balancer.id):
        if listener.port == port and protocol.lower() in ("", listener.protocol):
            return listener
    raise LISTENER_NOT_FOUND.error()


def _references(ctx: Context, balancer_id: str, group_id: str) -> tuple[Reference, ...]:
    held = Reference(kind=LoadBalancer.kind, id=balancer_id)
    if not group_id:
        return (held,)
    group = ctx.mine(ServerGroup, group_id)
    if group is None or group.refers_to(LoadBalancer.kind) != balancer_id:
        raise GROUP_NOT_FOUND.error()
    used = Reference(kind=ServerGroup.kind, id=group.id, code=GROUP_IN_USE.code, message=GROUP_IN_USE.message)
    return (held, used)


class CreateLoadBalancerTCPListenerRequest(TcpFields, kw_only=True):
    LoadBalancerId: str
    ListenerPort: int
    Bandwidth: int
    Tag: list[tags.TagParam] = []


@slb.action(resource="acs:slb:{region}:{account}:loadbalancer/{LoadBalancerId}")
def create_tcp_listener(ctx: Context, req: CreateLoadBalancerTCPListenerRequest) -> Response:
    """It is stopped until StartLoadBalancerListener."""
    return _create(ctx, req, Listener(id="", protocol="tcp", port=req.ListenerPort))


class CreateLoadBalancerHTTPListenerRequest(HttpFields, kw_only=True):
    LoadBalancerId: str
    ListenerPort: int
    HealthCheck: str
    Bandwidth: int | None = None
    Tag: list[tags.TagParam] = []


@slb.action(resource="acs:slb:{region}:{account}:loadbalancer/{LoadBalancerId}")
def create_http_listener(ctx: Context, req: CreateLoadBalancerHTTPListenerRequest) -> Response:
    """It is stopped until StartLoadBalancerListener."""
    return _create(ctx, req, Listener(id="", protocol="http", port=req.ListenerPort, check_type="http"))


def _create(
    ctx: Context,
    req: CreateLoadBalancerTCPListenerRequest | CreateLoadBalancerHTTPListenerRequest,
    fresh: Listener,
) -> Response:
    balancer = my_balancer(ctx, req.LoadBalancerId)
    if not 1 <= req.ListenerPort <= 65535:
        raise invalid("ListenerPort", "It is a number from 1 to 65535.")
    if any(other.port == req.ListenerPort for other in listeners_of(ctx.tx, balancer.id)):
        raise LISTENER_EXISTS.error()
    group_id = req.VServerGroupId or ""
    item = msgspec.structs.replace(
        fresh,
        id=listener_id(balancer.id, fresh.protocol, req.ListenerPort),
        account=ctx.account,
        region=ctx.region,
        created_at=ctx.now,
        tags=tags.checked(req.Tag),
        references=_references(ctx, balancer.id, group_id),
        group_id=group_id,
        **changes(req),
    )
    ctx.tx.put(checked(item))
    return Response()


class SetLoadBalancerTCPListenerAttributeRequest(TcpFields, kw_only=True):
    LoadBalancerId: str
    ListenerPort: int
    Bandwidth: int | None = None
    VServerGroup: str = ""
    DryRun: bool = False


@slb.action(resource="acs:slb:{region}:{account}:loadbalancer/{LoadBalancerId}")
def set_tcp_listener_attribute(ctx: Context, req: SetLoadBalancerTCPListenerAttributeRequest) -> Response:
    return _change(ctx, req, find(ctx, req.LoadBalancerId, req.ListenerPort, "tcp"))


class SetLoadBalancerHTTPListenerAttributeRequest(HttpFields, kw_only=True):
    LoadBalancerId: str
    ListenerPort: int
    HealthCheck: str | None = None
    Bandwidth: int | None = None
    VServerGroup: str = ""
    DryRun: bool = False


@slb.action(resource="acs:slb:{region}:{account}:loadbalancer/{LoadBalancerId}")
def set_http_listener_attribute(ctx: Context, req: SetLoadBalancerHTTPListenerAttributeRequest) -> Response:
    return _change(ctx, req, find(ctx, req.LoadBalancerId, req.ListenerPort, "http"))


def _change(
    ctx: Context,
    req: SetLoadBalancerTCPListenerAttributeRequest | SetLoadBalancerHTTPListenerAttributeRequest,
    item: Listener,
) -> Response:
    """What is not given stays. `VServerGroup` off goes back to the default group."""
    group_id = item.group_id
    if req.VServerGroup == "off":
        group_id = ""
    elif req.VServerGroupId:
        group_id = req.VServerGroupId
    changed = msgspec.structs.replace(
        item,
        group_id=group_id,
        references=_references(ctx, req.LoadBalancerId, group_id),
        **changes(req),
    )
    ctx.tx.put(checked(changed))
    refresh(ctx.tx, req.LoadBalancerId)
    return Response()


class StartLoadBalancerListenerRequest(Request):
    LoadBalancerId: str
    ListenerPort: int
    ListenerProtocol: str = ""


@slb.action(resource="acs:slb:{region}:{account}:loadbalancer/{LoadBalancerId}")
def start_listener(ctx: Context, req: StartLoadBalancerListenerRequest) -> Response:
    """Starting what runs already changes nothing."""
    item = find(ctx, req.LoadBalancerId, req.ListenerPort, req.ListenerProtocol)
    ctx.tx.put(msgspec.structs.replace(item, status="running"))
    refresh(ctx.tx, req.LoadBalancerId)
    return Response()


class StopLoadBalancerListenerRequest(StartLoadBalancerListenerRequest):
    pass


@slb.action(resource="acs:slb:{region}:{account}:loadbalancer/{LoadBalancerId}")
def stop_listener(ctx: Context, req: StopLoadBalancerListenerRequest) -> Response:
    item = find(ctx, req.LoadBalancerId, req.ListenerPort, req.ListenerProtocol)
    ctx.tx.put(msgspec.structs.replace(item, status="stopped"))
    refresh(ctx.tx, req.LoadBalancerId)
    return Response()


class DeleteLoadBalancerListenerRequest(StartLoadBalancerListenerRequest):
    pass


@slb.action(resource="acs:slb:{region}:{account}:loadbalancer/{LoadBalancerId}")
def delete_listener(ctx: Context, req: DeleteLoadBalancerListenerRequest) -> Response:
    ctx.tx.delete(find(ctx, req.LoadBalancerId, req.ListenerPort, req.ListenerProtocol))
    refresh(ctx.tx, req.LoadBalancerId)
    return Response()
