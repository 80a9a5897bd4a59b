"""Custom images through the official client: making, reading, changing, deleting, and what their data leans on."""

from __future__ import annotations

import json
from typing import Any

import pytest
from alibabacloud_ecs20140526 import models

from kowloon.core.events import ResourceEvent
from kowloon.core.transitions import IMAGE_COPY
from kowloon.services.ecs.reconcile import BOOT_WAIT_S
from kowloon.services.ecs.resources import Image
from tests.conftest import REGION
from tests.helpers import eventually, refused
from tests.services.parts import IMAGE, Customer, other_account

STORAGE = f"oss-storage@{REGION}-c"


def shown(customer: Customer, id: str, status: str = "ALL") -> Any:
    found = customer.call("ecs", "DescribeImages", image_id=id, status=status).images.image
    return found[0] if found else None


def skip(customer: Customer, seconds: float) -> None:
    customer.cloud.run(customer.cloud.cloud.clock.skip(seconds))


def make(customer: Customer, instance: str, **fields: Any) -> str:
    id: str = customer.call("ecs", "CreateImage", instance_id=instance, **fields).image_id
    return id


def available(customer: Customer, instance: str, **fields: Any) -> str:
    id = make(customer, instance, **fields)
    eventually(lambda: _captured(customer, id))
    skip(customer, IMAGE_COPY.typical_s)
    assert shown(customer, id).status == "Available"
    return id


def _captured(customer: Customer, id: str) -> bool:
    image = customer.cloud.call(lambda: customer.cloud.cloud.store.get(Image, id))
    return image is not None and image.ready_at is not None


def test_an_image_is_made_of_an_instance_and_instances_of_it(alone: Customer) -> None:
    network = alone.network("b")
    (source,) = alone.launch(network)
    alone.cloud.set_transitions("realistic")
    id = make(
        alone,
        source,
        image_name="web-1",
        description="first",
        image_family="web",
        tag=[models.CreateImageRequestTag(key="role", value="web")],
    )
    assert id.startswith("m-")
    creating = shown(alone, id)
    assert (creating.status, creating.image_owner_alias, creating.is_public) == ("Creating", "self", False)
    assert creating.progress.endswith("%")
    assert int(creating.progress[:-1]) < 100
    assert shown(alone, id, status="Available") is None
    refused(
        lambda: alone.launch(network, image_id=id, wait=False),
        "InvalidImageId.NotReady",
        "The specified image is not ready.",
        400,
    )
    eventually(lambda: _captured(alone, id))
    skip(alone, IMAGE_COPY.typical_s)
    alone.cloud.set_transitions("instant")
    item = shown(alone, id)
    assert (item.status, item.progress, item.usage) == ("Available", "100%", "none")
    assert (item.image_name, item.description, item.image_family) == ("web-1", "first", "web")
    assert (item.size, item.architecture, item.platform) == (20, "x86_64", "Ubuntu")
    (device,) = item.disk_device_mappings.disk_device_mapping
    assert (device.device, device.type, device.progress, device.remain_time) == ("/dev/xvda", "system", "100%", 0)
    assert [(tag.tag_key, tag.tag_value) for tag in item.tags.tag] == [("role", "web")]
    (made,) = alone.launch(network, image_id=id)
    instance = alone.call("ecs", "DescribeInstances", instance_ids=json.dumps([made])).instances.instance[0]
    assert (instance.image_id, instance.osname.split()[0], instance.status) == (id, "Ubuntu", "Running")
    assert shown(alone, id).usage == "instance"
    # An image of an instance of an image still knows its system.
    second = available(alone, made)
    assert shown(alone, second).platform == "Ubuntu"


def test_images_are_listed_by_owner_name_status_and_tag(alone: Customer) -> None:
    (source,) = alone.launch(alone.network("b"))
    first = available(alone, source, image_name="one", tag=[models.CreateImageRequestTag(key="k", value="v")])
    second = available(alone, source, image_name="two", image_family="pair")

    def ids(**fields: Any) -> list[str]:
        return [image.image_id for image in alone.call("ecs", "DescribeImages", **fields).images.image]

    assert ids(image_owner_alias="self") == [first, second]
    assert not set(ids(image_owner_alias="system")) & {first, second}
    assert ids(image_owner_alias="others") == []
    assert set(ids(page_size=100)) > {first, second, IMAGE}
    assert ids(image_name="two") == ids(image_family="pair") == [second]
    assert ids(tag=[models.DescribeImagesRequestTag(key="k", value="v")]) == [first]
    assert ids(status="Creating,Deprecated") == []
    assert ids(image_owner_alias="self", usage="instance") == []
    page = alone.call("ecs", "DescribeImages", image_owner_alias="self", page_size=1, page_number=2)
    assert (page.total_count, [image.image_id for image in page.images.image]) == (2, [second])
    alone.call(
        "ecs",
        "TagResources",
        resource_type="image",
        resource_id=[second],
        tag=[models.TagResourcesRequestTag(key="k", value="v")],
    )
    assert ids(tag=[models.DescribeImagesRequestTag(key="k")]) == [first, second]


