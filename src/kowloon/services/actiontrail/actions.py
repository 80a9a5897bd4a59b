"""All actions of the product, declared by importing the modules that hold them."""

from kowloon.services.actiontrail import lookup, trails
from kowloon.services.actiontrail.product import actiontrail

__all__ = ["actiontrail", "lookup", "trails"]
