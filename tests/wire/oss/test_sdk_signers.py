"""Requests that the official clients sign in this process, with names and parameters that are hard to canonicalise."""

from __future__ import annotations

import contextlib
import datetime
from typing import Any
from urllib.parse import urlsplit

import alibabacloud_oss_v2 as oss_v2
import oss2
import pytest
import requests
from alibabacloud_oss_v2.types import HttpClient, OperationInput
from oss2.credentials import StaticCredentialsProvider

from kowloon.wire.http import HttpRequest
from kowloon.wire.oss.addressing import Address, locate, parse_query, valid_object_name
from kowloon.wire.oss.claims import Claim
from kowloon.wire.oss.identify import identify
from kowloon.wire.oss.signatures import KeyCache, verify
from kowloon.wire.oss.subresources import COMMON

BUCKET = "examplebucket"
KEYS = [
    "plain.txt",
    "dir/a.txt",
    "a//b",
    "./x",
    "a/../b",
    "中文 +%&=?#",
    "🎈/é",
    "k" * 1023,
    "%2F",
    "a%2Fb%",
    "~*'()!;:@$,[]",
    "tab\tline\nend",
    "+",
    "trailing/",
    "\x01\x7f",
]
# The third column of the API table, as parameters on the wire.
BUCKET_PARAMETERS: list[dict[str, str]] = [
    {"acl": ""},
    {"list-type": "2", "prefix": "a b/", "continuation-token": "CgJi=", "delimiter": "/", "encoding-type": "url"},
    {"versions": "", "key-marker": "k", "version-id-marker": "v"},
    {"replication": "", "comp": "add"},
    {"cname": "a.example.com", "comp": "token"},
    {"inventory": "", "inventoryId": "i 1"},
    {"wormId": "x", "wormExtend": ""},
    {"metaQuery": "", "comp": "query"},
    {"style": "", "styleName": "s"},
    {"redundancyTransition": "", "x-oss-target-redundancy-type": "ZRS"},
    {"x-oss-redundancy-transition-taskid": "t", "redundancyTransition": ""},
    {"publicAccessBlock": "", "x-oss-access-point-name": "ap"},
    {"live": "", "comp": "stat"},
    {"vod": "", "startTime": "1", "endTime": "2"},
    {"policy": "", "comp": "callback"},
    {"asyncFetch": ""},
]
SINGLE_PARAMETERS = (
    sorted(COMMON)
    + "accessPoint accessPointPolicy bucketArchiveDirectRead httpsConfig qosRequester requesterQosInfo".split()
    + "resourcePool resourcePoolBuckets resourcePoolInfo x-oss-write-get-object-response".split()
)
# As the operations of oss-v2 declare them; `accessmonitor` it sends and does not sign.
DECLARED = """
    accessPoint accessPointPolicy bucketArchiveDirectRead cleanRestoredObject cname comp cors dataPipeline encryption
    httpsConfig inventory inventoryId legalHold lifecycle logging MetaQuery metaQuery metadataConfiguration
    metadataInventoryTable metadataJournalTable objectWorm overwriteConfig policy policyStatus publicAccessBlock quota
    redundancyTransition referer replication replicationLocation replicationProgress requestPayment retention rtc seal
    style styleName transferAcceleration userDefinedLogFieldsConfig website worm wormExtend wormId
    x-oss-access-point-name x-oss-redundancy-transition-taskid x-oss-target-redundancy-type
""".split()


class Sent(Exception):
    def __init__(self, request: HttpRequest) -> None:
        self.request = request


def wire_request(method: str, url: str, headers: Any) -> HttpRequest:
    parts = urlsplit(url)
    target = url.partition("://")[2].removeprefix(parts.netloc) or "/"
    pairs = [("host", parts.netloc)]
    for name, value in headers.items():
        text = header_text(value) if isinstance(value, bytes) else value
        if name.lower() != "host":
            pairs.append((name.lower(), text.strip(" \t")))
    return HttpRequest(method=method, target=target, headers=pairs)


