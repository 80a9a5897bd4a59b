"""All actions of the product, declared by importing the modules that hold them, one per resource."""

from kowloon.actions import tags
from kowloon.actions.places import declare_regions
from kowloon.services.vpc import eips, places, vpcs, vswitches
from kowloon.services.vpc.product import vpc

declare_regions(vpc)
tags.declare_tag_actions(vpc, untag=tags.UnTagResourcesRequest)

__all__ = ["eips", "places", "vpc", "vpcs", "vswitches"]
