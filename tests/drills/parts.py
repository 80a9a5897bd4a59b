"""A small system on a paper cloud, in two variants, and a drill of it in virtual time."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import msgspec

from kowloon.app import Cloud
from kowloon.drill.control import LocalControl
from kowloon.drill.duty import Ask, DutyDesk, DutyFile
from kowloon.drill.objectives import Workload, parse_workload
from kowloon.drill.probes import Probe, Prober
from kowloon.drill.result import DrillResult, assemble
from kowloon.drill.runner import Runner
from kowloon.faults.loader import load, parse
from kowloon.faults.scenario import Provider, Scenario
from kowloon.testing.virtual import InProcessApi, PaperApiProbe, PaperPathProbe, paper_cloud, run_virtually
from kowloon.topology.map import Topology
from kowloon.wire.http import HttpRequest, HttpResponse

TOPOLOGY = Topology.vendor()
ZONES = ("cn-hongkong-b", "cn-hongkong-c", "cn-hongkong-d")
# With this seed the database of the multi-zone variant gets its turn in the middle of the queue.
SEED = 48

OBJECTIVES = """
title: Exchange on paper
probes:
  - {name: balances, kind: http, url: "http://unused/"}
  - {name: database, kind: sql, dsn: "postgres://unused"}
objectives:
  - {name: Balances can be read, probe: balances, availability: 0.999}
  - {name: The database is back soon, probe: database, recovery_s: 60}
"""

POWER_LOSS = """
name: power
title: One zone loses power for ten minutes
timezone: Asia/Hong_Kong
start: "2030-01-01T12:00:00+08:00"
region: cn-hongkong
zones: [cn-hongkong-b, cn-hongkong-c]
sources: {model: made up}
providers: {recorded: as it is, ideal: as it should be}
events:
  - at: T+5m
    local: "12:05"
    track: facility
    text: Zone C goes dark
    source: [model]
    truth: I
    inject: {id: dark, kind: zone_power_loss, scope: [cn-hongkong-c]}
  - at: T+15m
    local: "12:15"
    track: facility
    text: Power is back
    source: [model]
    truth: I
    recover: dark
  - {at: T+20m, local: "12:20", track: hosts, text: All is well, source: [model], truth: I}
"""


def workload(variant: str, text: str = OBJECTIVES) -> Workload:
    return parse_workload(text, "objectives.yaml", {}, variant)


class Deployer:
    """Deploys over the cloud's API, in process."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud
        self.api = InProcessApi(cloud)

    async def call(self, version: str, action: str, **parameters: str) -> dict[str, Any]:
        status, body = await self.api.ask(version, action, **parameters)
        answer: dict[str, Any] = json.loads(body)
        assert status == 200, answer
        return answer

    async def network(self) -> dict[str, str]:
        """A vSwitch per zone, and the security group."""
        vpc = (await self.call("2016-04-28", "CreateVpc", CidrBlock="10.0.0.0/8"))["VpcId"]
        found = {"group": ""}
        for number, zone in enumerate(ZONES):
            answer = await self.call(
                "2016-04-28", "CreateVSwitch", VpcId=vpc, ZoneId=zone, CidrBlock=f"10.{number}.0.0/16"
            )
            found[zone] = answer["VSwitchId"]
        group = await self.call("2014-05-26", "CreateSecurityGroup", VpcId=vpc)
        return {**found, "group": group["SecurityGroupId"]}

    async def exchange(self, net: dict[str, str], zones: tuple[str, str]) -> dict[str, Any]:
        """Two instances, a load balancer and a database in the two zones (the same one twice: all in one)."""
        instances = [await self._instance(net, zone) for zone in zones]
        balancer = await self._balancer(instances)
        database = await self._database(net, zones)
        return {"instances": tuple(instances), "balancer": balancer, "database": database}

    async def _instance(self, net: dict[str, str], zone: str) -> str:
        answer = await self.call(
            "2014-05-26",
            "RunInstances",
            ImageId="debian_12_6_x64_20G_alibase_20240711.vhd",
            InstanceType="ecs.g6.large",
            VSwitchId=net[zone],
            SecurityGroupId=net["group"],
        )
        return str(answer["InstanceIdSets"]["InstanceIdSet"][0])

    async def _balancer(self, instances: list[str]) -> str:
        answer = await self.call("2014-05-15", "CreateLoadBalancer", MasterZoneId=ZONES[1], SlaveZoneId=ZONES[0])
        id = str(answer["LoadBalancerId"])
        servers = json.dumps([{"ServerId": instance, "Weight": "100"} for instance in instances])
        await self.call("2014-05-15", "AddBackendServers", LoadBalancerId=id, BackendServers=servers)
        await self.call(
            "2014-05-15",
            "CreateLoadBalancerTCPListener",
            LoadBalancerId=id,
            ListenerPort="8080",
            BackendServerPort="8080",
            Bandwidth="-1",
        )
        await self.call("2014-05-15", "StartLoadBalancerListener", LoadBalancerId=id, ListenerPort="8080")
        return id

    async def _database(self, net: dict[str, str], zones: tuple[str, str]) -> str:
        first, second = zones
        ha = first != second
        answer = await self.call(
            "2014-08-15",
            "CreateDBInstance",
            Engine="PostgreSQL",
            EngineVersion="18.0",
            DBInstanceClass="pg.n2.medium.2c" if ha else "pg.n2.medium.1c",
            DBInstanceStorage="20",
            DBInstanceNetType="Intranet",
            PayType="Postpaid",
            SecurityIPList="0.0.0.0/0",
            Category="HighAvailability" if ha else "Basic",
            ZoneId=first,
            VSwitchId=net[first],
            **({"ZoneIdSlave1": second} if ha else {}),
        )
        return str(answer["DBInstanceId"])

    def probes(self, variant: str, system: dict[str, Any]) -> list[Probe]:
        steps = ((system["balancer"],), system["instances"])
        database = system["database"]
        return [
            PaperPathProbe(self.cloud, "balances", variant, steps=steps, database=database),
            PaperPathProbe(self.cloud, "database", variant, database=database, kind="sql"),
        ]


