"""Zones that stop, lose their disks, fall behind and come back."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import shutil
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from kowloon.engines.blob import contents as contents_module
from kowloon.engines.blob import healing, part
from kowloon.engines.blob.base import (
    Blob,
    BlobError,
    DamagedBlob,
    Delete,
    Layout,
    Put,
    ZoneMode,
    ZoneReadOnly,
    ZoneUnavailable,
)
from kowloon.engines.blob.segments import flush
from kowloon.engines.blob.storage import ZonedStorage
from kowloon.engines.blob.volume import CopiedVolume
from kowloon.wire.http import FileSlice
from tests.engines.blob.parts import LRS, ZRS, bytes_of, contents, contents_in, large, put, sent, settled, storage

A, B, C = ZRS.zones
VOLUME = 1


def same_everywhere(made: ZonedStorage, volume: int = VOLUME) -> dict[bytes, tuple[int, bytes, list[bytes]]]:
    one, *others = (contents_in(made, zone, volume) for zone in ZRS.zones)
    assert all(other == one for other in others)
    assert {report.behind for report in made.report()} == {0}
    return one


async def test_a_zone_of_one_copy(tmp_path: Path) -> None:
    async with storage(tmp_path / "objects") as made:
        volume = made.volume(VOLUME, LRS)
        await put(volume, b"k", b"data")
        for mode in (ZoneMode.STOPPED, ZoneMode.UNREADABLE):
            made.set_mode(A, mode)
            with pytest.raises(ZoneUnavailable, match=r"no zone that has everything can be read \(zone-a\)") as problem:
                volume.get(b"k")
            assert problem.value.zones == (A,)
            with pytest.raises(ZoneUnavailable, match="too few zones can be written"):
                volume.commit([Put(b"k", b"")])
            with pytest.raises(ZoneUnavailable):
                volume.writer()
        made.set_mode(A, ZoneMode.READ_ONLY)
        assert contents(volume) == {b"k": (b"", [b"data"])}
        with pytest.raises(ZoneReadOnly, match="too few zones can be written: zone-a cannot"):
            volume.commit([Delete(b"k")])
        made.set_mode(A, ZoneMode.SLOW, 0.25)
        assert made.delay_s(LRS) == 0.25
        await put(volume, b"slow", b"data")
        made.set_mode(A, ZoneMode.SERVING)
        assert made.delay_s(LRS) == 0.0
        await made.lose(A)
        assert contents(volume) == {}
        await put(volume, b"k", b"new")
        assert contents(volume) == {b"k": (b"", [b"new"])}


async def test_what_was_submitted_before_a_stop_is_written(tmp_path: Path) -> None:
    async with storage(tmp_path / "objects") as made:
        volume = made.volume(VOLUME, LRS)
        submitted = volume.commit([Put(b"k", b"", (b"data",))])
        made.set_mode(A, ZoneMode.STOPPED)
        await submitted
        made.set_mode(A, ZoneMode.SERVING)
        assert contents(volume) == {b"k": (b"", [b"data"])}


async def test_a_writer_ends_with_its_zone(tmp_path: Path) -> None:
    async with storage(tmp_path / "objects") as made:
        volume = made.volume(VOLUME, LRS)
        writer = volume.writer()
        writer.write(b"x" * 200_000)
        made.set_mode(A, ZoneMode.STOPPED)
        with pytest.raises(ZoneUnavailable):
            writer.write(b"x")
        writer.abort()
        made.set_mode(A, ZoneMode.SERVING)
        blob = await large(volume, b"y" * 200_000)
        await made.lose(A)
        with pytest.raises(ZoneUnavailable, match="too few zones have the bytes of this change"):
            volume.commit([Put(b"k", b"", (blob,))])


async def test_losing_a_folder_is_losing_that_zone_only(tmp_path: Path) -> None:
    async with storage(tmp_path / "objects") as made:
        await put(made.volume(VOLUME, ZRS), b"k", b"three")
        await put(made.volume(2, Layout((B,))), b"k", b"one")
        await settled(made, ZRS)
    shutil.rmtree(tmp_path / "objects" / B)
    async with storage(tmp_path / "objects") as made:
        volume = made.volume(VOLUME, ZRS)
        assert contents(volume) == {b"k": (b"", [b"three"])}
        assert contents(made.volume(2, Layout((B,)))) == {}
        await made.heal()
        assert same_everywhere(made)


@pytest.mark.parametrize("durable", [False, True])
async def test_two_of_three_zones_serve_and_the_third_is_healed(tmp_path: Path, durable: bool) -> None:
    async with storage(tmp_path / "objects", durable=durable) as made:
        volume = made.volume(VOLUME, ZRS)
        for number in range(20):
            await put(volume, b"k%02d" % number, b"%d" % number * 30)
        big = os.urandom(300_000)
        await volume.commit([Put(b"part", b"", (await large(volume, big),))])
        await settled(made, ZRS)
        made.set_mode(A, ZoneMode.STOPPED)
        moved = volume.get(b"part")
        assert moved is not None
        await volume.commit([Delete(b"k00"), Put(b"k01", b"new", (b"new",))])
        # Its bytes move to another entry while one zone does not hear of it.
        await volume.commit([Put(b"whole", b"", moved.blobs), Delete(b"part")])
        other = os.urandom(200_000)
        await volume.commit([Put(b"while", b"", (await large(volume, other),))])
        expected = contents(volume)
        made.set_mode(A, ZoneMode.SERVING)
        # Not from the zone that missed all that, though it answers again.
        assert contents(volume) == expected
        assert next(report for report in made.report() if report.zone == A).behind > 0
        await made.heal()
        assert len(same_everywhere(made)) == len(expected)
        for gone in ((B, C), (A, C)):
            for zone in gone:
                made.set_mode(zone, ZoneMode.STOPPED)
            assert contents(volume) == expected
            with pytest.raises(ZoneReadOnly, match="too few zones can be written"):
                volume.commit([Delete(b"whole")])
            for zone in gone:
                made.set_mode(zone, ZoneMode.SERVING)


async def test_never_stale_rather_not_at_all(tmp_path: Path) -> None:
    async with storage(tmp_path / "objects") as made:
        volume = made.volume(VOLUME, ZRS)
        await put(volume, b"k", b"old")
        made.set_mode(A, ZoneMode.STOPPED)
        await put(volume, b"k", b"new")
        for zone in (B, C):
            made.set_mode(zone, ZoneMode.STOPPED)
        made.set_mode(A, ZoneMode.SERVING)
        with pytest.raises(ZoneUnavailable, match="no zone that has everything can be read"):
            volume.get(b"k")
        made.set_mode(C, ZoneMode.READ_ONLY)
        assert contents(volume) == {b"k": (b"", [b"new"])}
        await made.heal()
        # Healed from a zone that can only be read.
        made.set_mode(C, ZoneMode.STOPPED)
        assert contents(volume) == {b"k": (b"", [b"new"])}


async def test_who_fell_behind_is_known_after_a_restart(tmp_path: Path) -> None:
    folder = tmp_path / "objects"
    async with storage(folder) as made:
        volume = made.volume(VOLUME, ZRS)
        await put(volume, b"k", b"old")
        await put(volume, b"gone", b"old")
        made.set_mode(A, ZoneMode.STOPPED)
        await volume.commit([Put(b"k", b"", (b"new",)), Delete(b"gone")])
        await settled(made, ZRS)
    for without_index in (False, True):
        copy = tmp_path / f"copy-{without_index}"
        shutil.copytree(folder, copy)
        if without_index:
            for zone in ZRS.zones:
                shutil.rmtree(copy / zone / "index")
        async with storage(copy) as made:
            volume = made.volume(VOLUME, ZRS)
            assert contents(volume) == {b"k": (b"", [b"new"])}
            made.set_mode(B, ZoneMode.STOPPED)
            made.set_mode(C, ZoneMode.STOPPED)
            # The third zone is not healed yet, and does not answer.
            with pytest.raises(ZoneUnavailable, match="no zone that has everything can be read"):
                volume.get(b"k")
            made.set_mode(B, ZoneMode.SERVING)
            made.set_mode(C, ZoneMode.SERVING)
            await made.heal()
            assert same_everywhere(made).keys() == {b"k"}


@pytest.mark.parametrize("turns", range(8))
async def test_a_change_that_comes_while_a_zone_is_out_for_a_moment(tmp_path: Path, turns: int) -> None:
    """The zone is back before whoever heals it has looked again."""
    async with storage(tmp_path / "objects") as made:
        volume = made.volume(VOLUME, ZRS)
        await put(volume, b"k", b"old")
        await settled(made, ZRS)
        made.set_mode(A, ZoneMode.STOPPED)
        await put(volume, b"x", b"missed")
        made.set_mode(A, ZoneMode.SERVING)
        while made.part(A).get(VOLUME, b"x") is None:  # noqa: ASYNC110 - the turns are counted from there
            await asyncio.sleep(0)
        for _ in range(turns):
            await asyncio.sleep(0)
        made.set_mode(A, ZoneMode.STOPPED)
        change = volume.commit([Put(b"k", b"", (b"new",))])
        made.set_mode(A, ZoneMode.SERVING)
        await change
        await made.heal()
        await settled(made, ZRS)
        assert same_everywhere(made)[b"k"][2] == [b"new"]


async def test_healing_that_is_cut_off_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def copy_file(original: FileSlice, path: Path) -> int:
        check = contents_module.copy_file(original, path)
        begun.set()
        assert go_on.wait(30.0)
        return check

    monkeypatch.setattr(healing, "copy_file", copy_file)
    async with storage(tmp_path / "objects") as made:
        volume = made.volume(VOLUME, ZRS)
        made.set_mode(A, ZoneMode.STOPPED)
        await volume.commit([Put(b"k", b"", (await large(volume, b"x" * 200_000),))])
        made.set_mode(A, ZoneMode.SERVING)
        await asyncio.get_running_loop().run_in_executor(None, begun.wait, 30.0)
        made.set_mode(A, ZoneMode.STOPPED)
        go_on.set()
        await made.heal()
        await volume.commit([Delete(b"k")])
        made.set_mode(A, ZoneMode.SERVING)
        await made.heal()
        await made.part(A).remove_freed()
        assert list((tmp_path / "objects" / A / "files").iterdir()) == []


async def test_what_is_not_on_disk_yet_is_healed_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first change of a volume is known to a zone before it is in its index."""
    held = {B: threading.Event(), C: threading.Event()}

    def slow_flush(paths: Sequence[Path]) -> None:
        for zone, event in held.items():
            if any(zone in path.parts for path in paths):
                assert event.wait(30.0)
        flush(paths)

    monkeypatch.setattr(part, "flush", slow_flush)
    async with storage(tmp_path / "objects", durable=True) as made:
        volume = made.volume(VOLUME, ZRS)
        made.set_mode(A, ZoneMode.STOPPED)
        change = volume.commit([Put(b"k", b"", (b"data",))])
        made.set_mode(A, ZoneMode.SERVING)
        # Healing waits for one zone, and finds another one to read from.
        await asyncio.sleep(0)
        made.set_mode(B, ZoneMode.STOPPED)
        held[B].set()
        await made.part(B).settled()
        for _ in range(5):
            await asyncio.sleep(0)
        held[C].set()
        await change
        made.set_mode(B, ZoneMode.SERVING)
        await made.heal()
        await settled(made, ZRS)
        assert same_everywhere(made).keys() == {b"k"}


