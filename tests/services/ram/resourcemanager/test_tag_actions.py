"""Tags of resource groups and of member accounts."""

from __future__ import annotations

from typing import Any

from alibabacloud_resourcemanager20200331 import models

from tests.helpers import refused
from tests.services.ram.resourcemanager.parts import Organisation, Owner


def tag(owner: Owner, kind: str, ids: list[str], **tags: str) -> None:
    given = [models.TagResourcesRequestTag(key=key, value=value) for key, value in tags.items()]
    owner.manage("TagResources", resource_type=kind, resource_id=ids, tag=given)


def rows(owner: Owner, kind: str, **fields: Any) -> list[tuple[str, str, str]]:
    found = owner.manage("ListTagResources", resource_type=kind, **fields).tag_resources
    return [(each.resource_id, each.tag_key, each.tag_value) for each in found]


def test_tags_of_groups(owner: Owner) -> None:
    first, second = owner.group("first"), owner.group("second")
    default = owner.manage("ListResourceGroups").resource_groups.resource_group[0].id
    tag(owner, "ResourceGroup", [first, second, default], team="red")
    tag(owner, "resourcegroup", [first], stage="test")
    assert rows(owner, "ResourceGroup", resource_id=[first]) == [(first, "team", "red"), (first, "stage", "test")]
    wanted = [models.ListTagResourcesRequestTag(key="stage")]
    assert {row[0] for row in rows(owner, "ResourceGroup", tag=wanted)} == {first}
    groups = owner.manage("ListResourceGroups", tag=[models.ListResourceGroupsRequestTag(key="team", value="red")])
    assert [each.id for each in groups.resource_groups.resource_group] == [default, first, second]
    page = owner.manage("ListTagResources", resource_type="ResourceGroup", max_results=3)
    assert len(page.tag_resources) == 3
    assert len(rows(owner, "ResourceGroup", max_results=3, next_token=page.next_token)) == 1
    keys = owner.manage("ListTagKeys", resource_type="ResourceGroup", key_filter="st")
    assert [each.key for each in keys.tags] == ["stage"]
    values = owner.manage("ListTagValues", resource_type="ResourceGroup", tag_key="team")
    assert [each.value for each in values.tags] == ["red"]
    owner.manage("UntagResources", resource_type="ResourceGroup", resource_id=[first], tag_key=["stage"])
    owner.manage("UntagResources", resource_type="ResourceGroup", resource_id=[second, default], all=True)
    assert rows(owner, "ResourceGroup") == [(first, "team", "red")]


def test_tags_of_accounts(organisation: Organisation) -> None:
    account = organisation.member("tagged")
    tag(organisation, "Account", [account], team="red")
    assert rows(organisation, "Account") == [(account, "team", "red")]
    assert organisation.manage("ListTagKeys", resource_type="Account").tags[0].key == "team"
    organisation.manage("UntagResources", resource_type="Account", resource_id=[account], tag_key=["team"])
    assert rows(organisation, "Account") == []


def test_refusals(organisation: Organisation) -> None:
    other = Owner(organisation.cloud)
    group = other.group("theirs")
    refused(
        lambda: tag(organisation, "ResourceGroup", [group], k="v"),
        "EntityNotExists.ResourceGroup",
        "The specified resource group does not exist. You must first create a",
        404,
    )
    refused(
        lambda: tag(organisation, "Account", [other.id], k="v"),
        "EntityNotExists.Account",
        "This resource directory account does not exist.",
        404,
    )
    refused(
        lambda: tag(other, "Account", [other.id], k="v"),
        "EntityNotExists.ResourceDirectory",
        "The resource directory for the account is not enabled. We recommend",
        404,
    )
    refused(lambda: tag(other, "Boat", [group], k="v"), "InvalidParameter.ResourceType", "The ResourceType is invalid.")
    refused(
        lambda: tag(other, "ResourceGroup", [group], aliyun="v"), "InvalidParameter.Tag.N.Key", "A key has 1 to 128"
    )
    many = {f"k{number}": "v" for number in range(20)}
    tag(other, "ResourceGroup", [group], **many)
    refused(lambda: tag(other, "ResourceGroup", [group], more="v"), "InvalidParameter.Tag", "at most 20 tags", 400)
    refused(
        lambda: other.manage("UntagResources", resource_type="ResourceGroup", resource_id=[group]),
        "MissingParameter",
        "TagKey",
        400,
    )
    assert other.manage("ListTagValues", resource_type="Account", tag_key="k").tags == []
