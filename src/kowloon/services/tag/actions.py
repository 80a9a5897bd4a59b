"""All actions of the product, declared by importing the modules that hold them."""

from kowloon.actions.places import declare_regions
from kowloon.services.tag import meta_tags, searching, tagging
from kowloon.services.tag.product import tag

declare_regions(tag)

__all__ = ["meta_tags", "searching", "tag", "tagging"]
