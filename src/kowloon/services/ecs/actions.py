"""All actions of the product, declared by importing the modules that hold them."""

from kowloon.actions import tags
from kowloon.services.ecs import instances, launch, lifecycle, places
from kowloon.services.ecs.product import ecs
from kowloon.services.ecs.resources import Instance, KeyPair, SecurityGroup

tags.declare_tag_actions(ecs, {"instance": Instance, "securitygroup": SecurityGroup, "keypair": KeyPair})

__all__ = ["ecs", "instances", "launch", "lifecycle", "places"]
