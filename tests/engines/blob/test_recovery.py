"""What is found again after everything that can happen to a folder."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import resource
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import lmdb
import pytest

from kowloon.core.errors import ConfigurationError
from kowloon.engines.blob import segments
from kowloon.engines.blob.base import BlobError, DamagedBlob, Delete, Put
from kowloon.engines.blob.frames import MAGIC
from tests.engines.blob.parts import LRS, ZRS, contents, contents_in, large, put, sent, storage

ROOT = Path(__file__).parents[3]


def segment_of(folder: Path, zone: str = "zone-a") -> Path:
    return sorted((folder / zone / "segments").iterdir())[-1]


async def fill(folder: Path) -> dict[bytes, tuple[bytes, list[bytes]]]:
    """A store as a killed process leaves it, with a history that a rebuild could get wrong."""
    async with storage(folder) as made:
        volume = made.volume(1, LRS)
        for number in range(30):
            volume.commit([Put(b"k%d" % (number % 10), b"%d" % number, (b"%d" % number * 50,))])
        big = await large(volume, b"L" * 200_000)
        await volume.commit([Put(b"big", b"", (big,)), Delete(b"k3"), Put(b"n" * 1000, b"long", (b"name",))])
        await volume.commit([Put(b"moved", b"", (big,)), Delete(b"big")])
        return contents(volume)


async def found(folder: Path) -> dict[bytes, tuple[bytes, list[bytes]]]:
    async with storage(folder) as made:
        return contents(made.volume(1, LRS))


@pytest.mark.parametrize("harm", ["none", "deleted", "garbage", "truncated", "emptied", "old", "power"])
async def test_an_index_is_made_anew(tmp_path: Path, harm: str) -> None:
    folder = tmp_path / "objects"
    old = tmp_path / "old"
    async with storage(folder) as made:
        await put(made.volume(1, LRS), b"k3", b"first")
    shutil.copytree(folder / "zone-a" / "index", old)
    before = await fill(folder)
    data = folder / "zone-a" / "index" / "data.mdb"
    match harm:
        case "deleted":
            shutil.rmtree(data.parent)
        case "garbage":
            data.write_bytes(random.Random(1).randbytes(data.stat().st_size))
        case "truncated":
            os.truncate(data, data.stat().st_size // 2)
        case "emptied":
            os.truncate(data, 0)
        case "old":
            shutil.rmtree(data.parent)
            shutil.copytree(old, data.parent)
        case "power":
            # Another boot, and pages that never reached the disk.
            (folder / "zone-a" / "opened").write_text("another boot")
            data.write_bytes(data.read_bytes()[:8192] + bytes(data.stat().st_size - 8192))
    assert await found(folder) == before
    async with storage(folder) as made:
        assert made.report()[0].entries == len(before)
        assert made.report()[0].stored_bytes == sum(len(blob) for _, blobs in before.values() for blob in blobs)


@pytest.mark.parametrize("step", [7, pytest.param(1, marks=pytest.mark.soak)])
async def test_a_torn_end_is_cut_wherever_it_is_torn(tmp_path: Path, step: int) -> None:
    folder = tmp_path / "objects"
    before = await fill(folder)
    whole = segment_of(folder).read_bytes()
    async with storage(folder) as made:
        await made.volume(1, LRS).commit([Put(b"last", b"v", (b"x" * 100,)), Delete(b"k1")])
    longer = segment_of(folder).read_bytes()
    saved = tmp_path / "saved"
    shutil.copytree(folder, saved)
    for end in range(len(whole), len(longer), step):
        shutil.rmtree(folder)
        shutil.copytree(saved, folder)
        if end // step % 2:
            shutil.rmtree(folder / "zone-a" / "index")
        os.truncate(segment_of(folder), end)
        assert await found(folder) == before
        assert segment_of(folder).stat().st_size == len(whole)
    assert len(longer) - len(whole) > 150


async def test_bytes_that_never_reached_the_disk_are_a_torn_end(tmp_path: Path) -> None:
    folder = tmp_path / "objects"
    before = await fill(folder)
    whole = segment_of(folder).stat().st_size
    async with storage(folder) as made:
        await made.volume(1, LRS).commit([Put(b"last", b"v", (b"x" * 5000,))])
    with segment_of(folder).open("r+b") as file:
        file.seek(-4096, os.SEEK_END)
        file.write(bytes(4096))
    shutil.rmtree(folder / "zone-a" / "index")
    assert await found(folder) == before
    assert segment_of(folder).stat().st_size == whole


async def test_damage_in_the_middle_costs_only_what_it_hit(tmp_path: Path) -> None:
    folder = tmp_path / "objects"
    async with storage(folder) as made:
        volume = made.volume(1, LRS)
        for number in range(20):
            await volume.commit([Put(b"k%02d" % number, b"", (b"%02d" % number * 500,))])
    async with storage(folder) as made:
        # What is written after a flush says that what was before it is on disk: it cannot be a torn end.
        await put(made.volume(1, LRS), b"z", b"last")
        await made.part("zone-a").remove_freed()
        await put(made.volume(1, LRS), b"zz", b"last")
    data = bytearray(segment_of(folder).read_bytes())
    data[data.find(b"k07")] ^= 1
    data[data.find(b"1212") + 50] ^= 1
    segment_of(folder).write_bytes(data)
    shutil.rmtree(folder / "zone-a" / "index")
    async with storage(folder) as made:
        volume = made.volume(1, LRS)
        assert [entry.key for entry in volume.scan(b"")] == [
            *(b"k%02d" % number for number in range(20) if number != 7),
            b"z",
            b"zz",
        ]
        assert made.part("zone-a").damaged_frames == 1
        entry = volume.get(b"k12")
        assert entry is not None
        with pytest.raises(DamagedBlob, match="no zone that can be read has these bytes"):
            volume.read(entry.blobs[0])
        report = await made.scrub("zone-a")
        assert (report.checked, report.damaged, report.repaired, report.lost) == (21, 1, 0, 1)


async def test_what_looks_like_a_frame_in_an_object_is_none(tmp_path: Path) -> None:
    """Somebody keeps a segment of a store of his own as an object; then the frame around it is torn."""
    async with storage(tmp_path / "forger") as made:
        await put(made.volume(1, LRS), b"k5", b"forged")
    forged = segment_of(tmp_path / "forger").read_bytes()
    assert forged.startswith(MAGIC)
    folder = tmp_path / "objects"
    before = await fill(folder)
    whole = segment_of(folder).stat().st_size
    async with storage(folder) as made:
        await put(made.volume(1, LRS), b"innocent", forged * 3 + b"end")
    os.truncate(segment_of(folder), segment_of(folder).stat().st_size - 1)
    shutil.rmtree(folder / "zone-a" / "index")
    assert await found(folder) == before
    assert segment_of(folder).stat().st_size == whole


async def test_files_that_nobody_has_are_removed(tmp_path: Path) -> None:
    folder = tmp_path / "objects"
    before = await fill(folder)
    files = folder / "zone-a" / "files"
    (files / f"{10**6:016x}").write_bytes(b"orphan")
    (files / "tmpxyz").write_bytes(b"orphan")
    assert await found(folder) == before
    assert len(list(files.iterdir())) == 1


async def test_other_formats_are_refused(tmp_path: Path) -> None:
    folder = tmp_path / "objects"
    before = await fill(folder)
    path = folder / "zone-a" / "format"
    right = path.read_text()
    path.write_text(right.replace(" 1 ", " 2 "))
    with pytest.raises(ConfigurationError, match="has store format 2, this version of kowloon reads 1; start it with"):
        await found(folder)
    path.write_text("something else")
    with pytest.raises(ConfigurationError, match="is not of a store of kowloon; move"):
        await found(folder)
    path.unlink()
    with pytest.raises(ConfigurationError, match="holds data but not the file `format`"):
        await found(folder)
    path.write_text(right)
    assert await found(folder) == before


async def test_one_process_at_a_time(tmp_path: Path) -> None:
    code = (
        "import asyncio, sys; from pathlib import Path\n"
        "from kowloon.core.errors import ConfigurationError\n"
        "from tests.engines.blob.test_recovery import found\n"
        "try:\n    print(len(asyncio.run(found(Path(sys.argv[1])))))\n"
        "except ConfigurationError as problem:\n    print(problem)\n"
    )

    def second() -> str:
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)])}
        command = [sys.executable, "-c", code, str(tmp_path / "objects")]
        ran = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True, env=environment)
        return ran.stdout.strip()

    async with storage(tmp_path / "objects") as made:
        await put(made.volume(1, LRS), b"k", b"v")
        assert "is in use; is another kowloon running on it?" in second()
    assert second() == "1"


@contextlib.contextmanager
def files_of_at_most(size_bytes: int) -> Iterator[None]:
    """A full disk, nearly: no file of this process grows beyond that."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("durable", [False, True])
