"""Uploads in parts: through both official clients, page by page, and everything that is refused."""

from __future__ import annotations

import hashlib
import io
import threading
from typing import Any

import alibabacloud_oss_v2 as oss_v2
import oss2
import pytest
from oss2.models import BucketVersioningConfig, PartInfo

from kowloon.engines.blob.base import Put
from kowloon.services.oss import keys
from kowloon.services.oss.content import content_of
from kowloon.services.oss.objects.multipart import encode
from kowloon.services.oss.resources import Bucket, Part
from tests.services.oss.parts import Owner, refused, refused_v2
from tests.services.parts import other_account

LEAST = 100 * 1024


def part_of(number: int, size_bytes: int = LEAST) -> bytes:
    return bytes([number % 251]) * size_bytes


def upload(bucket: oss2.Bucket, key: str, upload_id: str, *bodies: bytes) -> list[PartInfo]:
    parts = []
    for number, body in enumerate(bodies, 1):
        done = bucket.upload_part(key, upload_id, number, body)
        parts.append(PartInfo(number, done.etag, size=len(body), part_crc=done.crc))
    return parts


def etag_of(*bodies: bytes) -> str:
    digests = b"".join(hashlib.md5(body).digest() for body in bodies)
    return f"{hashlib.md5(digests).hexdigest().upper()}-{len(bodies)}"


@pytest.mark.parametrize("signature", ["v1", "v4"])
def test_parts_become_one_object(owner: Owner, signature: str) -> None:
    bucket = owner.bucket(signature=signature)
    key = "folder/name + é.bin"
    headers = {"Content-Type": "text/plain", "x-oss-meta-colour": "red", "x-oss-tagging": "a=1"}
    upload_id = bucket.init_multipart_upload(key, headers=headers).upload_id
    # One part is kept with its entry, one in a file, the last is shorter than parts must be.
    bodies = (part_of(1), part_of(2, 700_000), b"end")
    # The client checks the checksum of the whole against those of the parts.
    done = bucket.complete_multipart_upload(key, upload_id, upload(bucket, key, upload_id, *bodies))
    assert done.etag == etag_of(*bodies)
    found = bucket.get_object(key)
    assert found.read() == b"".join(bodies)
    assert found.headers["x-oss-object-type"] == "Multipart"
    assert found.headers["Content-Type"] == "text/plain"
    assert found.headers["x-oss-meta-colour"] == "red"
    assert found.headers["x-oss-tagging-count"] == "1"
    assert "Content-MD5" not in found.headers
    whole = b"".join(bodies)
    for first, last in ((0, 0), (LEAST - 1, LEAST), (50, len(whole) - 1), (len(whole) - 4, len(whole) - 1)):
        assert bucket.get_object(key, byte_range=(first, last)).read() == whole[first : last + 1]
    again = [PartInfo(1, "x")]
    refused(lambda: bucket.complete_multipart_upload(key, upload_id, again), 404, "NoSuchUpload", "does not exist")
    assert bucket.list_multipart_uploads().upload_list == []


def test_the_second_generation_uploads_in_parts(owner: Owner) -> None:
    bucket, client = owner.bucket().bucket_name, owner.v2()
    body = bytes(range(256)) * 2000
    uploader = client.uploader(part_size=128 * 1024, parallel_num=3)
    uploader.upload_from(oss_v2.PutObjectRequest(bucket=bucket, key="up"), io.BytesIO(body))
    found = client.get_object(oss_v2.GetObjectRequest(bucket=bucket, key="up"))
    assert found.body is not None
    assert found.body.content == body
    assert found.etag is not None
    assert found.etag.strip('"').endswith("-4")


