"""VPCs, vSwitches and EIPs through the official client."""

from __future__ import annotations

import pytest
from alibabacloud_vpc20160428 import models

from kowloon.testing.cloud import LocalCloud
from tests.conftest import REGION
from tests.helpers import eventually, refused
from tests.services.parts import Customer, other_account


def test_a_vpc_lives_from_creation_to_deletion(customer: Customer) -> None:
    made = customer.call(
        "vpc",
        "CreateVpc",
        cidr_block="192.168.0.0/16",
        vpc_name="first",
        tag=[models.CreateVpcRequestTag(key="team", value="red")],
    )
    item = customer.call("vpc", "DescribeVpcAttribute", vpc_id=made.vpc_id)
    assert (item.vpc_name, item.cidr_block, item.status) == ("first", "192.168.0.0/16", "Available")
    assert (item.vrouter_id, item.region_id) == (made.vrouter_id, REGION)
    customer.call("vpc", "ModifyVpcAttribute", vpc_id=made.vpc_id, vpc_name="second", description="d")
    found = customer.call("vpc", "DescribeVpcs", vpc_id=made.vpc_id).vpcs.vpc[0]
    assert (found.vpc_name, found.description) == ("second", "d")
    assert [(tag.key, tag.value) for tag in found.tags.tag] == [("team", "red")]
    customer.call("vpc", "DeleteVpc", vpc_id=made.vpc_id)
    assert customer.call("vpc", "DescribeVpcs", vpc_id=made.vpc_id).total_count == 0
    refused(
        lambda: customer.call("vpc", "DeleteVpc", vpc_id=made.vpc_id),
        "InvalidVpcID.NotFound",
        "Specified VPC does not exist.",
        404,
    )


@pytest.mark.parametrize("cidr", ["10.0.0.1/8", "8.0.0.0/8", "10.0.0.0/7", "10.0.0.0/29", "banana"])
def test_a_vpc_needs_a_private_range(customer: Customer, cidr: str) -> None:
    refused(
        lambda: customer.call("vpc", "CreateVpc", cidr_block=cidr),
        "InvalidCidrBlock",
        "Specified CIDR block is not valid.",
        400,
    )


def test_the_same_client_token_makes_one_vpc(customer: Customer) -> None:
    first = customer.call("vpc", "CreateVpc", cidr_block="10.0.0.0/8", client_token="vpc-token-1")
    again = customer.call("vpc", "CreateVpc", cidr_block="10.0.0.0/8", client_token="vpc-token-1")
    assert again.vpc_id == first.vpc_id
    assert again.request_id != first.request_id
    refused(
        lambda: customer.call("vpc", "CreateVpc", cidr_block="172.16.0.0/12", client_token="vpc-token-1"),
        "IdempotentParameterMismatch",
        "same client token",
    )
    other = customer.call("vpc", "CreateVpc", cidr_block="10.0.0.0/8", client_token="vpc-token-2")
    assert other.vpc_id != first.vpc_id


def test_a_dry_run_checks_and_makes_nothing(alone: Customer) -> None:
    refused(
        lambda: alone.call("vpc", "CreateVpc", cidr_block="10.0.0.0/8", dry_run=True),
        "DryRunOperation",
        "Request validation has been passed with DryRun flag set.",
        400,
    )
    refused(
        lambda: alone.call("vpc", "CreateVpc", cidr_block="1.2.3.4/8", dry_run=True),
        "InvalidCidrBlock",
        "Specified CIDR block is not valid.",
    )
    assert alone.call("vpc", "DescribeVpcs").total_count == 0


def test_pages_of_vpcs(alone: Customer) -> None:
    ids = [alone.call("vpc", "CreateVpc", cidr_block="10.0.0.0/8").vpc_id for _ in range(5)]
    pages = [alone.call("vpc", "DescribeVpcs", page_number=number, page_size=2) for number in (1, 2, 3, 4)]
    assert [item.vpc_id for page in pages for item in page.vpcs.vpc] == ids
    assert {page.total_count for page in pages} == {5}
    refused(lambda: alone.call("vpc", "DescribeVpcs", page_size=51), "InvalidParameter", "PageSize")
    refused(lambda: alone.call("vpc", "DescribeVpcs", page_number=0), "InvalidParameter", "PageNumber")


