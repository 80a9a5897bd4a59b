"""ECS: instances and what belongs to them (API version 2014-05-26).

Its control plane in a region is one API for all zones; it leans on a middleware to grow, and launches of custom
images lean on the image data in single-zone object storage (public record of 18 December 2022).
"""

from __future__ import annotations

from kowloon.actions.declare import Product
from kowloon.actions.errors import FORBIDDEN
from kowloon.services.ecs.resources import Command, Instance, Invocation, KeyPair, SecurityGroup
from kowloon.topology.services import Edge, ServiceNode


def _plane(region: str, zones: tuple[str, ...]) -> tuple[list[ServiceNode], list[Edge]]:
    nodes = [
        ServiceNode(name=f"ecs@{region}", places=zones),
        ServiceNode(name=f"middleware@{region}", places=zones),
    ]
    return nodes, [Edge(consumer=f"ecs@{region}", provider=f"middleware@{region}", mode="scale_out")]


ecs = Product(
    "Ecs",
    "2014-05-26",
    ram_code="ecs",
    hosts=("ecs",),
    resources=(Instance, SecurityGroup, KeyPair, Command, Invocation),
    denied=FORBIDDEN,
    plane=_plane,
)
