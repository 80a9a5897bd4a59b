"""Snapshots: everything as it was, whole or not at all, while the server runs."""

from __future__ import annotations

import json
import shutil
import threading
from pathlib import Path
from typing import Any

import oss2
import pytest
from alibabacloud_vpc20160428 import models as vpc

from kowloon.core.config import HomeCredentials, Settings
from kowloon.store.units import Unit
from kowloon.testing import LocalCloud
from tests.admin.snapshots.parts import (
    LARGE,
    all_running,
    bucket_of,
    digests,
    folder_of,
    make_network,
    networks,
    refused,
    settings,
)
from tests.conftest import REGION
from tests.helpers import eventually
from tests.services.rds.conftest import Databases

DATA = Path(__file__).resolve().parents[2] / "data" / "snapshots"


def test_everything_is_as_it_was(cloud: LocalCloud) -> None:
    make_network(cloud, "kept")
    other = cloud.as_account("other")
    make_network(other, "theirs")
    bucket = bucket_of(cloud)
    bucket.create_bucket()
    bucket.put_object("small", b"1")
    bucket.put_object("large", LARGE)
    cloud.skip(hours=5)
    fault = cloud.run(cloud.cloud.faults.inject("zone-hang", ["cn-hongkong-d"]))
    offset_s = cloud.call(lambda: cloud.cloud.clock.offset_s)
    cloud.save("friday")

    cloud.run(cloud.cloud.faults.recover_all())
    cloud.skip(hours=20)
    make_network(cloud, "later")
    stranger = cloud.as_account("stranger")
    bucket.put_object("small", b"22")
    bucket.delete_object("large")
    bucket.put_object("late", LARGE)
    bucket_of(cloud, "other-letters").create_bucket()

    for _ in range(2):
        cloud.load("friday")
        assert (networks(cloud), networks(other)) == (["kept"], ["theirs"])
        with pytest.raises(Exception, match=r"InvalidAccessKeyId\.NotFound"):
            networks(stranger)
        assert bucket.get_object("small").read() == b"1"
        assert bucket.get_object("large").read() == LARGE
        assert [found.key for found in oss2.ObjectIteratorV2(bucket)] == ["large", "small"]
        assert cloud.call(lambda: cloud.cloud.clock.offset_s) == pytest.approx(offset_s, abs=0.5)
        assert [each.id for each in cloud.call(lambda: cloud.cloud.faults.faults(injected_only=True))] == [fault.id]
        assert not cloud.call(lambda: cloud.cloud.board.view(cloud.cloud.clock.now()).zone_serving("cn-hongkong-d"))
        # What is made now is not in it: the second time it is gone again.
        make_network(cloud, "again")
        bucket.put_object("small", b"333")


def test_what_is_kept_is_never_written_to(at_home: LocalCloud) -> None:
    bucket = bucket_of(at_home)
    bucket.create_bucket()
    for number in range(50):
        bucket.put_object(f"thing-{number}", LARGE if number % 10 == 0 else b"x" * number)
    at_home.save("one")
    kept = digests(folder_of(at_home, "one"))
    assert any("files/" in name for name in kept)
    for _ in range(2):
        for number in range(50):
            bucket.put_object(f"thing-{number}", b"y")
            bucket.delete_object(f"thing-{number}")
        at_home.load("one")
    assert digests(folder_of(at_home, "one")) == kept
    assert bucket.get_object("thing-10").read() == LARGE
    modes = {path.stat().st_mode & 0o077 for path in [folder_of(at_home, "one"), *folder_of(at_home, "one").glob("*")]}
    assert modes == {0}


def test_it_is_of_one_moment_while_others_write(at_home: LocalCloud) -> None:
    bucket = bucket_of(at_home)
    bucket.create_bucket()
    acknowledged, ended = [0], threading.Event()

    def write() -> None:
        while not ended.is_set():
            bucket.put_object(f"{acknowledged[0]:06}", LARGE if acknowledged[0] % 7 == 0 else b"x")
            acknowledged[0] += 1

    writer = threading.Thread(target=write)
    writer.start()
    try:
        eventually(lambda: acknowledged[0] > 20)
        before = acknowledged[0]
        at_home.save("one")
        after = acknowledged[0]
    finally:
        ended.set()
        writer.join()
    at_home.load("one")
    found = [int(each.key) for each in oss2.ObjectIteratorV2(bucket)]
    # What was acknowledged before is in it, what began afterwards is not, and nothing is left out.
    assert found == list(range(len(found)))
    assert before <= len(found) <= after + 1
    assert bucket.get_object("000007").read() == LARGE


def test_a_zone_that_was_behind_is_healed_when_its_fault_is_over(cloud: LocalCloud) -> None:
    bucket = bucket_of(cloud)
    redundancy = oss2.models.BucketCreateConfig("Standard", "ZRS")
    bucket.create_bucket(input=redundancy)
    bucket.put_object("before", b"1")
    fault = cloud.run(cloud.cloud.faults.inject("zone-power", ["cn-hongkong-c"]))
    bucket.put_object("during", LARGE)
    cloud.save("one")
    cloud.run(cloud.cloud.faults.recover(fault.id))
    cloud.run(cloud.cloud.storage.heal())
    bucket.delete_object("during")

    cloud.load("one")
    behind = {zone.zone: zone.behind for zone in cloud.call(cloud.cloud.storage.report)}
    assert behind["cn-hongkong-c"] == 1
    assert bucket.get_object("during").read() == LARGE
    cloud.run(cloud.cloud.faults.recover(fault.id))
    cloud.run(cloud.cloud.storage.heal())
    for zone in behind:
        report = cloud.run(cloud.cloud.storage.scrub(zone))
        assert (report.checked, report.damaged, report.lost) == (2, 0, 0)
    with cloud.zone_down("cn-hongkong-b"):
        assert bucket.get_object("during").read() == LARGE