async def test_disks_that_are_lost_are_filled_again(tmp_path: Path) -> None:
    async with storage(tmp_path / "objects") as made:
        volume = made.volume(VOLUME, ZRS)
        other = made.volume(2, ZRS)
        for number in range(500):
            volume.commit([Put(b"k%03d" % number, b"v", (b"%d" % number,))])
        await volume.commit([Put(b"x" * 1000, b"", (await large(volume, b"big" * 100_000),))])
        await put(other, b"k", b"other")
        one_copy = made.volume(3, Layout((B,)))
        await put(one_copy, b"k", b"one copy")
        await made.lose(B)
        assert len(contents(volume)) == 501
        assert contents(one_copy) == {}
        await put(volume, b"meanwhile", b"1")
        await made.heal()
        assert len(same_everywhere(made)) == 502
        assert len(same_everywhere(made, 2)) == 1
        assert (await made.scrub(B)).lost == 0
        # One after the other, all can be lost.
        await made.lose(A)
        await made.heal()
        await made.lose(C)
        await made.heal()
        assert len(same_everywhere(made)) == 502


async def test_losing_every_zone_leaves_an_empty_store_that_works(tmp_path: Path) -> None:
    async with storage(tmp_path / "objects") as made:
        volume = made.volume(VOLUME, ZRS)
        await put(volume, b"k", b"1")
        for zone in ZRS.zones:
            made.set_mode(zone, ZoneMode.STOPPED)
        for zone in ZRS.zones:
            await made.lose(zone)
        for zone in ZRS.zones:
            made.set_mode(zone, ZoneMode.SERVING)
        await made.heal()
        assert contents(volume) == {}
        await put(volume, b"k", b"2")
        assert contents(volume) == {b"k": (b"", [b"2"])}


