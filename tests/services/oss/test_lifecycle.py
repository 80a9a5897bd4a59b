"""Lifecycle rules: kept as written, refused where wrong, and at work at midnight on the cloud's clock."""

from __future__ import annotations

import datetime
from typing import Any

import alibabacloud_oss_v2 as oss_v2
import oss2
import pytest
from oss2.models import (
    AbortMultipartUpload,
    BucketLifecycle,
    BucketVersioningConfig,
    LifecycleExpiration,
    LifecycleRule,
    NoncurrentVersionExpiration,
    NoncurrentVersionStorageTransition,
    StorageTransition,
    Tagging,
    TaggingRule,
)

from kowloon.engines.blob.base import ZoneMode
from kowloon.services.oss.resources import Bucket
from tests.helpers import eventually
from tests.services.oss.parts import Owner, refused, refused_v2
from tests.services.parts import other_account

_DAY_S = 86400.0


def _skip(owner: Owner, days: float) -> None:
    owner.cloud.run(owner.cloud.cloud.clock.skip(days * _DAY_S))


def _put(bucket: oss2.Bucket, *rules: LifecycleRule, overlap: bool = False) -> None:
    headers = {"x-oss-allow-same-action-overlap": "true"} if overlap else None
    bucket.put_bucket_lifecycle(BucketLifecycle(list(rules)), headers=headers)


def _expiring(rule_id: str, prefix: str, days: int, **more: Any) -> LifecycleRule:
    return LifecycleRule(rule_id, prefix, expiration=LifecycleExpiration(days=days), **more)


def _keys(bucket: oss2.Bucket) -> list[str]:
    return [found.key for found in oss2.ObjectIterator(bucket)]


# What is kept ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("signature", ["v1", "v4"])
def test_rules_come_back_as_they_were_put(moving: Owner, signature: str) -> None:
    bucket = moving.bucket(signature=signature)
    refused(bucket.get_bucket_lifecycle, 404, "NoSuchLifecycle", "No Row found in Lifecycle Table.")
    bucket.put_bucket_access_monitor("Enabled")
    tags = TaggingRule()
    tags.add("k", "v&")
    whole = LifecycleRule(
        "whole",
        "a/",
        expiration=LifecycleExpiration(days=400),
        storage_transitions=[
            StorageTransition(days=10, storage_class="IA", is_access_time=True, return_to_std_when_visit=True),
            StorageTransition(days=40, storage_class="Archive"),
        ],
        tagging=Tagging(tags),
        noncurrent_version_expiration=NoncurrentVersionExpiration(30),
        noncurrent_version_sotrage_transitions=[NoncurrentVersionStorageTransition(5, "IA")],
    )
    day = datetime.date(2030, 1, 1)
    dated = LifecycleRule("dated", "b/", status="Disabled", expiration=LifecycleExpiration(date=day))
    before = LifecycleRule(
        "before",
        "c/",
        expiration=LifecycleExpiration(created_before_date=day),
        abort_multipart_upload=AbortMultipartUpload(days=3),
    )
    _put(bucket, whole, dated, before)
    first, second, third = bucket.get_bucket_lifecycle().rules
    assert (first.id, first.prefix, first.status, first.expiration.days) == ("whole", "a/", "Enabled", 400)
    assert first.tagging.tag_set.tagging_rule == {"k": "v&"}
    moved = [(each.days, each.storage_class, each.is_access_time) for each in first.storage_transitions]
    assert moved == [(10, "IA", True), (40, "Archive", None)]
    assert first.storage_transitions[0].return_to_std_when_visit is True
    assert first.noncurrent_version_expiration.noncurrent_days == 30
    assert first.noncurrent_version_sotrage_transitions[0].storage_class == "IA"
    assert (second.status, second.expiration.date) == ("Disabled", day)
    assert third.expiration.created_before_date == day
    assert third.abort_multipart_upload.days == 3
    bucket.delete_bucket_lifecycle()
    refused(bucket.get_bucket_lifecycle, 404, "NoSuchLifecycle", "No Row found in Lifecycle Table.")
    bucket.delete_bucket_lifecycle()


