"""Identities: they cross products (the gateway, RAM and STS all meet here)."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from kowloon.store.resources import Resource


class Account(Resource, frozen=True, kw_only=True):
    """One customer; `id` is the 16-digit account id."""

    kind: ClassVar[str] = "account"
    alias: str = ""


class PolicyAttachment(Resource, frozen=True, kw_only=True):
    """A policy on a user, group or role; id is `<account>:<entity>:<type>/<policy>`. `entity` is `user/<name>`,
    `group/<name>` or `role/<name in lower case>`."""

    kind: ClassVar[str] = "ram-attachment"
    entity: str
    policy_type: str
    policy_name: str


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

    @property
    def document(self) -> str:
        """The text that counts: that of the default version."""
        return next(version.document for version in self.versions if version.id == self.default_version)


class Group(Resource, frozen=True, kw_only=True):
    """id is `<account>:<name>`."""

    kind: ClassVar[str] = "ram-group"
    name: str
    group_id: str
    comments: str = ""


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


class Role(Resource, frozen=True, kw_only=True):
    """id is `<account>:<name in lower case>`. `trust` is the AssumeRolePolicyDocument as given."""

    kind: ClassVar[str] = "ram-role"
    name: str
    role_id: str
    description: str = ""
    trust: str
    max_session_s: int = 3600

    @property
    def arn(self) -> str:
        return f"acs:ram::{self.account}:role/{self.name.lower()}"


class StoredKey(Resource, frozen=True, kw_only=True):
    """An access key; id is the AccessKeyId. A temporary one (of STS) has token, role and the end of its life, in
    wall time because clients refresh by their own clocks."""

    kind: ClassVar[str] = "access-key"
    secret: str
    active: bool = True
    user: str = ""
    role: str = ""
    session_name: str = ""
    policy: str = ""
    token: str = ""
    expires_at: float | None = None
