"""Signatures over sockets: what the official clients sign is taken, and what was changed afterwards is not."""

from __future__ import annotations

import datetime
import functools
import hashlib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any
from unittest import mock

import alibabacloud_oss_v2 as oss_v2
import httpx
import msgspec
import oss2
import pytest

from kowloon.store.identity import StoredKey
from tests.services.oss.callers import role, same, told
from tests.services.oss.parts import Owner, refused, refused_v2

SIGNATURES = ["v1", "v2", "v4"]
MISMATCH = (
    403,
    "SignatureDoesNotMatch",
    "The request signature we calculated does not match the signature you provided. Check your key and signing method.",
)


@contextmanager
def clock_off(seconds: float) -> Iterator[None]:
    """oss2 signing at another time than it is."""
    moment = time.time() + seconds

    class Shifted(datetime.datetime):
        @classmethod
        def utcnow(cls) -> Any:
            return datetime.datetime.fromtimestamp(moment, datetime.UTC).replace(tzinfo=None)

    with (
        mock.patch("oss2.utils.http_date", return_value=_http_date(moment)),
        mock.patch("oss2.auth.datetime", Shifted),
        mock.patch("oss2.auth.time", SimpleNamespace(time=lambda: moment)),
    ):
        yield


def _http_date(moment: float) -> str:
    return datetime.datetime.fromtimestamp(moment, datetime.UTC).strftime("%a, %d %b %Y %H:%M:%S GMT")


@pytest.mark.parametrize("signature", SIGNATURES)
def test_keys_that_open_nothing(owner: Owner, bucket: oss2.Bucket, signature: str) -> None:
    wrong = same(bucket, Owner(owner.cloud, secret="wrong"), signature)
    details = refused(lambda: wrong.put_object("a b/ü", b"1"), *MISMATCH)
    assert details["EC"] == "0002-00000040"
    assert details["OSSAccessKeyId"] == owner.access_key_id
    assert details["StringToSign"]
    assert bytes.fromhex(details["StringToSignBytes"]).decode() == details["StringToSign"]
    assert ("CanonicalRequest" in details) == (signature == "v4")
    unknown = same(bucket, Owner(owner.cloud, "LTAI5tNobody"), signature)
    details = refused(
        lambda: unknown.get_object("a"),
        403,
        "InvalidAccessKeyId",
        "The OSS Access Key Id you provided does not exist in our records.",
    )
    assert details["EC"] == "0002-00000902"
    details = refused(
        lambda: same(bucket, _disabled(owner), signature).get_object("a"),
        403,
        "InvalidAccessKeyId",
        "The OSS Access Key Id you provided is disabled.",
    )
    assert details["Message"] == "The OSS Access Key Id you provided is disabled."


def _disabled(owner: Owner) -> Owner:
    key = StoredKey(id="LTAI5tDisabled", account=owner.cloud.account_id, secret="x", user="", active=False)

    async def put() -> None:
        await owner.cloud.cloud.store.run(lambda tx: tx.put(key))

    owner.cloud.run(put())
    return Owner(owner.cloud, key.id, key.secret)


@pytest.mark.parametrize("signature", SIGNATURES)
@pytest.mark.parametrize("seconds", [-16 * 60, 16 * 60])
def test_a_clock_that_is_off(owner: Owner, bucket: oss2.Bucket, signature: str, seconds: int) -> None:
    signer = same(bucket, owner, signature)
    with clock_off(seconds):
        details = refused(
            lambda: signer.get_object("a"),
            403,
            "RequestTimeTooSkewed",
            "The difference between the request time and the current time is too large.",
        )
    assert (details["EC"], details["MaxAllowedSkewMilliseconds"]) == ("0002-00000504", "900000")
    with clock_off(seconds * 14 / 16):
        refused(lambda: signer.get_object("a"), 404, "NoSuchKey", "The specified key does not exist.")


