"""Zones and hosts lost under load balancers."""

from __future__ import annotations

from typing import Any

from kowloon.core.events import ResourceEvent
from kowloon.services.slb.failover import DETECT_S
from kowloon.services.slb.resources import LoadBalancer
from kowloon.store.units import Unit
from tests.conftest import REGION
from tests.helpers import eventually
from tests.services.parts import Customer

B, C = f"{REGION}-b", f"{REGION}-c"


def _create(customer: Customer) -> str:
    made = customer.call("slb", "CreateLoadBalancer", master_zone_id=C, slave_zone_id=B).load_balancer_id
    eventually(lambda: _unit(customer, made).observed == "running")
    return made


def _unit(customer: Customer, id: str) -> Unit:
    unit = customer.cloud.call(lambda: customer.cloud.cloud.store.get(Unit, id))
    assert unit is not None
    return unit


def _balancer(customer: Customer, id: str) -> LoadBalancer:
    item = customer.cloud.call(lambda: customer.cloud.cloud.store.get(LoadBalancer, id))
    assert item is not None
    return item


def _inject(customer: Customer, kind: str, *scope: str, **parameters: Any) -> str:
    return customer.cloud.run(customer.cloud.cloud.faults.inject(kind, list(scope), parameters)).id


def _skip(customer: Customer, seconds: float) -> None:
    customer.cloud.run(customer.cloud.cloud.clock.skip(seconds))


def _states(customer: Customer, id: str) -> list[str]:
    bus = customer.cloud.cloud.bus
    return customer.cloud.call(
        lambda: [event.state for event in bus.recent if isinstance(event, ResourceEvent) and event.id == id]
    )


def _runs_in(customer: Customer, id: str, zone: str) -> bool:
    unit = _unit(customer, id)
    return unit.zone == zone and unit.observed == "running" and unit.observed_generation == unit.generation


def test_a_lost_zone_moves_it_to_the_slave_and_nothing_moves_it_back(alone: Customer) -> None:
    id = _create(alone)
    address = _unit(alone, id).address
    fault = _inject(alone, "zone-power", C)
    eventually(lambda: _balancer(alone, id).missing_since is not None)
    assert _balancer(alone, id).zone == C
    _skip(alone, DETECT_S)
    eventually(lambda: _runs_in(alone, id, B))
    shown = alone.call("slb", "DescribeLoadBalancerAttribute", load_balancer_id=id)
    assert (shown.master_zone_id, shown.slave_zone_id, shown.address) == (C, B, address)
    assert _unit(alone, id).address == address
    alone.cloud.run(alone.cloud.cloud.faults.recover(fault))
    _skip(alone, 120)
    assert _runs_in(alone, id, B)
    assert _states(alone, id).count("failed over") == 1
    # The other way round when its new zone goes.
    _inject(alone, "zone-power", B)
    eventually(lambda: _balancer(alone, id).missing_since is not None)
    _skip(alone, DETECT_S)
    eventually(lambda: _runs_in(alone, id, C))


def test_a_lost_host_moves_it_within_the_zone(alone: Customer) -> None:
    id = _create(alone)
    before = _unit(alone, id).host
    _inject(alone, "zone-power", before)
    eventually(lambda: _balancer(alone, id).missing_since is not None)
    _skip(alone, DETECT_S)
    eventually(lambda: _runs_in(alone, id, C))
    assert _unit(alone, id).host != before
    assert "moved" in _states(alone, id)


def test_a_short_loss_moves_nothing(alone: Customer) -> None:
    id = _create(alone)
    before = _unit(alone, id).host
    fault = _inject(alone, "zone-power", C)
    eventually(lambda: _balancer(alone, id).missing_since is not None)
    alone.cloud.run(alone.cloud.cloud.faults.recover(fault))
    eventually(lambda: _balancer(alone, id).missing_since is None and _runs_in(alone, id, C))
    _skip(alone, 30)
    assert _unit(alone, id).host == before


def test_with_both_zones_lost_it_waits_for_one(alone: Customer) -> None:
    id = _create(alone)
    first = _inject(alone, "zone-power", B)
    _inject(alone, "zone-power", C)
    eventually(lambda: _balancer(alone, id).missing_since is not None)
    _skip(alone, 60)
    assert _balancer(alone, id).zone == C
    alone.cloud.run(alone.cloud.cloud.faults.recover(first))
    _skip(alone, 10)
    eventually(lambda: _runs_in(alone, id, B))


def test_under_an_evacuation_it_waits_for_its_turn(alone: Customer) -> None:
    id = _create(alone)
    _inject(alone, "zone_evacuation", C, products={"slb": {"start_min": 30, "done_min": 60}})
    _inject(alone, "zone-power", C)
    eventually(lambda: _balancer(alone, id).missing_since is not None)
    _skip(alone, 25 * 60)
    assert _balancer(alone, id).zone == C
    _skip(alone, 40 * 60)
    eventually(lambda: _runs_in(alone, id, B))


def test_an_eip_follows_the_load_balancer(alone: Customer) -> None:
    id = _create(alone)
    eip = alone.call("vpc", "AllocateEipAddress").allocation_id
    alone.call("vpc", "AssociateEipAddress", allocation_id=eip, instance_id=id, instance_type="SlbInstance")
    _inject(alone, "zone-power", C)
    eventually(lambda: _balancer(alone, id).missing_since is not None)
    _skip(alone, DETECT_S)
    eventually(lambda: _runs_in(alone, eip, B))
