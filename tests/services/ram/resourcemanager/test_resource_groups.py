"""Resource groups, and what of all products is in them."""

from __future__ import annotations

import pytest
from alibabacloud_resourcemanager20200331 import models

from tests.conftest import REGION
from tests.helpers import refused
from tests.services.oss.parts import Owner as Buckets
from tests.services.parts import IMAGE, TYPE
from tests.services.ram.resourcemanager.parts import Owner

NO_GROUP = (
    "EntityNotExists.ResourceGroup",
    "The specified resource group does not exist. You must first create a resource group.",
    404,
)


def default_group(owner: Owner) -> str:
    return str(owner.manage("ListResourceGroups").resource_groups.resource_group[0].id)


def move(
    owner: Owner, group: str, service: str, kind: str, id: str, region: str = REGION
) -> models.MoveResourcesResponseBodyResponses:
    resources = [
        models.MoveResourcesRequestResources(service=service, resource_type=kind, resource_id=id, region_id=region)
    ]
    return owner.manage("MoveResources", resource_group_id=group, resources=resources).responses[0]


def test_every_account_has_a_default_group(owner: Owner) -> None:
    groups = owner.manage("ListResourceGroups").resource_groups.resource_group
    assert [(each.name, each.status, each.account_id) for each in groups] == [("default", "OK", owner.id)]
    shown = owner.manage("GetResourceGroup", resource_group_id=groups[0].id).resource_group
    assert shown.id == groups[0].id
    assert default_group(Owner(owner.cloud)) != groups[0].id
    for action, fields in (("DeleteResourceGroup", {}), ("UpdateResourceGroup", {"new_display_name": "x"})):
        refused(
            lambda action=action, fields=fields: owner.manage(action, resource_group_id=groups[0].id, **fields),
            "NotSupport.DefaultResourceGroup",
            "The operation is not supported for the default resource group.",
            400,
        )


def test_a_group_from_end_to_end(owner: Owner) -> None:
    tag = [models.CreateResourceGroupRequestTag(key="team", value="red")]
    made = owner.manage("CreateResourceGroup", name="project", display_name="Project X", tag=tag).resource_group
    assert (made.name, made.display_name, made.account_id) == ("project", "Project X", owner.id)
    assert {each.status for each in made.region_statuses.region_status} == {"OK"}
    assert REGION in {each.region_id for each in made.region_statuses.region_status}
    shown = owner.manage("GetResourceGroup", resource_group_id=made.id, include_tags=True).resource_group
    assert (shown.status, [(each.tag_key, each.tag_value) for each in shown.tags.tag]) == ("OK", [("team", "red")])
    renamed = owner.manage("UpdateResourceGroup", resource_group_id=made.id, new_display_name="Project Y")
    assert renamed.resource_group.display_name == "Project Y"
    refused(
        lambda: owner.manage("CreateResourceGroup", name="project", display_name="again"),
        "EntityAlreadyExists.ResourceGroup",
        "The resource group already exists.",
        409,
    )
    assert owner.manage("DeleteResourceGroup", resource_group_id=made.id).resource_group.status == "PendingDelete"
    for action, fields in (
        ("GetResourceGroup", {}),
        ("DeleteResourceGroup", {}),
        ("UpdateResourceGroup", {"new_display_name": "x"}),
        ("ListResources", {}),
        ("GetResourceGroupResourceCounts", {}),
    ):
        refused(
            lambda action=action, fields=fields: owner.manage(action, resource_group_id=made.id, **fields), *NO_GROUP
        )


@pytest.mark.parametrize(
    ("fields", "code", "message"),
    [
        ({"name": "1st"}, "InvalidParameter.Name", "The Name is invalid."),
        ({"name": "x"}, "InvalidParameter.Name", "The Name is invalid."),
        ({"name": "x" * 51}, "InvalidParameter.Name", "The Name is invalid."),
        ({"display_name": "x" * 51}, "InvalidParameter.DisplayName", "The DisplayName is invalid."),
    ],
)
def test_groups_that_are_not_made(owner: Owner, fields: dict[str, str], code: str, message: str) -> None:
    refused(
        lambda: owner.manage("CreateResourceGroup", **{"name": "right", "display_name": "right", **fields}),
        code,
        message,
        400,
    )


