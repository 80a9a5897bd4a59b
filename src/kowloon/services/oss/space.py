"""The objects of one bucket: current and older versions over the bucket's volume, and what a write or delete changes.

Decisions and their commit are made without an await between them, so nothing can come in between.
"""

from __future__ import annotations

import asyncio
import base64
import functools
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import msgspec

from kowloon.core.clock import Clock
from kowloon.core.ids import Ids
from kowloon.engines.blob.base import Blob, Change, Delete, Entry, ObjectStorage, Put, Volume
from kowloon.services.oss import keys
from kowloon.services.oss.leftovers import Hold, Leftovers, all_gone
from kowloon.services.oss.resources import NULL_VERSION, VERSIONING_ENABLED, Bucket, Meta

_ENCODER: Final = msgspec.msgpack.Encoder()
_DECODER: Final = msgspec.msgpack.Decoder(Meta)
_VERSION_PREFIX: Final = "CAEQ"
_SPACES_KEPT: Final = 4096

encode_meta: Final = _ENCODER.encode
#: For scans of thousands; what is asked for by its key is asked for again.
read_meta: Final = _DECODER.decode
_known_meta: Final = functools.lru_cache(maxsize=8192)(read_meta)
#: Values of at most so many bytes are worth remembering what they mean.
MOST_KNOWN_BYTES: Final = 1024


def decode_meta(value: bytes) -> Meta:
    return _known_meta(value) if len(value) <= MOST_KNOWN_BYTES else read_meta(value)


class Stored:
    """One version as it is kept. `entry.blobs` are its bytes in order, unless it is assembled (`assembled.py`)."""

    def __init__(self, meta: Meta, entry: Entry) -> None:
        self.meta: Final = meta
        self.entry: Final = entry

    @property
    def version_id(self) -> str:
        """As clients see it: what was written before versioning is `null`."""
        return self.meta.version_id or NULL_VERSION


class Removal(NamedTuple):
    """What a delete did: `marker` is the delete marker's version id if one was made, `was_marker` whether the deleted
    version was one."""

    changes: list[Change]
    version_id: str = ""
    was_marker: bool = False
    made_marker: bool = False


class Versions:
    """Makes version ids and the order of versions: both grow with every write of the cloud."""

    def __init__(self, clock: Clock, ids: Ids) -> None:
        self._clock = clock
        self._ids = ids
        self._last = 0

    def next_order(self) -> int:
        self._last = max(self._last + 1, int(self._clock.now() * 1e6))
        return self._last

    def version_id(self, order: int) -> str:
        raw = order.to_bytes(8, "big") + self._ids.random.getrandbits(80).to_bytes(10, "big")
        return _VERSION_PREFIX + base64.urlsafe_b64encode(raw).decode()


def order_of(version_id: str) -> int | None:
    """The order that a version id carries; None when it is none of ours."""
    try:
        raw = base64.urlsafe_b64decode(version_id.removeprefix(_VERSION_PREFIX))
    except ValueError:
        return None
    return int.from_bytes(raw[:8], "big") if len(raw) == 18 and version_id.startswith(_VERSION_PREFIX) else None


