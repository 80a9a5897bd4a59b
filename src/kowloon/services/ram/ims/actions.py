"""All actions of the product, declared by importing the modules that hold them."""

from kowloon.services.ram.ims import (
    access_keys,
    account,
    applications,
    credential_report,
    groups,
    logins,
    oidc_providers,
    recycle_bin,
    saml_providers,
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
    "oidc_providers",
    "recycle_bin",
    "saml_providers",
    "tag_actions",
    "users",
]
