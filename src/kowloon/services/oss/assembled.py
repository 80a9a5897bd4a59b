"""The bytes of objects, also of those that are assembled from many parts.

An object that is completed from many parts leaves them where they are. Its entry has one blob, the list of its parts,
and its metadata name the upload, so that whatever happens to the object is a small change, however many they are. The
list: for each part where it ends in the object (64 bits), then for each its number (16 bits), the lowest byte first.
"""

from __future__ import annotations

import sys
from array import array
from bisect import bisect_right
from collections.abc import Generator, Iterator, Sequence
from itertools import accumulate

from kowloon.core.ids import Ids
from kowloon.engines.blob.base import Blob, BlobError, Change, DamagedBlob, Delete, Put, Volume
from kowloon.services.oss import keys
from kowloon.services.oss.leftovers import Hold, all_gone
from kowloon.services.oss.space import Space, Stored
from kowloon.wire.http import FileSlice

Piece = tuple[Blob, int, int]

_COPIED_AT_ONCE = 8


class PartList:
    """Of one assembled object."""

    def __init__(self, numbers: Sequence[int], ends: Sequence[int]) -> None:
        self.numbers = numbers
        self.ends = ends

    @classmethod
    def of(cls, numbers: Sequence[int], sizes_bytes: Sequence[int]) -> PartList:
        return cls(array("H", numbers), array("Q", accumulate(sizes_bytes)))

    @classmethod
    def read(cls, raw: bytes) -> PartList:
        count = len(raw) // 10
        return cls(_little_endian(array("H", raw[8 * count :])), _little_endian(array("Q", raw[: 8 * count])))

    def packed(self) -> bytes:
        return _little_endian(array("Q", self.ends)).tobytes() + _little_endian(array("H", self.numbers)).tobytes()

    def range(self, start: int, size_bytes: int) -> Iterator[tuple[int, int, int]]:
        """Numbers of the parts that make up a range, each with the offset and length in it."""
        index, end = bisect_right(self.ends, start), start + size_bytes
        while start < end:
            begin = self.ends[index - 1] if index else 0
            length = min(end, self.ends[index]) - start
            if length:
                yield self.numbers[index], start - begin, length
            start += length
            index += 1


def _little_endian(values: array[int]) -> array[int]:
    if sys.byteorder == "big":
        values.byteswap()
    return values


def list_of(volume: Volume, stored: Stored) -> PartList:
    (listed,) = stored.entry.blobs
    return PartList.read(volume.read(listed))


def pieces(volume: Volume, stored: Stored, start: int, size_bytes: int) -> Iterator[Piece]:
    """The blobs that make up a range of an object, each with the offset and length in it. Parts of an assembled object
    are looked up as they are reached; DamagedBlob for one that is gone by then."""
    upload_id = stored.meta.upload_id
    if not upload_id:
        yield from _pieces_of(stored.entry.blobs, start, size_bytes)
        return
    for number, offset, length in list_of(volume, stored).range(start, size_bytes):
        yield from _pieces_of(_part(volume, upload_id, number), offset, length)


def _part(volume: Volume, upload_id: str, number: int) -> tuple[Blob, ...]:
    entry = volume.get(keys.part(upload_id, number))
    if entry is None:
        raise DamagedBlob(f"part {number} of the upload {upload_id} is gone")
    return entry.blobs


def _pieces_of(blobs: Sequence[Blob], start: int, size_bytes: int) -> Iterator[Piece]:
    for blob in blobs:
        if size_bytes <= 0:
            return
        if start < blob.size_bytes:
            length = min(size_bytes, blob.size_bytes - start)
            yield blob, start, length
            size_bytes -= length
            start = 0
        else:
            start -= blob.size_bytes


class PartFiles:
    """A range of an assembled object as files that are opened when they are reached; see `wire.http.FileSource`. Its
    parts stay until `close`, whatever becomes of the object."""

    def __init__(self, space: Space, stored: Stored, start: int, size_bytes: int) -> None:
        self.size_bytes = size_bytes
        self._volume = space.volume
        self._hold = space.hold(stored)
        self._slices = self._opened(stored, start)

    def _opened(self, stored: Stored, start: int) -> Generator[FileSlice]:
        for piece in pieces(self._volume, stored, start, self.size_bytes):
            files = self._volume.slices(*piece)
            try:
                yield from files
            finally:
                self._volume.release(files)

    def __iter__(self) -> Iterator[FileSlice]:
        return self._slices

    def close(self) -> None:
        self._slices.close()
        self._hold.release()


# Copies ---------------------------------------------------------------------------------------------------------------


class Copy:
    """The bytes of an object once more, for one object of another place: `blobs` are what its entry has, `upload_id`
    is for its metadata, and its commit takes `changes` along. What is not `committed` goes at the end of the `with`."""

    def __init__(self, space: Space, ids: Ids) -> None:
        self.blobs: list[Blob | bytes] = []
        self.upload_id = ""
        self.changes: list[Change] = []
        self.committed = False
        self._space = space
        self._ids = ids
        self._holds: list[Hold] = []

    def __enter__(self) -> Copy:
        return self

    def __exit__(self, *raised: object) -> None:
        self._forget()

    def _forget(self) -> None:
        if not self.committed:
            for blob in self.blobs:
                if isinstance(blob, Blob):
                    self._space.volume.forget(blob)
        while self._holds:
            self._holds.pop().release()
        self.blobs, self.upload_id, self.changes = [], "", []

    async def make(self, source: Space, stored: Stored) -> None:
        """DamagedBlob where the source is not all there any more; then it may be made of another one."""
        try:
            if stored.meta.upload_id:
                await self._assemble(source, stored)
                return
            for blob in stored.entry.blobs:
                self.blobs.append(await self._space.volume.duplicate(source.volume, blob))
        except BaseException:
            self._forget()
            raise

    async def _assemble(self, source: Space, stored: Stored) -> None:
        """Part by part under an upload that counts as gone until the object is there."""
        old, new = stored.meta.upload_id, self._ids.hex(32).upper()
        self._holds.append(source.hold(stored))
        self._holds.append(self._space.leftovers.hold(self._space.bucket.id, new))
        listed = list_of(source.volume, stored)
        target = self._space.volume
        self._space.leftovers.assembled_in(target)
        await self._space.commit([all_gone(new)])
        for first in range(0, len(listed.numbers), _COPIED_AT_ONCE):
            await self._copy_parts(source.volume, old, new, listed.numbers[first : first + _COPIED_AT_ONCE])
        if target.get(keys.gone(new)) is None:
            raise BlobError("a part of the copy was lost while it was made")
        self.blobs, self.upload_id = [listed.packed()], new
        self.changes = [Delete(keys.gone(new))]

    async def _copy_parts(self, source: Volume, old: str, new: str, numbers: Sequence[int]) -> None:
        target = self._space.volume
        made: list[Blob] = []
        puts: list[Change] = []
        committed = False
        try:
            for number in numbers:
                entry = source.get(keys.part(old, number))
                if entry is None:
                    raise DamagedBlob(f"part {number} of the upload {old} is gone")
                first = len(made)
                for blob in entry.blobs:
                    made.append(await target.duplicate(source, blob))
                puts.append(Put(keys.part(new, number), entry.value, tuple(made[first:])))
            done = target.commit(puts)
            committed = True
            await done
        finally:
            if not committed:
                for blob in made:
                    target.forget(blob)