@pytest.mark.parametrize("seed", [*range(6), *(pytest.param(seed, marks=pytest.mark.soak) for seed in range(6, 100))])
async def test_random_faults_under_load(tmp_path: Path, seed: int) -> None:
    """Two clients write and check while zones stop, return and lose their disks; no answer is ever stale."""
    chosen = random.Random(seed)
    async with storage(tmp_path / "objects", durable=seed % 2 == 1, segment_bytes=200_000) as made:
        volume = made.volume(VOLUME, ZRS)
        model: dict[bytes, bytes] = {}
        ended = False

        async def client(name: bytes) -> None:
            mine = random.Random(f"{seed} {name!r}")
            while not ended:
                key = name + b"%d" % mine.randrange(40)
                fresh: Blob | None = None
                try:
                    entry = volume.get(key)
                    assert (bytes_of(volume, entry)[0] if entry else None) == model.get(key)
                    change: list[Put | Delete] = []
                    if entry is not None and mine.random() < 0.3:
                        target = name + b"moved%d" % mine.randrange(10)
                        change = [Delete(key), Put(target, b"", entry.blobs)]
                        data = model[key]
                    elif mine.random() < 0.3:
                        change, data = [Delete(key)], b""
                    else:
                        data = mine.randbytes(mine.choice((10, 3000)))
                        if mine.random() < 0.1:
                            data *= 60
                        if len(data) > 100_000:
                            fresh = await large(volume, data)
                        change = [Put(key, b"", (fresh or data,))]
                    future = volume.commit(change)
                except BlobError:
                    if fresh is not None:
                        volume.forget(fresh)
                    await asyncio.sleep(0.001)
                    continue
                before = {each.key: model[each.key] for each in change if each.key in model}
                for each in change:
                    model.pop(each.key, None)
                    if isinstance(each, Put):
                        model[each.key] = data
                try:
                    await future
                except BlobError:
                    # It may have happened or not, but all of it or nothing.
                    old = {each.key: before.get(each.key) for each in change}
                    new = {each.key: model.get(each.key) for each in change}
                    while True:
                        with contextlib.suppress(ZoneUnavailable):
                            await volume.settled()
                            found = {key: volume.get(key) for key in new}
                            now = {key: bytes_of(volume, entry)[0] if entry else None for key, entry in found.items()}
                            assert now in (old, new)
                            for found_key, value in now.items():
                                model.pop(found_key, None)
                                if value is not None:
                                    model[found_key] = value
                            break
                        await asyncio.sleep(0.001)

        clients = [asyncio.create_task(client(name)) for name in (b"x", b"y")]
        for _ in range(25):
            zone = chosen.choice(ZRS.zones)
            reports = made.report()
            healthy = len(reports) == 3 and all(
                report.behind == 0 and report.mode is ZoneMode.SERVING for report in reports
            )
            if healthy and chosen.random() < 0.3:
                await made.lose(zone)
            else:
                made.set_mode(zone, chosen.choice(list(ZoneMode)))
            for _ in range(chosen.randrange(30)):
                await asyncio.sleep(0)
            if chosen.random() < 0.6:
                for each in ZRS.zones:
                    made.set_mode(each, ZoneMode.SERVING)
                if chosen.random() < 0.5:
                    await made.heal()
            for task in clients:
                if task.done():
                    task.result()
        for each in ZRS.zones:
            made.set_mode(each, ZoneMode.SERVING)
        ended = True
        await asyncio.gather(*clients)
        await made.heal()
        await settled(made, ZRS)
        assert {key: blobs[0] for key, (_, blobs) in contents(volume).items()} == model
        assert same_everywhere(made).keys() == model.keys()
        for zone in ZRS.zones:
            report = await made.scrub(zone)
            assert (report.damaged, report.lost) == (0, 0)
            await made.part(zone).remove_freed()
            in_files = {
                f"{blob.id:016x}" for entry in volume.scan(b"") for blob in entry.blobs if blob.size_bytes > 131072
            }
            assert {path.name for path in made.part(zone).files.iterdir()} == in_files


