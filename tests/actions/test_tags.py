"""Tags: limits, filters, and the three tag actions through the chain."""

from __future__ import annotations

import pytest

from kowloon.actions import tags
from kowloon.actions.tags import TagParam
from kowloon.core.errors import ApiError
from tests.core.parts import paper_cloud


@pytest.mark.parametrize("key", ["", "aliyun", "AliYun-x", "acs:x", "a http://b", "HTTPS://b", "k" * 129])
def test_keys_the_vendor_refuses(key: str) -> None:
    with pytest.raises(ApiError) as refused:
        tags.checked([TagParam(Key=key, Value="v")])
    assert (refused.value.code, refused.value.status) == ("InvalidParameter.Tag.N.Key", 400)
    assert refused.value.message == (
        'The specified parameter "Tag.N.Key" is not valid. '
        "A key has 1 to 128 characters and must not begin with aliyun or acs:."
    )


def test_values_and_counts_are_limited() -> None:
    assert tags.checked([TagParam(Key="k" * 128, Value="v" * 128)]) == {"k" * 128: "v" * 128}
    with pytest.raises(ApiError, match=r"InvalidParameter\.Tag\.N\.Value: .*A value has at most 128 characters\."):
        tags.checked([TagParam(Key="k", Value="v" * 129)])
    twenty = [TagParam(Key=f"k{number}") for number in range(20)]
    assert len(tags.checked([*twenty, TagParam(Key="k0", Value="again")])) == 20
    with pytest.raises(ApiError, match=r"InvalidParameter\.Tag: .*A resource has at most 20 tags\."):
        tags.checked([*twenty, TagParam(Key="k20")])


def test_filters_want_all_tags_and_an_empty_value_wants_the_key() -> None:
    owned = {"env": "prod", "team": "a"}
    assert tags.matches(owned, [])
    assert tags.matches(owned, [TagParam(Key="env", Value="prod"), TagParam(Key="team")])
    assert not tags.matches(owned, [TagParam(Key="env", Value="test")])
    assert not tags.matches(owned, [TagParam(Key="owner")])


async def test_the_three_tag_actions() -> None:
    async with paper_cloud() as caller:
        vpc = (await caller.ask("CreateVpc"))["VpcId"]
        named = {"ResourceType": "VPC", "ResourceId.1": vpc}
        await caller.ask("TagResources", **named, **{"Tag.1.Key": "env", "Tag.1.Value": "prod", "Tag.2.Key": "team"})
        listed = await caller.ask("ListTagResources", ResourceType="vpc", **{"ResourceId.1": vpc, "Tag.1.Key": "env"})
        rows = listed["TagResources"]["TagResource"]
        assert [(row["ResourceId"], row["TagKey"], row["TagValue"]) for row in rows] == [
            (vpc, "env", "prod"),
            (vpc, "team", ""),
        ]
        await caller.ask("UnTagResources", **named, **{"TagKey.1": "env"})
        listed = await caller.ask("ListTagResources", **named)
        assert [row["TagKey"] for row in listed["TagResources"]["TagResource"]] == ["team"]
        await caller.ask("UnTagResources", **named, All="true")
        assert (await caller.ask("ListTagResources", **named))["TagResources"] == {"TagResource": []}


async def test_tag_actions_refuse_what_is_not_there() -> None:
    async with paper_cloud() as caller:
        tag = {"Tag.1.Key": "k"}
        assert await caller.refused("TagResources", ResourceType="VPC", **{"ResourceId.1": "vpc-no"}, **tag) == (
            404,
            "InvalidResourceId.NotFound",
            "The specified ResourceId is not found in our records.",
        )
        status, code, message = await caller.refused(
            "TagResources", ResourceType="BOAT", **{"ResourceId.1": "b"}, **tag
        )
        assert (status, code) == (400, "InvalidParameter.ResourceType")
        assert message.startswith('The specified parameter "ResourceType" is not valid. It must be one of vpc')
        assert await caller.refused("TagResources", ResourceType="VPC", **tag) == (
            400,
            "MissingResourceId",
            "ResourceId is mandatory for this action.",
        )
