"""A network to put databases in, and the official client."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from alibabacloud_rds20140815 import models
from alibabacloud_vpc20160428 import models as vpc_models

from kowloon.testing.cloud import LocalCloud
from tests.conftest import REGION


class Databases:
    """Official clients and one vSwitch per zone in a VPC of their own."""

    def __init__(self, cloud: LocalCloud, client_of: Callable[..., Any]) -> None:
        self.cloud = cloud
        self.rds = client_of(cloud, "rds20140815")
        vpc = client_of(cloud, "vpc20160428")
        self.vpc_id = vpc.create_vpc(vpc_models.CreateVpcRequest(region_id=REGION, cidr_block="10.0.0.0/8")).body.vpc_id
        self.switches = {
            zone: vpc.create_vswitch(
                vpc_models.CreateVSwitchRequest(
                    region_id=REGION,
                    vpc_id=self.vpc_id,
                    zone_id=f"{REGION}-{zone}",
                    cidr_block=f"10.0.{number}.0/24",
                )
            ).body.v_switch_id
            for number, zone in enumerate("bcd")
        }

    def request(self, **changes: Any) -> models.CreateDBInstanceRequest:
        settings: dict[str, Any] = {
            "region_id": REGION,
            "engine": "PostgreSQL",
            "engine_version": "16.0",
            "dbinstance_class": "pg.n2.medium.2c",
            "dbinstance_storage": 20,
            "dbinstance_net_type": "Intranet",
            "pay_type": "Postpaid",
            "security_iplist": "127.0.0.0/8",
            "zone_id": f"{REGION}-c",
            "zone_id_slave_1": f"{REGION}-b",
            "vpcid": self.vpc_id,
            "v_switch_id": self.switches["c"],
        }
        return models.CreateDBInstanceRequest(**{**settings, **changes})

    def create(self, **changes: Any) -> Any:
        return self.rds.create_dbinstance(self.request(**changes)).body

    def attribute(self, id: str) -> Any:
        request = models.DescribeDBInstanceAttributeRequest(dbinstance_id=id)
        return self.rds.describe_dbinstance_attribute(request).body.items.dbinstance_attribute[0]

    def is_running(self, id: str) -> bool:
        return bool(self.attribute(id).dbinstance_status == "Running")

    def high_availability(self, id: str) -> Any:
        return self.rds.describe_dbinstance_haconfig(models.DescribeDBInstanceHAConfigRequest(dbinstance_id=id)).body


@pytest.fixture
def databases(cloud: LocalCloud, client_of: Callable[..., Any]) -> Databases:
    return Databases(cloud, client_of)
