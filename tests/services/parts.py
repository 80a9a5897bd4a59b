"""A customer of a cloud: the official clients of one identity, and short ways to the usual things."""

from __future__ import annotations

import json
from functools import cached_property
from types import SimpleNamespace
from typing import Any

from alibabacloud_ecs20140526 import models as ecs_models
from alibabacloud_ecs20140526.client import Client as EcsClient
from alibabacloud_ims20190815 import models as ims_models
from alibabacloud_ims20190815.client import Client as ImsClient
from alibabacloud_ram20150501 import models as ram_models
from alibabacloud_ram20150501.client import Client as RamClient
from alibabacloud_resourcemanager20200331 import models as resourcemanager_models
from alibabacloud_resourcemanager20200331.client import Client as ResourceManagerClient
from alibabacloud_slb20140515 import models as slb_models
from alibabacloud_slb20140515.client import Client as SlbClient
from alibabacloud_sts20150401 import models as sts_models
from alibabacloud_sts20150401.client import Client as StsClient
from alibabacloud_tag20180828 import models as tag_models
from alibabacloud_tag20180828.client import Client as TagClient
from alibabacloud_vpc20160428 import models as vpc_models
from alibabacloud_vpc20160428.client import Client as VpcClient

from kowloon.store.identity import Account, StoredKey
from kowloon.testing.cloud import LocalCloud
from tests.conftest import REGION, sdk_config
from tests.helpers import eventually

IMAGE = "ubuntu_22_04_x64_20G_alibase_20240710.vhd"
TYPE = "ecs.g7.large"

_MODELS = {
    "ecs": ecs_models,
    "vpc": vpc_models,
    "slb": slb_models,
    "ram": ram_models,
    "ims": ims_models,
    "resourcemanager": resourcemanager_models,
    "sts": sts_models,
    "tag": tag_models,
}


class Customer:
    """`keys`: access key id, secret and token; the account's administrator by default."""

    def __init__(self, cloud: LocalCloud, **config: Any) -> None:
        self.cloud = cloud
        self.config = config

    @cached_property
    def ecs(self) -> EcsClient:
        return EcsClient(sdk_config(self.cloud, **self.config))

    @cached_property
    def vpc(self) -> VpcClient:
        return VpcClient(sdk_config(self.cloud, **self.config))

    @cached_property
    def slb(self) -> SlbClient:
        return SlbClient(sdk_config(self.cloud, **self.config))

    @cached_property
    def ram(self) -> RamClient:
        return RamClient(sdk_config(self.cloud, **self.config))

    @cached_property
    def ims(self) -> ImsClient:
        return ImsClient(sdk_config(self.cloud, **self.config))

    @cached_property
    def resourcemanager(self) -> ResourceManagerClient:
        return ResourceManagerClient(sdk_config(self.cloud, **self.config))

    @cached_property
    def tag(self) -> TagClient:
        return TagClient(sdk_config(self.cloud, **self.config))

    @cached_property
    def sts(self) -> StsClient:
        return StsClient(sdk_config(self.cloud, **self.config))

    def call(self, product: str, action: str, **fields: Any) -> Any:
        """`call("ecs", "RunInstances", amount=2)`: the body of the answer."""
        request_type = getattr(_MODELS[product], f"{action}Request", None)
        method = getattr(getattr(self, product), _method(action))
        if request_type is None:
            # An action without parameters.
            return method().body
        if "region_id" in request_type.__init__.__code__.co_varnames:
            fields.setdefault("region_id", REGION)
        return method(request_type(**fields)).body

    def network(self, *zones: str) -> SimpleNamespace:
        """A VPC with a vSwitch in each zone and one security group."""
        vpc_id = self.call("vpc", "CreateVpc", cidr_block="10.0.0.0/8").vpc_id
        switches = [
            self.call(
                "vpc",
                "CreateVSwitch",
                vpc_id=vpc_id,
                zone_id=f"{REGION}-{zone}",
                cidr_block=f"10.{number}.0.0/24",
            ).v_switch_id
            for number, zone in enumerate(zones)
        ]
        group = self.call("ecs", "CreateSecurityGroup", vpc_id=vpc_id).security_group_id
        return SimpleNamespace(vpc=vpc_id, switches=switches, group=group)

    def launch(self, network: SimpleNamespace, switch: int = 0, *, wait: bool = True, **fields: Any) -> list[str]:
        request = {
            "image_id": IMAGE,
            "instance_type": TYPE,
            "security_group_id": network.group,
            "v_switch_id": network.switches[switch],
            **fields,
        }
        ids = self.call("ecs", "RunInstances", **request).instance_id_sets.instance_id_set
        if wait:
            eventually(lambda: self.statuses(ids) == {"Running"})
        return ids

    def statuses(self, ids: list[str]) -> set[str]:
        found = self.call("ecs", "DescribeInstances", instance_ids=json.dumps(ids)).instances.instance
        return {item.status for item in found}

    def role(self, name: str, *policies: str) -> Customer:
        """A role of this account that carries system policies, assumed."""
        trust = {
            "Version": "1",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Action": "sts:AssumeRole",
                    "Principal": {"RAM": [f"acs:ram::{self.cloud.account_id}:root"]},
                }
            ],
        }
        self.call("ram", "CreateRole", role_name=name, assume_role_policy_document=json.dumps(trust))
        for policy in policies:
            self.call("ram", "AttachPolicyToRole", policy_type="System", policy_name=policy, role_name=name)
        arn = f"acs:ram::{self.cloud.account_id}:role/{name.lower()}"
        keys = self.call("sts", "AssumeRole", role_arn=arn, role_session_name="tester").credentials
        return Customer(
            self.cloud,
            access_key_id=keys.access_key_id,
            access_key_secret=keys.access_key_secret,
            security_token=keys.security_token,
        )


def other_account(cloud: LocalCloud, account: str = "1999000011112222") -> Customer:
    """The root of another account of the same cloud."""
    key = StoredKey(id=f"LTAI5tOther{account[-4:]}", account=account, secret="otherssecret")

    async def put() -> None:
        def body(tx: Any) -> None:
            tx.put(Account(id=account, account=account))
            tx.put(key)

        await cloud.cloud.store.run(body)

    cloud.run(put())
    return Customer(cloud, access_key_id=key.id, access_key_secret=key.secret)


def _method(action: str) -> str:
    """As the vendor's generator spells methods: `DescribeVSwitches` -> `describe_vswitches`."""
    name = ""
    for at, letter in enumerate(action):
        if letter.isupper() and at and not action[at - 1].isupper():
            name += "_"
        name += letter.lower()
    return name