def header_text(value: bytes) -> str:
    """As the transport reads it."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")


class Oss2Recorder(requests.adapters.HTTPAdapter):
    def send(self, request: Any, **_: Any) -> Any:
        raise Sent(wire_request(request.method, request.url, request.headers))


class OssV2Recorder(HttpClient):
    def __init__(self) -> None:
        self.sent: list[HttpRequest] = []

    def send(self, request: Any, **_: Any) -> Any:
        self.sent.append(wire_request(request.method, request.url, request.headers))
        raise ConnectionAbortedError

    def open(self) -> None:
        return None

    def close(self) -> None:
        return None


def assert_signed(request: HttpRequest, address: Address, token: str = "") -> Claim:
    """The request is located, its signature holds with the secret and with no other."""
    query = parse_query(request.query)
    located = locate(request, bucket_of_cname=lambda host: BUCKET if host == "files.example.com" else None)
    assert (located.bucket, located.key) == (address.bucket, address.key)
    claim = identify(request, query)
    assert (claim.access_key_id, claim.security_token) == ("testid", token)
    verdict = verify(claim, request, query, located, "testsecret", KeyCache())
    assert verdict.matched, verdict
    assert not verify(claim, request, query, located, "testsecreT", KeyCache()).matched
    elsewhere = Address(located.bucket, located.key + "x", located.style, located.region)
    assert not verify(claim, request, query, elsewhere, "testsecret", KeyCache()).matched
    return claim


# oss2 -----------------------------------------------------------------------------------------------------------------

OSS2_AUTHS = {
    "v1": oss2.Auth("testid", "testsecret"),
    "v2": oss2.AuthV2("testid", "testsecret"),
    "v4": oss2.AuthV4("testid", "testsecret"),
    "v1-provider": oss2.ProviderAuth(StaticCredentialsProvider("testid", "testsecret")),
    "v4-provider": oss2.ProviderAuthV4(StaticCredentialsProvider("testid", "testsecret")),
    "v1-sts": oss2.StsAuth("testid", "testsecret", "to/k+en==", "v1"),
    "v2-sts": oss2.StsAuth("testid", "testsecret", "to/k+en==", "v2"),
    "v4-sts": oss2.StsAuth("testid", "testsecret", "to/k+en==", "v4"),
}
OSS2_ENDPOINTS = {
    "virtual": "http://oss-cn-hangzhou.aliyuncs.com",
    "path": "http://127.0.0.1:8080",
    "cname": "http://files.example.com",
}


def oss2_bucket(auth: str, endpoint: str = "virtual") -> oss2.Bucket:
    session = oss2.Session(adapter=Oss2Recorder())
    url = OSS2_ENDPOINTS[endpoint]
    return oss2.Bucket(
        OSS2_AUTHS[auth], url, BUCKET, is_cname=endpoint == "cname", session=session, region="cn-hangzhou"
    )


def token_of(auth: str) -> str:
    return "to/k+en==" if auth.endswith("sts") else ""


@pytest.mark.parametrize("endpoint", OSS2_ENDPOINTS)
@pytest.mark.parametrize("auth", OSS2_AUTHS)
def test_oss2_signs_any_key(auth: str, endpoint: str) -> None:
    bucket = oss2_bucket(auth, endpoint)
    headers = {"x-oss-meta-Z": "1", "x-oss-meta-a": "b  c", "Content-Type": "text/plain", "Range": "bytes=0-1"}
    for key in KEYS:
        assert valid_object_name(key)
        with pytest.raises(Sent) as sent:
            bucket.put_object(key, b"data", headers=headers)
        claim = assert_signed(sent.value.request, Address(BUCKET, key, "virtual"), token_of(auth))
        assert not claim.in_query


@pytest.mark.parametrize("auth", OSS2_AUTHS)
def test_oss2_signs_any_subresource(auth: str) -> None:
    bucket = oss2_bucket(auth)
    singles = [{name: value} for name in SINGLE_PARAMETERS for value in ("", "v /+&=中")]
    for parameters in BUCKET_PARAMETERS + singles:
        if "security-token" in parameters:
            continue
        with pytest.raises(Sent) as sent:
            bucket._do("GET", BUCKET, "", params=parameters)
        assert_signed(sent.value.request, Address(BUCKET, "", "virtual"), token_of(auth))


@pytest.mark.parametrize("auth", OSS2_AUTHS)
@pytest.mark.parametrize("slash_safe", [False, True])
def test_oss2_presigns_any_key(auth: str, slash_safe: bool) -> None:
    bucket = oss2_bucket(auth)
    headers = {"Content-Type": "text/plain", "x-oss-meta-a": "1", "Cache-Control": "no-cache"}
    # The STS variant takes no additional headers.
    additional = None if auth.startswith("v1") or auth.endswith("sts") else ["Cache-Control"]
    for key in KEYS:
        url = bucket.sign_url(
            "PUT",
            key,
            600,
            headers=dict(headers),
            params={"response-content-type": "a/b; c=d", "x-oss-process": "style/中"},
            slash_safe=slash_safe,
            additional_headers=additional,
        )
        claim = assert_signed(wire_request("PUT", url, headers), Address(BUCKET, key, "virtual"), token_of(auth))
        assert claim.in_query
        assert claim.expires_at is not None
        if claim.signed_at is not None:
            assert claim.expires_at == claim.signed_at + 600


@pytest.mark.parametrize("auth", ["v1", "v2", "v4"])
def test_oss2_signs_header_values_beyond_ascii(auth: str) -> None:
    with pytest.raises(Sent) as sent:
        oss2_bucket(auth).put_object("k", b"", headers={"x-oss-meta-a": "中文 é".encode()})
    assert_signed(sent.value.request, Address(BUCKET, "k", "virtual"))


@pytest.mark.parametrize("auth", ["v1", "v2", "v4"])
def test_header_bytes_that_are_latin_1_are_as_good(auth: str) -> None:
    """The client signs the bytes that it sends; the transport hands out their text."""
    latin_1 = "café".encode("latin-1")
    with pytest.raises(Sent) as sent:
        oss2_bucket(auth).put_object("k", b"", headers={"x-oss-meta-a": latin_1})
    assert sent.value.request.header("x-oss-meta-a") == "café"
    assert_signed(sent.value.request, Address(BUCKET, "k", "virtual"))


@pytest.mark.parametrize("auth", OSS2_AUTHS)
def test_oss2_signs_calls_to_the_service(auth: str) -> None:
    session = oss2.Session(adapter=Oss2Recorder())
    service = oss2.Service(OSS2_AUTHS[auth], OSS2_ENDPOINTS["virtual"], session=session, region="cn-hangzhou")
    with pytest.raises(Sent) as sent:
        service.list_buckets(prefix="a b", marker="+")
    query = parse_query(sent.value.request.query)
    assert (query["prefix"], query["marker"]) == ("a b", "+")
    located = locate(sent.value.request, bucket_of_cname=lambda host: None)
    assert located == Address("", "", "path", "cn-hangzhou")
    claim = identify(sent.value.request, query)
    assert verify(claim, sent.value.request, query, located, "testsecret", KeyCache()).matched


# alibabacloud_oss_v2 --------------------------------------------------------------------------------------------------


def oss_v2_client(version: str, recorder: OssV2Recorder, token: str = "", **options: Any) -> oss_v2.Client:
    config = oss_v2.config.load_default()
    config.credentials_provider = oss_v2.credentials.StaticCredentialsProvider("testid", "testsecret", token or None)
    config.region = "cn-hangzhou"
    config.signature_version = version
    config.http_client = recorder
    config.retry_max_attempts = 1
    for name, value in options.items():
        setattr(config, name, value)
    return oss_v2.Client(config)


def oss_v2_request(version: str, token: str, operation: OperationInput, **options: Any) -> HttpRequest:
    recorder = OssV2Recorder()
    with contextlib.suppress(Exception):
        oss_v2_client(version, recorder, token, **options).invoke_operation(operation)
    assert len(recorder.sent) == 1
    return recorder.sent[0]


OSS_V2_ENDPOINTS: dict[str, dict[str, Any]] = {
    "virtual": {},
    "internal": {"use_internal_endpoint": True},
    "dualstack": {"use_dualstack_endpoint": True},
    "accelerate": {"use_accelerate_endpoint": True},
    "path": {"endpoint": "http://127.0.0.1:8080"},
    "path-style": {"endpoint": "http://oss-cn-hangzhou.aliyuncs.com", "use_path_style": True},
    "cname": {"endpoint": "http://files.example.com", "use_cname": True},
}


@pytest.mark.parametrize("endpoint", OSS_V2_ENDPOINTS)
@pytest.mark.parametrize("token", ["", "to/k+en=="])
@pytest.mark.parametrize("version", ["v1", "v4"])
def test_oss_v2_signs_any_key(version: str, token: str, endpoint: str) -> None:
    for key in KEYS:
        operation = OperationInput(
            op_name="PutObject",
            method="PUT",
            headers={"x-oss-meta-Z": "1", "Content-Type": "text/plain", "x-oss-meta-a": "b  c"},
            bucket=BUCKET,
            key=key,
        )
        request = oss_v2_request(version, token, operation, **OSS_V2_ENDPOINTS[endpoint])
        assert_signed(request, Address(BUCKET, key, "virtual"), token)


@pytest.mark.parametrize("version", ["v1", "v4"])
def test_oss_v2_signs_what_its_operations_declare(version: str) -> None:
    cases = [({name: value}, [name]) for name in DECLARED for value in ("", "v /+&=中")]
    cases += [
        (parameters, list(parameters))
        for parameters in BUCKET_PARAMETERS
        if "encoding-type" not in parameters and "key-marker" not in parameters
    ]
    cases += [
        ({"accessmonitor": ""}, []),
        ({"regions": "oss-cn-hangzhou"}, []),
        ({"accessmonitor": ""}, ["accessmonitor"]),
    ]
    cases += [({"redundancyTransition": "", "x-oss-target-redundancy-type": "ZRS"}, ["redundancyTransition"])]
    cases += [({"publicAccessBlock": "", "newfangled": "x"}, ["publicAccessBlock", "newfangled"])]
    for parameters, declared in cases:
        operation = OperationInput(
            op_name="Any",
            method="GET",
            parameters=dict(parameters),
            bucket=BUCKET,
            op_metadata={"sub-resource": declared},
        )
        assert_signed(oss_v2_request(version, "", operation), Address(BUCKET, "", "virtual"))


@pytest.mark.parametrize("token", ["", "to/k+en=="])
@pytest.mark.parametrize("version", ["v1", "v4"])
def test_oss_v2_presigns_any_key(version: str, token: str) -> None:
    client = oss_v2_client(version, OssV2Recorder(), token, additional_headers=["Cache-Control"])
    for key in KEYS:
        presigned = client.presign(
            oss_v2.PutObjectRequest(bucket=BUCKET, key=key, content_type="text/plain", cache_control="no-cache"),
            expires=datetime.timedelta(seconds=600),
        )
        # What is bound must be repeated; so is the additional header, which the result does not list.
        headers = {"Cache-Control": "no-cache", **presigned.signed_headers}
        claim = assert_signed(wire_request("PUT", presigned.url, headers), Address(BUCKET, key, "virtual"), token)
        assert claim.in_query
        assert claim.expires_at is not None


def test_v1_refuses_a_subresource_that_was_not_signed() -> None:
    operation = OperationInput(op_name="Any", method="GET", parameters={"prefix": "a"}, bucket=BUCKET)
    request = oss_v2_request("v1", "", operation)
    for added in ("policy", "versionId=1", "uploads", "x-oss-process=x"):
        changed = HttpRequest(method="GET", target=f"{request.target}&{added}", headers=request.headers)
        query = parse_query(changed.query)
        claim = identify(changed, query)
        address = locate(changed, bucket_of_cname=lambda host: None)
        assert not verify(claim, changed, query, address, "testsecret", KeyCache()).matched
