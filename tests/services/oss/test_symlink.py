"""Symlinks: what they lead to is looked at when they are read."""

from __future__ import annotations

import alibabacloud_oss_v2 as oss_v2
import httpx
import pytest
from oss2.models import BucketVersioningConfig

from tests.services.oss.parts import Owner, refused


@pytest.mark.parametrize("signature", ["v1", "v4"])
def test_a_link_shows_its_target(owner: Owner, signature: str) -> None:
    bucket = owner.bucket(signature=signature)
    target = "dir/target é+ %"
    bucket.put_symlink(target, "link", headers={"x-oss-meta-own": "link", "Content-Type": "text/link"})
    assert bucket.get_symlink("link").target_key == target
    refused(
        lambda: bucket.get_object("link"), 404, "SymlinkTargetNotExist", "The symlink target object does not exist."
    )
    etag = bucket.put_object(target, b"0123456789", headers={"x-oss-meta-own": "target"}).etag
    found = bucket.get_object("link", byte_range=(2, 4))
    assert found.read() == b"234"
    # Content and checksums are the target's; everything else is the link's own.
    for headers in (found.headers, bucket.head_object("link").headers):
        assert headers["x-oss-object-type"] == "Symlink"
        assert headers["ETag"] == f'"{etag}"'
        assert headers["x-oss-meta-own"] == "link"
        assert headers["Content-Type"] == "text/link"
        assert headers["x-oss-hash-crc64ecma"] == bucket.head_object(target).headers["x-oss-hash-crc64ecma"]
    assert bucket.head_object("link").content_length == 10
    # The client checks the checksum of what it gets.
    assert bucket.get_object("link").read() == b"0123456789"
    assert bucket.get_object_meta("link").content_length == 0
    assert [(each.key, each.type) for each in bucket.list_objects().object_list] == [
        (target, "Normal"),
        ("link", "Symlink"),
    ]


def test_links_lead_to_no_links(owner: Owner) -> None:
    bucket = owner.bucket()
    bucket.put_object("o", b"1")
    bucket.put_symlink("o", "one")
    bucket.put_symlink("one", "two")
    refused(lambda: bucket.get_object("two"), 400, "InvalidTargetType", "target object type is invalid")
    bucket.put_symlink("self", "self")
    refused(lambda: bucket.get_object("self"), 400, "InvalidTargetType", "The symbolic's target object type is")
    bucket.copy_object(bucket.bucket_name, "one", "copied")
    assert bucket.get_symlink("copied").target_key == "o"


def test_what_is_no_link(owner: Owner) -> None:
    bucket = owner.bucket()
    bucket.put_object("o", b"1")
    refused(lambda: bucket.get_symlink("o"), 400, "NotSymlink", "not a symlink")
    refused(lambda: bucket.get_symlink("none"), 404, "NoSuchKey", "does not exist")
    for target in ("", "/a", "x" * 1024):
        details = refused(
            lambda target=target: bucket.put_symlink(target, "l"), 400, "InvalidArgument", "not the name of an object"
        )
        assert details["ArgumentName"] == "x-oss-symlink-target"
    refused(
        lambda: bucket.put_symlink("o", "o", headers={"x-oss-forbid-overwrite": "true"}),
        409,
        "FileAlreadyExists",
        "The object you specified already exists and can not be overwritten.",
    )


def test_links_have_versions(owner: Owner) -> None:
    bucket, client = owner.bucket(), owner.v2()
    bucket.put_bucket_versioning(BucketVersioningConfig("Enabled"))
    bucket.put_object("a", b"A")
    bucket.put_object("b", b"B")
    first = bucket.put_symlink("a", "l").versionid
    bucket.put_symlink("b", "l")
    assert bucket.get_object("l").read() == b"B"
    assert bucket.get_object("l", params={"versionId": first}).read() == b"A"
    found = client.get_symlink(oss_v2.GetSymlinkRequest(bucket=bucket.bucket_name, key="l", version_id=first))
    assert (found.target, found.version_id) == ("a", first)
    bucket.delete_object("a")
    refused(
        lambda: bucket.get_object("l", params={"versionId": first}),
        404,
        "SymlinkTargetNotExist",
        "The symlink target object does not exist.",
    )
    bucket.delete_object("l")
    details = refused(lambda: bucket.get_symlink("l"), 404, "NoSuchKey", "The specified key does not exist.")
    assert details["Key"] == "l"


def test_a_public_link_opens_no_private_target(owner: Owner) -> None:
    bucket = owner.bucket()
    bucket.put_object("secret", b"1")
    bucket.put_symlink("secret", "door", headers={"x-oss-object-acl": "public-read"})
    url = f"{owner.url}/{bucket.bucket_name}"
    assert httpx.get(f"{url}/door").status_code == 403
    bucket.put_object_acl("secret", "public-read")
    assert httpx.get(f"{url}/door").content == b"1"
