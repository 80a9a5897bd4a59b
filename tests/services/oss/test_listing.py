"""Lists of objects: exactly what a plain model says, page by page, in all three forms and under any names."""

from __future__ import annotations

from typing import Any

import alibabacloud_oss_v2 as oss_v2
import httpx
import oss2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kowloon.engines.blob.base import Put
from kowloon.services.oss import keys
from kowloon.services.oss.resources import Bucket, Meta
from kowloon.services.oss.space import encode_meta
from tests.services.oss.parts import Owner, discard, refused, refused_v2

# Few characters, so that prefixes meet; some that must be encoded, and one beyond the basic plane.
ALPHABET = "ab/-\x01 é\U0001f600"
KEYS = st.text(ALPHABET, min_size=1, max_size=7).filter(lambda key: key[0] not in "/\\")
PREFIXES = st.text(ALPHABET, max_size=3).filter(lambda prefix: prefix[:1] != "\\")
DELIMITERS = st.sampled_from(["", "/", "-", "a", "/-", "é"])
MODEL = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

# A name, and whether it is a common prefix.
Row = tuple[str, bool]


def grouped(keys: list[str], prefix: str, delimiter: str) -> list[Row]:
    """What a list shows in all, in byte order."""
    rows: list[Row] = []
    for key in sorted(keys, key=str.encode):
        if not key.startswith(prefix):
            continue
        at = key.find(delimiter, len(prefix)) if delimiter else -1
        row = (key, False) if at < 0 else (key[: at + len(delimiter)], True)
        if not rows or rows[-1] != row:
            rows.append(row)
    return rows


def behind(keys: list[str], prefix: str, delimiter: str, marker: str) -> list[Row]:
    """The same behind a marker. What lies under a common prefix that is the marker is passed."""
    left = [key for key in keys if key.encode() > marker.encode()]
    if (marker, True) in grouped(keys, prefix, delimiter):
        left = [key for key in left if not key.startswith(marker)]
    return grouped(left, prefix, delimiter)


@MODEL
@given(names=st.lists(KEYS, max_size=14, unique=True), data=st.data())
def test_lists_are_what_a_model_says(owner: Owner, names: list[str], data: Any) -> None:
    bucket = owner.bucket()
    for key in names:
        bucket.put_object(key, b"")
    prefix, delimiter = data.draw(PREFIXES), data.draw(DELIMITERS)
    marker = data.draw(st.one_of(st.just(""), KEYS, st.sampled_from(["", *names])))
    size = data.draw(st.integers(1, 5))
    expected = behind(names, prefix, delimiter, marker)
    first, second = paged(bucket, prefix, delimiter, marker, size), paged_v2(bucket, prefix, delimiter, marker, size)
    assert first == expected
    assert second == expected
    owner.cloud.run(discard(owner.cloud, bucket.bucket_name))


def paged(bucket: oss2.Bucket, prefix: str, delimiter: str, marker: str, size: int) -> list[Row]:
    rows: list[Row] = []
    while True:
        page = bucket.list_objects(prefix=prefix, delimiter=delimiter, marker=marker, max_keys=size)
        rows += shown(page, size)
        if not page.is_truncated:
            return rows
        marker = page.next_marker


def paged_v2(bucket: oss2.Bucket, prefix: str, delimiter: str, start_after: str, size: int) -> list[Row]:
    rows: list[Row] = []
    token = ""
    while True:
        page = bucket.list_objects_v2(
            prefix=prefix, delimiter=delimiter, start_after=start_after, continuation_token=token, max_keys=size
        )
        rows += shown(page, size)
        if not page.is_truncated:
            return rows
        token = page.next_continuation_token


def shown(page: Any, size: int) -> list[Row]:
    """Keys and prefixes of one page, merged into the order that they have together."""
    keys, prefixes = [each.key for each in page.object_list], list(page.prefix_list)
    assert len(keys) + len(prefixes) <= size
    assert len(keys) + len(prefixes) == size or not page.is_truncated
    assert keys == sorted(keys, key=str.encode)
    assert prefixes == sorted(prefixes, key=str.encode)
    rows = [(key, False) for key in keys] + [(prefix, True) for prefix in prefixes]
    return sorted(rows, key=lambda row: row[0].encode())


