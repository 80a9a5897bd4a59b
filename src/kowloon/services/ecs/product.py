"""ECS: instances and what belongs to them (API version 2014-05-26).

Its control plane in a region is one API for all zones; it leans on a middleware to grow, and launches of custom
images lean on the image data in single-zone object storage (public record of 18 December 2022).
"""

from __future__ import annotations

from kowloon.actions.declare import Product, ResourceType
from kowloon.actions.errors import FORBIDDEN
from kowloon.services.ecs.resources import (
    Command,
    Image,
    Instance,
    Invocation,
    KeyPair,
    SecurityGroup,
    pair_id,
    pair_name,
)
from kowloon.topology.services import Edge, ServiceNode
from kowloon.topology.storage import single_storage_zone, storage_node


def _plane(region: str, zones: tuple[str, ...]) -> tuple[list[ServiceNode], list[Edge]]:
    nodes = [
        ServiceNode(name=f"ecs@{region}", places=zones),
        ServiceNode(name=f"middleware@{region}", places=zones),
    ]
    edges = [
        Edge(consumer=f"ecs@{region}", provider=f"middleware@{region}", mode="scale_out"),
        Edge(consumer=image_data(region), provider=storage_node(single_storage_zone(zones)), mode="startup"),
    ]
    return nodes, edges


def image_data(region: str) -> str:
    """What custom images are read from, as a name in the health model. Not a control plane: nobody calls it."""
    return f"image-data@{region}"


ecs = Product(
    "Ecs",
    "2014-05-26",
    ram_code="ecs",
    hosts=("ecs",),
    resources=(Instance, Image, SecurityGroup, KeyPair, Command, Invocation),
    types=(
        ResourceType(name="instance", kind=Instance, grouped=True),
        ResourceType(name="image", kind=Image, grouped=True),
        ResourceType(name="securitygroup", kind=SecurityGroup, grouped=True),
        ResourceType(name="keypair", kind=KeyPair, stored_id=pair_id, shown_id=pair_name, grouped=True),
        ResourceType(name="command", kind=Command),
    ),
    denied=FORBIDDEN,
    plane=_plane,
    condition_keys={"ecs:instancetype": "InstanceType", "ecs:commandrunas": "Username"},
)
