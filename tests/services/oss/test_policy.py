"""Bucket policies and what blocks public access: documents, decisions, and who is meant."""

from __future__ import annotations

import json
from typing import Any

import alibabacloud_oss_v2 as oss_v2
import oss2
import pytest

from tests.services.oss.callers import (
    STRANGER,
    Anyone,
    anyone_on,
    policy,
    role,
    root,
    same,
    statement,
    stranger,
    told,
)
from tests.services.oss.parts import Owner, refused, refused_v2

DENIED = (403, "AccessDenied", "Access denied by bucket policy.")
NOT_YOURS = (403, "AccessDenied", "The bucket you access does not belong to you.")
BY_ACL = (403, "AccessDenied", "You have no right to access this object because of bucket acl.")


def test_a_policy_is_kept_shown_and_removed(owner: Owner, bucket: oss2.Bucket) -> None:
    refused(bucket.get_bucket_policy, 404, "NoSuchBucketPolicy", "The bucket policy does not exist.")
    text = policy(statement("Allow", "oss:GetObject", bucket))
    bucket.put_bucket_policy(text)
    assert bucket.get_bucket_policy().policy == text
    client = owner.v2()
    status = client.get_bucket_policy_status(oss_v2.GetBucketPolicyStatusRequest(bucket=bucket.bucket_name))
    assert status.policy_status.is_public is True
    bucket.delete_bucket_policy()
    bucket.delete_bucket_policy()
    refused(bucket.get_bucket_policy, 404, "NoSuchBucketPolicy", "The bucket policy does not exist.")
    status = client.get_bucket_policy_status(oss_v2.GetBucketPolicyStatusRequest(bucket=bucket.bucket_name))
    assert status.policy_status.is_public is False


GOOD: dict[str, Any] = {"Effect": "Allow", "Action": "oss:Get*", "Principal": "*", "Resource": "acs:oss:*:*:b/*"}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{", "it is not JSON."),
        ("[]", "it takes Version and Statement."),
        ('{"Version":"1","Version":"1","Statement":[]}', "a name comes twice in one object."),
        (json.dumps({"Version": 1, "Statement": [GOOD]}), 'Version must be the string "1".'),
        (json.dumps({"Version": "1", "Statement": []}), "Statement must be a list that is not empty."),
        (policy({**GOOD, "Effect": "Maybe"}), "Effect must be Allow or Deny."),
        (policy({**GOOD, "Extra": "x"}), "a statement has no element 'Extra'."),
        (policy({**GOOD, "NotAction": "oss:*"}), "a statement has either Action or NotAction."),
        (policy({**GOOD, "Principal": []}), "Principal must be a list of strings that is not empty."),
        (policy({**GOOD, "Principal": "someone"}), "'someone' is no principal."),
        (policy({**GOOD, "Action": "ecs:RunInstances"}), "'ecs:RunInstances' is no action."),
        (policy({**GOOD, "Resource": "acs:ecs:*:*:b"}), "'acs:ecs:*:*:b' is no resource of OSS."),
        (
            policy({**GOOD, "Condition": {"Unlike": {"acs:SourceIp": "1.1.1.1"}}}),
            "there is no condition operator 'Unlike'.",
        ),
        (policy({**GOOD, "Condition": {"Bool": {"acs:Mood": "good"}}}), "there is no condition key 'acs:Mood'."),
        (policy({**GOOD, "Condition": {"IpAddress": {"acs:SourceIp": "here"}}}), "IpAddress cannot compare with"),
        (policy({**GOOD, "Condition": {"DateLessThan": {"acs:CurrentTime": "soon"}}}), "DateLessThan cannot"),
        (policy(*[GOOD] * 200), "it is longer than 16384 bytes."),
    ],
)
def test_documents_that_are_none(bucket: oss2.Bucket, text: str, why: str) -> None:
    details = refused(lambda: bucket.put_bucket_policy(text), 400, "InvalidPolicyDocument", "The policy is invalid: ")
    assert why in details["Message"]
    assert details["EC"] == "0030-00000005"
    refused(bucket.get_bucket_policy, 404, "NoSuchBucketPolicy", "The bucket policy does not exist.")