def test_through_the_second_client(moving: Owner) -> None:
    name, client = moving.bucket().bucket_name, moving.v2()
    rule = oss_v2.LifecycleRule(
        prefix="logs/",
        status="Enabled",
        expiration=oss_v2.LifecycleRuleExpiration(days=3),
        filter=oss_v2.LifecycleRuleFilter(
            object_size_greater_than=10,
            object_size_less_than=1000,
            nots=[oss_v2.LifecycleRuleNot(prefix="logs/keep", tag=oss_v2.Tag(key="k", value="v"))],
        ),
    )
    configuration = oss_v2.LifecycleConfiguration(rules=[rule])
    client.put_bucket_lifecycle(oss_v2.PutBucketLifecycleRequest(bucket=name, lifecycle_configuration=configuration))
    found = client.get_bucket_lifecycle(oss_v2.GetBucketLifecycleRequest(bucket=name)).lifecycle_configuration
    assert found is not None
    (kept,) = found.rules
    assert kept.id
    assert (kept.filter.object_size_greater_than, kept.filter.object_size_less_than) == (10, 1000)
    assert (kept.filter.nots[0].prefix, kept.filter.nots[0].tag.key) == ("logs/keep", "k")
    client.delete_bucket_lifecycle(oss_v2.DeleteBucketLifecycleRequest(bucket=name))
    refused_v2(
        lambda: client.get_bucket_lifecycle(oss_v2.GetBucketLifecycleRequest(bucket=name)),
        404,
        "NoSuchLifecycle",
        "No Row found in Lifecycle Table.",
    )


# What is refused ------------------------------------------------------------------------------------------------------


def test_rules_that_get_in_each_others_way(moving: Owner) -> None:
    bucket = moving.bucket()
    outer, inner = _expiring("outer", "dir1/", 180), _expiring("inner", "dir1/dir2/", 30)
    refused(lambda: _put(bucket, outer, inner), 400, "InvalidRequest", "Overlap for same action type Expiration")
    _put(bucket, outer, inner, overlap=True)
    _put(bucket, _expiring("one", "a/", 1), _expiring("two", "b/", 1))
    aborts = [LifecycleRule(name, "", abort_multipart_upload=AbortMultipartUpload(days=1)) for name in ("a", "b")]
    refused(
        lambda: _put(bucket, *aborts, overlap=True), 400, "InvalidRequest", "Overlap for same action type AbortMulti"
    )


def test_rules_that_cannot_be(moving: Owner) -> None:
    bucket = moving.bucket()
    refused(lambda: _put(bucket), 400, "MalformedXML", "well-formed")
    refused(lambda: _put(bucket, LifecycleRule("nothing", "a/")), 400, "MalformedXML", "The XML you provided was not")
    refused(lambda: _put(bucket, _expiring("zero", "", 0)), 400, "MalformedXML", "The XML you provided was not")
    refused(lambda: _put(bucket, _expiring("x" * 256, "", 1)), 400, "InvalidArgument", "ID")
    twice = (_expiring("same", "a/", 1), _expiring("same", "b/", 1))
    refused(lambda: _put(bucket, *twice), 400, "InvalidRequest", "unique")
    many = [_expiring(str(number), f"{number}/", 1) for number in range(1001)]
    refused(lambda: _put(bucket, *many), 400, "MalformedXML", "The XML you provided was not well-formed or did not")
    backwards = _expiring("b", "", 10, storage_transitions=[StorageTransition(days=10, storage_class="IA")])
    refused(lambda: _put(bucket, backwards), 400, "InvalidRequest", "must be less")
    upwards = LifecycleRule("u", "", storage_transitions=[StorageTransition(days=1, storage_class="Standard")])
    refused(lambda: _put(bucket, upwards), 400, "MalformedXML", "The XML you provided was not well-formed or did not")
    by_access = LifecycleRule("a", "", storage_transitions=[StorageTransition(1, None, "IA", True)])
    refused(lambda: _put(bucket, by_access), 400, "InvalidRequest", "access monitoring")
    odd = BucketLifecycle([_expiring("a", "", 1)])
    refused(
        lambda: bucket.put_bucket_lifecycle(odd, headers={"x-oss-allow-same-action-overlap": "maybe"}),
        400,
        "InvalidArgument",
        "x-oss-allow-same-action-overlap",
    )
    refused(bucket.get_bucket_lifecycle, 404, "NoSuchLifecycle", "No Row found in Lifecycle Table.")


