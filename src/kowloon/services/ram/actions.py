"""All actions of the product, declared by importing the modules that hold them."""

from kowloon.services.ram import roles
from kowloon.services.ram.product import ram

__all__ = ["ram", "roles"]
