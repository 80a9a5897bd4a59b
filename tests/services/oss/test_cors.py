"""Cross-origin rules: kept as put, preflights without any identity, and what answers say."""

from __future__ import annotations

import alibabacloud_oss_v2 as oss_v2
import httpx
import oss2
import pytest
from oss2.models import BucketCors, CorsRule

from tests.services.oss.callers import Anyone, anyone_on, same, stranger, told
from tests.services.oss.parts import Owner, refused

NOT_ALLOWED = "CORSResponse: This CORS request is not allowed."


def _rules(*rules: CorsRule) -> BucketCors:
    cors = BucketCors()
    cors.rules = list(rules)
    return cors


def _rule(**fields: object) -> CorsRule:
    return CorsRule(**{"allowed_origins": ["*"], "allowed_methods": ["GET"], **fields})


def _preflight(anyone: Anyone, path: str, origin: str, method: str, headers: str = "") -> httpx.Response:
    asked = {"Origin": origin, "Access-Control-Request-Method": method}
    if headers:
        asked["Access-Control-Request-Headers"] = headers
    return anyone.call("OPTIONS", path, asked)


def test_rules_are_kept_shown_and_removed(bucket: oss2.Bucket) -> None:
    refused(bucket.get_bucket_cors, 404, "NoSuchCORSConfiguration", "The CORS Configuration does not exist.")
    bucket.put_bucket_cors(
        _rules(
            _rule(
                allowed_origins=["http://a.example", "https://*.b.example"],
                allowed_methods=["GET", "PUT"],
                allowed_headers=["x-oss-*"],
                expose_headers=["ETag"],
                max_age_seconds=60,
            ),
            _rule(),
        )
    )
    first, second = bucket.get_bucket_cors().rules
    assert first.allowed_origins == ["http://a.example", "https://*.b.example"]
    assert (first.allowed_methods, first.allowed_headers) == (["GET", "PUT"], ["x-oss-*"])
    assert (first.expose_headers, first.max_age_seconds) == (["ETag"], 60)
    assert (second.allowed_headers, second.max_age_seconds) == ([], None)
    bucket.delete_bucket_cors()
    refused(bucket.get_bucket_cors, 404, "NoSuchCORSConfiguration", "The CORS Configuration does not exist.")


@pytest.mark.parametrize(
    ("rules", "code", "message"),
    [
        ([], "MalformedXML", "not well-formed"),
        ([_rule(allowed_methods=[])], "MalformedXML", "not well-formed"),
        ([_rule(allowed_methods=["PATCH"])], "InvalidArgument", "The value of AllowedMethod is not valid."),
        ([_rule(allowed_origins=["http://*.*.com"])], "InvalidArgument", "AllowedOrigin can have at most one wildcard"),
        ([_rule(allowed_headers=["*-*"])], "InvalidArgument", "AllowedHeader can have at most one wildcard"),
        ([_rule(expose_headers=["x-*"])], "InvalidArgument", "ExposeHeader cannot have a wildcard."),
        ([_rule(expose_headers=["a\nSet-Cookie: b"])], "InvalidArgument", "The value of ExposeHeader is not valid."),
        ([_rule(max_age_seconds=-1)], "InvalidArgument", "The value of MaxAgeSeconds is not valid."),
        ([_rule()] * 21, "CORSRuleBeyondLimit", "beyond the limit of 20"),
    ],
)
def test_rules_that_are_none(bucket: oss2.Bucket, rules: list[CorsRule], code: str, message: str) -> None:
    refused(lambda: bucket.put_bucket_cors(_rules(*rules)), 400, code, message)


def test_a_preflight_is_answered_by_the_first_rule_that_fits(owner: Owner, bucket: oss2.Bucket) -> None:
    anyone, path = Anyone(owner), f"/{bucket.bucket_name}/a"
    none = _preflight(anyone, path, "http://a.example", "GET")
    assert told(none) == (403, "AccessForbidden", "CORSResponse: CORS is not enabled for this bucket.")
    narrow = _rule(
        allowed_origins=["http://a.example"],
        allowed_methods=["PUT", "POST"],
        allowed_headers=["x-oss-*", "content-type"],
        expose_headers=["ETag", "x-oss-request-id"],
        max_age_seconds=600,
    )
    bucket.put_bucket_cors(_rules(narrow, _rule(allowed_headers=["*"])))
    asked = "Content-Type, X-Oss-Date"
    for target in (path, f"{path}?uploads", f"{path}?x-oss-signature-version=OSS4-HMAC-SHA256", path + "?acl"):
        answer = _preflight(anyone, target, "http://a.example", "PUT", asked)
        assert (answer.status_code, answer.content) == (200, b"")
        assert answer.headers["access-control-allow-origin"] == "http://a.example"
        assert answer.headers["access-control-allow-methods"] == "PUT, POST"
        assert answer.headers["access-control-allow-headers"] == asked
        assert answer.headers["access-control-expose-headers"] == "ETag, x-oss-request-id"
        assert (answer.headers["access-control-max-age"], answer.headers["vary"]) == ("600", "Origin")
    wide = _preflight(anyone_on(bucket, owner), "/", "http://b.example", "GET", "anything")
    assert (wide.status_code, wide.headers["access-control-allow-origin"]) == (200, "*")
    for origin, method, headers in (
        ("http://b.example", "PUT", ""),
        ("http://a.example", "PUT", "authorization"),
        ("http://a.example.evil", "PUT", ""),
        ("http://a.example", "DELETE", ""),
    ):
        status, code, message = told(_preflight(anyone, path, origin, method, headers))
        assert (status, code) == (403, "AccessForbidden")
        assert NOT_ALLOWED in message


