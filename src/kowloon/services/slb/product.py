"""CLB, the classic load balancer (API version 2014-05-15). Its API runs in every zone of the region."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from kowloon.actions.declare import Named, Product, ResourceType
from kowloon.actions.errors import FORBIDDEN
from kowloon.services.slb.resources import BalancerHealth, Listener, LoadBalancer, ServerGroup
from kowloon.topology.services import Edge, ServiceNode

# What calls about backend servers are authorised on.
BALANCER_AND_SERVERS = (
    "acs:slb:{region}:{account}:loadbalancer/{LoadBalancerId}",
    "acs:ecs:{region}:{account}:instance/{Server}",
)


def _plane(region: str, zones: tuple[str, ...]) -> tuple[list[ServiceNode], list[Edge]]:
    return [ServiceNode(name=f"slb@{region}", places=zones)], []


def _names(call: Named) -> Mapping[str, str | list[str]]:
    """A server group counts as its load balancer; `Server`: the backend servers that a call is about."""
    names: dict[str, str | list[str]] = {"Server": _servers(call.text("BackendServers"))}
    group = call.store.get(ServerGroup, call.text("VServerGroupId"))
    if group is not None and group.account == call.caller.account:
        names["LoadBalancerId"] = group.refers_to(LoadBalancer.kind)
    return names


def _servers(text: str) -> list[str]:
    """Malformed ones are the action's to refuse."""
    try:
        entries = msgspec.json.decode(text or "[]", type=list[dict[str, msgspec.Raw] | str])
        return [
            entry if isinstance(entry, str) else msgspec.json.decode(entry.get("ServerId", b'""'), type=str)
            for entry in entries
        ]
    except msgspec.MsgspecError:
        return []


slb = Product(
    "Slb",
    "2014-05-15",
    ram_code="slb",
    hosts=("slb",),
    resources=(LoadBalancer, ServerGroup, Listener, BalancerHealth),
    types=(
        ResourceType(name="instance", arn_name="loadbalancer", kind=LoadBalancer, grouped=True),
        ResourceType(name="listener", kind=Listener, follows=LoadBalancer.kind),
        ResourceType(name="vservergroup", kind=ServerGroup, follows=LoadBalancer.kind),
    ),
    denied=FORBIDDEN,
    plane=_plane,
    names=_names,
)