def test_an_image_is_changed(alone: Customer) -> None:
    network = alone.network("b")
    (source,) = alone.launch(network)
    id = available(alone, source, image_name="web")
    alone.call("ecs", "ModifyImageAttribute", image_id=id, image_name="web-2", description="d", image_family="f")
    item = shown(alone, id)
    assert (item.image_name, item.description, item.image_family) == ("web-2", "d", "f")
    alone.call("ecs", "ModifyImageAttribute", image_id=id, status="Deprecated")
    assert shown(alone, id).status == "Deprecated"
    refused(
        lambda: alone.launch(network, image_id=id, wait=False),
        "InvalidImageId.Deprecated",
        "The specified image is deprecated.",
        400,
    )
    alone.call("ecs", "ModifyImageAttribute", image_id=id, status="Available")
    alone.launch(network, image_id=id)
    refused(
        lambda: alone.call("ecs", "ModifyImageAttribute", image_id=id, status="Gone"),
        "InvalidParameter.Status",
        "It must be Deprecated or Available.",
    )
    alone.cloud.set_transitions("realistic")
    creating = make(alone, source, image_name="other")
    refused(
        lambda: alone.call("ecs", "ModifyImageAttribute", image_id=creating, status="Deprecated"),
        "IncorrectImageStatus",
        "The current status of the image does not support this operation.",
    )
    refused(
        lambda: alone.call("ecs", "ModifyImageAttribute", image_id=creating, image_name="web-2"),
        "InvalidImageName.Duplicated",
        "The specified Image name has already been used.",
        400,
    )


def test_an_image_in_use_goes_only_by_force(alone: Customer) -> None:
    network = alone.network("b")
    (source,) = alone.launch(network)
    alone.cloud.set_transitions("realistic")
    creating = make(alone, source)
    refused(
        lambda: alone.call("ecs", "DeleteImage", image_id=creating),
        "ImageIsCreating",
        "The specified image is being created.",
        403,
    )
    alone.cloud.set_transitions("instant")
    id = available(alone, source)
    (made,) = alone.launch(network, image_id=id)
    refused(
        lambda: alone.call("ecs", "DeleteImage", image_id=id),
        "ImageUsingByInstance",
        "The specified image has been used to create instances.",
        403,
    )
    alone.call("ecs", "DeleteImage", image_id=id, force=True)
    assert shown(alone, id) is None
    assert alone.statuses([made]) == {"Running"}
    alone.call("ecs", "RebootInstance", instance_id=made)
    eventually(lambda: alone.statuses([made]) == {"Running"})
    # The vendor passes over one that is not there.
    alone.call("ecs", "DeleteImage", image_id=id)
    refused(
        lambda: alone.launch(network, image_id=id, wait=False),
        "InvalidImageId.NotFound",
        "The specified ImageId does not exist.",
        404,
    )


@pytest.mark.parametrize(
    ("fields", "code", "message", "status"),
    [
        ({}, "MissingParameter", "SnapshotId or InstanceId or DiskDeviceMapping that is mandatory", 400),
        ({"snapshot_id": "s-1"}, "InvalidSnapshotId.NotFound", "there are no snapshots here yet", 404),
        ({"instance_id": "i-nope"}, "InvalidInstanceId.NotFound", "The specified InstanceId does not exist.", 404),
    ],
)
def test_what_an_image_cannot_be_made_of(
    customer: Customer, fields: dict[str, str], code: str, message: str, status: int
) -> None:
    refused(lambda: customer.call("ecs", "CreateImage", **fields), code, message, status)


def test_what_an_image_cannot_be_called(customer: Customer) -> None:
    (source,) = customer.launch(customer.network("b"))
    for name in ("x", "1web", "http://web", "a b"):
        refused(
            lambda name=name: make(customer, source, image_name=name),
            "InvalidImageName.Malformed",
            "The specified Image name is wrongly formed.",
            400,
        )
    refused(
        lambda: make(customer, source, description="http://web"),
        "InvalidDescription.Malformed",
        "The specified description is wrongly formed.",
    )


