"""What is loaded is loaded whole, or nothing has changed; and what goes on meanwhile."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import threading
from pathlib import Path
from typing import Any

import oss2
import pytest

from kowloon.core.config import HomeFiles
from kowloon.core.errors import ConfigurationError
from kowloon.engines.blob.part import ZonePart
from kowloon.engines.blob.storage import ZonedStorage
from kowloon.services.actiontrail.resources import Trail
from kowloon.store.units import AddressSpaceRecord
from kowloon.testing import LocalCloud
from tests.admin.snapshots.parts import LARGE, bucket_of, folder_of, make_network, networks, refused, settings
from tests.helpers import eventually
from tests.services.actiontrail.parts import Auditor
from tests.services.parts import Customer

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
