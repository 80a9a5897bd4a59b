"""All actions of the product, declared by importing the modules that hold them."""

from kowloon.services.ram.ims import (
    access_keys,
    account,
    applications,
    credential_report,
    groups,
    logins,
    recycle_bin,
    tag_actions,
    users,
)
from kowloon.services.ram.ims.product import ims

__all__ = [
    "access_keys",
    "account",
    "applications",
    "credential_report",
    "groups",
    "ims",
    "logins",
    "recycle_bin",
    "tag_actions",
    "users",
]
