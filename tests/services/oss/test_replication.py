"""Replication rules: made, ended, looked at; and what they bring from bucket to bucket."""

from __future__ import annotations

from typing import Any

import alibabacloud_oss_v2 as oss_v2
import oss2
import pytest
from oss2.models import BucketVersioningConfig, ReplicationRule

from kowloon.core.config import Settings
from kowloon.engines.blob.base import ZoneMode
from kowloon.services.oss.resources import Bucket
from kowloon.testing.cloud import LocalCloud
from tests.helpers import eventually
from tests.services.oss.parts import Owner, refused, refused_v2
from tests.services.parts import other_account

FAR = "cn-hangzhou"


def _far_bucket(owner: Owner, name: str) -> oss2.Bucket:
    bucket = oss2.Bucket(owner.auth(), owner.url, name, region=FAR)
    bucket.create_bucket()
    return bucket


@pytest.fixture
def pair(moving: Owner) -> tuple[oss2.Bucket, oss2.Bucket]:
    """A source in Hong Kong and a target in Hangzhou."""
    source = moving.bucket()
    return source, _far_bucket(moving, f"{source.bucket_name}-far")


def _to(target: oss2.Bucket, region: str = FAR, **more: Any) -> ReplicationRule:
    return ReplicationRule(
        target_bucket_name=target.bucket_name, target_bucket_location=f"oss-{region}", **{"rule_id": "rule", **more}
    )


def _content(bucket: oss2.Bucket, key: str) -> bytes | None:
    try:
        return bytes(bucket.get_object(key).read())
    except oss2.exceptions.NoSuchKey:
        return None


def _keys(bucket: oss2.Bucket) -> list[str]:
    return [found.key for found in oss2.ObjectIterator(bucket)]


# Rules ----------------------------------------------------------------------------------------------------------------


def test_a_rule_is_made_seen_and_ended(pair: tuple[oss2.Bucket, oss2.Bucket]) -> None:
    source, target = pair
    details = refused(source.get_bucket_replication, 404, "NoSuchReplicationConfiguration", "replication")
    assert details["BucketName"] == source.bucket_name
    refused(lambda: source.get_bucket_replication_progress("none"), 404, "NoSuchReplicationRule", "does not exist")
    rule = _to(
        target,
        prefix_list=["a/", "b/"],
        action_list=["PUT"],
        target_transfer_type="oss_acc",
        is_enable_historical_object_replication=False,
        sync_role_name="role",
        replica_kms_keyid="key",
        sse_kms_encrypted_objects_status="Enabled",
    )
    assert source.put_bucket_replication(rule).headers["x-oss-replication-rule-id"] == "rule"
    (found,) = source.get_bucket_replication().rule_list
    assert (found.rule_id, found.target_bucket_name, found.target_bucket_location) == (
        "rule",
        target.bucket_name,
        "oss-cn-hangzhou",
    )
    assert (found.prefix_list, found.action_list, found.target_transfer_type) == (["a/", "b/"], ["PUT"], "oss_acc")
    assert (found.sync_role_name, found.replica_kms_keyid, found.sse_kms_encrypted_objects_status) == (
        "role",
        "key",
        "Enabled",
    )
    assert found.is_enable_historical_object_replication is False
    again = _to(target, rule_id="other", prefix_list=["a/c"])
    refused(lambda: source.put_bucket_replication(again), 400, "BucketReplicationAlreadyExist", "already exists")
    refused(
        lambda: source.delete_bucket_replication("none"),
        404,
        "NoSuchReplicationRule",
        "The BucketReplicationRule you specified does not exist.",
    )
    source.delete_bucket_replication("rule")

    def ended() -> bool:
        try:
            return bool(source.get_bucket_replication().rule_list[0].status != "closing")
        except oss2.exceptions.ServerError as error:
            return bool(error.code == "NoSuchReplicationConfiguration")

    eventually(ended)


