"""A zone's append-only files."""

from __future__ import annotations

import contextlib
import mmap
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from kowloon.engines.blob.frames import offset_of, place_of, segment_of

SEGMENT_BYTES: Final = 256 * 1024 * 1024
_OPEN_FILES: Final = 64
_VECTORS: Final = 1000
_REMOVED: Final = ".removed"


class Segments:
    """Numbered files; only the newest one grows. `size_bytes` by number. Not for two threads at once."""

    def __init__(self, folder: Path, segment_bytes: int) -> None:
        self.folder = folder
        self.segment_bytes = segment_bytes
        folder.mkdir(mode=0o700, exist_ok=True)
        for removed in folder.glob(f"*{_REMOVED}"):
            removed.unlink()
        self.size_bytes: dict[int, int] = {
            int(name.stem, 16): name.stat().st_size for name in sorted(folder.glob("*.segment"))
        }
        self._open: dict[int, int] = {}
        #: The newest segment; 0: none yet.
        self.current = max(self.size_bytes, default=0)
        #: What lies before this place is on disk.
        self.synced = 0

    @property
    def end(self) -> int:
        return place_of(self.current, self.size_bytes.get(self.current, 0))

    def path(self, number: int) -> Path:
        return self.folder / f"{number:08x}.segment"

    def descriptor(self, number: int) -> int:
        found = self._open.get(number)
        if found is None:
            while len(self._open) >= _OPEN_FILES:
                os.close(self._open.pop(next(iter(self._open))))
            found = self._open[number] = os.open(self.path(number), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        return found

    def append(self, pieces: Sequence[bytes]) -> int:
        """The place where they begin. They lie in one segment; OSError: nothing of them is there."""
        if self.current == 0 or self.size_bytes[self.current] >= self.segment_bytes:
            self.begin()
        number = self.current
        start = offset = self.size_bytes[number]
        descriptor = self.descriptor(number)
        try:
            for first in range(0, len(pieces), _VECTORS):
                offset = _write_all(descriptor, pieces[first : first + _VECTORS], offset)
        except OSError:
            self.cut(place_of(number, start))
            raise
        self.size_bytes[number] = offset
        return place_of(number, start)

    def begin(self) -> None:
        """A new segment takes what comes from now on."""
        self.descriptor(self.current + 1)
        self.current += 1
        self.size_bytes[self.current] = 0

    def cut(self, place: int) -> None:
        """Forget what lies at and after a place of the newest segment."""
        number, size_bytes = segment_of(place), offset_of(place)
        os.ftruncate(self.descriptor(number), size_bytes)
        self.size_bytes[number] = size_bytes

    def read(self, place: int, size_bytes: int) -> bytes:
        number = segment_of(place)
        return os.pread(self._open.get(number) or self.descriptor(number), size_bytes, offset_of(place))

    def unsynced(self) -> tuple[int, list[Path]]:
        """The end of the log, and the files to flush for it: for `flush` in a thread, then `mark_synced`."""
        first, last = segment_of(self.synced), self.current
        paths = [self.path(number) for number in self.size_bytes if first <= number <= last]
        return self.end, [self.folder, *paths] if first != last else paths

    def mark_synced(self, end: int) -> None:
        self.synced = max(self.synced, end)

    @contextlib.contextmanager
    def contents(self, number: int) -> Iterator[memoryview]:
        """A segment as memory that belongs to the file."""
        if self.size_bytes[number] == 0:
            yield memoryview(b"")
            return
        with mmap.mmap(self.descriptor(number), self.size_bytes[number], prot=mmap.PROT_READ) as mapped:
            view = memoryview(mapped)
            try:
                yield view
            finally:
                view.release()

    def remove(self, number: int) -> Path:
        """It is none any more. What is left is a file to unlink: of a large one that takes a while."""
        descriptor = self._open.pop(number, None)
        if descriptor is not None:
            os.close(descriptor)
        del self.size_bytes[number]
        return self.path(number).rename(self.path(number).with_suffix(_REMOVED))

    def close(self) -> None:
        while self._open:
            os.close(self._open.popitem()[1])


def flush(paths: Sequence[Path]) -> None:
    """Files and folders are on disk."""
    for path in paths:
        with contextlib.suppress(FileNotFoundError), opened(path) as descriptor:
            os.fdatasync(descriptor)


@contextlib.contextmanager
def opened(path: Path) -> Iterator[int]:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _write_all(descriptor: int, pieces: Sequence[bytes], offset: int) -> int:
    total = sum(map(len, pieces))
    written = os.pwritev(descriptor, pieces, offset)
    while written < total:
        # Rare (a full disk, a signal): what is left is joined and tried again, until the system says why.
        rest = b"".join(pieces)[written:]
        written += os.pwrite(descriptor, rest, offset + written)
    return offset + total