def filled(owner: Owner, bucket: oss2.Bucket, names: list[str]) -> None:
    """Written straight into the store, because sending them would take the test's time."""
    cloud = owner.cloud.cloud

    async def fill() -> None:
        stored = cloud.store.get(Bucket, bucket.bucket_name)
        assert stored is not None
        meta = encode_meta(Meta(etag="", size_bytes=0, modified=0.0, order=1))
        changes = [Put(keys.current(name), meta) for name in names]
        await cloud.storage.volume(stored.volume, stored.layout).commit(changes)

    owner.cloud.run(fill())


@pytest.mark.parametrize("signature", ["v1", "v4"])
def test_what_a_list_says_of_an_object(owner: Owner, signature: str) -> None:
    bucket = owner.bucket(signature=signature)
    etag = bucket.put_object("o", b"12345", headers={"x-oss-storage-class": "IA"}).etag
    for page in (bucket.list_objects(), bucket.list_objects_v2(fetch_owner=True)):
        (found,) = page.object_list
        assert (found.key, found.etag, found.size, found.type, found.storage_class) == ("o", etag, 5, "Normal", "IA")
        assert found.owner.id == owner.cloud.account_id
        assert found.last_modified == bucket.head_object("o").last_modified
    assert bucket.list_objects_v2().object_list[0].owner is None


def test_the_second_generation_lists(owner: Owner) -> None:
    bucket, client = owner.bucket(), owner.v2()
    names = ["a b", "dir/1", "dir/2", "x+y", "é"]
    for name in names:
        bucket.put_object(name, b"1")
    pages = list(
        client.list_objects_v2_paginator().iter_page(
            oss_v2.ListObjectsV2Request(bucket=bucket.bucket_name, max_keys=2, delimiter="/")
        )
    )
    assert [each.key for page in pages for each in page.contents or ()] == ["a b", "x+y", "é"]
    assert [each.prefix for page in pages for each in page.common_prefixes or ()] == ["dir/"]
    assert [page.key_count for page in pages] == [2, 2]
    assert [page.is_truncated for page in pages] == [True, False]
    first = client.list_objects(oss_v2.ListObjectsRequest(bucket=bucket.bucket_name, prefix="dir/", marker="dir/1"))
    assert [each.key for each in first.contents or ()] == ["dir/2"]
    assert (first.prefix, first.marker, first.max_keys) == ("dir/", "dir/1", 100)


def test_a_thousand_and_one(owner: Owner) -> None:
    bucket = owner.bucket()
    filled(owner, bucket, [f"{number:05}" for number in range(1001)])
    assert len(bucket.list_objects().object_list) == 100
    page = bucket.list_objects_v2(max_keys=1000)
    assert (len(page.object_list), page.is_truncated) == (1000, True)
    assert [each.key for each in bucket.list_objects(marker=page.object_list[-1].key).object_list] == ["01000"]


def test_questions_that_are_none(owner: Owner) -> None:
    bucket, client = owner.bucket(), owner.v2()
    for count in (0, 1001, -1):
        details = refused(
            lambda count=count: bucket.list_objects(max_keys=count), 400, "InvalidArgument", "max-keys is not valid"
        )
        assert details["ArgumentName"] == "max-keys"
    refused(
        lambda: bucket.list_objects_v2(continuation_token="!!"),
        400,
        "InvalidArgument",
        "continuation-token is not valid",
    )
    request = oss_v2.ListObjectsRequest(bucket=bucket.bucket_name, encoding_type="gzip")
    refused_v2(lambda: client.list_objects(request), 400, "InvalidArgument", "encoding-type is not valid")
    answer = httpx.get(f"{owner.url}/{bucket.bucket_name}/?prefix=%ff")
    assert (answer.status_code, "<Code>InvalidArgument</Code>" in answer.text) == (400, True)
    bucket.put_bucket_acl("public-read")
    answer = httpx.get(f"{owner.url}/{bucket.bucket_name}/?prefix=<a>&delimiter=%26")
    assert answer.status_code in (200, 403)
    assert "<a>" not in answer.text