async def both_variants(cloud: Cloud) -> list[Probe]:
    deployer = Deployer(cloud)
    net = await deployer.network()
    b, c, _ = ZONES
    single = await deployer.exchange(net, (c, c))
    multi = await deployer.exchange(net, (c, b))
    await asyncio.sleep(30)
    return [
        *deployer.probes("single-zone", single),
        *deployer.probes("multi-zone", multi),
        *(PaperApiProbe(deployer.api, zone) for zone in ZONES),
    ]


def ask_in_process(cloud: Cloud) -> Ask:
    """The admin API, as a drill's runner asks it."""

    async def ask(method: str, path: str, body: object) -> dict[str, Any]:
        headers = [("host", "localhost"), ("authorization", f"Bearer {cloud.identity.admin_token}")]
        content = b"" if body is None else json.dumps(body).encode()
        request = HttpRequest(
            method=method,
            target=f"/_kowloon/{path}",
            headers=[*headers, ("content-type", "application/json")],
            body=content,
            peer="127.0.0.1",
        )
        answer = cloud.front.handle(request)
        response = answer if isinstance(answer, HttpResponse) else await answer
        assert response.status == 200, response.body
        found: dict[str, Any] = json.loads(response.body)
        return found

    return ask


def rehearse(
    scenario: Scenario, provider: Provider, *, text: str = "", seed: int = SEED, duty: DutyFile | None = None
) -> DrillResult:
    """Both variants on a fresh paper cloud, from T+0 to the end, in virtual time."""

    async def body() -> DrillResult:
        loop = asyncio.get_running_loop()
        cloud = await paper_cloud(seed=seed)
        try:
            probers = [Prober(probe, loop.time) for probe in await both_variants(cloud)]
            runner = Runner(LocalControl(cloud.drills), probers, now=loop.time)
            desk = DutyDesk(ask_in_process(cloud), duty) if duty is not None else None
            if desk is not None:
                await desk.prepare()
            run = await runner.run(scenario, provider, text=text)
            result = assemble(run, scenario, [workload("single-zone"), workload("multi-zone")])
            if desk is None:
                return result
            found = await desk.result(
                result.record.duty, result.record.rooms, result.first_outage_min, result.length_min
            )
            return msgspec.structs.replace(result, duty=found)
        finally:
            await cloud.stop(end_units=True)

    return run_virtually(body())


def hongkong() -> Scenario:
    return load("hongkong-2022", TOPOLOGY)


def power_loss() -> Scenario:
    return parse(POWER_LOSS, "power.yaml", TOPOLOGY)