def test_others_see_nothing_of_it(customer: Customer, shared_cloud: LocalCloud) -> None:
    made = customer.call("vpc", "CreateVpc", cidr_block="10.0.0.0/8")
    stranger = other_account(shared_cloud)
    assert stranger.call("vpc", "DescribeVpcs").total_count == 0
    refused(
        lambda: stranger.call("vpc", "DescribeVpcAttribute", vpc_id=made.vpc_id),
        "InvalidVpcID.NotFound",
        "Specified VPC does not exist.",
    )
    refused(
        lambda: stranger.call("vpc", "DeleteVpc", vpc_id=made.vpc_id),
        "InvalidVpcID.NotFound",
        "Specified VPC does not exist.",
    )
    refused(
        lambda: customer.call("vpc", "DeleteVpc", vpc_id=made.vpc_id, region_id="cn-hangzhou"),
        "InvalidVpcID.NotFound",
        "Specified VPC does not exist.",
    )
    refused(
        lambda: customer.call("vpc", "DescribeVpcs", region_id="cn-atlantis"),
        "InvalidRegionId.NotFound",
        "The specified RegionId does not exist.",
        404,
    )


def test_vswitches_are_parts_of_their_vpc(customer: Customer) -> None:
    network = customer.network("b", "c")
    refused(
        lambda: customer.call("vpc", "DeleteVpc", vpc_id=network.vpc),
        "DependencyViolation.VSwitch",
        "Specified object has dependent resources: the VPC still has vSwitches.",
    )
    found = customer.call("vpc", "DescribeVSwitches", vpc_id=network.vpc, zone_id=f"{REGION}-c")
    assert [item.v_switch_id for item in found.v_switches.v_switch] == [network.switches[1]]
    assert found.v_switches.v_switch[0].available_ip_address_count == 252
    create = {"vpc_id": network.vpc, "zone_id": f"{REGION}-b"}
    for cidr, code in (
        ("10.0.0.128/25", "InvalidCidrBlock.Overlapped"),
        ("172.16.0.0/24", "InvalidCidrBlock"),
        ("10.9.0.0/30", "InvalidCidrBlock"),
    ):
        refused(
            lambda cidr=cidr: customer.call("vpc", "CreateVSwitch", cidr_block=cidr, **create),
            code,
            "Specified CIDR block",
        )
    refused(
        lambda: customer.call(
            "vpc", "CreateVSwitch", vpc_id=network.vpc, zone_id="cn-hangzhou-b", cidr_block="10.9.0.0/24"
        ),
        "InvalidZoneId.NotFound",
        "Specified value of ZoneId is not exists.",
    )
    for switch in network.switches:
        customer.call("vpc", "ModifyVSwitchAttribute", v_switch_id=switch, v_switch_name="n")
        assert customer.call("vpc", "DescribeVSwitchAttributes", v_switch_id=switch).v_switch_name == "n"
        customer.call("vpc", "DeleteVSwitch", v_switch_id=switch)
    refused(
        lambda: customer.call("vpc", "DeleteVpc", vpc_id=network.vpc), "DependencyViolation.SecurityGroup", "dependent"
    )
    customer.call("ecs", "DeleteSecurityGroup", security_group_id=network.group)
    customer.call("vpc", "DeleteVpc", vpc_id=network.vpc)


def test_tags_are_set_listed_and_taken_away(customer: Customer) -> None:
    made = customer.call("vpc", "CreateVpc", cidr_block="10.0.0.0/8")
    which = {"resource_type": "VPC", "resource_id": [made.vpc_id]}
    pairs = [models.TagResourcesRequestTag(key="a", value="1"), models.TagResourcesRequestTag(key="b", value="2")]
    customer.call("vpc", "TagResources", tag=pairs, **which)
    rows = customer.call("vpc", "ListTagResources", **which).tag_resources.tag_resource
    assert {(row.tag_key, row.tag_value) for row in rows} == {("a", "1"), ("b", "2")}
    customer.call("vpc", "UnTagResources", tag_key=["a"], **which)
    rows = customer.call("vpc", "ListTagResources", **which).tag_resources.tag_resource
    assert [row.tag_key for row in rows] == ["b"]
    refused(
        lambda: customer.call("vpc", "TagResources", resource_type="VPC", resource_id=["vpc-nope"], tag=pairs),
        "InvalidResourceId.NotFound",
        "The specified ResourceId is not found in our records.",
    )
    reserved = [models.TagResourcesRequestTag(key="acs:x", value="1")]
    refused(
        lambda: customer.call("vpc", "TagResources", tag=reserved, **which),
        "InvalidParameter.Tag.N.Key",
        'The specified parameter "Tag.N.Key" is not valid. A key has 1 to 128',
    )


