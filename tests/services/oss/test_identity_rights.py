"""Identity policies for objects, and what bucket policies can add to them."""

from __future__ import annotations

from xml.etree import ElementTree

import oss2
import pytest

from tests.services.oss.callers import of, policy, same
from tests.services.oss.callers import statement as of_bucket
from tests.services.oss.parts import Owner
from tests.services.parts import Customer
from tests.services.ram.rights import Rights, User, statement


@pytest.fixture
def rights(owner: Owner) -> Rights:
    return Rights(Customer(owner.cloud))


def through(bucket: oss2.Bucket, user: User) -> oss2.Bucket:
    return same(bucket, of(user))


def detail_of(caught: pytest.ExceptionInfo[oss2.exceptions.AccessDenied]) -> dict[str, str]:
    found = ElementTree.fromstring(caught.value.body).find("AccessDeniedDetail")
    assert found is not None
    return {element.tag: element.text or "" for element in found}


def test_custom_policies_are_about_buckets_and_objects(rights: Rights, bucket: oss2.Bucket) -> None:
    bucket.put_object("a/1", b"1")
    bucket.put_object("b/1", b"1")
    user = rights.user(statement("Allow", "oss:GetObject", f"acs:oss:*:*:{bucket.bucket_name}/a/*"))
    mine = through(bucket, user)
    assert mine.get_object("a/1").read() == b"1"
    with pytest.raises(oss2.exceptions.AccessDenied) as caught:
        mine.get_object("b/1")
    detail = detail_of(caught)
    assert len(detail.pop("EncodedDiagnosticMessage")) > 100
    assert detail == {
        "AuthAction": "oss:GetObject",
        "AuthPrincipalType": "SubUser",
        "AuthPrincipalOwnerId": user.cloud.account_id,
        "AuthPrincipalDisplayName": user.id,
        "NoPermissionType": "ImplicitDeny",
        "PolicyType": "AccountLevelIdentityBasedPolicy",
    }
    with pytest.raises(oss2.exceptions.AccessDenied):
        mine.put_object("a/2", b"2")


@pytest.mark.parametrize("region", ["cn-hongkong", "oss-cn-hongkong", "*"])
def test_resources_of_a_region(rights: Rights, bucket: oss2.Bucket, region: str) -> None:
    bucket.put_object("a", b"1")
    name = bucket.bucket_name
    assert through(bucket, rights.user(statement("Allow", "oss:*", f"acs:oss:{region}:*:{name}/*"))).get_object("a")
    elsewhere = rights.user(statement("Allow", "oss:*", f"acs:oss:oss-cn-shanghai:*:{name}/*"))
    with pytest.raises(oss2.exceptions.AccessDenied):
        through(bucket, elsewhere).get_object("a")


def test_lists_of_some_folders_only(rights: Rights, bucket: oss2.Bucket) -> None:
    bucket.put_object("home/alice/1", b"1")
    name = bucket.bucket_name
    condition = {"StringLike": {"oss:Prefix": ["home/alice/*"]}, "StringEquals": {"oss:Delimiter": "/"}}
    mine = through(bucket, rights.user(statement("Allow", "oss:ListObjects", f"acs:oss:*:*:{name}", **condition)))
    assert len(mine.list_objects(prefix="home/alice/", delimiter="/").object_list) == 1
    for prefix, delimiter in [("home/", "/"), ("", "/"), ("home/alice/", "")]:
        with pytest.raises(oss2.exceptions.AccessDenied):
            mine.list_objects(prefix=prefix, delimiter=delimiter)


def test_a_bucket_policy_allows_what_identity_is_silent_about(rights: Rights, bucket: oss2.Bucket) -> None:
    bucket.put_object("a", b"1")
    silent = rights.user()
    bucket.put_bucket_policy(policy(of_bucket("Allow", "oss:GetObject", bucket, Principal=[silent.id])))
    assert through(bucket, silent).get_object("a").read() == b"1"


def test_no_bucket_policy_and_no_acl_allows_what_identity_denies(rights: Rights, bucket: oss2.Bucket) -> None:
    bucket.put_object("a", b"1")
    bucket.put_bucket_acl("public-read")
    user = rights.user(statement("Deny", "oss:GetObject"))
    bucket.put_bucket_policy(policy(of_bucket("Allow", "oss:GetObject", bucket, Principal=[user.id])))
    with pytest.raises(oss2.exceptions.AccessDenied) as caught:
        through(bucket, user).get_object("a")
    assert detail_of(caught)["NoPermissionType"] == "ExplicitDeny"
    # To everybody else it is public.
    assert through(bucket, rights.user()).get_object("a").read() == b"1"


def test_a_session_may_no_more_than_its_policy(rights: Rights, bucket: oss2.Bucket) -> None:
    from tests.services.ram.rights import document

    bucket.put_object("a/1", b"1")
    bucket.put_object("b/1", b"1")
    role = rights.role(statement("Allow", "oss:*"))
    narrow = rights.session(
        role, document(statement("Allow", "oss:GetObject", f"acs:oss:*:*:{bucket.bucket_name}/a/*"))
    )
    mine = same(bucket, of(narrow))
    assert mine.get_object("a/1").read() == b"1"
    with pytest.raises(oss2.exceptions.AccessDenied) as caught:
        mine.get_object("b/1")
    assert detail_of(caught)["PolicyType"] == "SessionPolicy"


def test_system_policies_read_or_write(rights: Rights, bucket: oss2.Bucket) -> None:
    bucket.put_object("a", b"1")
    reader = through(bucket, rights.user(system=("AliyunOSSReadOnlyAccess",)))
    assert reader.get_object("a").read() == b"1"
    with pytest.raises(oss2.exceptions.AccessDenied):
        reader.put_object("b", b"1")
    through(bucket, rights.user(system=("AliyunOSSFullAccess",))).put_object("b", b"1")
