"""Keys, values, resources by tag, and tags that are prepared."""

from __future__ import annotations

from typing import Any

import pytest
from alibabacloud_tag20180828 import models

from kowloon.testing.cloud import LocalCloud
from tests.helpers import refused
from tests.services.ram.resourcemanager.parts import Owner
from tests.services.tag.test_tagging import network, put

VPCS = "ALIYUN::VPC::VPC"


@pytest.fixture
def owner(shared_cloud: LocalCloud) -> Owner:
    return Owner(shared_cloud)


def keys(owner: Owner, **fields: Any) -> list[str]:
    return [each.key for each in owner.call("tag", "ListTagKeys", **fields).keys.key]


def values(owner: Owner, key: str, **fields: Any) -> list[str]:
    return list(owner.call("tag", "ListTagValues", key=key, **fields).values.value)


def found(owner: Owner, **fields: Any) -> list[str]:
    rows = owner.call("tag", "ListResourcesByTag", resource_type=VPCS, **fields).resources
    return [each.resource_id for each in rows]


def test_keys_and_values(owner: Owner) -> None:
    network(owner, team="red", stage="test")
    network(owner, team="blue")
    owner.call("ecs", "CreateKeyPair", key_pair_name="pair")
    put(owner, "arn:acs:ecs:*:*:keypair/pair", by="me")
    assert keys(owner) == ["by", "stage", "team"]
    assert keys(owner, resource_type=VPCS) == ["stage", "team"]
    assert keys(owner, tag_filter=models.ListTagKeysRequestTagFilter(key="st"), fuzzy_type="PREFIX") == ["stage"]
    assert keys(owner, tag_filter=models.ListTagKeysRequestTagFilter(key="st")) == []
    assert keys(owner, category="system") == []
    assert values(owner, "team") == ["blue", "red"]
    assert values(owner, "team", tag_filter=models.ListTagValuesRequestTagFilter(value="red")) == ["red"]
    assert values(owner, "by", resource_type=VPCS) == []
    page = owner.call("tag", "ListTagKeys", page_size=2)
    assert [each.key for each in page.keys.key] == ["by", "stage"]
    assert keys(owner, page_size=2, next_token=page.next_token) == ["team"]
    first = owner.call("tag", "ListTagValues", key="team", page_size=1)
    assert values(owner, "team", page_size=1, next_token=first.next_token) == ["red"]
    assert keys(Owner(owner.cloud)) == []


def test_resources_by_tag(owner: Owner) -> None:
    red, blue, plain = network(owner, team="red", stage="test"), network(owner, team="blue"), network(owner)
    team = models.ListResourcesByTagRequestTagFilter(key="team")
    team_red = models.ListResourcesByTagRequestTagFilter(key="team", value="red")
    assert found(owner, tag_filter=team) == [red, blue]
    assert found(owner, tag_filter=team_red) == [red]
    assert found(owner, tag_filter=team_red, fuzzy_type="NOT") == [blue, plain]
    assert found(owner, tag_filter=team, max_result=1) == [red]
    row = owner.call(
        "tag", "ListResourcesByTag", resource_type=VPCS, tag_filter=team_red, include_all_tags=True
    ).resources[0]
    assert [(each.key, each.value, each.category) for each in row.tags] == [
        ("team", "red", "custom"),
        ("stage", "test", "custom"),
    ]


@pytest.mark.parametrize(
    ("action", "fields", "code", "message"),
    [
        (
            "ListTagKeys",
            {"resource_type": "BOAT"},
            "InvalidParameter.ResourceType",
            "ResourceType parameter is invalid",
        ),
        ("ListTagKeys", {"fuzzy_type": "LIKE"}, "FuzzyType.NotSupport", "Fuzzy queries are not supported."),
        ("ListTagKeys", {"query_type": "Odd"}, "InvalidParameter.QueryType", "QueryType"),
        ("ListTagKeys", {"category": "odd"}, "InvalidParameter.Category", "The specified Category is invalid."),
        ("ListTagValues", {"key": "k", "fuzzy_type": "LIKE"}, "FuzzyType.NotSupport", "not supported"),
        (
            "ListTagValues",
            {"key": "k", "query_type": "MetaTag"},
            "MetaTagKeyNotFound",
            "The meta tag key is not found.",
        ),
        ("ListTagValues", {}, "MissingKey", "Key is mandatory for this action."),
        ("ListResourcesByTag", {"resource_type": VPCS}, "MissingParameter.TagKey", "You must specify TagKey."),
        (
            "ListResourcesByTag",
            {"resource_type": VPCS, "fuzzy_type": "PREFIX"},
            "FuzzyType.NotSupport",
            "not supported",
        ),
        ("DeleteTag", {"key": "never"}, "MetaTagKeyNotFound", "The meta tag key is not found."),
        ("CreateTags", {"tag_key_value_param_list": []}, "MissingParameter.TagKeyValueParamList", "must not be null"),
    ],
)
def test_refusals(owner: Owner, action: str, fields: dict[str, Any], code: str, message: str) -> None:
    refused(lambda: owner.call("tag", action, **fields), code, message)


