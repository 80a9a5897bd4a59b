"""Tags, ACLs, retention and legal hold of objects and of their versions."""

from __future__ import annotations

import datetime

import alibabacloud_oss_v2 as oss_v2
import httpx
import oss2
import pytest
from oss2.models import BucketVersioningConfig, Tagging, TaggingRule

from tests.services.oss.parts import Owner, refused, refused_v2
from tests.services.parts import other_account


def tags_of(**tags: str) -> Tagging:
    rule = TaggingRule()
    for key, value in tags.items():
        rule.add(key, value)
    return Tagging(rule)


def raw(bucket: oss2.Bucket, method: str, key: str, body: bytes = b"", **params: str) -> object:
    return bucket._do(method, bucket.bucket_name, key, params=params, data=body)


# Tags -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("signature", ["v1", "v4"])
def test_tags_are_put_read_and_deleted(owner: Owner, signature: str) -> None:
    bucket = owner.bucket(signature=signature)
    bucket.put_object("o", b"1", headers={"x-oss-tagging": "a=1&b=x%20y"})
    assert bucket.get_object_tagging("o").tag_set.tagging_rule == {"a": "1", "b": "x y"}
    bucket.put_object_tagging("o", tags_of(c="+-=._:/"))
    assert bucket.get_object_tagging("o").tag_set.tagging_rule == {"c": "+-=._:/"}
    assert bucket.head_object("o").headers["x-oss-tagging-count"] == "1"
    bucket.delete_object_tagging("o")
    assert bucket.get_object_tagging("o").tag_set.tagging_rule == {}
    assert bucket.get_object("o").read() == b"1"


def test_each_version_has_tags_and_an_acl(owner: Owner) -> None:
    bucket = owner.bucket()
    bucket.put_bucket_versioning(BucketVersioningConfig("Enabled"))
    old = bucket.put_object("o", b"1").versionid
    new = bucket.put_object("o", b"2").versionid
    bucket.put_object_tagging("o", tags_of(v="old"), params={"versionId": old})
    bucket.put_object_tagging("o", tags_of(v="new"))
    assert bucket.get_object_tagging("o", params={"versionId": old}).tag_set.tagging_rule == {"v": "old"}
    assert bucket.get_object_tagging("o").headers["x-oss-version-id"] == new
    bucket.delete_object_tagging("o", params={"versionId": old})
    assert bucket.get_object_tagging("o", params={"versionId": old}).tag_set.tagging_rule == {}
    bucket.put_object_acl("o", "public-read", params={"versionId": old})
    acls = [bucket.get_object_acl("o", params={"versionId": version}).acl for version in (old, new)]
    assert acls == ["public-read", "default"]
    marker = bucket.delete_object("o").versionid
    refused(lambda: bucket.get_object_tagging("o"), 404, "NoSuchKey", "does not exist")
    refused(lambda: bucket.put_object_acl("o", "private"), 404, "NoSuchKey", "The specified key does not exist.")
    refused(lambda: bucket.get_object_acl("o", params={"versionId": marker}), 405, "MethodNotAllowed", "not allowed")


def test_tags_that_cannot_be(owner: Owner) -> None:
    bucket = owner.bucket()
    bucket.put_object("o", b"1")
    for tags in ({"a" * 129: "v"}, {"a": "v" * 257}, {"a!": "v"}, {f"k{number}": "v" for number in range(11)}):
        # The first generation's client looks at them itself.
        tag_set = oss_v2.TagSet(tags=[oss_v2.Tag(key=key, value=value) for key, value in tags.items()])
        request = oss_v2.PutObjectTaggingRequest(
            bucket=bucket.bucket_name, key="o", tagging=oss_v2.Tagging(tag_set=tag_set)
        )
        refused_v2(lambda request=request: owner.v2().put_object_tagging(request), 400, "InvalidTag")
    twice = b"<Tagging><TagSet><Tag><Key>a</Key></Tag><Tag><Key>a</Key></Tag></TagSet></Tagging>"
    refused(lambda: raw(bucket, "PUT", "o", twice, tagging=""), 400, "InvalidTag", "multiple Tags with the same key")
    for body in (b"", b"<Tagging/>", b"<Other><TagSet/></Other>", b"<Tagging>"):
        refused(lambda body=body: raw(bucket, "PUT", "o", body, tagging=""), 400, "MalformedXML", "not well-formed")
    refused(lambda: bucket.put_object("t", b"", headers={"x-oss-tagging": "a=%ff"}), 400, "InvalidArgument", "tagging")
    refused(lambda: bucket.put_object_tagging("none", tags_of(a="1")), 404, "NoSuchKey", "The specified key does not")


