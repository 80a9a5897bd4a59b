"""All actions of the product, declared by importing the modules that hold them."""

from kowloon.actions import tags
from kowloon.services.rds import accounts, create, instances, places
from kowloon.services.rds.product import rds
from kowloon.services.rds.resources import DBInstance

tags.declare_tag_actions(rds, {"INSTANCE": DBInstance}, arn_types={"instance": "dbinstance"})

__all__ = ["accounts", "create", "instances", "places", "rds"]
