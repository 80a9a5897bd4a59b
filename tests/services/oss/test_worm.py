"""Retention of a whole bucket: begun, locked, extended; and what it keeps from being removed."""

from __future__ import annotations

import alibabacloud_oss_v2 as oss_v2
import oss2

from tests.services.oss.parts import Owner, refused, refused_v2

_DAY_S = 86400.0


def _skip(owner: Owner, days: float) -> None:
    owner.cloud.run(owner.cloud.cloud.clock.skip(days * _DAY_S))


def test_begun_given_up_and_begun_again(moving: Owner) -> None:
    bucket = moving.bucket()
    refused(bucket.get_bucket_worm, 404, "NoSuchWORMConfiguration", "The WORM Configuration does not exist.")
    worm_id = bucket.init_bucket_worm(1).worm_id
    found = bucket.get_bucket_worm()
    assert (found.worm_id, found.state, found.retention_period_days) == (worm_id, "InProgress", 1)
    refused(lambda: bucket.init_bucket_worm(2), 400, "InvalidWORMConfiguration", "in progress already")
    refused(lambda: bucket.extend_bucket_worm(worm_id, 2), 400, "InvalidWORMConfiguration", "Only a locked")
    bucket.abort_bucket_worm()
    refused(bucket.get_bucket_worm, 404, "NoSuchWORMConfiguration", "The WORM Configuration does not exist.")
    assert bucket.init_bucket_worm(3).worm_id != worm_id


def test_locked_it_can_only_be_made_longer(moving: Owner) -> None:
    name, client = moving.bucket().bucket_name, moving.v2()
    begin = oss_v2.InitiateWormConfiguration(retention_period_in_days=2)
    begun = client.initiate_bucket_worm(
        oss_v2.InitiateBucketWormRequest(bucket=name, initiate_worm_configuration=begin)
    )
    refused_v2(
        lambda: client.complete_bucket_worm(oss_v2.CompleteBucketWormRequest(bucket=name, worm_id="other")),
        404,
        "NoSuchWORMConfiguration",
        "The WORM Configuration does not exist.",
    )
    client.complete_bucket_worm(oss_v2.CompleteBucketWormRequest(bucket=name, worm_id=begun.worm_id))

    def extend(days: int) -> None:
        longer = oss_v2.ExtendWormConfiguration(retention_period_in_days=days)
        client.extend_bucket_worm(
            oss_v2.ExtendBucketWormRequest(bucket=name, worm_id=begun.worm_id, extend_worm_configuration=longer)
        )

    refused_v2(lambda: extend(1), 400, "InvalidWORMConfiguration", "never shortened")
    extend(5)
    found = client.get_bucket_worm(oss_v2.GetBucketWormRequest(bucket=name)).worm_configuration
    assert found is not None
    assert (found.state, found.retention_period_in_days) == ("Locked", 5)
    refused_v2(
        lambda: client.abort_bucket_worm(oss_v2.AbortBucketWormRequest(bucket=name)),
        403,
        "WORMConfigurationLocked",
        "The WORM Configuration is locked.",
    )


def test_what_is_locked_stays_for_its_days(moving: Owner) -> None:
    bucket = moving.bucket()
    bucket.put_object("old", b"1")
    bucket.complete_bucket_worm(bucket.init_bucket_worm(2).worm_id)
    bucket.put_object("new", b"1")
    for key in ("old", "new"):
        refused(lambda key=key: bucket.delete_object(key), 409, "FileImmutable", "immutable")  # type: ignore[misc]
        refused(
            lambda key=key: bucket.put_object(key, b"2"), 409, "FileImmutable", "The object you specified is immutable."
        )  # type: ignore[misc]
    refused(bucket.delete_bucket, 409, "BucketNotEmpty", "The bucket you tried to delete is not empty.")
    _skip(moving, 2.5)
    bucket.put_object("old", b"2")
    bucket.delete_object("new")
    refused(lambda: bucket.delete_object("old"), 409, "FileImmutable", "The object you specified is immutable.")
    assert bucket.get_object("old").read() == b"2"


def test_what_is_not_locked_ends_after_a_day(moving: Owner) -> None:
    bucket = moving.bucket()
    bucket.put_object("a", b"1")
    worm_id = bucket.init_bucket_worm(30).worm_id
    refused(lambda: bucket.delete_object("a"), 409, "FileImmutable", "The object you specified is immutable.")
    _skip(moving, 1.1)
    assert bucket.get_bucket_worm().state == "Expired"
    refused(lambda: bucket.complete_bucket_worm(worm_id), 404, "NoSuchWORMConfiguration", "The WORM Configuration")
    bucket.delete_object("a")
    assert bucket.init_bucket_worm(1).worm_id != worm_id


def test_days_that_there_are_not(moving: Owner) -> None:
    bucket = moving.bucket()
    for days in (0, 25551):
        refused(lambda days=days: bucket.init_bucket_worm(days), 400, "InvalidWORMConfiguration", "between")  # type: ignore[misc]
    refused(lambda: bucket.init_bucket_worm("many"), 400, "MalformedXML", "The XML you provided was not well-formed")


def test_it_does_not_go_with_versioning(moving: Owner) -> None:
    bucket = moving.bucket()
    bucket.put_bucket_versioning(oss2.models.BucketVersioningConfig("Enabled"))
    refused(lambda: bucket.init_bucket_worm(1), 400, "InvalidArgument", "versioning")
