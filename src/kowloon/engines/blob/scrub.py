"""Looks at every blob of a zone, and mends what is not as it was written from a zone that has it whole."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
from pathlib import Path

from fastcrc import crc64

from kowloon.engines.blob.base import Blob, DamagedBlob, Entry, ScrubReport, ZoneUnavailable
from kowloon.engines.blob.contents import Submission, copy_file
from kowloon.engines.blob.copies import Copies, Zones
from kowloon.engines.blob.frames import Kind
from kowloon.engines.blob.part import ZonePart
from kowloon.engines.blob.records import InlinedBlob, PutRecord, Records, encode_records
from kowloon.engines.blob.segments import flush
from kowloon.wire.http import FileSlice

_ENTRIES_AT_ONCE = 64
_READ_BYTES = 1 << 20


class Scrub:
    """Of one zone, while it goes on serving."""

    def __init__(self, zone: str, part: ZonePart, groups: list[Copies], zones: Zones) -> None:
        self._zone = zone
        self._part = part
        self._groups = {copies.layout.zones: copies for copies in groups}
        self._zones = zones
        self._checked = self._damaged = self._repaired = 0

    async def run(self) -> ScrubReport:
        for volume, state in sorted(self._part.index.volumes.items()):
            start: bytes | None = b""
            while start is not None:
                entries = list(itertools.islice(self._part.scan(volume, start, None, False), _ENTRIES_AT_ONCE))
                await self._check(volume, state.zones, entries)
                start = entries[-1].key + b"\0" if len(entries) == _ENTRIES_AT_ONCE else None
        return ScrubReport(
            zone=self._zone,
            checked=self._checked,
            damaged=self._damaged,
            repaired=self._repaired,
            lost=self._damaged - self._repaired,
        )

    async def _check(self, volume: int, zones: tuple[str, ...], entries: list[Entry]) -> None:
        for entry in entries:
            for blob in entry.blobs:
                self._checked += 1
                if await self._is_whole(blob):
                    continue
                # It may have been freed, or moved to another place, while it was looked at.
                if self._part.sequence_of(volume, entry.key) != entry.sequence or await self._is_whole(blob):
                    continue
                self._damaged += 1
                if await self._repair(volume, zones, entry, blob):
                    self._repaired += 1

    async def _is_whole(self, blob: Blob) -> bool:
        try:
            found = self._part.slice(blob, 0, blob.size_bytes)
        except DamagedBlob:
            return False
        whole = await asyncio.get_running_loop().run_in_executor(None, _matches, found, blob.crc64)
        if self._part.broken is not None:
            raise ZoneUnavailable([self._zone], f"{self._zone}: {self._part.broken}")
        return whole

    async def _repair(self, volume: int, zones: tuple[str, ...], entry: Entry, blob: Blob) -> bool:
        copies = self._groups.get(zones)
        try:
            others = [part for part in copies.readers() if part is not self._part] if copies is not None else []
        except ZoneUnavailable:
            others = []
        for other in others:
            with contextlib.suppress(DamagedBlob):
                original = other.file_of(blob)
                if original is not None:
                    return await self._replace_file(blob, original)
                data = other.read(blob, 0, blob.size_bytes)
                return await self._write_again(volume, zones, entry, blob, data)
        return False

    async def _write_again(self, volume: int, zones: tuple[str, ...], entry: Entry, blob: Blob, data: bytes) -> bool:
        if self._part.sequence_of(volume, entry.key) != entry.sequence:
            return True
        stamp = self._zones.counter.next()
        put = PutRecord(entry.key, entry.value, entry.blobs, entry.sequence, stamp)
        records = Records(zones, [put], [], [InlinedBlob(blob.id, blob.size_bytes, blob.crc64)])
        written: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        encoded = encode_records(records)
        self._part.submit(
            Submission(
                Kind.REPAIR,
                stamp,
                volume,
                records,
                encoded,
                [data],
                {entry.key: entry},
                lambda problem: written.set_result(problem is None),
            )
        )
        return await written

    async def _replace_file(self, blob: Blob, original: FileSlice) -> bool:
        path = Path(self._part.file_name(blob.id))
        try:
            return await asyncio.get_running_loop().run_in_executor(None, _replace, original, path, blob.crc64)
        finally:
            os.close(original.descriptor)


def _matches(found: FileSlice, expected: int) -> bool:
    """Closes it."""
    check, offset, end = 0, found.offset, found.offset + found.size_bytes
    try:
        while offset < end:
            data = os.pread(found.descriptor, min(_READ_BYTES, end - offset), offset)
            if not data:
                return False
            check = crc64.xz(data, check)
            offset += len(data)
    except OSError:
        return False
    finally:
        os.close(found.descriptor)
    return check == expected


def _replace(original: FileSlice, path: Path, expected: int) -> bool:
    made = path.with_suffix(".repair")
    made.unlink(missing_ok=True)
    if copy_file(original, made) != expected:
        made.unlink()
        return False
    flush([made])
    made.rename(path)
    return True