def test_an_allow_opens_a_bucket_to_those_it_names(owner: Owner, bucket: oss2.Bucket) -> None:
    bucket.put_object("a", b"1")
    theirs = same(bucket, stranger(owner))
    refused(lambda: theirs.get_object("a"), *BY_ACL)
    refused(lambda: theirs.list_objects(), *NOT_YOURS)
    bucket.put_bucket_policy(policy(statement("Allow", "oss:GetObject", bucket, Principal=[STRANGER])))
    assert theirs.get_object("a").read() == b"1"
    assert theirs.head_object("a").content_length == 1
    refused(lambda: theirs.put_object("a", b"2"), *BY_ACL)
    refused(lambda: theirs.list_objects(), *NOT_YOURS)
    assert told(Anyone(owner).get(f"/{bucket.bucket_name}/a")) == BY_ACL


def test_an_allow_for_everyone_lets_anyone_in_but_only_for_its_keys(owner: Owner, bucket: oss2.Bucket) -> None:
    bucket.put_object("open/a", b"1")
    bucket.put_object("shut/a", b"1")
    name = bucket.bucket_name
    allow = statement("Allow", "oss:GetObject", bucket, Resource=[f"acs:oss:oss-cn-hongkong:*:{name}/open/?"])
    bucket.put_bucket_policy(policy(allow))
    for anyone, prefix in ((Anyone(owner), f"/{name}"), (anyone_on(bucket, owner), "")):
        assert anyone.get(f"{prefix}/open/a").content == b"1"
        assert anyone.get(f"{prefix}/open%2Fa").content == b"1"
        assert told(anyone.get(f"{prefix}/open/aa"))[:2] == (403, "AccessDenied")
        assert told(anyone.get(f"{prefix}/shut/a")) == BY_ACL


def test_a_denial_is_final_over_ram_acl_and_other_statements(owner: Owner, bucket: oss2.Bucket) -> None:
    bucket.put_object("a", b"1")
    bucket.put_bucket_acl("public-read")
    bucket.put_bucket_policy(policy(statement("Allow", "oss:*", bucket), statement("Deny", "oss:GetObject", bucket)))
    details = refused(lambda: bucket.get_object("a"), *DENIED)
    assert details["EC"] == "0003-00000101"
    assert told(Anyone(owner).get(f"/{bucket.bucket_name}/a")) == DENIED
    refused(lambda: same(bucket, stranger(owner)).get_object("a"), *DENIED)
    # As the vendor has it, everyone is not the owner where there is no condition.
    assert same(bucket, root(owner)).get_object("a").read() == b"1"
    assert [found.key for found in bucket.list_objects().object_list] == ["a"]


def test_with_a_condition_everyone_is_the_owner_too(owner: Owner, bucket: oss2.Bucket) -> None:
    bucket.put_object("a", b"1")
    condition = {"NotIpAddress": {"acs:SourceIp": ["10.0.0.0/8"]}}
    bucket.put_bucket_policy(policy(statement("Deny", "oss:GetObject", bucket, Condition=condition)))
    refused(lambda: same(bucket, root(owner)).get_object("a"), *DENIED)


def test_a_refusal_says_which_kind_of_policy_decided(owner: Owner, bucket: oss2.Bucket) -> None:
    bucket.put_object("a", b"1")
    reader = same(bucket, role(owner, "reader-of-oss", "AliyunOSSReadOnlyAccess"))
    assert reader.get_object("a").read() == b"1"
    with pytest.raises(oss2.exceptions.AccessDenied) as caught:
        reader.put_object("a", b"2")
    assert b"<NoPermissionType>ImplicitDeny</NoPermissionType>" in caught.value.body
    assert b"<AuthAction>oss:PutObject</AuthAction>" in caught.value.body
    full = same(bucket, role(owner, "master-of-oss", "AliyunOSSFullAccess"))
    full.put_object("a", b"3")
    nobody = same(bucket, role(owner, "reader-of-ecs", "AliyunECSFullAccess"))
    refused(lambda: nobody.get_object("a"), *BY_ACL)
    refused(nobody.get_bucket_info, *NOT_YOURS)
    refused(
        lambda: role(owner, "lister-of-ecs", "AliyunECSFullAccess").service().list_buckets(),
        403,
        "AccessDenied",
        "You are forbidden to list buckets.",
    )


