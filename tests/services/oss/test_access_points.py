"""Access points: how they are made and found, and who may do what through them."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import alibabacloud_oss_v2 as oss_v2
import oss2
import pytest
from oss2.models import AccessPointVpcConfiguration, CreateAccessPointRequest

from tests.conftest import REGION
from tests.services.oss.callers import Anyone, policy, role, root, same, stranger, told
from tests.services.oss.parts import Owner, refused, refused_v2

MISSING = "The specified access point does not exist."
DENIED = "Access denied by access point policy."


def made(bucket: oss2.Bucket, name: str, origin: str = "internet", vpc: str = "") -> Any:
    configuration = AccessPointVpcConfiguration(vpc) if vpc else None
    return bucket.create_access_point(CreateAccessPointRequest(name, origin, configuration))


def through(bucket: oss2.Bucket, who: Owner, alias: str, signature: str = "v4") -> oss2.Bucket:
    return who.bucket(alias, create=False, signature=signature)


def says(effect: str, action: str, name: str, *principals: str, under: str = "*", **more: Any) -> dict[str, Any]:
    """A statement of an access point's policy, about it and the objects under it."""
    return {
        "Effect": effect,
        "Action": [action],
        "Principal": list(principals) or ["*"],
        "Resource": [f"acs:oss:*:*:accesspoint/{name}", f"acs:oss:*:*:accesspoint/{name}/object/{under}"],
        **more,
    }


# Making and finding them ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("signature", ["v1", "v4"])
def test_an_access_point_from_beginning_to_end(owner: Owner, signature: str) -> None:
    bucket = same(owner.bucket(), owner, signature)
    name = f"life-{signature}"
    point = made(bucket, name)
    account = owner.cloud.account_id
    assert point.access_point_arn == f"acs:oss:{REGION}:{account}:accesspoint/{name}"
    assert re.fullmatch(rf"{name}-[0-9a-f]{{34}}-ossalias", point.alias)
    found = bucket.get_access_point(name)
    assert (found.access_point_name, found.bucket, found.account_id) == (name, bucket.bucket_name, account)
    assert (found.network_origin, found.access_point_status, found.alias) == ("internet", "enable", point.alias)
    assert found.access_point_arn == point.access_point_arn
    assert found.endpoints.public_endpoint == f"{point.alias}.oss-{REGION}.aliyuncs.com"
    assert found.endpoints.internal_endpoint == f"{point.alias}.oss-{REGION}-internal.aliyuncs.com"
    assert found.public_access_block_configuration.block_public_access is False
    refused(lambda: made(bucket, name), 409, "AccessPointAlreadyExists", "An access point of that name exists already.")
    refused(lambda: made(owner.bucket(), name), 409, "AccessPointAlreadyExists", "An access point of that name exists")
    assert bucket.delete_access_point(name).status == 204
    refused(lambda: bucket.get_access_point(name), 404, "NoSuchAccessPoint", MISSING)
    refused(lambda: bucket.delete_access_point(name), 404, "NoSuchAccessPoint", MISSING)
    refused(through(bucket, owner, point.alias).list_objects, 404, "NoSuchBucket", "The specified bucket does not")


