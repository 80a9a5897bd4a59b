"""Signatures that are not even wrong: refused before any secret is looked up."""

from __future__ import annotations

import pytest

from kowloon.core.errors import ApiError
from kowloon.wire.http import HttpRequest
from kowloon.wire.oss.addressing import Address, parse_query
from kowloon.wire.oss.claims import ANONYMOUS, Claim, Scheme
from kowloon.wire.oss.identify import identify
from kowloon.wire.oss.signatures import KeyCache, verify

DATE = "Wed, 01 Jan 2025 00:00:00 GMT"
SCOPE = "ak/20250101/cn-hangzhou/oss/aliyun_v4_request"
V4 = f"OSS4-HMAC-SHA256 Credential={SCOPE},Signature=00"
V4_QUERY = (
    f"x-oss-signature-version=OSS4-HMAC-SHA256&x-oss-credential={SCOPE}"
    "&x-oss-date=20250101T000000Z&x-oss-expires=60&x-oss-signature=00"
)


def claim(query: str = "", **headers: str) -> Claim:
    pairs = [("host", "b.localhost")] + [(name.replace("_", "-"), value) for name, value in headers.items()]
    return identify(HttpRequest(method="GET", target="/k?" + query, headers=pairs), parse_query(query))


def refused(query: str = "", **headers: str) -> ApiError:
    with pytest.raises(ApiError) as caught:
        claim(query, **headers)
    return caught.value


def test_nobody() -> None:
    assert claim() == claim("prefix=a") == ANONYMOUS
    request = HttpRequest(method="GET", target="/", headers=[])
    with pytest.raises(ValueError, match="anonymous requests carry no signature"):
        verify(ANONYMOUS, request, {}, Address("", "", "path"), "s", KeyCache())


@pytest.mark.parametrize("query", [V4_QUERY, "OSSAccessKeyId=ak&Expires=1&Signature=s", "Signature=s"])
@pytest.mark.parametrize("authorization", ["OSS ak:s", V4])
def test_two_signatures(query: str, authorization: str) -> None:
    error = refused(query, authorization=authorization, date=DATE, x_oss_date="20250101T000000Z")
    assert (error.code, error.status) == ("InvalidArgument", 400)
    assert error.message.startswith("Only one auth mechanism allowed")


@pytest.mark.parametrize(
    "authorization",
    [
        "OSS",
        "OSS ak",
        "OSS :s",
        "OSS ak:",
        "Basic YTpi",
        "oss ak:s",
        "OSS2 AccessKeyId:ak",
        "OSS2 AccessKeyId:ak,AccessKeyId:ak,Signature:s",
        "OSS4-HMAC-SHA256",
        f"OSS4-HMAC-SHA256 Credential={SCOPE}",
        f"OSS4-HMAC-SHA256 Credential={SCOPE},Signature=",
        f"OSS4-HMAC-SHA256 Credential={SCOPE},Signature=1,Signature=2",
    ],
)
def test_malformed_header(authorization: str) -> None:
    error = refused(authorization=authorization, date=DATE)
    assert (error.code, error.status, error.message) == ("InvalidArgument", 400, "Authorization header is invalid.")


@pytest.mark.parametrize(
    "scope",
    [
        "ak",
        "/20250101/cn-hangzhou/oss/aliyun_v4_request",
        "ak/20250102/cn-hangzhou/oss/aliyun_v4_request",
        "ak/20250101//oss/aliyun_v4_request",
        "ak/20250101/cn-hangzhou/oss/aws4_request",
    ],
)
def test_malformed_scope(scope: str) -> None:
    for error in (
        refused(authorization=V4.replace(SCOPE, scope), x_oss_date="20250101T000000Z"),
        refused(V4_QUERY.replace(SCOPE, scope)),
    ):
        assert (error.code, error.status) == ("InvalidArgument", 400)
        assert error.message == "The credential of the signature is invalid."


