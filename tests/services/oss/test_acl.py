"""ACLs of buckets and objects: what strangers and people without a key may do, and what they are told."""

from __future__ import annotations

import alibabacloud_oss_v2 as oss_v2
import httpx
import oss2
import pytest

from kowloon.core.events import Event, RequestEvent
from tests.services.oss.callers import Anyone, role, same, stranger, told
from tests.services.oss.parts import Owner, refused

BY_ACL = (403, "AccessDenied", "You have no right to access this object because of bucket acl.")
NOT_YOURS = (403, "AccessDenied", "The bucket you access does not belong to you.")


@pytest.mark.parametrize(
    ("acl", "reads", "writes"),
    [("private", False, False), ("public-read", True, False), ("public-read-write", True, True)],
)
def test_what_the_acl_of_a_bucket_opens(owner: Owner, bucket: oss2.Bucket, acl: str, reads: bool, writes: bool) -> None:
    bucket.put_object("a", b"1")
    bucket.put_bucket_acl(acl)
    path, anyone, theirs = f"/{bucket.bucket_name}/a", Anyone(owner), same(bucket, stranger(owner))
    got, head = anyone.get(path), anyone.call("HEAD", path)
    if reads:
        assert (got.content, head.headers["content-length"]) == (b"1", "1")
        assert theirs.get_object("a").read() == b"1"
    else:
        assert told(got) == BY_ACL
        assert (head.status_code, head.content) == (403, b"")
        refused(lambda: theirs.get_object("a"), *BY_ACL)
    put = anyone.call("PUT", path, body=b"2")
    if writes:
        assert put.status_code == 200
        theirs.put_object("a", b"3")
        assert anyone.call("DELETE", path).status_code == 204
    else:
        assert told(put) == BY_ACL
        assert told(anyone.call("DELETE", path)) == BY_ACL
        refused(lambda: theirs.put_object("a", b"3"), *BY_ACL)
    # No ACL is about the bucket itself.
    listing = anyone.get(f"/{bucket.bucket_name}")
    assert told(listing) == (403, "AccessDenied", "Anonymous user has no right to access this bucket.")
    refused(theirs.list_objects, *NOT_YOURS)
    refused(theirs.get_bucket_acl, *NOT_YOURS)
    refused(lambda: theirs.put_bucket_acl("private"), *NOT_YOURS)
    refused(theirs.delete_bucket, *NOT_YOURS)


def test_the_acl_of_an_object_comes_before_that_of_its_bucket(owner: Owner, bucket: oss2.Bucket) -> None:
    anyone, name = Anyone(owner), bucket.bucket_name
    bucket.put_object("open", b"1", headers={"x-oss-object-acl": "public-read"})
    bucket.put_object("wide", b"1", headers={"x-oss-object-acl": "public-read-write"})
    assert anyone.get(f"/{name}/open").content == b"1"
    assert told(anyone.call("PUT", f"/{name}/open", body=b"2")) == (
        403,
        "AccessDenied",
        "You do not have write permission on this object.",
    )
    assert anyone.call("PUT", f"/{name}/wide", body=b"2").status_code == 200
    bucket.put_bucket_acl("public-read-write")
    bucket.put_object("shut", b"1")
    bucket.put_object_acl("shut", "private")
    assert told(anyone.get(f"/{name}/shut")) == (
        403,
        "AccessDenied",
        "You do not have read permission on this object.",
    )
    for method in ("PUT", "DELETE"):
        assert told(anyone.call(method, f"/{name}/shut"))[2] == "You do not have write permission on this object."
    assert bucket.get_object("shut").read() == b"1"


def test_who_may_read_and_write_the_acl_of_an_object(owner: Owner, bucket: oss2.Bucket) -> None:
    bucket.put_object("a", b"1")
    bucket.put_bucket_acl("public-read-write")
    theirs = same(bucket, stranger(owner))
    reading = "You do not have read acl permission on this object."
    writing = "You do not have write acl permission on this object."
    refused(lambda: theirs.get_object_acl("a"), 403, "AccessDenied", reading)
    refused(lambda: theirs.put_object_acl("a", "private"), 403, "AccessDenied", writing)
    assert told(Anyone(owner).get(f"/{bucket.bucket_name}/a?acl"))[2] == reading
    assert bucket.get_object_acl("a").acl == "default"


def test_nobody_lists_the_buckets_of_nobody(owner: Owner) -> None:
    response = httpx.get(owner.url, headers={"Host": "oss-cn-hongkong.aliyuncs.com"})
    assert told(response) == (403, "AccessDenied", "Anonymous access is forbidden for this operation.")
    assert b"<EC>0003-00001201</EC>" in response.content


@pytest.mark.parametrize("signature", ["v1", "v2", "v4"])
def test_a_signed_url_carries_the_rights_of_who_signed_it(owner: Owner, bucket: oss2.Bucket, signature: str) -> None:
    signer = same(bucket, owner, signature)
    signer.put_object("a b/ü?", b"1")
    assert httpx.get(signer.sign_url("GET", "a b/ü?", 60, slash_safe=True)).content == b"1"
    assert httpx.put(signer.sign_url("PUT", "new", 60), content=b"2").status_code == 200
    theirs = same(bucket, stranger(owner), signature)
    assert told(httpx.get(theirs.sign_url("GET", "new", 60))) == BY_ACL


def test_the_second_generation_presigns_too(owner: Owner, bucket: oss2.Bucket) -> None:
    bucket.put_object("a", b"1")
    for signature in ("v1", "v4"):
        signed = owner.v2(signature).presign(oss_v2.GetObjectRequest(bucket=bucket.bucket_name, key="a"))
        assert httpx.get(signed.url, headers=signed.signed_headers).content == b"1"


def test_a_role_without_rights_reads_what_is_public(owner: Owner, bucket: oss2.Bucket) -> None:
    bucket.put_object("a", b"1")
    guest = same(bucket, role(owner, "guest-of-oss", "AliyunECSReadOnlyAccess"))
    refused(lambda: guest.get_object("a"), *BY_ACL)
    bucket.put_bucket_acl("public-read")
    assert guest.get_object("a").read() == b"1"


def test_the_one_in_charge_is_told_what_decided(alone: Owner) -> None:
    bucket = alone.bucket()
    bucket.put_object("a", b"1")
    bucket.put_bucket_acl("public-read")
    decisions: list[str] = []

    def listen(event: Event) -> None:
        if isinstance(event, RequestEvent):
            decisions.append(event.decision)

    alone.cloud.call(lambda: alone.cloud.cloud.bus.subscribe(listen))
    assert Anyone(alone).get(f"/{bucket.bucket_name}/a").content == b"1"
    bucket.get_object("a").read()
    Anyone(alone).call("PUT", f"/{bucket.bucket_name}/a", body=b"2")
    assert decisions == [
        f"ACL of {bucket.bucket_name}",
        "statement 1 of System/AdministratorAccess on user/admin",
        "nothing allows oss:PutObject",
    ]
