"""Queries over objects' metadata: what they find, in which order, page by page, and what they sum up."""

from __future__ import annotations

import json
from typing import Any

import alibabacloud_oss_v2 as oss_v2
import oss2
import pytest
from oss2.models import AggregationsRequest, MetaQuery

from kowloon.engines.blob.base import ZoneMode
from kowloon.services.oss.resources import Bucket
from tests.services.oss.callers import role, same, stranger
from tests.services.oss.parts import Owner, refused, refused_v2

NOT_OPEN = "Metadata queries of the bucket are not open."


def simple(field: str, operation: str, value: Any) -> dict[str, Any]:
    return {"Field": field, "Operation": operation, "Value": value}


def joined(operation: str, *queries: Any) -> dict[str, Any]:
    return {"Operation": operation, "SubQueries": list(queries)}


ALL = simple("Size", "gte", "0")


def ask(
    bucket: oss2.Bucket,
    query: Any = ALL,
    most: Any = 100,
    sort: str | None = None,
    order: str | None = None,
    token: str = "",
    sums: list[tuple[str, str]] | None = None,
) -> Any:
    text = query if isinstance(query, str) else json.dumps(query)
    aggregations = [AggregationsRequest(field, operation) for field, operation in sums or []]
    return bucket.do_bucket_meta_query(MetaQuery(token, most, text, sort, order, aggregations))


def names(bucket: oss2.Bucket, query: Any = ALL, **more: Any) -> list[str]:
    return [file.file_name for file in ask(bucket, query, **more).files]


@pytest.fixture
def filled(bucket: oss2.Bucket) -> oss2.Bucket:
    """Objects that differ in everything that can be asked for."""
    bucket.put_object("a/one.txt", b"1", headers={"x-oss-meta-City": "Hangzhou", "Content-Type": "text/plain"})
    bucket.put_object("a/two.TXT", b"22", headers={"x-oss-tagging": "owner=John&Stage=1"})
    bucket.put_object("b/three.jpg", b"333", headers={"x-oss-storage-class": "IA", "x-oss-object-acl": "public-read"})
    bucket.put_object("b/four", b"4444", headers={"x-oss-server-side-encryption": "AES256"})
    bucket.append_object("log", 0, b"55555", headers={"x-oss-tagging": "owner=Jane"})
    bucket.open_bucket_meta_query()
    return bucket


# Open and closed ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("signature", ["v1", "v4"])
def test_from_open_to_closed(owner: Owner, signature: str) -> None:
    bucket = owner.bucket(signature=signature)
    refused(bucket.get_bucket_meta_query_status, 404, "MetaQueryNotExist", NOT_OPEN)
    refused(lambda: ask(bucket), 404, "MetaQueryNotExist", NOT_OPEN)
    refused(bucket.close_bucket_meta_query, 404, "MetaQueryNotExist", NOT_OPEN)
    assert bucket.open_bucket_meta_query().status == 200
    message = "Metadata queries of the bucket are open already."
    refused(bucket.open_bucket_meta_query, 400, "MetaQueryAlreadyExist", message)
    status = bucket.get_bucket_meta_query_status()
    assert (status.state, status.phase) == ("Running", "IncrementalScanning")
    assert status.create_time.endswith("+08:00")
    assert status.update_time.endswith("+08:00")
    assert ask(bucket).files == []
    assert bucket.close_bucket_meta_query().status == 200
    refused(bucket.get_bucket_meta_query_status, 404, "MetaQueryNotExist", NOT_OPEN)
    bucket.open_bucket_meta_query()


