"""Snapshots: everything as it was, whole or not at all, while the server runs."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import oss2
import pytest
from alibabacloud_vpc20160428 import models as vpc

from kowloon.admin.snapshots import BEFORE
from kowloon.core.config import HomeCredentials, HomeFiles, Settings
from kowloon.core.errors import ApiError, ConfigurationError
from kowloon.engines.blob.part import ZonePart
from kowloon.engines.blob.storage import ZonedStorage
from kowloon.services.actiontrail.resources import Trail
from kowloon.services.oss.runs.dropped_run import DroppedVolume
from kowloon.store.units import AddressSpaceRecord, Unit
from kowloon.testing import LocalCloud
from tests.conftest import REGION
from tests.helpers import eventually
from tests.services.actiontrail.parts import Auditor
from tests.services.parts import Customer
from tests.services.rds.conftest import Databases

DATA = Path(__file__).resolve().parents[1] / "data" / "snapshots"
LARGE = bytes(range(256)) * 1000


def settings(home: Path | None, **changes: Any) -> Settings:
    return Settings(home=home, engine="paper", port=0, region=REGION, **changes)


@pytest.fixture(params=["home", "memory"])
def cloud(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[LocalCloud]:
    with LocalCloud(settings(tmp_path / "home" if request.param == "home" else None)) as cloud:
        yield cloud


@pytest.fixture
def at_home(tmp_path: Path) -> Iterator[LocalCloud]:
    with LocalCloud(settings(tmp_path / "home")) as cloud:
        yield cloud


def networks(caller: Any) -> list[str]:
    rows = caller.client("vpc20160428").describe_vpcs(vpc.DescribeVpcsRequest(region_id=REGION)).body.vpcs.vpc
    return [row.vpc_name for row in rows]


def make_network(caller: Any, name: str) -> str:
    request = vpc.CreateVpcRequest(region_id=REGION, vpc_name=name, cidr_block="10.0.0.0/8")
    return str(caller.client("vpc20160428").create_vpc(request).body.vpc_id)


def bucket_of(cloud: LocalCloud, name: str = "letters") -> oss2.Bucket:
    bucket = cloud.administrator.bucket(name)
    assert isinstance(bucket, oss2.Bucket)
    return bucket


def refused(cloud: LocalCloud, call: Any, code: str, message: str = "") -> ApiError:
    with pytest.raises(ApiError) as caught:
        cloud.run(call)
    assert caught.value.code == code
    assert message in caught.value.message
    return caught.value


def folder_of(cloud: LocalCloud, name: str) -> Path:
    assert cloud.settings.home is not None
    return HomeFiles(cloud.settings.home).snapshots / name


def digests(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


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
    units = eventually(lambda: _all_running(cloud))
    assert units >= 2


def _all_running(cloud: LocalCloud) -> int:
    units = cloud.call(lambda: cloud.cloud.store.list(Unit))
    return len(units) if all(unit.observed == "running" for unit in units) else 0


# --- before faults ---


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
    eventually(lambda: _all_running(cloud))
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


# --- refusals: then nothing has changed ---


@pytest.mark.parametrize("name", ["", ".hidden", "a/b", "..", "@now", "@mine", "x" * 65, "名"])
def test_names_that_are_none(at_home: LocalCloud, name: str) -> None:
    refused(at_home, at_home.cloud.snapshots.save(name), "InvalidSnapshotName")


def test_one_is_not_replaced(at_home: LocalCloud) -> None:
    at_home.save("one")
    refused(at_home, at_home.cloud.snapshots.save("one"), "SnapshotAlreadyExists", "delete it first")
    at_home.run(at_home.cloud.snapshots.delete("one"))
    at_home.save("one")


def _head(folder: Path, **changes: Any) -> None:
    path = folder / "snapshot.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def _later_format(folder: Path) -> None:
    # Whatever else a later version writes.
    (folder / "snapshot.json").write_text('{"format": 99, "things": []}')


def _no_format(folder: Path) -> None:
    (folder / "snapshot.json").write_text("{}")


def _cut(folder: Path) -> None:
    path = folder / "resources.jsonl"
    path.write_bytes(path.read_bytes()[:-40])


def _line_missing(folder: Path) -> None:
    path = folder / "resources.jsonl"
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[1:]))


def _line_twice(folder: Path) -> None:
    path = folder / "resources.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines, lines[-1]]))


def _unknown_kind(folder: Path) -> None:
    path = folder / "resources.jsonl"
    path.write_bytes(path.read_bytes() + b'{"kind":"moon-base","resource":{"id":"m-1"}}\n')


def _other_objects(folder: Path) -> None:
    for zone in (folder / "objects").iterdir():
        words = (zone / "format").read_text().split()
        (zone / "format").write_text(" ".join([*words[:-2], "99", words[-1]]) + "\n")


def _no_addresses(folder: Path) -> None:
    path = folder / "resources.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(line for line in lines if json.loads(line)["kind"] != AddressSpaceRecord.kind))
    counts = json.loads((folder / "snapshot.json").read_text())["resources"]
    del counts[AddressSpaceRecord.kind]
    _head(folder, resources=counts)


def _no_objects_format(folder: Path) -> None:
    for zone in (folder / "objects").iterdir():
        (zone / "format").unlink()


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (_later_format, "has snapshot format 99, this version of kowloon reads 1; load it with the version that saved"),
        (_no_format, "is not a snapshot of kowloon"),
        (_cut, "is not a whole snapshot"),
        (_line_missing, "does not have the resources that it names"),
        (_line_twice, "a resource is in it twice"),
        (_unknown_kind, "'moon-base', which this version of kowloon does not know"),
        (_no_addresses, "the addresses of real parts are not in it"),
        (_other_objects, "has store format 99"),
        (_no_objects_format, "is not a zone of a snapshot"),
    ],
)
def test_what_cannot_be_read_is_refused_and_nothing_is_lost(at_home: LocalCloud, damage: Any, sentence: str) -> None:
    bucket = bucket_of(at_home)
    bucket.create_bucket()
    bucket.put_object("thing", b"then")
    at_home.save("one")
    make_network(at_home, "later")
    bucket.put_object("thing", b"now")
    damage(folder_of(at_home, "one"))
    refused(at_home, at_home.cloud.snapshots.load("one"), "SnapshotNotReadable", sentence)
    assert networks(at_home) == ["later"]
    assert bucket.get_object("thing").read() == b"now"
    bucket.put_object("thing", b"later")
    assert _nothing_is_staged(at_home)


def _nothing_is_staged(cloud: LocalCloud) -> bool:
    assert cloud.settings.home is not None
    storage = cloud.cloud.storage
    assert isinstance(storage, ZonedStorage)
    return not storage._healing_stopped and not list(HomeFiles(cloud.settings.home).objects.glob(".lost*"))


@pytest.mark.parametrize("problem", [OSError("no file can be opened"), ConfigurationError("no file can be opened")])
def test_zones_that_cannot_be_opened_are_refused_before_others_go(
    at_home: LocalCloud, monkeypatch: pytest.MonkeyPatch, problem: Exception
) -> None:
    bucket = bucket_of(at_home)
    bucket.create_bucket()
    bucket.put_object("thing", b"then")
    at_home.save("one")
    bucket.put_object("thing", b"now")

    def open_part(folder: Path, *arguments: Any, **settings: Any) -> ZonePart:
        raise problem

    with monkeypatch.context() as patch:
        patch.setattr("kowloon.engines.blob.storage.ZonePart", open_part)
        refused(at_home, at_home.cloud.snapshots.load("one"), "SnapshotNotReadable", "no file can be opened")
    assert bucket.get_object("thing").read() == b"now"
    assert _nothing_is_staged(at_home)
    at_home.load("one")
    assert bucket.get_object("thing").read() == b"then"


def test_whatever_else_goes_wrong_healing_goes_on(at_home: LocalCloud, monkeypatch: pytest.MonkeyPatch) -> None:
    bucket_of(at_home).create_bucket()
    bucket_of(at_home).put_object("thing", b"x")
    at_home.save("one")

    def breaks(*_: object) -> None:
        raise ArithmeticError("a mistake")

    with monkeypatch.context() as patch:
        patch.setattr(at_home.cloud.addresses, "move", breaks)
        with pytest.raises(ArithmeticError):
            at_home.load("one")
    assert _nothing_is_staged(at_home)
    with monkeypatch.context() as patch:
        patch.setattr(ZonePart, "settled", breaks)
        with pytest.raises(ArithmeticError):
            at_home.reset()
    assert _nothing_is_staged(at_home)


def test_a_reset_waits_for_what_is_loaded(cloud: LocalCloud, monkeypatch: pytest.MonkeyPatch) -> None:
    make_network(cloud, "kept")
    cloud.save("one")
    stage = cloud.cloud.storage.stage

    async def check() -> bool:
        begun, may_go_on = asyncio.Event(), asyncio.Event()

        async def held(source: Path) -> None:
            begun.set()
            await may_go_on.wait()
            await stage(source)

        monkeypatch.setattr(cloud.cloud.storage, "stage", held)
        loading = asyncio.create_task(cloud.cloud.snapshots.load("one"))
        await begun.wait()
        resetting = asyncio.create_task(cloud.cloud.reset())
        ended, _ = await asyncio.wait([resetting], timeout=0.5)
        may_go_on.set()
        await asyncio.gather(loading, resetting)
        return not ended

    assert cloud.run(check())
    assert networks(cloud) == []


def test_a_trail_goes_on_at_the_end_of_this_homes_journal(tmp_path: Path) -> None:
    with LocalCloud(settings(tmp_path / "here")) as cloud:
        bucket_of(cloud, "audit-logs").create_bucket()
        auditor = Auditor(Customer(cloud))
        for number in range(20):
            make_network(cloud, f"here-{number}")
        auditor.call("CreateTrail", name="my-trail", oss_bucket_name="audit-logs", event_rw="Write")
        auditor.call("StartLogging", name="my-trail")
        cloud.save("one")
        kept = folder_of(cloud, "one")
        # What has happened since is not delivered by the state that is back.
        make_network(cloud, "since")
        cloud.load("one")
        assert _trail_is_at_the_end(cloud)
    with LocalCloud(settings(tmp_path / "there")) as cloud:
        folder_of(cloud, "").mkdir()
        shutil.copytree(kept, folder_of(cloud, "one"))
        cloud.load("one")
        assert _trail_is_at_the_end(cloud)
        make_network(cloud, "there")
        cloud.skip(seconds=61)
        bucket = bucket_of(cloud, "audit-logs")
        eventually(lambda: list(oss2.ObjectIteratorV2(bucket)))


def _trail_is_at_the_end(cloud: LocalCloud) -> bool:
    return cloud.call(
        lambda: [trail.position for trail in cloud.cloud.store.list(Trail)] == [cloud.cloud.audit._journal.end]
    )


def test_others_are_served_while_bytes_are_linked(at_home: LocalCloud, monkeypatch: pytest.MonkeyPatch) -> None:
    bucket = bucket_of(at_home)
    bucket.create_bucket()
    for number in range(3):
        bucket.put_object(f"large-{number}", LARGE)
    linking, may_go_on, waited = threading.Event(), threading.Event(), []
    link = os.link

    def held(*arguments: Any) -> None:
        linking.set()
        waited.append(may_go_on.wait(20))
        link(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr("kowloon.engines.blob.snapshots.os.link", held)
        saving = threading.Thread(target=at_home.save, args=("one",))
        saving.start()
        assert linking.wait(20)
        # What is not needed any more is not unlinked either.
        bucket.delete_object("large-0")
        bucket.put_object("large-1", b"small")
        bucket.put_object("late", LARGE)
        removing = at_home.call(lambda: asyncio.ensure_future(_free_space(at_home)))
        may_go_on.set()
        saving.join()
    assert all(waited)
    eventually(removing.done)
    at_home.load("one")
    assert [each.key for each in oss2.ObjectIteratorV2(bucket)] == ["large-0", "large-1", "large-2"]
    assert [bucket.get_object(f"large-{number}").read() for number in range(3)] == [LARGE] * 3


async def _free_space(cloud: LocalCloud) -> None:
    storage = cloud.cloud.storage
    assert isinstance(storage, ZonedStorage)
    for part in list(storage._parts.values()):
        await part.remove_freed()


def test_the_data_of_real_parts_is_in_none(tmp_path: Path) -> None:
    real = Settings(home=tmp_path, engine="process", port=0, region=REGION)
    with LocalCloud(real) as cloud:
        cloud.save("empty")
        client = cloud.client("slb20140515")
        models = __import__("alibabacloud_slb20140515.models", fromlist=["models"])
        made = client.create_load_balancer(models.CreateLoadBalancerRequest(region_id=REGION)).body.load_balancer_id
        eventually(lambda: _all_running(cloud) == 1, timeout_s=60)
        refused(cloud, cloud.cloud.snapshots.save("one"), "SnapshotOfRealParts", f"1 run ({made}). Save with --without")
        cloud.run(cloud.cloud.snapshots.save("one", without_real_data=True))
        cloud.load("empty")
        assert cloud.call(lambda: cloud.cloud.store.list(Unit)) == []
        assert cloud.call(lambda: cloud.cloud.engines["balancer"].state(made)) == "absent"
        cloud.load("one")
        eventually(lambda: _all_running(cloud) == 1, timeout_s=60)
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
