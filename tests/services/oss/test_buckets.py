"""Buckets: making, listing, looking, deleting; ACL and versioning state."""

from __future__ import annotations

import alibabacloud_oss_v2 as oss_v2
import oss2
import pytest

from tests.services.oss.parts import Owner, refused, refused_v2
from tests.services.parts import other_account


@pytest.mark.parametrize("signature", ["v1", "v2", "v4"])
def test_a_bucket_is_made_listed_and_deleted(owner: Owner, signature: str) -> None:
    bucket = owner.bucket(signature=signature)
    listed = {found.name: found for found in oss2.BucketIterator(owner.service(signature), prefix=bucket.bucket_name)}
    found = listed[bucket.bucket_name]
    # Only a V4 signature says which region is meant; to an address without one the cloud's own counts.
    location = "oss-cn-hongkong" if signature == "v4" else "oss-cn-hangzhou"
    assert (found.location, found.storage_class) == (location, "Standard")
    assert found.extranet_endpoint == f"{location}.aliyuncs.com"
    assert bucket.get_bucket_location().location == location
    bucket.delete_bucket()
    details = refused(lambda: bucket.get_bucket_location(), 404, "NoSuchBucket", "The specified bucket does not exist.")
    assert details["BucketName"] == bucket.bucket_name
    assert details["EC"] == "0015-00000101"


def test_making_a_bucket_again_keeps_it_and_its_objects(owner: Owner) -> None:
    bucket = owner.bucket()
    bucket.put_object("kept", b"1")
    bucket.create_bucket("public-read")
    assert bucket.get_bucket_acl().acl == "public-read"
    assert bucket.get_object("kept").read() == b"1"


def test_a_name_that_someone_else_has_is_refused(owner: Owner) -> None:
    bucket = owner.bucket()
    stranger = other_account(owner.cloud).config
    theirs = Owner(owner.cloud, stranger["access_key_id"], stranger["access_key_secret"])
    refused(lambda: theirs.bucket(bucket.bucket_name), 409, "BucketAlreadyExists", "is not available")
    assert bucket.bucket_name not in {found.name for found in oss2.BucketIterator(theirs.service())}


@pytest.mark.parametrize("name", ["ab", "-abc", "abc-", "Abc", "a" * 64, "a_b"])
def test_names_that_no_bucket_can_have(owner: Owner, name: str) -> None:
    client = owner.v2()
    request = oss_v2.PutBucketRequest(bucket="placeholder")
    client.put_bucket(request)
    bucket = oss2.Bucket(owner.auth(), owner.url, "placeholder", region="cn-hongkong")
    bucket.bucket_name = name
    refused(bucket.create_bucket, 400, "InvalidBucketName", "The specified bucket is not valid.")


def test_a_bucket_with_anything_in_it_stays(owner: Owner) -> None:
    bucket = owner.bucket()
    bucket.put_object("a", b"1")
    refused(bucket.delete_bucket, 409, "BucketNotEmpty", "The bucket you tried to delete is not empty.")
    bucket.put_bucket_versioning(oss2.models.BucketVersioningConfig("Enabled"))
    bucket.delete_object("a")
    refused(bucket.delete_bucket, 409, "BucketNotEmpty", "The bucket you tried to delete is not empty.")
    for version in bucket.list_object_versions().versions:
        bucket.delete_object("a", params={"versionId": version.versionid})
    for marker in bucket.list_object_versions().delete_marker:
        bucket.delete_object("a", params={"versionId": marker.versionid})
    bucket.delete_bucket()


def test_buckets_are_listed_in_pages(alone: Owner) -> None:
    names = [alone.bucket(f"page-{number}").bucket_name for number in range(5)]
    pages = oss2.BucketIterator(alone.service(), max_keys=2)
    assert [found.name for found in pages] == names
    assert [found.name for found in alone.service().list_buckets(marker="page-2", max_keys=1).buckets] == ["page-3"]
    refused(lambda: alone.service().list_buckets(max_keys=1001), 400, "InvalidArgument", "max-keys")


def test_redundancy_and_class_are_what_was_asked_for(owner: Owner) -> None:
    bucket = owner.bucket(storage_class="IA", data_redundancy_type="ZRS")
    refused(
        lambda: owner.bucket(bucket.bucket_name, storage_class="Standard", data_redundancy_type="LRS"),
        409,
        "BucketAlreadyExists",
        "The requested bucket name is not available. The bucket namespace is",
    )
    refused_v2(
        lambda: owner.v2().put_bucket(
            oss_v2.PutBucketRequest(
                bucket="odd-class",
                create_bucket_configuration=oss_v2.CreateBucketConfiguration(storage_class="Gold"),
            )
        ),
        400,
        "MalformedXML",
        "The XML you provided was not well-formed or did not validate against",
    )


def test_an_acl_that_there_is_not(owner: Owner) -> None:
    bucket = owner.bucket()
    refused(lambda: bucket.put_bucket_acl("everyone"), 400, "InvalidArgument", "no such bucket access control exists")
    assert bucket.get_bucket_acl().acl == "private"


def test_versioning_is_unset_then_enabled_then_suspended(owner: Owner) -> None:
    bucket = owner.bucket()
    assert bucket.get_bucket_versioning().status is None
    for status in ("Enabled", "Suspended"):
        bucket.put_bucket_versioning(oss2.models.BucketVersioningConfig(status))
        assert bucket.get_bucket_versioning().status == status
    refused(lambda: bucket.put_bucket_versioning(oss2.models.BucketVersioningConfig("Off")), 400, "MalformedXML", "XML")
