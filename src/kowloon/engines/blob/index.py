"""A zone's index: where everything is that its segments and files hold. Derived data, kept in LMDB.

entries   node, rest of the key -> sequence, stamp, segment, blobs, value
blobs     id -> place in a segment, or 0 for a file of its own
volumes   id -> zones and number of entries
segments  number -> bytes that are still needed
meta      state and groups

What is written goes through the map, at a third of the cost: after the death of the process the pages are there, and an
index that was open when the machine stopped is made anew. The file has all of its space from the start, because a page
behind a map that cannot be had would be the end of the process.

LMDB takes keys of 511 bytes, objects have names of 1,023: keys are cut into chunks, and a node leads from one chunk
to the next, so the order stays that of the bytes. The first node of a key is its volume.
"""

from __future__ import annotations

import contextlib
import os
import struct
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Final, TypeVar

import lmdb

from kowloon.engines.blob.base import Entry
from kowloon.engines.blob.index_state import State, VolumeState, decode_group, decode_state, decode_volume, encode
from kowloon.engines.blob.packing import unpack_entry, value_of
from kowloon.engines.blob.records import GroupState

CHUNK_BYTES: Final = 480
_NODE: Final = struct.Struct(">Q")
_NODE_BYTES: Final = 8
_FIRST_CHILD: Final = 1 << 63
_PLACE: Final = struct.Struct("<Q")
_LEAST_BYTES = 1 << 22
_SPARE_BYTES: Final = 1 << 20
# Entries and places that were asked for lately, and are asked for again.
_KNOWN: Final = 8192
# Small blobs that were read lately are known too, so many bytes of them.
_MOST_KNOWN_BLOB_BYTES: Final = 16 * 1024
_KNOWN_BLOBS_BYTES: Final = 4 * 1024 * 1024
_MOST_KNOWN_BYTES: Final = 1024
_STATE: Final = b"state"
_GROUP: Final = b"group:"

FILE_PLACE: Final = 0

T = TypeVar("T")


