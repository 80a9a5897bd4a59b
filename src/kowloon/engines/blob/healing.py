"""Makes a zone that has missed something equal to one that has everything, while both go on taking changes.

A pass goes through all volumes of the layout in key order. First it removes what the zone should not have, then it
copies what it lacks, so a blob never has two owners there. New changes go to the zone meanwhile; one that builds on
what is not there yet is left out and makes another pass necessary. A pass that found nothing to do is the proof.
"""

from __future__ import annotations

import asyncio
import itertools
import os
from pathlib import Path

from kowloon.engines.blob.base import Blob, BlobError, DamagedBlob, Entry
from kowloon.engines.blob.contents import Submission, copy_file
from kowloon.engines.blob.copies import Copies, Zones
from kowloon.engines.blob.frames import Kind
from kowloon.engines.blob.records import DeleteRecord, InlinedBlob, PutRecord, Records, encode_records
from kowloon.engines.blob.volume import SMALL_BYTES
from kowloon.wire.http import FileSlice

_ENTRIES_AT_ONCE = 200
_BYTES_AT_ONCE = 1024 * 1024


class Healing:
    """Of one zone in one layout."""

    def __init__(self, copies: Copies, zone: str, zones: Zones) -> None:
        self._copies = copies
        self._zone = zone
        self._zones = zones
        self._part = zones.part(zone)
        self._complete = False
        self._problem: BaseException | None = None

    async def run(self) -> None:
        """Returns when the zone is in sync; BlobError where it cannot be brought there now."""
        copies = self._copies
        copies.healing[self._zone] = self
        try:
            await copies.reader().settled()
            self._check()
            while not await self._pass():
                pass
            # Nothing was awaited since the last look, so nothing was missed.
            copies.write_state([zone for zone in copies.layout.zones if zone in (*copies.in_sync, self._zone)])
            copies.missed.pop(self._zone, None)
        finally:
            del copies.healing[self._zone]

    def failed(self, problem: BaseException) -> None:
        """A change that was given to the zone could not be written."""
        self._problem = problem

    def takes(self, volume: int, records: Records) -> bool:
        """Whether the zone has what a new change builds on."""
        needed = {blob.id for put in records.puts for blob in put.blobs}
        needed.difference_update([blob.id for blob in records.inlined], self._part.unowned)
        if needed:
            for key in itertools.chain((put.key for put in records.puts), (each.key for each in records.deletes)):
                old = self._part.get(volume, key)
                if old is not None:
                    needed.difference_update([blob.id for blob in old.blobs])
        return not needed

    def missed(self) -> None:
        """A new change was not given to the zone."""
        self._complete = False

    async def _pass(self) -> bool:
        """Whether there was nothing to do."""
        self._complete = True
        layout_zones = self._copies.layout.zones
        for mend in (self._remove, self._copy):
            for volume in sorted(self._copies.reader().volumes(layout_zones) | self._part.volumes(layout_zones)):
                start: bytes | None = b""
                while start is not None:
                    start = await mend(volume, start)
        await self._part.settled()
        self._check()
        return self._complete

    async def _remove(self, volume: int, start: bytes) -> bytes | None:
        """A step over what the zone has; where the next one starts, or None after the last."""
        source = self._copies.reader()
        entries = list(itertools.islice(self._part.scan(volume, start, None, False), _ENTRIES_AT_ONCE))
        wrong = [entry.key for entry in entries if source.sequence_of(volume, entry.key) != entry.sequence]
        if wrong:
            stamp = self._zones.counter.next()
            self._submit(volume, stamp, [], [DeleteRecord(key, stamp) for key in wrong], {}, dict.fromkeys(wrong))
        return await self._next(entries)

    async def _copy(self, volume: int, start: bytes) -> bytes | None:
        """A step over what the others have."""
        source = self._copies.reader()
        entries = list(itertools.islice(source.scan(volume, start, None, False), _ENTRIES_AT_ONCE))
        lacking = [entry for entry in entries if self._part.sequence_of(volume, entry.key) != entry.sequence]
        for entry in lacking:
            self._complete = False
            try:
                await self._copy_files(entry)
                self._check()
                # It may have changed meanwhile; then the next pass looks at what it is now.
                if self._copies.reader().sequence_of(volume, entry.key) == entry.sequence:
                    self._copy_entry(volume, entry)
            finally:
                # What the entry has not taken by now nobody will.
                for blob in entry.blobs:
                    self._part.forget(blob.id)
            if self._part.waiting_bytes() > _BYTES_AT_ONCE:
                await self._part.settled()
                self._check()
        return await self._next(entries)

    async def _next(self, entries: list[Entry]) -> bytes | None:
        await self._part.settled()
        await asyncio.sleep(0)
        self._check()
        return entries[-1].key + b"\0" if len(entries) == _ENTRIES_AT_ONCE else None

    def _check(self) -> None:
        if self._problem is not None:
            raise BlobError(f"{self._zone} could not be healed: {self._problem}") from self._problem
        self._copies.check_heals(self._zone)
        if self._zones.part(self._zone) is not self._part:
            raise BlobError(f"{self._zone} has lost its disks while it was healed")

    async def _copy_files(self, entry: Entry) -> None:
        for blob in entry.blobs:
            if self._part.has_blob(blob.id):
                continue
            for source in self._copies.readers():
                try:
                    original = source.file_of(blob)
                except DamagedBlob:
                    continue
                if original is None:
                    break
                if await self._copy_file(blob, original):
                    break
                self._check()

    async def _copy_file(self, blob: Blob, original: FileSlice) -> bool:
        path = self._part.file_name(blob.id)
        try:
            if os.access(path, os.F_OK):
                # Freed here, and not removed yet.
                await self._part.remove_freed()
                self._check()
            check = await asyncio.get_running_loop().run_in_executor(None, copy_file, original, Path(path))
        except OSError as problem:
            raise BlobError(f"{self._zone} could not be healed: {problem}") from problem
        finally:
            os.close(original.descriptor)
        self._part.unowned.add(blob.id)
        if check != blob.crc64:
            self._part.forget(blob.id)
            await self._part.remove_freed()
        return check == blob.crc64

    def _copy_entry(self, volume: int, entry: Entry) -> None:
        data: dict[InlinedBlob, bytes] = {}
        for blob in entry.blobs:
            if blob.id in self._part.unowned:
                continue
            if self._part.has_blob(blob.id):
                # It was moved meanwhile, and its old entry is still here: the next pass begins with that.
                return
            for source in self._copies.readers():
                try:
                    if blob.size_bytes <= SMALL_BYTES:
                        data[InlinedBlob(blob.id, blob.size_bytes, blob.crc64)] = source.read(blob, 0, blob.size_bytes)
                    break
                except DamagedBlob:
                    # What no zone has whole is damaged here too.
                    continue
        stamp = self._zones.counter.next()
        put = PutRecord(entry.key, entry.value, entry.blobs, entry.sequence, stamp)
        self._submit(volume, stamp, [put], [], data, {entry.key: entry})

    def _submit(
        self,
        volume: int,
        stamp: int,
        puts: list[PutRecord],
        deletes: list[DeleteRecord],
        data: dict[InlinedBlob, bytes],
        entries: dict[bytes, Entry | None],
    ) -> None:
        self._complete = False
        records = Records(self._copies.layout.zones, puts, deletes, list(data))
        encoded = encode_records(records)
        self._part.submit(
            Submission(Kind.REPAIR, stamp, volume, records, encoded, list(data.values()), entries, self._reported)
        )

    def _reported(self, problem: BaseException | None) -> None:
        if problem is not None:
            self.failed(problem)
