from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kowloon.core.errors import ApiError
from kowloon.wire.http import HttpRequest
from kowloon.wire.oss.addressing import Address, locate, parse_query, valid_bucket_name, valid_object_name

CNAMES = {"files.example.com": "mine", "static.oss.example.com": "static-bucket"}


def at(host: str, target: str = "/") -> Address:
    request = HttpRequest(method="GET", target=target, headers=[("host", host)])
    return locate(request, bucket_of_cname=CNAMES.get)


@pytest.mark.parametrize(
    ("host", "bucket", "region"),
    [
        ("b-1.oss-cn-hangzhou.aliyuncs.com", "b-1", "cn-hangzhou"),
        ("B-1.OSS-cn-hangzhou.aliyuncs.com:443", "b-1", "cn-hangzhou"),
        ("b-1.oss-cn-hongkong-internal.aliyuncs.com", "b-1", "cn-hongkong"),
        ("b-1.s3.oss-cn-hangzhou.aliyuncs.com", "b-1", "cn-hangzhou"),
        ("b-1.s3.oss-us-west-1-internal.aliyuncs.com", "b-1", "us-west-1"),
        ("b-1.vpc100-oss-cn-hangzhou.aliyuncs.com", "b-1", "cn-hangzhou"),
        ("b-1.cn-hangzhou.oss.aliyuncs.com", "b-1", "cn-hangzhou"),
        ("b-1.oss-accelerate.aliyuncs.com", "b-1", ""),
        ("b-1.oss-accelerate-overseas.aliyuncs.com", "b-1", ""),
        ("b-1.oss.aliyuncs.com", "b-1", ""),
        ("oss-logs.oss-cn-hangzhou.aliyuncs.com", "oss-logs", "cn-hangzhou"),
        ("b-1.localhost", "b-1", ""),
        ("b-1.localhost:8080", "b-1", ""),
        ("b-1.oss-cn-hangzhou.localhost", "b-1", "cn-hangzhou"),
        ("b-1.oss.localhost", "b-1", ""),
        ("a.b.oss-cn-hangzhou.aliyuncs.com", "a.b", "cn-hangzhou"),
    ],
)
def test_host_that_names_a_bucket(host: str, bucket: str, region: str) -> None:
    assert at(host, "/k/1") == Address(bucket, "k/1", "virtual", region)
    assert at(host) == Address(bucket, "", "virtual", region)


@pytest.mark.parametrize(
    ("host", "region"),
    [
        ("127.0.0.1:8080", ""),
        ("[::1]:8080", ""),
        ("localhost", ""),
        ("localhost:80", ""),
        ("", ""),
        ("oss-cn-hangzhou.aliyuncs.com", "cn-hangzhou"),
        ("oss-cn-hangzhou-internal.aliyuncs.com", "cn-hangzhou"),
        ("s3.oss-cn-hangzhou.aliyuncs.com", "cn-hangzhou"),
        ("cn-hongkong.oss.aliyuncs.com", "cn-hongkong"),
        ("oss-accelerate.aliyuncs.com", ""),
        ("oss.aliyuncs.com", ""),
        ("oss-cn-hangzhou.localhost", "cn-hangzhou"),
        ("oss.localhost", ""),
        ("kowloon", ""),
        ("cloud.example.com", ""),
    ],
)
def test_host_that_names_none_leaves_it_to_the_path(host: str, region: str) -> None:
    assert at(host) == Address("", "", "path", region)
    assert at(host, "/b-1") == at(host, "/b-1/") == at(host, "/b-1/?acl") == Address("b-1", "", "path", region)
    assert (at(host, "/b-1/k/1").key, at(host, "/b-1/k%2F1").key) == ("k/1", "k/1")
    assert at(host, "/b-1/k").style == "path"


def test_custom_domains_come_before_what_they_look_like() -> None:
    assert at("files.example.com", "/a/b") == Address("mine", "a/b", "cname")
    assert at("static.oss.example.com", "/a") == Address("static-bucket", "a", "cname")
    assert at("other.oss.example.com", "/a") == Address("other", "a", "virtual")


