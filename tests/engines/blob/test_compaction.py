"""Dead space is given back, and nothing comes back with it."""

from __future__ import annotations

import asyncio
import random
import shutil
from pathlib import Path

from kowloon.engines.blob.base import Delete, Put
from tests.engines.blob.parts import LRS, ZRS, contents, settled, storage

SEGMENT_BYTES = 50_000


async def test_overwriting_takes_no_more_space_than_twice_what_is_there(tmp_path: Path) -> None:
    folder = tmp_path / "objects"
    chosen = random.Random(7)
    async with storage(folder, segment_bytes=SEGMENT_BYTES) as made:
        volume = made.volume(1, ZRS)
        for number in range(400):
            volume.commit([Put(b"k%02d" % chosen.randrange(40), b"v", (chosen.randbytes(2000),))])
            if number % 5 == 0:
                await volume.settled()
        await settled(made, ZRS)
        before = contents(volume)
        for zone in ZRS.zones:
            assert made.part(zone).dead_bytes() > 500_000
            await made.part(zone).compact()
            on_disk = sum(path.stat().st_size for path in (folder / zone / "segments").iterdir())
            assert on_disk <= 2 * 40 * 2200 + 2 * SEGMENT_BYTES
        assert contents(volume) == before
        assert made.volume(1, ZRS).get(b"missing") is None
    for zone in ZRS.zones:
        shutil.rmtree(folder / zone / "index")
    async with storage(folder, segment_bytes=SEGMENT_BYTES) as made:
        assert contents(made.volume(1, ZRS)) == before
        # The group is known without the frames that said so first.
        assert {report.behind for report in made.report()} == {0}


async def test_a_deletion_outlives_what_it_deleted(tmp_path: Path) -> None:
    """What was deleted lies in a segment that is mostly alive, its deletion in one that is mostly dead."""
    folder = tmp_path / "objects"
    async with storage(folder, segment_bytes=SEGMENT_BYTES) as made:
        volume = made.volume(1, LRS)
        await volume.commit([Put(b"alive%02d" % n, b"", (b"a" * 2000,)) for n in range(20)] + [Put(b"dead", b"old")])
        for number in range(60):
            await volume.commit([Put(b"dead", b"%d" % number, (b"d" * 2000,))])
        await volume.commit([Delete(b"dead")])
        for number in range(60):
            await volume.commit([Put(b"churn", b"%d" % number, (b"c" * 2000,))])
        segments = made.part("zone-a").segments.size_bytes
        many = len(segments)
        await made.part("zone-a").compact()
        assert 1 in segments
        assert len(segments) < many
        before = contents(volume)
    shutil.rmtree(folder / "zone-a" / "index")
    async with storage(folder, segment_bytes=SEGMENT_BYTES) as made:
        assert contents(made.volume(1, LRS)) == before
        assert b"dead" not in before


async def test_deletions_do_not_pile_up_for_ever(tmp_path: Path) -> None:
    folder = tmp_path / "objects"
    async with storage(folder, segment_bytes=SEGMENT_BYTES) as made:
        volume = made.volume(1, LRS)
        await volume.commit([Put(b"alive%02d" % n, b"", (b"a" * 2000,)) for n in range(20)])
        for start in range(0, 4000, 50):
            names = [b"short-lived%05d" % (start + n) for n in range(50)]
            await volume.commit([Put(name, b"v") for name in names])
            await volume.commit([Delete(name) for name in names])
            if start % 1000 == 0:
                await made.part("zone-a").compact()
        await made.part("zone-a").compact()
        assert sum(made.part("zone-a").segments.size_bytes.values()) < 6 * SEGMENT_BYTES
        before = contents(volume)
        assert len(before) == 20
    shutil.rmtree(folder / "zone-a" / "index")
    async with storage(folder, segment_bytes=SEGMENT_BYTES) as made:
        assert contents(made.volume(1, LRS)) == before


async def test_it_goes_on_while_there_is_writing(tmp_path: Path) -> None:
    """By itself, a second after something was written."""
    async with storage(tmp_path / "objects", segment_bytes=SEGMENT_BYTES) as made:
        volume = made.volume(1, LRS)
        part = made.part("zone-a")
        most = 0
        async with asyncio.timeout(20):
            number = 0
            while most <= 5 or len(part.segments.size_bytes) > 3:
                number += 1
                if most <= 5:
                    await volume.commit([Put(b"k%d" % (number % 5), b"%d" % number, (b"x" * 5000,))])
                most = max(most, len(part.segments.size_bytes))
                await asyncio.sleep(0)
        assert len(contents(volume)) == 5


async def test_changes_that_overtake_a_move_hold(tmp_path: Path) -> None:
    """Durable: a change waits for the disk while compaction looks at what it changes."""
    folder = tmp_path / "objects"
    chosen = random.Random(3)
    names = [b"k%03d" % number for number in range(150)]
    async with storage(folder, durable=True, segment_bytes=SEGMENT_BYTES) as made:
        volume = made.volume(1, LRS)
        # Two of three are written again, so what compaction moves is the rest.
        for name in names + [name for number, name in enumerate(names) if number % 3]:
            volume.commit([Put(name, b"", (name * 100,))])
            if chosen.random() < 0.1:
                await volume.settled()
        await volume.settled()
        compacting = asyncio.create_task(made.part("zone-a").compact())
        for name in names[::3]:
            volume.commit([Delete(name)])
            await asyncio.sleep(0)
        await compacting
        await volume.settled()
        before = contents(volume)
    shutil.rmtree(folder / "zone-a" / "index")
    async with storage(folder, segment_bytes=SEGMENT_BYTES) as made:
        assert contents(made.volume(1, LRS)) == before