def test_all_parts_without_a_list(owner: Owner) -> None:
    bucket = owner.bucket()
    upload_id = bucket.init_multipart_upload("all").upload_id
    parts = upload(bucket, "all", upload_id, part_of(1), part_of(2))
    all_of_them = {"x-oss-complete-all": "yes"}
    refused(
        lambda: bucket.complete_multipart_upload("all", upload_id, parts, headers=all_of_them),
        400,
        "InvalidArgument",
        "The body must be empty",
    )
    done = bucket.complete_multipart_upload("all", upload_id, None, headers=all_of_them)
    assert done.etag == etag_of(part_of(1), part_of(2))
    empty = bucket.init_multipart_upload("empty").upload_id
    refused(
        lambda: bucket.complete_multipart_upload("empty", empty, None, headers=all_of_them), 400, "InvalidPart", "parts"
    )


def test_a_part_sent_again_replaces_the_first(owner: Owner) -> None:
    bucket = owner.bucket()
    upload_id = bucket.init_multipart_upload("again").upload_id
    first = bucket.upload_part("again", upload_id, 1, b"first")
    second = bucket.upload_part("again", upload_id, 1, b"second")
    listed = bucket.list_parts("again", upload_id).parts
    assert [(part.part_number, part.etag, part.size) for part in listed] == [(1, second.etag, 6)]
    refused(
        lambda: bucket.complete_multipart_upload("again", upload_id, [PartInfo(1, first.etag)]),
        400,
        "InvalidPart",
        "could not be found or the specified entity tag might not have matched",
    )
    bucket.complete_multipart_upload("again", upload_id, [PartInfo(1, f'"{second.etag.lower()}"')])
    assert bucket.get_object("again").read() == b"second"


def test_parts_that_are_not_listed_are_dropped(owner: Owner) -> None:
    bucket = owner.bucket()
    upload_id = bucket.init_multipart_upload("some").upload_id
    parts = upload(bucket, "some", upload_id, part_of(1), part_of(2), part_of(3))
    bucket.complete_multipart_upload("some", upload_id, [parts[0], parts[2]])
    assert bucket.get_object("some").read() == part_of(1) + part_of(3)
    bucket.delete_object("some")
    # Nothing is left of the upload.
    bucket.delete_bucket()


def test_what_completing_refuses(owner: Owner) -> None:
    bucket = owner.bucket()
    upload_id = bucket.init_multipart_upload("bad").upload_id
    one, two = upload(bucket, "bad", upload_id, b"short", part_of(2))

    def complete(*parts: PartInfo) -> None:
        bucket.complete_multipart_upload("bad", upload_id, list(parts))

    details = refused(lambda: complete(one, two), 400, "EntityTooSmall", "smaller than the minimum allowed size")
    assert (details["MinSizeAllowed"], details["ProposedSize"], details["PartNumber"]) == ("102400", "5", "1")
    # The client sorts what it is given.
    for numbers in ((2, 1), (1, 1)):
        listed = "".join(f"<Part><PartNumber>{number}</PartNumber><ETag>e</ETag></Part>" for number in numbers)
        body = f"<CompleteMultipartUpload>{listed}</CompleteMultipartUpload>".encode()
        refused(lambda body=body: raw_complete(bucket, "bad", upload_id, body), 400, "InvalidPartOrder", "ascending")
    refused(lambda: complete(PartInfo(7, one.etag)), 400, "InvalidPart", "One or more of the specified parts could")
    refused(lambda: complete(), 400, "MalformedXML", "not well-formed")
    for body in (b"", b"<a/>", b"<CompleteMultipartUpload><Part><PartNumber>x</PartNumber><ETag>e</ETag></Part>"):
        refused(lambda body=body: raw_complete(bucket, "bad", upload_id, body), 400, "MalformedXML", "not well-formed")
    # All of that changed nothing.
    complete(two)
    assert bucket.get_object("bad").read() == part_of(2)


def raw_complete(bucket: oss2.Bucket, key: str, upload_id: str, body: bytes) -> Any:
    return bucket._do("POST", bucket.bucket_name, key, params={"uploadId": upload_id}, data=body)


