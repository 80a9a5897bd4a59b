"""Copies of objects: what is copied, what is said anew, and what is refused."""

from __future__ import annotations

import hashlib
import threading
from typing import Any

import alibabacloud_oss_v2 as oss_v2
import oss2
import pytest
from oss2.models import BucketVersioningConfig, PartInfo

from tests.services.oss.parts import Owner, refused, refused_v2
from tests.services.parts import other_account

SIZES = [0, 10, 200_000, 3_000_000]


@pytest.mark.parametrize("signature", ["v1", "v4"])
@pytest.mark.parametrize("redundancy", ["LRS", "ZRS"])
def test_objects_are_copied_whole(owner: Owner, signature: str, redundancy: str) -> None:
    source = owner.bucket(signature=signature)
    target = owner.bucket(signature=signature, storage_class="Standard", data_redundancy_type=redundancy)
    for size_bytes in SIZES:
        body = bytes(range(250)) * (size_bytes // 250) + b"x" * (size_bytes % 250)
        key = f"from/{size_bytes} +é%"
        source.put_object(key, body)
        done = target.copy_object(source.bucket_name, key, f"to/{size_bytes}")
        assert done.etag == hashlib.md5(body).hexdigest().upper()
        source.delete_object(key)
        found = target.get_object(f"to/{size_bytes}")
        assert found.read() == body
        assert found.headers["x-oss-object-type"] == "Normal"


def test_an_object_in_parts_and_one_that_grew(owner: Owner) -> None:
    bucket = owner.bucket()
    upload_id = bucket.init_multipart_upload("parts").upload_id
    parts = []
    for number in range(1, 4):
        done = bucket.upload_part("parts", upload_id, number, bytes([number]) * 110_000)
        parts.append(PartInfo(number, done.etag))
    etag = bucket.complete_multipart_upload("parts", upload_id, parts).etag
    bucket.copy_object(bucket.bucket_name, "parts", "copy")
    assert bucket.get_object("copy").read() == bucket.get_object("parts").read()
    assert bucket.head_object("copy").etag == etag
    bucket.append_object("grown", 0, b"abc")
    bucket.append_object("grown", 3, b"d" * 300_000)
    bucket.copy_object(bucket.bucket_name, "grown", "frozen")
    assert bucket.head_object("frozen").object_type == "Normal"
    assert bucket.get_object("frozen").read() == b"abc" + b"d" * 300_000
    refused(
        lambda: bucket.append_object("frozen", 300_003, b"x"),
        409,
        "ObjectNotAppendable",
        "The object is not appendable",
    )


def test_what_is_said_about_the_copy(owner: Owner) -> None:
    bucket = owner.bucket()
    own = {
        "Content-Type": "text/a",
        "x-oss-meta-a": "1",
        "Cache-Control": "no-cache",
        "x-oss-tagging": "k=v",
        "x-oss-object-acl": "public-read",
    }
    bucket.put_object("s", b"1", headers=own)
    new = {"Content-Type": "text/b", "x-oss-meta-b": "2", "x-oss-tagging": "n=w"}
    bucket.copy_object(bucket.bucket_name, "s", "kept", headers=new)
    head = bucket.head_object("kept").headers
    assert (head["Content-Type"], head["x-oss-meta-a"], head["Cache-Control"]) == ("text/a", "1", "no-cache")
    assert "x-oss-meta-b" not in head
    assert bucket.get_object_tagging("kept").tag_set.tagging_rule == {"k": "v"}
    # An ACL is never copied.
    assert bucket.get_object_acl("kept").acl == "default"
    replace = {"x-oss-metadata-directive": "REPLACE", "x-oss-tagging-directive": "Replace", **new}
    bucket.copy_object(bucket.bucket_name, "s", "anew", headers={**replace, "x-oss-storage-class": "IA"})
    head = bucket.head_object("anew").headers
    assert (head["Content-Type"], head["x-oss-meta-b"], head["x-oss-storage-class"]) == ("text/b", "2", "IA")
    assert "x-oss-meta-a" not in head
    assert "Cache-Control" not in head
    assert bucket.get_object_tagging("anew").tag_set.tagging_rule == {"n": "w"}
    details = refused(
        lambda: bucket.copy_object(bucket.bucket_name, "s", "x", headers={"x-oss-metadata-directive": "MOVE"}),
        400,
        "InvalidArgument",
        "must be COPY or REPLACE",
    )
    assert details["ArgumentName"] == "x-oss-metadata-directive"


@pytest.mark.parametrize("versioning", ["", "Enabled", "Suspended"])
@pytest.mark.parametrize("size_bytes", [5, 300_000])
def test_an_object_copied_onto_itself_is_described_anew(owner: Owner, versioning: str, size_bytes: int) -> None:
    bucket = owner.bucket()
    body = b"x" * size_bytes
    bucket.put_object("s", body, headers={"x-oss-meta-a": "1"})
    if versioning:
        bucket.put_bucket_versioning(BucketVersioningConfig(versioning))
    for turn in ("2", "3"):
        bucket.update_object_meta("s", {"x-oss-meta-b": turn})
        found = bucket.get_object("s")
        assert found.read() == body
        assert found.headers["x-oss-meta-b"] == turn
        assert "x-oss-meta-a" not in found.headers
    versions = bucket.list_object_versions().versions
    assert len(versions) == (3 if versioning == "Enabled" else 1)
    for version in versions:
        assert bucket.get_object("s", params={"versionId": version.versionid}).read() == body
        bucket.delete_object("s", params={"versionId": version.versionid})
    assert bucket.list_object_versions().versions == []


def test_a_version_is_copied_by_its_id(owner: Owner) -> None:
    bucket = owner.bucket()
    bucket.put_bucket_versioning(BucketVersioningConfig("Enabled"))
    old = bucket.put_object("s", b"old").versionid
    bucket.put_object("s", b"new")
    done = bucket.copy_object(bucket.bucket_name, "s", "t", params={"versionId": old})
    assert bucket.get_object("t").read() == b"old"
    assert done.versionid == bucket.head_object("t").versionid
    marker = bucket.delete_object("s").versionid
    refused(lambda: bucket.copy_object(bucket.bucket_name, "s", "t"), 404, "NoSuchKey", "does not exist")
    refused(
        lambda: bucket.copy_object(bucket.bucket_name, "s", "t", params={"versionId": marker}),
        405,
        "MethodNotAllowed",
        "The specified method is not allowed against this resource.",
    )
    refused(
        lambda: bucket.copy_object(bucket.bucket_name, "s", "t", params={"versionId": "none"}),
        404,
        "NoSuchVersion",
        "The specified version does not exist.",
    )
    client = owner.v2()
    copied = client.copy_object(
        oss_v2.CopyObjectRequest(
            bucket=bucket.bucket_name, key="u", source_key="s", source_version_id=old, metadata_directive="COPY"
        )
    )
    assert copied.source_version_id == old


def test_conditions_on_the_source(owner: Owner) -> None:
    bucket = owner.bucket()
    etag = bucket.put_object("s", b"1").etag
    modified = bucket.head_object("s").headers["Last-Modified"]
    past = "Wed, 01 Jan 2020 00:00:00 GMT"

    def copy(**conditions: str) -> Any:
        headers = {f"x-oss-copy-source-{name.replace('_', '-')}": value for name, value in conditions.items()}
        return bucket.copy_object(bucket.bucket_name, "s", "t", headers=headers)

    for good in (
        {"if_match": etag},
        {"if_none_match": "other"},
        {"if_modified_since": past},
        {"if_unmodified_since": modified},
    ):
        assert copy(**good).status == 200
    refused(lambda: copy(if_match="other"), 412, "PreconditionFailed", "pre-conditions you specified did not hold")
    refused(lambda: copy(if_unmodified_since=past), 412, "PreconditionFailed", "At least one of the pre-conditions")
    for same in ({"if_none_match": etag}, {"if_modified_since": modified}):
        with pytest.raises(oss2.exceptions.NotModified):
            copy(**same)


def test_sources_that_cannot_be_copied(owner: Owner) -> None:
    bucket = owner.bucket()
    bucket.put_object("frozen", b"1", headers={"x-oss-storage-class": "ColdArchive"})
    refused(lambda: bucket.copy_object(bucket.bucket_name, "frozen", "t"), 403, "InvalidObjectState", "object's state")
    refused(lambda: bucket.copy_object("no-such-bucket-at-all", "a", "t"), 404, "NoSuchBucket", "does not exist")
    refused(
        lambda: bucket.put_object("t", b"", headers={"x-oss-copy-source": "nothing"}),
        400,
        "InvalidArgument",
        "not of the form /bucket/object",
    )
    far = oss2.Bucket(owner.auth(), owner.url, f"{bucket.bucket_name}-far", region="cn-hangzhou")
    far.create_bucket()
    far.put_object("s", b"1")
    refused(
        lambda: bucket.copy_object(far.bucket_name, "s", "t"),
        403,
        "AccessDenied",
        "Target object does not reside in the same data center as source object.",
    )


def test_only_what_may_be_read_is_copied(owner: Owner) -> None:
    mine = owner.bucket()
    mine.put_object("secret", b"1")
    mine.put_object("public", b"2", headers={"x-oss-object-acl": "public-read"})
    stranger = other_account(owner.cloud).config
    theirs = Owner(owner.cloud, stranger["access_key_id"], stranger["access_key_secret"])
    bucket = theirs.bucket(f"{mine.bucket_name}-theirs")
    refused(
        lambda: bucket.copy_object(mine.bucket_name, "secret", "t"),
        403,
        "AccessDenied",
        "You have no right to access this object because of bucket acl.",
    )
    bucket.copy_object(mine.bucket_name, "public", "t")
    assert bucket.get_object("t").read() == b"2"
    refused(
        lambda: theirs.bucket(mine.bucket_name, create=False).copy_object(bucket.bucket_name, "t", "u"),
        403,
        "AccessDenied",
        "You have no right to access this object because of bucket acl.",
    )


def test_nothing_is_replaced_that_must_not_be(owner: Owner) -> None:
    bucket = owner.bucket()
    bucket.put_object("s", b"1")
    bucket.put_object("t", b"2")
    request = oss_v2.CopyObjectRequest(
        bucket=bucket.bucket_name, key="t", source_bucket=bucket.bucket_name, source_key="s", forbid_overwrite=True
    )
    refused_v2(lambda: owner.v2().copy_object(request), 409, "FileAlreadyExists", "already exists")
    assert bucket.get_object("t").read() == b"2"


def test_copies_while_the_source_changes(owner: Owner) -> None:
    """A copy is one of the values that were there, whole, or it is refused because nothing was."""
    bucket = owner.bucket()
    values = [letter * 200_000 for letter in (b"a", b"b")]
    bucket.put_object("s", values[0])
    stop = threading.Event()

    def change() -> None:
        other = owner.bucket(bucket.bucket_name, create=False)
        while not stop.is_set():
            for value in values:
                other.put_object("s", value)
            other.delete_object("s")

    changing = threading.Thread(target=change)
    changing.start()
    try:
        outcomes = set()
        for _ in range(60):
            try:
                bucket.copy_object(bucket.bucket_name, "s", "t")
                content = bucket.get_object("t").read()
                assert content in values
                outcomes.add(content[:1])
            except oss2.exceptions.NoSuchKey:
                outcomes.add(b"")
    finally:
        stop.set()
        changing.join()
    assert outcomes & {b"a", b"b"}
