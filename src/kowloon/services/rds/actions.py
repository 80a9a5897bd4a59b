"""All actions of the product, declared by importing the modules that hold them."""

from kowloon.actions import tags
from kowloon.services.rds import accounts, create, instances, places
from kowloon.services.rds.product import rds

tags.declare_tag_actions(rds)

__all__ = ["accounts", "create", "instances", "places", "rds"]