def test_places(customer: Customer) -> None:
    zones = customer.call("vpc", "DescribeZones").zones.zone
    assert f"{REGION}-c" in [zone.zone_id for zone in zones]
    regions = customer.call("vpc", "DescribeRegions").regions.region
    assert REGION in [region.region_id for region in regions]


def test_an_eip_is_bound_to_one_target_at_a_time(customer: Customer) -> None:
    network = customer.network("b")
    one, other = customer.launch(network, amount=2)
    eip = customer.call("vpc", "AllocateEipAddress", bandwidth="10")
    bind = {"allocation_id": eip.allocation_id, "instance_type": "EcsInstance"}
    refused(
        lambda: customer.call("vpc", "AssociateEipAddress", instance_id="i-nope", **bind),
        "InvalidInstanceId.NotFound",
        "The specified InstanceId does not exist.",
    )
    customer.call("vpc", "AssociateEipAddress", instance_id=one, **bind)
    item = customer.call("vpc", "DescribeEipAddresses", allocation_id=eip.allocation_id).eip_addresses.eip_address[0]
    assert (item.status, item.instance_id, item.bandwidth) == ("InUse", one, "10")
    shown = customer.call("ecs", "DescribeInstanceAttribute", instance_id=one)
    assert shown.eip_address.ip_address == eip.eip_address
    refused(
        lambda: customer.call("vpc", "AssociateEipAddress", instance_id=other, **bind),
        "IncorrectEipStatus",
        "Current elastic IP status does not support this operation.",
    )
    refused(
        lambda: customer.call("vpc", "ReleaseEipAddress", allocation_id=eip.allocation_id),
        "IncorrectEipStatus",
        "Current elastic IP status does not support this operation.",
    )
    customer.call("vpc", "UnassociateEipAddress", allocation_id=eip.allocation_id)
    customer.call("vpc", "ReleaseEipAddress", allocation_id=eip.allocation_id)
    refused(
        lambda: customer.call("vpc", "ReleaseEipAddress", allocation_id=eip.allocation_id),
        "InvalidAllocationId.NotFound",
        "Specified allocation ID is not found.",
    )


def test_a_released_instance_frees_its_eip(customer: Customer) -> None:
    network = customer.network("b")
    (id,) = customer.launch(network)
    eip = customer.call("vpc", "AllocateEipAddress")
    customer.call("vpc", "AssociateEipAddress", allocation_id=eip.allocation_id, instance_id=id)
    customer.call("ecs", "DeleteInstance", instance_id=id, force=True)

    def free() -> bool:
        found = customer.call("vpc", "DescribeEipAddresses", allocation_id=eip.allocation_id)
        return found.eip_addresses.eip_address[0].status == "Available"

    eventually(free)
    customer.call("vpc", "ReleaseEipAddress", allocation_id=eip.allocation_id)


def test_an_eip_is_changed_within_its_bounds(customer: Customer) -> None:
    made = customer.call("vpc", "AllocateEipAddress", bandwidth="5")
    customer.call("vpc", "ModifyEipAddressAttribute", allocation_id=made.allocation_id, name="gate", bandwidth="200")
    found = customer.call("vpc", "DescribeEipAddresses", allocation_id=made.allocation_id).eip_addresses.eip_address[0]
    assert (found.name, found.bandwidth, found.status) == ("gate", "200", "Available")
    refused(
        lambda: customer.call("vpc", "ModifyEipAddressAttribute", allocation_id=made.allocation_id, bandwidth="5000"),
        "InvalidParameter.Bandwidth",
        "from 1 to 1000",
        400,
    )
    refused(
        lambda: customer.call("vpc", "ModifyEipAddressAttribute", allocation_id="eip-none", name="x"),
        "InvalidAllocationId.NotFound",
        "allocation ID is not found",
        404,
    )
