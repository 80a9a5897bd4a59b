"""Objects that grow at their end."""

from __future__ import annotations

import random

import alibabacloud_oss_v2 as oss_v2
import oss2
import pytest
from oss2.models import BucketVersioningConfig

from kowloon.services.oss import keys
from kowloon.services.oss.resources import Bucket
from tests.services.oss.parts import Owner, refused, refused_v2


def blobs_of(owner: Owner, bucket: oss2.Bucket, key: str) -> list[int]:
    """The sizes of the pieces an object is kept in."""
    cloud = owner.cloud.cloud

    def look() -> list[int]:
        stored = cloud.store.get(Bucket, bucket.bucket_name)
        assert stored is not None
        entry = cloud.storage.volume(stored.volume, stored.layout).get(keys.current(key))
        assert entry is not None
        return [blob.size_bytes for blob in entry.blobs]

    return owner.cloud.call(look)


@pytest.mark.parametrize("signature", ["v1", "v4"])
def test_an_object_grows(owner: Owner, signature: str) -> None:
    bucket = owner.bucket(signature=signature)
    whole, crc = b"", 0
    for number, body in enumerate((b"first ", b"x" * 300_000, b"", b"last")):
        # The client checks the checksum of all so far.
        done = bucket.append_object("log", len(whole), body, init_crc=crc, headers={"x-oss-meta-turn": str(number)})
        whole, crc = whole + body, done.crc
        assert done.next_position == len(whole)
        assert bucket.get_object("log").read() == whole
    head = bucket.head_object("log")
    assert head.object_type == "Appendable"
    assert head.headers["x-oss-next-append-position"] == str(len(whole))
    # What the first append said of the object counts.
    assert head.headers["x-oss-meta-turn"] == "0"
    assert "Content-MD5" not in head.headers
    assert bucket.get_object("log", byte_range=(4, 300_007)).read() == whole[4:300_008]


def test_positions_that_are_not_the_end(owner: Owner) -> None:
    bucket = owner.bucket()
    refused(
        lambda: bucket.append_object("a", 1, b"x"),
        409,
        "PositionNotEqualToLength",
        "Position is not equal to file length",
    )
    bucket.append_object("a", 0, b"abc")
    with pytest.raises(oss2.exceptions.PositionNotEqualToLength) as caught:
        bucket.append_object("a", 2, b"x")
    assert caught.value.next_position == 3
    with pytest.raises(oss2.exceptions.PositionNotEqualToLength):
        bucket.append_object("a", 0, b"x" * 500_000)
    refused(lambda: bucket.append_object("a", "-1", b"x"), 400, "InvalidArgument", "non-negative integer")
    request = oss_v2.AppendObjectRequest(bucket=bucket.bucket_name, key="a", position=7, body=b"x")
    error = refused_v2(
        lambda: owner.v2().append_object(request),
        409,
        "PositionNotEqualToLength",
        "Position is not equal to file length",
    )
    assert error.headers["x-oss-next-append-position"] == "3"
    assert bucket.get_object("a").read() == b"abc"


def test_what_cannot_grow(owner: Owner) -> None:
    bucket = owner.bucket()
    bucket.put_object("normal", b"123")
    details = refused(lambda: bucket.append_object("normal", 3, b"x"), 409, "ObjectNotAppendable", "not appendable")
    assert details["ObjectType"] == "Normal"
    refused(
        lambda: bucket.append_object("cold", 0, b"x", headers={"x-oss-storage-class": "Archive"}),
        400,
        "OperationNotSupported",
        "not supported",
    )


def test_an_object_replaced_is_begun_anew(owner: Owner) -> None:
    bucket = owner.bucket()
    bucket.append_object("a", 0, b"abc")
    bucket.put_object("a", b"12345")
    refused(lambda: bucket.append_object("a", 5, b"x"), 409, "ObjectNotAppendable", "The object is not appendable")
    bucket.delete_object("a")
    assert bucket.append_object("a", 0, b"new").next_position == 3


def test_versions_are_made_by_writers_not_by_appends(owner: Owner) -> None:
    bucket = owner.bucket()
    bucket.put_bucket_versioning(BucketVersioningConfig("Enabled"))
    first = bucket.append_object("a", 0, b"abc")
    second = bucket.append_object("a", 3, b"def")
    assert first.versionid == second.versionid
    assert [each.versionid for each in bucket.list_object_versions().versions] == [first.versionid]
    bucket.delete_object("a")
    # Behind a delete marker a new object begins.
    third = bucket.append_object("a", 0, b"new")
    assert third.versionid != first.versionid
    assert bucket.get_object("a", params={"versionId": first.versionid}).read() == b"abcdef"
    assert bucket.get_object("a").read() == b"new"


def test_many_small_appends_are_kept_in_few_pieces(owner: Owner) -> None:
    bucket = owner.bucket()
    chance = random.Random(7)
    whole = bytearray()
    for _ in range(300):
        body = chance.randbytes(chance.randint(1, 2000))
        bucket.append_object("log", len(whole), body)
        whole += body
    pieces = blobs_of(owner, bucket, "log")
    assert sum(pieces) == len(whole)
    assert len(pieces) < 25, pieces
    assert bucket.get_object("log").read() == bytes(whole)


def test_many_large_appends_become_one_piece(owner: Owner) -> None:
    bucket = owner.bucket()
    whole = bytearray()
    for number in range(140):
        body = bytes([number]) * 90_000
        bucket.append_object("log", len(whole), body)
        whole += body
    pieces = blobs_of(owner, bucket, "log")
    assert sum(pieces) == len(whole)
    assert len(pieces) < 70, pieces
    assert max(pieces) > 5_000_000
    assert bucket.get_object("log").read() == bytes(whole)


def test_a_sealed_object_grows_no_more(owner: Owner) -> None:
    bucket, client = owner.bucket(), owner.v2()
    bucket.append_object("a", 0, b"abc")

    def seal(position: int) -> oss_v2.SealAppendObjectResult:
        return client.seal_append_object(
            oss_v2.SealAppendObjectRequest(bucket=bucket.bucket_name, key="a", position=position)
        )

    refused_v2(lambda: seal(2), 409, "PositionNotEqualToLength", "Position is not equal")
    sealed = seal(3)
    assert sealed.sealed_time
    assert sealed.sealed_time.endswith("GMT")
    assert seal(3).sealed_time == sealed.sealed_time
    head = client.head_object(oss_v2.HeadObjectRequest(bucket=bucket.bucket_name, key="a"))
    assert head.sealed_time == sealed.sealed_time
    refused(lambda: bucket.append_object("a", 3, b"x"), 409, "ObjectNotAppendable", "The object is not appendable")
    bucket.put_object("n", b"")
    refused_v2(
        lambda: client.seal_append_object(
            oss_v2.SealAppendObjectRequest(bucket=bucket.bucket_name, key="n", position=0)
        ),
        409,
        "ObjectNotAppendable",
        "The object is not appendable",
    )
