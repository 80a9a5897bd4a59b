"""Instances through the official client: launch, life, reading, refusals."""

from __future__ import annotations

import base64
import json

import pytest
from alibabacloud_ecs20140526 import models

from kowloon.testing.cloud import LocalCloud
from tests.conftest import REGION
from tests.helpers import eventually, refused
from tests.services.parts import IMAGE, TYPE, Customer, other_account


def test_an_instance_lives_from_launch_to_release(customer: Customer) -> None:
    network = customer.network("b")
    (id,) = customer.launch(
        network,
        instance_name="web",
        user_data=base64.b64encode(b"#!/bin/sh\ntrue\n").decode(),
        tag=[models.RunInstancesRequestTag(key="role", value="web")],
    )
    item = customer.call("ecs", "DescribeInstanceAttribute", instance_id=id)
    assert (item.instance_name, item.instance_type, item.image_id) == ("web", TYPE, IMAGE)
    found = customer.call("ecs", "DescribeInstances", instance_ids=json.dumps([id])).instances.instance[0]
    assert (found.zone_id, found.vpc_attributes.vpc_id) == (f"{REGION}-b", network.vpc)
    assert [(tag.tag_key, tag.tag_value) for tag in found.tags.tag] == [("role", "web")]
    private = found.vpc_attributes.private_ip_address.ip_address[0]
    assert private.startswith("10.0.0.")
    data = customer.call("ecs", "DescribeUserData", instance_id=id).user_data
    assert base64.b64decode(data).startswith(b"#!/bin/sh")

    refused(
        lambda: customer.call("ecs", "StartInstance", instance_id=id),
        "IncorrectInstanceStatus",
        "The current status of the resource does not support this operation.",
        403,
    )
    refused(
        lambda: customer.call("ecs", "DeleteInstance", instance_id=id),
        "IncorrectInstanceStatus",
        "The current status of the resource does not support this operation.",
    )
    customer.call("ecs", "StopInstance", instance_id=id)
    eventually(lambda: customer.statuses([id]) == {"Stopped"})
    customer.call("ecs", "StartInstance", instance_id=id)
    eventually(lambda: customer.statuses([id]) == {"Running"})
    customer.call("ecs", "RebootInstance", instance_id=id)
    eventually(lambda: customer.statuses([id]) == {"Running"})
    customer.call("ecs", "DeleteInstance", instance_id=id, force=True)
    assert customer.call("ecs", "DescribeInstances", instance_ids=json.dumps([id])).total_count == 0
    refused(
        lambda: customer.call("ecs", "StartInstance", instance_id=id),
        "InvalidInstanceId.NotFound",
        "The specified InstanceId does not exist.",
        404,
    )


def test_many_are_all_or_none(customer: Customer) -> None:
    network = customer.network("b")
    ids = customer.launch(network, amount=3, instance_name="n", unique_suffix=True)
    names = [
        item.instance_name
        for item in customer.call("ecs", "DescribeInstances", instance_ids=json.dumps(ids)).instances.instance
    ]
    assert names == ["n001", "n002", "n003"]
    refused(
        lambda: customer.call("ecs", "StopInstances", instance_id=[*ids, "i-nope"]),
        "InvalidInstanceId.NotFound",
        "The specified InstanceId does not exist.",
    )
    assert customer.statuses(ids) == {"Running"}
    stopped = customer.call("ecs", "StopInstances", instance_id=ids).instance_responses.instance_response
    assert {row.current_status for row in stopped} == {"Stopping"}
    eventually(lambda: customer.statuses(ids) == {"Stopped"})
    customer.call("ecs", "StartInstances", instance_id=ids)
    eventually(lambda: customer.statuses(ids) == {"Running"})
    status = customer.call("ecs", "DescribeInstanceStatus", instance_id=ids, page_size=2)
    assert (status.total_count, len(status.instance_statuses.instance_status)) == (3, 2)
    customer.call("ecs", "DeleteInstances", instance_id=ids, force=True)