def test_rules_of_others_are_theirs(moving: Owner) -> None:
    bucket = moving.bucket()
    stranger = other_account(moving.cloud).config
    theirs = Owner(moving.cloud, stranger["access_key_id"], stranger["access_key_secret"])
    foreign = theirs.bucket(bucket.bucket_name, create=False)
    refused(lambda: _put(foreign, _expiring("a", "", 1)), 403, "AccessDenied", "The bucket you access does not belong")
    refused(foreign.get_bucket_lifecycle, 403, "AccessDenied", "The bucket you access does not belong to you.")
    refused(foreign.delete_bucket_lifecycle, 403, "AccessDenied", "The bucket you access does not belong to you.")


# What they do ---------------------------------------------------------------------------------------------------------


def test_objects_expire_at_midnight_and_say_so_before(moving: Owner) -> None:
    bucket = moving.bucket()
    for key in ("logs/a", "logs/keep/b", "other"):
        bucket.put_object(key, b"1", headers={"x-oss-tagging": "k=v"} if "keep" in key else None)
    tags = TaggingRule()
    tags.add("k", "other")
    _put(bucket, _expiring("gone", "logs/", 2), _expiring("tagged", "", 1, tagging=Tagging(tags)))
    text = bucket.head_object("logs/a").headers["x-oss-expiration"]
    assert text.endswith('00:00:00 GMT", rule-id="gone"')
    assert "x-oss-expiration" not in bucket.head_object("other").headers
    _skip(moving, 1)
    assert _keys(bucket) == ["logs/a", "logs/keep/b", "other"]
    _skip(moving, 2)
    eventually(lambda: _keys(bucket) == ["other"])


def test_classes_change_and_appear(moving: Owner) -> None:
    bucket = moving.bucket()
    bucket.put_object("a", b"bytes")
    moves = [StorageTransition(days=1, storage_class="IA"), StorageTransition(days=3, storage_class="ColdArchive")]
    _put(bucket, _expiring("r", "", 10, storage_transitions=moves))
    _skip(moving, 2.1)
    eventually(lambda: bucket.head_object("a").headers["x-oss-storage-class"] == "IA")
    assert "x-oss-transition-time" in bucket.head_object("a").headers
    assert bucket.get_object("a").read() == b"bytes"
    _skip(moving, 2)
    eventually(lambda: bucket.head_object("a").headers["x-oss-storage-class"] == "ColdArchive")
    refused(lambda: bucket.get_object("a"), 403, "InvalidObjectState", "The operation is not valid for the object's")
    _skip(moving, 10)
    eventually(lambda: not bucket.object_exists("a"))


def test_days_that_were_skipped_come_in_order(moving: Owner) -> None:
    """Expired at first, then the older version that this made, then the marker without versions."""
    bucket = moving.bucket()
    bucket.put_bucket_versioning(BucketVersioningConfig("Enabled"))
    bucket.put_object("a", b"1")
    bucket.put_object("a", b"2")
    _put(
        bucket,
        _expiring("expire", "", 5, noncurrent_version_expiration=NoncurrentVersionExpiration(20)),
        LifecycleRule("markers", "", expiration=LifecycleExpiration(expired_detete_marker=True)),
        overlap=True,
    )
    _skip(moving, 7)
    eventually(lambda: not bucket.object_exists("a"))
    found = bucket.list_object_versions()
    assert (len(found.versions), len(found.delete_marker)) == (2, 1)
    _skip(moving, 100)
    eventually(lambda: not (found := bucket.list_object_versions()).versions and not found.delete_marker)
    bucket.delete_bucket()


