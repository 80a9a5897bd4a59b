"""Tags of users, roles, policies and groups, through both APIs."""

from __future__ import annotations

from typing import Any

import pytest
from alibabacloud_ims20190815 import models as ims_models
from alibabacloud_ram20150501 import models as ram_models

from tests.helpers import refused
from tests.services.parts import Customer
from tests.services.ram.parts import TRUST, document, login_name


def _tag(**pairs: str) -> list[Any]:
    return [ram_models.TagResourcesRequestTag(key=key, value=value) for key, value in pairs.items()]


def _tags(customer: Customer, **fields: Any) -> list[tuple[str, str, str]]:
    rows = customer.call("ram", "ListTagResources", **fields).tag_resources
    return [(row.resource_name, row.tag_key, row.tag_value) for row in rows]


@pytest.mark.parametrize("kind", ["role", "policy", "user", "group"])
def test_tags_of_every_kind(alone: Customer, kind: str) -> None:
    extra = {
        "role": {"assume_role_policy_document": TRUST},
        "policy": {"policy_document": document()},
    }.get(kind, {})
    for name in ("One", "Two"):
        alone.call("ram", f"Create{kind.capitalize()}", **{f"{kind}_name": name}, **extra)
    both = {"resource_type": kind, "resource_names": ["One", "Two"]}
    alone.call("ram", "TagResources", tag=_tag(team="red", env="test"), **both)
    alone.call("ram", "TagResources", resource_type=kind, resource_names=["Two"], tag=_tag(team="blue"))
    assert _tags(alone, **both) == [
        ("One", "team", "red"),
        ("One", "env", "test"),
        ("Two", "team", "blue"),
        ("Two", "env", "test"),
    ]
    blue = [ram_models.ListTagResourcesRequestTag(key="team", value="blue")]
    assert {row[0] for row in _tags(alone, resource_type=kind, tag=blue)} == {"Two"}
    first = alone.call("ram", "ListTagResources", page_size=3, **both)
    rest = alone.call("ram", "ListTagResources", page_size=3, next_token=first.next_token, **both)
    assert (len(first.tag_resources), len(rest.tag_resources), rest.next_token) == (3, 1, "")
    alone.call("ram", "UntagResources", resource_type=kind, resource_names=["One"], tag_keys=["team"])
    alone.call("ram", "UntagResources", resource_type=kind, resource_names=["Two"], all=True)
    assert _tags(alone, **both) == [("One", "env", "test")]
    code = f"EntityNotExist.{kind.capitalize()}"
    for action, more in (("TagResources", {"tag": _tag(a="b")}), ("UntagResources", {"all": True})):
        refused(
            lambda action=action, more=more: alone.call(
                "ram", action, resource_type=kind, resource_names=["None"], **more
            ),
            code,
            status=404,
        )


@pytest.mark.parametrize(
    ("fields", "code", "message"),
    [
        ({"resource_type": "planet"}, "InvalidParameter.ResourceType", 'The parameter - "ResourceType" is incorrect.'),
        ({"resource_names": []}, "MissingParameter", "ResourceNames"),
        ({"resource_names": ["x"] * 51}, "InvalidParameter.ResourceNames", "at most 50"),
        ({"tag": _tag(**{"acs:own": "x"})}, "InvalidParameter.Tag.N.Key", "must not begin with"),
        ({"tag": _tag(**{f"k{n}": "v" for n in range(21)})}, "InvalidParameter.Tag", "at most 20 tags"),
    ],
)
def test_tags_that_cannot_be(customer: Customer, fields: dict[str, Any], code: str, message: str) -> None:
    request = {"resource_type": "user", "resource_names": ["admin"], "tag": _tag(a="b"), **fields}
    refused(lambda: customer.call("ram", "TagResources", **request), code, message, 400)


def test_a_resource_carries_twenty_tags(alone: Customer) -> None:
    which = {"resource_type": "user", "resource_names": ["admin"]}
    alone.call("ram", "TagResources", tag=_tag(**{f"k{n}": "v" for n in range(20)}), **which)
    refused(
        lambda: alone.call("ram", "TagResources", tag=_tag(more="v"), **which),
        "InvalidParameter.Tag",
        "at most 20 tags",
    )
    refused(lambda: alone.call("ram", "UntagResources", **which), "MissingParameter", "TagKey")


def test_tags_of_users_by_id_and_logon_name(alone: Customer) -> None:
    made = alone.call(
        "ims",
        "CreateUser",
        user_principal_name=login_name(alone, "tagged"),
        display_name="t",
        tag=[ims_models.CreateUserRequestTag(key="team", value="red")],
    ).user
    by_name = {"resource_type": "user", "resource_principal_name": [made.user_principal_name]}
    by_id = {"resource_type": "user", "resource_id": [made.user_id]}
    alone.call("ims", "TagResources", tag=[ims_models.TagResourcesRequestTag(key="env", value="test")], **by_name)
    shown = alone.call("ims", "ListTagResources", **by_id)
    rows = [(row.resource_id, row.tag_key, row.tag_value) for row in shown.tag_resources.tag_resource]
    assert rows == [(made.user_id, "team", "red"), (made.user_id, "env", "test")]
    first = alone.call("ims", "ListTagResources", resource_type="user", page_size=1)
    rest = alone.call("ims", "ListTagResources", resource_type="user", page_size=1, next_token=first.next_token)
    assert (first.is_truncated, rest.is_truncated) == (True, False)
    tagged = alone.call("ims", "ListUsers", tag=[ims_models.ListUsersRequestTag(key="team", value="red")]).users.user
    assert [user.user_id for user in tagged] == [made.user_id]
    alone.call("ims", "UntagResources", tag_key=["team"], **by_id)
    alone.call("ims", "UntagResources", all=True, **by_name)
    assert alone.call("ims", "ListTagResources", **by_id).tag_resources.tag_resource == []
    refused(
        lambda: alone.call("ims", "UntagResources", all=True, **{**by_id, **by_name}),
        "InvalidParameter",
        'The specified parameter "ResourcePrincipalName" is not valid.',
    )
    refused(
        lambda: alone.call("ims", "ListTagResources", resource_type="role"),
        "InvalidParameter.ResourceType",
        'The parameter - "ResourceType" is incorrect.',
    )
    refused(
        lambda: alone.call("ims", "UntagResources", resource_type="user", resource_id=["2"], all=True),
        "EntityNotExist.User",
        "The user does not exist: 2.",
    )