def test_the_second_generations_client(owner: Owner, bucket: oss2.Bucket) -> None:
    client, asked = owner.v2(), {"bucket": bucket.bucket_name}
    wanted = oss_v2.CreateAccessPointConfiguration(
        access_point_name="second", network_origin="vpc", vpc_configuration=oss_v2.AccessPointVpcConfiguration("v-1")
    )
    point = client.create_access_point(
        oss_v2.CreateAccessPointRequest(**asked, create_access_point_configuration=wanted)
    )
    named = {**asked, "access_point_name": "second"}
    found = client.get_access_point(oss_v2.GetAccessPointRequest(**named))
    assert (found.alias, found.vpc_configuration.vpc_id, found.network_origin) == (point.alias, "v-1", "vpc")
    page = client.list_access_points(oss_v2.ListAccessPointsRequest(**asked))
    assert [(each.access_point_name, each.vpc_configuration.vpc_id) for each in page.access_points] == [
        ("second", "v-1")
    ]
    text = policy(says("Allow", "oss:*", "second", owner.cloud.account_id))
    client.put_access_point_policy(oss_v2.PutAccessPointPolicyRequest(**named, body=text))
    assert client.get_access_point_policy(oss_v2.GetAccessPointPolicyRequest(**named)).body == text
    client.delete_access_point_policy(oss_v2.DeleteAccessPointPolicyRequest(**named))
    error = refused_v2(
        lambda: client.get_access_point_policy(oss_v2.GetAccessPointPolicyRequest(**named)),
        404,
        "NoSuchAccessPointPolicy",
        "The specified access point does not have a policy.",
    )
    assert error.request_id
    refused_v2(
        lambda: client.put_access_point_policy(oss_v2.PutAccessPointPolicyRequest(**asked, body=text)),
        400,
        "MissingArgument",
        "Missing Some Required Arguments.",
    )
    block = oss_v2.PublicAccessBlockConfiguration(block_public_access=True)
    client.put_access_point_public_access_block(
        oss_v2.PutAccessPointPublicAccessBlockRequest(**named, public_access_block_configuration=block)
    )
    get_block = oss_v2.GetAccessPointPublicAccessBlockRequest(**named)
    shown = client.get_access_point_public_access_block(get_block)
    assert shown.public_access_block_configuration.block_public_access is True
    client.delete_access_point_public_access_block(oss_v2.DeleteAccessPointPublicAccessBlockRequest(**named))
    shown = client.get_access_point_public_access_block(get_block)
    assert shown.public_access_block_configuration.block_public_access is False
    client.delete_access_point(oss_v2.DeleteAccessPointRequest(**named))
    refused_v2(
        lambda: client.get_access_point(oss_v2.GetAccessPointRequest(**named)),
        404,
        "NoSuchAccessPoint",
        "The specified access point does not exist.",
    )


def test_lists_have_pages(alone: Owner) -> None:
    bucket, other = alone.bucket(), alone.bucket()
    for number in range(5):
        made(bucket, f"ap-{number}")
    made(other, "elsewhere")

    def pages(ask: Callable[..., Any], most: int) -> list[list[str]]:
        found, token = [], ""
        while True:
            page = ask(max_keys=most, continuation_token=token)
            assert (page.max_keys, page.account_id) == (most, alone.cloud.account_id)
            found.append([each.access_point_name for each in page.access_points])
            if not page.is_truncated:
                return found
            token = page.next_continuation_token

    assert pages(bucket.list_bucket_access_points, 2) == [["ap-0", "ap-1"], ["ap-2", "ap-3"], ["ap-4"]]
    assert pages(other.list_bucket_access_points, 100) == [["elsewhere"]]
    assert pages(alone.service().list_access_points, 4) == [["ap-0", "ap-1", "ap-2", "ap-3"], ["ap-4", "elsewhere"]]
    first = bucket.list_bucket_access_points().access_points[0]
    assert (first.bucket, first.status, first.network_origin, first.vpc) == (
        bucket.bucket_name,
        "enable",
        "internet",
        None,
    )
    message = "Argument max-keys must be an integer between 1 and 100."
    refused(lambda: bucket.list_bucket_access_points(max_keys=101), 400, "InvalidArgument", message)
    refused(lambda: alone.service().list_access_points(max_keys=0), 400, "InvalidArgument", "Argument max-keys must")
    assert stranger(alone).service().list_access_points().access_points == []


def test_a_bucket_has_room_for_a_hundred(alone: Owner) -> None:
    bucket = alone.bucket()
    for number in range(100):
        made(bucket, f"ap-{number}")
    message = "The number of access points is beyond the limit of 100 per bucket."
    refused(lambda: made(bucket, "ap-100"), 400, "TooManyAccessPoints", message)
    made(alone.bucket(), "ap-100")


WRONG: list[tuple[tuple[str, ...], str]] = [
    (("ab",), "The access point name is invalid."),
    (("a" * 20,), "The access point name is invalid."),
    (("Upper",), "The access point name is invalid."),
    (("-ab",), "The access point name is invalid."),
    (("my-ossalias",), "The access point name is invalid."),
    (("fine", "moon"), "The value of NetworkOrigin is not valid."),
    (("fine", "vpc"), "A VPC is given for the network origin vpc, and only for that."),
    (("fine", "internet", "vpc-1"), "A VPC is given for the network origin vpc, and only for that."),
]


