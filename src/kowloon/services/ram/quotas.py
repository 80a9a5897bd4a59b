"""How much of everything an account may have (the vendor's defaults)."""

from typing import Final

USERS: Final = 1000
GROUPS: Final = 300
ROLES: Final = 1000
POLICIES: Final = 1500
MFA_DEVICES: Final = 1000
GROUPS_PER_USER: Final = 50
KEYS_PER_USER: Final = 2
KEYS_PER_ACCOUNT: Final = 5
SYSTEM_POLICIES_PER_ENTITY: Final = 20
CUSTOM_POLICIES_PER_ENTITY: Final = 20
VERSIONS_PER_POLICY: Final = 5
POLICY_CHARACTERS: Final = 6144
TRUST_CHARACTERS: Final = 2048
APPLICATIONS: Final = 20
SECRETS_PER_APPLICATION: Final = 2
OIDC_PROVIDERS: Final = 100
CLIENT_IDS_PER_PROVIDER: Final = 50
FINGERPRINTS_PER_PROVIDER: Final = 5
SAML_PROVIDERS: Final = 100
# The recycle bin.
RECYCLED_USERS: Final = 1000
RECYCLED_KEYS_PER_USER: Final = 3
RECYCLED_DAYS: Final = 30
# Of service-linked roles: tasks that can still be asked for.
ROLE_DELETIONS_KEPT: Final = 100