def test_an_account_has_thirty(owner: Owner) -> None:
    for number in range(30):
        owner.group(f"group-{number}")
    refused(lambda: owner.group("one-more"), "LimitExceeded.ResourceGroup", "exceeds the limit", 409)
    listed = owner.manage("ListResourceGroups", page_size=20, page_number=2)
    assert (listed.total_count, len(listed.resource_groups.resource_group)) == (31, 11)
    found = owner.manage("ListResourceGroups", name="group-2", page_size=50)
    assert found.total_count == 11
    ids = [each.id for each in found.resource_groups.resource_group[:2]]
    assert owner.manage("ListResourceGroups", resource_group_ids=ids).total_count == 2
    refused(
        lambda: owner.manage("ListResourceGroups", status="Odd"),
        "InvalidParameter.Status",
        "The Status is invalid.",
        400,
    )


def test_resources_are_put_in_groups_and_found_there(owner: Owner) -> None:
    default, group = default_group(owner), owner.group("project")
    vpc = owner.call("vpc", "CreateVpc", cidr_block="10.0.0.0/8", resource_group_id=group)
    assert vpc.resource_group_id == group
    other = owner.call("vpc", "CreateVpc", cidr_block="10.0.0.0/8")
    assert other.resource_group_id == default
    switch = owner.call(
        "vpc", "CreateVSwitch", vpc_id=vpc.vpc_id, zone_id=f"{REGION}-b", cidr_block="10.0.0.0/24"
    ).v_switch_id
    eip = owner.call("vpc", "AllocateEipAddress", resource_group_id=group)
    assert eip.resource_group_id == group
    security = owner.call("ecs", "CreateSecurityGroup", vpc_id=vpc.vpc_id, resource_group_id=group).security_group_id
    owner.call("ecs", "CreateKeyPair", key_pair_name="pair", resource_group_id=group)
    balancer = owner.call("slb", "CreateLoadBalancer", v_switch_id=switch, resource_group_id=group)
    found = {
        "vpc": [each.vpc_id for each in owner.call("vpc", "DescribeVpcs", resource_group_id=group).vpcs.vpc],
        "eip": [
            each.allocation_id
            for each in owner.call("vpc", "DescribeEipAddresses", resource_group_id=group).eip_addresses.eip_address
        ],
        "securitygroup": [
            each.security_group_id
            for each in owner.call(
                "ecs", "DescribeSecurityGroups", resource_group_id=group
            ).security_groups.security_group
        ],
        "keypair": [
            each.key_pair_name
            for each in owner.call("ecs", "DescribeKeyPairs", resource_group_id=group).key_pairs.key_pair
        ],
        "instance": [
            each.load_balancer_id
            for each in owner.call("slb", "DescribeLoadBalancers", resource_group_id=group).load_balancers.load_balancer
        ],
    }
    assert found == {
        "vpc": [vpc.vpc_id],
        "eip": [eip.allocation_id],
        "securitygroup": [security],
        "keypair": ["pair"],
        "instance": [balancer.load_balancer_id],
    }
    # A vSwitch is where its VPC is.
    switches = owner.call("vpc", "DescribeVSwitches", resource_group_id=group).v_switches.v_switch
    assert [(each.v_switch_id, each.resource_group_id) for each in switches] == [(switch, group)]
    assert owner.call("vpc", "DescribeVSwitches", resource_group_id=default).total_count == 0
    listed = owner.manage("ListResources", resource_group_id=group, page_size=50).resources.resource
    assert {(each.resource_type, each.resource_id) for each in listed} == {
        (kind, id) for kind, ids in found.items() for id in ids
    }
    assert {each.region_id for each in listed} == {REGION}
    in_default = owner.manage("ListResources", resource_group_id=default).resources.resource
    assert [each.resource_id for each in in_default] == [other.vpc_id]


def test_a_group_that_is_none_is_refused_by_every_product(owner: Owner) -> None:
    theirs = Owner(owner.cloud).group("theirs")
    gone = ("InvalidResourceGroup.NotFound", "The ResourceGroup provided does not exist in our records.", 404)
    network = owner.network("b")
    launch = {
        "image_id": IMAGE,
        "instance_type": TYPE,
        "security_group_id": network.group,
        "v_switch_id": network.switches[0],
    }
    for product, action, fields in (
        ("vpc", "CreateVpc", {"cidr_block": "10.0.0.0/8"}),
        ("vpc", "AllocateEipAddress", {}),
        ("ecs", "CreateSecurityGroup", {"vpc_id": network.vpc}),
        ("ecs", "CreateKeyPair", {"key_pair_name": "pair"}),
        ("ecs", "RunInstances", launch),
        ("slb", "CreateLoadBalancer", {"v_switch_id": network.switches[0]}),
    ):
        for wrong in (theirs, "rg-none"):
            refused(
                lambda product=product, action=action, fields=fields, wrong=wrong: owner.call(
                    product, action, **{**fields, "resource_group_id": wrong}
                ),
                *gone,
            )


