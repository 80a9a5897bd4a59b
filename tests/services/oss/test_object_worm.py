"""Retention of single objects as a bucket's default."""

from __future__ import annotations

import alibabacloud_oss_v2 as oss_v2
import oss2
from oss2.models import BucketVersioningConfig, PartInfo

from tests.services.oss.parts import Owner, refused, refused_v2

_DAY_S = 86400.0


def _put(owner: Owner, name: str, **default: object) -> None:
    rule = oss_v2.ObjectWormConfigurationRule(
        default_retention=oss_v2.ObjectWormConfigurationRuleDefaultRetention(**default)
    )
    configuration = oss_v2.ObjectWormConfiguration(object_worm_enabled="Enabled", rule=rule if default else None)
    owner.v2().put_bucket_object_worm_configuration(
        oss_v2.PutBucketObjectWormConfigurationRequest(bucket=name, object_worm_configuration=configuration)
    )


def _versioned(owner: Owner) -> oss2.Bucket:
    bucket = owner.bucket()
    bucket.put_bucket_versioning(BucketVersioningConfig("Enabled"))
    return bucket


def test_it_is_put_and_seen(moving: Owner) -> None:
    bucket, client = _versioned(moving), moving.v2()
    name = bucket.bucket_name

    def got() -> oss_v2.ObjectWormConfiguration:
        answer = client.get_bucket_object_worm_configuration(
            oss_v2.GetBucketObjectWormConfigurationRequest(bucket=name)
        )
        assert answer.object_worm_configuration is not None
        return answer.object_worm_configuration

    refused_v2(got, 404, "NoSuchObjectWormConfiguration", "does not exist")
    _put(moving, name, mode="GOVERNANCE", days=2)
    found = got()
    assert (found.object_worm_enabled, found.rule.default_retention.days) == ("Enabled", 2)
    _put(moving, name, mode="COMPLIANCE", years=1)
    assert got().rule.default_retention.years == 1
    for default in ({"mode": "SOFT", "days": 1}, {"mode": "GOVERNANCE", "days": 36501}):
        refused_v2(
            lambda default=default: _put(moving, name, **default),
            400,
            "MalformedXML",
            "The XML you provided was not well-formed or did not validate against",
        )  # type: ignore[misc]
    refused(
        lambda: bucket.put_bucket_versioning(BucketVersioningConfig("Suspended")),
        409,
        "InvalidBucketState",
        "suspended",
    )
    refused(lambda: bucket.append_object("a", 0, b"1"), 400, "OperationNotSupported", "The operation is not supported")


def test_it_needs_versioning_and_no_policy_of_the_bucket(moving: Owner) -> None:
    bucket = moving.bucket()
    refused_v2(lambda: _put(moving, bucket.bucket_name), 409, "InvalidBucketState", "Versioning must be enabled")
    bucket.init_bucket_worm(1)
    refused(
        lambda: bucket.put_bucket_versioning(BucketVersioningConfig("Enabled")),
        400,
        "InvalidArgument",
        "A retention policy and versioning cannot be used on the same bucket.",
    )


def test_new_versions_stay_for_their_time(moving: Owner) -> None:
    bucket = _versioned(moving)
    before = bucket.put_object("before", b"1").versionid
    _put(moving, bucket.bucket_name, mode="COMPLIANCE", days=2)
    kept = {"put": bucket.put_object("put", b"1").versionid}
    kept["copied"] = bucket.copy_object(bucket.bucket_name, "before", "copied").versionid
    upload_id = bucket.init_multipart_upload("parts").upload_id
    part = bucket.upload_part("parts", upload_id, 1, b"1")
    kept["parts"] = bucket.complete_multipart_upload("parts", upload_id, [PartInfo(1, part.etag)]).versionid
    bucket.delete_object("before", params={"versionId": before})
    for key, version_id in kept.items():
        refused(
            lambda key=key, version_id=version_id: bucket.delete_object(key, params={"versionId": version_id}),  # type: ignore[misc]
            409,
            "FileImmutable",
            "The object you specified is immutable.",
        )
    bucket.delete_object("put")
    moving.cloud.run(moving.cloud.cloud.clock.skip(2.1 * _DAY_S))
    for key, version_id in kept.items():
        bucket.delete_object(key, params={"versionId": version_id})
