"""ActionTrail as a product. Its API runs in every zone of the region."""

from __future__ import annotations

from kowloon.actions.declare import Product
from kowloon.actions.errors import NO_PERMISSION
from kowloon.services.actiontrail.resources import Trail
from kowloon.topology.services import Edge, ServiceNode


def _plane(region: str, zones: tuple[str, ...]) -> tuple[list[ServiceNode], list[Edge]]:
    return [ServiceNode(name=f"actiontrail@{region}", places=zones)], []


actiontrail = Product(
    "Actiontrail",
    "2020-07-06",
    ram_code="actiontrail",
    hosts=("actiontrail",),
    resources=(Trail,),
    denied=NO_PERMISSION,
    plane=_plane,
)