def test_part_numbers_and_uploads_that_are_not(owner: Owner) -> None:
    bucket = owner.bucket()
    upload_id = bucket.init_multipart_upload("k").upload_id
    for number in (0, 10_001, -1):
        details = refused(
            lambda number=number: bucket.upload_part("k", upload_id, number, b"x"),
            400,
            "InvalidArgument",
            "Part number must be an integer between 1 and 10000, inclusive.",
        )
        assert details["ArgumentName"] == "partNumber"
    bucket.upload_part("k", upload_id, 10_000, b"x")
    for call in (
        lambda: bucket.upload_part("other", upload_id, 1, b"x"),
        lambda: bucket.upload_part("k", "0" * 32, 1, b"x" * 200_000),
        lambda: bucket.list_parts("k", "nope"),
        lambda: bucket.abort_multipart_upload("k", upload_id[:-1]),
    ):
        refused(call, 404, "NoSuchUpload", "The specified upload does not exist.")
    refused(
        lambda: bucket.upload_part("k", upload_id, 1, b"x", headers={"Content-MD5": "1B2M2Y8AsgTpgAmY7PhCfg=="}),
        400,
        "InvalidDigest",
        "The Content-MD5 you specified was invalid.",
    )


def test_an_upload_given_up_leaves_nothing(owner: Owner) -> None:
    bucket = owner.bucket()
    upload_id = bucket.init_multipart_upload("gone").upload_id
    upload(bucket, "gone", upload_id, part_of(1), part_of(2, 300_000))
    refused(bucket.delete_bucket, 409, "BucketNotEmpty", "The bucket you tried to delete is not empty.")
    assert bucket.abort_multipart_upload("gone", upload_id).status == 204
    refused(lambda: bucket.abort_multipart_upload("gone", upload_id), 404, "NoSuchUpload", "The specified upload does")
    bucket.delete_bucket()


def test_parts_are_listed_in_pages(owner: Owner) -> None:
    bucket = owner.bucket()
    upload_id = bucket.init_multipart_upload("p").upload_id
    for number in (5, 1, 9, 3):
        bucket.upload_part("p", upload_id, number, part_of(number, number))
    pages, marker = [], ""
    while True:
        page = bucket.list_parts("p", upload_id, marker=marker, max_parts=3)
        pages.append([part.part_number for part in page.parts])
        if not page.is_truncated:
            break
        marker = page.next_marker
    assert pages == [[1, 3, 5], [9]]
    assert [part.size for part in bucket.list_parts("p", upload_id, marker="3").parts] == [5, 9]
    assert bucket.list_parts("p", upload_id, marker="99999").parts == []
    refused(lambda: bucket.list_parts("p", upload_id, max_parts=1001), 400, "InvalidArgument", "max-parts")
    listed = owner.v2().list_parts(
        oss_v2.ListPartsRequest(bucket=bucket.bucket_name, key="p", upload_id=upload_id, encoding_type="url")
    )
    assert listed.parts is not None
    assert [part.part_number for part in listed.parts] == [1, 3, 5, 9]
    assert listed.key == "p"


def test_uploads_are_listed_in_pages(owner: Owner) -> None:
    bucket = owner.bucket()
    keys = ["a/1", "a/2", "a/2", "b", "c/x/y", "c/z", "d é\x01"]
    begun = sorted((key, bucket.init_multipart_upload(key).upload_id) for key in keys)

    def pages(size: int, **asked: str) -> tuple[list[Any], list[str]]:
        found: list[Any] = []
        prefixes: list[str] = []
        key_marker = id_marker = ""
        while True:
            page = bucket.list_multipart_uploads(
                max_uploads=size, key_marker=key_marker, upload_id_marker=id_marker, **asked
            )
            assert len(page.upload_list) + len(page.prefix_list) <= size
            found += [(each.key, each.upload_id) for each in page.upload_list]
            prefixes += page.prefix_list
            if not page.is_truncated:
                return found, prefixes
            key_marker, id_marker = page.next_key_marker, page.next_upload_id_marker

    for size in (1, 2, 3, 1000):
        assert pages(size) == (begun, [])
        assert pages(size, prefix="a/") == ([each for each in begun if each[0].startswith("a/")], [])
        assert pages(size, delimiter="/") == ([each for each in begun if "/" not in each[0]], ["a/", "c/"])
        assert pages(size, prefix="c/", delimiter="/") == ([each for each in begun if each[0] == "c/z"], ["c/x/"])
    refused(lambda: bucket.list_multipart_uploads(max_uploads=0), 400, "InvalidArgument", "max-uploads")


