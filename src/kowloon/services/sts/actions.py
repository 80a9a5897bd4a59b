"""All actions of the product, declared by importing the modules that hold them."""

from kowloon.services.sts import assume_role, assume_role_with_oidc, assume_role_with_saml, caller_identity
from kowloon.services.sts.product import sts

__all__ = ["assume_role", "assume_role_with_oidc", "assume_role_with_saml", "caller_identity", "sts"]
