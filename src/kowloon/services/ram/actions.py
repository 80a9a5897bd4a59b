"""All actions of the product, declared by importing the modules that hold them."""

from kowloon.services.ram import (
    access_keys,
    account,
    attachments,
    custom_policies,
    diagnosis_actions,
    groups,
    login_profiles,
    mfa_devices,
    roles,
    service_linked,
    tag_actions,
    users,
)
from kowloon.services.ram.product import ram

__all__ = [
    "access_keys",
    "account",
    "attachments",
    "custom_policies",
    "diagnosis_actions",
    "groups",
    "login_profiles",
    "mfa_devices",
    "ram",
    "roles",
    "service_linked",
    "tag_actions",
    "users",
]
