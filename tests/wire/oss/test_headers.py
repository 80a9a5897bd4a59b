from __future__ import annotations

import os
import time
from email.utils import formatdate
from urllib.parse import quote, unquote, unquote_plus

import oss2
import pytest
from fastcrc.crc64 import xz
from hypothesis import given, settings
from hypothesis import strategies as st

from kowloon.core.errors import ApiError
from kowloon.wire.oss.crc64 import crc64_combine
from kowloon.wire.oss.dates import http_date, iso_milliseconds, parse_http_date, parse_stamp, stamp
from kowloon.wire.oss.headers import (
    COPY_SOURCE_PREFIX,
    CopySource,
    Outcome,
    etag_value,
    evaluate_conditions,
    parse_copy_source,
    parse_range,
    parse_tagging,
    url_encode,
    user_metadata,
)

MOMENT = 1735689600.0
DATE = "Wed, 01 Jan 2025 00:00:00 GMT"
BEFORE, AFTER = "Tue, 31 Dec 2024 23:59:59 GMT", "Wed, 01 Jan 2025 00:00:01 GMT"
ETAG = "5D41402ABC4B2A76B9719D911017C592"


# Dates ----------------------------------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=100)
@given(st.integers(0, 4_000_000_000))
def test_dates_come_back(second: int) -> None:
    assert http_date(second) == formatdate(second, usegmt=True)
    assert parse_http_date(http_date(second)) == second
    assert parse_stamp(stamp(second)) == second


def test_the_three_forms_of_a_date() -> None:
    for text in (DATE, "Wednesday, 01-Jan-25 00:00:00 GMT", "Wed Jan  1 00:00:00 2025"):
        assert parse_http_date(text) == MOMENT
    assert iso_milliseconds(MOMENT + 0.25) == iso_milliseconds(MOMENT) == "2025-01-01T00:00:00.000Z"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "1735689600",
        DATE + " ",
        DATE.replace("GMT", "+0800"),
        DATE.replace("Jan", "Foo"),
        DATE.replace("01", "32", 1),
        DATE.replace("00:00:00", "24:00:00"),
        DATE.replace("2025", "２０２５"),
    ],
)
def test_dates_that_are_none(text: str) -> None:
    assert parse_http_date(text) is None


# Conditions -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "outcome"),
    [
        ({}, Outcome.PROCEED),
        ({"if-match": f'"{ETAG}"'}, Outcome.PROCEED),
        ({"if-match": ETAG.lower()}, Outcome.PROCEED),
        ({"if-match": f'"x", "{ETAG}"'}, Outcome.PROCEED),
        ({"if-match": "*"}, Outcome.PROCEED),
        ({"if-match": '"x"'}, Outcome.FAILED),
        ({"if-none-match": f'W/"{ETAG}"'}, Outcome.NOT_MODIFIED),
        ({"if-none-match": "*"}, Outcome.NOT_MODIFIED),
        ({"if-none-match": '"x"'}, Outcome.PROCEED),
        ({"if-modified-since": DATE}, Outcome.NOT_MODIFIED),
        ({"if-modified-since": AFTER}, Outcome.NOT_MODIFIED),
        ({"if-modified-since": BEFORE}, Outcome.PROCEED),
        ({"if-modified-since": "soon"}, Outcome.PROCEED),
        ({"if-unmodified-since": DATE}, Outcome.PROCEED),
        ({"if-unmodified-since": BEFORE}, Outcome.FAILED),
        ({"if-unmodified-since": "soon"}, Outcome.PROCEED),
        ({"if-match": "*", "if-unmodified-since": BEFORE}, Outcome.PROCEED),
        ({"if-none-match": '"x"', "if-modified-since": AFTER}, Outcome.PROCEED),
        ({"if-match": '"x"', "if-none-match": "*"}, Outcome.FAILED),
        ({"if-match": "*", "if-none-match": "*"}, Outcome.NOT_MODIFIED),
        ({"if-unmodified-since": AFTER, "if-modified-since": AFTER}, Outcome.NOT_MODIFIED),
    ],
)
def test_conditions(headers: dict[str, str], outcome: Outcome) -> None:
    assert evaluate_conditions(headers, ETAG, MOMENT + 0.9) is outcome
    of_source = {COPY_SOURCE_PREFIX + name: value for name, value in headers.items()}
    assert evaluate_conditions(of_source, f'"{ETAG.lower()}"', MOMENT, COPY_SOURCE_PREFIX) is outcome
    assert evaluate_conditions(of_source, ETAG, MOMENT) is Outcome.PROCEED


