"""Clients of the object store: the official ones, pointed at a cloud, under each signature."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import alibabacloud_oss_v2 as oss_v2
import oss2
import pytest

from kowloon.services.oss.actions import oss
from kowloon.services.oss.resources import Bucket, BucketSetting
from kowloon.store.store import Transaction
from kowloon.testing.cloud import LocalCloud
from tests.conftest import REGION

_NAMES = itertools.count(1)


class Owner:
    """One identity's way to the object store; the account's administrator by default."""

    def __init__(self, cloud: LocalCloud, access_key_id: str = "", secret: str = "", token: str = "") -> None:
        self.cloud = cloud
        self.access_key_id = access_key_id or cloud.access_key_id
        self.secret = secret or cloud.access_key_secret
        self.token = token

    @property
    def url(self) -> str:
        return f"http://{self.cloud.endpoint}"

    def auth(self, signature: str = "v4") -> Any:
        if self.token:
            return oss2.StsAuth(self.access_key_id, self.secret, self.token, auth_version=signature)
        kind = {"v1": oss2.Auth, "v2": oss2.AuthV2, "v4": oss2.AuthV4}[signature]
        return kind(self.access_key_id, self.secret)

    def bucket(self, name: str = "", *, signature: str = "v4", create: bool = True, **config: Any) -> oss2.Bucket:
        """A bucket through oss2; a fresh one unless `create` is False. `config`: StorageClass and redundancy."""
        name = name or f"bucket-{next(_NAMES)}"
        bucket = oss2.Bucket(self.auth(signature), self.url, name, region=REGION, enable_crc=True)
        if create:
            bucket.create_bucket(input=oss2.models.BucketCreateConfig(**config) if config else None)
        return bucket

    def service(self, signature: str = "v4") -> oss2.Service:
        return oss2.Service(self.auth(signature), self.url, region=REGION)

    def v2(self, signature: str = "v4", **settings: Any) -> oss_v2.Client:
        """The second generation's client."""
        config = oss_v2.config.load_default()
        config.credentials_provider = oss_v2.credentials.StaticCredentialsProvider(
            self.access_key_id, self.secret, self.token or None
        )
        config.region = REGION
        config.endpoint = self.url
        config.signature_version = signature
        config.retry_max_attempts = 1
        for name, value in settings.items():
            setattr(config, name, value)
        return oss_v2.Client(config)


async def discard(cloud: LocalCloud, name: str) -> None:
    """A bucket with everything in it, whatever forbids that to its owner by now."""
    store = cloud.cloud.store
    found = store.get(Bucket, name)
    if found is None:
        return

    def body(tx: Transaction) -> None:
        for kind in oss.resources:
            item = tx.get(kind, name)
            if isinstance(item, Bucket | BucketSetting):
                tx.delete(item)

    await store.run(body)
    await cloud.cloud.storage.drop(found.volume, found.layout)


def refused(call: Callable[[], Any], status: int, code: str, message: str = "") -> dict[str, str]:
    """The refusal of a call through oss2; returns the elements of its document."""
    with pytest.raises(oss2.exceptions.OssError) as caught:
        call()
    error = caught.value
    assert (error.status, error.code) == (status, code), (error.status, error.code, error.message)
    if message:
        assert message in error.message, error.message
    return error.details


def refused_v2(call: Callable[[], Any], status: int, code: str, message: str = "") -> Any:
    """The refusal of a call through alibabacloud-oss-v2; returns its error."""
    with pytest.raises(oss_v2.exceptions.OperationError) as caught:
        call()
    error = caught.value.unwrap()
    assert (error.status_code, error.code) == (status, code), (error.status_code, error.code, error.message)
    if message:
        assert message in error.message, error.message
    return error
