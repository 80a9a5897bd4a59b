"""Opening a zone's store: what its folder holds, whatever happened to it last.

The index says up to where it has read the segments; from there they are read again. A torn end is cut off: it was never
acknowledged. An index that is missing, damaged or from before the machine last stopped is made anew from the segments.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import lmdb
import msgspec

from kowloon.core.errors import ConfigurationError
from kowloon.engines.blob.applying import Applying
from kowloon.engines.blob.frames import (
    FORMAT_VERSION,
    Frame,
    FrameReader,
    Kind,
    blobs_are_whole,
    offset_of,
    place_of,
    segment_of,
)
from kowloon.engines.blob.index import FILE_PLACE, Index, remove_index
from kowloon.engines.blob.rebuild import Rebuilding
from kowloon.engines.blob.segments import Segments

_FORMAT = "kowloon blob store"
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_FRAMES_AT_ONCE = 2000


def recover(folder: Path, segment_bytes: int) -> tuple[int, Segments, Index, int]:
    """The secret, the segments, an index that is complete, and how many places of the segments were damaged.
    ConfigurationError: another version's folder, or not ours."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    secret = identify(folder)
    (folder / "files").mkdir(mode=0o700, exist_ok=True)
    segments = Segments(folder / "segments", segment_bytes)
    boot = _boot_id()
    opened = folder / "opened"
    if opened.exists() and opened.read_text() != boot:
        # The machine stopped while it was open: LMDB was not told to order its writes.
        remove_index(folder / "index")
    opened.touch(mode=0o600)
    opened.write_text(boot)
    index = _open_index(folder, segments)
    log = Log(segments, FrameReader(secret))
    try:
        if index.state.log_end == 0 and segments.size_bytes:
            index.close()
            index = _rebuild(folder, log)
        else:
            _replay(index, log)
    except BaseException:
        index.close()
        segments.close()
        raise
    _remove_orphans(folder, index)
    return secret, segments, index, log.damaged


def mark_closed(folder: Path) -> None:
    (folder / "opened").unlink(missing_ok=True)


def identify(folder: Path) -> int:
    """The secret of a store's frames; a folder that is empty becomes one. ConfigurationError: another version's, or not
    ours."""
    path = folder / "format"
    if not path.exists():
        if (folder / "segments").exists():
            raise ConfigurationError(f"{folder} holds data but not the file `format`; bring it back or move it away")
        secret = secrets.randbits(64)
        made = folder / "format.new"
        made.touch(mode=0o600)
        made.write_text(f"{_FORMAT} {FORMAT_VERSION} {secret:016x}\n")
        made.rename(path)
        return secret
    words = path.read_text().rsplit(" ", 2)
    if len(words) != 3 or words[0] != _FORMAT:
        raise ConfigurationError(f"{path} is not of a store of kowloon; move {folder} away")
    if words[1] != str(FORMAT_VERSION):
        raise ConfigurationError(
            f"{folder} has store format {words[1]}, this version of kowloon reads {FORMAT_VERSION}; "
            "start it with the version that wrote it, or move the folder away to begin anew"
        )
    return int(words[2], 16)


def _boot_id() -> str:
    return _BOOT_ID.read_text().strip() if _BOOT_ID.exists() else ""


def _open_index(folder: Path, segments: Segments) -> Index:
    """One that fits the segments, or an empty one."""
    path = folder / "index"
    try:
        index = Index(path)
    except (lmdb.Error, msgspec.DecodeError, OSError):
        remove_index(path)
        return Index(path)
    log_end = index.state.log_end
    numbers_fit = index.needed_bytes.keys() <= segments.size_bytes.keys() | {segment_of(log_end)}
    if numbers_fit and offset_of(log_end) <= segments.size_bytes.get(segment_of(log_end), 0):
        return index
    index.close()
    remove_index(path)
    return Index(path)