@pytest.mark.parametrize(("wanted", "message"), WRONG, ids=[" ".join(wanted) for wanted, _ in WRONG])
def test_what_is_no_access_point_is_refused(bucket: oss2.Bucket, wanted: tuple[str, ...], message: str) -> None:
    refused(lambda: made(bucket, *wanted), 400, "InvalidArgument", message)


def test_the_longest_name_makes_the_longest_alias(owner: Owner, bucket: oss2.Bucket) -> None:
    alias = made(bucket, "a" * 19).alias
    assert len(alias) == 63
    # The owner's own account is heard without a policy.
    through(bucket, root(owner), alias).put_object("a", b"1")
    bucket.delete_access_point("a" * 19)


def test_a_bucket_stays_while_it_has_access_points(owner: Owner, bucket: oss2.Bucket) -> None:
    made(bucket, "holding")
    message = "The bucket you tried to delete has access points. Delete those first."
    refused(bucket.delete_bucket, 409, "BucketNotEmpty", message)
    bucket.delete_access_point("holding")
    bucket.delete_bucket()


def test_others_neither_see_nor_change_them(owner: Owner, bucket: oss2.Bucket) -> None:
    made(bucket, "mine")
    nobody = role(owner, "point-nobody")
    for who in (stranger(owner), nobody):
        other = same(bucket, who)
        for call in (
            lambda other=other: made(other, "theirs"),
            lambda other=other: other.get_access_point("mine"),
            lambda other=other: other.list_bucket_access_points(),
            lambda other=other: other.delete_access_point("mine"),
            lambda other=other: other.put_access_point_policy("mine", policy(says("Allow", "oss:*", "mine"))),
            lambda other=other: other.get_access_point_policy("mine"),
            lambda other=other: other.delete_access_point_policy("mine"),
            lambda other=other: other.put_access_point_public_access_block("mine", True),
            lambda other=other: other.get_access_point_public_access_block("mine"),
            lambda other=other: other.delete_access_point_public_access_block("mine"),
        ):
            refused(call, 403, "AccessDenied", "The bucket you access does not belong to you.")
    refused(nobody.service().list_access_points, 403, "AccessDenied", "The bucket you access does not belong to you.")
    refused(lambda: owner.bucket().get_access_point("mine"), 404, "NoSuchAccessPoint", MISSING)
    bucket.delete_access_point("mine")


# Through them ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("signature", ["v1", "v4"])
def test_objects_are_worked_with_through_it(owner: Owner, bucket: oss2.Bucket, signature: str) -> None:
    name = f"work-{signature}"
    point = through(bucket, owner, made(bucket, name).alias, signature)
    refused(lambda: point.put_object("a", b"1"), 403, "AccessDenied", "You have no right to access this object")
    bucket.put_access_point_policy(name, policy(says("Allow", "oss:*", name)))
    point.put_object("a", b"123")
    assert point.get_object("a").read() == b"123" == bucket.get_object("a").read()
    assert [each.key for each in point.list_objects().object_list] == ["a"]
    assert [each.key for each in point.list_objects_v2().object_list] == ["a"]
    assert point.get_object("a", byte_range=(1, 1)).read() == b"2"
    upload_id = point.init_multipart_upload("large").upload_id
    part = oss2.models.PartInfo(1, point.upload_part("large", upload_id, 1, b"x" * 300_000).etag)
    point.complete_multipart_upload("large", upload_id, [part])
    assert bucket.head_object("large").content_length == 300_000
    point.copy_object(bucket.bucket_name, "a", "b")
    assert point.batch_delete_objects(["a", "b", "large"]).deleted_keys == ["a", "b", "large"]
    refused(lambda: point.get_object("a"), 404, "NoSuchKey", "The specified key does not exist.")
    bucket.delete_access_point(name)


