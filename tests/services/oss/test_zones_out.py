"""Every kind of call on objects while a zone is out: single-zone buckets refuse it, three-zone buckets answer it."""

from __future__ import annotations

from collections.abc import Iterator

import oss2
import pytest

from kowloon.engines.blob.base import ZoneMode
from kowloon.services.oss.resources import Bucket
from kowloon.testing.cloud import LocalCloud
from tests.services.oss.parts import Owner, refused, refused_v2
from tests.services.oss.stock import CALLS, CALLS_V2, Stock


@pytest.fixture(scope="module")
def broken() -> Iterator[tuple[Stock, Stock]]:
    """A single-zone and a three-zone bucket, filled, and then the zone of the first is stopped."""
    with LocalCloud() as cloud:
        owner = Owner(cloud)
        single, redundant = Stock(owner, "LRS"), Stock(owner, "ZRS")
        bucket = cloud.cloud.store.get(Bucket, single.bucket.bucket_name)
        assert bucket is not None
        (zone,) = bucket.zones
        cloud.call(lambda: cloud.cloud.storage.set_mode(zone, ZoneMode.STOPPED))
        yield single, redundant


@pytest.mark.parametrize("name", [*CALLS, *CALLS_V2])
def test_a_single_zone_refuses_and_three_go_on(broken: tuple[Stock, Stock], name: str) -> None:
    single, redundant = broken
    if name in CALLS:
        refused(lambda: CALLS[name](single), 503, "ServiceUnavailable", "try again later")
        CALLS[name](redundant)
    else:
        refused_v2(lambda: CALLS_V2[name](single), 503, "ServiceUnavailable", "try again later")
        CALLS_V2[name](redundant)


def test_copies_between_a_zone_that_is_out_and_three(broken: tuple[Stock, Stock]) -> None:
    single, redundant = broken
    for source, target in ((single, redundant), (redundant, single)):
        refused(
            lambda source=source, target=target: target.bucket.copy_object(source.bucket.bucket_name, "large", "x"),
            503,
            "ServiceUnavailable",
            "try again later",
        )
    with pytest.raises(oss2.exceptions.NotFound):
        redundant.bucket.head_object("x")


def test_a_zone_that_goes_out_in_the_middle_of_a_body(alone: Owner) -> None:
    bucket = alone.bucket()
    storage = alone.cloud.cloud.storage

    def body() -> Iterator[bytes]:
        yield bytes(1_000_000)
        alone.cloud.call(lambda: storage.set_mode("cn-hongkong-c", ZoneMode.STOPPED))
        for _ in range(8):
            yield bytes(1_000_000)

    bucket.enable_crc = False
    refused(lambda: bucket.put_object("key", body()), 503, "ServiceUnavailable", "The service is unavailable. Please")
    alone.cloud.call(lambda: storage.set_mode("cn-hongkong-c", ZoneMode.SERVING))
    refused(lambda: bucket.get_object("key"), 404, "NoSuchKey", "The specified key does not exist.")
