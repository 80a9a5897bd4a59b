"""CLB through the official client: balancers, listeners, groups, health."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from alibabacloud_slb20140515 import models

from kowloon.engines.balancer.base import BalancerPayload
from kowloon.store.units import Unit
from kowloon.testing.cloud import LocalCloud
from tests.conftest import REGION
from tests.helpers import eventually, refused
from tests.services.parts import Customer, other_account


def _create(customer: Customer, **fields: Any) -> str:
    return customer.call("slb", "CreateLoadBalancer", **fields).load_balancer_id


def _attribute(customer: Customer, id: str) -> Any:
    return customer.call("slb", "DescribeLoadBalancerAttribute", load_balancer_id=id)


def _payload(customer: Customer, id: str) -> BalancerPayload:
    """What the balancer's unit is told now."""
    cloud = customer.cloud
    unit = cloud.call(lambda: cloud.cloud.store.get(Unit, id))
    assert unit is not None
    return msgspec.convert(unit.payload, BalancerPayload)


def _http(customer: Customer, id: str, **fields: Any) -> None:
    request = {"listener_port": 80, "backend_server_port": 8080, "health_check": "on", **fields}
    customer.call("slb", "CreateLoadBalancerHTTPListener", load_balancer_id=id, **request)


def _start(customer: Customer, id: str, port: int = 80) -> None:
    customer.call("slb", "StartLoadBalancerListener", load_balancer_id=id, listener_port=port)


def _servers(*entries: tuple[str, int]) -> str:
    return json.dumps([{"ServerId": id, "Weight": weight} for id, weight in entries])


def test_a_load_balancer_lives_from_creation_to_deletion(customer: Customer) -> None:
    made = customer.call(
        "slb",
        "CreateLoadBalancer",
        load_balancer_name="web",
        address_type="internet",
        master_zone_id=f"{REGION}-c",
        load_balancer_spec="slb.s2.small",
        tag=[models.CreateLoadBalancerRequestTag(key="k", value="v")],
    )
    item = _attribute(customer, made.load_balancer_id)
    assert (item.load_balancer_name, item.load_balancer_status, item.address) == ("web", "active", made.address)
    assert (item.master_zone_id, item.slave_zone_id) == (f"{REGION}-c", f"{REGION}-d")
    assert item.address.startswith("127.")
    assert [(tag.tag_key, tag.tag_value) for tag in item.tags.tag] == [("k", "v")]
    which = {"load_balancer_id": made.load_balancer_id}
    customer.call("slb", "SetLoadBalancerName", load_balancer_name="app", **which)
    customer.call("slb", "SetLoadBalancerStatus", load_balancer_status="inactive", **which)
    item = _attribute(customer, made.load_balancer_id)
    assert (item.load_balancer_name, item.load_balancer_status) == ("app", "inactive")
    customer.call("slb", "SetLoadBalancerDeleteProtection", delete_protection="on", **which)
    refused(
        lambda: customer.call("slb", "DeleteLoadBalancer", **which),
        "OperationDenied.DeleteProtectionIsOn",
        "The loadbalancer can't be deleted due to DeleteProtection is enabled.",
    )
    customer.call("slb", "SetLoadBalancerDeleteProtection", delete_protection="off", **which)
    customer.call("slb", "DeleteLoadBalancer", **which)
    refused(
        lambda: _attribute(customer, made.load_balancer_id),
        "InvalidLoadBalancerId.NotFound",
        "The specified LoadBalancerId does not exist.",
        404,
    )


