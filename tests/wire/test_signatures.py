from __future__ import annotations

import base64
import contextlib
import hmac

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kowloon.core.errors import ApiError
from kowloon.wire.http import HttpRequest
from kowloon.wire.identify import recognise
from kowloon.wire.parameters import request_parameters, unflatten
from kowloon.wire.signatures import Variant, encode, identify, parse_timestamp, verify

ACS3 = "ACS3-HMAC-SHA256 Credential=ak,SignedHeaders=host,Signature=00"


def request(target: str = "/", *headers: tuple[str, str], method: str = "GET", body: bytes = b"") -> HttpRequest:
    return HttpRequest(method=method, target=target, headers=[("host", "ecs.aliyuncs.com"), *headers], body=body)


def sign_rpc(method: str, canonical: str, digest: str = "sha1", secret: str = "s") -> str:
    text = f"{method}&%2F&{encode(canonical)}"
    return base64.b64encode(hmac.digest(f"{secret}&".encode(), text.encode(), digest)).decode()


def rpc_matched(req: HttpRequest, secret: str = "s") -> bool:
    params = request_parameters(req)
    return verify(identify(req, params), req, params, secret).matched


def test_hmac_sha256_of_rpc_v1() -> None:
    canonical = "AccessKeyId=ak&Action=A&SignatureMethod=HMAC-SHA256"
    signature = encode(sign_rpc("GET", canonical, "sha256"))
    assert rpc_matched(request(f"/?{canonical}&Signature={signature}"))


def test_names_that_share_a_prefix_are_sorted_by_name() -> None:
    canonical = "AccessKeyId=ak&Id=1&Id.1=x&Id2=y"
    signature = encode(sign_rpc("GET", canonical))
    assert rpc_matched(request(f"/?Id2=y&Id.1=x&Signature={signature}&Id=1&AccessKeyId=ak"))


def test_plus_star_and_encoded_names_take_the_slow_path() -> None:
    canonical = "A%20b=c%20d&AccessKeyId=ak&S=%2A&T=~"
    signature = encode(sign_rpc("GET", canonical))
    assert rpc_matched(request(f"/?A+b=c+d&AccessKeyId=ak&S=*&T=%7E&Signature={signature}"))


def test_bearer_token_needs_no_signature() -> None:
    for req in (
        request("/?SignatureType=BEARERTOKEN&BearerToken=t&Signature="),
        request("/", ("x-acs-bearer-token", "t")),
    ):
        credentials = identify(req, request_parameters(req))
        assert (credentials.variant, credentials.bearer_token) == (Variant.BEARER, "t")


@pytest.mark.parametrize(
    ("target", "code"),
    [
        ("/?AccessKeyId=ak", "MissingSignature"),
        ("/?Signature=x", "MissingAccessKeyId"),
        ("/?Signature=x&AccessKeyId=ak&SignatureMethod=ROT13", "UnsupportedSignatureMethod"),
    ],
)
def test_incomplete_rpc_credentials(target: str, code: str) -> None:
    with pytest.raises(ApiError) as raised:
        identify(request(target), request_parameters(request(target)))
    assert raised.value.code == code


@pytest.mark.parametrize(
    "authorization",
    [
        "ACS3-HMAC-SHA256",
        "ACS3-HMAC-SHA256 ",
        "ACS3-HMAC-SHA256 Credential=ak",
        "ACS3-HMAC-SHA256 Credential=,SignedHeaders=host,Signature=00",
        "ACS3-HMAC-SHA256 Credential=a,Credential=b,SignedHeaders=host,Signature=00",
        "ACS3-HMAC-SHA256 ,,,=",
        "ACS3-RSA-SHA256 Credential=ak,SignedHeaders=host,Signature=00",
        "ACS3-",
        "acs",
        "acs ak",
        "acs :x",
        "acs ak:",
    ],
)
def test_malformed_authorization_is_an_api_error(authorization: str) -> None:
    req = request("/", ("authorization", authorization))
    with pytest.raises(ApiError) as raised:
        identify(req, {})
    assert raised.value.status == 400