@pytest.mark.parametrize("layout", [LRS, ZRS], ids=["lrs", "zrs"])
async def test_a_full_disk_fails_changes_and_keeps_the_rest(tmp_path: Path, layout: object, durable: bool) -> None:
    assert layout in (LRS, ZRS)
    zones = LRS if layout == LRS else ZRS
    folder = tmp_path / "objects"
    acknowledged: dict[bytes, tuple[bytes, list[bytes]]] = {}
    async with storage(folder, durable=durable) as made:
        volume = made.volume(1, zones)
        await put(volume, b"first", b"1")
        with files_of_at_most(300_000):
            failed = 0
            for number in range(100):
                change = [Put(b"k%02d" % number, b"", (b"x" * 10_000,)), Put(b"pair%02d" % number, b"")]
                try:
                    await volume.commit(change)
                    acknowledged[b"k%02d" % number] = (b"", [b"x" * 10_000])
                except BlobError:
                    failed += 1
            assert failed
            assert acknowledged
            writer = volume.writer() if layout == LRS else None
            if writer is not None:
                writer.write(b"y" * 500_000)
                with pytest.raises(BlobError, match="could not be written"):
                    await writer.finish()
        await made.heal()
        await put(volume, b"after", b"2")
        after = contents(volume)
    assert acknowledged.items() <= after.items()
    # A failed change may have happened (of three zones, one may have had room for it), but not half of it.
    kept = {key.removeprefix(b"k") for key in after if key.startswith(b"k")}
    assert {key.removeprefix(b"pair") for key in after if key.startswith(b"pair")} == kept
    assert layout == ZRS or len(kept) == len(acknowledged)
    for without_index in (False, True):
        if without_index:
            for zone in zones.zones:
                shutil.rmtree(folder / zone / "index")
        async with storage(folder) as made:
            assert contents(made.volume(1, zones)) == after
            assert len({str(contents_in(made, zone, 1)) for zone in zones.zones}) == 1


