"""The control plane as it was before a fault, and back to it."""

from __future__ import annotations

import oss2
import pytest

from kowloon.admin.snapshots import BEFORE
from kowloon.core.errors import ConfigurationError
from kowloon.services.oss.runs.dropped_run import DroppedVolume
from kowloon.testing import LocalCloud
from tests.admin.snapshots.parts import LARGE, all_running, bucket_of, make_network, networks, refused
from tests.helpers import eventually
from tests.services.parts import Customer


def test_back_to_before_a_fault(cloud: LocalCloud) -> None:
    customer = Customer(cloud)
    network = customer.network("b", "c")
    (id,) = customer.launch(network)
    bucket = bucket_of(cloud)
    bucket.create_bucket()
    fault = cloud.run(cloud.cloud.faults.inject("zone-power", ["cn-hongkong-b"]))
    cloud.skip(minutes=10)
    eventually(lambda: customer.statuses([id]) == {"Stopped"})
    make_network(cloud, "later")
    bucket.put_object("during", b"x")
    bucket_of(cloud, "later-letters").create_bucket()
    now = cloud.call(lambda: cloud.cloud.clock.now())
    assert f"{BEFORE}{fault.id}" in [row["name"] for row in cloud.call(cloud.cloud.snapshots.rows)]

    cloud.load(f"{BEFORE}{fault.id}")
    assert customer.statuses([id]) == {"Running"}
    eventually(lambda: all_running(cloud))
    assert "later" not in networks(cloud)
    assert cloud.call(lambda: cloud.cloud.faults.faults()) == []
    # Time goes on, and what customers have written stays.
    assert cloud.call(lambda: cloud.cloud.clock.now()) >= now
    assert bucket.get_object("during").read() == b"x"
    with pytest.raises(oss2.exceptions.NoSuchBucket):
        bucket_of(cloud, "later-letters").put_object("x", b"x")
    # And a bucket that is made now has nothing of it.
    bucket_of(cloud, "later-letters").create_bucket()
    assert list(oss2.ObjectIteratorV2(bucket_of(cloud, "later-letters"))) == []


def test_back_while_the_fault_is_in_force(cloud: LocalCloud) -> None:
    first = cloud.run(cloud.cloud.faults.inject("zone-hang", ["cn-hongkong-b"]))
    cloud.run(cloud.cloud.faults.recover(first.id))
    bucket = bucket_of(cloud)
    bucket.create_bucket(input=oss2.models.BucketCreateConfig("Standard", "ZRS"))
    bucket.put_object("thing", LARGE)
    for zone in ("cn-hongkong-b", "cn-hongkong-c"):
        cloud.run(cloud.cloud.faults.inject("zone-power", [zone]))
    cloud.load(f"{BEFORE}{first.id}")
    with pytest.raises(oss2.exceptions.NoSuchBucket):
        bucket.get_object("thing")
    # What was in it goes by and by, now that its zones can be written.
    eventually(lambda: all(not zone.entries for zone in cloud.call(cloud.cloud.storage.report)))
    eventually(lambda: cloud.call(lambda: cloud.cloud.store.list(DroppedVolume)) == [])


def test_back_where_it_cannot_be_changes_nothing(cloud: LocalCloud, monkeypatch: pytest.MonkeyPatch) -> None:
    fault = cloud.run(cloud.cloud.faults.inject("zone-hang", ["cn-hongkong-b"]))
    bucket = bucket_of(cloud)
    bucket.create_bucket()
    bucket.put_object("thing", LARGE)

    def in_use(*_: object) -> None:
        raise ConfigurationError("the addresses are in use")

    monkeypatch.setattr(cloud.cloud.addresses, "move", in_use)
    refused(cloud, cloud.cloud.snapshots.load(f"{BEFORE}{fault.id}"), "SnapshotNotReadable", "the addresses are in use")
    assert bucket.get_object("thing").read() == LARGE
    assert [each.id for each in cloud.call(lambda: cloud.cloud.faults.faults(injected_only=True))] == [fault.id]


def test_what_was_before_is_of_one_world(cloud: LocalCloud) -> None:
    cloud.save("one")
    cloud.run(cloud.cloud.faults.inject("zone-hang", ["cn-hongkong-c"]))
    assert [row["name"][:8] for row in cloud.call(cloud.cloud.snapshots.rows)] == ["one", BEFORE]
    cloud.load("one")
    assert [row["name"] for row in cloud.call(cloud.cloud.snapshots.rows)] == ["one"]


def test_the_latest_few_are_kept(at_home: LocalCloud) -> None:
    faults = [at_home.run(at_home.cloud.faults.inject("zone-hang", ["cn-hongkong-c"])) for _ in range(20)]
    names = [row["name"] for row in at_home.call(at_home.cloud.snapshots.rows)]
    assert names == [f"{BEFORE}{fault.id}" for fault in faults[-16:]]
    refused(at_home, at_home.cloud.snapshots.load(f"{BEFORE}{faults[0].id}"), "SnapshotNotFound")
    at_home.run(at_home.cloud.snapshots.delete(names[0]))
    refused(at_home, at_home.cloud.snapshots.delete(names[0]), "SnapshotNotFound")
    at_home.reset()
    assert at_home.call(at_home.cloud.snapshots.rows) == []


def test_of_a_drill_the_state_before_its_first_fault(at_home: LocalCloud) -> None:
    make_network(at_home, "kept")
    inject = at_home.cloud.faults.inject
    at_home.run(inject("zone-hang", ["cn-hongkong-c"], drill_id="drill-1"))
    make_network(at_home, "later")
    at_home.run(inject("zone-hang", ["cn-hongkong-b"], drill_id="drill-1"))
    assert [row["name"] for row in at_home.call(at_home.cloud.snapshots.rows)] == [f"{BEFORE}drill-1"]
    at_home.load(f"{BEFORE}drill-1")
    assert networks(at_home) == ["kept"]
