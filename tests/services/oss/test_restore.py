"""Archived objects: restored after a while, readable for some days, on the cloud's clock."""

from __future__ import annotations

import alibabacloud_oss_v2 as oss_v2
import oss2
import pytest
from oss2.models import (
    RESTORE_TIER_BULK,
    RESTORE_TIER_EXPEDITED,
    RESTORE_TIER_STANDARD,
    BucketVersioningConfig,
    RestoreConfiguration,
    RestoreJobParameters,
)

from tests.services.oss.parts import Owner, refused, refused_v2

HOUR_S = 3600.0
DAY_S = 86400.0
STATE = "The operation is not valid for the object's state"


def skip(owner: Owner, seconds: float) -> None:
    owner.cloud.run(owner.cloud.cloud.clock.skip(seconds))


def archived(bucket: oss2.Bucket, storage_class: str, key: str = "a") -> None:
    bucket.put_object(key, b"frozen", headers={"x-oss-storage-class": storage_class})


def configured(days: int, tier: str | None = None) -> RestoreConfiguration:
    return RestoreConfiguration(days, RestoreJobParameters(tier) if tier else None)


def state_of(bucket: oss2.Bucket, key: str = "a") -> str:
    return bucket.head_object(key).headers.get("x-oss-restore", "")


def test_an_archived_object_is_restored_for_a_day(moving: Owner) -> None:
    bucket = moving.bucket()
    archived(bucket, "Archive")
    refused(lambda: bucket.get_object("a"), 403, "InvalidObjectState", STATE)
    # What is known of it can be read.
    assert state_of(bucket) == ""
    assert bucket.restore_object("a").status == 202
    assert state_of(bucket) == 'ongoing-request="true"'
    refused(lambda: bucket.get_object("a"), 403, "InvalidObjectState", STATE)
    details = refused(
        lambda: bucket.restore_object("a"), 409, "RestoreAlreadyInProgress", "The restore operation is in progress."
    )
    assert details["EC"] == "0016-00000701"
    skip(moving, 60.0)
    found = bucket.get_object("a")
    assert found.read() == b"frozen"
    assert found.headers["x-oss-restore"].startswith('ongoing-request="false", expiry-date="')
    assert bucket.restore_object("a").status == 200
    skip(moving, DAY_S)
    refused(lambda: bucket.get_object("a"), 403, "InvalidObjectState", STATE)
    assert state_of(bucket) == ""


@pytest.mark.parametrize(
    ("storage_class", "tier", "hours"),
    [
        ("ColdArchive", RESTORE_TIER_EXPEDITED, 1),
        ("ColdArchive", RESTORE_TIER_STANDARD, 5),
        ("ColdArchive", RESTORE_TIER_BULK, 12),
        ("ColdArchive", None, 5),
        ("DeepColdArchive", RESTORE_TIER_EXPEDITED, 12),
        ("DeepColdArchive", RESTORE_TIER_STANDARD, 48),
    ],
)
def test_colder_objects_take_hours(moving: Owner, storage_class: str, tier: str | None, hours: int) -> None:
    bucket = moving.bucket()
    archived(bucket, storage_class)
    done = bucket.restore_object("a", input=configured(2, tier))
    assert done.status == 202
    assert done.headers["x-oss-object-restore-priority"] == (tier or "Standard")
    skip(moving, hours * HOUR_S - 30)
    assert state_of(bucket) == 'ongoing-request="true"'
    skip(moving, 31)
    assert bucket.get_object("a").read() == b"frozen"
    skip(moving, 2 * DAY_S)
    refused(lambda: bucket.get_object("a"), 403, "InvalidObjectState", STATE)


