"""All actions of the product, declared by importing the modules that hold them."""

from kowloon.services.ram.resourcemanager import (
    account_deletion,
    accounts,
    attachments,
    control_attachments,
    control_policies,
    delegations,
    directory,
    folders,
    group_contents,
    handshakes,
    identities,
    resource_groups,
    tag_actions,
)
from kowloon.services.ram.resourcemanager.product import resourcemanager

__all__ = [
    "account_deletion",
    "accounts",
    "attachments",
    "control_attachments",
    "control_policies",
    "delegations",
    "directory",
    "folders",
    "group_contents",
    "handshakes",
    "identities",
    "resource_groups",
    "resourcemanager",
    "tag_actions",
]
