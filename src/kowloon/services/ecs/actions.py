"""All actions of the product, declared by importing the modules that hold them."""

from kowloon.actions import tags
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

declare_regions(ecs)
tags.declare_tag_actions(ecs)

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
