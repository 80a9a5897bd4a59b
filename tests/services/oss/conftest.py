"""Owners of buckets in a shared cloud, and in one of their own."""

from __future__ import annotations

from collections.abc import Iterator

import oss2
import pytest

from kowloon.services.oss.actions import oss
from kowloon.services.oss.resources import Bucket, BucketSetting
from kowloon.store.store import Transaction
from kowloon.testing.cloud import LocalCloud
from tests.services.oss.parts import Owner


@pytest.fixture
def owner(shared_cloud: LocalCloud) -> Owner:
    """For tests that make what they need and look only at that."""
    return Owner(shared_cloud)


@pytest.fixture
def alone(cloud: LocalCloud) -> Owner:
    """The only owner in a cloud of its own: for zones, clocks, and where everything is counted."""
    return Owner(cloud)


@pytest.fixture
def bucket(owner: Owner) -> Iterator[oss2.Bucket]:
    """A fresh bucket that goes afterwards with everything in it: an account has room for so many."""
    bucket = owner.bucket()
    yield bucket
    owner.cloud.run(discard(owner.cloud, bucket.bucket_name))


async def discard(cloud: LocalCloud, name: str) -> None:
    """Whatever forbids it to its owner by now."""
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


@pytest.fixture(scope="session")
def moving_cloud() -> Iterator[LocalCloud]:
    """A cloud whose clock tests move on: for those who look only at what they made themselves."""
    with LocalCloud() as cloud:
        yield cloud


@pytest.fixture
def moving(moving_cloud: LocalCloud) -> Iterator[Owner]:
    """Its owner; the buckets go afterwards."""
    yield Owner(moving_cloud)
    for bucket in moving_cloud.cloud.store.list(Bucket):
        moving_cloud.run(discard(moving_cloud, bucket.id))