def test_acs3_accepts_any_order_and_spaces() -> None:
    req = request("/", ("authorization", "ACS3-HMAC-SHA256 Signature=00, SignedHeaders=host;x-acs-date, Credential=ak"))
    credentials = identify(req, {})
    assert credentials.access_key_id == "ak"
    assert credentials.signed_headers == ("host", "x-acs-date")
    assert not verify(credentials, req, {}, "s").matched


def test_sm3_is_refused_where_openssl_lacks_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kowloon.wire.signatures.hashlib.algorithms_available", frozenset({"sha256"}))
    req = request("/", ("authorization", ACS3.replace("SHA256", "SM3")))
    with pytest.raises(ApiError, match="UnsupportedSignatureMethod"):
        identify(req, {})


def test_timestamps_in_both_forms() -> None:
    assert parse_timestamp("2025-01-01T00:00:00Z") == 1735689600
    assert parse_timestamp("Wed, 01 Jan 2025 00:00:00 GMT") == 1735689600
    for text in ("", "GMT", "now", "99, 99 Zzz 9999 99:99:99 GMT", "2025-01-01", "Wed, 32 Jan 2025 00:00:00 GMT"):
        assert parse_timestamp(text) is None


HEADER_NAMES = st.sampled_from(["authorization", "x-acs-date", "date", "content-type", "x-acs-content-sha256", "host"])
AUTHORIZATIONS = st.one_of(
    st.text(max_size=60),
    st.builds("{} {}".format, st.sampled_from(["acs", "ACS3-HMAC-SHA256", "ACS3-HMAC-SM3", "OSS"]), st.text()),
    st.builds("ACS3-HMAC-SHA256 Credential={},SignedHeaders={},Signature={}".format, st.text(), st.text(), st.text()),
)
QUERIES = st.one_of(
    st.text(),
    st.lists(st.tuples(st.sampled_from(["Action", "AccessKeyId", "Signature", "A.1", "A", "Format"]), st.text())).map(
        lambda pairs: "&".join(f"{name}={value}" for name, value in pairs)
    ),
)
FORM = ("content-type", "application/x-www-form-urlencoded")


@settings(max_examples=400, deadline=None)
@given(
    query=QUERIES,
    authorization=AUTHORIZATIONS,
    headers=st.lists(st.tuples(HEADER_NAMES, st.text(max_size=20)), max_size=4),
    body=st.binary(max_size=60),
    form=st.booleans(),
)
def test_only_api_errors_come_out(
    query: str, authorization: str, headers: list[tuple[str, str]], body: bytes, form: bool
) -> None:
    sent = [*headers, ("authorization", authorization), *([FORM] if form else [])]
    req = HttpRequest(method="POST", target=f"/?{query}", headers=sent, body=body)
    with contextlib.suppress(ApiError):
        params = request_parameters(req)
        unflatten(params)
        recognise(req, params)
        credentials = identify(req, params)
        if credentials.variant not in (Variant.BEARER, Variant.ANONYMOUS):
            assert not verify(credentials, req, params, "secret").matched


NAMES = st.text(min_size=1).filter(lambda name: name != "Signature")


@given(params=st.dictionaries(NAMES, st.text(), max_size=6), in_form=st.booleans(), plus=st.booleans())
def test_any_parameters_round_trip_and_verify(params: dict[str, str], in_form: bool, plus: bool) -> None:
    params = params | {"AccessKeyId": "ak"}
    canonical = "&".join(f"{encode(name)}={encode(value)}" for name, value in sorted(params.items()))
    wire = canonical.replace("%20", "+") if plus else canonical
    signed = f"{wire}&Signature={encode(sign_rpc('POST', canonical))}"
    req = request("/", FORM, method="POST", body=signed.encode()) if in_form else request(f"/?{signed}", method="POST")
    read = request_parameters(req)
    expected = params.get("SignatureMethod")
    if expected in (None, "", "HMAC-SHA1"):
        assert {name: value for name, value in read.items() if name != "Signature"} == params
        assert rpc_matched(req)
