"""PostObject: forms signed by their policy, as browsers send them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from datetime import UTC, datetime
from typing import Any
from xml.etree import ElementTree

import httpx
import oss2
import pytest

from kowloon.engines.blob.base import ZoneMode
from kowloon.services.oss.resources import Bucket
from tests.conftest import REGION
from tests.services.oss.callers import policy, role, statement, stranger
from tests.services.oss.parts import Owner
from tests.services.parts import other_account

Fields = dict[str, str]


def iso(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def encoded(conditions: list[Any], expiration: str = "") -> str:
    policy = {"expiration": expiration or iso(time.time() + 600), "conditions": conditions}
    return base64.b64encode(json.dumps(policy).encode()).decode()


def signed_v1(owner: Owner, policy: str) -> Fields:
    digest = hmac.digest(owner.secret.encode(), policy.encode(), "sha1")
    fields = {"OSSAccessKeyId": owner.access_key_id, "policy": policy, "Signature": base64.b64encode(digest).decode()}
    return {**fields, "x-oss-security-token": owner.token} if owner.token else fields


def signed_v4(owner: Owner, policy: str) -> Fields:
    date = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    key = f"aliyun_v4{owner.secret}".encode()
    for text in (date[:8], REGION, "oss", "aliyun_v4_request"):
        key = hmac.digest(key, text.encode(), "sha256")
    return {
        "policy": policy,
        "x-oss-signature-version": "OSS4-HMAC-SHA256",
        "x-oss-credential": f"{owner.access_key_id}/{date[:8]}/{REGION}/oss/aliyun_v4_request",
        "x-oss-date": date,
        "x-oss-signature": hmac.new(key, policy.encode(), hashlib.sha256).hexdigest(),
    }


def post(
    owner: Owner, bucket: str, fields: Fields, body: bytes = b"hello", name: str = "a.txt", kind: str = "text/plain"
) -> httpx.Response:
    # In this order, and the file last.
    parts: list[tuple[str, Any]] = [(field, (None, value)) for field, value in fields.items()]
    parts.append(("file", (name, body, kind)))
    return httpx.post(f"{owner.url}/{bucket}", files=parts, trust_env=False)


def error_of(response: httpx.Response) -> tuple[int, str, str]:
    root = ElementTree.fromstring(response.content)
    assert root.tag == "Error"
    assert response.headers["x-oss-request-id"] == root.findtext("RequestId")
    return response.status_code, root.findtext("Code") or "", root.findtext("Message") or ""


@pytest.fixture
def bucket(owner: Owner) -> oss2.Bucket:
    return owner.bucket()


@pytest.mark.parametrize("sign", [signed_v1, signed_v4])
def test_a_signed_form_makes_an_object(owner: Owner, bucket: oss2.Bucket, sign: Any) -> None:
    policy = encoded([{"bucket": bucket.bucket_name}, ["starts-with", "$key", "user/"]])
    fields = {
        "key": "user/${filename}",
        **sign(owner, policy),
        "x-oss-meta-Owner": "eric",
        "Cache-Control": "no-cache",
        "x-oss-storage-class": "IA",
        "x-oss-object-acl": "public-read",
        "x-oss-tagging": "a=1&b=2",
    }
    response = post(owner, bucket.bucket_name, fields, name="C:\\photos\\a b.txt")
    assert (response.status_code, response.content) == (204, b"")
    found = bucket.get_object("user/a b.txt")
    assert found.read() == b"hello"
    assert found.headers["Content-Type"] == "text/plain"
    assert found.headers["Cache-Control"] == "no-cache"
    assert found.headers["x-oss-meta-owner"] == "eric"
    assert found.headers["x-oss-storage-class"] == "IA"
    assert response.headers["ETag"] == f'"{found.etag}"'
    assert bucket.get_object_acl("user/a b.txt").acl == "public-read"
    assert bucket.get_object_tagging("user/a b.txt").tag_set.tagging_rule == {"a": "1", "b": "2"}


@pytest.mark.parametrize("size_bytes", [0, 200_000, 3_000_000])
def test_forms_of_any_size(owner: Owner, bucket: oss2.Bucket, size_bytes: int) -> None:
    body = (b"\r\n--boundary--\r\n" * (size_bytes // 16 + 1))[:size_bytes]
    response = post(owner, bucket.bucket_name, {"key": "large", **signed_v1(owner, encoded([]))}, body)
    assert response.status_code == 204, response.text
    assert bucket.get_object("large").read() == body
    assert response.headers["x-oss-hash-crc64ecma"] == bucket.head_object("large").headers["x-oss-hash-crc64ecma"]


def test_what_a_form_gets_back(owner: Owner, bucket: oss2.Bucket) -> None:
    signed = signed_v1(owner, encoded([]))
    plain = post(owner, bucket.bucket_name, {"key": "k", **signed, "success_action_status": "200"})
    assert (plain.status_code, plain.content) == (200, b"")
    odd = post(owner, bucket.bucket_name, {"key": "k", **signed, "success_action_status": "299"})
    assert odd.status_code == 204
    created = post(owner, bucket.bucket_name, {"key": "k/ä", **signed, "success_action_status": "201"})
    root = ElementTree.fromstring(created.content)
    location = f"http://{bucket.bucket_name}.oss-{REGION}.aliyuncs.com/k/%C3%A4"
    assert created.status_code == 201
    assert {each.tag: each.text for each in root} == {
        "Bucket": bucket.bucket_name,
        "Location": location,
        "Key": "k/ä",
        "ETag": created.headers["ETag"],
    }
    redirect = {"success_action_redirect": "https://www.example.com/done?a=1"}
    sent_on = post(owner, bucket.bucket_name, {"key": "k", **signed, **redirect})
    assert sent_on.status_code == 303
    etag = sent_on.headers["ETag"].strip('"')
    expected = f"https://www.example.com/done?a=1&bucket={bucket.bucket_name}&key=k&etag=%22{etag}%22"
    assert sent_on.headers["Location"] == expected


@pytest.mark.parametrize(
    "target", ["javascript:alert(1)", "//example.com", "http://a/\r\nSet-Cookie: x=1", "http://[/"]
)
def test_a_redirect_to_nowhere_is_none(owner: Owner, bucket: oss2.Bucket, target: str) -> None:
    fields = {"key": "k", **signed_v1(owner, encoded([])), "success_action_redirect": target}
    response = post(owner, bucket.bucket_name, fields)
    assert response.status_code == 204
    assert "Location" not in response.headers
    assert "Set-Cookie" not in response.headers


@pytest.mark.parametrize(
    ("conditions", "condition"),
    [
        ([{"bucket": "other"}], '["eq", "$bucket", "other"]'),
        ([["eq", "$key", "other"]], '["eq", "$key", "other"]'),
        ([["starts-with", "$key", "user/"]], '["starts-with", "$key", "user/"]'),
        ([["in", "$content-type", ["image/png"]]], '["in", "$content-type", ["image/png"]]'),
        ([["not-in", "$Content-Type", ["text/html"]]], '["not-in", "$Content-Type", ["text/html"]]'),
        ([["eq", "$x-oss-meta-a", ""]], '["eq", "$x-oss-meta-a", ""]'),
    ],
)
def test_conditions_that_do_not_hold(owner: Owner, bucket: oss2.Bucket, conditions: list[Any], condition: str) -> None:
    fields = {"key": "mine", "Content-Type": "text/html", **signed_v1(owner, encoded(conditions))}
    message = f"Invalid according to Policy: Policy Condition failed: {condition}"
    assert error_of(post(owner, bucket.bucket_name, fields)) == (403, "AccessDenied", message)
    assert not bucket.object_exists("mine")


def test_a_policy_ends(owner: Owner, bucket: oss2.Bucket) -> None:
    fields = {"key": "k", **signed_v1(owner, encoded([], iso(time.time() - 1)))}
    message = "Invalid according to Policy: Policy expired."
    assert error_of(post(owner, bucket.bucket_name, fields)) == (403, "AccessDenied", message)


def test_the_size_that_a_policy_allows(owner: Owner, bucket: oss2.Bucket) -> None:
    fields = {"key": "k", **signed_v1(owner, encoded([["content-length-range", 2, 500_000]]))}
    status, code, message = error_of(post(owner, bucket.bucket_name, fields, b"1"))
    assert (status, code) == (400, "EntityTooSmall")
    assert "smaller than the minimum" in message
    for size_bytes in (500_001, 2_000_000):
        status, code, message = error_of(post(owner, bucket.bucket_name, fields, b"1" * size_bytes))
        assert (status, code) == (400, "EntityTooLarge")
        assert "exceeds the maximum" in message
    assert not bucket.object_exists("k")
    assert post(owner, bucket.bucket_name, fields, b"1" * 500_000).status_code == 204


@pytest.mark.parametrize(
    ("policy", "why"),
    [
        ("not base64!", "Invalid JSON."),
        (base64.b64encode(b"[1]").decode(), "Invalid JSON."),
        (base64.b64encode(b"[" * 100_000).decode()[:60_000], "Invalid JSON."),
        (base64.b64encode(b'{"conditions":[]}').decode(), "Policy missing expiration."),
        (base64.b64encode(b'{"expiration":"2099-01-01T00:00:00Z"}').decode(), "Policy missing conditions."),
        (encoded([], "tomorrow"), "Invalid 'expiration' value: 'tomorrow'"),
        (encoded([{"a": "1", "b": "2"}]), "Simple-Conditions must have exactly one property specified."),
        (encoded([{"a": 1}]), "value must be a string."),
        (encoded([123]), "a condition must be of the map or list type."),
        (encoded([["content-length-range", 0, "9"]]), "content-length-range takes two numbers."),
        (encoded([["not-in", "$cache-control", "no-cache"]]), "the value is of the wrong type"),
        (encoded([["like", "$key", "a"]]), "unknown operation 'like'."),
    ],
    # A policy carries the time it was made at: two test processes would name the same case differently.
    ids=lambda value: value if " " in value else "policy",
)
def test_policies_that_are_none(owner: Owner, bucket: oss2.Bucket, policy: str, why: str) -> None:
    status, code, message = error_of(post(owner, bucket.bucket_name, {"key": "k", **signed_v1(owner, policy)}))
    assert (status, code) == (400, "InvalidPolicyDocument")
    assert message.startswith("Invalid Policy: ")
    assert why in message


def test_signatures_that_do_not_hold(owner: Owner, bucket: oss2.Bucket) -> None:
    policy = encoded([])
    wrong = {**signed_v1(owner, policy), "Signature": "AAAA"}
    assert error_of(post(owner, bucket.bucket_name, {"key": "k", **wrong}))[:2] == (403, "SignatureDoesNotMatch")
    wrong = {**signed_v4(owner, policy), "x-oss-signature": "00"}
    assert error_of(post(owner, bucket.bucket_name, {"key": "k", **wrong}))[:2] == (403, "SignatureDoesNotMatch")
    unknown = {**signed_v1(owner, policy), "OSSAccessKeyId": "nobody"}
    status, code, message = error_of(post(owner, bucket.bucket_name, {"key": "k", **unknown}))
    assert (status, code) == (403, "InvalidAccessKeyId")
    assert message == "The OSS Access Key Id you provided does not exist in our records."
    bare = {name: value for name, value in signed_v1(owner, policy).items() if name != "policy"}
    status, code, message = error_of(post(owner, bucket.bucket_name, {"key": "k", **bare}))
    assert (status, code) == (400, "InvalidArgument")
    assert "'policy'" in message
    # Only what the form says counts; its fields in any case of letters.
    lower = {"signature" if name == "Signature" else name: value for name, value in signed_v1(owner, policy).items()}
    files = [(name, (None, value)) for name, value in {"key": "k", **lower}.items()]
    response = httpx.post(
        f"{owner.url}/{bucket.bucket_name}",
        files=[*files, ("file", ("a", b"1", "text/plain"))],
        headers={"Authorization": "OSS nobody:wrong"},
        trust_env=False,
    )
    assert response.status_code == 204, response.text


def test_without_a_signature_only_where_everyone_may_write(owner: Owner, bucket: oss2.Bucket) -> None:
    status, code, _ = error_of(post(owner, bucket.bucket_name, {"key": "k"}))
    assert (status, code) == (403, "AccessDenied")
    bucket.put_bucket_acl("public-read-write")
    assert post(owner, bucket.bucket_name, {"key": "k"}).status_code == 204
    # A policy that is sent counts, whoever sends it.
    failing = {"key": "k", "policy": encoded([["eq", "$key", "other"]])}
    assert error_of(post(owner, bucket.bucket_name, failing))[:2] == (403, "AccessDenied")


def test_other_accounts_may_not(owner: Owner, bucket: oss2.Bucket) -> None:
    stranger = other_account(owner.cloud).config
    theirs = Owner(owner.cloud, stranger["access_key_id"], stranger["access_key_secret"])
    status, code, _ = error_of(post(owner, bucket.bucket_name, {"key": "k", **signed_v1(theirs, encoded([]))}))
    assert (status, code) == (403, "AccessDenied")
    assert not bucket.object_exists("k")


def test_a_bucket_that_is_not_there(owner: Owner) -> None:
    signed = signed_v1(owner, encoded([]))
    status, code, message = error_of(post(owner, "nowhere-to-post", {"key": "k", **signed}))
    assert (status, code, message) == (404, "NoSuchBucket", "The specified bucket does not exist.")


def test_what_is_there_may_be_kept(owner: Owner, bucket: oss2.Bucket) -> None:
    fields = {"key": "k", **signed_v4(owner, encoded([])), "x-oss-forbid-overwrite": "true"}
    assert post(owner, bucket.bucket_name, fields, b"1").status_code == 204
    status, code, _ = error_of(post(owner, bucket.bucket_name, fields, b"2"))
    assert (status, code) == (409, "FileAlreadyExists")
    assert bucket.get_object("k").read() == b"1"


def test_no_field_becomes_two_headers(owner: Owner, bucket: oss2.Bucket) -> None:
    for name, value in (
        ("Cache-Control", "a\r\nSet-Cookie: x=1"),
        ("x-oss-meta-a", "1\n2"),
        ("x-oss-meta-a b", "1"),
        ("Content-Type", "text/html\r\nX: 1"),
    ):
        status, code, message = error_of(
            post(owner, bucket.bucket_name, {"key": "k", **signed_v1(owner, encoded([])), name: value})
        )
        assert (status, code) == (400, "InvalidArgument")
        assert message == f"The value of the form field {name.lower()} is not valid."


def raw_form(owner: Owner, bucket: str, body: bytes, kind: str = "multipart/form-data; boundary=x") -> httpx.Response:
    return httpx.post(f"{owner.url}/{bucket}", content=body, headers={"Content-Type": kind}, trust_env=False)


FILE_PART = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nhello\r\n'
KEY_PART = b'--x\r\nContent-Disposition: form-data; name="key"\r\n\r\nk\r\n'


@pytest.mark.parametrize(
    ("body", "kind", "code", "message"),
    [
        (b"a=1", "application/x-www-form-urlencoded", "RequestIsNotMultiPartContent", "enclosure-type"),
        (KEY_PART + FILE_PART + b"--x--\r\n", "multipart/form-data", "MalformedPOSTRequest", "not well-formed"),
        (b"garbage", "multipart/form-data; boundary=x", "MalformedPOSTRequest", "not well-formed"),
        (KEY_PART + FILE_PART, "multipart/form-data; boundary=x", "MalformedPOSTRequest", "not well-formed"),
        (KEY_PART + b"--x--\r\n", "multipart/form-data; boundary=x", "IncorrectNumberOfFilesInPOSTRequest", "one file"),
        (FILE_PART + b"--x--\r\n", "multipart/form-data; boundary=x", "InvalidArgument", "field named 'key'"),
        (
            KEY_PART.replace(b"\r\nk\r\n", b"\r\n" + b"k" * 70_000 + b"\r\n") + FILE_PART + b"--x--\r\n",
            "multipart/form-data; boundary=x",
            "FieldItemTooLong",
            "too long: key",
        ),
        (
            KEY_PART.replace(b"\r\nk\r\n", b"\r\n/k\r\n") + FILE_PART + b"--x--\r\n",
            "multipart/form-data; boundary=x",
            "InvalidObjectName",
            "is not valid",
        ),
    ],
)
def test_forms_that_are_none(owner: Owner, body: bytes, kind: str, code: str, message: str) -> None:
    bucket = owner.bucket()
    bucket.put_bucket_acl("public-read-write")
    status, found, text = error_of(raw_form(owner, bucket.bucket_name, body, kind))
    assert (status, found) == (400, code)
    assert message in text


def test_what_comes_after_the_file_is_ignored(owner: Owner, bucket: oss2.Bucket) -> None:
    bucket.put_bucket_acl("public-read-write")
    late = b'--x\r\nContent-Disposition: form-data; name="x-oss-meta-a"\r\n\r\n1\r\n'
    response = raw_form(owner, bucket.bucket_name, KEY_PART + FILE_PART + late + FILE_PART + b"--x--\r\n")
    assert response.status_code == 204, response.text
    found = bucket.get_object("k")
    assert found.read() == b"hello"
    assert "x-oss-meta-a" not in found.headers


def test_a_zone_that_is_out(alone: Owner) -> None:
    bucket = alone.bucket()
    fields = {"key": "k", **signed_v1(alone, encoded([]))}
    cloud = alone.cloud.cloud

    def stop() -> None:
        found = cloud.store.get(Bucket, bucket.bucket_name)
        assert found is not None
        for zone in found.zones:
            cloud.storage.set_mode(zone, ZoneMode.STOPPED)

    alone.cloud.call(stop)
    for body in (b"small", b"x" * 1_000_000):
        status, code, _ = error_of(post(alone, bucket.bucket_name, fields, body))
        assert (status, code) == (503, "ServiceUnavailable")


def test_roles_post_with_their_token(owner: Owner, bucket: oss2.Bucket) -> None:
    poster = role(owner, "poster-of-forms", "AdministratorAccess")
    for sign in (signed_v1, signed_v4):
        fields = {"key": "k", **sign(poster, encoded([])), "x-oss-security-token": poster.token}
        assert post(owner, bucket.bucket_name, fields).status_code == 204
        del fields["x-oss-security-token"]
        assert error_of(post(owner, bucket.bucket_name, fields))[:2] == (403, "InvalidAccessKeyId")
        fields["x-oss-security-token"] = "another"
        assert error_of(post(owner, bucket.bucket_name, fields))[:2] == (403, "InvalidSecurityToken")


def test_a_form_may_no_more_than_an_upload(owner: Owner, bucket: oss2.Bucket) -> None:
    bucket.put_bucket_policy(policy(statement("Allow", "oss:PutObject", bucket)))
    guest = stranger(owner)
    fields = {"key": "k", **signed_v1(guest, encoded([]))}
    assert post(owner, bucket.bucket_name, fields).status_code == 204
    for name, value in (("x-oss-tagging", "a=1"), ("x-oss-object-acl", "public-read")):
        assert error_of(post(owner, bucket.bucket_name, {**fields, name: value}))[:2] == (403, "AccessDenied")
    bucket.put_bucket_policy(policy(statement("Deny", "oss:PutObject", bucket)))
    own = {"key": "k", **signed_v1(owner, encoded([]))}
    assert error_of(post(owner, bucket.bucket_name, own))[:2] == (403, "AccessDenied")