def test_the_second_generations_client(owner: Owner, filled: oss2.Bucket) -> None:
    client, asked = owner.v2(), {"bucket": filled.bucket_name}
    status = client.get_meta_query_status(oss_v2.GetMetaQueryStatusRequest(**asked)).meta_query_status
    assert (status.state, status.meta_query_mode) == ("Running", "basic")
    query = oss_v2.MetaQuery(
        query=json.dumps(simple("Filename", "prefix", "a/")),
        max_results=5,
        sort="Size",
        order="desc",
        aggregations=oss_v2.MetaQueryAggregations(
            aggregations=[oss_v2.MetaQueryAggregation(field="Size", operation="sum")]
        ),
    )
    found = client.do_meta_query(oss_v2.DoMetaQueryRequest(**asked, mode="basic", meta_query=query))
    two, one = found.files.file
    assert (one.filename, one.size, one.content_type, one.oss_object_type) == ("a/one.txt", 1, "text/plain", "Normal")
    assert one.uri == f"oss://{filled.bucket_name}/a/one.txt"
    assert [(each.key, each.value) for each in one.oss_user_meta.user_metas] == [("x-oss-meta-city", "Hangzhou")]
    assert [(each.key, each.value) for each in two.oss_tagging.taggings] == [("owner", "John"), ("Stage", "1")]
    assert found.aggregations.aggregations[0].value == 3.0
    semantic = "Queries by meaning (mode=semantic) are not built in Kowloon; mode=basic is."
    refused_v2(
        lambda: client.do_meta_query(oss_v2.DoMetaQueryRequest(**asked, mode="semantic", meta_query=query)),
        501,
        "NotBuiltInKowloon",
        semantic,
    )
    client.close_meta_query(oss_v2.CloseMetaQueryRequest(**asked))
    refused_v2(
        lambda: client.open_meta_query(oss_v2.OpenMetaQueryRequest(**asked, mode="semantic")),
        501,
        "NotBuiltInKowloon",
        semantic,
    )
    refused_v2(
        lambda: client.open_meta_query(oss_v2.OpenMetaQueryRequest(**asked, mode="other")),
        400,
        "InvalidArgument",
        "The value of mode is not valid.",
    )
    client.open_meta_query(oss_v2.OpenMetaQueryRequest(**asked, mode="basic"))


def test_only_who_may_asks(owner: Owner, bucket: oss2.Bucket) -> None:
    for who in (stranger(owner), role(owner, "query-nobody")):
        other = same(bucket, who)
        for call in (
            other.open_bucket_meta_query,
            other.get_bucket_meta_query_status,
            other.close_bucket_meta_query,
            lambda other=other: ask(other),
        ):
            refused(call, 403, "AccessDenied", "The bucket you access does not belong to you.")


# What is found --------------------------------------------------------------------------------------------------------

FOUND: list[tuple[Any, list[str]]] = [
    (ALL, ["a/one.txt", "a/two.TXT", "b/four", "b/three.jpg", "log"]),
    (simple("Filename", "eq", "log"), ["log"]),
    (simple("Filename", "prefix", "b/"), ["b/four", "b/three.jpg"]),
    (simple("Filename", "match", ".txt"), ["a/one.txt", "a/two.TXT"]),
    (simple("Filename", "gt", "b/four"), ["b/three.jpg", "log"]),
    (simple("Size", "eq", 3), ["b/three.jpg"]),
    (simple("Size", "gt", "3"), ["b/four", "log"]),
    (simple("Size", "gte", "3"), ["b/four", "b/three.jpg", "log"]),
    (simple("Size", "lt", "2"), ["a/one.txt"]),
    (simple("Size", "lte", "2"), ["a/one.txt", "a/two.TXT"]),
    (simple("OSSObjectType", "eq", "Appendable"), ["log"]),
    (simple("OSSStorageClass", "eq", "IA"), ["b/three.jpg"]),
    (simple("ObjectACL", "eq", "public-read"), ["b/three.jpg"]),
    (simple("ETag", "eq", "c4ca4238a0b923820dcc509a6f75849b"), ["a/one.txt"]),
    (simple("ETag", "eq", '"C4CA4238A0B923820DCC509A6F75849B"'), ["a/one.txt"]),
    (simple("ServerSideEncryption", "eq", "AES256"), ["b/four"]),
    (simple("OSSTaggingCount", "gte", "1"), ["a/two.TXT", "log"]),
    (simple("OSSTagging.owner", "eq", "John"), ["a/two.TXT"]),
    (simple("OSSTagging.owner", "prefix", "J"), ["a/two.TXT", "log"]),
    (simple("OSSTagging.Owner", "eq", "John"), []),
    (simple("OSSUserMeta.x-oss-meta-city", "eq", "Hangzhou"), ["a/one.txt"]),
    (simple("OSSUserMeta.City", "eq", "Hangzhou"), ["a/one.txt"]),
    (simple("OSSUserMeta.city", "eq", "hangzhou"), []),
    (simple("ContentType", "prefix", "text/"), ["a/one.txt", "a/two.TXT"]),
    (simple("FileModifiedTime", "lt", "2020-01-01T00:00:00.000+08:00"), []),
    (simple("FileModifiedTime", "gt", "2020-01-01T00:00:00.123456789+08:00"), None),
    (joined("and", simple("Size", "gt", 1), simple("Filename", "prefix", "a/")), ["a/two.TXT"]),
    (joined("or", simple("Size", "eq", 1), simple("Size", "eq", 5)), ["a/one.txt", "log"]),
    (joined("not", simple("Filename", "prefix", "a/"), simple("Filename", "prefix", "b/")), ["log"]),
    (joined("not", simple("OSSTagging.owner", "eq", "John")), ["a/one.txt", "b/four", "b/three.jpg", "log"]),
    (joined("and", joined("or", simple("Size", "lt", 2), simple("Size", "gt", 4)), ALL), ["a/one.txt", "log"]),
]