# ACLs -----------------------------------------------------------------------------------------------------------------


def test_an_objects_acl_goes_before_the_buckets(owner: Owner) -> None:
    bucket = owner.bucket()
    bucket.put_object("o", b"1")
    url = f"{owner.url}/{bucket.bucket_name}/o"
    assert bucket.get_object_acl("o").acl == "default"
    assert httpx.get(url).status_code == 403
    bucket.put_object_acl("o", "public-read")
    assert bucket.get_object_acl("o").acl == "public-read"
    assert httpx.get(url).content == b"1"
    bucket.put_bucket_acl("public-read")
    bucket.put_object_acl("o", "private")
    assert httpx.get(url).status_code == 403
    bucket.put_object_acl("o", "default")
    assert httpx.get(url).content == b"1"


def test_acls_that_there_are_not(owner: Owner) -> None:
    bucket = owner.bucket()
    bucket.put_object("o", b"1")
    details = refused(lambda: bucket.put_object_acl("o", "everyone"), 400, "InvalidArgument", "x-oss-object-acl")
    assert details["ArgumentValue"] == "everyone"
    refused(lambda: raw(bucket, "PUT", "o", acl=""), 400, "MissingArgument", "Missing Some Required Arguments.")
    refused(
        lambda: bucket.put_object("p", b"", headers={"x-oss-object-acl": "x"}),
        400,
        "InvalidArgument",
        "The value of x-oss-object-acl is not valid.",
    )


def test_strangers_set_neither_tags_nor_acls(owner: Owner) -> None:
    bucket = owner.bucket()
    bucket.put_bucket_acl("public-read-write")
    bucket.put_object("o", b"1", headers={"x-oss-object-acl": "public-read-write"})
    stranger = other_account(owner.cloud).config
    theirs = Owner(owner.cloud, stranger["access_key_id"], stranger["access_key_secret"]).bucket(
        bucket.bucket_name, create=False
    )
    assert theirs.get_object("o").read() == b"1"
    for call in (
        lambda: theirs.get_object_acl("o"),
        lambda: theirs.put_object_acl("o", "private"),
        lambda: theirs.put_object_tagging("o", tags_of(a="1")),
        lambda: theirs.get_object_tagging("o"),
        lambda: theirs.delete_object_tagging("o"),
        lambda: theirs.put_object("o", b"2", headers={"x-oss-tagging": "a=1"}),
        lambda: theirs.put_object("o", b"2", headers={"x-oss-object-acl": "private"}),
    ):
        refused(call, 403, "AccessDenied")
    assert bucket.get_object("o").read() == b"1"


# Retention ------------------------------------------------------------------------------------------------------------