def test_absolute_form_routes_by_its_authority() -> None:
    request = HttpRequest(method="GET", target="/k", headers=[("host", "127.0.0.1")])
    request.host = "b-1.oss-cn-hangzhou.aliyuncs.com"
    assert locate(request, bucket_of_cname=CNAMES.get) == Address("b-1", "k", "virtual", "cn-hangzhou")


@pytest.mark.parametrize(
    ("path", "key"),
    [
        ("/b-1/a//b", "a//b"),
        ("/b-1//a", "/a"),
        ("/b-1/./x", "./x"),
        ("/b-1/../x", "../x"),
        ("/b-1/a+b", "a+b"),
        ("/b-1/a%2Bb%20c", "a+b c"),
        ("/b-1/%252F", "%2F"),
        ("/b-1/%E4%B8%AD", "中"),
        ("/b-1/a%00b", "a\x00b"),
        ("/b-1/a%3Fb", "a?b"),
    ],
)
def test_paths_are_decoded_once_and_never_normalised(path: str, key: str) -> None:
    assert at("127.0.0.1", path) == Address("b-1", key, "path")
    assert at("b-1.localhost", path.removeprefix("/b-1")) == Address("b-1", key, "virtual")


@pytest.mark.parametrize("path", ["/b-1/%", "/b-1/%4", "/b-1/%zz", "/b-1/%FF", "/b-1/%ED%A0%80", "/%zz/k"])
def test_paths_that_are_not_encoded_utf_8(path: str) -> None:
    with pytest.raises(ApiError) as refused:
        at("127.0.0.1", path)
    assert (refused.value.code, refused.value.status) == ("InvalidURI", 400)
    assert refused.value.message == "Couldn't parse the specified URI."


def test_a_key_without_a_bucket() -> None:
    with pytest.raises(ApiError) as refused:
        at("127.0.0.1", "//key")
    assert (refused.value.code, refused.value.message) == ("InvalidBucketName", "The specified bucket is not valid.")


@settings(deadline=None, max_examples=150)
@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=60), st.sampled_from(["", "/"]))
def test_encoded_keys_come_back(key: str, safe: str) -> None:
    encoded = quote(key, safe=safe)
    assert at("127.0.0.1", f"/b-1/{encoded}?acl").key == key
    assert at("b-1.oss-cn-hangzhou.aliyuncs.com", f"/{encoded}").key == key


@settings(deadline=None, max_examples=150)
@given(st.text(max_size=40), st.text(max_size=40))
def test_any_host_and_target_is_located_or_refused(host: str, path: str) -> None:
    try:
        address = at(host, "/" + path)
    except ApiError as problem:
        refusal = problem.code
    else:
        refusal = ""
        assert address.bucket or not address.key
    assert refusal in ("", "InvalidURI", "InvalidBucketName")


def test_query() -> None:
    assert parse_query("") == {}
    assert parse_query("acl") == parse_query("acl=") == {"acl": ""}
    assert parse_query("prefix=a+b%2Fc%2B&x=1&x=2&&%E4%B8%AD=%3D=") == {"prefix": "a b/c+", "x": "1", "中": "=="}
    for malformed in ("a=%", "a=%zz", "%ff=1"):
        with pytest.raises(ApiError) as refused:
            parse_query(malformed)
        assert (refused.value.code, refused.value.status) == ("InvalidArgument", 400)


@pytest.mark.parametrize("name", ["abc", "a-b", "0a9", "a" * 63])
def test_bucket_names(name: str) -> None:
    assert valid_bucket_name(name)


@pytest.mark.parametrize("name", ["", "ab", "a" * 64, "-ab", "ab-", "Abc", "a_b", "a.b", "a/b", "abc\n", "中文中文"])
def test_bucket_names_that_are_none(name: str) -> None:
    assert not valid_bucket_name(name)


def test_object_names() -> None:
    for name in ("a", "a//b", "./x", "..", "a\\b", "\x01", "a\x00", "x" * 1023, "中" * 341, " "):
        assert valid_object_name(name)
    for name in ("", "/a", "\\a", "x" * 1024, "中" * 341 + "x"):
        assert not valid_object_name(name)
