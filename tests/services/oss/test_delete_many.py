"""Many objects deleted in one call."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import Sequence
from typing import Any

import alibabacloud_oss_v2 as oss_v2
import httpx
import oss2
import pytest
from oss2.models import BatchDeleteObjectVersion, BatchDeleteObjectVersionList, BucketVersioningConfig

from kowloon.engines.blob.base import Change
from kowloon.engines.blob.volume import CopiedVolume
from kowloon.services.oss.errors import FILE_IMMUTABLE
from kowloon.services.oss.objects import delete_many
from kowloon.services.oss.objects.delete_many import AT_ONCE
from tests.services.oss.parts import Owner, refused, refused_v2
from tests.services.parts import other_account


def raw(bucket: oss2.Bucket, body: bytes, digest: str | None = None, **params: str) -> object:
    claimed = digest if digest is not None else base64.b64encode(hashlib.md5(body).digest()).decode()
    headers = {"Content-MD5": claimed} if claimed else {}
    return bucket._do("POST", bucket.bucket_name, "", params={"delete": "", **params}, data=body, headers=headers)


@pytest.mark.parametrize("signature", ["v1", "v4"])
def test_many_objects_go(owner: Owner, signature: str) -> None:
    bucket = owner.bucket(signature=signature)
    keys = ["a", "b/c", "<&> é", "x\ty\n", "d"]
    for key in keys:
        bucket.put_object(key, b"1")
    gone = bucket.batch_delete_objects([*keys[:4], "never was"])
    assert gone.deleted_keys == [*keys[:4], "never was"]
    assert [each.key for each in bucket.list_objects().object_list] == ["d"]


def test_a_thousand_go_quietly(owner: Owner) -> None:
    bucket, client = owner.bucket(), owner.v2()
    names = [f"{number:04}" for number in range(1001)]
    bucket.put_object(names[0], b"1")
    bucket.put_object(names[999], b"1")

    def delete(count: int) -> oss_v2.DeleteMultipleObjectsResult:
        objects = [oss_v2.DeleteObject(key=name) for name in names[:count]]
        return client.delete_multiple_objects(
            oss_v2.DeleteMultipleObjectsRequest(bucket=bucket.bucket_name, objects=objects, quiet=True)
        )

    refused_v2(lambda: delete(1001), 400, "MalformedXML", "not well-formed")
    assert len(bucket.list_objects().object_list) == 2
    assert not delete(1000).deleted_objects
    assert bucket.list_objects().object_list == []


def test_versions_and_markers_go(owner: Owner) -> None:
    bucket = owner.bucket()
    bucket.put_bucket_versioning(BucketVersioningConfig("Enabled"))
    versions = [bucket.put_object("k", body).versionid for body in (b"1", b"2", b"3")]
    bucket.put_object("other", b"1")
    made = bucket.batch_delete_objects(["other", "none"]).delete_versions
    assert all(each.delete_marker and each.delete_marker_versionid for each in made)
    # Versions of one key in one call, the current one among them.
    listed = BatchDeleteObjectVersionList([BatchDeleteObjectVersion("k", versions[number]) for number in (2, 0)])
    gone = bucket.delete_object_versions(listed).delete_versions
    assert [(each.key, each.versionid, each.delete_marker) for each in gone] == [
        ("k", versions[2], False),
        ("k", versions[0], False),
    ]
    assert bucket.get_object("k").read() == b"2"
    # The marker goes by its id, and what it hid is there again.
    marker = made[0].delete_marker_versionid
    listed = BatchDeleteObjectVersionList([BatchDeleteObjectVersion("other", marker)])
    gone = bucket.delete_object_versions(listed).delete_versions
    assert (gone[0].versionid, gone[0].delete_marker, gone[0].delete_marker_versionid) == (marker, True, marker)
    assert bucket.get_object("other").read() == b"1"
    # All versions of a key at once, in the order of a list.
    bucket.put_object("k", b"4")
    rows = bucket.list_object_versions(prefix="k").versions
    bucket.delete_object_versions(
        BatchDeleteObjectVersionList([BatchDeleteObjectVersion(each.key, each.versionid) for each in rows])
    )
    assert bucket.list_object_versions(prefix="k").versions == []


@pytest.mark.parametrize("versioning", ["", "Enabled"])
def test_others_have_their_turn_between(owner: Owner, monkeypatch: pytest.MonkeyPatch, versioning: str) -> None:
    bucket = owner.bucket()
    names = [f"{number:04}" for number in range(10 * AT_ONCE)]
    for name in names[:: AT_ONCE - 1]:
        bucket.put_object(name, b"1")
    if versioning:
        bucket.put_bucket_versioning(BucketVersioningConfig(versioning))
    commit = CopiedVolume.commit
    seen: list[int | str] = []

    def spied(self: CopiedVolume, changes: Sequence[Change]) -> Any:
        seen.append(len(changes))
        asyncio.get_running_loop().call_soon(seen.append, "other")
        return commit(self, changes)

    monkeypatch.setattr(CopiedVolume, "commit", spied)
    gone = bucket.batch_delete_objects(names)
    monkeypatch.undo()
    assert gone.deleted_keys == names
    assert seen[1::2] == ["other"] * 10
    assert max(count for count in seen[::2] if isinstance(count, int)) <= 2 * AT_ONCE
    assert bucket.list_objects().object_list == []


def test_a_key_that_comes_again_later_is_decided_on_by_then(owner: Owner) -> None:
    bucket = owner.bucket()
    bucket.put_bucket_versioning(BucketVersioningConfig("Enabled"))
    version = bucket.put_object("k", b"1").versionid
    others = [BatchDeleteObjectVersion(f"{number:04}", "") for number in range(2 * AT_ONCE)]
    listed = [BatchDeleteObjectVersion("k", ""), *others, BatchDeleteObjectVersion("k", version)]
    gone = bucket.delete_object_versions(BatchDeleteObjectVersionList(listed)).delete_versions
    assert [each.key for each in gone] == [each.key for each in listed]
    markers = [each.delete_marker_versionid for each in gone[:-1]]
    assert len(set(markers)) == len(markers)
    assert (gone[-1].versionid, gone[-1].delete_marker) == (version, False)
    assert bucket.list_object_versions(prefix="k").versions == []
    (left,) = bucket.list_object_versions(prefix="k").delete_marker
    assert left.versionid == markers[0]


def test_what_must_stay_since_it_was_checked_stays(owner: Owner, monkeypatch: pytest.MonkeyPatch) -> None:
    bucket = owner.bucket()
    names = [f"{number:04}" for number in range(3 * AT_ONCE)]
    for name in names:
        bucket.put_object(name, b"1")
    check, asked = delete_many.check_deletion, 0

    def locked_later(call: Any, key: str, version_id: str) -> None:
        nonlocal asked
        asked += 1
        if key == names[AT_ONCE + 1] and asked > len(names):
            raise FILE_IMMUTABLE.error()
        check(call, key, version_id)

    monkeypatch.setattr(delete_many, "check_deletion", locked_later)
    refused(lambda: bucket.batch_delete_objects(names), 409, "FileImmutable", "immutable")
    assert [each.key for each in bucket.list_objects(max_keys=1000).object_list] == names[AT_ONCE:]


def test_documents_that_are_not(owner: Owner) -> None:
    bucket = owner.bucket()
    bucket.put_object("a", b"1")
    good = b"<Delete><Object><Key>a</Key></Object></Delete>"
    refused(lambda: raw(bucket, good, ""), 400, "MissingArgument", "Missing Some Required Arguments.")
    refused(lambda: raw(bucket, good, "1B2M2Y8AsgTpgAmY7PhCfg=="), 400, "InvalidDigest", "Content-MD5")
    for body in (b"", b"<Delete/>", b"<Remove><Object><Key>a</Key></Object></Remove>", b"<Delete>", b"\xff"):
        refused(lambda body=body: raw(bucket, body), 400, "MalformedXML", "not well-formed")
    for key in (b"", b"/a", b"x" * 1024):
        body = b"<Delete><Object><Key>" + key + b"</Key></Object></Delete>"
        refused(lambda body=body: raw(bucket, body), 400, "InvalidObjectName", "object is not valid")
    bomb = b'<!DOCTYPE a [<!ENTITY b "c">]><Delete><Object><Key>&b;</Key></Object></Delete>'
    refused(lambda: raw(bucket, bomb), 400, "MalformedXML", "The XML you provided was not well-formed or did not")
    refused(lambda: raw(bucket, good, **{"encoding-type": "gzip"}), 400, "InvalidArgument", "encoding-type")
    assert bucket.object_exists("a")


def test_who_may_not_delete_deletes_nothing(owner: Owner) -> None:
    bucket = owner.bucket()
    bucket.put_object("a", b"1")
    stranger = other_account(owner.cloud).config
    theirs = Owner(owner.cloud, stranger["access_key_id"], stranger["access_key_secret"]).bucket(
        bucket.bucket_name, create=False
    )
    refused(lambda: theirs.batch_delete_objects(["a"]), 403, "AccessDenied", "You have no right to access this object")
    body = b"<Delete><Object><Key>a</Key></Object></Delete>"
    digest = base64.b64encode(hashlib.md5(body).digest()).decode()
    url = f"{owner.url}/{bucket.bucket_name}/?delete"
    assert httpx.post(url, content=body, headers={"Content-MD5": digest}).status_code == 403
    assert bucket.object_exists("a")
    bucket.put_bucket_acl("public-read-write")
    assert httpx.post(url, content=body, headers={"Content-MD5": digest}).status_code == 200
    assert not bucket.object_exists("a")
