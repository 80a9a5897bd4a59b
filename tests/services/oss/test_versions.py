"""Versions: whatever is written and deleted in whatever order, everything there is a plain model has too."""

from __future__ import annotations

from typing import Any

import oss2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from oss2.models import BucketVersioningConfig

from tests.services.oss.parts import Owner, discard, refused

KEYS = ["a", "a/", "a/b", "a\x00", "ab", "b", "é"]
STEP = st.one_of(
    st.tuples(st.just("put"), st.sampled_from(KEYS)),
    st.tuples(st.just("delete"), st.sampled_from(KEYS)),
    st.tuples(st.just("erase"), st.integers(0, 30)),
    st.tuples(st.just("versioning"), st.sampled_from(["Enabled", "Suspended"])),
)


class Version:
    def __init__(self, key: str, id: str, body: bytes | None) -> None:
        self.key = key
        self.id = id
        self.body = body


class Model:
    """What a bucket with versions holds: by key the versions, newest first; a body of None is a delete marker."""

    def __init__(self) -> None:
        self.versioning = ""
        self.kept: dict[str, list[Version]] = {}

    def add(self, version: Version) -> None:
        versions = self.kept.setdefault(version.key, [])
        if self.versioning != "Enabled":
            versions[:] = [each for each in versions if each.id != "null"]
        versions.insert(0, version)

    def erase(self, version: Version) -> None:
        self.kept[version.key].remove(version)
        if not self.kept[version.key]:
            del self.kept[version.key]

    def rows(self) -> list[tuple[str, str, bool, bool]]:
        """Key, id, whether it is the newest, whether it is a marker."""
        return [
            (version.key, version.id, number == 0, version.body is None)
            for key in sorted(self.kept, key=str.encode)
            for number, version in enumerate(self.kept[key])
        ]

    def everything(self) -> list[Version]:
        return [version for key in sorted(self.kept) for version in self.kept[key]]


def listed(bucket: oss2.Bucket, size: int, **asked: str) -> tuple[list[tuple[str, str, bool, bool]], list[str]]:
    rows: list[tuple[str, str, bool, bool]] = []
    prefixes: list[str] = []
    key_marker = id_marker = ""
    while True:
        page = bucket.list_object_versions(max_keys=size, key_marker=key_marker, versionid_marker=id_marker, **asked)
        found = [(each.key, each.versionid, each.is_latest, False) for each in page.versions]
        found += [(each.key, each.versionid, each.is_latest, True) for each in page.delete_marker]
        assert len(found) + len(page.common_prefix) <= size
        rows += found
        prefixes += page.common_prefix
        if not page.is_truncated:
            return rows, prefixes
        key_marker, id_marker = page.next_key_marker, page.next_versionid_marker


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(STEP, max_size=20), size=st.integers(1, 6))
def test_versions_are_what_a_model_says(owner: Owner, steps: list[Any], size: int) -> None:
    bucket, model = owner.bucket(), Model()
    for number, (kind, argument) in enumerate(steps):
        if kind == "versioning":
            bucket.put_bucket_versioning(BucketVersioningConfig(argument))
            model.versioning = argument
        elif kind == "put":
            body = str(number).encode()
            made = bucket.put_object(argument, body).versionid
            assert (made is None) == (not model.versioning)
            model.add(Version(argument, made or "null", body))
        elif kind == "delete" and model.versioning:
            gone = bucket.delete_object(argument)
            assert gone.delete_marker
            model.add(Version(argument, gone.versionid, None))
        elif kind == "delete":
            bucket.delete_object(argument)
            model.kept.pop(argument, None)
        elif model.kept:
            everything = model.everything()
            version = everything[argument % len(everything)]
            gone = bucket.delete_object(version.key, params={"versionId": version.id})
            assert bool(gone.delete_marker) == (version.body is None)
            model.erase(version)
    # One page may show its versions and its markers apart, so they are compared in one order.
    rows, _ = listed(bucket, size)
    assert sorted(rows) == sorted(model.rows())
    assert list(listed(bucket, 1)[0]) == model.rows()
    for key in KEYS:
        versions = model.kept.get(key, [])
        for version in versions:
            if version.body is not None:
                assert bucket.get_object(key, params={"versionId": version.id}).read() == version.body
        if versions and versions[0].body is not None:
            assert bucket.get_object(key).read() == versions[0].body
        else:
            refused(lambda key=key: bucket.get_object(key), 404, "NoSuchKey", "does not exist")
    live = [key for key in sorted(model.kept, key=str.encode) if model.kept[key][0].body is not None]
    assert [each.key for each in bucket.list_objects_v2(max_keys=1000).object_list] == live
    for prefix, delimiter in (("a", ""), ("", "/"), ("a", "/"), ("a/", "/")):
        found, prefixes = listed(bucket, size, prefix=prefix, delimiter=delimiter)
        within = [row for row in model.rows() if row[0].startswith(prefix)]
        at = [row[0].find(delimiter, len(prefix)) if delimiter else -1 for row in within]
        assert sorted(found) == sorted(row for row, place in zip(within, at, strict=True) if place < 0)
        assert prefixes == sorted({row[0][: place + 1] for row, place in zip(within, at, strict=True) if place >= 0})
    owner.cloud.run(discard(owner.cloud, bucket.bucket_name))


