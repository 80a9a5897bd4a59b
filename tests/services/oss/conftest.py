"""Owners of buckets in a shared cloud, and in one of their own."""

from __future__ import annotations

from collections.abc import Iterator

import oss2
import pytest

from kowloon.services.oss.resources import Bucket
from kowloon.testing.cloud import LocalCloud
from tests.services.oss.parts import Owner, discard


@pytest.fixture
def owner(shared_cloud: LocalCloud) -> Iterator[Owner]:
    """For tests that make what they need and look only at that. Their buckets go afterwards, with everything in them:
    an account has room for so many."""
    before = {bucket.id for bucket in shared_cloud.cloud.store.list(Bucket)}
    yield Owner(shared_cloud)
    for bucket in shared_cloud.cloud.store.list(Bucket):
        if bucket.id not in before:
            shared_cloud.run(discard(shared_cloud, bucket.id))


@pytest.fixture
def alone(cloud: LocalCloud) -> Owner:
    """The only owner in a cloud of its own: for zones, clocks, and where everything is counted."""
    return Owner(cloud)


@pytest.fixture
def bucket(owner: Owner) -> oss2.Bucket:
    return owner.bucket()


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
