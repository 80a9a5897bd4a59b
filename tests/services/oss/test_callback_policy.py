"""Callbacks by name: kept with a bucket, asked for by uploads, gone with it."""

from __future__ import annotations

from typing import Any

import oss2
import pytest
from oss2.models import CallbackPolicyInfo

from tests.services.oss.callers import role, same, stranger
from tests.services.oss.parts import Owner, refused
from tests.services.oss.test_callback import CallbackServer, as_text, server

__all__ = ["server"]

BODY = "object=${object}&size=${size}&mine=${x:mine}&other=${x:other}"


def named(name: str, url: str, variables: Any = None, **changes: Any) -> CallbackPolicyInfo:
    callback = as_text({"callbackUrl": url, "callbackBody": BODY, **changes})
    return CallbackPolicyInfo(name, callback, as_text(variables) if variables is not None else None)


def by_name(name: Any, variables: Any = None) -> dict[str, str]:
    headers = {"x-oss-callback": as_text({"callbackPolicy": name})}
    return headers if variables is None else {**headers, "x-oss-callback-var": as_text(variables)}


@pytest.mark.parametrize("signature", ["v1", "v4"])
def test_policies_are_kept_as_they_are_put_and_go(owner: Owner, server: CallbackServer, signature: str) -> None:
    bucket = owner.bucket(signature=signature)
    refused(
        bucket.get_bucket_callback_policy,
        404,
        "BucketCallbackPolicyNotExist",
        "The bucket does not have a callback policy.",
    )
    items = [named("first", server.url), named("second", server.url, {"x:mine": "kept"})]
    assert bucket.put_bucket_callback_policy(items).status == 200
    kept = bucket.get_bucket_callback_policy().callback_policies
    assert [(item.policy_name, item.callback, item.callback_var) for item in kept] == [
        ("first", items[0].callback, ""),
        ("second", items[1].callback, items[1].callback_var),
    ]
    bucket.put_bucket_callback_policy([items[1]])
    assert [item.policy_name for item in bucket.get_bucket_callback_policy().callback_policies] == ["second"]
    assert bucket.delete_bucket_callback_policy().status == 204
    assert bucket.delete_bucket_callback_policy().status == 204
    refused(bucket.get_bucket_callback_policy, 404, "BucketCallbackPolicyNotExist", "The bucket does not have a")


def test_an_empty_policy_is_one(bucket: oss2.Bucket) -> None:
    assert bucket.put_bucket_callback_policy(None).status == 200
    assert bucket.get_bucket_callback_policy().callback_policies == []


def test_an_upload_calls_back_by_name(bucket: oss2.Bucket, server: CallbackServer) -> None:
    bucket.put_bucket_callback_policy([named("second", f"{server.url}/told", {"x:mine": "kept", "x:other": "too"})])
    answer = bucket.put_object("a", b"123", headers=by_name("second"))
    assert answer.resp.read() == server.answer
    assert server.told[-1].path == "/told"
    assert server.told[-1].form == {"object": "a", "size": "3", "mine": "kept", "other": "too"}
    # What the upload says itself comes first.
    bucket.put_object("b", b"1", headers=by_name("second", {"x:mine": "sent"}))
    assert server.told[-1].form == {"object": "b", "size": "1", "mine": "sent", "other": "too"}


def test_a_completed_upload_calls_back_by_name(bucket: oss2.Bucket, server: CallbackServer) -> None:
    bucket.put_bucket_callback_policy([named("it", server.url)])
    upload_id = bucket.init_multipart_upload("whole").upload_id
    part = oss2.models.PartInfo(1, bucket.upload_part("whole", upload_id, 1, b"12345").etag)
    bucket.complete_multipart_upload("whole", upload_id, [part], headers=by_name("it"))
    assert server.told[-1].form["object"] == "whole"


@pytest.mark.parametrize("name", ["other", "", 5, ["it"]])
def test_a_name_that_is_not_kept_is_refused_before_anything_is_stored(
    bucket: oss2.Bucket, server: CallbackServer, name: Any
) -> None:
    bucket.put_bucket_callback_policy([named("it", server.url)])
    message = f"The bucket has no callback policy of that name: {name}"
    refused(lambda: bucket.put_object("a", b"1", headers=by_name(name)), 400, "InvalidArgument", message)
    assert not bucket.object_exists("a")
    assert server.told == []


def test_names_are_their_own_buckets(owner: Owner, bucket: oss2.Bucket, server: CallbackServer) -> None:
    bucket.put_bucket_callback_policy([named("it", server.url)])
    other = owner.bucket()
    refused(
        lambda: other.put_object("a", b"1", headers=by_name("it")),
        400,
        "InvalidArgument",
        "The bucket has no callback policy of that name: it",
    )


URL = "http://127.0.0.1:1"
WRONG = [
    ([named("a b", URL)], "A name has 1 to 64 letters, digits, hyphens and underscores."),
    ([named("", URL)], "A name has 1 to 64 letters, digits, hyphens and underscores."),
    ([named("a", URL), named("a", URL)], "A name comes twice."),
    ([CallbackPolicyInfo("a", "%%%")], "The callback configuration is not base64 encoded."),
    ([CallbackPolicyInfo("a", "W10=")], "The callback configuration is not json format."),
    ([CallbackPolicyInfo("a", "")], "The callback names no URL."),
    ([CallbackPolicyInfo("a", as_text({"callbackPolicy": "a"}))], "The callback names no URL."),
    ([named("a", "ftp://host/")], "The callbackUrl is not valid: ftp://host/"),
    ([named("a", URL, callbackBody="")], "The callbackBody is empty."),
    ([named("a", URL, {"mine": "1"})], "The names of callback variables must begin with x: in lower case: mine"),
]


@pytest.mark.parametrize(("items", "message"), WRONG, ids=[message for _, message in WRONG])
def test_what_uploads_could_not_use_is_refused(
    bucket: oss2.Bucket, items: list[CallbackPolicyInfo], message: str
) -> None:
    refused(lambda: bucket.put_bucket_callback_policy(items), 400, "InvalidArgument", message)
    refused(bucket.get_bucket_callback_policy, 404, "BucketCallbackPolicyNotExist", "The bucket does not have a")


def test_too_many_are_refused(bucket: oss2.Bucket) -> None:
    items = [named(f"n{number}", URL) for number in range(21)]
    refused(lambda: bucket.put_bucket_callback_policy(items), 400, "MalformedXML", "The XML you provided was not")


def test_only_who_may_sets_and_sees_them(owner: Owner, bucket: oss2.Bucket) -> None:
    for who in (stranger(owner), role(owner, "callback-reader")):
        other = same(bucket, who)
        refused(
            lambda other=other: other.put_bucket_callback_policy([named("a", URL)]),
            403,
            "AccessDenied",
            "The bucket you access does not belong to you.",
        )
        refused(other.get_bucket_callback_policy, 403, "AccessDenied", "The bucket you access does not belong to you.")
        refused(other.delete_bucket_callback_policy, 403, "AccessDenied", "The bucket you access does not belong to")