class Space:
    def __init__(self, bucket: Bucket, storage: ObjectStorage, versions: Versions, leftovers: Leftovers) -> None:
        self.bucket = bucket
        self._resource: Final = f"acs:oss:{bucket.region}:{bucket.account}:{bucket.id}"
        self.volume: Volume = storage.volume(bucket.volume, bucket.layout)
        self.leftovers = leftovers
        self._versions = versions

    def resource(self, key: str) -> str:
        """An object, or (without a key) the bucket, as policies and the record name it."""
        return f"{self._resource}/{key}" if key else self._resource

    # --- reading ---

    def current(self, key: str) -> Stored | None:
        """The newest version, which may be a delete marker."""
        entry = self.volume.get(keys.current(key))
        return None if entry is None else Stored(decode_meta(entry.value), entry)

    def older(self, key: str) -> Iterator[Stored]:
        """Newest first."""
        for entry in self.volume.scan(*keys.older_of(key)):
            yield Stored(decode_meta(entry.value), entry)

    def version(self, key: str, version_id: str) -> Stored | None:
        newest = self.current(key)
        if newest is not None and newest.version_id == version_id:
            return newest
        if version_id == NULL_VERSION:
            return next((stored for stored in self.older(key) if stored.version_id == NULL_VERSION), None)
        order = order_of(version_id)
        entry = None if order is None else self.volume.get(keys.older(key, order))
        stored = None if entry is None else Stored(decode_meta(entry.value), entry)
        return stored if stored is not None and stored.version_id == version_id else None

    def overwritten(self, key: str) -> Stored | None:
        """What a write of that key ends for good: nothing where versions are kept."""
        if not self.bucket.versioning:
            return self.current(key)
        return None if self.bucket.versioning == VERSIONING_ENABLED else self.version(key, NULL_VERSION)

    def hold(self, stored: Stored) -> Hold:
        """Until it is released the parts of an assembled version stay, whatever becomes of it."""
        return self.leftovers.hold(self.bucket.id, stored.meta.upload_id)

    # --- changing ---

    def next_order(self) -> int:
        return self._versions.next_order()

    def write(self, key: str, meta: Meta, blobs: Sequence[Blob | bytes]) -> tuple[list[Change], Meta]:
        """The changes that make `meta` the current version, and `meta` with its version id."""
        versioning = self.bucket.versioning
        if not versioning:
            return [Put(keys.current(key), encode_meta(meta), tuple(blobs))], meta
        if versioning == VERSIONING_ENABLED:
            version_id = self._versions.version_id(meta.order)
        else:
            version_id = NULL_VERSION
        meta = msgspec.structs.replace(meta, version_id=version_id)
        changes = self._push_down(key)
        changes.append(Put(keys.current(key), encode_meta(meta), tuple(blobs)))
        return changes, meta

    def _push_down(self, key: str) -> list[Change]:
        """The newest version becomes an older one; while versioning is suspended the null version is replaced."""
        newest = self.current(key)
        if newest is None:
            return []
        ended = self.overwritten(key)
        entry = newest.entry
        if ended is not None and ended.entry.key == entry.key:
            return []
        changes: list[Change] = [] if ended is None else [Delete(ended.entry.key)]
        changes.append(Put(keys.older(key, newest.meta.order), entry.value, entry.blobs))
        return changes

    def replace(self, stored: Stored, meta: Meta, blobs: Sequence[Blob | bytes] | None = None) -> list[Change]:
        """Change what is kept of a version; its bytes stay unless others are given."""
        return [Put(stored.entry.key, encode_meta(meta), stored.entry.blobs if blobs is None else tuple(blobs))]

    def remove(self, key: str) -> Removal:
        """Delete without a version id: the object itself, or by a marker where versions are kept."""
        if not self.bucket.versioning:
            return Removal([Delete(keys.current(key))])
        order = self.next_order()
        marker = Meta(etag="", size_bytes=0, modified=order / 1e6, order=order, marker=True)
        changes, marker = self.write(key, marker, ())
        return Removal(changes, marker.version_id, made_marker=True)

    def remove_version(self, key: str, stored: Stored) -> Removal:
        """Delete one version for good; the newest of the older ones takes the place of the current one."""
        changes: list[Change] = [Delete(stored.entry.key)]
        if stored.entry.key == keys.current(key):
            heir = next(self.older(key), None)
            if heir is not None:
                changes = [Put(stored.entry.key, heir.entry.value, heir.entry.blobs), Delete(heir.entry.key)]
        return Removal(changes, stored.version_id, was_marker=stored.meta.marker)

    def commit(self, changes: Sequence[Change], *, replicated: bool = True) -> asyncio.Future[None]:
        """As the volume does, with notes of what follows in the same commit: parts that no object has any more are to
        be removed, and changes are to be replicated where they are. The way for all that changes objects."""
        notes: list[Change] = []
        if self.leftovers.may_have_assembled(self.volume):
            notes += self._ended(changes)
        if replicated and self.bucket.noted_for:
            notes += self._notes(changes)
        if notes:
            changes = [*changes, *notes]
        done = self.volume.commit(changes)
        for change in changes:
            if change.key[:1] == keys.GONE:
                self.leftovers.poke(self.bucket.id)
                break
        return done

    def _ended(self, changes: Sequence[Change]) -> Iterator[Change]:
        """Of uploads whose parts an object had before these changes, and none has after them."""
        before: dict[str, None] = {}
        after = {""}
        # As the volume does: of several changes of one entry the last counts.
        for change in {change.key: change for change in changes}.values():
            if not keys.is_version(change.key):
                continue
            old = self.volume.get(change.key)
            if old is not None:
                before[decode_meta(old.value).upload_id] = None
            if isinstance(change, Put):
                after.add(decode_meta(change.value).upload_id)
        return (all_gone(upload_id) for upload_id in before if upload_id not in after)

    def _notes(self, changes: Sequence[Change]) -> Iterator[Change]:
        touched = {keys.key_of_version(change.key): None for change in changes if keys.is_version(change.key)}
        for key in touched:
            for rule_id in self.bucket.noted_for:
                yield Put(keys.note(rule_id, self.next_order()), key.encode())

    def is_empty(self) -> bool:
        """No object, no version, no unfinished upload."""
        kinds = (keys.CURRENT, keys.OLDER, keys.UPLOAD)
        return all(next(self.volume.scan(*keys.span(kind)), None) is None for kind in kinds)


class Spaces:
    """Of buckets that were asked for lately, as they are now."""

    def __init__(self, storage: ObjectStorage, versions: Versions, leftovers: Leftovers) -> None:
        self._storage = storage
        self._versions = versions
        self._leftovers = leftovers
        self._kept: dict[str, Space] = {}

    def of(self, bucket: Bucket) -> Space:
        found = self._kept.get(bucket.id)
        # A bucket that was changed, or made again, is another one.
        if found is None or found.bucket is not bucket:
            if len(self._kept) >= _SPACES_KEPT:
                self._kept.clear()
            found = self._kept[bucket.id] = Space(bucket, self._storage, self._versions, self._leftovers)
        return found
