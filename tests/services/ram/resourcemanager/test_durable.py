"""Directories, groups and what they bind are the same after a restart."""

from __future__ import annotations

from pathlib import Path

from kowloon.core.config import Settings
from kowloon.testing.cloud import LocalCloud
from tests.helpers import refused
from tests.services.parts import Customer
from tests.services.ram.parts import person
from tests.services.ram.resourcemanager.parts import Organisation


def test_what_was_organised_is_still_there(tmp_path: Path) -> None:
    settings = Settings(engine="paper", port=0, home=tmp_path / "home")
    with LocalCloud(settings) as cloud:
        organisation = Organisation(cloud)
        account = organisation.member("bound", organisation.folder("restricted"))
        keys = organisation.inside(account).config
        organisation.manage("EnableControlPolicy")
        policy = organisation.control_policy("Guard", {"Effect": "Deny", "Action": "vpc:*", "Resource": "*"})
        organisation.manage("AttachControlPolicy", policy_id=policy, target_id=account)
        group = organisation.group("project")
        person(organisation, "worker")
        organisation.manage(
            "AttachPolicy",
            resource_group_id=group,
            policy_type="System",
            policy_name="AliyunVPCFullAccess",
            principal_type="IMSUser",
            principal_name=f"worker@{organisation.id}.onaliyun.com",
        )
        worker = organisation.call("ram", "CreateAccessKey", user_name="worker").access_key
        vpc = organisation.call("vpc", "CreateVpc", cidr_block="10.0.0.0/8", resource_group_id=group).vpc_id
    with LocalCloud(settings) as cloud:
        refused(
            lambda: Customer(cloud, **keys).call("vpc", "DescribeVpcs"),
            "Forbidden.RAM",
            "User not authorized to operate on the specified resource, or this API",
        )
        them = Customer(cloud, access_key_id=worker.access_key_id, access_key_secret=worker.access_key_secret)
        found = them.call("vpc", "DescribeVpcs", resource_group_id=group).vpcs.vpc
        assert [(each.vpc_id, each.resource_group_id) for each in found] == [(vpc, group)]
        refused(lambda: them.call("vpc", "DescribeVpcs"), "Forbidden.RAM", "User not authorized to operate on the")