def test_parts_in_sequence(owner: Owner) -> None:
    bucket = owner.bucket()
    upload_id = bucket.init_multipart_upload("seq", params={"sequential": ""}).upload_id
    refused(
        lambda: bucket.upload_part("seq", upload_id, 2, b"x"),
        400,
        "PartNotSequential",
        "you must upload or complete parts with sequential part number",
    )
    one, two = upload(bucket, "seq", upload_id, part_of(1), part_of(2))
    # A client that missed the answer sends its part again.
    bucket.upload_part("seq", upload_id, 2, part_of(2))
    refused(
        lambda: bucket.upload_part("seq", upload_id, 1, b"x"),
        400,
        "PartNotSequential",
        "For sequential multipart upload, you must upload or complete parts with",
    )
    refused(
        lambda: bucket.complete_multipart_upload("seq", upload_id, [PartInfo(2, two.etag)]),
        400,
        "PartNotSequential",
        "For sequential multipart upload, you must upload or complete parts with",
    )
    bucket.complete_multipart_upload("seq", upload_id, [one, two])
    assert bucket.get_object("seq").read() == part_of(1) + part_of(2)


def test_nothing_is_replaced_that_must_not_be(owner: Owner) -> None:
    bucket = owner.bucket()
    bucket.put_object("there", b"1")
    keep = {"x-oss-forbid-overwrite": "true"}
    refused(lambda: bucket.init_multipart_upload("there", headers=keep), 409, "FileAlreadyExists", "already exists")
    upload_id = bucket.init_multipart_upload("there").upload_id
    parts = upload(bucket, "there", upload_id, b"2")
    refused(
        lambda: bucket.complete_multipart_upload("there", upload_id, parts, headers=keep),
        409,
        "FileAlreadyExists",
        "The object you specified already exists and can not be overwritten.",
    )
    assert bucket.get_object("there").read() == b"1"


def test_each_completed_upload_is_a_version(owner: Owner) -> None:
    bucket = owner.bucket()
    bucket.put_object("v", b"before")
    bucket.put_bucket_versioning(BucketVersioningConfig("Enabled"))
    versions = ["null"]
    for body in (b"one", b"two"):
        upload_id = bucket.init_multipart_upload("v").upload_id
        versions.append(
            bucket.complete_multipart_upload("v", upload_id, upload(bucket, "v", upload_id, body)).versionid
        )
    bodies = [bucket.get_object("v", params={"versionId": version}).read() for version in versions]
    assert bodies == [b"before", b"one", b"two"]


def test_uploads_of_one_key_completed_at_once(owner: Owner) -> None:
    """One wins, whole."""
    bucket = owner.bucket()
    begun = []
    for letter in (b"a", b"b", b"c", b"d"):
        upload_id = bucket.init_multipart_upload("race").upload_id
        bodies = [letter * LEAST, letter * 10]
        begun.append((upload_id, upload(bucket, "race", upload_id, *bodies)))

    def complete(upload_id: str, parts: list[PartInfo]) -> None:
        oss2.Bucket(owner.auth(), owner.url, bucket.bucket_name, region="cn-hongkong").complete_multipart_upload(
            "race", upload_id, parts
        )

    threads = [threading.Thread(target=complete, args=each) for each in begun]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    content = bucket.get_object("race").read()
    assert content in [letter * (LEAST + 10) for letter in (b"a", b"b", b"c", b"d")]
    assert bucket.list_multipart_uploads().upload_list == []


