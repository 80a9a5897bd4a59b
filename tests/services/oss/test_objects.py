"""Objects: put, read whole and in part, looked at, deleted; conditions, overrides, names, and many writers at once."""

from __future__ import annotations

import base64
import hashlib
import threading
from collections.abc import Callable
from typing import Any

import alibabacloud_oss_v2 as oss_v2
import httpx
import oss2
import pytest
from oss2.models import BucketVersioningConfig

from tests.services.oss.parts import Owner, refused, refused_v2

PAST = "Wed, 01 Jan 2020 00:00:00 GMT"
SIZES = [0, 1, 70_000, 131_072, 131_073, 2_000_000]


def body_of(size_bytes: int) -> bytes:
    return (bytes(range(251)) * (size_bytes // 251 + 1))[:size_bytes]


@pytest.mark.parametrize("signature", ["v1", "v4"])
@pytest.mark.parametrize("redundancy", ["LRS", "ZRS"])
def test_objects_of_all_sizes(owner: Owner, signature: str, redundancy: str) -> None:
    bucket = owner.bucket(signature=signature, storage_class="Standard", data_redundancy_type=redundancy)
    for size_bytes in SIZES:
        body = body_of(size_bytes)
        etag = hashlib.md5(body).hexdigest().upper()
        # The client checks the checksum of what it sent, and of what it gets.
        assert bucket.put_object("o", body).etag == etag
        found = bucket.get_object("o")
        assert found.read() == body
        assert found.headers["ETag"] == f'"{etag}"'
        assert found.headers["Content-MD5"] == base64.b64encode(hashlib.md5(body).digest()).decode()
        head = bucket.head_object("o")
        assert (head.content_length, head.etag, head.object_type) == (size_bytes, etag, "Normal")
        meta = bucket.get_object_meta("o")
        assert (meta.content_length, meta.etag) == (size_bytes, etag)
    assert bucket.delete_object("o").status == 204
    assert bucket.delete_object("o").status == 204
    assert not bucket.object_exists("o")


@pytest.mark.parametrize("signature", ["v1", "v4"])
def test_the_second_generation(owner: Owner, signature: str) -> None:
    bucket = owner.bucket(signature=signature).bucket_name
    client = owner.v2(signature)
    for size_bytes in (0, 5, 500_000):
        body = body_of(size_bytes)
        put = client.put_object(
            oss_v2.PutObjectRequest(bucket=bucket, key="o é", body=body, metadata={"colour": "red"}, tagging="a=1")
        )
        assert put.hash_crc64
        found = client.get_object(oss_v2.GetObjectRequest(bucket=bucket, key="o é"))
        assert found.body is not None
        assert found.body.content == body
        assert found.metadata == {"colour": "red"}
        head = client.head_object(oss_v2.HeadObjectRequest(bucket=bucket, key="o é"))
        assert (head.content_length, head.tagging_count, head.storage_class) == (size_bytes, 1, "Standard")
        meta = client.get_object_meta(oss_v2.GetObjectMetaRequest(bucket=bucket, key="o é"))
        assert meta.hash_crc64 == put.hash_crc64
    client.delete_object(oss_v2.DeleteObjectRequest(bucket=bucket, key="o é"))
    request = oss_v2.HeadObjectRequest(bucket=bucket, key="o é")
    refused_v2(lambda: client.head_object(request), 404, "NoSuchKey", "The specified key does not exist.")


def test_what_a_writer_says_readers_get_back(owner: Owner) -> None:
    bucket = owner.bucket()
    said = {
        "Content-Type": "text/plain; charset=utf-8",
        "Cache-Control": "max-age=1",
        "Content-Disposition": 'attachment; filename="a"',
        "Content-Encoding": "identity",
        "Content-Language": "de",
        "Expires": PAST,
        "x-oss-meta-Name": "Value",
        "x-oss-storage-class": "IA",
    }
    bucket.put_object("o", b"1", headers=said)
    for headers in (bucket.get_object("o").headers, bucket.head_object("o").headers):
        for name, value in said.items():
            assert headers[name] == value
    bucket.put_object("plain", b"1")
    assert bucket.head_object("plain").headers["Content-Type"] == "application/octet-stream"
    refused(
        lambda: bucket.put_object("o", b"", headers={"x-oss-meta-a": "x" * 8192}),
        400,
        "InvalidArgument",
        "exceeds 8 KB",
    )
    refused(
        lambda: bucket.put_object("o", b"", headers={"x-oss-storage-class": "Gold"}),
        400,
        "InvalidArgument",
        "x-oss-storage-class",
    )
    assert bucket.get_object("o").read() == b"1"


# Ranges and conditions ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size_bytes", [10, 300_000])
def test_ranges(owner: Owner, size_bytes: int) -> None:
    bucket = owner.bucket()
    whole = body_of(size_bytes)
    bucket.put_object("o", whole)
    last = size_bytes - 1
    for text, part in (
        ("bytes=0-0", whole[:1]),
        (f"bytes=0-{last}", whole),
        ("bytes=3-", whole[3:]),
        ("bytes=-4", whole[-4:]),
        (f"bytes={last}-{last}", whole[-1:]),
        ("bytes=1-2,4-5", whole[1:3]),
    ):
        found = bucket.get_object("o", headers={"Range": text})
        assert (found.status, found.read()) == (206, part), text
        first = whole.index(part) if len(part) > 2 else {"bytes=0-0": 0, "bytes=1-2,4-5": 1}.get(text, last)
        if text != "bytes=-4":
            assert found.headers["Content-Range"] == f"bytes {first}-{first + len(part) - 1}/{size_bytes}"
        assert "Content-MD5" not in found.headers
    # As the vendor has it, a range that is none or reaches too far means everything.
    for text in ("bytes=5-3", f"bytes=0-{size_bytes}", f"bytes={size_bytes}-", "bytes=a-b", "lines=1-2", "bytes=-0"):
        found = bucket.get_object("o", headers={"Range": text})
        assert (found.status, found.read()) == (200, whole), text
    standard = {"x-oss-range-behavior": "standard"}
    found = bucket.get_object("o", headers={"Range": f"bytes=2-{size_bytes + 5}", **standard})
    assert (found.status, found.read()) == (206, whole[2:])
    refused(
        lambda: bucket.get_object("o", headers={"Range": f"bytes={size_bytes}-", **standard}),
        416,
        "InvalidRange",
        "The requested range cannot be satisfied",
    )


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_conditions(owner: Owner, method: str) -> None:
    bucket = owner.bucket()
    etag = bucket.put_object("o", b"1").etag
    modified = bucket.head_object("o").headers["Last-Modified"]

    def ask(**conditions: str) -> Any:
        headers = {name.replace("_", "-"): value for name, value in conditions.items()}
        return (bucket.get_object if method == "GET" else bucket.head_object)("o", headers=headers)

    for good in (
        {"If_Match": etag},
        {"If_Match": f'"{etag.lower()}"'},
        {"If_None_Match": "other"},
        {"If_Modified_Since": PAST},
        {"If_Unmodified_Since": modified},
        # A date is not asked where an ETag was, and one that is none does not count.
        {"If_None_Match": "other", "If_Modified_Since": modified},
        {"If_Modified_Since": "yesterday"},
    ):
        assert ask(**good).status == 200
    for failed in ({"If_Match": "other"}, {"If_Unmodified_Since": PAST}):
        refused(lambda failed=failed: ask(**failed), 412, "PreconditionFailed", "did not hold")
    for same in ({"If_None_Match": etag}, {"If_None_Match": "*"}, {"If_Modified_Since": modified}):
        with pytest.raises(oss2.exceptions.NotModified):
            ask(**same)


def test_overrides_of_who_signed(owner: Owner) -> None:
    bucket = owner.bucket()
    bucket.put_object("o", b"1", headers={"Content-Type": "text/a", "x-oss-object-acl": "public-read"})
    asked = {
        "response-content-type": "text/b",
        "response-content-language": "fr",
        "response-expires": PAST,
        "response-cache-control": "no-store",
        "response-content-disposition": "inline",
        "response-content-encoding": "identity",
    }
    found = bucket.get_object("o", params=asked)
    for name, value in asked.items():
        assert found.headers[name.removeprefix("response-").title()] == value
    assert bucket.head_object("o", params={"response-content-type": "text/b"}).headers["Content-Type"] == "text/b"
    url = f"{owner.url}/{bucket.bucket_name}/o"
    anonymous = httpx.get(url, params={"response-content-type": "text/html"})
    assert anonymous.status_code == 400
    assert "<Code>InvalidRequest</Code>" in anonymous.text
    # No override makes a header line.
    sly = {"response-content-type": "text/a\r\nSet-Cookie: a=b"}
    assert "Set-Cookie" not in bucket.get_object("o", params=sly).headers


# Names and refusals ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("signature", ["v1", "v4"])
def test_names_of_all_kinds(owner: Owner, signature: str) -> None:
    bucket = owner.bucket(signature=signature)
    names = [
        "x" * 1023,
        "é" * 511,
        "a//b",
        "a/./b/../c",
        "folder/",
        "a b+c%20d&e=f?g#h",
        "\U0001f600",
        "\x01\x7f",
        "a\\b",
        "'\"<>`",
    ]
    for number, name in enumerate(names):
        bucket.put_object(name, str(number).encode())
    for number, name in enumerate(names):
        assert bucket.get_object(name).read() == str(number).encode(), name
    listed = [each.key for each in bucket.list_objects(max_keys=1000).object_list]
    assert listed == sorted(names, key=str.encode)
    for name in names:
        bucket.delete_object(name)
    assert bucket.list_objects().object_list == []


def test_names_that_no_object_has(owner: Owner) -> None:
    bucket = owner.bucket()
    for name in ("x" * 1024, "é" * 512, "/a", "\\a"):
        refused(lambda name=name: bucket.put_object(name, b""), 400, "InvalidObjectName", "object is not valid")
    url = f"{owner.url}/{bucket.bucket_name}/%ff"
    answer = httpx.get(url)
    assert (answer.status_code, "<Code>InvalidURI</Code>" in answer.text) == (400, True)


def test_what_is_not_there(owner: Owner) -> None:
    bucket = owner.bucket()
    details = refused(lambda: bucket.get_object("none"), 404, "NoSuchKey", "The specified key does not exist.")
    assert (details["Key"], details["EC"]) == ("none", "0026-00000001")
    refused(
        lambda: bucket.get_object("none", params={"versionId": "null"}),
        404,
        "NoSuchVersion",
        "The specified version does not exist.",
    )
    request = oss_v2.GetObjectMetaRequest(bucket=bucket.bucket_name, key="none")
    refused_v2(lambda: owner.v2().get_object_meta(request), 404, "NoSuchKey", "does not exist")


def test_a_body_that_is_not_what_it_says(owner: Owner) -> None:
    bucket = owner.bucket()
    bucket.put_object("o", b"kept")
    for size_bytes in (3, 500_000):
        refused(
            lambda size_bytes=size_bytes: bucket.put_object(
                "o", b"x" * size_bytes, headers={"Content-MD5": "1B2M2Y8AsgTpgAmY7PhCfg=="}
            ),
            400,
            "InvalidDigest",
            "The Content-MD5 you specified was invalid.",
        )
    assert bucket.get_object("o").read() == b"kept"


def test_no_overwriting(owner: Owner) -> None:
    bucket = owner.bucket()
    keep = {"x-oss-forbid-overwrite": "true"}
    bucket.put_object("o", b"1", headers=keep)
    for body in (b"2", b"2" * 500_000):
        details = refused(
            lambda body=body: bucket.put_object("o", body, headers=keep), 409, "FileAlreadyExists", "already exists"
        )
        assert details["Key"] == "o"
    bucket.put_object("o", b"3", headers={"x-oss-forbid-overwrite": "false"})
    refused(
        lambda: bucket.put_object("o", b"", headers={"x-oss-forbid-overwrite": "maybe"}),
        400,
        "InvalidArgument",
        "x-oss-forbid-overwrite",
    )
    assert bucket.get_object("o").read() == b"3"
    # Where versions are kept nothing is overwritten.
    bucket.put_bucket_versioning(BucketVersioningConfig("Enabled"))
    bucket.put_object("o", b"4", headers=keep)


# Many at once ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size_bytes", [4_000, 400_000])
def test_readers_see_one_whole_value(owner: Owner, size_bytes: int) -> None:
    """Two writers of one key, and readers meanwhile: never a mix, and never nothing."""
    name = owner.bucket().bucket_name
    letters = (b"a", b"b")

    def opened() -> oss2.Bucket:
        return owner.bucket(name, create=False)

    opened().put_object("o", b"a" * size_bytes)
    problems: list[object] = []
    stop = threading.Event()

    def write(letter: bytes) -> None:
        bucket = opened()
        for _ in range(25):
            bucket.put_object("o", letter * size_bytes)

    def read() -> None:
        bucket = opened()
        while not stop.is_set():
            try:
                found = bucket.get_object("o")
                content = found.read()
                if content not in [letter * size_bytes for letter in letters]:
                    problems.append(content[:50])
                if found.headers["ETag"] != f'"{hashlib.md5(content).hexdigest().upper()}"':
                    problems.append(found.headers["ETag"])
            except oss2.exceptions.OssError as problem:
                problems.append(problem)

    readers = [threading.Thread(target=read) for _ in range(2)]
    writers = [threading.Thread(target=write, args=(letter,)) for letter in letters]
    for thread in (*readers, *writers):
        thread.start()
    for thread in writers:
        thread.join()
    stop.set()
    for thread in readers:
        thread.join()
    assert problems == []


def test_of_many_who_may_be_first_one_is(owner: Owner) -> None:
    name = owner.bucket().bucket_name
    outcomes: list[str] = []

    def write(number: int) -> None:
        bucket = owner.bucket(name, create=False)
        try:
            body = str(number).encode() * (300_000 if number % 2 else 1)
            bucket.put_object("o", body, headers={"x-oss-forbid-overwrite": "true"})
            outcomes.append("written")
        except oss2.exceptions.ServerError as problem:
            outcomes.append(problem.code)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["FileAlreadyExists"] * 7 + ["written"]


# What changes while a body arrives ------------------------------------------------------------------------------------


class Interrupted:
    """A body of 600,000 bytes; `then` happens in the middle of it."""

    def __init__(self, then: Callable[[], Any]) -> None:
        self.then = then
        self.pieces = [b"x" * 300_000, b"y" * 300_000]

    def __len__(self) -> int:
        return 600_000

    def read(self, size_bytes: int = -1) -> bytes:
        if len(self.pieces) == 1:
            self.then()
        return self.pieces.pop(0) if self.pieces else b""


def test_a_bucket_that_goes_while_an_object_arrives(owner: Owner) -> None:
    bucket = owner.bucket()
    details = refused(
        lambda: bucket.put_object("o", Interrupted(bucket.delete_bucket)), 404, "NoSuchBucket", "does not exist"
    )
    assert details["BucketName"] == bucket.bucket_name
    # Made anew it has none of it.
    bucket.create_bucket()
    assert bucket.list_objects().object_list == []


def test_versioning_that_begins_while_an_object_arrives(owner: Owner) -> None:
    bucket = owner.bucket()
    bucket.put_object("o", b"before")
    enabled = BucketVersioningConfig("Enabled")
    made = bucket.put_object("o", Interrupted(lambda: bucket.put_bucket_versioning(enabled)))
    assert made.versionid not in (None, "null")
    assert bucket.get_object("o", params={"versionId": "null"}).read() == b"before"


def test_an_object_that_must_stay_by_the_time_its_successor_is_there(owner: Owner) -> None:
    bucket = owner.bucket()
    keep = {"x-oss-forbid-overwrite": "true"}
    arriving = Interrupted(lambda: bucket.put_object("o", b"first"))
    refused(lambda: bucket.put_object("o", arriving, headers=keep), 409, "FileAlreadyExists", "already exists")
    assert bucket.get_object("o").read() == b"first"


def test_an_upload_given_up_while_a_part_arrives(owner: Owner) -> None:
    bucket = owner.bucket()
    upload_id = bucket.init_multipart_upload("o").upload_id
    arriving = Interrupted(lambda: bucket.abort_multipart_upload("o", upload_id))
    refused(lambda: bucket.upload_part("o", upload_id, 1, arriving), 404, "NoSuchUpload", "does not exist")
    bucket.delete_bucket()


def test_an_object_that_grew_while_an_append_arrived(owner: Owner) -> None:
    bucket = owner.bucket()
    bucket.append_object("log", 0, b"abc")
    arriving = Interrupted(lambda: bucket.append_object("log", 3, b"def"))
    with pytest.raises(oss2.exceptions.PositionNotEqualToLength) as caught:
        bucket.append_object("log", 3, arriving)
    assert caught.value.next_position == 6
    assert bucket.get_object("log").read() == b"abcdef"