class BrokenEnvironment:
    """An LMDB environment that can be read and not written."""

    def __init__(self, whole: Any) -> None:
        self.close = whole.close

    def begin(self, *, write: bool) -> Any:
        raise lmdb.DiskError("mdb_txn_commit")


async def test_an_index_that_cannot_be_written_fails_the_change(tmp_path: Path) -> None:
    async with storage(tmp_path / "objects") as made:
        volume = made.volume(1, LRS)
        await put(volume, b"k", b"before")
        index = made.part("zone-a").index
        index.environment = BrokenEnvironment(index.environment)
        with pytest.raises(BlobError, match="could not be written: mdb_txn_commit"):
            await volume.commit([Put(b"k", b"", (b"lost",))])
        assert contents(volume) == {b"k": (b"", [b"before"])}
        await put(volume, b"other", b"after")
    async with storage(tmp_path / "objects") as made:
        assert contents(made.volume(1, LRS)) == {b"k": (b"", [b"before"]), b"other": (b"", [b"after"])}


async def test_an_index_grows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kowloon.engines.blob.index._LEAST_BYTES", 1 << 17)
    async with storage(tmp_path / "objects") as made:
        volume = made.volume(1, LRS)
        for start in range(0, 2000, 50):
            await volume.commit([Put(b"k%05d" % (start + n), b"v" * 300) for n in range(50)])
        assert sum(1 for _ in volume.scan(b"")) == 2000
        assert made.report()[0].entries == 2000


