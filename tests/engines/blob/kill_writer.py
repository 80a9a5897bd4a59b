"""Changes a store forever and says what was acknowledged; somebody kills it. Run as a program: FOLDER SEED LRS|ZRS
DURABLE.

Line by line: `begin N`, then `end N` when it was acknowledged. What change N does follows from SEED and N alone.
"""

from __future__ import annotations

import asyncio
import os
import random
import sys
from pathlib import Path

from kowloon.engines.blob.base import BlobError, Change, Delete, Put, Volume, ZoneMode
from kowloon.engines.blob.storage import ZonedStorage
from tests.engines.blob.parts import LRS, ZRS, large, storage

VOLUME = 9
WRITERS = 4
KEYS = 12
LARGE_BYTES = 150_000


def content(seed: int, number: int, side: str) -> bytes:
    """What a change wrote: it says by itself whether it is whole."""
    chosen = random.Random(f"{seed} {number} {side}")
    size_bytes = LARGE_BYTES if chosen.random() < 0.1 else chosen.randrange(3000)
    return b"%d %d %s " % (seed, number, side.encode()) + chosen.randbytes(8) * (size_bytes // 8)


def key_of(writer: int, chosen: random.Random) -> bytes:
    name = b"w%d-%d" % (writer, chosen.randrange(KEYS))
    return name + b"x" * 600 if name.endswith(b"3") else name


async def write(volume: Volume, writer: int, seed: int) -> None:
    """Each change is a pair of entries, made, moved or removed together."""
    chosen = random.Random(f"{seed} {writer}")
    number = writer
    while True:
        number += WRITERS
        key = key_of(writer, chosen)
        pair = (b"left/" + key, b"right/" + key)
        changes: list[Change]
        entries = [volume.get(each) for each in pair]
        try:
            if entries[0] is not None and entries[1] is not None and chosen.random() < 0.3:
                # Moves to a key of which nobody says anything, and back in the same breath.
                moved = tuple(
                    Put(each, entry.value, entry.blobs) for each, entry in zip(pair, entries, strict=True) if entry
                )
                changes = [*moved]
                what = b"same"
            elif chosen.random() < 0.2:
                changes, what = [Delete(each) for each in pair], b"gone"
            else:
                changes, what = [], b"made"
                for each, side in zip(pair, ("left", "right"), strict=True):
                    data = content(seed, number, side)
                    blob = data if len(data) < 100_000 else await large(volume, data)
                    changes.append(Put(each, b"%d %d" % (seed, number), (blob,)))
            future = volume.commit(changes)
            os.write(1, b"begin %d %s %s\n" % (number, key, what))
            await future
            os.write(1, b"end %d %s %s\n" % (number, key, what))
        except BlobError:
            await asyncio.sleep(0.001)


async def break_zones(made: ZonedStorage, seed: int) -> None:
    chosen = random.Random(seed)
    while True:
        for _ in range(chosen.randrange(40)):
            await asyncio.sleep(0)
        zone = chosen.choice(ZRS.zones)
        made.set_mode(zone, ZoneMode.STOPPED)
        for _ in range(chosen.randrange(40)):
            await asyncio.sleep(0)
        made.set_mode(zone, ZoneMode.SERVING)
        if chosen.random() < 0.7:
            await made.heal()
        if chosen.random() < 0.2 and all(report.behind == 0 for report in made.report()):
            await made.lose(zone)
            await made.heal()


async def main(folder: Path, seed: int, layout: str, durable: bool) -> None:
    async with storage(folder, durable=durable, segment_bytes=300_000) as made:
        volume = made.volume(VOLUME, ZRS if layout == "ZRS" else LRS)
        work = [write(volume, writer, seed) for writer in range(WRITERS)]
        if layout == "ZRS":
            work.append(break_zones(made, seed))
        await asyncio.gather(*work)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4] == "durable"))
