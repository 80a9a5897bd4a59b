"""Every recorded OSS request of the official clients: accepted as it is, refused when anything signed is changed."""

from __future__ import annotations

import pytest

from kowloon.core.errors import ApiError
from kowloon.wire.http import HttpRequest
from kowloon.wire.oss.addressing import locate, parse_query
from kowloon.wire.oss.claims import Claim, Scheme
from kowloon.wire.oss.identify import identify, identify_form
from kowloon.wire.oss.signatures import KeyCache, Verdict, verify, verify_policy
from tests.wire.vectors import Vector, load, request_of

VECTORS = [vector for vector in load() if vector["variant"].startswith("OSS")]
SENT = [vector for vector in VECTORS if vector["request"] is not None]
FORMS = [vector for vector in VECTORS if vector["request"] is None]
SIGNED_AT = 1735689600.0


def by_id(vector: Vector) -> str:
    return str(vector["id"])


def check(request: HttpRequest, secret: str, claim: Claim | None = None) -> Verdict:
    query = parse_query(request.query)
    address = locate(request, bucket_of_cname=lambda host: None)
    return verify(claim or identify(request, query), request, query, address, secret, KeyCache())


def claim_of(vector: Vector) -> Claim:
    request = request_of(vector)
    return identify(request, parse_query(request.query))


def forge(claim: Claim, signature: str) -> Claim:
    fields = {name: getattr(claim, name) for name in dir(claim) if not name.startswith("_")}
    return Claim(**{**fields, "signature": signature})


def test_all_vectors_are_here() -> None:
    assert (len(SENT), len(FORMS)) == (29, 2)


@pytest.mark.parametrize("vector", SENT, ids=by_id)
def test_recorded_request_is_accepted(vector: Vector) -> None:
    claim = claim_of(vector)
    assert claim.access_key_id == "testid"
    assert claim.scheme == vector["variant"].split()[1]
    assert claim.in_query is ("presign" in vector["id"])
    assert claim.security_token == ("CAIS+tok/en==" if vector["id"].endswith("sts") else "")
    assert check(request_of(vector), "testsecret") == Verdict(True)


@pytest.mark.parametrize("vector", SENT, ids=by_id)
def test_times_of_the_claim(vector: Vector) -> None:
    claim = claim_of(vector)
    signed_at = None if claim.in_query and claim.scheme is not Scheme.V4 else SIGNED_AT
    assert (claim.signed_at, claim.expires_at) == (signed_at, SIGNED_AT + 600 if claim.in_query else None)


@pytest.mark.parametrize("vector", SENT, ids=by_id)
def test_wrong_secret_is_refused_and_told_why(vector: Vector) -> None:
    verdict = check(request_of(vector), "testsecreT")
    assert verdict == Verdict(False, vector["string_to_sign"], vector.get("canonical_request", ""))
    error = verdict.error(claim_of(vector))
    assert (error.code, error.status, error.ec) == ("SignatureDoesNotMatch", 403, "0002-00000040")
    assert error.message.startswith("The request signature we calculated does not match the signature you provided.")
    assert error.extra["StringToSign"] == vector["string_to_sign"]
    assert bytes.fromhex(error.extra["StringToSignBytes"]).decode() == vector["string_to_sign"]
    assert error.extra["SignatureProvided"] == vector["signature"]


@pytest.mark.parametrize("vector", SENT, ids=by_id)
@pytest.mark.parametrize("position", [0, 7, -2])
def test_one_flipped_bit_of_the_signature_is_refused(vector: Vector, position: int) -> None:
    claim = claim_of(vector)
    flipped = bytearray(claim.signature.encode())
    flipped[position] ^= 1
    forged = forge(claim, flipped.decode())
    assert not check(request_of(vector), "testsecret", forged).matched


@pytest.mark.parametrize("vector", SENT, ids=by_id)
def test_another_object_method_or_header_is_refused(vector: Vector) -> None:
    target = vector["request"]["target"]
    path, _, query = target.partition("?")
    assert not check(request_of(vector, target=f"{path}x?{query}"), "testsecret").matched
    request = request_of(vector)
    request.method = "DELETE"
    assert not check(request, "testsecret").matched
    headers = [*request.headers, ("x-oss-object-acl2", "public-read")]
    request = HttpRequest(method=vector["request"]["method"], target=target, headers=headers)
    assert not check(request, "testsecret").matched


@pytest.mark.parametrize("vector", SENT, ids=by_id)
def test_another_subresource_is_refused(vector: Vector) -> None:
    target = vector["request"]["target"]
    for name in ("policy", "versionId=x", "x-oss-process=image"):
        extended = request_of(vector, target=f"{target}{'&' if '?' in target else '?'}{name}")
        assert not check(extended, "testsecret").matched


@pytest.mark.parametrize("vector", FORMS, ids=by_id)
def test_policies_of_forms(vector: Vector) -> None:
    fields = vector["form_fields"]
    claim = identify_form(fields)
    assert (claim.scheme, claim.access_key_id) == (vector["id"][-2:].upper(), "testid")
    assert verify_policy(claim, fields["policy"], "testsecret", KeyCache()) == Verdict(True)
    refused = Verdict(False, fields["policy"])
    assert verify_policy(claim, fields["policy"], "testsecreT", KeyCache()) == refused
    assert not verify_policy(claim, fields["policy"] + "A", "testsecret", KeyCache()).matched
    forged = forge(claim, claim.signature[::-1])
    assert not verify_policy(forged, fields["policy"], "testsecret", KeyCache()).matched


@pytest.mark.parametrize("name", ["OSSAccessKeyId", "Signature", "x-oss-credential", "x-oss-signature", "x-oss-date"])
def test_forms_that_lack_a_part_of_their_signature(name: str) -> None:
    for vector in FORMS:
        fields = {field: text for field, text in vector["form_fields"].items() if field != name}
        if len(fields) < len(vector["form_fields"]):
            with pytest.raises(ApiError) as refused:
                identify_form(fields)
            assert (refused.value.code, refused.value.status) == ("InvalidArgument", 400)