def test_conditions_hold_where_they_should(filled: oss2.Bucket) -> None:
    everything = ["a/one.txt", "a/two.TXT", "b/four", "b/three.jpg", "log"]
    for query, expected in FOUND:
        assert names(filled, query) == (everything if expected is None else expected), query


def test_a_file_is_described(filled: oss2.Bucket) -> None:
    [file] = ask(filled, simple("Filename", "eq", "a/two.TXT")).files
    head = filled.head_object("a/two.TXT")
    assert (file.file_name, file.size, file.oss_object_type) == ("a/two.TXT", 2, "Normal")
    assert (file.oss_storage_class, file.object_acl) == ("Standard", "default")
    assert file.etag == head.headers["ETag"]
    assert file.oss_crc64 == head.headers["x-oss-hash-crc64ecma"]
    assert file.oss_tagging_count == 2
    assert [(each.key, each.value) for each in file.oss_tagging] == [("owner", "John"), ("Stage", "1")]
    assert file.file_modified_time.endswith("+08:00")
    # What a query says of a time can be asked for.
    assert names(filled, simple("FileModifiedTime", "eq", file.file_modified_time)) == ["a/two.TXT"]


def test_a_query_sees_what_was_just_written_and_no_older_versions(bucket: oss2.Bucket) -> None:
    bucket.put_bucket_versioning(oss2.models.BucketVersioningConfig("Enabled"))
    bucket.open_bucket_meta_query()
    for body in (b"1", b"22"):
        bucket.put_object("kept", body)
        bucket.put_object("gone", body)
    bucket.delete_object("gone")
    assert [(file.file_name, file.size) for file in ask(bucket).files] == [("kept", 2)]


# Order and pages ------------------------------------------------------------------------------------------------------

ORDERS = [
    ("Filename", "asc", ["a/one.txt", "a/two.TXT", "b/four", "b/three.jpg", "log"]),
    ("Filename", "desc", ["log", "b/three.jpg", "b/four", "a/two.TXT", "a/one.txt"]),
    ("Size", "asc", ["a/one.txt", "a/two.TXT", "b/three.jpg", "b/four", "log"]),
    ("Size", "desc", ["log", "b/four", "b/three.jpg", "a/two.TXT", "a/one.txt"]),
    ("FileModifiedTime", "asc", ["a/one.txt", "a/two.TXT", "b/three.jpg", "b/four", "log"]),
    ("OSSTaggingCount", "asc", ["a/one.txt", "b/four", "b/three.jpg", "log", "a/two.TXT"]),
    ("ServerSideEncryption", "asc", ["a/one.txt", "a/two.TXT", "b/three.jpg", "log", "b/four"]),
]


@pytest.mark.parametrize(("sort", "order", "expected"), ORDERS, ids=[f"{each[0]} {each[1]}" for each in ORDERS])
def test_pages_follow_each_other_in_order(filled: oss2.Bucket, sort: str, order: str, expected: list[str]) -> None:
    assert names(filled, sort=sort, order=order) == expected
    found, token, pages = [], "", 0
    while True:
        page = ask(filled, most=2, sort=sort, order=order, token=token, sums=[("Size", "sum")])
        # What is summed up is all of it, on every page.
        assert page.aggregations[0].value == 15.0
        found += [file.file_name for file in page.files]
        token, pages = page.next_token, pages + 1
        if not token:
            break
    assert (found, pages) == (expected, 3)


def test_pages_of_a_large_bucket(bucket: oss2.Bucket) -> None:
    expected = [f"{number:04}" for number in range(620)]
    for key in expected:
        bucket.put_object(key, b"x" * (int(key) % 7))
    bucket.open_bucket_meta_query()
    for sort in ("Filename", "Size"):
        found, token = [], ""
        while True:
            page = ask(bucket, most=200, sort=sort, order="asc", token=token)
            found += [(file.size, file.file_name) for file in page.files]
            token = page.next_token
            if not token:
                break
        assert sorted(name for _, name in found) == expected
        assert found == sorted(found, key=lambda each: each[1] if sort == "Filename" else each)
    assert len(ask(bucket, most=0).files) == 100
    assert ask(bucket, sums=[("Filename", "distinct")]).aggregations[0].value == 620.0