@pytest.mark.parametrize("signature", SIGNATURES)
def test_a_url_ends(owner: Owner, bucket: oss2.Bucket, signature: str) -> None:
    bucket.put_object("a", b"1")
    signer = same(bucket, owner, signature)
    with clock_off(-120):
        ended, holds = signer.sign_url("GET", "a", 60), signer.sign_url("GET", "a", 600)
    assert told(httpx.get(ended)) == (403, "AccessDenied", "Request has expired.")
    assert b"<Expires>" in httpx.get(ended).content
    assert httpx.get(holds).content == b"1"
    if signature == "v4":
        with clock_off(16 * 60):
            early = signer.sign_url("GET", "a", 60)
        assert told(httpx.get(early))[:2] == (403, "AccessDenied")
        with clock_off(0):
            long = signer.sign_url("GET", "a", 8 * 24 * 3600)
        assert told(httpx.get(long))[:2] == (400, "InvalidArgument")


@pytest.mark.parametrize("signature", SIGNATURES)
def test_what_is_changed_after_signing(owner: Owner, bucket: oss2.Bucket, signature: str) -> None:
    bucket.put_object("a", b"1")
    bucket.put_object("b", b"2")
    signer = same(bucket, owner, signature)
    read, write = signer.sign_url("GET", "a", 60), signer.sign_url("PUT", "a", 60, headers={"x-oss-meta-x": "1"})
    for changed in (
        httpx.put(read, content=b"x"),
        httpx.delete(read),
        httpx.get(read.replace("/a?", "/b?")),
        httpx.get(f"{read}&acl"),
        httpx.get(f"{read}&versionId=null"),
        httpx.get(f"{read}&response-content-type=text/html"),
        httpx.get(f"{read}&x-oss-traffic-limit=1"),
        httpx.put(write, content=b"x"),
        httpx.put(write, content=b"x", headers={"x-oss-meta-x": "2"}),
        httpx.put(write, content=b"x", headers={"x-oss-meta-x": "1", "x-oss-object-acl": "public-read"}),
        httpx.put(write, content=b"x", headers={"x-oss-meta-x": "1", "Content-Type": "text/html"}),
    ):
        assert told(changed) == MISMATCH
    assert bucket.get_object("a").read() == b"1"
    assert httpx.put(write, content=b"x", headers={"x-oss-meta-x": "1"}).status_code == 200


@pytest.mark.parametrize("added", ["retention", "legalHold", "seal&position=1", "cleanRestoredObject", "link", "img"])
@pytest.mark.parametrize("method", ["GET", "PUT", "POST"])
def test_nothing_can_be_added_to_a_signed_url(owner: Owner, bucket: oss2.Bucket, method: str, added: str) -> None:
    """Clients do not agree on which of these they sign; in a URL all of them must be."""
    bucket.put_object("a", b"1")
    url = same(bucket, owner, "v1").sign_url(method, "a", 60)
    answer = httpx.request(method, f"{url}&{added}", content=b"<LegalHold><Status>ON</Status></LegalHold>")
    # What is not built is said before anyone is asked who he is.
    assert told(answer)[:2] in ((403, "SignatureDoesNotMatch"), (501, "NotBuiltInKowloon"), (405, "MethodNotAllowed"))
    assert bucket.get_object("a").read() == b"1"
    bucket.delete_object("a")


def test_both_signatures_at_once(owner: Owner, bucket: oss2.Bucket) -> None:
    bucket.put_object("a", b"1")
    for signature in SIGNATURES:
        url = same(bucket, owner, signature).sign_url("GET", "a", 60)
        answer = httpx.get(url, headers={"Authorization": "OSS someone:signature"})
        status, code, message = told(answer)
        assert (status, code) == (400, "InvalidArgument")
        assert "Only one auth mechanism allowed" in message


@pytest.mark.parametrize("size_bytes", [1, 2_000_000])
def test_a_body_is_what_was_signed(bucket: oss2.Bucket, size_bytes: int) -> None:
    """V4 can promise the hash of the body; of the clients only this one does, and only if told."""
    body = b"x" * size_bytes
    headers = {"x-oss-content-sha256": hashlib.sha256(body).hexdigest()}
    url = bucket.sign_url("PUT", "a", 60, headers=headers)
    assert httpx.put(url, content=body, headers=headers).status_code == 200
    wrong = httpx.put(url, content=body[:-1] + b"y", headers=headers)
    assert told(wrong) == (
        400,
        "InvalidArgument",
        "The provided x-oss-content-sha256 header does not match what was computed.",
    )
    assert bucket.get_object("a").read() == body