def test_resources_move(owner: Owner) -> None:
    default, group = default_group(owner), owner.group("target")
    vpc = owner.call("vpc", "CreateVpc", cidr_block="10.0.0.0/8").vpc_id
    owner.call("ecs", "CreateKeyPair", key_pair_name="pair")
    row = move(owner, group, "vpc", "vpc", vpc)
    assert (row.status, row.resource_id, row.error_code) == ("SUCCESS", vpc, "")
    assert move(owner, group, "ecs", "keypair", "pair").status == "SUCCESS"
    assert owner.call("vpc", "DescribeVpcs", resource_group_id=group).vpcs.vpc[0].resource_group_id == group
    refused(
        lambda: owner.manage("DeleteResourceGroup", resource_group_id=group),
        "DeleteConflict.ResourceGroup.Resource",
        "one or more cloud resources exist in the resource group",
        409,
    )
    counts = owner.manage("GetResourceGroupResourceCounts").resource_counts
    assert [(each.resource_group_id, each.count) for each in counts] == [(group, 2)]
    by_type = owner.manage("GetResourceGroupResourceCounts", group_by_key="ResourceType").resource_counts
    assert {(each.group_by_key, each.count) for each in by_type} == {("vpc:vpc", 1), ("ecs:keypair", 1)}
    refused(
        lambda: owner.manage("GetResourceGroupResourceCounts", group_by_key="Colour"),
        "InvalidParameter.GroupByKey",
        "The GroupByKey is invalid.",
        400,
    )
    for service, kind, id in (("vpc", "vpc", vpc), ("ecs", "keypair", "pair")):
        assert move(owner, default, service, kind, id).status == "SUCCESS"
    owner.manage("DeleteResourceGroup", resource_group_id=group)


def test_what_cannot_move_is_told(owner: Owner) -> None:
    group = owner.group("target")
    network = owner.network("b")
    theirs = Owner(owner.cloud).call("vpc", "CreateVpc", cidr_block="10.0.0.0/8").vpc_id
    not_found = ("FAIL", "EntityNotExists.Resource", "The specified resource does not exist.")
    for service, kind, id, region in (
        ("vpc", "vpc", "vpc-none", REGION),
        ("vpc", "vpc", theirs, REGION),
        ("vpc", "boat", network.vpc, REGION),
        ("vpc", "vpc", network.vpc, "cn-hangzhou"),
        ("", "", network.vpc, REGION),
    ):
        row = move(owner, group, service, kind, id, region)
        assert (row.status, row.error_code, row.error_msg) == not_found, (service, kind, id, region)
    row = move(owner, group, "vpc", "vswitch", network.switches[0])
    assert (row.status, row.error_code) == ("FAIL", "NotSupport.ResourceType")
    refused(lambda: move(owner, "rg-none", "vpc", "vpc", network.vpc), *NO_GROUP)
    refused(
        lambda: owner.manage("MoveResources", resource_group_id=group, resources=[]), "MissingResources", "mandatory"
    )


def test_lists_of_contents(owner: Owner) -> None:
    vpcs = [owner.call("vpc", "CreateVpc", cidr_block="10.0.0.0/8").vpc_id for _ in range(3)]
    owner.call("ecs", "CreateKeyPair", key_pair_name="pair")
    page = owner.manage("ListResources", service="vpc", resource_type="vpc", page_size=2)
    assert (page.total_count, [each.resource_id for each in page.resources.resource]) == (3, vpcs[:2])
    one = owner.manage("ListResources", resource_id=vpcs[1]).resources.resource
    assert [(each.service, each.resource_type) for each in one] == [("vpc", "vpc")]
    assert owner.manage("ListResources", region="cn-hangzhou").total_count == 0
    types = [models.ListResourcesRequestResourceTypes(service="ecs", resource_type="keypair")]
    assert owner.manage("ListResources", resource_types=types).total_count == 1
    able = owner.manage("ListResourceGroupCapability", service="vpc").capabilities
    assert {each.resource_type for each in able} == {"vpc", "eip"}


def test_a_bucket_moves(owner: Owner) -> None:
    group = owner.group("buckets")
    keys = owner.config["access_key_id"], owner.config["access_key_secret"]
    bucket = Buckets(owner.cloud, *keys).bucket()
    assert move(owner, group, "oss", "bucket", bucket.bucket_name).status == "SUCCESS"
    assert bucket.get_bucket_resource_group().resource_group_id == group
    listed = owner.manage("ListResources", resource_group_id=group).resources.resource
    assert [(each.service, each.resource_type, each.resource_id) for each in listed] == [
        ("oss", "bucket", bucket.bucket_name)
    ]
    bucket.delete_bucket()
