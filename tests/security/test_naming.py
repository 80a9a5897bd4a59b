"""What a call is authorised on is what its action works on: parameters that the action does not read name nothing."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import pytest

from kowloon.core.events import RequestEvent
from tests.core.parts import REGION, Caller, paper_cloud
from tests.security.test_credentials import _needed

RAM = {"Version": "2015-05-01"}
SLB = {"Version": "2014-05-15"}
DECOYS = {
    "LoadBalancerId": "lb-decoy",
    "VServerGroupId": "rsp-decoy",
    "FolderId": "fd-decoy",
    "ParentFolderId": "fd-decoy",
    "DestinationFolderId": "fd-decoy",
    "AccountId": "1234",
    "PolicyType": "System",
    "UserName": "decoy",
    "UserPrincipalName": "decoy@decoy",
    "UserId": "2000",
    "UserAccessKeyId": "LTAIdecoy",
    "ResourceType": "decoy",
    "ResourceGroupId": "rg-decoy",
    "ResourceId.1": "decoy",
    "ResourceNames.1": "decoy",
    "ResourcePrincipalName.1": "decoy@decoy",
    "ResourceARN.1": "arn:acs:vpc:*:*:vpc/vpc-decoy",
    "BackendServers": '[{"ServerId":"i-decoy"}]',
    "InstanceId": "i-decoy",
    "RoleName": "decoy",
    "Server": "i-decoy",
    "User": "decoy",
    "Named": "decoy",
}


@pytest.fixture
async def caller() -> AsyncIterator[Caller]:
    async with paper_cloud() as caller:
        yield caller


async def _person(caller: Caller, *statements: dict[str, object]) -> Caller:
    """A user with one policy of these statements."""
    await caller.ask("CreateUser", UserName="clerk", **RAM)
    key = (await caller.ask("CreateAccessKey", UserName="clerk", **RAM))["AccessKey"]
    document = json.dumps({"Version": "1", "Statement": statements})
    await caller.ask("CreatePolicy", PolicyName="rights", PolicyDocument=document, **RAM)
    await caller.ask("AttachPolicyToUser", PolicyType="Custom", PolicyName="rights", UserName="clerk", **RAM)
    return caller.key(key["AccessKeyId"], key["AccessKeySecret"])


def _allow(action: str, resource: str = "*", **condition: object) -> dict[str, object]:
    statement: dict[str, object] = {"Effect": "Allow", "Action": action, "Resource": resource}
    return {**statement, "Condition": condition} if condition else statement


async def test_decoys_change_what_no_action_is_asked_for(caller: Caller) -> None:
    nobody = await _person(caller, _allow("none:none"))
    tried = 0
    for product in caller.cloud.registry.products:
        for action in product.actions.values():
            if action.anonymous:
                continue
            fields = {"Version": product.version, **_needed(action)}
            read = set(action.request.__struct_fields__)
            decoys = {name: value for name, value in DECOYS.items() if name.partition(".")[0] not in read}
            seen = []
            for more in ({}, decoys):
                await nobody.send(action.name, **{**more, **fields})
                event = caller.cloud.bus.recent[-1]
                assert isinstance(event, RequestEvent)
                seen.append(event.resources)
            assert seen[0] == seen[1], (product.code, action.name)
            tried += 1
    assert tried > 250


async def test_a_server_group_does_not_stand_for_another_load_balancer(caller: Caller) -> None:
    mine, victim = [
        (await caller.ask("CreateLoadBalancer", LoadBalancerName=name, AddressType="internet", **SLB))["LoadBalancerId"]
        for name in ("mine", "victim")
    ]
    group = (await caller.ask("CreateVServerGroup", LoadBalancerId=mine, **SLB))["VServerGroupId"]
    clerk = await _person(caller, _allow("slb:*", f"acs:slb:*:*:loadbalancer/{mine}"))
    status, code, _ = await clerk.refused("DeleteLoadBalancer", LoadBalancerId=victim, VServerGroupId=group, **SLB)
    assert (status, code) == (403, "Forbidden.RAM")
    await clerk.ask("DescribeVServerGroupAttribute", VServerGroupId=group, **SLB)


async def test_a_custom_policy_is_nobodys_system_policy(caller: Caller) -> None:
    deny = {"Effect": "Deny", "Action": "ram:*", "Resource": "acs:ram:*:*:policy/rights"}
    clerk = await _person(caller, _allow("ram:*", "acs:ram:*:system:policy/*"), _allow("ram:*"), deny)
    status, code, _ = await clerk.refused(
        "UpdatePolicyDescription", PolicyName="rights", NewDescription="mine", PolicyType="System", **RAM
    )
    assert (status, code) == (403, "NoPermission")


async def test_tags_of_a_condition_are_those_that_are_stored(caller: Caller) -> None:
    """However they are written: the action reads `Tag` by number, and no `Tags`."""
    dev = {"StringEquals": {"acs:RequestTag/team": "dev"}}
    clerk = await _person(caller, _allow("vpc:CreateVpc", **dev))
    ask = {"CidrBlock": "10.0.0.0/8", "RegionId": REGION}
    tricks = (
        {"Tag.1.Key": "team", "Tag.1.Value": "prod", "Tags": '{"team":"dev"}'},
        {"Tag.2.Key": "team", "Tag.2.Value": "prod", "Tag.1.Key": "team", "Tag.1.Value": "dev"},
    )
    for trick in tricks:
        assert (await clerk.refused("CreateVpc", **ask, **trick))[:2] == (403, "Forbidden.RAM"), trick
    await clerk.ask("CreateVpc", **ask, **{"Tag.1.Key": "team", "Tag.1.Value": "dev"})


async def test_a_resource_is_one_however_its_type_is_written(caller: Caller) -> None:
    balancer = (await caller.ask("CreateLoadBalancer", LoadBalancerName="b", AddressType="internet", **SLB))[
        "LoadBalancerId"
    ]
    deny = {"Effect": "Deny", "Action": "tag:*", "Resource": f"acs:slb:*:*:loadbalancer/{balancer}"}
    clerk = await _person(caller, _allow("tag:*"), deny)
    for kind in ("instance", "loadbalancer"):
        arn = f"arn:acs:slb:*:*:{kind}/{balancer}"
        refused = await clerk.refused("TagResources", Version="2018-08-28", Tags='{"a":"b"}', **{"ResourceARN.1": arn})
        assert refused[:2] == (403, "NoPermission"), kind