def test_etags_are_compared_bare() -> None:
    assert etag_value('"abc-2"') == etag_value("ABC-2") == etag_value(' W/"aBc-2"') == "ABC-2"


# Ranges ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "plain", "standard"),
    [
        ("bytes=0-499", (0, 499), (0, 499)),
        ("bytes=500-", (500, 999), (500, 999)),
        ("bytes=-500", (500, 999), (500, 999)),
        ("bytes=0-", (0, 999), (0, 999)),
        ("bytes=999-999", (999, 999), (999, 999)),
        ("bytes=0-499,600-700", (0, 499), (0, 499)),
        ("bytes= 1 - 2 ", (1, 2), (1, 2)),
        ("bytes=0-1000", None, (0, 999)),
        ("bytes=500-2000", None, (500, 999)),
        ("bytes=-2000", None, (0, 999)),
        ("bytes=1000-", None, "InvalidRange"),
        ("bytes=1000-2000", None, "InvalidRange"),
        ("bytes=-0", None, "InvalidRange"),
        ("bytes=5-2", None, None),
        ("byte=0-499", None, None),
        ("bytes=", None, None),
        ("bytes=-", None, None),
        ("bytes=a-b", None, None),
        ("bytes=--1", None, None),
        ("bytes=1", None, None),
        ("bytes=²-3", None, None),
        (f"bytes=0-{'9' * 5000}", None, None),
        ("", None, None),
    ],
)
def test_ranges(text: str, plain: tuple[int, int] | None, standard: tuple[int, int] | str | None) -> None:
    assert parse_range(text, 1000) == plain
    if standard == "InvalidRange":
        with pytest.raises(ApiError) as refused:
            parse_range(text, 1000, standard=True)
        assert (refused.value.code, refused.value.status) == ("InvalidRange", 416)
        assert refused.value.message == "The requested range cannot be satisfied"
        assert refused.value.headers == {"Content-Range": "bytes */1000"}
    else:
        assert parse_range(text, 1000, standard=True) == standard


def test_nothing_has_no_range() -> None:
    assert parse_range("bytes=0-", 0) is parse_range("bytes=-1", 0) is None
    with pytest.raises(ApiError):
        parse_range("bytes=0-", 0, standard=True)


@settings(deadline=None, max_examples=300)
@given(st.integers(0, 50), st.none() | st.integers(0, 60), st.none() | st.integers(0, 60))
def test_ranges_lie_within(size_bytes: int, first: int | None, last: int | None) -> None:
    text = f"bytes={'' if first is None else first}-{'' if last is None else last}"
    found = parse_range(text, size_bytes)
    if found is not None:
        assert 0 <= found[0] <= found[1] < size_bytes
        assert parse_range(text, size_bytes, standard=True) == found


# Tags, copies, metadata, names ----------------------------------------------------------------------------------------


def test_tagging() -> None:
    assert parse_tagging("") == {}
    assert parse_tagging("a=1&b&%E4%B8%AD=x%2By+z&c=") == {"a": "1", "b": "", "中": "x+y z", "c": ""}
    rule = oss2.models.TaggingRule()
    rule.add("k 1", "v/+=")
    rule.add("中", "")
    assert parse_tagging(rule.to_query_string()) == {"k 1": "v/+=", "中": ""}
    assert len(parse_tagging("&".join(f"k{n}={'v' * 256}" for n in range(10)))) == 10