def test_through_the_second_client(pair: tuple[oss2.Bucket, oss2.Bucket], moving: Owner) -> None:
    source, target = pair
    name, client = source.bucket_name, moving.v2()
    rule = oss_v2.ReplicationRule(
        destination=oss_v2.ReplicationDestination(bucket=target.bucket_name, location="oss-cn-hangzhou"),
        action="ALL",
        historical_object_replication="enabled",
        rtc=oss_v2.ReplicationTimeControl(status="enabled"),
    )
    made = client.put_bucket_replication(
        oss_v2.PutBucketReplicationRequest(
            bucket=name, replication_configuration=oss_v2.ReplicationConfiguration(rules=[rule])
        )
    )
    rule_id = made.headers["x-oss-replication-rule-id"]
    assert rule_id

    def kept() -> Any:
        answer = client.get_bucket_replication(oss_v2.GetBucketReplicationRequest(bucket=name))
        assert answer.replication_configuration is not None
        return answer.replication_configuration.rules[0]

    assert (kept().id, kept().rtc.status) == (rule_id, "enabled")
    off = oss_v2.RtcConfiguration(rtc=oss_v2.ReplicationTimeControl(status="disabled"), id=rule_id)
    client.put_bucket_rtc(oss_v2.PutBucketRtcRequest(bucket=name, rtc_configuration=off))
    assert kept().rtc.status == "disabled"
    other = oss_v2.RtcConfiguration(rtc=oss_v2.ReplicationTimeControl(status="disabled"), id="other")
    refused_v2(
        lambda: client.put_bucket_rtc(oss_v2.PutBucketRtcRequest(bucket=name, rtc_configuration=other)),
        404,
        "NoSuchReplicationRule",
        "The BucketReplicationRule you specified does not exist.",
    )
    places = client.get_bucket_replication_location(oss_v2.GetBucketReplicationLocationRequest(bucket=name))
    assert places.replication_location is not None
    assert "oss-cn-hangzhou" in places.replication_location.locations
    eventually(lambda: kept().status == "doing")
    progress = client.get_bucket_replication_progress(
        oss_v2.GetBucketReplicationProgressRequest(bucket=name, rule_id=rule_id)
    ).replication_progress
    assert progress is not None
    assert progress.rules[0].progress.new_object
    client.delete_bucket_replication(
        oss_v2.DeleteBucketReplicationRequest(bucket=name, replication_rules=oss_v2.ReplicationRules(ids=[rule_id]))
    )


def test_rules_that_cannot_be(pair: tuple[oss2.Bucket, oss2.Bucket], moving: Owner) -> None:
    source, target = pair
    cases = [
        (_to(target, region="nowhere"), "BadReplicationLocation"),
        (_to(target, region="cn-beijing"), "InvalidTargetLocation"),
        (_to(source, region="cn-hongkong"), "InvalidTargetBucket"),
        (_to(target, action_list=["GET"]), "MalformedXML"),
        (_to(target, prefix_list=["a", "a/b"]), "InvalidArgument"),
        (_to(target, prefix_list=[str(number) for number in range(11)]), "MalformedXML"),
        (_to(target, target_transfer_type="pigeon"), "InvalidArgument"),
    ]
    for rule, code in cases:
        refused(lambda rule=rule: source.put_bucket_replication(rule), 400, code)  # type: ignore[misc]
    stranger = other_account(moving.cloud).config
    theirs = Owner(moving.cloud, stranger["access_key_id"], stranger["access_key_secret"])
    foreign = theirs.bucket(source.bucket_name, create=False)
    refused(lambda: foreign.put_bucket_replication(_to(target)), 403, "AccessDenied", "The bucket you access does not")
    refused(foreign.get_bucket_replication, 403, "AccessDenied", "The bucket you access does not belong to you.")
    refused(
        lambda: theirs.bucket().put_bucket_replication(_to(target)),
        400,
        "InvalidTargetBucket",
        "The target bucket you specified is not valid.",
    )


# What is brought ------------------------------------------------------------------------------------------------------


def test_what_is_written_and_deleted_follows(pair: tuple[oss2.Bucket, oss2.Bucket]) -> None:
    source, target = pair
    source.put_object("old", b"before")
    source.put_bucket_replication(_to(target))
    headers = {"x-oss-meta-who": "me", "x-oss-tagging": "k=v", "Content-Type": "text/x"}
    source.put_object("new", b"1", headers=headers)
    source.put_object("large", bytes(3 * 1024 * 1024))
    source.append_object("grown", 0, b"ab")
    eventually(lambda: _keys(target) == ["grown", "large", "new", "old"])
    copied, original = target.head_object("new"), source.head_object("new")
    for name in ("ETag", "x-oss-meta-who", "Content-Type", "Last-Modified", "x-oss-tagging-count"):
        assert copied.headers[name] == original.headers[name]
    assert target.get_object("large").read() == bytes(3 * 1024 * 1024)
    source.append_object("grown", 2, b"cd")
    source.put_object("new", b"2")
    source.put_object_acl("old", "public-read")
    eventually(lambda: _content(target, "new") == b"2" and _content(target, "grown") == b"abcd")
    eventually(lambda: target.get_object_acl("old").acl == "public-read")
    source.batch_delete_objects(["new", "old"])
    eventually(lambda: _keys(target) == ["grown", "large"])
    progress = source.get_bucket_replication_progress("rule").progress
    assert (progress.status, progress.historical_object_progress) == ("doing", 1.0)
    assert progress.new_object_progress


