"""Deploys the exchange with the official SDKs, and nothing of Kowloon: the same script works on the real cloud.

    eval "$(kowloon env --region cn-hongkong)"
    python examples/exchange/deploy.py multi-zone > multi-zone.json

single-zone: two instances, the load balancer's master and a database without a standby, all in cn-hongkong-c.
multi-zone: an instance each in cn-hongkong-b and -c, the load balancer with its slave in b, and a database whose
primary in c has a standby in b, so that losing zone c forces everything over at once.

Statements are kept in object storage, in one zone (LRS) or in three (ZRS). Instances write them, and customers fetch
them, by signed URLs that are good for seven days.

From the environment: ALIBABA_CLOUD_ACCESS_KEY_ID, ALIBABA_CLOUD_ACCESS_KEY_SECRET, and ALIBABA_CLOUD_ENDPOINT
(host:port for every product; on the real cloud leave it out and each SDK finds its own).

The load balancer listens on port 8080: below 1024 an ordinary user's process may not listen on every system.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import oss2
from alibabacloud_ecs20140526 import models as ecs
from alibabacloud_ecs20140526.client import Client as Ecs
from alibabacloud_rds20140815 import models as rds
from alibabacloud_rds20140815.client import Client as Rds
from alibabacloud_slb20140515 import models as slb
from alibabacloud_slb20140515.client import Client as Slb
from alibabacloud_tea_openapi.models import Config
from alibabacloud_vpc20160428 import models as vpc
from alibabacloud_vpc20160428.client import Client as Vpc

REGION = "cn-hongkong"
B, C = "cn-hongkong-b", "cn-hongkong-c"
VARIANTS = {"single-zone": (C, C), "multi-zone": (C, B)}
REDUNDANCY = {"single-zone": "LRS", "multi-zone": "ZRS"}
STATEMENT = "statements/alice.json"
SIGNED_S = 7 * 24 * 3600
IMAGE = "debian_12_6_x64_20G_alibase_20240711.vhd"
PORT = 8080
DATABASE, USER = "exchange", "exchange"
APP = Path(__file__).with_name("app.py")
READY_S = 120.0

# Per-boot scripts run at every boot; user data once in the life of the instance, so it also starts the app itself.
USER_DATA = """#!/bin/sh
set -e
mkdir -p /var/lib/exchange /var/lib/cloud/scripts/per-boot
base64 -d > /var/lib/exchange/app.py <<'END'
{app}
END
cat > /var/lib/cloud/scripts/per-boot/exchange <<'END'
#!/bin/sh
export EXCHANGE_DSN='{dsn}'
export EXCHANGE_STATEMENT_PUT_URL='{statement_url}'
cd /var/lib/exchange
setsid "${{KOWLOON_PYTHON:-python3}}" app.py >> app.log 2>&1 < /dev/null &
END
chmod 700 /var/lib/cloud/scripts/per-boot/exchange
exec /var/lib/cloud/scripts/per-boot/exchange
"""


def config() -> Config:
    return Config(
        access_key_id=os.environ["ALIBABA_CLOUD_ACCESS_KEY_ID"],
        access_key_secret=os.environ["ALIBABA_CLOUD_ACCESS_KEY_SECRET"],
        region_id=REGION,
        endpoint=os.environ.get("ALIBABA_CLOUD_ENDPOINT") or None,
        protocol="http" if os.environ.get("ALIBABA_CLOUD_ENDPOINT") else "https",
        connect_timeout=5000,
        read_timeout=30000,
    )


def until(what: str, ready: Callable[[], Any]) -> Any:
    """What `ready` gives once it gives something."""
    deadline = time.monotonic() + READY_S
    while time.monotonic() < deadline:
        if found := ready():
            return found
        time.sleep(0.3)
    raise SystemExit(f"{what} was not ready within {READY_S:.0f} s")


class Deployment:
    def __init__(self, variant: str) -> None:
        self.variant = variant
        self.zones = VARIANTS[variant]
        self.ecs, self.rds, self.slb, self.vpc = Ecs(config()), Rds(config()), Slb(config()), Vpc(config())
        self.password = f"Aa1!{secrets.token_hex(10)}"

    def deploy(self) -> dict[str, str]:
        statements = self._create_bucket()
        vswitches = self._network()
        database = self._create_database(vswitches)
        dsn = self._dsn(database)
        put_url = statements.sign_url("PUT", STATEMENT, SIGNED_S, headers={"Content-Type": "application/json"})
        instances = [self._instance(vswitches[zone], dsn, put_url) for zone in self.zones]
        url = f"http://{self._balancer(instances)}:{PORT}"
        until("the first statement", lambda: statements.object_exists(STATEMENT))
        return {
            "variant": self.variant,
            "EXCHANGE_URL": url,
            "EXCHANGE_DSN": dsn,
            "EXCHANGE_STATEMENT_URL": statements.sign_url("GET", STATEMENT, SIGNED_S),
            "instances": ",".join(instances),
            "database": database,
        }

    def _create_bucket(self) -> oss2.Bucket:
        endpoint = os.environ.get("ALIBABA_CLOUD_ENDPOINT")
        keys = (os.environ["ALIBABA_CLOUD_ACCESS_KEY_ID"], os.environ["ALIBABA_CLOUD_ACCESS_KEY_SECRET"])
        url = f"http://{endpoint}" if endpoint else f"https://oss-{REGION}.aliyuncs.com"
        name = f"exchange-{self.variant}-{secrets.token_hex(6)}"
        bucket = oss2.Bucket(oss2.AuthV4(*keys), url, name, region=REGION)
        redundancy = REDUNDANCY[self.variant]
        bucket.create_bucket(
            input=oss2.models.BucketCreateConfig(storage_class="Standard", data_redundancy_type=redundancy)
        )
        return bucket

    def _network(self) -> dict[str, str]:
        vpc_id = self.vpc.create_vpc(
            vpc.CreateVpcRequest(region_id=REGION, cidr_block="10.0.0.0/8", vpc_name=f"exchange-{self.variant}")
        ).body.vpc_id
        until("the VPC", lambda: self._vpc_is_available(vpc_id))
        found = {}
        for number, zone in enumerate(dict.fromkeys(self.zones)):
            request = vpc.CreateVSwitchRequest(
                region_id=REGION, vpc_id=vpc_id, zone_id=zone, cidr_block=f"10.{number}.0.0/16"
            )
            found[zone] = self.vpc.create_vswitch(request).body.v_switch_id
        group = ecs.CreateSecurityGroupRequest(region_id=REGION, vpc_id=vpc_id)
        self.group = self.ecs.create_security_group(group).body.security_group_id
        return found

    def _vpc_is_available(self, vpc_id: str) -> bool:
        request = vpc.DescribeVpcAttributeRequest(region_id=REGION, vpc_id=vpc_id)
        return bool(self.vpc.describe_vpc_attribute(request).body.status == "Available")

    def _create_database(self, vswitches: dict[str, str]) -> str:
        first, second = self.zones
        is_ha = first != second
        request = rds.CreateDBInstanceRequest(
            region_id=REGION,
            engine="PostgreSQL",
            engine_version="17.0",
            dbinstance_class="pg.n2.medium.2c" if is_ha else "pg.n2.medium.1c",
            dbinstance_storage=20,
            dbinstance_storage_type="cloud_essd",
            dbinstance_net_type="Intranet",
            pay_type="Postpaid",
            security_iplist="0.0.0.0/0",
            category="HighAvailability" if is_ha else "Basic",
            zone_id=first,
            zone_id_slave_1=second if is_ha else None,
            v_switch_id=",".join(vswitches.values()),
            dbinstance_description=f"exchange-{self.variant}",
        )
        return str(self.rds.create_dbinstance(request).body.dbinstance_id)

    def _dsn(self, database: str) -> str:
        until("the database", lambda: self._database_is_running(database))
        self.rds.create_account(
            rds.CreateAccountRequest(
                dbinstance_id=database, account_name=USER, account_password=self.password, account_type="Super"
            )
        )
        until("the account", lambda: self._account_is_available(database))
        self.rds.create_database(
            rds.CreateDatabaseRequest(
                dbinstance_id=database, dbname=DATABASE, character_set_name="UTF8", account_name=USER
            )
        )
        until("the database's name", lambda: self._name_is_there(database))
        address = self.rds.describe_dbinstance_net_info(
            rds.DescribeDBInstanceNetInfoRequest(dbinstance_id=database)
        ).body.dbinstance_net_infos.dbinstance_net_info[0]
        password = self.password.replace("!", "%21")
        return f"postgresql://{USER}:{password}@{address.connection_string}:{address.port}/{DATABASE}"

    def _database_is_running(self, database: str) -> bool:
        request = rds.DescribeDBInstanceAttributeRequest(dbinstance_id=database)
        found = self.rds.describe_dbinstance_attribute(request).body.items.dbinstance_attribute
        return bool(found and found[0].dbinstance_status == "Running")

    def _account_is_available(self, database: str) -> bool:
        request = rds.DescribeAccountsRequest(dbinstance_id=database, account_name=USER)
        found = self.rds.describe_accounts(request).body.accounts.dbinstance_account
        return bool(found and found[0].account_status == "Available")

    def _name_is_there(self, database: str) -> bool:
        request = rds.DescribeDatabasesRequest(dbinstance_id=database, dbname=DATABASE)
        found = self.rds.describe_databases(request).body.databases.database
        return bool(found and found[0].dbstatus == "Running")

    def _instance(self, vswitch: str, dsn: str, statement_url: str) -> str:
        app = base64.encodebytes(APP.read_bytes()).decode().strip()
        script = USER_DATA.format(app=app, dsn=dsn, statement_url=statement_url)
        request = ecs.RunInstancesRequest(
            region_id=REGION,
            image_id=IMAGE,
            instance_type="ecs.g6.large",
            v_switch_id=vswitch,
            security_group_id=self.group,
            instance_name=f"exchange-{self.variant}",
            user_data=base64.b64encode(script.encode()).decode(),
        )
        instance = str(self.ecs.run_instances(request).body.instance_id_sets.instance_id_set[0])
        until("the instance", lambda: self._instance_is_running(instance))
        return instance

    def _instance_is_running(self, instance: str) -> bool:
        request = ecs.DescribeInstancesRequest(region_id=REGION, instance_ids=json.dumps([instance]))
        found = self.ecs.describe_instances(request).body.instances.instance
        return bool(found and found[0].status == "Running")

    def _balancer(self, instances: list[str]) -> str:
        created = self.slb.create_load_balancer(
            slb.CreateLoadBalancerRequest(
                region_id=REGION,
                address_type="internet",
                load_balancer_spec="slb.s1.small",
                load_balancer_name=f"exchange-{self.variant}",
                master_zone_id=C,
                slave_zone_id=B,
            )
        ).body
        servers = json.dumps([{"ServerId": instance, "Weight": "100"} for instance in instances])
        self.slb.add_backend_servers(
            slb.AddBackendServersRequest(load_balancer_id=created.load_balancer_id, backend_servers=servers)
        )
        self.slb.create_load_balancer_httplistener(
            slb.CreateLoadBalancerHTTPListenerRequest(
                region_id=REGION,
                load_balancer_id=created.load_balancer_id,
                listener_port=PORT,
                backend_server_port=PORT,
                bandwidth=-1,
                sticky_session="off",
                health_check="on",
                health_check_uri="/health",
                health_check_interval=1,
                health_check_timeout=1,
                healthy_threshold=2,
                unhealthy_threshold=2,
            )
        )
        self.slb.start_load_balancer_listener(
            slb.StartLoadBalancerListenerRequest(
                region_id=REGION, load_balancer_id=created.load_balancer_id, listener_port=PORT
            )
        )
        return str(created.address)


def main() -> None:
    if len(sys.argv) != 2 or sys.argv[1] not in VARIANTS:
        raise SystemExit(f"usage: deploy.py {'|'.join(VARIANTS)}")
    print(json.dumps(Deployment(sys.argv[1]).deploy(), indent=2))


if __name__ == "__main__":
    main()
