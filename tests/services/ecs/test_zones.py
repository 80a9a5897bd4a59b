"""A zone fails under instances."""

from __future__ import annotations

from kowloon.services.ecs.reconcile import HOST_LOST_S
from kowloon.store.store import Store
from kowloon.store.units import Unit
from tests.conftest import REGION
from tests.helpers import eventually, refused
from tests.services.parts import TYPE, Customer


def _fail(customer: Customer, kind: str, *scope: str) -> str:
    return customer.cloud.run(customer.cloud.cloud.faults.inject(kind, list(scope))).id


def _skip(customer: Customer, seconds: float) -> None:
    customer.cloud.run(customer.cloud.cloud.clock.skip(seconds))


def test_a_dark_zone_takes_its_instances_and_sells_nothing(alone: Customer) -> None:
    network = alone.network("b", "c")
    (well,) = alone.launch(network, 0)
    lost = alone.launch(network, 1, amount=2)
    fault = _fail(alone, "zone-power", f"{REGION}-c")
    refused(
        lambda: alone.launch(network, 1, wait=False),
        "OperationDenied.NoStock",
        "The resource is out of stock in the specified zone.",
        403,
    )
    (other,) = alone.launch(network, 0)
    zones = {zone.zone_id: zone for zone in alone.call("ecs", "DescribeZones").zones.zone}
    assert not zones[f"{REGION}-c"].available_instance_types.instance_types
    assert TYPE in zones[f"{REGION}-b"].available_instance_types.instance_types
    # The console goes on saying Running until the checker has noticed.
    assert alone.statuses(lost) == {"Running"}
    _skip(alone, HOST_LOST_S - 15)
    assert alone.statuses(lost) == {"Running"}
    _skip(alone, 20)
    eventually(lambda: alone.statuses(lost) == {"Stopped"})
    assert alone.statuses([well, other]) == {"Running"}
    refused(
        lambda: alone.call("ecs", "StartInstance", instance_id=lost[0]),
        "OperationDenied.NoStock",
        "The resource is out of stock in the specified zone. Please try other",
    )
    alone.cloud.run(alone.cloud.cloud.faults.recover(fault))
    eventually(lambda: alone.statuses(lost) == {"Running"})
    alone.launch(network, 1)


def test_without_a_living_zone_nobody_notices_and_nobody_answers(alone: Customer) -> None:
    network = alone.network("b")
    ids = alone.launch(network)
    fault = _fail(alone, "zone-power", *(f"{REGION}-{zone}" for zone in "bcd"))
    refused(
        lambda: alone.call("ecs", "DescribeInstances"),
        "ServiceUnavailable",
        "The request has failed due to a temporary failure of the server.",
        status=503,
    )
    alone.cloud.run(alone.cloud.cloud.faults.recover(fault))
    eventually(lambda: alone.statuses(ids) == {"Running"})


def test_an_eip_goes_where_its_instance_starts_again(alone: Customer) -> None:
    network = alone.network("b")
    (id,) = alone.launch(network)
    eip = alone.call("vpc", "AllocateEipAddress").allocation_id
    alone.call("vpc", "AssociateEipAddress", allocation_id=eip, instance_id=id)
    alone.call("ecs", "StopInstance", instance_id=id)
    eventually(lambda: alone.statuses([id]) == {"Stopped"})
    units = alone.cloud.cloud.store
    before = alone.cloud.call(lambda: _unit(units, id).place)
    _fail(alone, "zone-power", before.host)
    alone.call("ecs", "StartInstance", instance_id=id)
    eventually(lambda: alone.statuses([id]) == {"Running"})
    eventually(lambda: alone.cloud.call(lambda: _unit(units, eip).place == _unit(units, id).place != before))
    eventually(lambda: alone.cloud.call(lambda: _unit(units, eip).observed) == "running")


def _unit(store: Store, id: str) -> Unit:
    found = store.get(Unit, id)
    assert found is not None

    return found
