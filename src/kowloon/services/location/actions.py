"""All actions of the product, declared by importing the modules that hold them."""

from kowloon.services.location import endpoints
from kowloon.services.location.product import location

__all__ = ["endpoints", "location"]