def test_what_is_summed_up(filled: oss2.Bucket) -> None:
    def value(field: str, operation: str, query: Any = ALL) -> float:
        return ask(filled, query, sums=[(field, operation)]).aggregations[0].value

    assert [value("Size", name) for name in ("min", "max", "average", "sum")] == [1.0, 5.0, 3.0, 15.0]
    assert value("Size", "sum", simple("Size", "gt", 100)) == 0.0
    assert value("Size", "average", simple("Size", "gt", 100)) == 0.0
    assert value("Filename", "count") == 5.0
    assert value("ServerSideEncryption", "count") == 1.0
    assert value("OSSStorageClass", "distinct") == 2.0
    [group, tags] = ask(filled, sums=[("OSSStorageClass", "group"), ("OSSTagging.owner", "group")]).aggregations
    assert (group.field, group.operation) == ("OSSStorageClass", "group")
    assert [(each.value, each.count) for each in group.groups] == [("Standard", 4), ("IA", 1)]
    assert sorted((each.value, each.count) for each in tags.groups) == [("Jane", 1), ("John", 1)]


# Refused --------------------------------------------------------------------------------------------------------------

WRONG: list[tuple[dict[str, Any], str]] = [
    ({"query": ""}, "The query is not JSON."),
    ({"query": "{"}, "The query is not JSON."),
    ({"query": "[" * 5000}, "The query is not JSON."),
    ({"query": "[]"}, "A condition must be an object."),
    ({"query": {"Field": "Size"}}, "A condition needs an Operation."),
    ({"query": {"Operation": "eq"}}, "A condition needs a Field."),
    ({"query": simple("Colour", "eq", "1")}, "There is no field 'Colour'."),
    ({"query": simple("OSSTagging.", "eq", "1")}, "There is no field 'OSSTagging.'."),
    ({"query": simple("Size", "eq", "many")}, "'many' is no value of 'Size'."),
    ({"query": simple("Size", "eq", True)}, "The Value for 'Size' must be a text or a number."),
    ({"query": simple("Size", "prefix", "1")}, "'prefix' is no operation on 'Size'."),
    ({"query": simple("Size", "like", "1")}, "'like' is no operation on 'Size'."),
    ({"query": simple("ETag", "match", "1")}, "'match' is no operation on 'ETag'."),
    ({"query": simple("FileModifiedTime", "gt", "now")}, "'now' is no value of 'FileModifiedTime'."),
    ({"query": joined("and")}, "and needs SubQueries."),
    ({"query": joined("or", *[ALL] * 101)}, "A query has at most 100 conditions, 5 deep."),
    ({"query": joined("not", joined("not", joined("not", joined("not", joined("not", ALL)))))}, "5 deep."),
    ({"query": json.dumps(simple("Filename", "eq", "x" * 17_000))}, "The query is longer than 16384 bytes."),
    ({"most": 201}, "MaxResults must be an integer between 0 and 200."),
    ({"most": -1}, "MaxResults must be an integer between 0 and 200."),
    ({"sort": "Colour"}, "Nothing can be sorted by 'Colour'."),
    ({"sort": "OSSTagging.owner"}, "Nothing can be sorted by 'OSSTagging.owner'."),
    ({"order": "up"}, "Order must be asc or desc."),
    ({"token": "nothing"}, "NextToken is not valid."),
    ({"token": "WzEsICJhIl0="}, "NextToken is not valid."),
    ({"sums": [("Filename", "sum")]}, "'sum' is no aggregation of 'Filename'."),
    ({"sums": [("Size", "median")]}, "'median' is no aggregation of 'Size'."),
    ({"sums": [("Colour", "count")]}, "There is no field 'Colour'."),
    ({"sums": [("Size", "sum")] * 6}, "A query has at most 5 aggregations."),
]


def test_what_cannot_be_asked_is_refused(bucket: oss2.Bucket) -> None:
    bucket.open_bucket_meta_query()
    for asked, message in WRONG:
        refused(lambda asked=asked: ask(bucket, **asked), 400, "InvalidArgument", message)
    refused(lambda: ask(bucket, most=None), 400, "InvalidArgument", "MaxResults must be an integer")


def test_a_bucket_whose_zone_is_out_answers_no_queries(alone: Owner) -> None:
    bucket = alone.bucket()
    bucket.put_object("a", b"1")
    bucket.open_bucket_meta_query()
    found = alone.cloud.cloud.store.get(Bucket, bucket.bucket_name)
    assert found is not None
    storage = alone.cloud.cloud.storage
    alone.cloud.call(lambda: storage.set_mode(found.zones[0], ZoneMode.STOPPED))
    refused(lambda: ask(bucket), 503, "ServiceUnavailable", "The service is unavailable. Please try again later.")
    alone.cloud.call(lambda: storage.set_mode(found.zones[0], ZoneMode.SERVING))
    assert names(bucket) == ["a"]