def test_it_is_there_after_a_restart_and_so_is_what_was_loaded(tmp_path: Path) -> None:
    with LocalCloud(settings(tmp_path)) as cloud:
        make_network(cloud, "kept")
        bucket_of(cloud).create_bucket()
        bucket_of(cloud).put_object("thing", LARGE)
        cloud.save("one")
        cloud.reset()
    with LocalCloud(settings(tmp_path)) as cloud:
        assert networks(cloud) == []
        cloud.load("one")
        assert networks(cloud) == ["kept"]
    with LocalCloud(settings(tmp_path)) as cloud:
        assert networks(cloud) == ["kept"]
        assert bucket_of(cloud).get_object("thing").read() == LARGE


def test_it_is_loaded_elsewhere_with_its_keys(tmp_path: Path) -> None:
    with LocalCloud(settings(tmp_path / "here")) as cloud:
        make_network(cloud, "kept")
        cloud.save("one")
        keys = cloud.access_key_id, cloud.access_key_secret
        kept = folder_of(cloud, "one")
    with LocalCloud(settings(tmp_path / "there")) as cloud:
        token = cloud.admin_token
        assert cloud.access_key_id != keys[0]
        folder_of(cloud, "").mkdir()
        shutil.copytree(kept, folder_of(cloud, "one"))
        cloud.load("one")
        assert (cloud.access_key_id, cloud.access_key_secret, cloud.admin_token) == (*keys, token)
        assert networks(cloud) == ["kept"]
        credentials = (tmp_path / "there" / "credentials.json").read_bytes()
        assert json.loads(credentials)["access_key_id"] == keys[0]


def test_a_database_that_failed_over_is_back_where_it_was(cloud: LocalCloud, client_of: Any) -> None:
    databases = Databases(cloud, client_of)
    id = databases.create().dbinstance_id
    eventually(lambda: databases.is_running(id))
    cloud.save("one")
    with cloud.zone_down("cn-hongkong-c"):
        eventually(lambda: databases.attribute(id).zone_id == "cn-hongkong-b")
    cloud.load("one")
    eventually(lambda: databases.is_running(id) and databases.attribute(id).zone_id == "cn-hongkong-c")
    units = eventually(lambda: all_running(cloud))
    assert units >= 2


# --- differences ---


def test_differences_name_fields_and_show_no_values(cloud: LocalCloud) -> None:
    kept = make_network(cloud, "kept")
    gone = make_network(cloud, "gone")
    cloud.save("one")
    client = cloud.client("vpc20160428")
    client.modify_vpc_attribute(
        vpc.ModifyVpcAttributeRequest(region_id=REGION, vpc_id=kept, vpc_name="renamed-secretly")
    )
    client.delete_vpc(vpc.DeleteVpcRequest(region_id=REGION, vpc_id=gone))
    added = make_network(cloud, "added")
    cloud.save("two")
    for other in ("two", "@now"):
        rows = cloud.run(cloud.cloud.snapshots.difference("one", other))
        found = {(row.kind, row.id): (row.change, row.fields) for row in rows}
        assert found["vpc", kept] == ("changed", ("name",))
        assert found["vpc", gone] == ("removed", ())
        assert found["vpc", added] == ("added", ())
        assert "renamed-secretly" not in repr(rows)
    assert cloud.run(cloud.cloud.snapshots.difference("two", "two")) == []
    refused(cloud, cloud.cloud.snapshots.difference("one", "three"), "SnapshotNotFound", "kowloon snapshot list")


def test_the_data_of_real_parts_is_in_none(tmp_path: Path) -> None:
    real = Settings(home=tmp_path, engine="process", port=0, region=REGION)
    with LocalCloud(real) as cloud:
        cloud.save("empty")
        client = cloud.client("slb20140515")
        models = __import__("alibabacloud_slb20140515.models", fromlist=["models"])
        made = client.create_load_balancer(models.CreateLoadBalancerRequest(region_id=REGION)).body.load_balancer_id
        eventually(lambda: all_running(cloud) == 1, timeout_s=60)
        refused(cloud, cloud.cloud.snapshots.save("one"), "SnapshotOfRealParts", f"1 run ({made}). Save with --without")
        cloud.run(cloud.cloud.snapshots.save("one", without_real_data=True))
        cloud.load("empty")
        assert cloud.call(lambda: cloud.cloud.store.list(Unit)) == []
        assert cloud.call(lambda: cloud.cloud.engines["balancer"].state(made)) == "absent"
        cloud.load("one")
        eventually(lambda: all_running(cloud) == 1, timeout_s=60)
        eventually(lambda: cloud.call(lambda: cloud.cloud.engines["balancer"].state(made)) == "running")


# --- every released format ---


@pytest.mark.parametrize("kept", sorted(DATA.iterdir()), ids=lambda kept: kept.name)
def test_one_of_every_released_format_is_loaded(at_home: LocalCloud, kept: Path) -> None:
    folder_of(at_home, "").mkdir()
    shutil.copytree(kept, folder_of(at_home, "old"))
    at_home.load("old")
    assert networks(at_home) == ["from-long-ago"]
    assert bucket_of(at_home, "letters-long-ago").get_object("hello.txt").read() == b"Hello from long ago"
    assert bucket_of(at_home, "letters-long-ago").get_object("large").read() == b"0123456789abcdef" * 10_000
    assert at_home.call(lambda: at_home.cloud.clock.offset_s) == pytest.approx(3600, abs=1)
    assert isinstance(at_home.cloud.identity, HomeCredentials)
    # It is as good as one of this version.
    at_home.save("new")
    at_home.load("new")
    assert networks(at_home) == ["from-long-ago"]