def test_a_restore_can_be_made_faster_only(moving: Owner) -> None:
    bucket = moving.bucket()
    archived(bucket, "ColdArchive")
    bucket.restore_object("a", input=configured(1, RESTORE_TIER_STANDARD))
    details = refused(
        lambda: bucket.restore_object("a", input=configured(1, RESTORE_TIER_BULK)),
        409,
        "RestoreAlreadyInProgress",
        "can only be raised",
    )
    assert details["EC"] == "0016-00000715"
    assert bucket.restore_object("a", input=configured(1, RESTORE_TIER_EXPEDITED)).status == 202
    skip(moving, HOUR_S)
    assert bucket.get_object("a").read() == b"frozen"


def test_a_restored_object_is_frozen_early(moving: Owner) -> None:
    bucket, client = moving.bucket(), moving.v2()
    archived(bucket, "ColdArchive")
    request = oss_v2.CleanRestoredObjectRequest(bucket=bucket.bucket_name, key="a")
    refused_v2(lambda: client.clean_restored_object(request), 409, "ArchiveRestoreFileStale", "info stale")
    client.restore_object(oss_v2.RestoreObjectRequest(bucket=bucket.bucket_name, key="a"))
    refused_v2(lambda: client.clean_restored_object(request), 409, "ArchiveRestoreNotFinished", "is not finished")
    skip(moving, 5 * HOUR_S)
    assert bucket.get_object("a").read() == b"frozen"
    client.clean_restored_object(request)
    refused(lambda: bucket.get_object("a"), 403, "InvalidObjectState", STATE)
    refused_v2(
        lambda: client.clean_restored_object(request),
        409,
        "ArchiveRestoreFileStale",
        "The archive file or restore info stale",
    )
    bucket.put_object("warm", b"")
    warm = oss_v2.CleanRestoredObjectRequest(bucket=bucket.bucket_name, key="warm")
    refused_v2(lambda: client.clean_restored_object(warm), 400, "OperationNotSupported", "not supported")


def test_what_cannot_be_restored(owner: Owner) -> None:
    bucket = owner.bucket()
    bucket.put_object("warm", b"1")
    refused(lambda: bucket.restore_object("warm"), 400, "OperationNotSupported", "not supported for this resource")
    refused(lambda: bucket.restore_object("none"), 404, "NoSuchKey", "does not exist")
    archived(bucket, "Archive")
    for days in (0, 8, 999):
        refused(lambda days=days: bucket.restore_object("a", input=configured(days)), 400, "MalformedXML", "XML")
    archived(bucket, "ColdArchive", "c")
    archived(bucket, "DeepColdArchive", "d")
    for key, days, tier in (("c", 366, "Bulk"), ("c", 1, "Soon"), ("d", 1, "Bulk")):
        refused(
            lambda key=key, days=days, tier=tier: bucket.restore_object(key, input=configured(days, tier)),
            400,
            "MalformedXML",
            "XML",
        )
    assert state_of(bucket, "c") == ""


def test_a_version_is_restored_by_its_id(moving: Owner) -> None:
    bucket = moving.bucket()
    bucket.put_bucket_versioning(BucketVersioningConfig("Enabled"))
    archived(bucket, "Archive")
    old = bucket.head_object("a").versionid
    archived(bucket, "Archive")
    assert bucket.restore_object("a", params={"versionId": old}).status == 202
    skip(moving, 60.0)
    assert bucket.get_object("a", params={"versionId": old}).read() == b"frozen"
    refused(lambda: bucket.get_object("a"), 403, "InvalidObjectState", STATE)


def test_lists_say_how_far_a_restore_is(moving: Owner) -> None:
    bucket = moving.bucket()
    archived(bucket, "Archive")
    assert [each.restore_info for each in bucket.list_objects_v2().object_list] == [None]
    bucket.restore_object("a")
    assert [each.restore_info for each in bucket.list_objects_v2().object_list] == ['ongoing-request="true"']
    skip(moving, 61.0)
    info = bucket.list_objects_v2().object_list[0].restore_info
    assert info == bucket.head_object("a").headers["x-oss-restore"]