def test_a_document_is_what_was_signed(bucket: oss2.Bucket) -> None:
    bucket.put_object("a", b"1")
    document = b"<Tagging><TagSet><Tag><Key>a</Key><Value>1</Value></Tag></TagSet></Tagging>"
    headers = {"x-oss-content-sha256": hashlib.sha256(document).hexdigest()}
    url = bucket.sign_url("PUT", "a", 60, headers=headers, params={"tagging": ""})
    assert told(httpx.put(url, content=document.replace(b">1<", b">2<"), headers=headers))[:2] == (
        400,
        "InvalidArgument",
    )
    assert httpx.put(url, content=document, headers=headers).status_code == 200
    assert bucket.get_object_tagging("a").tag_set.tagging_rule == {"a": "1"}


@pytest.mark.parametrize("signature", ["v1", "v4"])
def test_temporary_keys_need_their_token(owner: Owner, bucket: oss2.Bucket, signature: str) -> None:
    bucket.put_object("a", b"1")
    session = role(owner, f"temporary-{signature}", "AliyunOSSFullAccess")
    held = same(bucket, session, signature)
    assert held.get_object("a").read() == b"1"
    assert httpx.get(held.sign_url("GET", "a", 60)).content == b"1"
    client = session.v2(signature)
    assert client.get_object(oss_v2.GetObjectRequest(bucket=bucket.bucket_name, key="a")).body.content == b"1"
    signed = client.presign(oss_v2.GetObjectRequest(bucket=bucket.bucket_name, key="a"))
    assert httpx.get(signed.url).content == b"1"
    bare = same(bucket, Owner(owner.cloud, session.access_key_id, session.secret), signature)
    refused(lambda: bare.get_object("a"), 403, "InvalidAccessKeyId", "needs a security token")
    forged = same(bucket, Owner(owner.cloud, session.access_key_id, session.secret, "forged"), signature)
    refused(lambda: forged.get_object("a"), 403, "InvalidSecurityToken", "The security token you provided is invalid.")
    extra = Owner(owner.cloud, owner.access_key_id, owner.secret, "token")
    refused(
        lambda: same(bucket, extra, signature).get_object("a"),
        403,
        "InvalidSecurityToken",
        "The security token you provided is invalid.",
    )


def test_a_temporary_key_ends(alone: Owner) -> None:
    bucket = alone.bucket()
    session = role(alone, "short", "AliyunOSSFullAccess")
    store = alone.cloud.cloud.store

    async def end() -> None:
        def body(tx: Any) -> None:
            key = tx.get(StoredKey, session.access_key_id)
            tx.put(msgspec.structs.replace(key, expires_at=time.time() - 1))

        await store.run(body)

    alone.cloud.run(end())
    refused(
        lambda: same(bucket, session).list_objects(),
        403,
        "SecurityTokenExpired",
        "The security token you provided has expired.",
    )


def test_the_second_generation_is_told_too(owner: Owner, bucket: oss2.Bucket) -> None:
    request = oss_v2.HeadObjectRequest(bucket=bucket.bucket_name, key="a")
    for signature in ("v1", "v4"):
        client = Owner(owner.cloud, secret="x").v2(signature)
        error = refused_v2(functools.partial(client.head_object, request), *MISMATCH)
        assert error.ec == "0002-00000040"
        assert len(error.request_id) == 24


@pytest.mark.parametrize(
    "authorization",
    ["OSS", "OSS x", "OSS :", "OSS4-HMAC-SHA256 Credential=a", "OSS2 AccessKeyId:a", "OSS4-HMAC-SHA256 " + "a=b," * 99],
)
def test_authorizations_that_are_none(owner: Owner, bucket: oss2.Bucket, authorization: str) -> None:
    answer = httpx.get(f"{owner.url}/{bucket.bucket_name}/a", headers={"Authorization": authorization})
    assert told(answer) == (400, "InvalidArgument", "Authorization header is invalid.")


def test_a_signature_without_a_date(owner: Owner, bucket: oss2.Bucket) -> None:
    answer = httpx.get(
        f"{owner.url}/{bucket.bucket_name}/a", headers={"Authorization": f"OSS {owner.access_key_id}:c2ln"}
    )
    assert told(answer) == (403, "AccessDenied", "OSS authentication requires a valid Date.")
