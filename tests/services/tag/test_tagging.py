"""Tags of all products by ARN, the same that each product shows itself."""

from __future__ import annotations

import json
from typing import Any

import pytest
from alibabacloud_ecs20140526 import models as ecs_models
from alibabacloud_tag20180828 import models
from alibabacloud_vpc20160428 import models as vpc_models
from oss2.models import Tagging, TaggingRule

from kowloon.testing.cloud import LocalCloud
from tests.conftest import REGION
from tests.helpers import refused
from tests.services.oss.parts import Owner as Buckets
from tests.services.ram.parts import grant, person
from tests.services.ram.resourcemanager.parts import Owner
from tests.services.ram.rights import document, statement


@pytest.fixture
def owner(shared_cloud: LocalCloud) -> Owner:
    return Owner(shared_cloud)


def arn(owner: Owner, service: str, rest: str, region: str = REGION) -> str:
    return f"arn:acs:{service}:{region}:{owner.id}:{rest}"


def network(owner: Owner, **tags: str) -> str:
    given = [vpc_models.CreateVpcRequestTag(key=key, value=value) for key, value in tags.items()]
    return str(owner.call("vpc", "CreateVpc", cidr_block="10.0.0.0/8", tag=given).vpc_id)


def put(owner: Owner, *arns: str, **tags: str) -> list[Any]:
    answer = owner.call("tag", "TagResources", resource_arn=list(arns), tags=json.dumps(tags))
    return list(answer.failed_resources.failed_resource or [])


def tags_of(owner: Owner, **fields: Any) -> dict[str, dict[str, str]]:
    found = owner.call("tag", "ListTagResources", **fields).tag_resources
    return {each.resource_arn: {tag.key: tag.value for tag in each.tags} for each in found}


def test_resources_of_many_products_at_once(owner: Owner) -> None:
    plan = owner.network("b")
    owner.call("ecs", "CreateKeyPair", key_pair_name="pair")
    balancer = owner.call("slb", "CreateLoadBalancer", v_switch_id=plan.switches[0]).load_balancer_id
    owner.call("ram", "CreateUser", user_name="alice")
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"RAM": ["acs:ram::1:root"]}}
    owner.call(
        "ram",
        "CreateRole",
        role_name="Builder",
        assume_role_policy_document=json.dumps({"Version": "1", "Statement": [trust]}),
    )
    group = owner.group("tagged")
    bucket = Buckets(owner.cloud, owner.config["access_key_id"], owner.config["access_key_secret"]).bucket()
    arns = [
        arn(owner, "vpc", f"vpc/{plan.vpc}"),
        arn(owner, "vpc", f"vswitch/{plan.switches[0]}"),
        arn(owner, "ecs", f"securitygroup/{plan.group}"),
        arn(owner, "ecs", "keypair/pair"),
        arn(owner, "slb", f"instance/{balancer}"),
        arn(owner, "oss", f"bucket/{bucket.bucket_name}"),
        arn(owner, "ram", "user/alice", "*"),
        arn(owner, "ram", "role/builder", "*"),
        arn(owner, "resourcemanager", f"resourcegroup/{group}", "*"),
    ]
    assert put(owner, *arns, team="red", stage="test") == []
    assert tags_of(owner) == {each: {"team": "red", "stage": "test"} for each in arns}
    # The products show the same.
    wanted = [vpc_models.DescribeVpcsRequestTag(key="team", value="red")]
    assert owner.call("vpc", "DescribeVpcs", tag=wanted).vpcs.vpc[0].vpc_id == plan.vpc
    pairs = owner.call("ecs", "DescribeKeyPairs", tag=[ecs_models.DescribeKeyPairsRequestTag(key="stage")])
    assert [each.key_pair_name for each in pairs.key_pairs.key_pair] == ["pair"]
    users = owner.call("ram", "ListTagResources", resource_type="user").tag_resources
    assert {(each.resource_name, each.tag_key) for each in users} == {("alice", "team"), ("alice", "stage")}
    assert bucket.get_bucket_tagging().tag_set.tagging_rule == {"team": "red", "stage": "test"}
    shown = owner.manage("GetResourceGroup", resource_group_id=group, include_tags=True).resource_group
    assert {tag.tag_key for tag in shown.tags.tag} == {"team", "stage"}
    answer = owner.call("tag", "UntagResources", resource_arn=arns, tag_key=["stage", "never-there"])
    assert not answer.failed_resources.failed_resource
    assert tags_of(owner) == {each: {"team": "red"} for each in arns}
    bucket.delete_bucket()


