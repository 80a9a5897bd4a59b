"""All actions of the product, declared by importing the modules that hold them."""

from kowloon.actions import tags
from kowloon.actions.context import Context
from kowloon.actions.places import declare_regions
from kowloon.services.ecs import (
    commands,
    images,
    instance_roles,
    instances,
    invocations,
    key_pairs,
    launch,
    lifecycle,
    places,
    security_groups,
)
from kowloon.services.ecs.product import ecs
from kowloon.services.ecs.resources import Command, Image, Instance, KeyPair, SecurityGroup
from kowloon.store.resources import Resource


def _stored_id(ctx: Context, kind: type[Resource], id: str) -> str:
    """Key pairs are named on the wire; everything else has its id."""
    return key_pairs.pair_id(ctx, id) if kind is KeyPair else id


def _shown_id(item: Resource) -> str:
    return item.name if isinstance(item, KeyPair) else item.id


declare_regions(ecs)
tags.declare_tag_actions(
    ecs,
    {
        "instance": Instance,
        "image": Image,
        "securitygroup": SecurityGroup,
        "keypair": KeyPair,
        "command": Command,
    },
    stored_id=_stored_id,
    shown_id=_shown_id,
)

__all__ = [
    "commands",
    "ecs",
    "images",
    "instance_roles",
    "instances",
    "invocations",
    "key_pairs",
    "launch",
    "lifecycle",
    "places",
    "security_groups",
]
