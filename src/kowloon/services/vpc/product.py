"""VPC, vSwitch and EIP: the network product (API version 2016-04-28)."""

from __future__ import annotations

from kowloon.actions.declare import Product, ResourceType
from kowloon.actions.errors import FORBIDDEN
from kowloon.services.vpc.resources import Eip, Vpc, VSwitch
from kowloon.topology.services import Edge, ServiceNode


def _plane(region: str, zones: tuple[str, ...]) -> tuple[list[ServiceNode], list[Edge]]:
    """Its API runs in every zone of the region."""
    return [ServiceNode(name=f"vpc@{region}", places=zones)], []


vpc = Product(
    "Vpc",
    "2016-04-28",
    ram_code="vpc",
    hosts=("vpc",),
    resources=(Vpc, VSwitch, Eip),
    types=(
        ResourceType(name="vpc", kind=Vpc, grouped=True),
        ResourceType(name="vswitch", kind=VSwitch, follows=Vpc.kind),
        ResourceType(name="eip", kind=Eip, grouped=True),
    ),
    denied=FORBIDDEN,
    plane=_plane,
)
