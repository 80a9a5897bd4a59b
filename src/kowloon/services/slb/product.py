"""CLB, the classic load balancer (API version 2014-05-15). Its API runs in every zone of the region."""

from __future__ import annotations

from kowloon.actions.declare import Product
from kowloon.actions.errors import FORBIDDEN
from kowloon.services.slb.resources import BalancerHealth, Listener, LoadBalancer, ServerGroup
from kowloon.topology.services import Edge, ServiceNode


def _plane(region: str, zones: tuple[str, ...]) -> tuple[list[ServiceNode], list[Edge]]:
    return [ServiceNode(name=f"slb@{region}", places=zones)], []


slb = Product(
    "Slb",
    "2014-05-15",
    ram_code="slb",
    hosts=("slb",),
    resources=(LoadBalancer, ServerGroup, Listener, BalancerHealth),
    denied=FORBIDDEN,
    plane=_plane,
)
