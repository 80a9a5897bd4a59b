"""Security groups and key pairs through the official client."""

from __future__ import annotations

import json

import pytest
from alibabacloud_ecs20140526 import models
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

from kowloon.testing.cloud import LocalCloud
from tests.helpers import refused
from tests.services.parts import Customer, other_account


def _rules(
    customer: Customer, group: str, **filters: object
) -> list[models.DescribeSecurityGroupAttributeResponseBody]:
    answer = customer.call("ecs", "DescribeSecurityGroupAttribute", security_group_id=group, **filters)
    return answer.permissions.permission


def test_a_group_lives_from_creation_to_deletion(customer: Customer) -> None:
    network = customer.network("b")
    made = customer.call(
        "ecs",
        "CreateSecurityGroup",
        vpc_id=network.vpc,
        security_group_name="web",
        tag=[models.CreateSecurityGroupRequestTag(key="k", value="v")],
    ).security_group_id
    found = customer.call("ecs", "DescribeSecurityGroups", vpc_id=network.vpc).security_groups.security_group
    assert [item.security_group_id for item in found] == [network.group, made]
    by_ids = customer.call("ecs", "DescribeSecurityGroups", security_group_ids=json.dumps([made]))
    item = by_ids.security_groups.security_group[0]
    assert (item.security_group_name, item.security_group_type, item.ecs_count) == ("web", "normal", 0)
    assert [(tag.tag_key, tag.tag_value) for tag in item.tags.tag] == [("k", "v")]
    customer.call("ecs", "ModifySecurityGroupAttribute", security_group_id=made, security_group_name="app")
    attribute = customer.call("ecs", "DescribeSecurityGroupAttribute", security_group_id=made)
    assert (attribute.security_group_name, attribute.vpc_id) == ("app", network.vpc)
    assert attribute.inner_access_policy == "Accept"
    customer.call("ecs", "DeleteSecurityGroup", security_group_id=made)
    refused(
        lambda: customer.call("ecs", "DescribeSecurityGroupAttribute", security_group_id=made),
        "InvalidSecurityGroupId.NotFound",
        "The specified SecurityGroupId does not exist.",
        404,
    )


def test_groups_that_cannot_be(customer: Customer, shared_cloud: LocalCloud) -> None:
    network = customer.network("b")
    refused(lambda: customer.call("ecs", "CreateSecurityGroup"), "MissingParameter", "VpcId")
    refused(
        lambda: customer.call("ecs", "CreateSecurityGroup", vpc_id="vpc-none"),
        "InvalidVpcId.NotFound",
        "The specified VpcId does not exist.",
    )
    refused(
        lambda: customer.call("ecs", "CreateSecurityGroup", vpc_id=network.vpc, security_group_type="odd"),
        "InvalidSecurityGroupType.ValueNotSupported",
        "The specified SecurityGroupType is not valid.",
    )
    refused(
        lambda: customer.call("ecs", "CreateSecurityGroup", vpc_id=network.vpc, security_group_name="1x"),
        "InvalidSecurityGroupName.Malformed",
        "The specified security group name is not well formatted.",
    )
    stranger = other_account(shared_cloud)
    refused(
        lambda: stranger.call("ecs", "DeleteSecurityGroup", security_group_id=network.group),
        "InvalidSecurityGroupId.NotFound",
        "The specified SecurityGroupId does not exist.",
    )


def test_rules_in_both_forms(customer: Customer) -> None:
    group = customer.network("b").group
    customer.call(
        "ecs",
        "AuthorizeSecurityGroup",
        security_group_id=group,
        ip_protocol="tcp",
        port_range="22/22",
        source_cidr_ip="10.0.0.0/8",
        description="ssh",
    )
    rule = models.AuthorizeSecurityGroupRequestPermissions
    listed = [
        rule(ip_protocol="TCP", port_range="80/443", source_cidr_ip="0.0.0.0/0", priority="5", policy="drop"),
        rule(ip_protocol="ICMP", port_range="-1/-1", source_cidr_ip="0.0.0.0/0"),
    ]
    customer.call("ecs", "AuthorizeSecurityGroup", security_group_id=group, permissions=listed)
    # A duplicate is accepted and changes nothing.
    customer.call("ecs", "AuthorizeSecurityGroup", security_group_id=group, permissions=listed)
    customer.call(
        "ecs",
        "AuthorizeSecurityGroupEgress",
        security_group_id=group,
        ip_protocol="all",
        port_range="-1/-1",
        dest_cidr_ip="0.0.0.0/0",
    )
    rules = _rules(customer, group)
    assert [(row.direction, row.ip_protocol, row.port_range, row.policy, row.priority) for row in rules] == [
        ("ingress", "TCP", "22/22", "Accept", "1"),
        ("ingress", "TCP", "80/443", "Drop", "5"),
        ("ingress", "ICMP", "-1/-1", "Accept", "1"),
        ("egress", "ALL", "-1/-1", "Accept", "1"),
    ]
    assert rules[0].description == "ssh"
    assert [row.dest_cidr_ip for row in _rules(customer, group, direction="egress")] == ["0.0.0.0/0"]
    # Away by what it says, by its id, and once more for nothing.
    for _ in range(2):
        customer.call(
            "ecs",
            "RevokeSecurityGroup",
            security_group_id=group,
            ip_protocol="TCP",
            port_range="22/22",
            source_cidr_ip="10.0.0.0/8",
        )
    customer.call(
        "ecs",
        "RevokeSecurityGroup",
        security_group_id=group,
        security_group_rule_id=[rules[1].security_group_rule_id],
    )
    customer.call(
        "ecs",
        "RevokeSecurityGroupEgress",
        security_group_id=group,
        ip_protocol="ALL",
        port_range="-1/-1",
        dest_cidr_ip="0.0.0.0/0",
    )
    assert [row.ip_protocol for row in _rules(customer, group)] == ["ICMP"]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"ip_protocol": "ipx"}, "InvalidIpProtocol.ValueNotSupported"),
        ({"port_range": "0/70000"}, "InvalidParam.PortRange"),
        ({"port_range": "90/80"}, "InvalidParam.PortRange"),
        ({"port_range": "22"}, "InvalidParam.PortRange"),
        ({"ip_protocol": "icmp"}, "OperationDenied"),
        ({"policy": "maybe"}, "InvalidPolicy.Malformed"),
        ({"priority": "101"}, "InvalidPriority.Malformed"),
        ({"source_cidr_ip": "300.0.0.0/8"}, "InvalidSourceCidrIp.Malformed"),
        ({"source_cidr_ip": None}, "MissingParameter.Source"),
        ({"source_cidr_ip": None, "source_group_id": "sg-none"}, "InvalidSourceGroupId.NotFound"),
    ],
)
def test_rules_that_cannot_be(customer: Customer, changes: dict[str, object], code: str) -> None:
    group = customer.network("b").group
    fields = {"ip_protocol": "tcp", "port_range": "22/22", "source_cidr_ip": "0.0.0.0/0", **changes}
    refused(lambda: customer.call("ecs", "AuthorizeSecurityGroup", security_group_id=group, **fields), code)


