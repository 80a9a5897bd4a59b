"""What every volume promises, in one zone and in three, with and without flushing."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from fastcrc import crc64

from kowloon.engines.blob.base import Blob, Delete, Layout, Put, ZoneMode, ZoneUnavailable
from kowloon.engines.blob.storage import ZonedStorage
from kowloon.engines.blob.volume import CopiedVolume
from tests.engines.blob.parts import LRS, ZRS, bytes_of, contents, large, put, sent, settled, storage

VOLUME = 11


@pytest.fixture(params=[(LRS, False), (ZRS, False), (LRS, True), (ZRS, True)], ids=["lrs", "zrs", "lrs-dur", "zrs-dur"])
async def opened(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[tuple[ZonedStorage, Layout]]:
    layout, durable = request.param
    async with storage(tmp_path / "objects", durable=durable) as made:
        yield made, layout


@pytest.fixture
def volume(opened: tuple[ZonedStorage, Layout]) -> CopiedVolume:
    return opened[0].volume(VOLUME, opened[1])


async def test_what_was_submitted_is_seen_at_once_and_acknowledged_later(volume: CopiedVolume) -> None:
    first = volume.commit([Put(b"a", b"1", (b"data",))])
    second = volume.commit([Put(b"b", b"2"), Delete(b"missing")])
    entry = volume.get(b"a")
    assert entry is not None
    assert (entry.value, bytes_of(volume, entry)) == (b"1", [b"data"])
    assert sent(volume, entry.blobs[0], 1, 2) == b"at"
    assert [each.key for each in volume.scan(b"")] == [b"a", b"b"]
    assert [each.key for each in volume.scan(b"", reverse=True)] == [b"b", b"a"]
    assert volume.pending(b"a")
    assert volume.pending(b"missing")
    assert not first.done()
    await volume.settled()
    assert first.done()
    assert second.done()
    assert not volume.pending(b"a")
    assert contents(volume) == {b"a": (b"1", [b"data"]), b"b": (b"2", [])}


async def test_blobs_carry_their_checksums(volume: CopiedVolume) -> None:
    data = os.urandom(1_000_000)
    blob = await large(volume, data)
    assert (blob.size_bytes, blob.crc64, blob.md5) == (
        len(data),
        crc64.xz(data),
        hashlib.md5(data, usedforsecurity=False).digest(),
    )
    await volume.commit([Put(b"large", b"", (blob, b"small"))])
    entry = volume.get(b"large")
    assert entry is not None
    assert entry.blobs[0] == blob
    assert entry.blobs[1].crc64 == crc64.xz(b"small")
    assert sent(volume, blob, 500_000, 7) == data[500_000:500_007]
    assert bytes_of(volume, entry) == [data, b"small"]


async def test_overwriting_and_deleting_free_what_nobody_takes(opened: tuple[ZonedStorage, Layout]) -> None:
    made, layout = opened
    volume = made.volume(VOLUME, layout)
    data = os.urandom(300_000)
    blob = await large(volume, data)
    await volume.commit([Put(b"a", b"", (blob,))])
    entry = await put(volume, b"small", b"x" * 1000)
    # Both move to another entry, and then away.
    await volume.commit([Put(b"b", b"", (blob, *entry.blobs)), Delete(b"a"), Delete(b"small")])
    assert contents(volume) == {b"b": (b"", [data, b"x" * 1000])}
    await settled(made, layout)
    assert {report.stored_bytes for report in made.report()} == {301_000}
    slices = volume.slices(blob)
    await volume.commit([Put(b"b", b"", (b"new",))])
    await settled(made, layout)
    assert {report.stored_bytes for report in made.report()} == {3}
    assert os.pread(slices[0].descriptor, 10, 0) == data[:10]
    os.close(slices[0].descriptor)
    for zone in layout.zones:
        await made.part(zone).remove_freed()
        assert list(made.part(zone).files.iterdir()) == []


async def test_entries_share_bytes_only_as_duplicates(opened: tuple[ZonedStorage, Layout]) -> None:
    made, layout = opened
    volume = made.volume(VOLUME, layout)
    data = os.urandom(200_000)
    blob = await large(volume, data)
    await volume.commit([Put(b"large", b"", (blob,)), Put(b"small", b"", (b"tiny",))])
    small = volume.get(b"small")
    assert small is not None
    for target_layout in (layout, Layout(("zone-x",)), ZRS):
        target = made.volume(VOLUME + 1 + len(target_layout.zones[0] + target_layout.zones[-1]), target_layout)
        copies = [await target.duplicate(volume, each) for each in (blob, small.blobs[0])]
        assert copies[0].md5 == blob.md5
        assert {copy.id for copy in copies}.isdisjoint({blob.id, small.blobs[0].id})
        await target.commit([Put(b"copy", b"", tuple(copies))])
        assert contents(target) == {b"copy": (b"", [data, b"tiny"])}
        await target.commit([Delete(b"copy")])
    assert contents(volume) == {b"large": (b"", [data]), b"small": (b"", [b"tiny"])}


async def test_a_blob_of_another_entry_is_refused(volume: CopiedVolume) -> None:
    entry = await put(volume, b"owner", b"bytes")
    with pytest.raises(ValueError, match="belongs to another entry"):
        volume.commit([Put(b"thief", b"", entry.blobs)])
    with pytest.raises(ZoneUnavailable, match="too few zones have the bytes"):
        volume.commit([Put(b"dreamer", b"", (Blob(10**9, 5, 0),))])
    with pytest.raises(ValueError, match="needs a writer"):
        volume.commit([Put(b"glutton", b"", (bytes(128 * 1024 + 1),))])
    assert contents(volume) == {b"owner": (b"", [b"bytes"])}


async def test_what_is_written_twice_in_one_commit_is_the_last(volume: CopiedVolume) -> None:
    await volume.commit(
        [Put(b"k", b"1", (b"one",)), Delete(b"k"), Put(b"k", b"2", (b"two",)), Put(b"x", b""), Delete(b"x")]
    )
    assert contents(volume) == {b"k": (b"2", [b"two"])}


async def test_writers_end_without_a_trace(opened: tuple[ZonedStorage, Layout]) -> None:
    made, layout = opened
    volume = made.volume(VOLUME, layout)
    unfinished = volume.writer()
    unfinished.write(b"x" * 500_000)
    unfinished.abort()
    finished = volume.writer()
    finished.write(b"y" * 500_000)
    await finished.finish()
    finished.abort()
    duplicate = await volume.duplicate(volume, (await put(volume, b"k", b"small")).blobs[0])
    volume.forget(duplicate)
    empty = await large(volume, b"")
    await volume.commit([Put(b"empty", b"", (empty,))])
    assert bytes_of(volume, volume.get(b"empty")) == [b""]  # type: ignore[arg-type]
    await volume.commit([Delete(b"empty")])
    for zone in layout.zones:
        async with asyncio.timeout(10):
            while list(made.part(zone).files.iterdir()):
                await made.part(zone).remove_freed()


async def test_a_fast_sender_is_told_to_wait(volume: CopiedVolume) -> None:
    writer = volume.writer()
    pieces = 0
    while writer.room() is None:
        writer.write(b"z" * 500_000)
        pieces += 1
        assert pieces < 100
    room = writer.room()
    assert room is not None
    await room
    blob = await writer.finish()
    assert blob.size_bytes == pieces * 500_000
    volume.forget(blob)


async def test_many_commits_at_once_are_in_order(volume: CopiedVolume) -> None:
    futures = [volume.commit([Put(b"k%d" % (number % 7), b"%d" % number, (b"%d" % number,))]) for number in range(200)]
    await asyncio.gather(*futures)
    assert contents(volume) == {b"k%d" % (n % 7): (b"%d" % n, [b"%d" % n]) for n in range(193, 200)}
    sequences = [entry.sequence for entry in volume.scan(b"")]
    assert len(set(sequences)) == 7


async def test_volumes_are_apart_and_dropped_alone(opened: tuple[ZonedStorage, Layout]) -> None:
    made, layout = opened
    one, other = made.volume(1, layout), made.volume(2, layout)
    await asyncio.gather(*(each.commit([Put(b"k%03d" % n, b"", (b"v",)) for n in range(500)]) for each in (one, other)))
    await made.drop(1, layout)
    assert contents(made.volume(1, layout)) == {}
    assert len(contents(other)) == 500
    await settled(made, layout)
    assert {report.entries for report in made.report()} == {500}


async def test_everything_is_there_after_reopening(opened: tuple[ZonedStorage, Layout], tmp_path: Path) -> None:
    made, layout = opened
    volume = made.volume(VOLUME, layout)
    data = os.urandom(400_000)
    await volume.commit([Put(b"large", b"1", (await large(volume, data),)), Put(b"k" * 1023, b"2", (b"small",))])
    before = contents(volume)
    last = made.counter.value
    await made.close()
    async with storage(tmp_path / "objects") as again:
        assert contents(again.volume(VOLUME, layout)) == before
        assert again.counter.value == last
        assert (await put(again.volume(VOLUME, layout), b"next", b"")).sequence > last


async def test_a_paper_cloud_leaves_nothing() -> None:
    async with storage(None) as made:
        await put(made.volume(1, LRS), b"k", b"data")
        folder = made.part("zone-a").folder
        assert folder.stat().st_mode & 0o777 == 0o700
        assert {path.stat().st_mode & 0o077 for path in folder.rglob("*")} == {0}
    assert not folder.exists()


async def test_an_idle_storage_costs_nothing(tmp_path: Path) -> None:
    async with storage(tmp_path / "objects") as made:
        made.set_mode("zone-a", made.mode("zone-a"))
        assert made.report() == []
    assert not (tmp_path / "objects").exists()


async def test_wiping_leaves_nothing_and_goes_on(opened: tuple[ZonedStorage, Layout], tmp_path: Path) -> None:
    made, layout = opened
    await put(made.volume(VOLUME, layout), b"k", b"data")
    await made.wipe()
    assert [path.name for path in (tmp_path / "objects").iterdir()] == ["lock"]
    assert contents(made.volume(VOLUME, layout)) == {}
    await put(made.volume(VOLUME, layout), b"k", b"new")
    assert contents(made.volume(VOLUME, layout)) == {b"k": (b"", [b"new"])}


async def test_a_watch_knows_what_changed(opened: tuple[ZonedStorage, Layout]) -> None:
    made, layout = opened
    volume = made.volume(VOLUME, layout)
    await put(volume, b"b1", b"data")
    with volume.watch(b"b", b"c") as watch:
        assert watch.changed() == set()
        first = volume.commit([Put(b"b2", b""), Delete(b"b1"), Put(b"c", b"")])
        assert watch.changed() == {b"b1", b"b2"}
        assert watch.changed() == set()
        await first
        made.volume(VOLUME + 1, layout).commit([Put(b"b3", b"")])
        assert watch.changed() == set()
        # What a zone takes back, and what another one shows instead, may be anything.
        await volume.settled()
        part = made.part(layout.zones[0])
        part.failures += 1
        assert watch.changed() is None
        assert watch.changed() == set()
        if len(layout.zones) > 1:
            made.set_mode(layout.zones[0], ZoneMode.STOPPED)
            assert watch.changed() is None
            assert watch.changed() == set()
    volume.commit([Put(b"b4", b"")])
    assert watch.changed() == set()