def test_tags_of_products_are_seen_here(owner: Owner) -> None:
    first, second = network(owner, team="red"), network(owner, team="blue", stage="test")
    bucket = Buckets(owner.cloud, owner.config["access_key_id"], owner.config["access_key_secret"]).bucket()
    rule = TaggingRule()
    rule.add("team", "red")
    bucket.put_bucket_tagging(Tagging(rule))
    red = {arn(owner, "vpc", f"vpc/{first}"), arn(owner, "oss", f"bucket/{bucket.bucket_name}")}
    assert set(tags_of(owner, tags=json.dumps({"team": "red"}))) == red
    assert len(tags_of(owner, tags=json.dumps({"team": ""}))) == 3
    assert set(tags_of(owner, tags=json.dumps({"team": "blue", "stage": "test"}))) == {
        arn(owner, "vpc", f"vpc/{second}")
    }
    assert tags_of(owner, category="System") == {}
    assert set(tags_of(owner, resource_arn=[arn(owner, "vpc", "vpc/*")])) == {
        arn(owner, "vpc", f"vpc/{each}") for each in (first, second)
    }
    assert tags_of(owner, region_id="cn-hangzhou") == {}
    bucket.delete_bucket()


def test_what_an_arn_leaves_open_is_the_callers(owner: Owner) -> None:
    vpc = network(owner)
    assert put(owner, f"arn:acs:vpc:*:*:vpc/{vpc}", team="red") == []
    assert tags_of(owner, resource_arn=[f"arn:acs:vpc:*:*:vpc/{vpc}"]) == {
        arn(owner, "vpc", f"vpc/{vpc}"): {"team": "red"}
    }


def test_lists_have_pages(owner: Owner) -> None:
    for _ in range(3):
        network(owner, team="red")
    first = owner.call("tag", "ListTagResources", page_size=2)
    assert len(first.tag_resources) == 2
    second = owner.call("tag", "ListTagResources", page_size=2, next_token=first.next_token)
    assert (len(second.tag_resources), second.next_token) == (1, "")
    refused(
        lambda: owner.call("tag", "ListTagResources", page_size=1001),
        "InvalidParameter",
        'The specified parameter "PageSize" is not valid.',
        400,
    )


def test_what_fails_is_told_and_the_rest_is_done(owner: Owner) -> None:
    other = Owner(owner.cloud)
    mine, theirs = network(owner), network(other)
    gone, foreign = arn(owner, "vpc", "vpc/vpc-none"), arn(owner, "vpc", f"vpc/{theirs}")
    failed = put(owner, gone, foreign, arn(owner, "vpc", f"vpc/{mine}"), team="red")
    not_found = ("InvalidResourceId.NotFound", "The specified ResourceIds are not found in our records.")
    assert [(each.resource_arn, each.result.code, each.result.message) for each in failed] == [
        (gone, *not_found),
        (foreign, *not_found),
    ]
    assert tags_of(owner) == {arn(owner, "vpc", f"vpc/{mine}"): {"team": "red"}}
    assert tags_of(other) == {}
    answer = owner.call("tag", "UntagResources", resource_arn=[gone], tag_key=["team"])
    assert [each.result.code for each in answer.failed_resources.failed_resource] == ["InvalidResourceId.NotFound"]
    for number in range(2):
        put(owner, arn(owner, "vpc", f"vpc/{mine}"), **{f"k{number}{each}": "v" for each in range(9)})
    full = put(owner, arn(owner, "vpc", f"vpc/{mine}"), one="more", two="more")
    assert [(each.result.code, each.result.message) for each in full] == [
        ("QuotaExceed.TagsPerResource", "The maximum number of tags for each resource is exceeded.")
    ]


@pytest.mark.parametrize(
    ("text", "code", "message"),
    [
        ("nonsense", "InvalidResourceARN.FormatError", "The format of parameter ResourceARN: nonsense is not valid"),
        ("acs:vpc:*:*:vpc/vpc-1", "InvalidResourceARN.FormatError", "is not valid"),
        ("arn:acs:boats:*:*:boat/b-1", "InvalidParameter.ServiceCode", "The parameter service code: boats"),
        ("arn:acs:vpc:*:*:boat/b-1", "InvalidParameter.ResourceType", "The parameter resource type: boat"),
        ("arn:acs:vpc:cn-hangzhou:*:vpc/vpc-1", "InvalidResourceARN.Region", "does not match the RegionId parameter"),
        ("arn:acs:vpc:*:1234567812345678:vpc/vpc-1", "InvalidResourceARN.Account", "does not match the actual account"),
    ],
)
def test_arns_that_are_none(owner: Owner, text: str, code: str, message: str) -> None:
    refused(lambda: put(owner, text, team="red"), code, message, 400)
    refused(lambda: owner.call("tag", "UntagResources", resource_arn=[text], tag_key=["team"]), code, message, 400)
    refused(lambda: tags_of(owner, resource_arn=[text]), code, message, 400)


