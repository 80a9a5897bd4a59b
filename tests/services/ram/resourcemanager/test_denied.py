"""Every action of ResourceManager asks for its right; who has none gets the vendor's denial."""

from __future__ import annotations

import json
from typing import get_origin, get_type_hints

import msgspec
import pytest

from kowloon.actions.declare import Action
from kowloon.services.ram.resourcemanager.actions import resourcemanager
from tests.core.parts import Caller, paper_cloud


def needed(action: Action) -> dict[str, str]:
    """What must be said for the call to be understood at all."""
    hints = get_type_hints(action.request)
    fields: dict[str, str] = {}
    for field in msgspec.structs.fields(action.request):
        if field.required:
            is_list = get_origin(hints[field.name]) is list
            is_struct = is_list and hasattr(hints[field.name].__args__[0], "__struct_fields__")
            name = f"{field.name}.1" + (".Key" if is_struct else "") if is_list else field.name
            fields[name] = "something"
    return fields


async def clerk_of(owner: Caller) -> Caller:
    """A user without any rights."""
    ram = {"Version": "2015-05-01", "UserName": "clerk"}
    await owner.ask("CreateUser", **ram)
    key = (await owner.ask("CreateAccessKey", **ram))["AccessKey"]
    return owner.key(key["AccessKeyId"], key["AccessKeySecret"])


async def test_nothing_is_done_for_who_has_no_rights() -> None:
    async with paper_cloud() as owner:
        clerk = await clerk_of(owner)
        before = owner.cloud.store.generation
        for action in resourcemanager.actions.values():
            response = await clerk.send(action.name, Version=resourcemanager.version, **needed(action))
            told = json.loads(response.body)
            assert (response.status, told["Code"]) == (403, "NoPermission"), (action.name, told)
            assert told["AccessDeniedDetail"]["AuthAction"] == f"resourcemanager:{action.name}"
            assert told["AccessDeniedDetail"]["NoPermissionType"] == "ImplicitDeny"
        kinds = {"rd-directory", "resource-group", "ram-policy"}
        assert owner.cloud.store.last_change(tuple(kinds)) <= before


@pytest.mark.parametrize(
    ("action", "resource", "allowed", "refused"),
    [
        (
            "resourcemanager:GetFolder",
            "acs:resourcemanager:*:*:folder/{path}",
            {"Action": "GetFolder", "FolderId": "{folder}"},
            {"Action": "GetFolder", "FolderId": "{root}"},
        ),
        (
            "resourcemanager:GetResourceGroup",
            "acs:resourcemanager:*:*:resourcegroup/{group}",
            {"Action": "GetResourceGroup", "ResourceGroupId": "{group}"},
            {"Action": "GetResourceGroup", "ResourceGroupId": "{other}"},
        ),
        (
            "resourcemanager:GetAccount",
            "acs:resourcemanager:*:*:account/{path}/*",
            {"Action": "GetAccount", "AccountId": "{account}"},
            {"Action": "GetAccount", "AccountId": "{outside}"},
        ),
        (
            "resourcemanager:TagResources",
            "acs:resourcemanager:*:*:resourcegroup/{group}",
            {"Action": "TagResources", "ResourceId.1": "{group}", "Tag.1.Key": "k"},
            {"Action": "TagResources", "ResourceId.1": "{group}", "ResourceId.2": "{other}", "Tag.1.Key": "k"},
        ),
    ],
)
async def test_rights_reach_as_far_as_they_say(
    action: str, resource: str, allowed: dict[str, str], refused: dict[str, str]
) -> None:
    async with paper_cloud() as owner:
        clerk = await clerk_of(owner)
        version = {"Version": resourcemanager.version}
        root = (await owner.ask("InitResourceDirectory", **version))["ResourceDirectory"]["RootFolderId"]
        folder = (await owner.ask("CreateFolder", FolderName="f", **version))["Folder"]["FolderId"]
        path = (await owner.ask("GetFolder", FolderId=folder, **version))["Folder"]["ResourceDirectoryPath"]
        made = await owner.ask("CreateResourceAccount", DisplayName="in", ParentFolderId=folder, **version)
        outside = await owner.ask("CreateResourceAccount", DisplayName="out", **version)
        groups = [
            (await owner.ask("CreateResourceGroup", Name=name, DisplayName=name, **version))["ResourceGroup"]["Id"]
            for name in ("one", "two")
        ]
        known = {
            "root": root,
            "folder": folder,
            "path": path,
            "account": made["Account"]["AccountId"],
            "outside": outside["Account"]["AccountId"],
            "group": groups[0],
            "other": groups[1],
        }
        statement = {"Effect": "Allow", "Action": action, "Resource": resource.format(**known)}
        ram = {"Version": "2015-05-01", "PolicyName": "some"}
        document = json.dumps({"Version": "1", "Statement": [statement]})
        await owner.ask("CreatePolicy", PolicyDocument=document, **ram)
        await owner.ask("AttachPolicyToUser", PolicyType="Custom", UserName="clerk", **ram)
        for call, status in ((allowed, 200), (refused, 403)):
            fields = {name: value.format(**known) for name, value in call.items()}
            response = await clerk.send(fields.pop("Action"), **version, **fields)
            assert response.status == status, response.body
