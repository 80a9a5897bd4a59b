"""The variables that every family of clients reads: whose keys, and where the cloud is. Facts per family:
docs/guides/ways-in.md."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Final, Protocol

Exports = dict[str, str]


class Identity(Protocol):
    """Who calls."""

    @property
    def account_id(self) -> str: ...
    @property
    def access_key_id(self) -> str: ...
    @property
    def access_key_secret(self) -> str: ...


_PREFIXES = ("ALIBABA_CLOUD_", "ALIBABACLOUD_", "ALICLOUD_", "ALIYUN_", "OSS_", "")
_CREDENTIALS = frozenset(
    prefix + name
    for prefix in _PREFIXES
    for name in (
        *("ACCESS_KEY", "ACCESS_KEY_ID", "ACCESS_KEY_SECRET", "SECRET_KEY", "SECURITY_TOKEN", "SESSION_TOKEN"),
        *("ROLE_ARN", "ROLE_SESSION_NAME", "OIDC_PROVIDER_ARN", "OIDC_TOKEN_FILE", "BEARER_TOKEN", "PROFILE"),
        *("ECS_METADATA", "ECS_METADATA_DISABLED", "ECS_ROLE_NAME", "CREDENTIALS_URI", "CREDENTIALS_FILE"),
    )
    if prefix or name in ("ACCESS_KEY_ID", "ACCESS_KEY_SECRET", "SECURITY_TOKEN")
)

#: No waiting for a metadata service that only instances have.
NO_METADATA: Final[Mapping[str, str]] = {"ALIBABA_CLOUD_ECS_METADATA_DISABLED": "true"}
#: The user's own profiles are not looked at.
PAST_PROFILES: Final[Mapping[str, str]] = {
    "ALIBABA_CLOUD_CLI_PROFILE_DISABLED": "true",
    "ALIBABA_CLOUD_IGNORE_PROFILE": "TRUE",
    "ALIBABA_CLOUD_CREDENTIALS_FILE": os.devnull,
}


def keys(identity: Identity) -> Exports:
    """As the official SDKs read them."""
    return {
        "ALIBABA_CLOUD_ACCESS_KEY_ID": identity.access_key_id,
        "ALIBABA_CLOUD_ACCESS_KEY_SECRET": identity.access_key_secret,
        "ALIBABA_CLOUD_ACCOUNT_ID": identity.account_id,
        **NO_METADATA,
    }


def terraform_keys(identity: Identity) -> Exports:
    return {"ALICLOUD_ACCESS_KEY": identity.access_key_id, "ALICLOUD_SECRET_KEY": identity.access_key_secret}


def oss_keys(identity: Identity) -> Exports:
    return {"OSS_ACCESS_KEY_ID": identity.access_key_id, "OSS_ACCESS_KEY_SECRET": identity.access_key_secret}


def all_keys(identity: Identity) -> Exports:
    """Under every name that some family reads."""
    return {**keys(identity), **terraform_keys(identity), **oss_keys(identity)}


def token(security_token: str) -> Exports:
    """What a session has beside its keys."""
    names = ("ALIBABA_CLOUD_SECURITY_TOKEN", "ALICLOUD_SECURITY_TOKEN", "OSS_SESSION_TOKEN")
    return dict.fromkeys(names, security_token)


def place(endpoint: str, *, https: bool = False) -> Exports:
    """Where the cloud is. `endpoint`: host:port."""
    scheme = "https" if https else "http"
    return {
        "ALIBABA_CLOUD_ENDPOINT": endpoint,
        "KOWLOON_ENDPOINT": endpoint,
        "KOWLOON_URL": f"{scheme}://{endpoint}",
    }


def without_credentials(variables: Mapping[str, str]) -> Exports:
    """Less everything that a family's chain of credentials would find first."""
    return {name: value for name, value in variables.items() if name not in _CREDENTIALS}
