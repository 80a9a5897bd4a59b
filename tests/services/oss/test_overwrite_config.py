"""Rules that forbid to overwrite, and direct reading of archived objects."""

from __future__ import annotations

import alibabacloud_oss_v2 as oss_v2
import oss2
from oss2.models import BucketVersioningConfig

from tests.services.oss.parts import Owner, refused, refused_v2
from tests.services.parts import other_account


def _put(owner: Owner, name: str, *rules: oss_v2.OverwriteRule) -> None:
    owner.v2().put_bucket_overwrite_config(
        oss_v2.PutBucketOverwriteConfigRequest(
            bucket=name, overwrite_configuration=oss_v2.OverwriteConfiguration(rules=list(rules))
        )
    )


def test_rules_come_back_and_go(moving: Owner) -> None:
    name, client = moving.bucket().bucket_name, moving.v2()

    def got() -> oss_v2.OverwriteConfiguration:
        answer = client.get_bucket_overwrite_config(oss_v2.GetBucketOverwriteConfigRequest(bucket=name))
        assert answer.overwrite_configuration is not None
        return answer.overwrite_configuration

    refused_v2(got, 404, "NoSuchBucketOverwriteConfig", "does not have an overwrite configuration")
    named = oss_v2.OverwritePrincipals(principals=["123"])
    _put(
        moving,
        name,
        oss_v2.OverwriteRule(id="one", action="forbid", prefix="a/", suffix=".txt", principals=named),
        oss_v2.OverwriteRule(action="forbid", prefix="b/"),
    )
    first, second = got().rules
    assert (first.id, first.prefix, first.suffix, first.principals.principals) == ("one", "a/", ".txt", ["123"])
    assert second.id
    refused_v2(lambda: _put(moving, name), 400, "MalformedXML", "The XML you provided was not well-formed or did not")
    refused_v2(
        lambda: _put(moving, name, oss_v2.OverwriteRule(action="allow")),
        400,
        "MalformedXML",
        "The XML you provided was not well-formed or did not validate against",
    )
    twice = [oss_v2.OverwriteRule(id="x", action="forbid") for _ in range(2)]
    refused_v2(lambda: _put(moving, name, *twice), 400, "InvalidArgument", "unique")
    long = oss_v2.OverwriteRule(action="forbid", suffix="x" * 1024)
    refused_v2(lambda: _put(moving, name, long), 400, "InvalidArgument", "Suffix")
    client.delete_bucket_overwrite_config(oss_v2.DeleteBucketOverwriteConfigRequest(bucket=name))
    refused_v2(got, 404, "NoSuchBucketOverwriteConfig", "The bucket does not have an overwrite configuration.")


def test_what_they_forbid(moving: Owner) -> None:
    bucket = moving.bucket()
    for key in ("a/1.txt", "a/1.bin", "named"):
        bucket.put_object(key, b"1")
    nobody = oss_v2.OverwritePrincipals(principals=["000*"])
    _put(
        moving,
        bucket.bucket_name,
        oss_v2.OverwriteRule(action="forbid", prefix="a/", suffix=".txt"),
        oss_v2.OverwriteRule(action="forbid", prefix="named", principals=nobody),
    )
    details = refused(lambda: bucket.put_object("a/1.txt", b"2"), 409, "FileAlreadyExists", "can not be overwritten")
    assert details["Key"] == "a/1.txt"
    refused(
        lambda: bucket.copy_object(bucket.bucket_name, "named", "a/1.txt"),
        409,
        "FileAlreadyExists",
        "The object you specified already exists and can not be overwritten.",
    )
    upload_id = bucket.init_multipart_upload("a/2.txt").upload_id
    part = bucket.upload_part("a/2.txt", upload_id, 1, b"1")
    bucket.put_object("a/2.txt", b"first")
    refused(
        lambda: bucket.complete_multipart_upload("a/2.txt", upload_id, [oss2.models.PartInfo(1, part.etag)]),
        409,
        "FileAlreadyExists",
        "The object you specified already exists and can not be overwritten.",
    )
    bucket.put_object("a/1.bin", b"2")
    bucket.put_object("named", b"2")
    bucket.delete_object("a/1.txt")
    bucket.put_object("a/1.txt", b"3")
    bucket.put_bucket_versioning(BucketVersioningConfig("Enabled"))
    bucket.put_object("a/1.txt", b"4")


def test_archived_objects_are_read_directly_where_it_is_on(moving: Owner) -> None:
    bucket = moving.bucket()
    for storage_class in ("Archive", "ColdArchive"):
        bucket.put_object(storage_class, b"bytes", headers={"x-oss-storage-class": storage_class})
    assert bucket.get_bucket_archive_direct_read().enabled is False
    refused(lambda: bucket.get_object("Archive"), 403, "InvalidObjectState", "The operation is not valid for the")
    bucket.put_bucket_archive_direct_read(True)
    assert bucket.get_bucket_archive_direct_read().enabled is True
    assert bucket.get_object("Archive").read() == b"bytes"
    refused(lambda: bucket.get_object("ColdArchive"), 403, "InvalidObjectState", "The operation is not valid for the")
    bucket.put_bucket_archive_direct_read(False)
    refused(lambda: bucket.get_object("Archive"), 403, "InvalidObjectState", "The operation is not valid for the")
    refused(lambda: bucket.put_bucket_archive_direct_read("maybe"), 400, "MalformedXML", "The XML you provided was")
    stranger = other_account(moving.cloud).config
    theirs = Owner(moving.cloud, stranger["access_key_id"], stranger["access_key_secret"])
    foreign = theirs.bucket(bucket.bucket_name, create=False)
    refused(lambda: foreign.put_bucket_archive_direct_read(True), 403, "AccessDenied", "The bucket you access does")
