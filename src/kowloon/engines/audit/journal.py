"""A journal of small records in files that are memory: what `append` took outlives the process, without a system call.

Each file is mapped, and its pages are the kernel's: kill -9 loses nothing of them. A loss of power may cost the last
seconds. A record is its length, its CRC-32 and its bytes; the bytes are written first, so a record is there whole or
not at all. A position is an offset over all files; old files go when there are too many.
"""

from __future__ import annotations

import mmap
import os
import re
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from fastcrc import crc32

from kowloon.core.errors import ConfigurationError

SEGMENT_BYTES: Final = 8 * 1024 * 1024
MOST_BYTES: Final = 256 * 1024 * 1024
MOST_RECORD_BYTES: Final = 1024 * 1024

_MAGIC: Final = b"kwj1"
_SUFFIX: Final = ".journal"
_UNFINISHED: Final = ".new"
_NAME: Final = re.compile(r"[0-9a-f]{16}")
# Length and check.
_HEAD: Final = struct.Struct("<II")
_HEAD_BYTES: Final = _HEAD.size


class _Segment:
    """One file, or memory alone without a path. `start` is the position of its first byte."""

    def __init__(self, path: Path | None, start: int, memory: mmap.mmap) -> None:
        self.path = path
        self.start = start
        self.memory = memory
        self.size_bytes = len(memory)

    def at(self, offset: int) -> bytes | None:
        """The record at an offset; None where there is none, or none that is whole."""
        if offset + _HEAD_BYTES > self.size_bytes:
            return None
        length, check = _HEAD.unpack_from(self.memory, offset)
        if length == 0 or offset + _HEAD_BYTES + length > self.size_bytes:
            return None
        record = self.memory[offset + _HEAD_BYTES : offset + _HEAD_BYTES + length]
        return record if crc32.iso_hdlc(record) == check else None

    def end(self) -> int:
        """The offset behind the last whole record."""
        offset = len(_MAGIC)
        while (record := self.at(offset)) is not None:
            offset += _HEAD_BYTES + len(record)
        return offset

    def close(self, *, remove: bool = False) -> None:
        self.memory.close()
        if remove and self.path is not None:
            self.path.unlink(missing_ok=True)


class Journal:
    """Records in the order of `append`. Without a folder it lives as long as the process. Raises ConfigurationError
    for a folder that holds something else, OSError where the disk has no room for another file."""

    def __init__(
        self, folder: Path | None, *, segment_bytes: int = SEGMENT_BYTES, most_bytes: int = MOST_BYTES
    ) -> None:
        self._folder = folder
        self._segment_bytes = segment_bytes
        self._most_record_bytes = min(MOST_RECORD_BYTES, segment_bytes // 2)
        self._most = max(2, most_bytes // segment_bytes)
        self._segments: list[_Segment] = []
        if folder is not None:
            folder.mkdir(mode=0o700, exist_ok=True)
            for path in folder.glob(f"*{_UNFINISHED}"):
                path.unlink()
            self._segments = [_open(path) for path in sorted(folder.glob(f"*{_SUFFIX}"))]
        if not self._segments:
            self._segments.append(self._new_segment(0))
        self._offset = self._last.end()

    @property
    def _last(self) -> _Segment:
        return self._segments[-1]

    @property
    def first(self) -> int:
        """The position of the oldest record that is left."""
        return self._segments[0].start

    @property
    def end(self) -> int:
        """The position behind the newest record."""
        return self._last.start + self._offset

    def append(self, record: bytes) -> None:
        """Kept when it returns. ValueError for more than MOST_RECORD_BYTES."""
        size_bytes = len(record)
        if not 0 < size_bytes <= self._most_record_bytes:
            raise ValueError(f"a record of {size_bytes} bytes cannot be kept")
        segment, offset = self._segments[-1], self._offset
        end = offset + _HEAD_BYTES + size_bytes
        if end > segment.size_bytes:
            self._begin_segment()
            segment, offset = self._segments[-1], self._offset
            end = offset + _HEAD_BYTES + size_bytes
        memory = segment.memory
        memory[offset + _HEAD_BYTES : end] = record
        # Now it is there.
        _HEAD.pack_into(memory, offset, size_bytes, crc32.iso_hdlc(record))
        self._offset = end

    def read(self, position: int) -> Iterator[tuple[int, bytes]]:
        """Records from a position on, each with the position behind it. From the oldest where that is gone."""
        for segment in tuple(self._segments):
            offset = max(position - segment.start, len(_MAGIC))
            while (record := segment.at(offset)) is not None:
                offset += _HEAD_BYTES + len(record)
                yield segment.start + offset, record

    def clear(self) -> None:
        """Forget everything; positions go on."""
        end = self.end
        for segment in self._segments:
            segment.close(remove=True)
        self._segments = [self._new_segment(end)]
        self._offset = self._last.end()

    def close(self) -> None:
        for segment in self._segments:
            segment.close()

    def _begin_segment(self) -> None:
        self._segments.append(self._new_segment(self._last.start + self._last.size_bytes))
        self._offset = self._last.end()
        while len(self._segments) > self._most:
            self._segments.pop(0).close(remove=True)

    def _new_segment(self, start: int) -> _Segment:
        if self._folder is None:
            memory, path = mmap.mmap(-1, self._segment_bytes), None
            memory[: len(_MAGIC)] = _MAGIC
        else:
            path = self._folder / f"{start:016x}{_SUFFIX}"
            _make(path, self._segment_bytes)
            memory = _map(path)
        return _Segment(path, start, memory)


def _make(path: Path, size_bytes: int) -> None:
    """A file of that size, there as a whole or not at all."""
    fresh = path.with_suffix(_UNFINISHED)
    descriptor = os.open(fresh, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        # A page that cannot be had is an error here; behind a mapping it would be the end of the process.
        os.posix_fallocate(descriptor, 0, size_bytes)
        os.pwrite(descriptor, _MAGIC, 0)
    finally:
        os.close(descriptor)
    fresh.rename(path)


def _open(path: Path) -> _Segment:
    with path.open("rb") as file:
        magic = file.read(len(_MAGIC))
    if magic != _MAGIC or _NAME.fullmatch(path.stem) is None:
        raise ConfigurationError(f"{path} is not a journal of kowloon; move it away")
    return _Segment(path, int(path.stem, 16), _map(path))


def _map(path: Path) -> mmap.mmap:
    with path.open("r+b") as file:
        return mmap.mmap(file.fileno(), 0)