@pytest.mark.parametrize(
    ("text", "code", "message"),
    [
        ("aa=bb=cc", "InvalidArgument", "The tagging of the request is not well formed."),
        ("a=%zz", "InvalidArgument", "The tagging of the request is not well formed."),
        ("=v", "InvalidTag", "The TagKey you have provided is invalid."),
        ("k" * 129, "InvalidTag", "The TagKey you have provided is invalid."),
        ("a%3Cb=1", "InvalidTag", "The TagKey you have provided is invalid."),
        ("a=" + "v" * 257, "InvalidTag", "The TagValue you have provided is invalid."),
        ("a=%00", "InvalidTag", "The TagValue you have provided is invalid."),
        ("a=1&a=2", "InvalidTag", "Cannot provide multiple Tags with the same key."),
        ("&".join(f"k{n}" for n in range(11)), "InvalidTag", "The number of tags cannot be greater than 10."),
    ],
)
def test_tagging_that_is_refused(text: str, code: str, message: str) -> None:
    with pytest.raises(ApiError) as refused:
        parse_tagging(text)
    assert (refused.value.code, refused.value.status, refused.value.message) == (code, 400, message)


@settings(deadline=None, max_examples=100)
@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), st.sampled_from(["", "/"]), st.booleans())
def test_copy_sources_come_back(key: str, safe: str, slash: bool) -> None:
    text = f"{'/' if slash else ''}b-1/{quote(key, safe=safe)}"
    assert parse_copy_source(text) == CopySource("b-1", key)
    assert parse_copy_source(text + "?versionId=a%2Bb") == CopySource("b-1", key, "a+b")


def test_copy_sources_of_other_clients() -> None:
    assert parse_copy_source("/b-1/a+b%2Bc") == CopySource("b-1", "a b+c")
    assert parse_copy_source("%2Fb-1%2Fa%2Fb") == CopySource("b-1", "a/b")
    assert parse_copy_source("/b-1/中") == CopySource("b-1", "中")
    for malformed in ("", "/", "/b-1", "/b-1/", "//k", "/b-1/%zz", "/b-1/%ff"):
        with pytest.raises(ApiError) as refused:
            parse_copy_source(malformed)
        assert (refused.value.code, refused.value.status) == ("InvalidArgument", 400)
        assert refused.value.message == "The copy source is not of the form /bucket/object."


def test_user_metadata() -> None:
    headers = {"host": "h", "x-oss-meta-a": "1", "x-oss-object-acl": "private", "x-oss-meta-b": "中"}
    assert user_metadata(headers) == {"x-oss-meta-a": "1", "x-oss-meta-b": "中"}
    name = "x-oss-meta-a"
    assert user_metadata({name: "v" * 8191})
    with pytest.raises(ApiError) as refused:
        user_metadata({name: "v" * 8192})
    assert (refused.value.code, refused.value.status) == ("InvalidArgument", 400)
    assert refused.value.message == "The size of your user metadata headers exceeds 8 KB."


@settings(deadline=None, max_examples=100)
@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_encoded_names_are_read_by_every_client(name: str) -> None:
    encoded = url_encode(name)
    assert unquote(encoded) == unquote_plus(encoded) == name
    assert encoded.isascii()


# Checksums ------------------------------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=100)
@given(st.binary(max_size=300), st.binary(max_size=300))
def test_combined_checksum(first: bytes, second: bytes) -> None:
    assert crc64_combine(xz(first), xz(second), len(second)) == xz(first + second)


def test_combined_checksum_of_large_parts() -> None:
    parts = [os.urandom(size) for size in (100_000, 100_000, 3, 0, 65_536, 1)]
    combined = 0
    for part in parts:
        combined = crc64_combine(combined, xz(part), len(part))
    assert combined == xz(b"".join(parts))
    assert crc64_combine(1796661072844795914, 4472352582074980600, 5) == 5981764153023615706


def test_parts_are_combined_as_the_client_does() -> None:
    combine = oss2.crc64_combine.mkCombineFun(oss2.utils.Crc64._POLY, 0, True, oss2.utils.Crc64._XOROUT)
    combined = client = 0
    for number in range(1, 20):
        combined = crc64_combine(combined, number, number << 20)
        client = combine(client, number, number << 20)
    assert combined == client


def test_ten_thousand_parts_are_combined_at_once() -> None:
    started = time.process_time()
    combined = 0
    for number in range(10_000):
        combined = crc64_combine(combined, number, 5 << 20)
    assert 0 < combined < 1 << 64
    # Twenty milliseconds where nothing else runs; bit by bit it would be a second.
    assert time.process_time() - started < 0.3