def test_sessions_of_a_role_are_named_by_pattern(owner: Owner, bucket: oss2.Bucket) -> None:
    bucket.put_object("a", b"1")
    session = same(bucket, role(owner, "Nightly", "AliyunECSFullAccess"))
    account = owner.cloud.account_id
    for principal, allowed in (
        (f"arn:sts::{account}:assumed-role/nightly/*", True),
        (f"arn:sts::{account}:assumed-role/nightly/tester", True),
        (f"arn:sts::{account}:assumed-role/nightly/other", False),
        (f"arn:sts::{STRANGER}:assumed-role/nightly/*", False),
    ):
        bucket.put_bucket_policy(policy(statement("Allow", "oss:GetObject", bucket, Principal=[principal])))
        if allowed:
            assert session.get_object("a").read() == b"1"
        else:
            refused(lambda: session.get_object("a"), *BY_ACL)


def test_not_principal_and_not_action_are_about_all_others(owner: Owner, bucket: oss2.Bucket) -> None:
    bucket.put_object("a", b"1")
    theirs = same(bucket, stranger(owner))
    allow = statement("Allow", "oss:*", bucket)
    others = {**statement("Deny", "oss:GetObject", bucket), "NotPrincipal": [STRANGER]}
    del others["Principal"]
    bucket.put_bucket_policy(policy(allow, others))
    assert theirs.get_object("a").read() == b"1"
    assert told(Anyone(owner).get(f"/{bucket.bucket_name}/a")) == DENIED
    no_reads = {**allow, "NotAction": ["oss:Get*"]}
    del no_reads["Action"]
    bucket.put_bucket_policy(policy(no_reads))
    theirs.put_object("b", b"2")
    refused(lambda: theirs.get_object("b"), *BY_ACL)


@pytest.mark.parametrize(
    ("condition", "allowed"),
    [
        ({"IpAddress": {"acs:SourceIp": ["127.0.0.0/8"]}}, True),
        ({"IpAddress": {"acs:SourceIp": "10.0.0.1"}}, False),
        ({"NotIpAddress": {"acs:SourceIp": "10.0.0.1"}}, True),
        ({"Bool": {"acs:SecureTransport": "false"}}, True),
        ({"Bool": {"acs:SecureTransport": True}}, False),
        ({"StringLike": {"acs:UserAgent": "python-*"}}, True),
        ({"StringNotLike": {"acs:UserAgent": "python-*"}}, False),
        ({"StringEquals": {"acs:SourceVpc": "vpc-1"}}, False),
        ({"StringNotEquals": {"acs:SourceVpc": "vpc-1"}}, True),
        ({"StringEqualsIgnoreCase": {"acs:UserAgent": "PYTHON-HTTPX/0.28.1"}}, True),
        ({"DateLessThan": {"acs:CurrentTime": "2100-01-01T00:00:00Z"}}, True),
        ({"DateGreaterThan": {"acs:CurrentTime": "2100-01-01T00:00:00+08:00"}}, False),
        ({"NumericLessThanEquals": {"oss:MaxKeys": 10}}, True),
        ({"NumericGreaterThan": {"oss:MaxKeys": "10"}}, False),
        ({"StringEquals": {"oss:Prefix": ["photos/", ""]}}, False),
        ({"StringEquals": {"oss:Prefix": ["logs/"]}, "StringLike": {"oss:Delimiter": "/"}}, True),
        ({"StringEquals": {"oss:BucketTag/team": "red"}}, True),
        ({"StringEquals": {"oss:BucketTag/Team": "red"}}, False),
    ],
)
def test_conditions_of_a_listing(owner: Owner, bucket: oss2.Bucket, condition: dict[str, Any], allowed: bool) -> None:
    tags = oss2.models.TaggingRule()
    tags.add("team", "red")
    bucket.put_bucket_tagging(oss2.models.Tagging(tags))
    bucket.put_bucket_policy(policy(statement("Allow", "oss:ListObjects", bucket, Condition=condition)))
    response = Anyone(owner).call(
        "GET",
        f"/{bucket.bucket_name}/?prefix=logs/&delimiter=/&max-keys=10",
        {"User-Agent": "python-httpx/0.28.1"},
    )
    if allowed:
        assert response.status_code == 200, response.text
    else:
        assert told(response) == (403, "AccessDenied", "Anonymous user has no right to access this bucket.")