def test_images_of_others_are_not_there(alone: Customer) -> None:
    (source,) = alone.launch(alone.network("b"))
    id = available(alone, source)
    stranger = other_account(alone.cloud)
    assert stranger.call("ecs", "DescribeImages", image_id=id).total_count == 0
    refused(
        lambda: stranger.call("ecs", "ModifyImageAttribute", image_id=id),
        "InvalidImageId.NotFound",
        "The specified ImageId does not exist.",
    )
    stranger.call("ecs", "DeleteImage", image_id=id)
    network = stranger.network("b")
    refused(
        lambda: stranger.launch(network, image_id=id, wait=False),
        "InvalidImageId.NotFound",
        "The specified ImageId does not exist.",
    )
    assert shown(alone, id).status == "Available"


def test_without_single_zone_storage_a_purchase_passes_and_does_not_boot(alone: Customer) -> None:
    events: list[ResourceEvent] = []
    alone.cloud.call(
        lambda: alone.cloud.cloud.bus.subscribe(
            lambda event: events.append(event) if isinstance(event, ResourceEvent) else None
        )
    )
    network = alone.network("b", "d")
    (source,) = alone.launch(network)
    id = available(alone, source, image_name="golden")
    (before,) = alone.launch(network, 1, image_id=id)
    fault = alone.cloud.run(alone.cloud.cloud.faults.inject("storage_fault", [STORAGE], {"mode": "stopped"})).id
    # Accepted, in zones that are perfectly well, and so is everything about a public image.
    made = alone.launch(network, 0, image_id=id, amount=2, wait=False)
    alone.launch(network, 1)
    eventually(lambda: alone.statuses(made) == {"Starting"})
    skip(alone, BOOT_WAIT_S - 30)
    assert alone.statuses(made) == {"Starting"}
    skip(alone, 60)
    eventually(lambda: alone.statuses(made) == {"Stopped"})
    told = [event for event in events if event.id == made[0] and event.state == "Stopped"]
    assert [(event.level, event.text.split(": ")[1]) for event in told] == [
        ("CRITICAL", f"the data of {id} cannot be read")
    ]
    # A retry does not help; what had booted before is not concerned, also when it boots again.
    alone.call("ecs", "StartInstance", instance_id=made[0])
    skip(alone, BOOT_WAIT_S + 10)
    eventually(lambda: alone.statuses(made) == {"Stopped"})
    alone.call("ecs", "RebootInstance", instance_id=before)
    eventually(lambda: alone.statuses([before]) == {"Running"})
    refused(
        lambda: make(alone, made[0]),
        "IncorrectInstanceStatus",
        "The current status of the instance does not support this operation.",
        400,
    )
    # An image that is being made meanwhile waits as well.
    waiting = make(alone, source)
    skip(alone, 10 * IMAGE_COPY.typical_s)
    assert (shown(alone, waiting).status, shown(alone, waiting).progress) == ("Creating", "0%")
    (late,) = alone.launch(network, 0, image_id=id, wait=False)
    eventually(lambda: alone.statuses([late]) == {"Starting"})
    alone.cloud.run(alone.cloud.cloud.faults.recover(fault))
    # What still waited boots by itself; what had failed must be started again.
    eventually(lambda: alone.statuses([late]) == {"Running"})
    eventually(lambda: shown(alone, waiting).status == "Available")
    assert alone.statuses(made) == {"Stopped"}
    alone.call("ecs", "StartInstances", instance_id=made)
    eventually(lambda: alone.statuses(made) == {"Running"})


def test_the_edge_is_declared_in_every_region(alone: Customer) -> None:
    def edges() -> dict[str, list[str]]:
        board = alone.cloud.cloud.board
        found = board.edges(alone.cloud.cloud.clock.now())
        return {region: [edge.provider for edge in found[f"image-data@{region}"]] for region in board.topology.regions}

    declared = alone.cloud.call(edges)
    assert declared[REGION] == [STORAGE]
    zones = alone.cloud.cloud.board.topology.zone_ids("cn-hangzhou")
    assert declared["cn-hangzhou"] == [f"oss-storage@{zones[len(zones) // 2]}"]


def test_the_type_must_fit(alone: Customer) -> None:
    network = alone.network("b")
    (source,) = alone.launch(network)
    id = available(alone, source)
    refused(
        lambda: alone.launch(network, image_id=id, instance_type="ecs.g8y.large", wait=False),
        "InvalidParameter.ImageId",
        "The architecture of the image does not fit the instance type.",
    )
