"""All operations of the product, declared by importing the modules that hold them."""

from kowloon.services.oss.access import access_points, policy, public_access_block, referer
from kowloon.services.oss.buckets import (
    access_monitor,
    archive_direct_read,
    bucket_info,
    bucket_tags,
    buckets,
    cname,
    encryption,
    https_config,
    overwrite_config,
    regions,
    request_payment,
    resource_group,
    transfer_acceleration,
    worm,
)
from kowloon.services.oss.images import processing, styles
from kowloon.services.oss.objects import (
    append,
    copying,
    delete_many,
    listing,
    multipart,
    multipart_listing,
    object_acl,
    object_worm,
    objects,
    restore,
    retention,
    symlinks,
    tagging,
)
from kowloon.services.oss.product import oss
from kowloon.services.oss.queries import meta_query
from kowloon.services.oss.runs import access_logs, inventory, lifecycle, replication
from kowloon.services.oss.select import selecting
from kowloon.services.oss.sites import cors, website
from kowloon.services.oss.uploads import async_fetch, callback_policy, post_object

__all__ = [
    "access_logs",
    "access_monitor",
    "access_points",
    "append",
    "archive_direct_read",
    "async_fetch",
    "bucket_info",
    "bucket_tags",
    "buckets",
    "callback_policy",
    "cname",
    "copying",
    "cors",
    "delete_many",
    "encryption",
    "https_config",
    "inventory",
    "lifecycle",
    "listing",
    "meta_query",
    "multipart",
    "multipart_listing",
    "object_acl",
    "object_worm",
    "objects",
    "oss",
    "overwrite_config",
    "policy",
    "post_object",
    "processing",
    "public_access_block",
    "referer",
    "regions",
    "replication",
    "request_payment",
    "resource_group",
    "restore",
    "retention",
    "selecting",
    "styles",
    "symlinks",
    "tagging",
    "transfer_acceleration",
    "website",
    "worm",
]