def test_a_part_is_copied_from_an_object(owner: Owner) -> None:
    bucket, source = owner.bucket(), owner.bucket()
    whole = bytes(range(256)) * 2000
    source.put_object("big +é", whole)
    source.put_object("small", b"0123456789")
    upload_id = bucket.init_multipart_upload("copied").upload_id
    ranges = [("big +é", None), ("big +é", (1000, 200_000)), ("big +é", (5, 110_000)), ("small", (3, 5))]
    expected, parts = b"", []
    for number, (key, asked) in enumerate(ranges, 1):
        body = {"big +é": whole, "small": b"0123456789"}[key]
        body = body if asked is None else body[asked[0] : asked[1] + 1]
        expected += body
        done = bucket.upload_part_copy(source.bucket_name, key, asked, "copied", upload_id, number)
        assert done.etag == hashlib.md5(body).hexdigest().upper()
        parts.append(PartInfo(number, done.etag))
    source.delete_object("big +é")
    bucket.complete_multipart_upload("copied", upload_id, parts)
    assert bucket.get_object("copied").read() == expected
    refused(
        lambda: bucket.upload_part_copy(source.bucket_name, "none", None, "copied", upload_id, 1),
        404,
        "NoSuchUpload",
        "The specified upload does not exist. The upload ID may be invalid, or",
    )


def test_a_part_of_an_object_in_parts(owner: Owner) -> None:
    bucket = owner.bucket()
    upload_id = bucket.init_multipart_upload("source").upload_id
    bodies = (part_of(1, 200_000), part_of(2), part_of(3, 150_000))
    bucket.complete_multipart_upload("source", upload_id, upload(bucket, "source", upload_id, *bodies))
    whole = b"".join(bodies)
    upload_id = bucket.init_multipart_upload("target").upload_id
    parts = []
    for number, asked in enumerate([(199_000, 310_000), None], 1):
        done = bucket.upload_part_copy(bucket.bucket_name, "source", asked, "target", upload_id, number)
        parts.append(PartInfo(number, done.etag))
    bucket.complete_multipart_upload("target", upload_id, parts)
    assert bucket.get_object("target").read() == whole[199_000:310_001] + whole


def test_strangers_see_and_change_no_upload(owner: Owner) -> None:
    bucket = owner.bucket()
    upload_id = bucket.init_multipart_upload("mine").upload_id
    stranger = other_account(owner.cloud).config
    theirs = Owner(owner.cloud, stranger["access_key_id"], stranger["access_key_secret"]).bucket(
        bucket.bucket_name, create=False
    )
    for call in (
        lambda: theirs.init_multipart_upload("mine"),
        lambda: theirs.upload_part("mine", upload_id, 1, b"x"),
        lambda: theirs.list_parts("mine", upload_id),
        lambda: theirs.list_multipart_uploads(),
        lambda: theirs.complete_multipart_upload("mine", upload_id, [PartInfo(1, "x")]),
        lambda: theirs.abort_multipart_upload("mine", upload_id),
    ):
        refused(call, 403, "AccessDenied")
    assert bucket.list_parts("mine", upload_id).parts == []


def test_ten_thousand_parts(owner: Owner) -> None:
    """As many as there may be. They are written straight into the store, one byte each that says it is more, because
    sending them would take the test's time."""
    bucket, cloud = owner.bucket(), owner.cloud.cloud
    upload_id = bucket.init_multipart_upload("many").upload_id
    content = content_of(part_of(0))

    async def fill() -> None:
        stored = cloud.store.get(Bucket, bucket.bucket_name)
        assert stored is not None
        changes = []
        for number in range(1, 10_001):
            part = Part(number=number, etag=content.etag, size_bytes=LEAST, crc64=content.crc64, modified=0.0)
            changes.append(Put(keys.part(upload_id, number), encode(part), (b"x",)))
        await cloud.storage.volume(stored.volume, stored.layout).commit(changes)

    owner.cloud.run(fill())
    parts = [PartInfo(number, content.etag) for number in range(1, 10_001)]
    assert bucket.complete_multipart_upload("many", upload_id, parts).etag.endswith("-10000")
    assert bucket.head_object("many").content_length == 10_000 * LEAST
    request = oss_v2.ListPartsRequest(bucket=bucket.bucket_name, key="many", upload_id=upload_id)
    refused_v2(lambda: owner.v2().list_parts(request), 404, "NoSuchUpload", "does not exist")