def test_a_group_named_by_another_ones_rule_stays(customer: Customer) -> None:
    network = customer.network("b")
    other = customer.call("ecs", "CreateSecurityGroup", vpc_id=network.vpc).security_group_id
    fields = {"ip_protocol": "tcp", "port_range": "22/22", "source_group_id": other}
    customer.call("ecs", "AuthorizeSecurityGroup", security_group_id=network.group, **fields)
    assert _rules(customer, network.group)[0].source_group_id == other
    refused(
        lambda: customer.call("ecs", "DeleteSecurityGroup", security_group_id=other),
        "DependencyViolation",
        "There is still instance(s) in the specified security group.",
    )
    customer.call("ecs", "RevokeSecurityGroup", security_group_id=network.group, **fields)
    customer.call("ecs", "DeleteSecurityGroup", security_group_id=other)


def test_a_key_pair_is_a_real_one(customer: Customer) -> None:
    made = customer.call("ecs", "CreateKeyPair", key_pair_name="kp-real")
    key = serialization.load_pem_private_key(made.private_key_body.encode(), None)
    assert isinstance(key, rsa.RSAPrivateKey)
    assert key.key_size == 2048
    shown = customer.call("ecs", "DescribeKeyPairs", key_pair_name="kp-re*", include_public_key=True).key_pairs.key_pair
    public = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    assert shown[0].public_key == public.decode()
    assert shown[0].key_pair_finger_print == made.key_pair_finger_print
    refused(
        lambda: customer.call("ecs", "CreateKeyPair", key_pair_name="kp-real"),
        "KeyPair.AlreadyExist",
        "The key pair already exist.",
        400,
    )
    imported = customer.call("ecs", "ImportKeyPair", key_pair_name="kp-same", public_key_body=public.decode())
    assert imported.key_pair_finger_print == made.key_pair_finger_print


def test_key_pairs_that_cannot_be(customer: Customer, shared_cloud: LocalCloud) -> None:
    refused(
        lambda: customer.call("ecs", "CreateKeyPair", key_pair_name="1"),
        "InvalidKeyPairName.Malformed",
        "Specified Key Pair name is not valid.",
    )
    curve = ed25519.Ed25519PrivateKey.generate().public_key()
    text = curve.public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH).decode()
    for body in ("ssh-rsa nonsense", "hello", text):
        refused(
            lambda body=body: customer.call("ecs", "ImportKeyPair", key_pair_name="kp-bad", public_key_body=body),
            "InvalidPublicKeyBody.Malformed",
            "The PublicKeyBody format is not supported.",
        )
    customer.call("ecs", "CreateKeyPair", key_pair_name="kp-mine")
    assert other_account(shared_cloud).call("ecs", "DescribeKeyPairs").total_count == 0


def test_a_key_pair_in_use_stays(customer: Customer) -> None:
    customer.call("ecs", "CreateKeyPair", key_pair_name="kp-used")
    (id,) = customer.launch(customer.network("b"), key_pair_name="kp-used")
    refused(
        lambda: customer.call("ecs", "DeleteKeyPairs", key_pair_names='["kp-used"]'),
        "InvalidParameter.KeypairAlreadyAttachedInstance",
        'The specified parameter "KeyPairNames" attached to instances can not be',
    )
    customer.call("ecs", "DeleteInstance", instance_id=id, force=True)
    customer.call("ecs", "DeleteKeyPairs", key_pair_names='["kp-used","kp-none"]')
    assert customer.call("ecs", "DescribeKeyPairs", key_pair_name="kp-used").total_count == 0
    refused(
        lambda: customer.call("ecs", "DeleteKeyPairs", key_pair_names="nonsense"),
        "InvalidParameter",
        'The specified parameter "KeyPairNames" is not valid.',
    )


def test_key_pairs_are_tagged_by_name(customer: Customer) -> None:
    customer.call("ecs", "CreateKeyPair", key_pair_name="kp-tags")
    which = {"resource_type": "keypair", "resource_id": ["kp-tags"]}
    customer.call("ecs", "TagResources", tag=[models.TagResourcesRequestTag(key="k", value="v")], **which)
    rows = customer.call("ecs", "ListTagResources", **which).tag_resources.tag_resource
    assert [(row.resource_id, row.tag_key) for row in rows] == [("kp-tags", "k")]
