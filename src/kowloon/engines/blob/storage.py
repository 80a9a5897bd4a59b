"""All zones of one cloud, in one folder: `<folder>/<zone>/`."""

from __future__ import annotations

import asyncio
import fcntl
import itertools
import os
import shutil
import tempfile
from collections.abc import Awaitable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from kowloon.core.clock import Clock
from kowloon.core.errors import ConfigurationError
from kowloon.core.waits import RealSeconds
from kowloon.engines.blob.base import BlobError, Delete, Layout, ScrubReport, ZoneMode, ZoneReport, ZoneUnavailable
from kowloon.engines.blob.copies import READING, WRITING, Copies
from kowloon.engines.blob.healing import Healing
from kowloon.engines.blob.part import Counter, ZonePart
from kowloon.engines.blob.scrub import Scrub
from kowloon.engines.blob.segments import SEGMENT_BYTES
from kowloon.engines.blob.snapshots import keep, take_up, to_its_end
from kowloon.engines.blob.volume import SMALL_BYTES, CopiedVolume
from kowloon.engines.blob.writer import FileWriter, Target

_HASHING_THREADS = 2
_DROPPED_AT_ONCE = 200
_RETRY_S = 1.0
_TRASH = ".lost-"


class ZonedStorage:
    """See `base.ObjectStorage`. `folder` None keeps everything in a temporary folder until `close`."""

    small_bytes = SMALL_BYTES

    def __init__(self, folder: Path | None, *, durable: bool, clock: Clock, segment_bytes: int = SEGMENT_BYTES) -> None:
        self.counter = Counter()
        self._folder = folder
        self._temporary: Path | None = None
        self._durable = durable
        self._clock = clock
        self._segment_bytes = segment_bytes
        self.parts: dict[str, ZonePart] = {}
        self._staged: dict[str, ZonePart] = {}
        self.modes: dict[str, ZoneMode] = {}
        self._delays_s: dict[str, float] = {}
        self._copies: dict[Layout, Copies] = {}
        self._volumes: dict[int, CopiedVolume] = {}
        self._threads = ThreadPoolExecutor(_HASHING_THREADS, thread_name_prefix="blob")
        self._healing_stopped = False
        self._healing: dict[tuple[Layout, str], asyncio.Task[None]] = {}
        self._lock: int | None = None

    # Opening and closing

    async def open(self) -> None:
        try:
            await self._open()
        except BaseException:
            await self.close()
            raise

    async def _open(self) -> None:
        if self._folder is not None and self._folder.exists():
            self._claim()
            loop = asyncio.get_running_loop()
            folders = sorted(path for path in self._folder.iterdir() if path.is_dir())
            for trash in [path for path in folders if path.name.startswith(_TRASH)]:
                await loop.run_in_executor(None, shutil.rmtree, trash)
                folders.remove(trash)
            for zone in [path.name for path in folders]:
                self.parts[zone] = await loop.run_in_executor(None, self._open_part, zone)
            layouts = {zones for part in self.parts.values() for zones in part.index.groups}
            for layout_zones in sorted(layouts):
                await self._find_in_sync(self._copies_of(Layout(layout_zones)))

    async def _find_in_sync(self, copies: Copies) -> None:
        """Who has everything, after whatever ended the last run; writing needs a quorum of those."""
        copies.restore({zone: self.part(zone).group(copies.layout.zones) for zone in copies.layout.zones})
        self._heal_where_needed()
        while len(copies.in_sync) < copies.layout.quorum and self._healing:
            await asyncio.wait(list(self._healing.values()), return_when=asyncio.FIRST_COMPLETED)

    def _claim(self) -> None:
        """One process at a time."""
        if self._lock is None:
            path = self._root() / "lock"
            self._lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                os.close(self._lock)
                self._lock = None
                raise ConfigurationError(
                    f"{path.parent} is in use; is another kowloon running on it? `kowloon status` tells"
                ) from None

    def _root(self) -> Path:
        if self._folder is not None:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            return self._folder
        if self._temporary is None:
            self._temporary = Path(tempfile.mkdtemp(prefix="kowloon-blob-"))
        return self._temporary

    def _open_part(self, zone: str) -> ZonePart:
        return ZonePart(self._root() / zone, self.counter, durable=self._durable, segment_bytes=self._segment_bytes)

    def part(self, zone: str) -> ZonePart:
        found = self.parts.get(zone)
        if found is None:
            self._claim()
            found = self.parts[zone] = self._open_part(zone)
        return found

    async def _stop_healing(self) -> None:
        self._healing_stopped = True
        tasks = list(self._healing.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def close(self) -> None:
        await self._stop_healing()
        for part in self.parts.values():
            await part.close()
        self.parts.clear()
        await asyncio.get_running_loop().run_in_executor(None, self._threads.shutdown)
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None
        if self._temporary is not None:
            shutil.rmtree(self._temporary, ignore_errors=True)
            self._temporary = None

    async def wipe(self) -> None:
        try:
            await self._stop_healing()
            for part in list(self.parts.values()):
                await part.settled()
            gone = [self._remove_part(zone, part) for zone, part in list(self.parts.items())]
            for copies in self._copies.values():
                copies.restore(dict.fromkeys(copies.layout.zones))
            self.modes.clear()
            self._delays_s.clear()
        finally:
            self._heal_again()
        await asyncio.gather(*gone)

    # Snapshots

    def keep(self, target: Path) -> Awaitable[None]:
        running: list[asyncio.Future[None]] = []
        problem: OSError | None = None
        for zone, part in sorted(self.parts.items()):
            try:
                running.append(keep(part, target / zone))
            except OSError as found:
                problem = found
        return self._kept(running, problem)

    async def _kept(self, running: list[asyncio.Future[None]], problem: OSError | None) -> None:
        ended = await to_its_end(asyncio.gather(*running, return_exceptions=True))
        for found in (problem, *ended):
            if found is not None:
                raise found

    async def stage(self, source: Path) -> None:
        self._claim()
        loop = asyncio.get_running_loop()
        for kept in await loop.run_in_executor(None, lambda: sorted(source.glob("*"))):
            # Named as what is lost: after a crash it is.
            folder = self._root() / f"{_TRASH}{kept.name}-{self.counter.next()}"
            await to_its_end(loop.run_in_executor(None, self._stage_zone, kept, folder))
        # Nothing is healed from or to what goes.
        await self._stop_healing()

    def _stage_zone(self, kept: Path, folder: Path) -> None:
        """ConfigurationError: nothing is left of it."""
        try:
            take_up(kept, folder)
            # It counts by itself until it belongs to the others: this is another thread.
            part = ZonePart(folder, Counter(), durable=self._durable, segment_bytes=self._segment_bytes)
        except OSError as problem:
            shutil.rmtree(folder, ignore_errors=True)
            raise ConfigurationError(f"{kept} cannot be taken up: {problem}") from problem
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        self._staged[kept.name] = part

    async def unstage(self) -> None:
        try:
            while self._staged:
                part = self._staged.popitem()[1]
                part.abandon()
                await self._remove_trash(part, part.folder)
        finally:
            self._heal_again()

    def _heal_again(self) -> None:
        self._healing_stopped = False
        self._heal_where_needed()

    def exchange(self) -> Awaitable[object]:
        try:
            return self._exchange()
        finally:
            self._heal_again()

    def _exchange(self) -> Awaitable[object]:
        gone = [self._remove_part(zone, part) for zone, part in list(self.parts.items())]
        while self._staged:
            zone, part = self._staged.popitem()
            part.move_to(self._root() / zone, self.counter)
            self.parts[zone] = part
        layouts = {*self._copies, *(Layout(zones) for part in self.parts.values() for zones in part.index.groups)}
        for layout in layouts:
            kept = any(zone in self.parts for zone in layout.zones)
            states = {zone: self.part(zone).group(layout.zones) if kept else None for zone in layout.zones}
            self._copies_of(layout).restore(states)
        return asyncio.gather(*gone)

    # Volumes

    def volume(self, id: int, layout: Layout) -> CopiedVolume:
        found = self._volumes.get(id)
        if found is None or found.layout != layout:
            found = self._volumes[id] = CopiedVolume(id, self._copies_of(layout), self.counter, self._open_writer)
        return found

    def _copies_of(self, layout: Layout) -> Copies:
        found = self._copies.get(layout)
        if found is None:
            found = self._copies[layout] = Copies(layout, self)
        return found

    async def drop(self, id: int, layout: Layout) -> None:
        """In steps; a volume that was dropped half before a crash can be dropped again."""
        volume = self.volume(id, layout)
        while keys := [entry.key for entry in itertools.islice(volume.scan(b""), _DROPPED_AT_ONCE)]:
            await volume.commit([Delete(key) for key in keys])
        self._volumes.pop(id, None)

    def _open_writer(self, copies: Copies) -> FileWriter:
        id = self.counter.next()
        targets = [Target(part, id) for part in copies.writing_parts()]
        return FileWriter(id, targets, copies, self._threads, self._durable)

    # Zones

    def set_mode(self, zone: str, mode: ZoneMode, delay_s: float = 0.0) -> None:
        if mode is ZoneMode.SERVING:
            self.modes.pop(zone, None)
            self._delays_s.pop(zone, None)
        else:
            self.modes[zone] = mode
            self._delays_s[zone] = delay_s
        if mode in WRITING:
            self._heal_where_needed()

    def mode(self, zone: str) -> ZoneMode:
        return self.modes.get(zone, ZoneMode.SERVING)

    def delay_s(self, layout: Layout) -> float:
        if not any(self._delays_s.values()):
            return 0.0
        delays = [self._delays_s.get(zone, 0.0) for zone in layout.zones if self.mode(zone) in READING]
        # A quorum answers as soon as its slowest zone does.
        return sorted(delays)[: layout.quorum][-1] if delays else 0.0

    def report(self) -> list[ZoneReport]:
        return [
            ZoneReport(
                zone=zone,
                mode=self.mode(zone),
                delay_s=self._delays_s.get(zone, 0.0),
                entries=part.entries(),
                stored_bytes=part.index.state.stored_bytes,
                dead_bytes=part.dead_bytes(),
                behind=sum(copies.entries_behind(zone) for copies in self.copies_with(zone)),
            )
            for zone, part in sorted(self.parts.items())
        ]

    async def lose(self, zone: str) -> None:
        part = self.parts.get(zone)
        if part is None:
            return
        gone = self._remove_part(zone, part)
        for copies in self.copies_with(zone):
            copies.lost(zone)
        await gone

    def _remove_part(self, zone: str, part: ZonePart) -> Awaitable[None]:
        """Gone at once; what is waited for is only that its bytes are removed."""
        part.abandon()
        del self.parts[zone]
        trash = self._root() / f"{_TRASH}{zone}-{self.counter.next()}"
        part.folder.rename(trash)
        return self._remove_trash(part, trash)

    async def _remove_trash(self, part: ZonePart, trash: Path) -> None:
        await part.stop()
        await asyncio.get_running_loop().run_in_executor(None, shutil.rmtree, trash)

    async def heal(self) -> None:
        self._heal_where_needed()
        while self._healing:
            await asyncio.gather(*self._healing.values())

    async def scrub(self, zone: str) -> ScrubReport:
        return await Scrub(zone, self.part(zone), self.copies_with(zone), self).run()

    def copies_with(self, zone: str) -> list[Copies]:
        return [copies for copies in self._copies.values() if zone in copies.layout.zones]

    def fell_behind(self, copies: Copies) -> None:
        self._heal_where_needed()

    def _heal_where_needed(self) -> None:
        if self._healing_stopped:
            return
        for copies in self._copies.values():
            for zone in copies.behind():
                if self.mode(zone) in WRITING and (copies.layout, zone) not in self._healing:
                    task = asyncio.get_running_loop().create_task(self._heal(copies, zone))
                    self._healing[copies.layout, zone] = task

    async def _heal(self, copies: Copies, zone: str) -> None:
        """Until it is in sync, or cannot be brought there for another reason than a passing one."""
        try:
            while zone in copies.behind() and self.mode(zone) in WRITING:
                try:
                    await Healing(copies, zone, self).run()
                except ZoneUnavailable:
                    return
                except BlobError:
                    await self._clock.sleep(RealSeconds(_RETRY_S))
        finally:
            del self._healing[copies.layout, zone]


def open_storage(folder: Path | None, *, durable: bool, clock: Clock) -> ZonedStorage:
    """The storage in a folder, for `open`. None: in a temporary one, which `close` removes."""
    return ZonedStorage(folder, durable=durable, clock=clock)