class Index:
    """Reading is for the loop's thread; `lmdb.Error` is for the caller of `write`."""

    def __init__(self, folder: Path) -> None:
        """OSError: it ends early, or there is no room for it."""
        folder.mkdir(mode=0o700, exist_ok=True)
        self.folder = folder
        #: Held while a thread copies: nobody may end or move the map under it.
        self._copying = threading.Lock()
        self._open()
        self._known_entries: dict[bytes, Entry] = {}
        self._known_places: dict[int, int] = {}
        self._known_blobs: dict[int, bytes] = {}
        self._known_blobs_bytes = 0
        self.state = State()
        self.volumes: dict[int, VolumeState] = {}
        self.needed_bytes: dict[int, int] = {}
        self.groups: dict[tuple[str, ...], GroupState] = {}
        self.load()

    def _open(self) -> None:
        _check_whole(self.folder)
        data = self.folder / "data.mdb"
        self._map_bytes = _LEAST_BYTES
        while data.exists() and self._map_bytes < data.stat().st_size:
            self._map_bytes *= 2
        self.environment = open_environment(self.folder, self._map_bytes, writemap=True)
        try:
            _take_room(data, self._map_bytes)
        except OSError:
            self.environment.close()
            raise
        open_db = self.environment.open_db
        self.entries, self.blobs = open_db(b"entries"), open_db(b"blobs")
        self._volumes, self._segments, self._meta = open_db(b"volumes"), open_db(b"segments"), open_db(b"meta")
        self._reader: Any = self.environment.begin()
        self._stale = False

    def load(self) -> None:
        """What is kept in memory too, as the last transaction left it."""
        self._known_entries.clear()
        self._known_places.clear()
        self._known_blobs.clear()
        self._known_blobs_bytes = 0
        reader = self.reader()
        raw = reader.get(_STATE, db=self._meta)
        self.state = decode_state(raw) if raw else State()
        self.volumes = {_NODE.unpack(key)[0]: decode_volume(raw) for key, raw in reader.cursor(self._volumes)}
        self.needed_bytes = {_NODE.unpack(key)[0]: _NODE.unpack(raw)[0] for key, raw in reader.cursor(self._segments)}
        groups = [decode_group(raw) for key, raw in reader.cursor(self._meta) if key.startswith(_GROUP)]
        self.groups = {group.zones: group for group in groups}

    def reader(self) -> Any:
        """A transaction that sees the last commit. Nobody keeps it over an await."""
        if self._stale:
            self._reader = self.environment.begin()
            self._stale = False
        return self._reader

    @contextlib.contextmanager
    def write(self) -> Iterator[Any]:
        if not self._stale:
            # What a reader might still look at could not be used again, and the file would grow.
            self._reader.abort()
            self._stale = True
        transaction = self.environment.begin(write=True)
        try:
            yield transaction
            transaction.commit()
        except BaseException:
            transaction.abort()
            raise

    def grow(self) -> None:
        """After MapFullError. OSError: there is no room."""
        _take_room(self.folder / "data.mdb", 2 * self._map_bytes)
        self._map_bytes *= 2
        with self._copying:
            self._reader.abort()
            self.environment.set_mapsize(self._map_bytes)
            self._reader = self.environment.begin()
            self._stale = False

    def make_room(self, size_bytes: int) -> None:
        """For a transaction that writes as much and cannot be done again: each page is copied once at most, and what
        is new fills half a page at least. OSError: there is none."""
        pages, page_bytes = self.environment.info()["last_pgno"] + 1, self.environment.stat()["psize"]
        while self._map_bytes < 2 * (pages * page_bytes + size_bytes) + _SPARE_BYTES:
            self.grow()

    def write_all(self, change: Callable[[Any], T]) -> T:
        """`change(transaction)` and its commit; done again with a larger map where it is full."""
        while True:
            try:
                with self.write() as transaction:
                    return change(transaction)
            except lmdb.MapFullError:
                self.load()
                self.grow()

    def reopen(self) -> None:
        """After an error that may have left the environment unusable."""
        self.close()
        self._open()
        self.load()

    def save(self, transaction: Any, volumes: Iterable[int], segments: Iterable[int]) -> None:
        """Write what is kept in memory too: the state, and those volumes and segments."""
        put = transaction.put
        put(_STATE, encode(self.state), db=self._meta)
        for volume in volumes:
            put(_NODE.pack(volume), encode(self.volumes[volume]), db=self._volumes)
        for segment in segments:
            needed = self.needed_bytes.get(segment)
            if needed is None:
                transaction.delete(_NODE.pack(segment), db=self._segments)
            else:
                put(_NODE.pack(segment), _NODE.pack(max(needed, 0)), db=self._segments)

    def save_group(self, transaction: Any, group: GroupState) -> None:
        transaction.put(_GROUP + ",".join(group.zones).encode(), encode(group), db=self._meta)

    def flush(self) -> None:
        self.environment.sync(True)

    def copier(self) -> Callable[[Path], None]:
        """What is in it now, to be copied into a folder by a thread, which must be done, and once. OSError: it cannot
        be read, or written there. Until then the index neither grows nor closes: whoever wants that waits."""
        try:
            transaction = self.environment.begin()
        except lmdb.Error as problem:
            raise OSError(f"the index cannot be read: {problem}") from problem
        self._copying.acquire()

        def copy(target: Path) -> None:
            try:
                self.environment.copy(str(target), compact=True, txn=transaction)
            except lmdb.Error as problem:
                raise OSError(f"the index could not be copied: {problem}") from problem
            finally:
                transaction.abort()
                self._copying.release()

        return copy

    def close(self) -> None:
        with self._copying:
            self._reader.abort()
            self.environment.close()

    # Entries

    def find(self, transaction: Any, volume: int, key: bytes) -> bytes | None:
        """The key in `entries`, or None where a long key's way ends early."""
        node = _NODE.pack(volume)
        while len(key) >= CHUNK_BYTES:
            child: bytes | None = transaction.get(node + key[:CHUNK_BYTES], db=self.entries)
            if child is None:
                return None
            node, key = child, key[CHUNK_BYTES:]
        return node + key

    def make(self, transaction: Any, volume: int, key: bytes) -> bytes:
        """The key in `entries`, with the nodes on its way."""
        node = _NODE.pack(volume)
        while len(key) >= CHUNK_BYTES:
            pointer = node + key[:CHUNK_BYTES]
            child = transaction.get(pointer, db=self.entries)
            if child is None:
                self.state.children += 1
                child = _NODE.pack(_FIRST_CHILD | self.state.children)
                transaction.put(pointer, child, db=self.entries)
            node, key = child, key[CHUNK_BYTES:]
        return node + key

    def prune(self, transaction: Any, volume: int, key: bytes) -> None:
        """After the deletion of a long key: remove the nodes that lead nowhere now."""
        way: list[tuple[bytes, bytes]] = []
        node = _NODE.pack(volume)
        while len(key) >= CHUNK_BYTES:
            pointer = node + key[:CHUNK_BYTES]
            node = transaction.get(pointer, db=self.entries)
            way.append((pointer, node))
            key = key[CHUNK_BYTES:]
        cursor = transaction.cursor(self.entries)
        for pointer, node in reversed(way):
            if cursor.set_range(node) and cursor.key().startswith(node):
                return
            transaction.delete(pointer, db=self.entries)

    def put_entry(self, transaction: Any, full: bytes, raw: bytes) -> None:
        """`full`: the key as `make` gives it."""
        self._known_entries.pop(full, None)
        transaction.put(full, raw, db=self.entries)

    def delete_entry(self, transaction: Any, full: bytes) -> None:
        self._known_entries.pop(full, None)
        transaction.delete(full, db=self.entries)

    def raw(self, volume: int, key: bytes) -> bytes | None:
        """For who looks at each entry once."""
        transaction = self.reader()
        full = self._full(transaction, volume, key)
        return transaction.get(full, db=self.entries) if full is not None else None

    def get(self, volume: int, key: bytes) -> Entry | None:
        transaction = self.reader()
        full = self._full(transaction, volume, key)
        if full is None:
            return None
        found = self._known_entries.get(full)
        if found is None:
            raw = transaction.get(full, db=self.entries)
            if raw is None:
                return None
            found = unpack_entry(key, raw)
            if len(raw) <= _MOST_KNOWN_BYTES:
                if len(self._known_entries) >= _KNOWN:
                    self._known_entries.clear()
                self._known_entries[full] = found
        return found

    def _full(self, transaction: Any, volume: int, key: bytes) -> bytes | None:
        return _NODE.pack(volume) + key if len(key) < CHUNK_BYTES else self.find(transaction, volume, key)

    def scan(
        self, volume: int, start: bytes, end: bytes | None, reverse: bool = False
    ) -> Iterator[tuple[bytes, bytes]]:
        """Keys and raw entries with start <= key < end."""
        walk = self._backward if reverse else self._forward
        return walk(self.reader(), _NODE.pack(volume), b"", start, end)

    def values(self, volume: int, start: bytes, end: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Keys and values alone, for lists of thousands."""
        for key, raw in self.scan(volume, start, end):
            yield key, value_of(raw)

    def _forward(
        self, transaction: Any, node: bytes, prefix: bytes, start: bytes, end: bytes | None
    ) -> Iterator[tuple[bytes, bytes]]:
        cursor = transaction.cursor(self.entries)
        if not cursor.set_range(node + start[:CHUNK_BYTES]):
            return
        stop = _after(node) if end is None else node + end[:CHUNK_BYTES]
        for key, raw in cursor.iternext():
            if key >= stop and not (key == stop and end is not None and len(end) >= CHUNK_BYTES):
                return
            name = key[_NODE_BYTES:]
            if len(name) < CHUNK_BYTES:
                yield prefix + name, raw
                continue
            inner_start, inner_end = _inner(name, start, end)
            yield from self._forward(transaction, raw, prefix + name, inner_start, inner_end)

    def _backward(
        self, transaction: Any, node: bytes, prefix: bytes, start: bytes, end: bytes | None
    ) -> Iterator[tuple[bytes, bytes]]:
        cursor = transaction.cursor(self.entries)
        stop = _after(node) if end is None else node + end[:CHUNK_BYTES]
        if cursor.set_range(stop):
            # A long end may lie within what this pointer leads to.
            within = end is not None and len(end) >= CHUNK_BYTES and cursor.key() == stop
            if not within and not cursor.prev():
                return
        elif not cursor.last():
            return
        first = node + start[:CHUNK_BYTES]
        for key, raw in cursor.iterprev():
            if key < first:
                return
            name = key[_NODE_BYTES:]
            if len(name) < CHUNK_BYTES:
                yield prefix + name, raw
                continue
            inner_start, inner_end = _inner(name, start, end)
            yield from self._backward(transaction, raw, prefix + name, inner_start, inner_end)

    # Blobs

    def place(self, blob_id: int) -> int | None:
        """Where a blob is: a place in a segment, FILE_PLACE, or None when nobody has it."""
        found = self._known_places.get(blob_id)
        if found is None:
            raw = self.reader().get(_NODE.pack(blob_id), db=self.blobs)
            if raw is None:
                return None
            if len(self._known_places) >= _KNOWN:
                self._known_places.clear()
            found = self._known_places[blob_id] = _PLACE.unpack(raw)[0]
        return found

    def known_blob(self, blob_id: int) -> bytes | None:
        """Its bytes where they were read and found whole a while ago: what is asked for again and again is not fetched
        and checked each time."""
        return self._known_blobs.get(blob_id)

    def learn_blob(self, blob_id: int, data: bytes) -> None:
        """Of a blob that has a place."""
        if len(data) > _MOST_KNOWN_BLOB_BYTES:
            return
        self._known_blobs_bytes += len(data)
        if self._known_blobs_bytes > _KNOWN_BLOBS_BYTES:
            self._known_blobs.clear()
            self._known_blobs_bytes = len(data)
        self._known_blobs[blob_id] = data

    def put_place(self, transaction: Any, blob_id: int, place: int) -> None:
        """Of a blob that has none."""
        transaction.put(_NODE.pack(blob_id), _PLACE.pack(place), db=self.blobs)

    def pop_place(self, transaction: Any, blob_id: int) -> int | None:
        self._known_places.pop(blob_id, None)
        known = self._known_blobs.pop(blob_id, None)
        if known is not None:
            self._known_blobs_bytes -= len(known)
        raw = transaction.pop(_NODE.pack(blob_id), db=self.blobs)
        return _PLACE.unpack(raw)[0] if raw is not None else None


def _after(node: bytes) -> bytes:
    """What comes after everything of a node."""
    return (int.from_bytes(node, "big") + 1).to_bytes(_NODE_BYTES, "big")


def _inner(name: bytes, start: bytes, end: bytes | None) -> tuple[bytes, bytes | None]:
    """The range within a chunk."""
    inner_start = start[CHUNK_BYTES:] if start[:CHUNK_BYTES] == name else b""
    inner_end = end[CHUNK_BYTES:] if end is not None and end[:CHUNK_BYTES] == name else None
    return inner_start, inner_end


def open_environment(folder: Path, map_bytes: int, *, writemap: bool, readonly: bool = False) -> Any:
    return lmdb.open(
        str(folder),
        map_size=map_bytes,
        max_dbs=6,
        mode=0o600,
        sync=False,
        metasync=False,
        meminit=False,
        readahead=False,
        writemap=writemap,
        readonly=readonly,
        lock=not readonly,
    )


def _check_whole(folder: Path) -> None:
    """OSError where the file is shorter than its contents say: reading past its end would end the process."""
    data = folder / "data.mdb"
    if not data.exists() or data.stat().st_size == 0:
        return
    with open_environment(folder, _LEAST_BYTES, writemap=False, readonly=True) as environment:
        pages, page_bytes = environment.info()["last_pgno"] + 1, environment.stat()["psize"]
    if data.stat().st_size < pages * page_bytes:
        raise OSError(f"{data} ends early")


def _take_room(data: Path, size_bytes: int) -> None:
    """The file's blocks are its own from now on. OSError: there are not enough, and it is as long as it was."""
    descriptor = os.open(data, os.O_RDWR | os.O_CLOEXEC)
    before_bytes = os.fstat(descriptor).st_size
    try:
        os.posix_fallocate(descriptor, 0, size_bytes)
    except OSError:
        os.ftruncate(descriptor, before_bytes)
        raise
    finally:
        os.close(descriptor)


def remove_index(folder: Path) -> None:
    for name in ("data.mdb", "lock.mdb"):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(folder / name)