@pytest.mark.parametrize("signature", ["v1", "v4"])
def test_a_delete_marker_hides_and_is_hidden(owner: Owner, signature: str) -> None:
    bucket = owner.bucket(signature=signature)
    bucket.put_object("o", b"before")
    bucket.put_bucket_versioning(BucketVersioningConfig("Enabled"))
    # What was there before has the id null, and says so now.
    assert bucket.head_object("o").versionid == "null"
    assert bucket.get_object_meta("o").headers["x-oss-version-id"] == "null"
    first = bucket.put_object("o", b"1").versionid
    gone = bucket.delete_object("o")
    marker = gone.versionid
    assert gone.delete_marker
    with pytest.raises(oss2.exceptions.NoSuchKey) as caught:
        bucket.get_object("o")
    assert caught.value.headers["x-oss-delete-marker"] == "true"
    assert caught.value.headers["x-oss-version-id"] == marker
    by_id = {"versionId": marker}
    for call in (bucket.get_object, bucket.head_object):
        with pytest.raises(oss2.exceptions.ServerError) as refusal:
            call("o", params=by_id)
        assert (refusal.value.status, refusal.value.headers["x-oss-delete-marker"]) == (405, "true")
    # Another marker above it; each goes by its id.
    other = bucket.delete_object("o").versionid
    for each in (marker, other):
        answer = bucket.delete_object("o", params={"versionId": each})
        assert (answer.versionid, answer.delete_marker) == (each, True)
    assert bucket.get_object("o").read() == b"1"
    answer = bucket.delete_object("o", params={"versionId": first})
    assert not answer.delete_marker
    assert bucket.get_object("o").read() == b"before"
    bucket.delete_object("o", params={"versionId": "null"})
    refused(lambda: bucket.get_object("o"), 404, "NoSuchKey", "The specified key does not exist.")
    assert bucket.delete_object("o", params={"versionId": first}).status == 204


def test_versions_that_there_are_not(owner: Owner) -> None:
    bucket = owner.bucket()
    bucket.put_bucket_versioning(BucketVersioningConfig("Enabled"))
    version = bucket.put_object("o", b"1").versionid
    other = bucket.put_object("p", b"1").versionid
    for id in (other, version[:-1], version + "A", "x", "null", "CAEQ", "\u00e9"):
        details = refused(
            lambda id=id: bucket.get_object("o", params={"versionId": id}),
            404,
            "NoSuchVersion",
            "The specified version does not exist.",
        )
        assert details["Key"] == "o"
    refused(lambda: bucket.list_object_versions(versionid_marker="x"), 400, "InvalidArgument", "version-id-marker")
    assert bucket.get_object("o", params={"versionId": version}).read() == b"1"
