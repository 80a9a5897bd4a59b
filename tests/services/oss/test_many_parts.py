"""Objects of so many parts that they are assembled: what clients see of them, and that nothing is left of them."""

from __future__ import annotations

import hashlib
import io
import socket
from typing import Any

import alibabacloud_oss_v2 as oss_v2
import oss2
import pytest
from oss2.models import BucketVersioningConfig, PartInfo, ReplicationRule

from kowloon.engines.blob.base import Change
from kowloon.engines.blob.volume import CopiedVolume
from kowloon.services.oss.content import content_of
from kowloon.services.oss.objects.completing import BLOCK
from kowloon.services.oss.runs.leftover_runs import AT_ONCE
from tests.helpers import eventually
from tests.services.oss.many_parts import (
    ALL,
    LEAST,
    MANY,
    assembled,
    begun,
    body_of,
    part_put,
    parts_left,
    until_left,
    volume_of,
)
from tests.services.oss.parts import Owner, refused

# The object -----------------------------------------------------------------------------------------------------------


def test_it_is_an_object_as_any_other(owner: Owner) -> None:
    bucket = owner.bucket()
    numbers = [*range(1, MANY), 9_999]
    whole = assembled(owner, bucket, "k", numbers)
    found = bucket.get_object("k")
    assert found.read() == whole
    digests = b"".join(hashlib.md5(body_of(number)).digest() for number in numbers)
    assert found.headers["ETag"] == f'"{hashlib.md5(digests).hexdigest().upper()}-{MANY}"'
    assert found.headers["x-oss-object-type"] == "Multipart"
    assert int(found.headers["x-oss-hash-crc64ecma"]) == content_of(whole).crc64
    assert bucket.head_object("k").content_length == len(whole)
    size = len(body_of(1))
    ranges = [(0, 0), (size - 1, size), (size, size * 3), (5, 70_000), (len(whole) - 1, len(whole) - 1)]
    for first, last in ranges:
        assert bucket.get_object("k", byte_range=(first, last)).read() == whole[first : last + 1]
    bucket.put_symlink("k", "link")
    assert bucket.get_object("link").read() == whole
    bucket.put_object_tagging("k", oss2.models.Tagging(_tags(a="1")))
    assert bucket.get_object("k").read() == whole
    stat = bucket.get_bucket_stat()
    assert (stat.object_count, stat.storage_size_in_bytes, stat.multi_part_upload_count) == (2, len(whole), 0)
    assert stat.multipart_part_count == 0
    bucket.delete_object("k")
    until_left(owner, bucket, 0)
    refused(lambda: bucket.get_object("k"), 404, "NoSuchKey", "The specified key does not exist.")


def _tags(**tags: str) -> Any:
    rule = oss2.models.TaggingRule()
    for key, value in tags.items():
        rule.add(key, value)
    return rule


def test_parts_that_are_not_listed_go(owner: Owner) -> None:
    bucket = owner.bucket()
    upload_id = begun(owner, bucket, "k", range(1, 3 * AT_ONCE + 1), real=False)
    chosen = range(2, 3 * AT_ONCE, 10)
    parts = [PartInfo(number, content_of(b"%d" % number).etag) for number in chosen]
    bucket.complete_multipart_upload("k", upload_id, parts)
    until_left(owner, bucket, len(chosen))
    bucket.delete_object("k")
    until_left(owner, bucket, 0)


def test_an_overwritten_one_leaves_nothing(owner: Owner) -> None:
    bucket = owner.bucket()
    assembled(owner, bucket, "k")
    whole = assembled(owner, bucket, "k", range(101, 101 + MANY))
    until_left(owner, bucket, MANY)
    assert bucket.get_object("k").read() == whole
    bucket.put_object("k", b"small")
    until_left(owner, bucket, 0)
    assert bucket.get_object("k").read() == b"small"


def test_each_version_has_its_own_parts(owner: Owner) -> None:
    bucket = owner.bucket()
    bucket.put_bucket_versioning(BucketVersioningConfig("Enabled"))
    bodies = {}
    for first in (1, 101, 201):
        body = assembled(owner, bucket, "k", range(first, first + MANY))
        bodies[bucket.head_object("k").headers["x-oss-version-id"]] = body
    oldest, middle, newest = bodies
    bucket.delete_object("k", params={"versionId": middle})
    until_left(owner, bucket, 2 * MANY)
    # The one before takes its place.
    bucket.delete_object("k", params={"versionId": newest})
    until_left(owner, bucket, MANY)
    assert bucket.get_object("k").read() == bodies[oldest]
    marker = bucket.delete_object("k")
    assert bucket.get_object("k", params={"versionId": oldest}).read() == bodies[oldest]
    assert parts_left(owner, bucket) == (MANY, 0)
    bucket.put_bucket_versioning(BucketVersioningConfig("Suspended"))
    assembled(owner, bucket, "k")
    bucket.put_object("k", b"the null version, again")
    until_left(owner, bucket, MANY)
    assert bucket.get_object("k", params={"versionId": oldest}).read() == bodies[oldest]
    assert marker.delete_marker


