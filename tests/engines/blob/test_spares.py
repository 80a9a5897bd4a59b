"""Files of blobs that are gone become files of new ones, and nobody who has the old one notices."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

from kowloon.engines.blob.base import Put, Volume
from kowloon.engines.blob.storage import ZonedStorage
from tests.engines.blob.parts import LRS, bytes_of, large, sent, storage

OLD, NEW = os.urandom(700_000), os.urandom(300_000)


async def replace(volume: Volume, data: bytes) -> None:
    await volume.commit([Put(b"k", b"", (await large(volume, data),))])


def files(tmp_path: Path) -> dict[str, int]:
    """Names and inodes."""
    return {each.name: each.stat().st_ino for each in (tmp_path / "objects" / "zone-a" / "files").iterdir()}


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - what is waited for is on the disk
            await asyncio.sleep(0.02)


async def freed(made: ZonedStorage) -> None:
    """The deletion of what was replaced is on disk: then its file is a spare."""
    await until(lambda: bool(made.part("zone-a")._spares))


async def test_a_new_blob_takes_the_file_of_one_that_is_gone(tmp_path: Path) -> None:
    async with storage(tmp_path / "objects") as made:
        volume = made.volume(1, LRS)
        await replace(volume, OLD)
        (inode,) = files(tmp_path).values()
        await replace(volume, NEW)
        await freed(made)
        await volume.commit([Put(b"other", b"", (await large(volume, NEW),))])
        assert inode in files(tmp_path).values()
        for key in (b"k", b"other"):
            entry = volume.get(key)
            assert entry is not None
            assert bytes_of(volume, entry) == [NEW]
            assert sent(volume, entry.blobs[0]) == NEW
        # Nothing of the old one is behind the new one.
        assert {each.stat().st_size for each in (tmp_path / "objects/zone-a/files").iterdir()} == {len(NEW)}
    async with storage(tmp_path / "objects") as made:
        assert made.part("zone-a").damaged_frames == 0
        entry = made.volume(1, LRS).get(b"other")
        assert entry is not None
        assert bytes_of(made.volume(1, LRS), entry) == [NEW]


async def test_who_reads_the_old_one_has_it_to_the_end(tmp_path: Path) -> None:
    async with storage(tmp_path / "objects") as made:
        volume = made.volume(1, LRS)
        await replace(volume, OLD)
        entry = volume.get(b"k")
        assert entry is not None
        (reading,) = volume.slices(entry.blobs[0])
        await replace(volume, NEW)
        await freed(made)
        await volume.commit([Put(b"other", b"", (await large(volume, NEW),))])
        assert os.pread(reading.descriptor, reading.size_bytes, reading.offset) == OLD
        volume.release([reading])


async def test_a_file_with_another_name_is_nobodys_spare(tmp_path: Path) -> None:
    """Snapshots and copies of objects are further names of a file."""
    async with storage(tmp_path / "objects") as made:
        volume = made.volume(1, LRS)
        await replace(volume, OLD)
        (path,) = (tmp_path / "objects" / "zone-a" / "files").iterdir()
        os.link(path, tmp_path / "kept")
        await replace(volume, NEW)
        await freed(made)
        await volume.commit([Put(b"other", b"", (await large(volume, NEW),))])
        assert (tmp_path / "kept").read_bytes() == OLD


async def test_what_nobody_wants_is_given_back(tmp_path: Path) -> None:
    async with storage(tmp_path / "objects") as made:
        volume = made.volume(1, LRS)
        await replace(volume, OLD)
        await replace(volume, NEW)
        await until(lambda: len(files(tmp_path)) == 1)
        assert not made.part("zone-a")._spares
    assert len(files(tmp_path)) == 1