class Log:
    """All frames of a zone, in the order in which they were written. `damaged`: places that had to be left out."""

    def __init__(self, segments: Segments, reader: FrameReader) -> None:
        self.segments = segments
        self.damaged = 0
        self._reader = reader

    def frames(self, start: int, check_from: int) -> Iterator[tuple[int, Frame]]:
        """Segment and frame, from the place `start` on. Blobs of frames from segment `check_from` on are looked at.
        Cuts a torn end off."""
        for number in sorted(self.segments.size_bytes):
            if number < segment_of(start):
                continue
            offset = offset_of(start) if number == segment_of(start) else 0
            with self.segments.contents(number) as data:
                torn = None
                while offset < len(data):
                    frame = self._reader.at(data, offset)
                    good = frame is not None and (number < check_from or self._has_whole_blobs(data, frame))
                    if not good and not self._was_synced(data, number, offset):
                        torn = offset
                        break
                    if frame is None:
                        self.damaged += 1
                        frame = self._reader.next(data, offset + 1)
                        if frame is None:
                            break
                    yield number, frame
                    offset = frame.end
            if torn is not None:
                self._cut(number, torn)
                return

    def _has_whole_blobs(self, data: memoryview, frame: Frame) -> bool:
        if frame.kind is Kind.GROUP:
            return True
        return blobs_are_whole(data, frame, frame.changes().inlined)

    def _was_synced(self, data: memoryview, number: int, offset: int) -> bool:
        """Whether a later frame says that this place was on disk before: then it is damaged, not torn."""
        place = place_of(number, offset)
        if any(frame.synced > place for frame in self._all_after(data, offset + 1)):
            return True
        for following in sorted(self.segments.size_bytes):
            if following > number:
                with self.segments.contents(following) as more:
                    if any(frame.synced > place for frame in self._all_after(more, 0)):
                        return True
        return False

    def _all_after(self, data: memoryview, offset: int) -> Iterator[Frame]:
        while (frame := self._reader.next(data, offset)) is not None:
            yield frame
            offset = frame.end

    def _cut(self, number: int, offset: int) -> None:
        for following in [each for each in self.segments.size_bytes if each > number]:
            self.segments.remove(following).unlink()
        self.segments.current = number
        self.segments.cut(place_of(number, offset))


def _replay(index: Index, log: Log) -> None:
    """What came after the index was last written."""
    end = index.state.log_end
    batch: list[tuple[int, Frame]] = []
    for found in log.frames(end, segment_of(end)):
        batch.append(found)
        if len(batch) == _FRAMES_AT_ONCE:
            _apply(index, batch)
            batch = []
    if batch:
        _apply(index, batch)
    index.state.log_end = log.segments.end


def _apply(index: Index, batch: list[tuple[int, Frame]]) -> None:
    def run(transaction: Any) -> None:
        applying = Applying(index, transaction)
        largest = 0
        for number, frame in batch:
            place = place_of(number, frame.offset)
            largest = max(largest, frame.stamp)
            if frame.kind is Kind.GROUP:
                applying.group(frame.group())
                continue
            records = frame.changes()
            largest = max([largest, *(blob.id for put in records.puts for blob in put.blobs)])
            blobs_at = place_of(number, frame.blobs_at)
            applying.records(frame.kind, frame.stamp, frame.volume, records, place, blobs_at)
        number, frame = batch[-1]
        applying.finish(place_of(number, frame.end), largest)

    index.write_all(run)


def _rebuild(folder: Path, log: Log) -> Index:
    """A half made one says that it has read nothing."""
    remove_index(folder / "index")
    index = Index(folder / "index")
    rebuilding = Rebuilding(index, folder / "files")
    batch: list[tuple[int, Frame]] = []
    for found in log.frames(0, log.segments.current - 1):
        batch.append(found)
        if len(batch) == _FRAMES_AT_ONCE:
            rebuilding.add(batch)
            batch = []
    rebuilding.add(batch)
    rebuilding.finish(log.segments.end)
    return index


def _remove_orphans(folder: Path, index: Index) -> None:
    """Files of writers that were not committed, and of entries that are gone."""
    with os.scandir(folder / "files") as found:
        for file in found:
            try:
                known = index.place(int(file.name, 16)) == FILE_PLACE
            except ValueError:
                known = False
            if not known:
                os.unlink(file.path)