@pytest.mark.parametrize(
    ("changes", "code", "message"),
    [
        ({"instance_type": "ecs.none.large"}, "InvalidInstanceType.ValueNotSupported", "InstanceType is not valid"),
        ({"image_id": "m-none"}, "InvalidImageId.NotFound", "The specified ImageId does not exist."),
        ({"security_group_id": "sg-none"}, "InvalidSecurityGroupId.NotFound", "does not exist"),
        ({"v_switch_id": "vsw-none"}, "InvalidVSwitchId.NotFound", "does not exist"),
        ({"zone_id": f"{REGION}-c"}, "InvalidParameter.ZoneId", "does not match"),
        ({"amount": 101}, "InvalidAmount.Range", "from 1 to 100"),
        ({"key_pair_name": "none"}, "InvalidKeyPairName.NotFound", "does not exist"),
        ({"private_ip_address": "10.7.0.1"}, "InvalidIPAddress.AlreadyUsed", ""),
        ({"user_data": "%%%"}, "InvalidUserData.NotSupported", "base64"),
        ({"instance_charge_type": "PrePaid"}, "InvalidInstanceChargeType.ValueNotSupported", ""),
        ({"image_id": None}, "MissingParameter", "ImageId"),
    ],
)
def test_a_launch_that_cannot_be(customer: Customer, changes: dict[str, object], code: str, message: str) -> None:
    network = customer.network("b")
    refused(lambda: customer.launch(network, wait=False, **changes), code, message)


def test_a_dry_run_takes_nothing(alone: Customer) -> None:
    network = alone.network("b")
    refused(lambda: alone.launch(network, wait=False, dry_run=True), "DryRunOperation", "Request validation has been")
    assert alone.call("ecs", "DescribeInstances").total_count == 0
    switch = alone.call("vpc", "DescribeVSwitchAttributes", v_switch_id=network.switches[0])
    assert switch.available_ip_address_count == 252


def test_the_same_client_token_launches_once(customer: Customer) -> None:
    network = customer.network("b")
    first = customer.launch(network, client_token="launch-1")
    assert customer.launch(network, client_token="launch-1") == first
    refused(
        lambda: customer.launch(network, wait=False, client_token="launch-1", amount=2),
        "IdempotentParameterMismatch",
        "The request uses the same client token as a previous, but non-identical",
    )
    refused(
        lambda: customer.launch(network, wait=False, client_token="x" * 65), "InvalidParameter.ClientToken", "64 ASCII"
    )


def test_pages_by_number_and_by_token(alone: Customer) -> None:
    network = alone.network("b")
    ids = alone.launch(network, amount=5)
    first = alone.call("ecs", "DescribeInstances", page_size=2)
    assert (first.total_count, len(first.instances.instance)) == (5, 2)
    seen: list[str] = []
    token = None
    while token != "":
        page = alone.call("ecs", "DescribeInstances", max_results=2, next_token=token)
        seen += [item.instance_id for item in page.instances.instance]
        token = page.next_token
    assert sorted(seen) == sorted(ids)
    refused(
        lambda: alone.call("ecs", "DescribeInstances", max_results=2, next_token="x"),
        "InvalidParameter",
        'The specified parameter "NextToken" is not valid.',
    )
    refused(lambda: alone.call("ecs", "DescribeInstances", page_size=101), "InvalidParameter", "PageSize")


def test_filters(customer: Customer) -> None:
    network = customer.network("b", "c")
    (one,) = customer.launch(network, 0, instance_name="alpha-1")
    (two,) = customer.launch(network, 1, instance_name="alpha-2")

    def found(**filters: object) -> set[str]:
        answer = customer.call("ecs", "DescribeInstances", vpc_id=network.vpc, **filters)
        return {item.instance_id for item in answer.instances.instance}

    assert found() == {one, two}
    assert found(zone_id=f"{REGION}-c") == {two}
    assert found(instance_name="alpha-*") == {one, two}
    assert found(instance_name="alpha-1") == {one}
    assert found(status="Stopped") == set()
    assert found(security_group_id=network.group) == {one, two}
    assert found(v_switch_id=network.switches[0]) == {one}


