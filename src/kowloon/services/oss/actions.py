"""All operations of the product, declared by importing the modules that hold them."""

from kowloon.services.oss import (
    append,
    buckets,
    copying,
    delete_many,
    listing,
    multipart,
    multipart_listing,
    object_acl,
    objects,
    restore,
    retention,
    symlinks,
    tagging,
)
from kowloon.services.oss.product import oss

__all__ = [
    "append",
    "buckets",
    "copying",
    "delete_many",
    "listing",
    "multipart",
    "multipart_listing",
    "object_acl",
    "objects",
    "oss",
    "restore",
    "retention",
    "symlinks",
    "tagging",
]