def test_an_intranet_one_stands_in_a_vswitch(customer: Customer) -> None:
    network = customer.network("c")
    refused(lambda: _create(customer, address_type="intranet"), "MissingParameter", "VSwitchId")
    refused(
        lambda: _create(customer, address_type="intranet", v_switch_id="vsw-none"),
        "InvalidVSwitchId.NotFound",
        "The specified VSwitchId does not exist.",
    )
    id = _create(customer, address_type="intranet", v_switch_id=network.switches[0])
    item = _attribute(customer, id)
    assert (item.master_zone_id, item.v_switch_id, item.vpc_id) == (f"{REGION}-c", network.switches[0], network.vpc)
    refused(
        lambda: customer.call("vpc", "DeleteVSwitch", v_switch_id=network.switches[0]),
        "DependencyViolation",
        "Specified object has dependent resources.",
    )
    found = customer.call("slb", "DescribeLoadBalancers", vpc_id=network.vpc).load_balancers.load_balancer
    assert [item.load_balancer_id for item in found] == [id]
    customer.call("slb", "DeleteLoadBalancer", load_balancer_id=id)
    customer.call("vpc", "DeleteVSwitch", v_switch_id=network.switches[0])


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"address_type": "odd"}, "InvalidParameter"),
        ({"master_zone_id": "cn-hangzhou-b"}, "InvalidParameter"),
        ({"master_zone_id": f"{REGION}-b", "slave_zone_id": f"{REGION}-b"}, "InvalidParameter"),
        ({"delete_protection": "maybe"}, "InvalidParameter"),
        ({"bandwidth": 6000}, "InvalidParameter"),
        ({"address_ipversion": "ipv6"}, "InvalidParameter.AddressIPVersion"),
        ({"address": "10.0.0.9"}, "InvalidParameter.Address"),
    ],
)
def test_load_balancers_that_cannot_be(customer: Customer, fields: dict[str, Any], code: str) -> None:
    refused(lambda: _create(customer, **fields), code)


def test_tokens_pages_tags_and_strangers(alone: Customer) -> None:
    first = _create(alone, client_token="clb-1", load_balancer_name="one")
    assert _create(alone, client_token="clb-1", load_balancer_name="one") == first
    refused(
        lambda: _create(alone, client_token="clb-1", load_balancer_name="two"),
        "IdempotentParameterMismatch",
        "The request uses the same client token as a previous, but non-identical",
    )
    ids = [first, *(_create(alone) for _ in range(2))]
    pages = [alone.call("slb", "DescribeLoadBalancers", page_number=page, page_size=2) for page in (1, 2)]
    assert [item.load_balancer_id for page in pages for item in page.load_balancers.load_balancer] == ids
    which = {"resource_type": "instance", "resource_id": [first]}
    alone.call("slb", "TagResources", tag=[models.TagResourcesRequestTag(key="k", value="v")], **which)
    tagged = alone.call("slb", "DescribeLoadBalancers", tags='[{"TagKey":"k","TagValue":"v"}]')
    assert [item.load_balancer_id for item in tagged.load_balancers.load_balancer] == [first]
    alone.call("slb", "UntagResources", tag_key=["k"], **which)
    assert not alone.call("slb", "ListTagResources", **which).tag_resources.tag_resource
    stranger = other_account(alone.cloud)
    assert stranger.call("slb", "DescribeLoadBalancers").total_count == 0
    refused(lambda: _attribute(stranger, first), "InvalidLoadBalancerId.NotFound", "The specified LoadBalancerId does")
    assert alone.call("slb", "DescribeLoadBalancers", region_id="cn-hangzhou").total_count == 0