def test_only_what_a_rule_is_about(pair: tuple[oss2.Bucket, oss2.Bucket]) -> None:
    source, target = pair
    source.put_object("a/old", b"1")
    rule = _to(target, prefix_list=["a/"], action_list=["PUT"], is_enable_historical_object_replication=False)
    source.put_bucket_replication(rule)
    for key in ("b/new", "a/new", "a/deleted"):
        source.put_object(key, b"1")
    source.put_object("a/secret", b"1", headers={"x-oss-server-side-encryption": "KMS"})
    eventually(lambda: _keys(target) == ["a/deleted", "a/new"])
    source.delete_object("a/deleted")
    source.put_object("a/last", b"1")
    eventually(lambda: "a/last" in _keys(target))
    assert _keys(target) == ["a/deleted", "a/last", "a/new"]


def test_both_ways_without_going_in_circles(pair: tuple[oss2.Bucket, oss2.Bucket]) -> None:
    near, far = pair
    near.put_bucket_replication(_to(far))
    far.put_bucket_replication(_to(near, region="cn-hongkong"))
    near.put_object("from-near", b"1")
    far.put_object("from-far", b"2")
    eventually(lambda: _keys(near) == _keys(far) == ["from-far", "from-near"])
    far.delete_object("from-near")
    near.put_object("from-far", b"3")
    eventually(lambda: _keys(near) == ["from-far"] and _content(far, "from-far") == b"3")
    assert _keys(far) == ["from-far"]


def test_versions_keep_their_ids(pair: tuple[oss2.Bucket, oss2.Bucket]) -> None:
    source, target = pair
    for bucket in pair:
        bucket.put_bucket_versioning(BucketVersioningConfig("Enabled"))
    source.put_object("a", b"1")
    second = source.put_object("a", b"2").versionid
    source.put_bucket_replication(_to(target))
    source.put_object("a", b"3")
    source.delete_object("a")

    def versions(bucket: oss2.Bucket) -> list[tuple[str, bool]]:
        found = bucket.list_object_versions()
        return [(each.versionid, each.is_latest) for each in (*found.delete_marker, *found.versions)]

    eventually(lambda: len(versions(target)) == 4)
    assert versions(target) == versions(source)
    assert target.get_object("a", params={"versionId": second}).read() == b"2"
    source.delete_object("a", params={"versionId": second})
    eventually(lambda: versions(target) == versions(source))


def test_what_a_zone_missed_comes_when_it_is_back(pair: tuple[oss2.Bucket, oss2.Bucket], moving: Owner) -> None:
    source, target = pair
    source.put_bucket_replication(_to(target))
    source.put_object("first", b"1")
    eventually(lambda: _keys(target) == ["first"])
    cloud = moving.cloud.cloud
    kept = cloud.store.get(Bucket, target.bucket_name)
    assert kept is not None
    moving.cloud.call(lambda: cloud.storage.set_mode(kept.zones[0], ZoneMode.STOPPED))
    source.put_object("second", b"2")
    source.delete_object("first")
    until = source.get_bucket_replication_progress("rule").progress.new_object_progress
    assert until
    moving.cloud.call(lambda: cloud.storage.set_mode(kept.zones[0], ZoneMode.SERVING))
    eventually(lambda: _keys(target) == ["second"])


def test_what_was_noted_outlives_the_cloud(tmp_path: Any) -> None:
    settings = Settings(engine="paper", port=0, home=tmp_path)
    with LocalCloud(settings) as cloud:
        owner = Owner(cloud)
        source, target = owner.bucket("source-bucket"), _far_bucket(owner, "target-bucket")
        source.put_bucket_replication(_to(target))
        eventually(lambda: source.get_bucket_replication().rule_list[0].status == "doing")
        kept = cloud.cloud.store.get(Bucket, "target-bucket")
        assert kept is not None
        cloud.call(lambda: cloud.cloud.storage.set_mode(kept.zones[0], ZoneMode.STOPPED))
        source.put_object("a", b"1")
    with LocalCloud(settings) as cloud:
        target = oss2.Bucket(Owner(cloud).auth(), Owner(cloud).url, "target-bucket", region=FAR)
        eventually(lambda: _keys(target) == ["a"])
