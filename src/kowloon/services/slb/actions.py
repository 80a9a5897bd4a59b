"""All actions of the product, declared by importing the modules that hold them."""

from kowloon.actions import tags
from kowloon.actions.places import declare_regions
from kowloon.services.slb import (
    attribute,
    groups,
    health,
    listener_views,
    listeners,
    load_balancers,
    places,
    servers,
)
from kowloon.services.slb.product import slb

declare_regions(slb)
tags.declare_tag_actions(slb)

__all__ = [
    "attribute",
    "groups",
    "health",
    "listener_views",
    "listeners",
    "load_balancers",
    "places",
    "servers",
    "slb",
]