def test_a_listener_is_stopped_until_started(customer: Customer) -> None:
    id = _create(customer)
    _http(customer, id, description="main", sticky_session="off")
    which = {"load_balancer_id": id, "listener_port": 80}
    item = customer.call("slb", "DescribeLoadBalancerHTTPListenerAttribute", **which)
    assert (item.status, item.backend_server_port, item.health_check, item.scheduler) == ("stopped", 8080, "on", "wrr")
    assert _payload(customer, id).listeners == ()
    _start(customer, id)
    (told,) = _payload(customer, id).listeners
    assert (told.protocol, told.port) == ("http", 80)
    assert told.check is not None
    assert (told.check.kind, told.check.rise, told.check.path) == ("http", 3, "/")
    customer.call(
        "slb",
        "SetLoadBalancerHTTPListenerAttribute",
        health_check="off",
        sticky_session="on",
        sticky_session_type="insert",
        cookie_timeout=60,
        **which,
    )
    (told,) = _payload(customer, id).listeners
    assert (told.check, told.sticky_cookie, told.sticky_timeout_s) == (None, "SERVERID", 60.0)
    item = customer.call("slb", "DescribeLoadBalancerHTTPListenerAttribute", **which)
    assert (item.status, item.sticky_session, item.description) == ("running", "on", "main")
    customer.call("slb", "StopLoadBalancerListener", **which)
    assert _payload(customer, id).listeners == ()
    refused(lambda: _http(customer, id), "ListenerAlreadyExists", "A listener with the specified port already exists")
    customer.call("slb", "DeleteLoadBalancerListener", **which)
    refused(
        lambda: customer.call("slb", "DescribeLoadBalancerHTTPListenerAttribute", **which),
        "InvalidParameter",
        "The specified resource does not exist",
    )


def test_listeners_of_tcp_and_lists_of_them(customer: Customer) -> None:
    id = _create(customer)
    _http(customer, id)
    customer.call(
        "slb",
        "CreateLoadBalancerTCPListener",
        load_balancer_id=id,
        listener_port=3306,
        backend_server_port=3306,
        bandwidth=-1,
        health_check_interval=4,
        established_timeout=600,
    )
    item = customer.call("slb", "DescribeLoadBalancerTCPListenerAttribute", load_balancer_id=id, listener_port=3306)
    assert (item.health_check_interval, item.established_timeout, item.health_check_type) == (4, 600, "tcp")
    customer.call("slb", "SetLoadBalancerTCPListenerAttribute", load_balancer_id=id, listener_port=3306, scheduler="rr")
    rows = customer.call("slb", "DescribeLoadBalancerListeners", load_balancer_id=[id])
    assert [(row.listener_port, row.listener_protocol, row.scheduler) for row in rows.listeners] == [
        (80, "http", "wrr"),
        (3306, "tcp", "rr"),
    ]
    first = customer.call("slb", "DescribeLoadBalancerListeners", load_balancer_id=[id], max_results=1)
    second = customer.call(
        "slb", "DescribeLoadBalancerListeners", load_balancer_id=[id], max_results=1, next_token=first.next_token
    )
    assert [row.listener_port for row in (*first.listeners, *second.listeners)] == [80, 3306]
    shown = _attribute(customer, id)
    assert shown.listener_ports.listener_port == [80, 3306]
    pairs = shown.listener_ports_and_protocol.listener_port_and_protocol
    assert [(pair.listener_port, pair.listener_protocol) for pair in pairs] == [(80, "http"), (3306, "tcp")]


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"listener_port": 70000}, "InvalidParameter.ListenerPort"),
        ({"backend_server_port": 0}, "InvalidParameter.BackendServerPort"),
        ({"backend_server_port": None}, "MissingParameter"),
        ({"bandwidth": 0}, "InvalidParameter.Bandwidth"),
        ({"scheduler": "sch"}, "InvalidParameter.Scheduler"),
        ({"health_check": "maybe"}, "InvalidParameter.HealthCheck"),
        ({"healthy_threshold": 11}, "InvalidParameter.HealthyThreshold"),
        ({"health_check_uri": "x"}, "InvalidParameter.HealthCheckURI"),
        ({"sticky_session": "on"}, "MissingParameter"),
        ({"listener_forward": "on"}, "InvalidParameter.ListenerForward"),
        ({"acl_status": "on"}, "InvalidParameter.AclStatus"),
        ({"vserver_group_id": "rsp-none"}, "InvalidParameter"),
    ],
)
def test_listeners_that_cannot_be(customer: Customer, fields: dict[str, Any], code: str) -> None:
    id = _create(customer)
    refused(lambda: _http(customer, id, **fields), code)
    assert _attribute(customer, id).listener_ports.listener_port == []