def test_protection_and_changes(customer: Customer) -> None:
    network = customer.network("b")
    (id,) = customer.launch(network, deletion_protection=True)
    refused(
        lambda: customer.call("ecs", "DeleteInstance", instance_id=id, force=True),
        "InvalidOperation.DeletionProtection",
        "deletion protection",
    )
    customer.call("ecs", "ModifyInstanceAttribute", instance_id=id, deletion_protection=False, instance_name="new")
    assert customer.call("ecs", "DescribeInstanceAttribute", instance_id=id).instance_name == "new"
    foreign = customer.network("b").group
    refused(
        lambda: customer.call("ecs", "ModifyInstanceAttribute", instance_id=id, security_group_ids=[foreign]),
        "InvalidSecurityGroupId.VPCMismatch",
        "The specified security group and vSwitch are not in the same VPC.",
    )
    customer.call("ecs", "DeleteInstance", instance_id=id, force=True)


def test_what_is_in_use_stays(customer: Customer) -> None:
    network = customer.network("b")
    (id,) = customer.launch(network)
    refused(
        lambda: customer.call("vpc", "DeleteVSwitch", v_switch_id=network.switches[0]),
        "DependencyViolation",
        "Specified object has dependent resources.",
    )
    refused(
        lambda: customer.call("ecs", "DeleteSecurityGroup", security_group_id=network.group),
        "DependencyViolation",
        "instance(s) in the specified security group",
        403,
    )
    customer.call("ecs", "DeleteInstance", instance_id=id, force=True)
    customer.call("vpc", "DeleteVSwitch", v_switch_id=network.switches[0])
    customer.call("ecs", "DeleteSecurityGroup", security_group_id=network.group)
    customer.call("vpc", "DeleteVpc", vpc_id=network.vpc)


def test_others_see_nothing_of_it(customer: Customer, shared_cloud: LocalCloud) -> None:
    network = customer.network("b")
    (id,) = customer.launch(network)
    stranger = other_account(shared_cloud)
    assert stranger.call("ecs", "DescribeInstances").total_count == 0
    refused(
        lambda: stranger.call("ecs", "StopInstance", instance_id=id),
        "InvalidInstanceId.NotFound",
        "The specified InstanceId does not exist.",
    )
    refused(lambda: stranger.launch(network, wait=False), "InvalidVSwitchId.NotFound", "The specified virtual switch")
    assert customer.call("ecs", "DescribeInstances", region_id="cn-hangzhou").total_count == 0


def test_tags_of_instances(customer: Customer) -> None:
    (id,) = customer.launch(customer.network("b"))
    which = {"resource_type": "instance", "resource_id": [id]}
    customer.call("ecs", "TagResources", tag=[models.TagResourcesRequestTag(key="k", value="v")], **which)
    rows = customer.call("ecs", "ListTagResources", **which).tag_resources.tag_resource
    assert [(row.resource_id, row.tag_key, row.tag_value) for row in rows] == [(id, "k", "v")]
    customer.call("ecs", "UntagResources", all=True, **which)
    assert not customer.call("ecs", "ListTagResources", **which).tag_resources.tag_resource


def test_what_is_on_sale(customer: Customer) -> None:
    types = customer.call("ecs", "DescribeInstanceTypes", instance_types=[TYPE]).instance_types.instance_type
    assert [(row.instance_type_id, row.cpu_core_count, row.memory_size) for row in types] == [(TYPE, 2, 8.0)]
    images = customer.call("ecs", "DescribeImages", image_id=IMAGE).images.image
    assert [image.image_id for image in images] == [IMAGE]
    zones = customer.call("ecs", "DescribeZones").zones.zone
    assert TYPE in next(zone for zone in zones if zone.zone_id == f"{REGION}-c").available_instance_types.instance_types
    regions = customer.call("ecs", "DescribeRegions", accept_language="en-US").regions.region
    assert REGION in [region.region_id for region in regions]