async def test_an_index_that_finds_no_room_fails_the_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its file has all of its space ahead: no page of it is missing when it is written to."""
    monkeypatch.setattr("kowloon.engines.blob.index._LEAST_BYTES", 1 << 17)

    def full(descriptor: int, offset: int, size_bytes: int) -> None:
        """A disk that has what it has given, and half of what is asked for besides."""
        before_bytes = os.fstat(descriptor).st_size
        if size_bytes > before_bytes:
            os.truncate(descriptor, (before_bytes + size_bytes) // 2)
            raise OSError(28, "No space left on device")

    async with storage(tmp_path / "objects") as made:
        volume = made.volume(1, LRS)
        data = tmp_path / "objects" / "zone-a" / "index" / "data.mdb"
        await put(volume, b"before", b"kept")
        assert data.stat().st_blocks * 512 >= 1 << 17
        with monkeypatch.context() as patch:
            patch.setattr(os, "posix_fallocate", full)
            with pytest.raises(BlobError, match="No space left on device"):
                await volume.commit([Put(b"k%05d" % number, b"v" * 300) for number in range(2000)])
        assert contents(volume) == {b"before": (b"", [b"kept"])}
        await volume.commit([Put(b"k%05d" % number, b"v" * 300) for number in range(2000)])
        assert sum(1 for _ in volume.scan(b"k")) == 2000
    async with storage(tmp_path / "objects") as made:
        assert sum(1 for _ in made.volume(1, LRS).scan(b"")) == 2001


async def test_what_is_known_of_an_entry_goes_with_it(tmp_path: Path) -> None:
    """Asked for again and again, as what is asked for often is."""
    async with storage(tmp_path / "objects") as made:
        volume = made.volume(1, LRS)
        long = b"l" * 1000
        for key in (b"k", long):
            for content in (b"first", b"second"):
                await put(volume, key, content)
                for _ in range(2):
                    entry = volume.get(key)
                    assert entry is not None
                    assert volume.read(entry.blobs[0]) == content
            await volume.commit([Delete(key)])
            assert [volume.get(key), volume.get(key)] == [None, None]
            with pytest.raises(DamagedBlob, match="no zone that can be read has these bytes"):
                volume.read(entry.blobs[0])


async def test_small_blobs_that_were_read_are_known_and_not_too_many(tmp_path: Path) -> None:
    size_bytes, most_bytes = 16 * 1024, 4 * 1024 * 1024
    async with storage(tmp_path / "objects") as made:
        volume = made.volume(1, LRS)
        keys = [b"k%03d" % number for number in range(400)]
        for key in keys:
            await put(volume, key, key * (size_bytes // 4))
        await put(volume, b"large", b"l" * (size_bytes + 1))

        def known() -> list[bytes]:
            found = []
            for key in (*keys, b"large"):
                entry = volume.get(key)
                assert entry is not None
                with contextlib.suppress(DamagedBlob):
                    assert volume.read(entry.blobs[0]) == (key * (size_bytes // 4) if key in keys else b"l" * 16385)
                    found.append(key)
            return found

        assert len(known()) == 401
        for segment in (tmp_path / "objects" / "zone-a" / "segments").iterdir():
            os.truncate(segment, 0)
        left = known()
        assert left == keys[-len(left) :]
        assert 0 < len(left) * size_bytes <= most_bytes


async def test_a_flush_that_fails_stops_the_zone_until_it_is_opened_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(paths: object) -> None:
        raise OSError(5, "Input/output error")

    folder = tmp_path / "objects"
    async with storage(folder, durable=True) as made:
        volume = made.volume(1, LRS)
        await put(volume, b"k", b"before")
        monkeypatch.setattr("kowloon.engines.blob.part.flush", fail)
        with pytest.raises(BlobError, match="could not be written"):
            await volume.commit([Put(b"k", b"", (b"unsure",))])
        with pytest.raises(BlobError, match="no zone that has everything can be read"):
            volume.get(b"k")
        monkeypatch.setattr("kowloon.engines.blob.part.flush", segments.flush)
    assert await found(folder) == {b"k": (b"", [b"before"])}


async def test_what_is_being_sent_survives_its_deletion(tmp_path: Path) -> None:
    async with storage(tmp_path / "objects", segment_bytes=1000) as made:
        volume = made.volume(1, LRS)
        entry = await put(volume, b"k", b"sent" * 300)
        slices = volume.slices(entry.blobs[0])
        await volume.commit([Delete(b"k")])
        await put(volume, b"other", b"x")
        await made.part("zone-a").compact()
        assert len(made.part("zone-a").segments.size_bytes) == 1
        assert os.pread(slices[0].descriptor, slices[0].size_bytes, slices[0].offset) == b"sent" * 300
        os.close(slices[0].descriptor)
        with pytest.raises(DamagedBlob):
            sent(volume, entry.blobs[0])
        await asyncio.sleep(0)
