"""All 67 recorded requests: those of OpenAPI verify and break on one changed byte, the others are told apart."""

from __future__ import annotations

import msgspec
import pytest

from kowloon.core.errors import ApiError
from kowloon.wire.http import HttpRequest
from kowloon.wire.identify import Style, recognise
from kowloon.wire.parameters import has_form, request_parameters
from kowloon.wire.signatures import Credentials, Variant, Verdict, identify, verify

from .vectors import Vector, body_of, load, request_of

OPENAPI_VARIANTS = {"RPC": Variant.RPC_V1, "ROA": Variant.ROA_V1, "ACS3": Variant.ACS3}
OPENAPI = [vector for vector in load() if vector["variant"].split()[0].split("-")[0] in OPENAPI_VARIANTS]
OTHERS = [vector for vector in load() if vector not in OPENAPI]


def by_id(vector: Vector) -> str:
    return str(vector["id"])


def check(vector: Vector, request: HttpRequest) -> Verdict:
    params = request_parameters(request)
    return verify(identify(request, params), request, params, vector["access_key_secret"])


def flip_last(text: str) -> str:
    return text[:-1] + ("A" if text[-1] != "A" else "B")


def test_every_vector_is_used() -> None:
    assert len(OPENAPI) + len(OTHERS) == 67
    assert len(OPENAPI) == 25


@pytest.mark.parametrize("vector", OPENAPI, ids=by_id)
def test_recorded_signature_holds(vector: Vector) -> None:
    request = request_of(vector)
    params = request_parameters(request)
    credentials = identify(request, params)
    assert credentials.variant is OPENAPI_VARIANTS[vector["variant"].split()[0].split("-")[0]]
    assert credentials.access_key_id == vector["access_key_id"]
    assert credentials.signature == vector["signature"]
    assert verify(credentials, request, params, vector["access_key_secret"]).matched


@pytest.mark.parametrize("vector", OPENAPI, ids=by_id)
def test_changed_signature_is_refused_with_the_string_to_sign(vector: Vector) -> None:
    request = request_of(vector)
    params = request_parameters(request)
    credentials = identify(request, params)
    forged = msgspec.structs.replace(credentials, signature=flip_last(credentials.signature))
    verdict = verify(forged, request, params, vector["access_key_secret"])
    assert not verdict.matched
    assert verdict.error().message.endswith("server string to sign is:" + verdict.string_to_sign)
    # The shown string is the usual one; three clients sign in a manner of their own.
    if vector["id"] not in ("credentials-assumerole-get", "roa-v1-get"):
        assert verdict.string_to_sign == vector["string_to_sign"]


@pytest.mark.parametrize("vector", OPENAPI, ids=by_id)
def test_wrong_secret_is_refused(vector: Vector) -> None:
    assert not check(vector | {"access_key_secret": "testsecreT"}, request_of(vector)).matched


def covers_body(vector: Vector) -> bool:
    """RPC v1 signs forms only, ROA v1 signs a body only through Content-MD5."""
    request = request_of(vector)
    if vector["variant"].startswith("ACS3"):
        return True
    return has_form(request) if vector["variant"].startswith("RPC") else request.header("content-md5") is not None


@pytest.mark.parametrize("vector", OPENAPI, ids=by_id)
def test_changed_body_is_refused_where_the_signature_covers_it(vector: Vector) -> None:
    body = body_of(vector)
    changed = body[:-1] + bytes([body[-1] ^ 1]) if body else b"x"
    try:
        matched = check(vector, request_of(vector, body=changed)).matched
    except ApiError:
        matched = False
    assert matched is not covers_body(vector)


@pytest.mark.parametrize("vector", OPENAPI, ids=by_id)
def test_changed_parameter_is_refused(vector: Vector) -> None:
    target = vector["request"]["target"]
    added = target + ("&" if "?" in target else "?") + "Extra=1"
    assert not check(vector, request_of(vector, target=added)).matched
    if "cn-hangzhou" in target:
        moved = target.replace("cn-hangzhou", "cn-hangzhoU", 1)
        assert not check(vector, request_of(vector, target=moved)).matched


@pytest.mark.parametrize("vector", [v for v in OPENAPI if v["variant"].startswith("ACS3")], ids=by_id)
def test_acs3_refuses_unsigned_or_missing_headers(vector: Vector) -> None:
    headers = request_of(vector).headers
    added = request_of(vector, headers=[*headers, ("x-acs-region-id", "cn-beijing")])
    assert not check(vector, added).matched
    removed = request_of(vector, headers=[header for header in headers if header[0] != "x-acs-content-sha256"])
    assert not check(vector, removed).matched


STYLES = {
    "OSS": Style.OSS,
    "SLS": Style.SLS,
    "MNS": Style.MNS,
    "OTS": Style.OTS,
}


@pytest.mark.parametrize("vector", OTHERS, ids=by_id)
def test_other_protocols_are_told_apart(vector: Vector) -> None:
    if vector["request"] is None:
        request = HttpRequest(
            method="POST",
            target="/",
            headers=[("host", "examplebucket.local"), ("content-type", "multipart/form-data; boundary=b")],
        )
    else:
        request = request_of(vector)
    call = recognise(request, request_parameters(request))
    assert call.style is STYLES[vector["variant"].split()[0]]
    assert call.action == ""


@pytest.mark.parametrize("vector", OPENAPI, ids=by_id)
def test_openapi_style_action_and_version(vector: Vector) -> None:
    request = request_of(vector)
    call = recognise(request, request_parameters(request))
    assert call.style is (Style.ROA if "roa" in vector["id"] else Style.RPC)
    assert call.version != ""
    # Two older clients name no action in ROA calls; the path tells.
    assert call.action or vector["id"].startswith(("core-roa", "popcore-roa"))


def test_credentials_of_an_unsigned_request_are_anonymous() -> None:
    request = HttpRequest(method="GET", target="/?Action=AssumeRoleWithOIDC", headers=[("host", "sts.aliyuncs.com")])
    assert identify(request, request_parameters(request)) == Credentials(variant=Variant.ANONYMOUS)
