"""Somebody who calls the cloud: keys, and official clients that have them. The clients are the user's own packages and
are imported when they are asked for."""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import msgspec

from kowloon.ways_in.environment import PAST_PROFILES, all_keys, place, token, without_credentials


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """An identity of a cloud. `endpoint` is host:port; `security_token` is that of a role's session, or empty."""

    endpoint: str
    region: str
    account_id: str
    access_key_id: str
    access_key_secret: str
    security_token: str = ""

    def client(self, package: str, *, region: str = "", **config: Any) -> Any:
        """An official client: of a product by its package, such as `ecs20140526`; `core` is an AcsClient, `oss-v2`
        that of alibabacloud_oss_v2. `config` are further settings of the client's own."""
        region = region or self.region
        if package == "core":
            return self._core(region, config)
        if package == "oss-v2":
            return self._oss_v2(region, config)
        if package == "oss2":
            raise ValueError("oss2 has one client for each bucket: use `bucket(NAME)`")
        module = _import(f"alibabacloud_{package}.client", f"alibabacloud-{package}")
        models = _import("alibabacloud_tea_openapi.models", "alibabacloud-tea-openapi")
        settings = {
            "access_key_id": self.access_key_id,
            "access_key_secret": self.access_key_secret,
            "security_token": self.security_token or None,
            "region_id": region,
            "endpoint": self.endpoint,
            "protocol": "http",
        }
        return module.Client(models.Config(**{**settings, **config}))

    def bucket(self, name: str, *, region: str = "", **config: Any) -> Any:
        """oss2's client of a bucket, with V4 signatures; the bucket need not be there."""
        oss2 = _import("oss2", "oss2")
        provider = oss2.credentials.StaticCredentialsProvider(
            self.access_key_id, self.access_key_secret, self.security_token or None
        )
        url, auth = f"http://{self.endpoint}", oss2.ProviderAuthV4(provider)
        return oss2.Bucket(auth, url, name, region=region or self.region, **config)

    def _oss_v2(self, region: str, config: dict[str, Any]) -> Any:
        oss = _import("alibabacloud_oss_v2", "alibabacloud-oss-v2")
        settings = oss.config.load_default()
        settings.credentials_provider = oss.credentials.StaticCredentialsProvider(
            self.access_key_id, self.access_key_secret, self.security_token or None
        )
        settings.endpoint = f"http://{self.endpoint}"
        settings.region = region
        for name, value in config.items():
            setattr(settings, name, value)
        return oss.Client(settings)

    def _core(self, region: str, config: dict[str, Any]) -> Any:
        module = _import("aliyunsdkcore.client", "aliyun-python-sdk-core")
        if self.security_token:
            credentials = _import("aliyunsdkcore.auth.credentials", "aliyun-python-sdk-core")
            config = {
                "credential": credentials.StsTokenCredential(
                    self.access_key_id, self.access_key_secret, self.security_token
                ),
                **config,
            }
        client = module.AcsClient(self.access_key_id, self.access_key_secret, region, **config)
        # It has no setting for this: an endpoint is a request's own.
        client._endpoint_resolver = _OneEndpoint(self.endpoint)
        return client

    def variables(self) -> dict[str, str]:
        """What default chains of credentials read, and where this cloud is."""
        return {
            **all_keys(self),
            **(token(self.security_token) if self.security_token else {}),
            **place(self.endpoint),
            "ALIBABA_CLOUD_REGION_ID": self.region,
            "ALICLOUD_REGION": self.region,
            # Nor are the profiles of whoever runs the tests looked at.
            **PAST_PROFILES,
        }

    @contextlib.contextmanager
    def environment(self) -> Iterator[None]:
        """The variables while the block runs, and no other credentials that a chain would find."""
        before = dict(os.environ)
        try:
            for name in before.keys() - without_credentials(before).keys():
                del os.environ[name]
            os.environ.update(self.variables())
            _tell_credentials_library()
            yield
        finally:
            _put_back(before)
            _tell_credentials_library()


class _OneEndpoint:
    """In the place of the older client's resolver of endpoints."""

    def __init__(self, endpoint: str) -> None:
        self._endpoint = endpoint

    def resolve(self, request: object) -> str:
        return self._endpoint


def _import(module: str, package: str) -> ModuleType:
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as problem:
        if problem.name is None or not module.startswith(problem.name):
            raise
        raise ModuleNotFoundError(
            f"{module.partition('.')[0]} is not installed here: pip install {package}", name=problem.name
        ) from None


def _tell_credentials_library() -> None:
    """The vendor's reads the variables once, when it is imported."""
    module = sys.modules.get("alibabacloud_credentials.utils.auth_util")
    if module is not None:
        importlib.reload(module)


def _put_back(before: dict[str, str]) -> None:
    for name in os.environ.keys() - before.keys():
        del os.environ[name]
    for name, value in before.items():
        if os.environ.get(name) != value:
            os.environ[name] = value
