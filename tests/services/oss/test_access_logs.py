"""Access logs: configured, gathered, delivered once an hour on the cloud's clock."""

from __future__ import annotations

import shlex
from typing import Any

import alibabacloud_oss_v2 as oss_v2
import oss2
from oss2.models import BucketLogging

from kowloon.core.config import Settings
from kowloon.engines.blob.base import ZoneMode
from kowloon.services.oss.resources import Bucket
from kowloon.testing.cloud import LocalCloud
from tests.helpers import eventually
from tests.services.oss.parts import Owner, refused, refused_v2
from tests.services.parts import other_account

_HOUR_S = 3600.0


def _skip(owner: Owner, hours: float) -> None:
    owner.cloud.run(owner.cloud.cloud.clock.skip(hours * _HOUR_S))


def _keys(bucket: oss2.Bucket) -> list[str]:
    return [found.key for found in oss2.ObjectIterator(bucket)]


def _lines(bucket: oss2.Bucket) -> list[list[str]]:
    """The fields of every line; the time takes two."""
    text = "".join(bucket.get_object(key).read().decode() for key in _keys(bucket))
    return [shlex.split(line) for line in text.splitlines()]


def test_it_is_put_seen_and_taken_back(moving: Owner) -> None:
    bucket, target = moving.bucket(), moving.bucket()
    assert not bucket.get_bucket_logging().target_bucket
    bucket.put_bucket_logging(BucketLogging(target.bucket_name, "logs-"))
    found = bucket.get_bucket_logging()
    assert (found.target_bucket, found.target_prefix) == (target.bucket_name, "logs-")
    bucket.put_bucket_logging(BucketLogging("", ""))
    assert not bucket.get_bucket_logging().target_bucket
    bucket.put_bucket_logging(BucketLogging(bucket.bucket_name, ""))
    bucket.delete_bucket_logging()
    assert not bucket.get_bucket_logging().target_bucket
    refused(
        lambda: bucket.put_bucket_logging(BucketLogging("nobody-has-this", "")),
        400,
        "InvalidTargetBucketForLogging",
        "target bucket",
    )
    refused(
        lambda: bucket.put_bucket_logging(BucketLogging(target.bucket_name, "x" * 33)),
        400,
        "InvalidArgument",
        "The value of TargetPrefix is not valid.",
    )
    stranger = other_account(moving.cloud).config
    theirs = Owner(moving.cloud, stranger["access_key_id"], stranger["access_key_secret"])
    refused(
        lambda: theirs.bucket().put_bucket_logging(BucketLogging(target.bucket_name, "")),
        400,
        "InvalidTargetBucketForLogging",
        "The target bucket for logging does not exist, is in another region, or",
    )
    foreign = theirs.bucket(bucket.bucket_name, create=False)
    refused(foreign.get_bucket_logging, 403, "AccessDenied", "The bucket you access does not belong to you.")


def test_own_fields(moving: Owner) -> None:
    name, client = moving.bucket().bucket_name, moving.v2()
    refused_v2(
        lambda: client.get_user_defined_log_fields_config(oss_v2.GetUserDefinedLogFieldsConfigRequest(bucket=name)),
        404,
        "NoSuchUserDefinedLogFieldsConfig",
        "The bucket does not have a configuration of user-defined log fields.",
    )

    def put(headers: list[str]) -> None:
        fields = oss_v2.UserDefinedLogFieldsConfiguration(
            header_set=oss_v2.LoggingHeaderSet(headers=headers), param_set=oss_v2.LoggingParamSet(parameters=["p"])
        )
        client.put_user_defined_log_fields_config(
            oss_v2.PutUserDefinedLogFieldsConfigRequest(bucket=name, user_defined_log_fields_configuration=fields)
        )

    refused_v2(lambda: put([f"h{number}" for number in range(6)]), 400, "MalformedXML", "The XML you provided was not")
    put(["X-Own"])
    answer: Any = client.get_user_defined_log_fields_config(
        oss_v2.GetUserDefinedLogFieldsConfigRequest(bucket=name)
    ).user_defined_log_fields_configuration
    assert (answer.header_set.headers, answer.param_set.parameters) == (["x-own"], ["p"])
    client.delete_user_defined_log_fields_config(oss_v2.DeleteUserDefinedLogFieldsConfigRequest(bucket=name))
    refused_v2(
        lambda: client.get_user_defined_log_fields_config(oss_v2.GetUserDefinedLogFieldsConfigRequest(bucket=name)),
        404,
        "NoSuchUserDefinedLogFieldsConfig",
        "The bucket does not have a configuration of user-defined log fields.",
    )


def test_every_call_is_a_line_of_the_hour(moving: Owner) -> None:
    bucket, target = moving.bucket(), moving.bucket()
    bucket.put_object("unseen", b"1")
    bucket.put_bucket_logging(BucketLogging(target.bucket_name, "logs-"))
    bucket.put_object("a b", b"12345", headers={"Referer": "http://who/"})
    refused(lambda: bucket.get_object("none"), 404, "NoSuchKey", "The specified key does not exist.")
    _skip(moving, 1)
    eventually(lambda: bool(_keys(target)))
    (key,) = _keys(target)
    assert key.startswith(f"logs-{bucket.bucket_name}20")
    assert key.endswith("-00-00-0001")
    put, got = [line for line in _lines(target) if line[15] in ("PutObject", "GetObject")]
    assert put[:3] == ["127.0.0.1", "-", "-"]
    assert put[5].startswith(f"PUT /{bucket.bucket_name}/a%20b")
    assert (put[6], put[9]) == ("200", "http://who/")
    assert (put[13], put[16], put[17], put[18], put[20]) == ("true", bucket.bucket_name, "a%20b", "5", "-")
    assert (put[22], put[25]) == (moving.cloud.account_id, "Standard")
    assert (got[6], got[17], got[20]) == ("404", "none", "NoSuchKey")
    assert len(put) == 29


def test_logs_wait_for_a_zone_that_is_out(moving: Owner) -> None:
    bucket, target = moving.bucket(), moving.bucket()
    bucket.put_bucket_logging(BucketLogging(target.bucket_name, ""))
    bucket.put_object("a", b"1")
    cloud = moving.cloud.cloud
    kept = cloud.store.get(Bucket, target.bucket_name)
    assert kept is not None
    moving.cloud.call(lambda: cloud.storage.set_mode(kept.zones[0], ZoneMode.READ_ONLY))
    _skip(moving, 1)
    assert not _keys(target)
    moving.cloud.call(lambda: cloud.storage.set_mode(kept.zones[0], ZoneMode.SERVING))
    eventually(lambda: bool(_keys(target)))
    assert "PutObject" in [line[15] for line in _lines(target)]


def test_what_was_gathered_is_delivered_at_the_end(tmp_path: Any) -> None:
    settings = Settings(engine="paper", port=0, home=tmp_path)
    with LocalCloud(settings) as cloud:
        owner = Owner(cloud)
        bucket, target = owner.bucket("log-source"), owner.bucket("log-target")
        bucket.put_bucket_logging(BucketLogging(target.bucket_name, ""))
        bucket.put_object("a", b"1")
    with LocalCloud(settings) as cloud:
        target = Owner(cloud).bucket("log-target", create=False)
        assert [line[15] for line in _lines(target)] == ["PutBucketLogging", "PutObject"]