def test_conditions_on_the_tags_of_an_object(owner: Owner, bucket: oss2.Bucket) -> None:
    bucket.put_object("a", b"1", headers={"x-oss-tagging": "state=free"})
    bucket.put_object("b", b"1")
    condition = {"StringEquals": {"oss:ExistingObjectTag/state": ["free"]}}
    bucket.put_bucket_policy(policy(statement("Allow", "oss:GetObject", bucket, Condition=condition)))
    anyone = Anyone(owner)
    assert anyone.get(f"/{bucket.bucket_name}/a").content == b"1"
    assert told(anyone.get(f"/{bucket.bucket_name}/b")) == BY_ACL


def test_a_named_version_needs_the_right_for_versions_too(owner: Owner, bucket: oss2.Bucket) -> None:
    bucket.put_bucket_versioning(oss2.models.BucketVersioningConfig("Enabled"))
    version = bucket.put_object("a", b"1").versionid
    anyone, path = Anyone(owner), f"/{bucket.bucket_name}/a"
    bucket.put_bucket_policy(policy(statement("Allow", "oss:GetObject", bucket)))
    assert anyone.get(path).content == b"1"
    assert told(anyone.get(f"{path}?versionId={version}"))[:2] == (403, "AccessDenied")
    bucket.put_bucket_policy(policy(statement("Allow", "oss:GetObject*", bucket)))
    assert anyone.get(f"{path}?versionId={version}").content == b"1"
    bucket.put_bucket_policy(policy(statement("Deny", "oss:GetObject", bucket)))
    refused(lambda: bucket.get_object("a", params={"versionId": version}), *DENIED)


def test_a_write_needs_the_right_for_what_comes_with_it(owner: Owner, bucket: oss2.Bucket) -> None:
    theirs = same(bucket, stranger(owner))
    bucket.put_bucket_policy(policy(statement("Allow", "oss:PutObject", bucket, Principal=[STRANGER])))
    theirs.put_object("a", b"1")
    refused(lambda: theirs.put_object("a", b"1", headers={"x-oss-tagging": "a=1"}), *BY_ACL)
    refused(
        lambda: theirs.put_object("a", b"1", headers={"x-oss-object-acl": "public-read"}),
        403,
        "AccessDenied",
        "You do not have write acl permission on this object.",
    )