@pytest.mark.parametrize("date", ["", "yesterday", "Wed, 01 Jan 2025", "2025-01-01T00:00:00Z", "20251301T000000Z"])
def test_header_without_a_valid_date(date: str) -> None:
    for error in (
        refused(authorization="OSS ak:s", date=date),
        refused(authorization="OSS2 AccessKeyId:ak,Signature:s", date=date),
        refused(authorization=V4, x_oss_date=date or "x"),
        refused(authorization=V4, date=date),
    ):
        assert (error.code, error.status) == ("AccessDenied", 403)
        assert error.message == "OSS authentication requires a valid Date."


@pytest.mark.parametrize("query", ["Signature=s", "OSSAccessKeyId=ak&Signature=s", "OSSAccessKeyId=ak&Expires=1"])
def test_v1_query_that_lacks_a_part(query: str) -> None:
    error = refused(query)
    assert (error.code, error.status) == ("AccessDenied", 403)
    assert error.message.startswith("Query-string authentication requires the Signature, Expires and OSSAccessKeyId")


@pytest.mark.parametrize("expires", ["x", "-1", "1.5", "²", "9" * 13])
def test_v1_query_with_a_malformed_expiry(expires: str) -> None:
    error = refused(f"OSSAccessKeyId=ak&Expires={expires}&Signature=s")
    assert (error.code, error.status) == ("AccessDenied", 403)
    assert error.message == f"Invalid date (should be seconds since epoch): {expires}"


@pytest.mark.parametrize(
    ("old", "new", "ec"),
    [
        ("&x-oss-expires=60", "", "0002-00000215"),
        ("expires=60", "expires=0", ""),
        ("expires=60", "expires=604801", ""),
        ("expires=60", "expires=x", ""),
        ("20250101T000000Z", "2025-01-01", "0002-00000223"),
        ("&x-oss-date=20250101T000000Z", "", "0002-00000223"),
        ("&x-oss-signature=00", "", ""),
        (f"&x-oss-credential={SCOPE}", "", ""),
        ("OSS4-HMAC-SHA256", "OSS5", ""),
    ],
)
def test_v4_query_that_is_malformed(old: str, new: str, ec: str) -> None:
    error = refused(V4_QUERY.replace(old, new))
    assert (error.code, error.status) == ("InvalidArgument", 400)
    assert getattr(error, "ec", None) == ec


def test_parts_in_any_order_with_spaces() -> None:
    read = claim(
        authorization=f"OSS4-HMAC-SHA256  Signature=00 , AdditionalHeaders=Range;host;range, Credential=a/{SCOPE}",
        date=DATE,
        x_oss_content_sha256="ab" * 32,
    )
    assert (read.scheme, read.access_key_id, read.signature) == (Scheme.V4, "a/ak", "00")
    assert read.additional_headers == ("host", "range")
    assert (read.date, read.signed_at) == ("20250101T000000Z", 1735689600.0)
    assert (read.date_stamp, read.region, read.product) == ("20250101", "cn-hangzhou", "oss")
    assert read.payload_hash == "ab" * 32


def test_the_compact_date_in_v1() -> None:
    assert claim(authorization="OSS ak:s", x_oss_date="20250101T000000Z").signed_at == 1735689600.0
    assert claim(authorization="OSS ak:s", x_oss_date=DATE, date="ignored").date == DATE


@pytest.mark.parametrize(
    ("query", "headers"),
    [
        ("", {"x_oss_security_token": "t"}),
        ("", {"security_token": "t"}),
        ("security-token=t", {}),
        ("x-oss-security-token=t", {}),
    ],
)
def test_places_of_the_security_token(query: str, headers: dict[str, str]) -> None:
    assert claim(query, authorization="OSS ak:s", date=DATE, **headers).security_token == "t"


def test_derived_keys_are_kept_within_bounds() -> None:
    keys = KeyCache()
    first = keys.derived("secret", "20250101", "cn-hangzhou", "oss").digest(b"text")
    for number in range(5000):
        keys.derived("secret", "20250101", f"region-{number}", "oss")
    assert keys.derived("secret", "20250101", "cn-hangzhou", "oss").digest(b"text") == first
    assert len(keys._keys) <= 1024
