"""The vendor's system policies say what their names promise."""

from __future__ import annotations

import pytest

from kowloon.services.ram.system_policies import system_policies
from kowloon.wire.policy.document import parse_policy
from kowloon.wire.policy.evaluate import IDENTITY, Policies, PolicySet, Source, decide

ANY = "acs:any:cn-hongkong:1:thing/1"


def allows(name: str, action: str, **values: str) -> bool:
    policies = Policies(PolicySet(IDENTITY, [(Source(name), parse_policy(system_policies()[name].document))]))
    return decide(policies, action, ANY, values.get).allowed


@pytest.mark.parametrize("name", list(system_policies()))
def test_every_document_can_be_read(name: str) -> None:
    policy = system_policies()[name]
    assert policy.name == name
    assert policy.description
    assert 1.3e9 < policy.created_at <= policy.updated_at
    assert parse_policy(policy.document).statements
    assert not any(statement.denies for statement in parse_policy(policy.document).statements)


@pytest.mark.parametrize("product", ["ECS", "VPC", "SLB", "RDS", "OSS", "RAM", "ActionTrail"])
def test_products_have_one_to_read_and_one_for_everything(product: str) -> None:
    names = {
        "ECS": ("ecs:DescribeInstances", "ecs:RunInstances"),
        "VPC": ("vpc:DescribeVpcs", "vpc:CreateVSwitch"),
        "SLB": ("slb:DescribeLoadBalancers", "slb:CreateLoadBalancer"),
        "RDS": ("rds:DescribeDBInstances", "rds:CreateDBInstance"),
        "OSS": ("oss:GetObject", "oss:PutObject"),
        "RAM": ("ram:ListUsers", "ram:CreateUser"),
        "ActionTrail": ("actiontrail:LookupEvents", "actiontrail:CreateTrail"),
    }
    reading, writing = names[product]
    reads, everything = f"Aliyun{product}ReadOnlyAccess", f"Aliyun{product}FullAccess"
    assert [allows(reads, reading), allows(reads, writing)] == [True, False]
    assert [allows(everything, reading), allows(everything, writing)] == [True, True]
    assert [allows("ReadOnlyAccess", reading), allows("ReadOnlyAccess", writing)] == [True, False]
    assert allows("AdministratorAccess", writing)


def test_roles_of_some_services_only_can_be_made() -> None:
    values = {"ram:servicename": "actiontrail.aliyuncs.com"}
    assert allows("AliyunActionTrailFullAccess", "ram:CreateServiceLinkedRole", **values)
    assert not allows("AliyunActionTrailFullAccess", "ram:CreateServiceLinkedRole", **{"ram:servicename": "ecs"})
    assert not allows("AliyunActionTrailFullAccess", "ram:CreateServiceLinkedRole")
