"""Ranges and changes of thousands of entries: other calls go on meanwhile, and nothing is half seen."""

from __future__ import annotations

import asyncio
from pathlib import Path

import lmdb
import pytest

from kowloon.engines.blob import part
from kowloon.engines.blob.base import BlobError, Delete, Entry, Layout, Put, Watch, ZoneMode
from kowloon.engines.blob.volume import CopiedVolume
from tests.engines.blob.parts import LRS, ZRS, contents, contents_in, put, settled, storage

MANY = 1000


async def fill(volume: CopiedVolume) -> None:
    await volume.commit([Put(b"p%04d" % number, b"", (b"%d" % number,)) for number in range(MANY)])


async def read(watch: Watch) -> list[Entry]:
    return [entry async for entries in watch.slices() for entry in entries]


async def test_a_watched_range_says_whether_it_is_still_what_was_read(tmp_path: Path) -> None:
    async with storage(tmp_path) as made:
        volume = made.volume(1, LRS)
        await fill(volume)
        with volume.watch(b"p", b"q") as watch:
            assert await read(watch) == list(volume.scan(b"p", b"q"))
            await put(volume, b"q")
            await put(made.volume(2, LRS), b"p0001")
            assert not watch.changed
            volume.commit([Delete(b"p0001")])
            assert watch.changed


async def test_a_watched_range_that_another_zone_would_tell_is_looked_at_again(tmp_path: Path) -> None:
    async with storage(tmp_path) as made:
        volume = made.volume(1, ZRS)
        await fill(volume)
        with volume.watch(b"p", b"q") as watch:
            await read(watch)
            made.set_mode("zone-a", ZoneMode.STOPPED)
            assert watch.changed


@pytest.mark.parametrize("layout", [LRS, ZRS])
async def test_what_a_watch_has_read_is_taken_over(tmp_path: Path, layout: Layout) -> None:
    async with storage(tmp_path) as made:
        volume = made.volume(1, layout)
        await fill(volume)
        with volume.watch(b"p", b"q") as watch:
            parts = await read(watch)
            blobs = [blob for entry in parts for blob in entry.blobs]
            turns = 0
            done = volume.commit([Put(b"whole", b"", tuple(blobs)), *(Delete(entry.key) for entry in parts)], watch)
            # Seen at once, and other changes come after it.
            assert [entry.key for entry in volume.scan(b"")] == [b"whole"]
            later = volume.commit([Put(b"x", b"later", (b"more",))])
            while not done.done():
                await asyncio.sleep(0)
                turns += 1
        await later
        assert turns > MANY // part.STEPS_AT_ONCE
        pieces = [b"%d" % number for number in range(MANY)]
        await settled(made, layout)
        for zone in layout.zones:
            assert {key: found[2] for key, found in contents_in(made, zone, 1).items()} == {
                b"whole": pieces,
                b"x": [b"more"],
            }
    async with storage(tmp_path) as made:
        assert contents(made.volume(1, layout)) == {b"whole": (b"", pieces), b"x": (b"later", [b"more"])}
        await made.volume(1, layout).commit([Delete(b"whole"), Delete(b"x")])
        await settled(made, layout)
        assert {report.stored_bytes for report in made.report()} == {0}


async def test_what_a_watch_has_not_read_belongs_to_others(tmp_path: Path) -> None:
    async with storage(tmp_path) as made:
        volume = made.volume(1, LRS)
        stolen = await put(volume, b"o", b"bytes")
        with volume.watch(b"p", b"q") as watch:
            await read(watch)
            with pytest.raises(ValueError, match="belongs to another entry"):
                volume.commit([Put(b"p", b"", stolen.blobs)], watch)


async def test_a_long_change_that_fails_did_not_happen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with storage(tmp_path) as made:
        volume = made.volume(1, LRS)
        await fill(volume)
        before = contents(volume)

        def fail(*_: object) -> None:
            raise lmdb.DiskError("mdb_txn_commit")

        with monkeypatch.context() as patch:
            patch.setattr(made.part("zone-a").index, "save", fail)
            with volume.watch(b"p", b"q") as watch:
                changes = [Delete(entry.key) for entry in await read(watch)]
                done = volume.commit(changes)
                following = volume.commit([Put(b"after", b"")])
                with pytest.raises(BlobError, match="could not be written: mdb_txn_commit"):
                    await done
                with pytest.raises(BlobError):
                    await following
        assert contents(volume) == before
        await put(volume, b"o", value=b"still writable")
    async with storage(tmp_path) as made:
        assert contents(made.volume(1, LRS)) == {b"o": (b"still writable", []), **before}


async def test_a_range_whose_change_was_taken_back_is_looked_at_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with storage(tmp_path) as made:
        volume = made.volume(1, LRS)
        await fill(volume)

        def fail(*_: object) -> None:
            raise lmdb.DiskError("mdb_txn_commit")

        with monkeypatch.context() as patch:
            patch.setattr(made.part("zone-a").index, "save", fail)
            done = volume.commit([Delete(b"p0001")])
            with volume.watch(b"p", b"q") as watch:
                assert len([*volume.scan(b"p", b"q")]) == MANY - 1
                with pytest.raises(BlobError):
                    await done
                assert watch.changed


async def test_an_index_grows_within_a_long_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kowloon.engines.blob.index._MAP_BYTES", 1 << 17)
    async with storage(tmp_path) as made:
        made.part("zone-a").index._map_bytes = 1 << 17
        made.part("zone-a").index.reopen()
        volume = made.volume(1, LRS)
        await volume.commit([Put(b"k%05d" % number, b"v" * 300, (b"x",)) for number in range(2000)])
        assert sum(1 for _ in volume.scan(b"")) == 2000
        (report,) = made.report()
        assert (report.entries, report.stored_bytes) == (2000, 2000)


async def test_disks_lost_within_a_long_change(tmp_path: Path) -> None:
    async with storage(tmp_path) as made:
        single, volume = made.volume(1, LRS), made.volume(2, ZRS)
        await fill(volume)
        lost = single.commit([Put(b"k%05d" % number, b"v" * 300) for number in range(2000)])
        kept = volume.commit([Put(b"k%05d" % number, b"v" * 300) for number in range(2000)])
        for _ in range(3):
            await asyncio.sleep(0)
        await made.lose("zone-a")
        with pytest.raises(BlobError, match="disks are gone"):
            await lost
        await kept
        await made.heal()
        assert list(single.scan(b"")) == []
        assert len(contents_in(made, "zone-a", 2)) == MANY + 2000
    async with storage(tmp_path) as made:
        assert len(contents(made.volume(2, ZRS))) == MANY + 2000


async def test_closing_within_a_long_change_waits_for_it(tmp_path: Path) -> None:
    async with storage(tmp_path) as made:
        await put(made.volume(1, LRS), b"first")
        done = made.volume(1, LRS).commit([Put(b"k%05d" % number, b"v" * 300) for number in range(2000)])
        await asyncio.sleep(0)
    await done
    async with storage(tmp_path) as made:
        assert len(contents(made.volume(1, LRS))) == 2001