def test_a_preflight_that_says_too_little(owner: Owner, bucket: oss2.Bucket) -> None:
    bucket.put_bucket_cors(_rules(_rule()))
    anyone, path = Anyone(owner), f"/{bucket.bucket_name}/a"
    assert told(anyone.call("OPTIONS", path, {"Access-Control-Request-Method": "GET"})) == (
        400,
        "BadRequest",
        "Insufficient information. Origin request header needed.",
    )
    assert told(anyone.call("OPTIONS", path, {"Origin": "http://a.example"})) == (
        400,
        "BadRequest",
        "Insufficient information. Request Access-Control-Request-Method header needed.",
    )
    assert told(_preflight(anyone, "/no-such-bucket/a", "http://a.example", "GET"))[:2] == (404, "NoSuchBucket")


def test_the_second_generation_asks_beforehand(owner: Owner, bucket: oss2.Bucket) -> None:
    bucket.put_bucket_cors(_rules(_rule(allowed_methods=["PUT"], expose_headers=["ETag"])))
    result = owner.v2().option_object(
        oss_v2.OptionObjectRequest(
            bucket=bucket.bucket_name, key="a", origin="http://a.example", access_control_request_method="PUT"
        )
    )
    assert (result.access_control_allow_origin, result.access_control_allow_methods) == ("*", "PUT")


def test_answers_say_what_scripts_may_do_with_them(owner: Owner, bucket: oss2.Bucket) -> None:
    bucket.put_object("a", b"1")
    bucket.put_bucket_acl("public-read")
    bucket.put_bucket_cors(_rules(_rule(allowed_origins=["http://a.example"], expose_headers=["ETag"])))
    anyone, path = Anyone(owner), f"/{bucket.bucket_name}/a"
    for answer in (
        anyone.get(path, Origin="http://a.example"),
        anyone.get(f"{path}-missing", Origin="http://a.example"),
        anyone.get(f"/{bucket.bucket_name}?acl", Origin="http://a.example"),
    ):
        assert answer.headers["access-control-allow-origin"] == "http://a.example"
        assert answer.headers["access-control-expose-headers"] == "ETag"
        assert answer.headers["vary"] == "Origin"
    for other in (
        anyone.get(path),
        anyone.get(path, Origin="http://b.example"),
        anyone.call("PUT", path, {"Origin": "http://a.example"}, b"2"),
    ):
        assert "access-control-allow-origin" not in other.headers
        assert "vary" not in other.headers


def test_a_bucket_can_say_that_every_answer_depends_on_the_origin(owner: Owner, bucket: oss2.Bucket) -> None:
    config = oss_v2.CORSConfiguration(
        cors_rules=[oss_v2.CORSRule(allowed_origins=["http://a.example"], allowed_methods=["GET"])], response_vary=True
    )
    client = owner.v2()
    client.put_bucket_cors(oss_v2.PutBucketCorsRequest(bucket=bucket.bucket_name, cors_configuration=config))
    shown = client.get_bucket_cors(oss_v2.GetBucketCorsRequest(bucket=bucket.bucket_name))
    assert shown.cors_configuration.response_vary is True
    answer = Anyone(owner).get(f"/{bucket.bucket_name}/a")
    assert (answer.status_code, answer.headers["vary"]) == (403, "Origin")


def test_rules_are_the_owners(owner: Owner, bucket: oss2.Bucket) -> None:
    theirs = same(bucket, stranger(owner))
    for call in (theirs.get_bucket_cors, theirs.delete_bucket_cors, lambda: theirs.put_bucket_cors(_rules(_rule()))):
        refused(call, 403, "AccessDenied", "The bucket you access does not belong to you.")