@pytest.mark.parametrize(
    ("tags", "code", "message"),
    [
        ("", "InvalidParameter.Tags", "The Tags parameter cannot be empty"),
        ("{}", "InvalidParameter.Tags", "The Tags parameter cannot be empty"),
        ("[1]", "InvalidParameter.Tags", "should adhere to the format of a Map"),
        ('{"aliyun":"v"}', "InvalidParameter.TagKey", "The following TagKeys are invalid: ['aliyun']"),
        (json.dumps({"k" * 129: "v"}), "InvalidParameter.TagKey", "The following TagKeys are invalid"),
        (json.dumps({"k": "v" * 129}), "InvalidParameter.TagValue", "The following TagValues are invalid"),
        (json.dumps({f"k{n}": "v" for n in range(11)}), "NumberExceed.Tags", "The maximum number of Tags is exceeded."),
    ],
)
def test_tags_that_are_none(owner: Owner, tags: str, code: str, message: str) -> None:
    named = [f"arn:acs:vpc:*:*:vpc/{network(owner)}"]
    refused(lambda: owner.call("tag", "TagResources", resource_arn=named, tags=tags), code, message)
    assert tags_of(owner) == {}


def test_bounds_of_a_call(owner: Owner) -> None:
    many = [f"arn:acs:vpc:*:*:vpc/vpc-{number}" for number in range(51)]
    refused(lambda: put(owner, *many, team="red"), "NumberExceed.ResourceIds", "ResourceIds is exceeded", 403)
    keys = [f"k{number}" for number in range(11)]
    refused(
        lambda: owner.call("tag", "UntagResources", resource_arn=many[:1], tag_key=keys),
        "NumberExceed.TagKeys",
        "The maximum number of TagKeys is exceeded.",
        400,
    )
    refused(lambda: tags_of(owner, category="Odd"), "InvalidParameter.Category", "Valid values are Custom", 403)


def test_who_may_tag_what(owner: Owner) -> None:
    mine, other = network(owner, team="red"), network(owner, team="blue")
    clerk = person(owner, "clerk")
    named = [arn(owner, "vpc", f"vpc/{mine}")]
    error = refused(
        lambda: clerk.call("tag", "TagResources", resource_arn=named, tags='{"a":"b"}'),
        "NoPermission",
        "You are not authorized to do this action. You should be authorized by",
        403,
    )
    assert error.accessDeniedDetail["AuthAction"] == "tag:TagResources"
    policy = document(
        statement("Allow", "tag:*", f"acs:vpc:*:*:vpc/{mine}"),
        statement("Allow", "tag:UntagResources", "*", StringEquals={"acs:ResourceTag/team": "blue"}),
    )
    grant(owner, "clerk", "SomeTags", policy)
    clerk.call("tag", "TagResources", resource_arn=named, tags='{"a":"b"}')
    both = [*named, arn(owner, "vpc", f"vpc/{other}")]
    refused(
        lambda: clerk.call("tag", "TagResources", resource_arn=both, tags='{"a":"b"}'),
        "NoPermission",
        "You are not authorized to do this action. You should be authorized by",
    )
    clerk.call("tag", "UntagResources", resource_arn=both, tag_key=["a"])
    for action, fields in (
        ("ListTagKeys", {}),
        ("ListTagValues", {"key": "team"}),
        ("ListResourcesByTag", {"resource_type": "ALIYUN::VPC::VPC", "tag_filter": _filter(key="team")}),
        ("ListSupportResourceTypes", {}),
        ("CreateTags", {"tag_key_value_param_list": [models.CreateTagsRequestTagKeyValueParamList(key="k")]}),
        ("DeleteTag", {"key": "k"}),
        ("DescribeRegions", {}),
    ):
        error = refused(
            lambda action=action, fields=fields: clerk.call("tag", action, **fields),
            "NoPermission",
            "You are not authorized to do this action. You should be authorized by",
            403,
        )
        assert error.accessDeniedDetail["AuthAction"] == f"tag:{action}"


def test_rights_by_the_tags_that_a_call_gives(owner: Owner) -> None:
    named = [arn(owner, "vpc", f"vpc/{network(owner)}")]
    clerk = person(owner, "clerk")
    red = statement("Allow", "tag:TagResources", "*", StringEquals={"acs:RequestTag/team": "red"})
    grant(owner, "clerk", "OnlyRed", document(red))
    clerk.call("tag", "TagResources", resource_arn=named, tags='{"team":"red"}')
    refused(
        lambda: clerk.call("tag", "TagResources", resource_arn=named, tags='{"team":"blue"}'),
        "NoPermission",
        "You are not authorized to do this action. You should be authorized by",
    )


def _filter(**fields: str) -> models.ListResourcesByTagRequestTagFilter:
    return models.ListResourcesByTagRequestTagFilter(**fields)
