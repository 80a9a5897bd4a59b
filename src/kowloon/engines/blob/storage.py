"""All zones of one cloud, in one folder: `<folder>/<zone>/`."""

from __future__ import annotations

import asyncio
import fcntl
import itertools
import os
import shutil
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from kowloon.core.clock import Clock
from kowloon.core.errors import ConfigurationError
from kowloon.engines.blob.base import Delete, Layout, ZoneMode
from kowloon.engines.blob.copies import READING, Copies
from kowloon.engines.blob.part import Counter, ZonePart
from kowloon.engines.blob.volume import SMALL_BYTES, CopiedVolume
from kowloon.engines.blob.writer import FileWriter, Target

_HASHING_THREADS = 2
_DROPPED_AT_ONCE = 200


class ZonedStorage:
    """See `base.ObjectStorage`. `folder` None keeps everything in a temporary folder until `close`."""

    small_bytes = SMALL_BYTES

    def __init__(self, folder: Path | None, *, durable: bool, clock: Clock) -> None:
        self.counter = Counter()
        self._folder = folder
        self._temporary: Path | None = None
        self._durable = durable
        self._clock = clock
        self._parts: dict[str, ZonePart] = {}
        self._modes: dict[str, ZoneMode] = {}
        self._delays_s: dict[str, float] = {}
        self._copies: dict[Layout, Copies] = {}
        self._volumes: dict[int, CopiedVolume] = {}
        self._threads = ThreadPoolExecutor(_HASHING_THREADS, thread_name_prefix="blob")
        self._lock: int | None = None

    # Opening and closing

    async def open(self) -> None:
        if self._folder is None:
            return
        if self._folder.exists():
            self._claim()
            zones = sorted(path.name for path in self._folder.iterdir() if path.is_dir())
            loop = asyncio.get_running_loop()
            for zone in zones:
                self._parts[zone] = await loop.run_in_executor(None, self._open_part, zone)

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
        return ZonePart(self._root() / zone, self.counter, durable=self._durable)

    def part(self, zone: str) -> ZonePart:
        found = self._parts.get(zone)
        if found is None:
            self._claim()
            found = self._parts[zone] = self._open_part(zone)
        return found

    async def close(self) -> None:
        for part in self._parts.values():
            await part.close()
        self._parts.clear()
        self._forget_everything()
        await asyncio.get_running_loop().run_in_executor(None, self._threads.shutdown)
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None
        if self._temporary is not None:
            shutil.rmtree(self._temporary, ignore_errors=True)
            self._temporary = None

    async def wipe(self) -> None:
        loop = asyncio.get_running_loop()
        for zone in list(self._parts):
            part = self._parts.pop(zone)
            await part.abandon()
            await loop.run_in_executor(None, shutil.rmtree, part.folder)
        self._forget_everything()

    def _forget_everything(self) -> None:
        self._copies.clear()
        self._volumes.clear()
        self._modes.clear()
        self._delays_s.clear()

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
        targets = [Target(part, part.file_path(id)) for part in copies.writing_parts()]
        return FileWriter(id, targets, copies, self._threads, self._durable)

    # Zones

    def set_mode(self, zone: str, mode: ZoneMode, delay_s: float = 0.0) -> None:
        self._modes[zone] = mode
        self._delays_s[zone] = delay_s

    def mode(self, zone: str) -> ZoneMode:
        return self._modes.get(zone, ZoneMode.SERVING)

    def delay_s(self, layout: Layout) -> float:
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
                behind=0,
            )
            for zone, part in sorted(self._parts.items())
        ]

    async def lose(self, zone: str) -> None:
        part = self._parts.pop(zone, None)
        if part is not None:
            await part.abandon()
            await asyncio.get_running_loop().run_in_executor(None, shutil.rmtree, part.folder)

    async def heal(self) -> None:
        raise NotImplementedError

    async def scrub(self, zone: str) -> ScrubReport:
        raise NotImplementedError

    def fell_behind(self, copies: Copies) -> None:
        pass


def open_storage(folder: Path | None, *, durable: bool, clock: Clock) -> ZonedStorage:
    """The storage in a folder, for `open`. None: in a temporary one, which `close` removes."""
    return ZonedStorage(folder, durable=durable, clock=clock)
