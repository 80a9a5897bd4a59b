"""All operations of the product, declared by importing the modules that hold them."""

from kowloon.services.oss import buckets, listing, objects
from kowloon.services.oss.product import oss

__all__ = ["buckets", "listing", "objects", "oss"]
