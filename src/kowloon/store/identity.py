"""Identities: they cross products (the gateway, RAM and STS all meet here)."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from kowloon.store.resources import Resource


class Account(Resource, frozen=True, kw_only=True):
    """One customer; `id` is the 16-digit account id. `alias` is the head of the default domain; `name` is
    what its opener calls it."""

    kind: ClassVar[str] = "account"
    name: str = ""
    alias: str = ""

    @property
    def domain(self) -> str:
        """What follows the @ in the logon names of its users."""
        return f"{self.alias or self.id}.onaliyun.com"


class PolicyAttachment(Resource, frozen=True, kw_only=True):
    """A policy on a user, group or role; `entity` is `user/<name>`, `group/<name>` or `role/<name in lower case>`.
    `scope`: the resource group that it counts in, empty for the whole account."""

    kind: ClassVar[str] = "ram-attachment"
    entity: str
    policy_type: str
    policy_name: str
    scope: str = ""


def attachment_id(account: str, entity: str, policy_type: str, policy_name: str, scope: str = "") -> str:
    """`<account>:<entity>:<type>/<policy>`, and `@<resource group>` where it counts in one only."""
    id = f"{account}:{entity}:{policy_type}/{policy_name}"
    return f"{id}@{scope}" if scope else id


class PolicyVersion(msgspec.Struct, frozen=True, kw_only=True):
    """`id` is `v1`, `v2`, ...; `document` is the text as given."""

    id: str
    document: str
    created_at: float


class Policy(Resource, frozen=True, kw_only=True):
    """A custom policy; id is `<account>:<name>`."""

    kind: ClassVar[str] = "ram-policy"
    name: str
    description: str = ""
    versions: tuple[PolicyVersion, ...]
    default_version: str = "v1"
    last_version: int = 1
    updated_at: float = 0.0

    @property
    def document(self) -> str:
        """The text that counts: that of the default version."""
        return next(version.document for version in self.versions if version.id == self.default_version)


class Group(Resource, frozen=True, kw_only=True):
    """id is `<account>:<name>`."""

    kind: ClassVar[str] = "ram-group"
    name: str
    group_id: str
    display_name: str = ""
    comments: str = ""
    updated_at: float = 0.0


class Membership(Resource, frozen=True, kw_only=True):
    """A user in a group, both by name; id is `<account>:<group>/<user>`."""

    kind: ClassVar[str] = "ram-membership"
    group: str
    user: str


class User(Resource, frozen=True, kw_only=True):
    """id is `<account>:<name>`."""

    kind: ClassVar[str] = "ram-user"
    name: str
    user_id: str
    display_name: str = ""
    mobile_phone: str = ""
    email: str = ""
    comments: str = ""
    updated_at: float = 0.0


class Role(Resource, frozen=True, kw_only=True):
    """id is `<account>:<name in lower case>`. `trust` is the AssumeRolePolicyDocument as given. `service`: whose
    service-linked role this is."""

    kind: ClassVar[str] = "ram-role"
    name: str
    role_id: str
    description: str = ""
    trust: str
    max_session_s: int = 3600
    console_login: bool = False
    service: str = ""
    updated_at: float = 0.0

    @property
    def arn(self) -> str:
        return f"acs:ram::{self.account}:role/{self.name.lower()}"


class RoleDeletion(Resource, frozen=True, kw_only=True):
    """A service-linked role that was deleted; id is that of the task that did it, created_at when."""

    kind: ClassVar[str] = "ram-role-deletion"
    role_name: str


class StoredKey(Resource, frozen=True, kw_only=True):
    """An access key; id is the AccessKeyId. A temporary one (of STS) has token, role and the end of its life, in
    wall time because clients refresh by their own clocks. `role_id`: another role of the same name is not its role.
    `provider`: the ARN of the identity provider that the session came by, and `subject` whom that knows. `service`: the
    product that began the session by itself (`ecs.aliyuncs.com`); nobody else can have such a one. One of a user is
    that of somebody who signed in: by the password that was set at `password_at`, and `mfa` if by a device, too.
    `post_user` (`<account>:<name>`) has the role `post_role` by a post, and the session no longer than that."""

    kind: ClassVar[str] = "access-key"
    secret: str
    active: bool = True
    user: str = ""
    role: str = ""
    role_id: str = ""
    session_name: str = ""
    policy: str = ""
    source_identity: str = ""
    provider: str = ""
    subject: str = ""
    service: str = ""
    post_user: str = ""
    post_role: str = ""
    token: str = ""
    expires_at: float | None = None
    mfa: bool = False
    password_at: float = 0.0
    updated_at: float = 0.0


class KeyUse(Resource, frozen=True, kw_only=True):
    """When an access key signed last, and for which product; id is the AccessKeyId. Apart from the key, so that using
    one changes no identity."""

    kind: ClassVar[str] = "access-key-use"
    used_at: float
    product: str


class LoginProfile(Resource, frozen=True, kw_only=True):
    """The console password of a user; id is the user's user_id. `hashes` are scrypt's with `salt`, the newest first;
    the rest is what may not come back. `initial`: set by somebody else, not yet changed by the user."""

    kind: ClassVar[str] = "ram-login-profile"
    salt: str
    hashes: tuple[str, ...]
    reset_required: bool = False
    mfa_required: bool = False
    active: bool = True
    initial: bool = True
    changed_at: float = 0.0
    updated_at: float = 0.0


class SignInAttempts(Resource, frozen=True, kw_only=True):
    """How often signing in under a name failed within the last hour; id is `<account>:<name>`, whether there is such a
    user or not. Cloud time."""

    kind: ClassVar[str] = "ram-sign-in-attempts"
    passwords: tuple[float, ...] = ()
    codes: tuple[float, ...] = ()
    locked_until: float = 0.0


class MfaDevice(Resource, frozen=True, kw_only=True):
    """A virtual MFA device; id is its serial number, `seed` is in base32, `user_id` whose it is once bound. Codes up to
    that of `used_step` count no more."""

    kind: ClassVar[str] = "ram-mfa-device"
    seed: str
    user_id: str = ""
    bound_at: float | None = None
    used_step: int = 0


class PasswordPolicy(Resource, frozen=True, kw_only=True):
    """What passwords of an account must be; id is the account. Ages are in days, 0 means no limit."""

    kind: ClassVar[str] = "ram-password-policy"
    minimum_length: int = 8
    require_lowercase: bool = False
    require_uppercase: bool = False
    require_numbers: bool = False
    require_symbols: bool = False
    minimum_different_characters: int = 0
    not_contain_user_name: bool = False
    reuse_prevention: int = 0
    max_age_days: int = 0
    initial_age_days: int = 14
    hard_expiry: bool = False
    max_login_attempts: int = 0
    intercept_risk_on_api: bool = False


class SecurityPreference(Resource, frozen=True, kw_only=True):
    """What users of an account may do for themselves, and how they log on; id is the account."""

    kind: ClassVar[str] = "ram-security-preference"
    manage_access_keys: bool = False
    change_password: bool = True
    manage_mfa_devices: bool = True
    manage_public_keys: bool = False
    manage_service_credentials: bool = False
    manage_personal_ding_talk: bool = True
    login_with_passkey: bool = True
    save_mfa_ticket: bool = False
    login_network_masks: str = ""
    login_session_h: int = 6
    mfa_operation: str = "independent"
    operation_for_risk_login: str = "autonomous"
    verification_types: tuple[str, ...] = ()
    max_idle_days_for_users: int = 730
    max_idle_days_for_access_keys: int = 730


class RecycledUser(Resource, frozen=True, kw_only=True):
    """A deleted user, who can come back; id is the user_id, created_at when it was deleted."""

    kind: ClassVar[str] = "ram-recycled-user"
    user: User


class RecycledKey(Resource, frozen=True, kw_only=True):
    """A deleted access key of a user; id is the AccessKeyId, created_at when it was deleted."""

    kind: ClassVar[str] = "ram-recycled-key"
    access_key: StoredKey
    user_id: str
    user_name: str


class OidcProvider(Resource, frozen=True, kw_only=True):
    """Who issues tokens that roles may trust; id is `<account>:<name>`. `fingerprints`: SHA-1 or SHA-256 of the
    certificates that its HTTPS may rest on, in hex; without any the public roots count. Tokens that were issued earlier
    than `issuance_limit_h` hours ago are not taken."""

    kind: ClassVar[str] = "ram-oidc-provider"
    name: str
    issuer: str
    client_ids: tuple[str, ...]
    fingerprints: tuple[str, ...]
    description: str = ""
    issuance_limit_h: int = 12
    updated_at: float = 0.0

    @property
    def arn(self) -> str:
        return f"acs:ram::{self.account}:oidc-provider/{self.name}"


class SamlProvider(Resource, frozen=True, kw_only=True):
    """Who signs assertions that roles may trust; id is `<account>:<name>`. `metadata` is base64 as given; `entity_id`
    and `certificates` (base64 of DER) are what it says."""

    kind: ClassVar[str] = "ram-saml-provider"
    name: str
    metadata: str
    entity_id: str
    certificates: tuple[str, ...]
    description: str = ""
    sign_algorithm: str = "rsa-sha1"
    updated_at: float = 0.0

    @property
    def arn(self) -> str:
        return f"acs:ram::{self.account}:saml-provider/{self.name}"