def test_the_second_generations_client_goes_through_it(owner: Owner, bucket: oss2.Bucket) -> None:
    alias = made(bucket, "through-v2").alias
    bucket.put_access_point_policy("through-v2", policy(says("Allow", "oss:*", "through-v2")))
    client = owner.v2()
    client.put_object(oss_v2.PutObjectRequest(bucket=alias, key="a", body=b"1"))
    assert client.get_object(oss_v2.GetObjectRequest(bucket=alias, key="a")).body.content == b"1"
    bucket.delete_access_point("through-v2")


def test_what_is_the_buckets_own_is_not_asked_through_it(owner: Owner, bucket: oss2.Bucket) -> None:
    point = through(bucket, root(owner), made(bucket, "own").alias)
    for call in (
        point.delete_bucket,
        point.get_bucket_acl,
        point.get_bucket_policy,
        lambda: point.put_bucket_policy(policy()),
        lambda: made(point, "another"),
        point.list_bucket_access_points,
    ):
        refused(call, 405, "MethodNotAllowed", "The specified method is not allowed against this resource.")
    refused(point.create_bucket, 400, "InvalidBucketName", "The specified bucket is not valid.")
    bucket.delete_access_point("own")


def test_one_statement_for_one_folder(owner: Owner, bucket: oss2.Bucket) -> None:
    point = through(bucket, owner, made(bucket, "folder").alias)
    allow = says("Allow", "oss:PutObject", "folder", under="in/*")
    bucket.put_access_point_policy("folder", policy(allow, says("Deny", "oss:PutObject", "folder", under="in/not/*")))
    point.put_object("in/a", b"1")
    refused(lambda: point.put_object("out", b"1"), 403, "AccessDenied", "You have no right to access this object")
    refused(lambda: point.get_object("in/a"), 403, "AccessDenied", "You have no right to access this object because")
    refused(lambda: point.put_object("in/not/a", b"1"), 403, "AccessDenied", DENIED)
    # The bucket itself is another way.
    bucket.put_object("out", b"1")
    assert bucket.put_access_point_policy("folder", policy(says("Deny", "oss:*", "folder"))).status == 200
    refused(lambda: point.put_object("in/a", b"1"), 403, "AccessDenied", DENIED)
    bucket.delete_access_point_policy("folder")
    refused(lambda: point.put_object("in/a", b"1"), 403, "AccessDenied", "You have no right to access this object")
    bucket.delete_access_point("folder")


def delegating(bucket: oss2.Bucket, key: str, value: str) -> str:
    return policy(
        {
            "Effect": "Allow",
            "Action": ["oss:GetObject"],
            "Principal": ["*"],
            "Resource": [f"acs:oss:*:*:{bucket.bucket_name}/*"],
            "Condition": {"StringEquals": {key: [value]}},
        }
    )


def test_a_stranger_needs_both_policies(owner: Owner, bucket: oss2.Bucket) -> None:
    made_point = made(bucket, "cross")
    account = owner.cloud.account_id
    bucket.put_object("a", b"123")
    who = stranger(owner)
    point = through(bucket, who, made_point.alias)
    bucket.put_access_point_policy("cross", policy(says("Allow", "oss:GetObject", "cross")))
    refused(lambda: point.get_object("a"), 403, "AccessDenied", "You have no right to access this object because of")
    for key, value in (
        ("oss:DataAccessPointArn", made_point.access_point_arn),
        ("oss:DataAccessPointAccount", account),
        ("oss:AccessPointNetworkOrigin", "internet"),
    ):
        bucket.put_bucket_policy(delegating(bucket, key, value))
        assert point.get_object("a").read() == b"123"
        # What is handed to the access point is not open otherwise.
        refused(lambda: same(bucket, who).get_object("a"), 403, "AccessDenied", "You have no right to access this")
        bucket.put_bucket_policy(delegating(bucket, key, "another"))
        refused(lambda: point.get_object("a"), 403, "AccessDenied", "You have no right to access this object because")
    bucket.put_bucket_policy(delegating(bucket, "oss:DataAccessPointAccount", account))
    bucket.delete_access_point_policy("cross")
    refused(lambda: point.get_object("a"), 403, "AccessDenied", "You have no right to access this object because of")
    bucket.delete_access_point("cross")