async def test_scrubbing_mends_from_another_zone(tmp_path: Path) -> None:
    async with storage(tmp_path / "objects") as made:
        volume = made.volume(VOLUME, ZRS)
        big = os.urandom(200_000)
        await volume.commit([Put(b"big", b"", (await large(volume, big),))])
        await put(volume, b"small", b"precious" * 100)
        await put(made.volume(2, LRS), b"single", b"only one" * 100)
        await settled(made, ZRS)
        expected = contents(volume)
        (file,) = (tmp_path / "objects" / A / "files").iterdir()
        with file.open("r+b") as opened:
            opened.seek(70_000)
            opened.write(b"rot")
        segment = next((tmp_path / "objects" / A / "segments").iterdir())
        data = segment.read_bytes()
        with segment.open("r+b") as opened:
            for text in (b"precious", b"only one"):
                opened.seek(data.index(text) + 100)
                opened.write(b"rot")
        # A small blob is checked whenever it is read whole, and comes from where it is good.
        assert contents(volume)[b"small"] == expected[b"small"]
        report = await made.scrub(A)
        assert (report.checked, report.damaged, report.repaired, report.lost) == (3, 3, 2, 1)
        report = await made.scrub(A)
        assert (report.checked, report.damaged, report.repaired, report.lost) == (3, 1, 0, 1)
        assert same_everywhere(made).keys() == expected.keys()
        file.unlink()
        (entry,) = list(volume.scan(b"b", b"c"))
        assert sent(volume, entry.blobs[0]) == big
        assert (await made.scrub(A)).repaired == 1
        assert file.exists()
        single = made.volume(2, LRS).get(b"single")
        assert single is not None
        with pytest.raises(DamagedBlob):
            made.volume(2, LRS).read(single.blobs[0])


async def test_delays_are_those_of_a_quorum(tmp_path: Path) -> None:
    async with storage(tmp_path / "objects") as made:
        made.set_mode(A, ZoneMode.SLOW, 3.0)
        assert made.delay_s(ZRS) == 0.0
        made.set_mode(B, ZoneMode.SLOW, 1.0)
        assert made.delay_s(ZRS) == 1.0
        volume: CopiedVolume = made.volume(VOLUME, ZRS)
        await put(volume, b"k", b"v")
        made.set_mode(C, ZoneMode.STOPPED)
        assert made.delay_s(ZRS) == 3.0
        assert contents(volume) == {b"k": (b"", [b"v"])}