def test_what_can_be_tagged(owner: Owner) -> None:
    rows = owner.call("tag", "ListSupportResourceTypes", max_result=100).support_resource_types
    known = {(each.product_code, each.resource_type): each.arn_template for each in rows}
    assert known["ecs", "instance"] == "arn:acs:ecs:*:*:instance/*"
    assert {code for code, _ in known} == {"ecs", "vpc", "slb", "rds", "oss", "ram", "resourcemanager"}
    some = owner.call("tag", "ListSupportResourceTypes", product_code="vpc", max_result=2)
    assert [each.resource_type for each in some.support_resource_types] == ["vpc", "vswitch"]
    assert some.next_token
    regions = owner.call("tag", "DescribeRegions").regions.region
    assert "tag.cn-hongkong.aliyuncs.com" in {each.region_endpoint for each in regions}


def prepared(key: str, *values: str) -> list[models.CreateTagsRequestTagKeyValueParamList]:
    listed = [models.CreateTagsRequestTagKeyValueParamListTagValueParamList(value=value) for value in values]
    return [models.CreateTagsRequestTagKeyValueParamList(key=key, description="d", tag_value_param_list=listed)]


def test_prepared_tags(owner: Owner) -> None:
    owner.call("tag", "CreateTags", tag_key_value_param_list=prepared("team", "red", "blue"))
    owner.call("tag", "CreateTags", tag_key_value_param_list=prepared("team", "green"))
    assert values(owner, "team", query_type="MetaTag") == ["red", "blue", "green"]
    assert keys(owner, query_type="MetaTag") == ["team"]
    # No resource has it.
    assert keys(owner) == []
    refused(
        lambda: owner.call("tag", "DeleteTag", key="team"),
        "MetaTagKeyHasValue",
        "The specified TagKey already bind tag value",
        400,
    )
    refused(
        lambda: owner.call("tag", "DeleteTag", key="team", value="no"),
        "InvalidParameter.Value",
        "The Value is invalid.",
        403,
    )
    # As the provider does: every value, and then the key.
    for value in ("red", "blue", "green"):
        owner.call("tag", "DeleteTag", key="team", value=value)
    owner.call("tag", "DeleteTag", key="team")
    refused(lambda: values(owner, "team", query_type="MetaTag"), "MetaTagKeyNotFound", "The meta tag key is not found.")
    assert keys(Owner(owner.cloud), query_type="MetaTag") == []


@pytest.mark.parametrize(
    ("key", "value", "code"),
    [
        ("acs:team", "red", "InvalidParameter.Key"),
        ("k" * 129, "red", "InvalidParameter.Key"),
        ("team", "v" * 129, "InvalidParameter.Value"),
        ("team", "", "InvalidParameter.Value"),
    ],
)
def test_prepared_tags_that_are_none(owner: Owner, key: str, value: str, code: str) -> None:
    refused(
        lambda: owner.call("tag", "CreateTags", tag_key_value_param_list=prepared(key, value)), code, "invalid", 403
    )
    many = [each for number in range(11) for each in prepared(f"k{number}", "v")]
    refused(
        lambda: owner.call("tag", "CreateTags", tag_key_value_param_list=many),
        "NumberExceed.TagKeys",
        "The maximum number of TagKeys is exceeded.",
    )


def test_prepared_tags_are_not_endless(owner: Owner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kowloon.services.tag.meta_tags.MOST_KEYS", 2)
    monkeypatch.setattr("kowloon.services.tag.meta_tags.MOST_VALUES", 3)
    owner.call("tag", "CreateTags", tag_key_value_param_list=[*prepared("a", "1", "2"), *prepared("b", "1")])
    refused(
        lambda: owner.call("tag", "CreateTags", tag_key_value_param_list=prepared("c")),
        "QuotaExceed.MetaTagKeys",
        "The maximum number of meta tag keys is exceeded.",
        403,
    )
    refused(
        lambda: owner.call("tag", "CreateTags", tag_key_value_param_list=prepared("a", "3", "4")),
        "QuotaExceed.MetaTagValues",
        "The maximum number of values for each meta tag key is exceeded.",
        403,
    )
    assert keys(owner, query_type="MetaTag") == ["a", "b"]
    assert values(owner, "a", query_type="MetaTag") == ["1", "2"]
    # What is there already is no more than there is.
    owner.call("tag", "CreateTags", tag_key_value_param_list=prepared("a", "1", "3"))
    long = prepared("a", "1")
    long[0].tag_value_param_list[0].description = "d" * 513
    refused(
        lambda: owner.call("tag", "CreateTags", tag_key_value_param_list=long),
        "InvalidParameter.Description",
        "The Description is invalid.",
        403,
    )
