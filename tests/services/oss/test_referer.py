"""Hotlink protection: which pages may lead to an object, and which callers are asked at all."""

from __future__ import annotations

import alibabacloud_oss_v2 as oss_v2
import httpx
import oss2
import pytest
from oss2.models import BucketReferer

from tests.services.oss.callers import Anyone, same, stranger, told
from tests.services.oss.parts import Owner, refused

DENIED = (403, "AccessDenied", "You are denied by bucket referer policy.")


def test_a_bucket_without_a_list_welcomes_everyone(owner: Owner, bucket: oss2.Bucket) -> None:
    shown = bucket.get_bucket_referer()
    assert (shown.allow_empty_referer, shown.referers) == (True, [])
    refused(same(bucket, stranger(owner)).get_bucket_referer, 403, "AccessDenied", "does not belong to you")


def test_a_list_is_kept_and_shown(owner: Owner, bucket: oss2.Bucket) -> None:
    client, name = owner.v2(), bucket.bucket_name
    config = oss_v2.RefererConfiguration(
        allow_empty_referer=False,
        allow_truncate_query_string=True,
        truncate_path=True,
        referer_list=oss_v2.RefererList(referers=["http://*.a.example"]),
        referer_blacklist=oss_v2.RefererBlacklist(referers=["http://bad.a.example"]),
    )
    client.put_bucket_referer(oss_v2.PutBucketRefererRequest(bucket=name, referer_configuration=config))
    shown = client.get_bucket_referer(oss_v2.GetBucketRefererRequest(bucket=name)).referer_configuration
    assert (shown.allow_empty_referer, shown.allow_truncate_query_string, shown.truncate_path) == (False, True, True)
    assert shown.referer_list.referers == ["http://*.a.example"]
    assert shown.referer_blacklist.referers == ["http://bad.a.example"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<Other/>",
        b"<RefererConfiguration/>",
        b"<RefererConfiguration><AllowEmptyReferer>maybe</AllowEmptyReferer></RefererConfiguration>",
        b"<RefererConfiguration><AllowEmptyReferer>true</AllowEmptyReferer><TruncatePath>true</TruncatePath>"
        b"<AllowTruncateQueryString>false</AllowTruncateQueryString></RefererConfiguration>",
    ],
)
def test_lists_that_are_none(bucket: oss2.Bucket, body: bytes) -> None:
    refused(lambda: bucket.put_bucket_referer(body.decode()), 400, "MalformedXML", "not well-formed")


@pytest.mark.parametrize(
    ("allowed", "refused_ones", "empty", "referer", "welcome"),
    [
        (["http://a.example"], [], False, "http://a.example/page?x=1", True),
        (["http://a.example"], [], False, "http://b.example/", False),
        (["http://a.example"], [], False, "", False),
        (["http://a.example"], [], True, "", True),
        (["http://*.a.example"], [], False, "http://www.a.example/", True),
        (["http://*.a.example"], [], False, "http://a.example/", False),
        (["http://?.a.example"], [], False, "http://x.a.example/", True),
        (["http://?.a.example"], [], False, "http://xy.a.example/", False),
        ([], [], False, "", True),
        ([], ["http://bad.example"], False, "http://bad.example/x", False),
        ([], ["http://bad.example"], False, "http://good.example/x", True),
        (["http://*.example"], ["http://bad.example"], False, "http://bad.example", False),
        (["http://*?http://a.example"], [], False, "http://evil.example/?http://a.example", False),
    ],
)
def test_who_is_welcome(
    owner: Owner,
    bucket: oss2.Bucket,
    allowed: list[str],
    refused_ones: list[str],
    empty: bool,
    referer: str,
    welcome: bool,
) -> None:
    bucket.put_object("a", b"1")
    bucket.put_bucket_acl("public-read")
    bucket.put_bucket_referer(BucketReferer(empty, allowed, True, refused_ones))
    headers = {"Referer": referer} if referer else {}
    for response in (
        Anyone(owner).call("GET", f"/{bucket.bucket_name}/a", headers),
        httpx.get(bucket.sign_url("GET", "a", 60), headers=headers),
    ):
        if welcome:
            assert response.content == b"1"
        else:
            assert told(response) == DENIED
            assert b"<EC>0003-00000501</EC>" in response.content
    # Who signs in a header is no page.
    assert bucket.get_object("a", headers=headers).read() == b"1"


def test_a_pattern_cannot_be_made_to_take_forever(owner: Owner, bucket: oss2.Bucket) -> None:
    bucket.put_bucket_acl("public-read")
    bucket.put_bucket_referer(BucketReferer(False, ["*a" * 3000 + "b"]))
    response = Anyone(owner).get(f"/{bucket.bucket_name}/a", Referer="http://" + "a" * 8000)
    assert told(response) == DENIED
    assert response.elapsed.total_seconds() < 2.0