def test_a_denial_of_the_bucket_is_final(owner: Owner, bucket: oss2.Bucket) -> None:
    point = through(bucket, owner, made(bucket, "final").alias)
    bucket.put_access_point_policy("final", policy(says("Allow", "oss:*", "final")))
    point.put_object("a", b"1")
    denial = {
        "Effect": "Deny",
        "Action": ["oss:PutObject"],
        "Principal": ["*"],
        "Resource": [f"acs:oss:*:*:{bucket.bucket_name}/*"],
        "Condition": {"StringEquals": {"oss:AccessPointNetworkOrigin": ["internet"]}},
    }
    bucket.put_bucket_policy(policy(denial))
    refused(lambda: point.put_object("a", b"1"), 403, "AccessDenied", "Access denied by bucket policy.")
    bucket.put_object("a", b"1")
    bucket.delete_access_point("final")


def test_anyone_where_both_are_open_to_everyone(owner: Owner, bucket: oss2.Bucket) -> None:
    bucket.put_bucket_acl("public-read")
    bucket.put_object("a", b"123")
    alias = made(bucket, "open").alias
    anyone = Anyone(owner)
    virtual = Anyone(owner, f"{alias}.oss-{REGION}.aliyuncs.com")
    assert told(anyone.get(f"/{alias}/a"))[:2] == (403, "AccessDenied")
    bucket.put_access_point_policy("open", policy(says("Allow", "oss:GetObject", "open")))
    assert anyone.get(f"/{alias}/a").content == b"123" == virtual.get("/a").content
    bucket.put_access_point_public_access_block("open", True)
    assert bucket.get_access_point_public_access_block("open").block_public_access is True
    assert told(anyone.get(f"/{alias}/a"))[:2] == (403, "AccessDenied")
    public = policy(says("Allow", "oss:GetObject", "open"))
    refused(
        lambda: bucket.put_access_point_policy("open", public),
        403,
        "AccessDenied",
        "Put public bucket policy is not allowed",
    )
    bucket.delete_access_point_public_access_block("open")
    assert virtual.get("/a").content == b"123"
    bucket.put_bucket_public_access_block(True)
    assert told(virtual.get("/a"))[:2] == (403, "AccessDenied")
    bucket.delete_access_point("open")


def test_one_of_a_vpc_is_not_reached_from_here(owner: Owner, bucket: oss2.Bucket) -> None:
    alias = made(bucket, "inside", "vpc", "vpc-1").alias
    bucket.put_access_point_policy("inside", policy(says("Allow", "oss:*", "inside")))
    message = "The access point can be used from its own VPC only."
    for who in (owner, root(owner)):
        refused(lambda who=who: through(bucket, who, alias).put_object("a", b"1"), 403, "AccessDenied", message)
    assert told(Anyone(owner).get(f"/{alias}/a")) == (403, "AccessDenied", message)
    bucket.delete_access_point("inside")


def test_policies_that_cannot_be_read_are_refused(owner: Owner, bucket: oss2.Bucket) -> None:
    made(bucket, "strict")
    refused(lambda: bucket.put_access_point_policy("strict", "{"), 400, "InvalidPolicyDocument", "it is not JSON.")
    refused(lambda: bucket.put_access_point_policy("strict", b"\xff"), 400, "InvalidPolicyDocument", "not UTF-8")
    good = policy(says("Allow", "oss:*", "strict"))
    refused(lambda: bucket.put_access_point_policy("none", good), 404, "NoSuchAccessPoint", MISSING)
    refused(lambda: bucket.get_access_point_policy("none"), 404, "NoSuchAccessPoint", MISSING)
    refused(lambda: bucket.delete_access_point_policy("none"), 404, "NoSuchAccessPoint", MISSING)
    refused(lambda: bucket.put_access_point_public_access_block("none", True), 404, "NoSuchAccessPoint", MISSING)
    bucket.put_access_point_policy("strict", good)
    assert bucket.get_access_point_policy("strict").policy == good
    bucket.delete_access_point("strict")


def test_an_alias_that_nobody_has(owner: Owner) -> None:
    point = owner.bucket(f"none-{'0' * 34}-ossalias", create=False)
    refused(lambda: point.get_object("a"), 404, "NoSuchBucket", "The specified bucket does not exist.")