def test_copies_have_parts_of_their_own(owner: Owner) -> None:
    bucket, other = owner.bucket(), owner.bucket()
    whole = assembled(owner, bucket, "k")
    other.copy_object(bucket.bucket_name, "k", "copy")
    bucket.copy_object(
        bucket.bucket_name, "k", "k", headers={"x-oss-metadata-directive": "REPLACE", "x-oss-meta-a": "1"}
    )
    assert bucket.get_object("k").headers["x-oss-meta-a"] == "1"
    assert bucket.get_object("k").read() == whole
    until_left(owner, bucket, MANY)
    upload_id = other.init_multipart_upload("part").upload_id
    done = other.upload_part_copy(bucket.bucket_name, "k", (LEAST, 5 * LEAST), "part", upload_id, 1)
    other.complete_multipart_upload("part", upload_id, [PartInfo(1, done.etag)])
    bucket.delete_object("k")
    until_left(owner, bucket, 0)
    assert other.get_object("part").read() == whole[LEAST : 5 * LEAST + 1]
    assert other.get_object("copy").read() == whole
    until_left(owner, other, MANY)
    other.delete_object("copy")
    until_left(owner, other, 0)


def test_a_copy_that_fails_leaves_nothing(owner: Owner, monkeypatch: pytest.MonkeyPatch) -> None:
    bucket, other = owner.bucket(), owner.bucket()
    whole = assembled(owner, bucket, "k")
    duplicate, asked = CopiedVolume.duplicate, 0

    async def fails(self: CopiedVolume, *args: Any) -> Any:
        nonlocal asked
        asked += 1
        if asked == MANY - 1:
            raise OSError("the disk is full")
        return await duplicate(self, *args)

    monkeypatch.setattr(CopiedVolume, "duplicate", fails)
    refused(
        lambda: other.copy_object(bucket.bucket_name, "k", "copy"),
        500,
        "InternalError",
        "We encountered an internal error. Please try again.",
    )
    monkeypatch.undo()
    until_left(owner, other, 0)
    assert not other.object_exists("copy")
    assert bucket.get_object("k").read() == whole


def test_it_is_replicated(owner: Owner) -> None:
    source = owner.bucket()
    target = oss2.Bucket(owner.auth(), owner.url, f"{source.bucket_name}-far", region="cn-hangzhou")
    target.create_bucket()
    whole = assembled(owner, source, "k")
    source.put_bucket_replication(
        ReplicationRule(rule_id="rule", target_bucket_name=target.bucket_name, target_bucket_location="oss-cn-hangzhou")
    )
    eventually(lambda: target.object_exists("k"))
    assert target.get_object("k").read() == whole
    # Once is enough.
    source.put_object("last", b"")
    eventually(lambda: target.object_exists("last"))
    until_left(owner, target, MANY)
    source.delete_object("k")
    eventually(lambda: not target.object_exists("k"))
    until_left(owner, target, 0)