def test_servers_of_the_default_group_get_the_traffic(customer: Customer) -> None:
    network = customer.network("b")
    one, two = customer.launch(network, amount=2)
    id = _create(customer)
    _http(customer, id)
    _start(customer, id)
    customer.call("slb", "AddBackendServers", load_balancer_id=id, backend_servers=_servers((one, 100), (two, 50)))
    store = customer.cloud.cloud.store
    addresses = customer.cloud.call(lambda: [store.get(Unit, server).address for server in (one, two)])  # type: ignore[union-attr]
    (told,) = _payload(customer, id).listeners
    assert [(row.address, row.port, row.weight) for row in told.backends] == [
        (addresses[0], 8080, 100),
        (addresses[1], 8080, 50),
    ]
    shown = _attribute(customer, id).backend_servers.backend_server
    assert [(row.server_id, row.weight) for row in shown] == [(one, 100), (two, 50)]
    assert shown[0].server_ip.startswith("10.0.0.")
    customer.call("slb", "SetBackendServers", load_balancer_id=id, backend_servers=_servers((two, 0)))
    assert [row.weight for row in _payload(customer, id).listeners[0].backends] == [100, 0]
    customer.call("slb", "RemoveBackendServers", load_balancer_id=id, backend_servers=_servers((two, 0)))
    assert [row.id for row in _payload(customer, id).listeners[0].backends] == [f"{one}:8080"]
    # Nothing keeps an instance from being released; it is dropped from the group.
    customer.call("ecs", "DeleteInstance", instance_id=one, force=True)
    eventually(lambda: _attribute(customer, id).backend_servers.backend_server == [])
    assert _payload(customer, id).listeners[0].backends == ()


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("nonsense", "BackendServersMalformed"),
        ('[{"ServerId":"i-none"}]', "InvalidServerId.NotFound"),
        ('[{"ServerId":"i-none","Weight":101}]', "InvalidWeight.Malformed"),
        ('[{"ServerId":"eni-1","Type":"eni"}]', "InvalidParameter.Type"),
        (json.dumps([{"ServerId": f"i-{number}"} for number in range(21)]), "TooManyBackendServers"),
    ],
)
def test_servers_that_cannot_be(customer: Customer, text: str, code: str) -> None:
    id = _create(customer)
    refused(lambda: customer.call("slb", "AddBackendServers", load_balancer_id=id, backend_servers=text), code)


def test_a_vserver_group_has_ports_of_its_own(customer: Customer) -> None:
    (server,) = customer.launch(customer.network("b"))
    id = _create(customer)

    def members(*ports: int, weight: int = 100) -> str:
        return json.dumps([{"ServerId": server, "Port": port, "Weight": weight} for port in ports])

    group = customer.call(
        "slb",
        "CreateVServerGroup",
        load_balancer_id=id,
        vserver_group_name="g",
        backend_servers=members(8080),
    ).vserver_group_id
    _http(customer, id, backend_server_port=None, vserver_group_id=group)
    _start(customer, id)
    which = {"vserver_group_id": group}
    customer.call("slb", "AddVServerGroupBackendServers", backend_servers=members(8081), **which)
    assert [row.id for row in _payload(customer, id).listeners[0].backends] == [f"{server}:8080", f"{server}:8081"]
    customer.call(
        "slb", "SetVServerGroupAttribute", vserver_group_name="h", backend_servers=members(8081, weight=1), **which
    )
    shown = customer.call("slb", "DescribeVServerGroupAttribute", **which)
    assert (shown.vserver_group_name, shown.load_balancer_id) == ("h", id)
    assert [(row.port, row.weight) for row in shown.backend_servers.backend_server] == [(8080, 100), (8081, 1)]
    groups = customer.call("slb", "DescribeVServerGroups", load_balancer_id=id, include_listener=True)
    row = groups.vserver_groups.vserver_group[0]
    assert (row.vserver_group_id, row.server_count) == (group, 2)
    assert [used.port for used in row.associated_objects.listeners.listener] == [80]
    refused(
        lambda: customer.call("slb", "DeleteVServerGroup", **which),
        "RspoolVipExist",
        "there are vips associating with this vServer group.",
    )
    customer.call("slb", "RemoveVServerGroupBackendServers", backend_servers=members(8080), **which)
    assert [row.id for row in _payload(customer, id).listeners[0].backends] == [f"{server}:8081"]
    customer.call("slb", "DeleteLoadBalancerListener", load_balancer_id=id, listener_port=80)
    customer.call("slb", "DeleteVServerGroup", **which)
    refused(
        lambda: customer.call("slb", "DescribeVServerGroupAttribute", **which),
        "InvalidParameter",
        "The specified VServerGroupId does not exist.",
        404,
    )
    refused(
        lambda: customer.call("slb", "CreateVServerGroup", load_balancer_id=id, backend_servers=members(0)),
        "InvalidParameter",
        "Port value",
    )