def test_blocking_public_access_ends_and_forbids_it(owner: Owner, bucket: oss2.Bucket) -> None:
    bucket.put_object("a", b"1")
    anyone, path = Anyone(owner), f"/{bucket.bucket_name}/a"
    theirs = same(bucket, stranger(owner))
    bucket.put_bucket_acl("public-read")
    named = statement("Allow", "oss:GetObject", bucket, Principal=[STRANGER])
    public = statement("Allow", "oss:PutObject", bucket)
    bucket.put_bucket_policy(policy(named, public))
    assert anyone.get(path).content == b"1"
    assert anyone.call("PUT", path, body=b"1").status_code == 200
    bucket.put_bucket_public_access_block(True)
    assert bucket.get_bucket_public_access_block().block_public_access is True
    info = owner.v2().get_bucket_info(oss_v2.GetBucketInfoRequest(bucket=bucket.bucket_name))
    assert info.bucket_info.block_public_access is True
    assert told(anyone.get(path)) == BY_ACL
    assert told(anyone.call("PUT", path, body=b"1")) == BY_ACL
    # Who is named is still let in.
    assert theirs.get_object("a").read() == b"1"
    refused(lambda: bucket.put_bucket_acl("public-read"), 403, "AccessDenied", "Put public bucket acl is not allowed")
    refused(
        lambda: bucket.put_bucket_policy(policy(public)), 403, "AccessDenied", "Put public bucket policy is not allowed"
    )
    for call in (
        lambda: bucket.put_object_acl("a", "public-read"),
        lambda: bucket.put_object("b", b"1", headers={"x-oss-object-acl": "public-read-write"}),
    ):
        details = refused(call, 403, "AccessDenied", "Put public object acl is not allowed")
        assert details["EC"] == "0016-00000901"
    bucket.put_bucket_policy(policy(named))
    bucket.put_bucket_acl("private")
    bucket.delete_bucket_public_access_block()
    assert bucket.get_bucket_public_access_block().block_public_access is False
    bucket.put_bucket_acl("public-read")
    assert anyone.get(path).content == b"1"


def test_an_account_blocks_all_of_its_buckets(alone: Owner) -> None:
    bucket = alone.bucket()
    bucket.put_object("a", b"1")
    bucket.put_bucket_acl("public-read")
    client = alone.v2()
    config = oss_v2.PublicAccessBlockConfiguration(block_public_access=True)
    client.put_public_access_block(oss_v2.PutPublicAccessBlockRequest(public_access_block_configuration=config))
    shown = client.get_public_access_block(oss_v2.GetPublicAccessBlockRequest())
    assert shown.public_access_block_configuration.block_public_access is True
    assert told(Anyone(alone).get(f"/{bucket.bucket_name}/a")) == BY_ACL
    fresh = alone.bucket("fresh-one", create=False)
    refused(lambda: fresh.create_bucket("public-read"), 403, "AccessDenied", "Put public bucket acl is not allowed")
    client.delete_public_access_block(oss_v2.DeletePublicAccessBlockRequest())
    assert Anyone(alone).get(f"/{bucket.bucket_name}/a").content == b"1"
    refused_v2(
        lambda: stranger(alone).v2().get_bucket_policy(oss_v2.GetBucketPolicyRequest(bucket=bucket.bucket_name)),
        *NOT_YOURS,
    )


@pytest.mark.parametrize(
    ("change", "public"),
    [
        ({}, True),
        ({"Principal": [STRANGER]}, False),
        ({"Effect": "Deny"}, False),
        ({"Condition": {"IpAddress": {"acs:SourceIp": "10.0.0.0/8"}}}, False),
        ({"Condition": {"IpAddress": {"acs:SourceIp": ["10.0.0.0/8", "0.0.0.0/0"]}}}, True),
        ({"Condition": {"NotIpAddress": {"acs:SourceIp": "10.0.0.0/8"}}}, True),
        ({"Condition": {"StringEquals": {"acs:SourceVpc": "vpc-1"}}}, False),
        ({"Condition": {"StringLike": {"acs:SourceVpc": "vpc-*"}}}, True),
        ({"Condition": {"StringLike": {"acs:UserAgent": "curl"}}}, True),
    ],
)
def test_what_makes_a_policy_public(owner: Owner, bucket: oss2.Bucket, change: dict[str, Any], public: bool) -> None:
    bucket.put_bucket_policy(policy({**statement("Allow", "oss:GetObject", bucket), **change}))
    status = owner.v2().get_bucket_policy_status(oss_v2.GetBucketPolicyStatusRequest(bucket=bucket.bucket_name))
    assert status.policy_status.is_public is public


def test_a_policy_goes_with_its_bucket(bucket: oss2.Bucket) -> None:
    bucket.put_bucket_policy(policy(statement("Allow", "oss:GetObject", bucket)))
    bucket.delete_bucket()
    bucket.create_bucket()
    refused(bucket.get_bucket_policy, 404, "NoSuchBucketPolicy", "The bucket policy does not exist.")