def test_what_is_in_it_is_selected(owner: Owner) -> None:
    bucket = owner.bucket()
    upload_id = bucket.init_multipart_upload("k").upload_id
    rows = b"".join(b"row %05d\n" % number for number in range(LEAST // 10 + 1))

    async def body() -> None:
        puts = [part_put(upload_id, number, rows) for number in range(1, MANY + 1)]
        await volume_of(owner.cloud, bucket.bucket_name).commit(puts)

    owner.cloud.run(body())
    bucket.complete_multipart_upload("k", upload_id, None, headers=ALL)
    answer = bucket.select_object("k", "select count(*) from ossobject").read()
    assert int(answer) == MANY * (LEAST // 10 + 1)


def test_who_reads_it_gets_all_of_it_though_it_is_deleted(owner: Owner) -> None:
    bucket = owner.bucket()
    # More than are opened at once, and than fit into the sockets.
    numbers = range(1, 131)
    whole = assembled(owner, bucket, "k", numbers)
    url = bucket.sign_url("GET", "k", 60)
    path = url.split("/", 3)[3]
    host = owner.cloud.endpoint
    with socket.create_connection((host.rpartition(":")[0], int(host.rpartition(":")[2])), timeout=30.0) as connection:
        connection.sendall(f"GET /{path} HTTP/1.1\r\nHost: {url.split('/')[2]}\r\n\r\n".encode())
        received = connection.recv(4096)
        assert received.startswith(b"HTTP/1.1 200"), received
        bucket.delete_object("k")
        refused(lambda: bucket.get_object("k"), 404, "NoSuchKey", "The specified key does not exist.")
        assert parts_left(owner, bucket) == (len(numbers), 1)
        while len(received) < len(whole):
            received += connection.recv(1 << 20)
        assert received.endswith(whole)
    until_left(owner, bucket, 0)


def test_a_reader_who_leaves_holds_nothing(owner: Owner) -> None:
    bucket = owner.bucket()
    numbers = range(1, 131)
    assembled(owner, bucket, "k", numbers)
    reader = bucket.get_object("k")
    assert reader.read(10) == body_of(1)[:10]
    bucket.delete_object("k")
    reader.resp.response.close()
    until_left(owner, bucket, 0)


# Long lists -----------------------------------------------------------------------------------------------------------

_PART = '<Part><PartNumber>{0}</PartNumber><ETag>"{1}"</ETag></Part>'


@pytest.mark.parametrize(
    ("head", "part", "tail"),
    [
        ("<CompleteMultipartUpload>", _PART, "</CompleteMultipartUpload>"),
        (
            '<?xml version="1.0" encoding="UTF-8"?>\n<CompleteMultipartUpload xmlns="http://doc.oss">\n',
            "  <Part>\n<PartNumber> {0} </PartNumber>\n<ETag>&quot;{1}&quot;</ETag>\n</Part>\n",
            "</CompleteMultipartUpload>\n",
        ),
        ("<CompleteMultipartUpload>", "<Part><ETag>{1}</ETag><PartNumber>{0}</PartNumber></Part>", None),
        (
            "<CompleteMultipartUpload><!-- all -->",
            '<Part a="b"><PartNumber>{0}</PartNumber><ETag>{1}</ETag></Part>',
            None,
        ),
        ("<o:CompleteMultipartUpload xmlns:o='x'>", _PART, "</o:CompleteMultipartUpload>"),
    ],
    ids=["usual", "spaced", "other-order", "attributes", "prefixed"],
)
def test_long_lists_as_clients_write_them(owner: Owner, head: str, part: str, tail: str | None) -> None:
    bucket = owner.bucket()
    numbers = range(1, 401)
    upload_id = begun(owner, bucket, "k", numbers, real=False)
    listed = [part.format(number, content_of(b"%d" % number).etag) for number in numbers]
    end = tail or "</CompleteMultipartUpload>"

    def complete(*pieces: str) -> Any:
        body = "".join(pieces).encode()
        assert len(body) > 16 * 1024
        return bucket._do("POST", bucket.bucket_name, "k", params={"uploadId": upload_id}, data=body)

    swapped = [*listed[:300], listed[301], listed[300], *listed[302:]]
    refused(lambda: complete(head, *swapped, end), 400, "InvalidPartOrder", "ascending")
    for pieces in ((head, *listed), (head, *listed, "<Part>", end), (head, *listed, end, "x"), (*listed, end)):
        refused(lambda pieces=pieces: complete(*pieces), 400, "MalformedXML", "not well-formed")
    too_many = [part.format(number, "A" * 32) for number in range(1, 10_002)]
    refused(lambda: complete(head, *too_many, end), 400, "MalformedXML", "The XML you provided was not well-formed or")
    missing = part.format(99_999, "A" * 32)
    details = refused(
        lambda: complete(head, *listed, missing, end),
        400,
        "InvalidPart",
        "One or more of the specified parts could not be found or the specified",
    )
    assert details["PartNumber"] == "99999"
    assert complete(head, *listed, end).status == 200
    assert bucket.head_object("k").content_length == 400 * LEAST


def test_small_parts_are_refused_wherever_they_are(owner: Owner) -> None:
    bucket = owner.bucket()
    upload_id = begun(owner, bucket, "k", range(1, 3 * BLOCK), real=False)
    for small in (2 * BLOCK, 1):
        _commit_now(owner, bucket, part_put(upload_id, small, b"small"))
        details = refused(
            lambda: bucket.complete_multipart_upload("k", upload_id, None, headers=ALL),
            400,
            "EntityTooSmall",
            "Your proposed upload smaller than the minimum allowed size.",
        )
        assert (details["PartNumber"], details["ProposedSize"]) == (str(small), "5")
        _commit_now(owner, bucket, part_put(upload_id, small, b"x", size_bytes=LEAST))
    # The last one may be.
    _commit_now(owner, bucket, part_put(upload_id, 3 * BLOCK, b"small"))
    bucket.complete_multipart_upload("k", upload_id, None, headers=ALL)
    assert bucket.head_object("k").content_length == (3 * BLOCK - 1) * LEAST + 5


def _commit_now(owner: Owner, bucket: oss2.Bucket, *changes: Change) -> None:
    async def body() -> None:
        await volume_of(owner.cloud, bucket.bucket_name).commit(changes)

    owner.cloud.run(body())


def test_the_second_generation_uploads_many_parts(owner: Owner) -> None:
    bucket, client = owner.bucket().bucket_name, owner.v2()
    body = bytes(range(256)) * 400 * (MANY + 1)
    uploader = client.uploader(part_size=LEAST, parallel_num=3)
    uploader.upload_from(oss_v2.PutObjectRequest(bucket=bucket, key="up"), io.BytesIO(body))
    found = client.get_object(oss_v2.GetObjectRequest(bucket=bucket, key="up"))
    assert found.body is not None
    assert found.body.content == body
    assert found.etag is not None
    assert found.etag.strip('"').endswith(f"-{MANY + 1}")