def test_older_versions_move_and_go(moving: Owner) -> None:
    bucket = moving.bucket()
    bucket.put_bucket_versioning(BucketVersioningConfig("Enabled"))
    old = bucket.put_object("a", b"1").versionid
    new = bucket.put_object("a", b"2").versionid
    rule = LifecycleRule(
        "older",
        "",
        noncurrent_version_expiration=NoncurrentVersionExpiration(5),
        noncurrent_version_sotrage_transitions=[NoncurrentVersionStorageTransition(1, "IA")],
    )
    _put(bucket, rule)
    _skip(moving, 2.1)
    eventually(lambda: bucket.head_object("a", params={"versionId": old}).headers["x-oss-storage-class"] == "IA")
    _skip(moving, 5)
    eventually(lambda: [found.versionid for found in bucket.list_object_versions().versions] == [new])
    assert bucket.head_object("a").headers["x-oss-storage-class"] == "Standard"


def test_uploads_that_nobody_completes_go(moving: Owner) -> None:
    bucket = moving.bucket()
    upload_id = bucket.init_multipart_upload("up/a").upload_id
    bucket.upload_part("up/a", upload_id, 1, b"1")
    kept = bucket.init_multipart_upload("b").upload_id
    _put(bucket, LifecycleRule("r", "up/", abort_multipart_upload=AbortMultipartUpload(days=1)))
    _skip(moving, 2.1)
    eventually(lambda: [found.upload_id for found in bucket.list_multipart_uploads().upload_list] == [kept])
    refused(lambda: bucket.upload_part("up/a", upload_id, 2, b"1"), 404, "NoSuchUpload", "The specified upload does")


def test_while_the_zone_is_out_nothing_happens_then_everything(moving: Owner) -> None:
    bucket = moving.bucket()
    bucket.put_object("a", b"1")
    _put(bucket, _expiring("r", "", 1))
    cloud = moving.cloud.cloud
    kept = cloud.store.get(Bucket, bucket.bucket_name)
    assert kept is not None
    moving.cloud.call(lambda: cloud.storage.set_mode(kept.zones[0], ZoneMode.READ_ONLY))
    _skip(moving, 3)
    assert bucket.object_exists("a")
    moving.cloud.call(lambda: cloud.storage.set_mode(kept.zones[0], ZoneMode.SERVING))
    _skip(moving, 0.1)
    eventually(lambda: not bucket.object_exists("a"))


def test_what_must_stay_is_not_expired(moving: Owner) -> None:
    bucket = moving.bucket()
    bucket.put_object("a", b"1")
    bucket.complete_bucket_worm(bucket.init_bucket_worm(10).worm_id)
    _put(bucket, _expiring("r", "", 1))
    _skip(moving, 5)
    assert bucket.object_exists("a")
    _skip(moving, 7)
    eventually(lambda: not bucket.object_exists("a"))


def test_what_is_read_stays_at_hand(moving: Owner) -> None:
    bucket = moving.bucket()
    assert bucket.get_bucket_access_monitor().access_monitor.status == "Disabled"
    refused(lambda: bucket.put_bucket_access_monitor("Perhaps"), 400, "MalformedXML", "The XML you provided was not")
    bucket.put_bucket_access_monitor("Enabled")
    assert bucket.get_bucket_access_monitor().access_monitor.status == "Enabled"
    for key in ("read", "unread"):
        bucket.put_object(key, b"1")
    _put(bucket, LifecycleRule("r", "", storage_transitions=[StorageTransition(3, None, "IA", True, True)]))
    _skip(moving, 2)
    assert bucket.get_object("read").read() == b"1"
    _skip(moving, 2.1)
    eventually(lambda: bucket.head_object("unread").headers["x-oss-storage-class"] == "IA")
    assert bucket.head_object("read").headers["x-oss-storage-class"] == "Standard"
    assert bucket.get_object("unread").read() == b"1"
    assert bucket.head_object("unread").headers["x-oss-storage-class"] == "Standard"