def moment(owner: Owner, days: float) -> str:
    now = datetime.datetime.fromtimestamp(owner.cloud.cloud.clock.now(), datetime.UTC)
    return (now + datetime.timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%S.000Z")


class Keeper:
    """Retention and hold of the objects of one bucket."""

    def __init__(self, owner: Owner) -> None:
        self.owner = owner
        self.bucket = owner.bucket()
        self.client = owner.v2()

    def retain(self, days: float, mode: str = "COMPLIANCE", *, key: str = "o", bypass: bool | None = None) -> None:
        self.client.put_object_retention(
            oss_v2.PutObjectRetentionRequest(
                bucket=self.bucket.bucket_name,
                key=key,
                bypass_governance_retention=bypass,
                retention=oss_v2.Retention(mode=mode, retain_until_date=moment(self.owner, days)),
            )
        )

    def hold(self, status: str) -> None:
        self.client.put_object_legal_hold(
            oss_v2.PutObjectLegalHoldRequest(
                bucket=self.bucket.bucket_name, key="o", legal_hold=oss_v2.LegalHold(status=status)
            )
        )


def test_what_is_retained_stays_until_its_day(moving: Owner) -> None:
    kept = Keeper(moving)
    bucket = kept.bucket
    bucket.put_object("o", b"1")
    asked = oss_v2.GetObjectRetentionRequest(bucket=bucket.bucket_name, key="o")
    refused_v2(lambda: kept.client.get_object_retention(asked), 404, "NoSuchObjectRetention", "retention configuration")
    kept.retain(10)
    retention = kept.client.get_object_retention(asked).retention
    assert retention is not None
    assert retention.mode == "COMPLIANCE"
    upload_id = bucket.init_multipart_upload("other").upload_id
    bucket.abort_multipart_upload("other", upload_id)
    immutable = "The object you specified is immutable."
    for call in (
        lambda: bucket.put_object("o", b"2"),
        lambda: bucket.put_object("o", b"2" * 500_000),
        lambda: bucket.delete_object("o"),
        lambda: bucket.batch_delete_objects(["x", "o"]),
        lambda: bucket.copy_object(bucket.bucket_name, "o", "o"),
        lambda: bucket.put_symlink("a", "o"),
        lambda: bucket.init_multipart_upload("o"),
        lambda: bucket.delete_object("o", headers={"x-oss-bypass-governance-retention": "true"}),
    ):
        refused(call, 409, "FileImmutable", immutable)
    refused_v2(lambda: kept.retain(5), 403, "AccessDenied", "neither shortened nor weakened")
    kept.retain(11)
    moving.cloud.run(moving.cloud.cloud.clock.skip(11 * 86400.0))
    bucket.put_object("o", b"2")
    assert bucket.get_object("o").read() == b"2"


def test_governance_gives_way_to_who_may_pass_it(owner: Owner) -> None:
    kept = Keeper(owner)
    kept.bucket.put_bucket_versioning(BucketVersioningConfig("Enabled"))
    version = kept.bucket.put_object("o", b"1").versionid
    kept.retain(10, "GOVERNANCE")
    # A version that is kept may be hidden by another, and by a marker.
    kept.bucket.put_object("o", b"2")
    kept.bucket.delete_object("o")
    by_id = {"versionId": version}
    refused(lambda: kept.bucket.delete_object("o", params=by_id), 409, "FileImmutable", "The object you specified is")
    kept.bucket.delete_object("o", params=by_id, headers={"x-oss-bypass-governance-retention": "true"})
    refused(lambda: kept.bucket.get_object("o", params=by_id), 404, "NoSuchVersion", "The specified version does not")
    kept.bucket.put_object("o", b"3")
    kept.retain(10, "GOVERNANCE")
    refused_v2(lambda: kept.retain(5, "GOVERNANCE"), 403, "AccessDenied", "The retention of the object can be neither")
    kept.retain(5, "GOVERNANCE", bypass=True)
    kept.retain(20, "COMPLIANCE")
    refused_v2(lambda: kept.retain(30, "GOVERNANCE", bypass=True), 403, "AccessDenied", "The retention of the object")


def test_what_is_held_stays_until_it_is_let_go(owner: Owner) -> None:
    kept = Keeper(owner)
    kept.bucket.append_object("o", 0, b"1")
    asked = oss_v2.GetObjectLegalHoldRequest(bucket=kept.bucket.bucket_name, key="o")
    for status in ("OFF", "ON", "OFF"):
        kept.hold(status)
        found = kept.client.get_object_legal_hold(asked).legal_hold
        assert found is not None
        assert found.status == status
        if status == "ON":
            refused(lambda: kept.bucket.append_object("o", 1, b"2"), 409, "FileImmutable", "immutable")
            refused(lambda: kept.bucket.delete_object("o"), 409, "FileImmutable", "immutable")
    kept.bucket.append_object("o", 1, b"2")
    kept.bucket.delete_object("o")


def test_retention_that_cannot_be(owner: Owner) -> None:
    kept = Keeper(owner)
    kept.bucket.put_object("o", b"1")
    refused_v2(lambda: kept.retain(-1), 400, "InvalidArgument", "must be in the future")
    refused_v2(lambda: kept.retain(1, "FOREVER"), 400, "MalformedXML", "XML")
    refused_v2(lambda: kept.hold("MAYBE"), 400, "MalformedXML", "XML")
    refused_v2(lambda: kept.retain(1, key="none"), 404, "NoSuchKey", "does not exist")
    body = b"<Retention><Mode>COMPLIANCE</Mode><RetainUntilDate>soon</RetainUntilDate></Retention>"
    refused(lambda: raw(kept.bucket, "PUT", "o", body, retention=""), 400, "MalformedXML", "XML")
