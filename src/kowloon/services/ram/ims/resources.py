"""What only IMS keeps."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from kowloon.store.resources import Resource


class AppSecret(msgspec.Struct, frozen=True, kw_only=True):
    """A secret of an application; its value is shown whoever asks for it."""

    id: str
    value: str
    created_at: float


class Application(Resource, frozen=True, kw_only=True):
    """An OAuth application; id is its AppId."""

    kind: ClassVar[str] = "ims-application"
    name: str
    display_name: str
    type: str
    protocol_version: str
    redirect_uris: tuple[str, ...]
    scopes: tuple[str, ...]
    required_scopes: tuple[str, ...]
    access_token_s: int
    refresh_token_s: int
    multi_tenant: bool
    secret_required: bool
    secrets: tuple[AppSecret, ...] = ()
    updated_at: float = 0.0


class CredentialReport(Resource, frozen=True, kw_only=True):
    """The newest report of an account; id is the account. `rows` are lines of CSV, the header first."""

    kind: ClassVar[str] = "ims-credential-report"
    rows: tuple[str, ...]


class SsoSettings(Resource, frozen=True, kw_only=True):
    """How users sign on from elsewhere; id is the account. `metadata` is base64 as given."""

    kind: ClassVar[str] = "ims-sso-settings"
    enabled: bool = False
    metadata: str = ""
    auxiliary_domain: str = ""
    login_with_domain: bool = True
    sign_algorithm: str = "rsa-sha1"