def test_health_is_what_the_balancer_says(alone: Customer) -> None:
    network = alone.network("b")
    well, ill = alone.launch(network, amount=2)
    id = _create(alone)
    _http(alone, id)
    alone.call("slb", "AddBackendServers", load_balancer_id=id, backend_servers=_servers((well, 100), (ill, 100)))

    def health() -> dict[str, str]:
        rows = alone.call("slb", "DescribeHealthStatus", load_balancer_id=id).backend_servers.backend_server
        return {row.server_id: row.server_health_status for row in rows}

    assert health() == {}
    _start(alone, id)
    eventually(lambda: health() == {well: "normal", ill: "normal"})
    alone.call("ecs", "StopInstance", instance_id=ill)
    eventually(lambda: alone.statuses([ill]) == {"Stopped"})
    alone.cloud.run(alone.cloud.cloud.clock.skip(5))
    eventually(lambda: health() == {well: "normal", ill: "abnormal"})


def test_an_inactive_load_balancer_forwards_nothing(customer: Customer) -> None:
    id = _create(customer)
    _http(customer, id)
    _start(customer, id)
    customer.call("slb", "SetLoadBalancerStatus", load_balancer_id=id, load_balancer_status="inactive")
    assert _payload(customer, id).listeners == ()
    customer.call("slb", "SetLoadBalancerStatus", load_balancer_id=id, load_balancer_status="active")
    assert len(_payload(customer, id).listeners) == 1


def test_places(customer: Customer, shared_cloud: LocalCloud) -> None:
    zones = {zone.zone_id: zone for zone in customer.call("slb", "DescribeZones").zones.zone}
    slaves = [slave.zone_id for slave in zones[f"{REGION}-c"].slave_zones.slave_zone]
    assert slaves == [f"{REGION}-d", f"{REGION}-b"]
    assert REGION in [region.region_id for region in customer.call("slb", "DescribeRegions").regions.region]


def test_modification_protection_is_kept_and_checked(customer: Customer) -> None:
    id = _create(customer, address_type="internet")
    customer.call(
        "slb",
        "SetLoadBalancerModificationProtection",
        load_balancer_id=id,
        modification_protection_status="ConsoleProtection",
        modification_protection_reason="drill",
    )
    assert _attribute(customer, id).modification_protection_status == "ConsoleProtection"
    refused(
        lambda: customer.call(
            "slb",
            "SetLoadBalancerModificationProtection",
            load_balancer_id="lb-none",
            modification_protection_status="NonProtection",
        ),
        "InvalidLoadBalancerId.NotFound",
        "The specified LoadBalancerId does not exist.",
        404,
    )
