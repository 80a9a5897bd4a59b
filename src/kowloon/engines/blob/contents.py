"""What one zone has, as it is seen: its index, and over it what was submitted and is not written yet."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

from fastcrc import crc64

from kowloon.engines.blob import recovery
from kowloon.engines.blob.base import Blob, DamagedBlob, Entry
from kowloon.engines.blob.frames import Kind, offset_of, segment_of
from kowloon.engines.blob.index import FILE_PLACE
from kowloon.engines.blob.packing import origin_of, unpack_entry
from kowloon.engines.blob.records import GroupState, Records
from kowloon.wire.http import FileSlice

_COPY_BYTES: Final = 1 << 20


class Submission:
    """A frame on its way. `entries`: what is seen of it at once; `files`: whose blobs it gives to them; `report` hears
    how it ended."""

    __slots__ = ("blobs", "encoded", "entries", "files", "kind", "payload", "place", "report", "stamp", "volume")

    def __init__(
        self,
        kind: Kind,
        stamp: int,
        volume: int,
        payload: Records | GroupState,
        encoded: bytes,
        blobs: list[bytes],
        entries: dict[bytes, Entry | None],
        report: Callable[[BaseException | None], None],
    ) -> None:
        self.kind = kind
        self.stamp = stamp
        self.volume = volume
        self.payload = payload
        self.encoded = encoded
        self.blobs = blobs
        self.entries = entries
        self.report = report
        self.place = 0
        self.files: list[int] = []


class _Pending(NamedTuple):
    stamp: int
    entry: Entry | None


class Contents:
    """Of the folder of one zone. `damaged_frames`: places of its log that had to be left out when it was opened."""

    def __init__(self, folder: Path, segment_bytes: int) -> None:
        self.folder = folder
        self.files = folder / "files"
        self._file_names = f"{self.files}/"
        self.secret, self.segments, self.index, self.damaged_frames = recovery.recover(folder, segment_bytes)
        #: Files of finished writers and duplicates that no entry has yet.
        self.unowned: set[int] = set()
        #: Those of them that a submitted change gives to an entry.
        self.claimed: set[int] = set()
        self._pending: dict[int, dict[bytes, _Pending]] = {}
        #: Zones of the volumes in it.
        self._pending_zones: dict[int, tuple[str, ...]] = {}
        self._fresh: dict[int, bytes] = {}

    def show(self, submission: Submission) -> None:
        """It is seen from now on, until `forget_submission`."""
        payload = submission.payload
        if not isinstance(payload, Records):
            return
        if submission.entries:
            self._pending_zones[submission.volume] = payload.zones
            pending = self._pending.setdefault(submission.volume, {})
            stamp = submission.stamp
            for key, entry in submission.entries.items():
                pending[key] = _Pending(stamp, entry)
        for inlined, data in zip(payload.inlined, submission.blobs, strict=True):
            self._fresh[inlined.id] = data
        if self.unowned:
            given = {blob.id for put in payload.puts for blob in put.blobs}
            submission.files = sorted(given & self.unowned)
            self.unowned.difference_update(submission.files)
            self.claimed.update(submission.files)

    def forget_submission(self, item: Submission) -> None:
        """What was submitted is in the index, or never will be."""
        if item.entries:
            pending = self._pending[item.volume]
            for key in item.entries:
                found = pending.get(key)
                if found is not None and found.stamp <= item.stamp:
                    del pending[key]
            if not pending:
                del self._pending[item.volume], self._pending_zones[item.volume]
        if isinstance(item.payload, Records):
            for inlined in item.payload.inlined:
                self._fresh.pop(inlined.id, None)

    def is_pending(self, volume: int, key: bytes) -> bool:
        return key in self._pending.get(volume, ())

    def waiting_bytes(self) -> int:
        """Of small blobs that are on their way."""
        return sum(map(len, self._fresh.values()))

    def get(self, volume: int, key: bytes) -> Entry | None:
        pending = self._pending.get(volume)
        if pending is not None:
            found = pending.get(key)
            if found is not None:
                return found.entry
        return self.index.get(volume, key)

    def scan(self, volume: int, start: bytes, end: bytes | None, reverse: bool) -> Iterator[Entry]:
        stored = self.index.scan(volume, start, end, reverse)
        pending = self._pending.get(volume)
        if pending is not None:
            names = sorted((key for key in pending if start <= key and (end is None or key < end)), reverse=reverse)
            if names:
                return self._merged(stored, pending, names, reverse)
        return (unpack_entry(key, raw) for key, raw in stored)

    def values(self, volume: int, start: bytes, end: bytes) -> Iterator[tuple[bytes, bytes]]:
        """What `scan` gives, without blobs."""
        if self._pending.get(volume):
            return ((entry.key, entry.value) for entry in self.scan(volume, start, end, False))
        return self.index.values(volume, start, end)

    def _merged(
        self, stored: Iterator[tuple[bytes, bytes]], pending: dict[bytes, _Pending], names: list[bytes], reverse: bool
    ) -> Iterator[Entry]:
        names.reverse()
        for key, raw in stored:
            while names and (names[-1] > key if reverse else names[-1] < key):
                entry = pending[names.pop()].entry
                if entry is not None:
                    yield entry
            if names and names[-1] == key:
                entry = pending[names.pop()].entry
                if entry is not None:
                    yield entry
            else:
                yield unpack_entry(key, raw)
        while names:
            entry = pending[names.pop()].entry
            if entry is not None:
                yield entry

    def sequence_of(self, volume: int, key: bytes) -> int | None:
        pending = self._pending.get(volume)
        if pending is not None:
            found = pending.get(key)
            if found is not None:
                return found.entry.sequence if found.entry is not None else None
        raw = self.index.raw(volume, key)
        return origin_of(raw)[0] if raw is not None else None

    def volumes(self, zones: tuple[str, ...]) -> set[int]:
        """Those of a layout that something was kept in, or is going to be."""
        written = {id for id, state in self.index.volumes.items() if state.zones == zones}
        return written | {id for id, its_zones in self._pending_zones.items() if its_zones == zones}

    def entries_of(self, zones: tuple[str, ...]) -> int:
        return sum(state.entries for state in self.index.volumes.values() if state.zones == zones)

    def group(self, zones: tuple[str, ...]) -> GroupState | None:
        """What it knew of its group when it was opened; None where something of its history is missing."""
        return None if self.damaged_frames else self.index.groups.get(zones)

    def file_of(self, blob: Blob) -> FileSlice | None:
        """The open file of a blob that has one of its own."""
        place = self._place(blob)
        return self.slice(blob, 0, blob.size_bytes) if place == FILE_PLACE else None

    def entries(self) -> int:
        return sum(volume.entries for volume in self.index.volumes.values())

    def dead_bytes(self) -> int:
        return max(sum(self.segments.size_bytes.values()) - sum(self.index.needed_bytes.values()), 0)

    def has_blob(self, blob_id: int) -> bool:
        if blob_id in self._fresh or blob_id in self.unowned or blob_id in self.claimed:
            return True
        return self.index.place(blob_id) is not None

    def is_owned(self, blob_id: int) -> bool:
        """Whether an entry has it, or is going to."""
        return blob_id not in self.unowned and self.has_blob(blob_id)

    def read(self, blob: Blob, offset: int, size_bytes: int) -> bytes:
        """DamagedBlob: not all there, or, of a whole small blob, not as it was written."""
        if self._fresh:
            fresh = self._fresh.get(blob.id)
            if fresh is not None:
                return fresh[offset : offset + size_bytes]
        whole = size_bytes == blob.size_bytes
        if whole:
            known = self.index.known_blob(blob.id)
            if known is not None:
                return known
        place = self._place(blob)
        try:
            if place == FILE_PLACE:
                with self._open_file(blob) as descriptor:
                    data = os.pread(descriptor, size_bytes, offset)
            else:
                data = self.segments.read(place + offset, size_bytes)
        except OSError as problem:
            raise DamagedBlob(f"blob {blob.id} cannot be read: {problem}") from problem
        if len(data) != size_bytes:
            raise DamagedBlob(f"blob {blob.id} ends early")
        if place != FILE_PLACE and whole:
            if crc64.xz(data) != blob.crc64:
                raise DamagedBlob(f"blob {blob.id} is not as it was written")
            self.index.learn_blob(blob.id, data)
        return data

    def slice(self, blob: Blob, offset: int, size_bytes: int) -> FileSlice:
        fresh = self._fresh.get(blob.id)
        if fresh is not None:
            with tempfile.TemporaryFile(dir=self.files) as file:
                file.write(fresh)
                file.flush()
                return FileSlice(os.dup(file.fileno()), offset, size_bytes)
        place = self._place(blob)
        try:
            if place == FILE_PLACE:
                descriptor = os.open(self.file_name(blob.id), os.O_RDONLY | os.O_CLOEXEC)
                return FileSlice(descriptor, offset, size_bytes)
            return FileSlice(os.dup(self.segments.descriptor(segment_of(place))), offset_of(place) + offset, size_bytes)
        except FileNotFoundError as problem:
            raise DamagedBlob(f"blob {blob.id} is gone") from problem

    def _place(self, blob: Blob) -> int:
        place = self.index.place(blob.id)
        if place is None:
            if blob.id not in self.unowned and blob.id not in self.claimed:
                raise DamagedBlob(f"blob {blob.id} is not here")
            return FILE_PLACE
        return place

    @contextlib.contextmanager
    def _open_file(self, blob: Blob) -> Iterator[int]:
        descriptor = os.open(self.file_name(blob.id), os.O_RDONLY | os.O_CLOEXEC)
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    def file_name(self, blob_id: int) -> str:
        """The path of a blob's file: text, because each large upload asks for several."""
        return self._file_names + "%016x" % blob_id  # noqa: UP031 (thrice as fast, compiled)

    def duplicate_file(self, blob: Blob, id: int, original: FileSlice) -> None:
        """In a thread: another name for the file of a blob where it lies here, else its bytes from `original`."""
        path = self.file_name(id)
        try:
            os.link(self.file_name(blob.id), path)
        except OSError:
            copy_file(original, Path(path))


def copy_file(original: FileSlice, path: Path) -> int:
    """A new file with the bytes of an open one; their CRC-64. OSError leaves none."""
    check = 0
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        offset, end = original.offset, original.offset + original.size_bytes
        while offset < end:
            data = os.pread(original.descriptor, min(_COPY_BYTES, end - offset), offset)
            if not data:
                raise OSError("the original ends early")
            check = crc64.xz(data, check)
            offset += len(data)
            while data:
                data = data[os.write(descriptor, data) :]
    except OSError:
        path.unlink(missing_ok=True)
        raise
    finally:
        os.close(descriptor)
    return check
