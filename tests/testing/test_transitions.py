"""How long what was ordered shows as under way."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from alibabacloud_rds20140815 import models as rds

from kowloon.core.config import Settings
from kowloon.core.errors import ConfigurationError
from kowloon.core.transitions import DATABASE_CREATION, INSTANCE_START, INSTANCE_STOP
from kowloon.testing import LocalCloud
from tests.helpers import eventually
from tests.services.parts import Customer
from tests.services.rds.conftest import Databases


@pytest.fixture
def customer() -> Iterator[Customer]:
    with LocalCloud() as cloud:
        yield Customer(cloud)


def held(customer: Customer) -> bool:
    """Whether something is done and not shown: then the next answers are known."""
    return customer.cloud.call(lambda: bool(customer.cloud.cloud.transitions.held))


def status(customer: Customer, id: str) -> str:
    (row,) = customer.call("ecs", "DescribeInstances", instance_ids=f'["{id}"]').instances.instance
    return str(row.status)


def test_after_so_many_reads(customer: Customer) -> None:
    network = customer.network("b")
    customer.cloud.set_transitions("reads:3")
    (id,) = customer.launch(network, wait=False)
    eventually(lambda: held(customer))
    # Reads of something else, failed ones and writes do not count.
    customer.call("ecs", "DescribeInstances", instance_ids='["i-none"]')
    customer.call("ecs", "DescribeSecurityGroups")
    customer.call("ecs", "ModifyInstanceAttribute", instance_id=id, instance_name="web")
    assert [status(customer, id) for _ in range(5)] == ["Starting"] * 3 + ["Running"] * 2
    customer.call("ecs", "StopInstance", instance_id=id)
    eventually(lambda: held(customer))
    # A list that shows it counts, too. The zone's name has an `i-` in it, and is no instance's id.
    customer.call("ecs", "DescribeInstances", zone_id="cn-shanghai-b")
    assert [status(customer, id) for _ in range(4)] == ["Stopping"] * 2 + ["Stopped"] * 2


def test_as_long_as_with_the_vendor(customer: Customer) -> None:
    network = customer.network("b")
    customer.cloud.set_transitions("realistic")
    (id,) = customer.launch(network, wait=False)
    eventually(lambda: held(customer))
    customer.cloud.skip(seconds=INSTANCE_START.typical_s - 5)
    assert status(customer, id) == "Starting"
    customer.cloud.skip(seconds=5)
    eventually(lambda: status(customer, id) == "Running")
    customer.call("ecs", "RebootInstance", instance_id=id)
    eventually(lambda: held(customer))
    assert status(customer, id) in ("Stopping", "Starting")
    customer.cloud.skip(seconds=INSTANCE_START.typical_s)
    eventually(lambda: status(customer, id) == "Running")
    customer.call("ecs", "StopInstance", instance_id=id)
    eventually(lambda: held(customer))
    assert status(customer, id) == "Stopping"
    customer.cloud.skip(seconds=INSTANCE_STOP.typical_s)
    eventually(lambda: status(customer, id) == "Stopped")


def test_a_database(customer: Customer, client_of: Callable[..., Any]) -> None:
    databases = Databases(customer.cloud, client_of)
    customer.cloud.set_transitions("realistic")
    id = databases.create().dbinstance_id
    eventually(lambda: held(customer))
    assert databases.attribute(id).dbinstance_status == "Creating"
    customer.cloud.skip(seconds=DATABASE_CREATION.typical_s)
    eventually(lambda: databases.is_running(id))
    customer.cloud.set_transitions("reads:2")
    databases.rds.restart_dbinstance(rds.RestartDBInstanceRequest(dbinstance_id=id))
    eventually(lambda: held(customer))
    assert not databases.is_running(id)
    assert not databases.is_running(id)
    eventually(lambda: databases.is_running(id))


def test_a_start_that_does_not_last_begins_anew(customer: Customer) -> None:
    network = customer.network("b", "c")
    customer.cloud.set_transitions("realistic")
    (id,) = customer.launch(network, 1, wait=False)
    eventually(lambda: held(customer))
    customer.cloud.skip(seconds=INSTANCE_START.typical_s - 1)
    with customer.cloud.zone_down("cn-hongkong-c"):
        eventually(lambda: not held(customer))
    eventually(lambda: held(customer))
    customer.cloud.skip(seconds=INSTANCE_START.typical_s - 1)
    assert status(customer, id) == "Starting"
    customer.cloud.skip(seconds=1)
    eventually(lambda: status(customer, id) == "Running")


def test_what_is_gone_is_not_held(customer: Customer, client_of: Callable[..., Any]) -> None:
    network = customer.network("b")
    (source,) = customer.launch(network)
    customer.cloud.set_transitions("reads:3")
    (instance,) = customer.launch(network, wait=False)
    image = customer.call("ecs", "CreateImage", instance_id=source, image_name="web").image_id
    databases = Databases(customer.cloud, client_of)
    database = databases.create().dbinstance_id
    all_of_them = {instance, image, database}
    eventually(lambda: customer.cloud.call(lambda: customer.cloud.cloud.transitions.held.keys() == all_of_them))
    customer.call("ecs", "DeleteInstance", instance_id=instance, force=True)
    customer.call("ecs", "DeleteImage", image_id=image, force=True)
    databases.rds.delete_dbinstance(rds.DeleteDBInstanceRequest(dbinstance_id=database))
    eventually(lambda: not held(customer))


def test_a_restart_whose_primary_goes_begins_anew(customer: Customer, client_of: Callable[..., Any]) -> None:
    databases = Databases(customer.cloud, client_of)
    id = databases.create().dbinstance_id
    eventually(lambda: databases.is_running(id))
    zone = databases.attribute(id).zone_id
    customer.cloud.set_transitions("realistic")
    databases.rds.restart_dbinstance(rds.RestartDBInstanceRequest(dbinstance_id=id))
    eventually(lambda: held(customer))
    with customer.cloud.zone_down(zone):
        eventually(lambda: not held(customer))


def test_a_reset_sets_them_as_the_settings_say(customer: Customer) -> None:
    customer.cloud.set_transitions("reads:3")
    customer.cloud.reset()
    assert customer.cloud.call(lambda: customer.cloud.cloud.transitions.setting) == "instant"


def test_a_cloud_with_a_setting_that_is_none_does_not_start() -> None:
    with pytest.raises(ConfigurationError, match="instant, realistic or reads:N"):
        LocalCloud(Settings(engine="paper", port=0, transitions="fast")).__enter__()
