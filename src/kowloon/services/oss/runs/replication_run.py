"""Replication at work: what a bucket noted of its changes, copied to where its rules say.

A note names a key, not a change: what is at the source then is brought to the target, so notes may be worked off
again, after a crash or a zone that was out, without harm. Replicas keep the order of their originals; what is newer at
the target stays. They are marked as such and go no further, or two rules could send them in circles.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Final

import msgspec

from kowloon.core.waits import RealSeconds
from kowloon.engines.blob.base import Blob, Change, Delete, Put, ZoneUnavailable
from kowloon.services.oss import keys
from kowloon.services.oss.assembled import Copy
from kowloon.services.oss.objects.guards import is_immutable
from kowloon.services.oss.parts import Parts
from kowloon.services.oss.product import oss
from kowloon.services.oss.resources import NULL_VERSION, Bucket, Meta
from kowloon.services.oss.runs.replication import CLOSING, DOING, STARTING, Replication, Rule, put_rule, put_rules
from kowloon.services.oss.space import Space, Stored, encode_meta, read_meta
from kowloon.store.resources import Key, Resource
from kowloon.store.store import Transaction

# How soon notes are seen, and how soon what was out is tried again.
_PERIOD_S: Final = RealSeconds(0.25)
_AT_ONCE_S: Final = RealSeconds(0.0)
_SLICE: Final = 50
_KMS: Final = "KMS"


class ReplicationRuns:
    """One loop per rule, in the zones of the source's region; cut while either region's front ends are out."""

    name = "bucket replication"
    workers = 4

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def keys(self, key: Key, item: Resource | None) -> Iterable[str]:
        return _loops(item) if isinstance(item, Replication) else ()

    def all_keys(self) -> Iterable[str]:
        return [loop for setting in self._parts.store.list(Replication) for loop in _loops(setting)]

    def zones(self, key: str) -> tuple[str, ...]:
        setting = self._parts.store.get(Replication, key.partition("/")[0])
        return self._parts.board.topology.zone_ids(setting.region) if setting is not None else ()

    async def reconcile(self, key: str) -> float | None:
        name, _, rule_id = key.partition("/")
        store = self._parts.store
        source, setting = store.get(Bucket, name), store.get(Replication, name)
        rule = setting.rule(rule_id) if setting is not None else None
        if source is None or rule is None:
            return None
        try:
            if rule.status == CLOSING:
                await self._close(source, rule)
                return None
            target = store.get(Bucket, rule.target)
            if target is None or not self._reachable(source, target):
                return _PERIOD_S
            more = await self._work(Copying(self._parts, source, target, rule))
        except ZoneUnavailable:
            return _PERIOD_S
        return _AT_ONCE_S if more else _PERIOD_S

    def _reachable(self, *buckets: Bucket) -> bool:
        view = self._parts.board.view(self._parts.clock.now())
        return all(view.service(oss.node(bucket.region)).share > 0.0 for bucket in buckets)

    async def _work(self, copying: Copying) -> bool:
        """One slice of what was noted, and of what was there before; whether there is more."""
        if copying.rule.status == STARTING:
            await self._change(copying, status=DOING)
        more = not await copying.work_off()
        if copying.rule.copied_to is None:
            return more
        last = await copying.copy_after(copying.rule.copied_to)
        await self._change(copying, copied_to=last)
        return more or last is not None

    async def _change(self, copying: Copying, **changes: object) -> None:
        changed = msgspec.structs.replace(copying.rule, **changes)

        def body(tx: Transaction) -> None:
            bucket, setting = tx.get(Bucket, copying.source.id), tx.get(Replication, copying.source.id)
            if bucket is not None and setting is not None and setting.rule(changed.id) == copying.rule:
                put_rule(tx, bucket, setting, changed)

        await self._parts.store.run(body)
        copying.rule = changed

    async def _close(self, source: Bucket, rule: Rule) -> None:
        """Its notes are forgotten, then the rule itself."""
        volume = self._parts.spaces.of(source).volume
        while notes := list(islice(volume.scan(*keys.notes_of(rule.id)), _SLICE)):
            await volume.commit([Delete(note.key) for note in notes])

        def body(tx: Transaction) -> None:
            bucket, setting = tx.get(Bucket, source.id), tx.get(Replication, source.id)
            if bucket is not None and setting is not None:
                rules = tuple(each for each in setting.rules if each.id != rule.id or each.status != CLOSING)
                put_rules(tx, bucket, msgspec.structs.replace(setting, rules=rules))

        await self._parts.store.run(body)


def _loops(setting: Replication) -> list[str]:
    return [f"{setting.id}/{rule.id}" for rule in setting.rules]


class Copying:
    """What one rule does between its two buckets, as they are now."""

    def __init__(self, parts: Parts, source: Bucket, target: Bucket, rule: Rule) -> None:
        self.source = source
        self.rule = rule
        self._parts = parts
        self._from = parts.spaces.of(source)
        self._to = parts.spaces.of(target)

    async def work_off(self) -> bool:
        """The oldest notes; True when none is left."""
        volume = self._from.volume
        notes = list(islice(volume.scan(*keys.notes_of(self.rule.id)), _SLICE))
        if not notes:
            return True
        await volume.settled()
        # What is noted twice is as it was at the last time.
        last = {note.value.decode(): keys.order_of_note(note.key) for note in notes}
        for key, order in last.items():
            if self.rule.matches(key):
                await self._bring(key, order)
        await volume.commit([Delete(note.key) for note in notes])
        return len(notes) < _SLICE

    async def copy_after(self, key: str) -> str | None:
        """A slice of what is there after that key; the last key of it, or None when there is no more."""
        start, end = keys.span(keys.CURRENT)
        if key:
            start = keys.current(key) + b"\x00"
        await self._from.volume.settled()
        found = [keys.key_of_current(entry.key) for entry in islice(self._from.volume.scan(start, end), _SLICE)]
        for each in found:
            if self.rule.matches(each):
                await self._bring(each, 0)
        return found[-1] if len(found) == _SLICE else None

    async def _bring(self, key: str, order: int) -> None:
        """The target's key as the source's. `order`: when it was noted; what is newer at the target is not deleted."""
        if self._from.bucket.versioning and self._to.bucket.versioning:
            await self._bring_versions(key, order)
            return
        stored = self._from.current(key)
        if stored is not None and not stored.meta.marker:
            await self._copy(key, stored, versioned=False)
        elif self.rule.deletes:
            there = self._to.current(key)
            if there is not None and not there.meta.marker and there.meta.order < order and not self._keeps(there.meta):
                await self._to.commit(self._to.remove(key).changes, replicated=False)

    async def _bring_versions(self, key: str, order: int) -> None:
        """Every version under its own id, the oldest first."""
        versions = _versions(self._from, key)
        for stored in reversed(versions):
            if self.rule.deletes or not stored.meta.marker:
                await self._copy(key, stored, versioned=True)
        if not self.rule.deletes:
            return
        wanted = {stored.meta.order for stored in versions}
        for there in _versions(self._to, key):
            if there.meta.replica and there.meta.order not in wanted and there.meta.order < order:
                now = self._to.version(key, there.version_id)
                if now is not None and not self._keeps(now.meta):
                    await self._to.commit(self._to.remove_version(key, now).changes, replicated=False)

    def _keeps(self, meta: Meta) -> bool:
        return is_immutable(self._parts.store, self._to.bucket, meta, self._parts.clock.now())

    async def _copy(self, key: str, stored: Stored, *, versioned: bool) -> None:
        meta = self._replica(stored.meta, versioned=versioned)
        if stored.meta.replica or (stored.meta.encryption == _KMS and not self.rule.kms):
            return
        there = self._there(key, meta, versioned=versioned)
        if there is not None and (there.meta.order > meta.order or _same(there.meta, meta)):
            return
        if there is not None and _same_bytes(there.meta, meta):
            kept = msgspec.structs.replace(_told(there.meta, meta), version_id=there.meta.version_id)
            await self._to.commit(self._to.replace(there, kept), replicated=False)
            return
        if there is not None and self._keeps(there.meta):
            return
        with Copy(self._to, self._parts.ids) as copy:
            await copy.make(self._from, stored)
            # Whatever came to the target meanwhile.
            there = self._there(key, meta, versioned=versioned)
            if there is None or there.meta.order <= meta.order:
                meta = msgspec.structs.replace(meta, upload_id=copy.upload_id)
                made = self._placed(key, meta, copy.blobs) if versioned else self._to.write(key, meta, copy.blobs)[0]
                done = self._to.commit([*made, *copy.changes], replicated=False)
                copy.committed = True
                await done

    def _there(self, key: str, meta: Meta, *, versioned: bool) -> Stored | None:
        """What a replica would replace."""
        return self._to.version(key, meta.version_id or NULL_VERSION) if versioned else self._to.current(key)

    def _replica(self, meta: Meta, *, versioned: bool) -> Meta:
        """Retention and holds are the target's own affair."""
        key_id = self.rule.kms_key_id if meta.encryption == _KMS else ""
        return msgspec.structs.replace(
            meta,
            replica=True,
            version_id=meta.version_id if versioned else "",
            encryption_key=key_id or meta.encryption_key,
            accessed=0.0,
            transitioned=0.0,
            retention_mode="",
            retain_until=0.0,
            legal_hold=False,
        )

    def _placed(self, key: str, meta: Meta, blobs: Sequence[Blob | bytes]) -> list[Change]:
        """A version with an id of its own, where its order puts it."""
        there, newest = self._there(key, meta, versioned=True), self._to.current(key)
        becomes_current = newest is None or newest.meta.order <= meta.order
        place = keys.current(key) if becomes_current else keys.older(key, meta.order)
        changes: list[Change] = [Put(place, encode_meta(meta), tuple(blobs))]
        if there is not None and there.entry.key != place:
            changes.append(Delete(there.entry.key))
        replaced = None if there is None else there.entry.key
        if becomes_current and newest is not None and newest.entry.key != replaced:
            changes.append(Put(keys.older(key, newest.meta.order), newest.entry.value, newest.entry.blobs))
        return changes


def _versions(space: Space, key: str) -> list[Stored]:
    """Newest first."""
    entry = space.volume.get(keys.current(key))
    newest = [] if entry is None else [Stored(read_meta(entry.value), entry)]
    return [*newest, *space.older(key)]


def _told(there: Meta, meta: Meta) -> Meta:
    """What is said about the original, with what only its copy knows of itself."""
    return msgspec.structs.replace(
        meta,
        storage_class=there.storage_class if there.transitioned else meta.storage_class,
        accessed=there.accessed,
        transitioned=there.transitioned,
        restore_ready_at=there.restore_ready_at,
        restore_until=there.restore_until,
        restore_priority=there.restore_priority,
        retention_mode=there.retention_mode,
        retain_until=there.retain_until,
        legal_hold=there.legal_hold,
        version_id=there.version_id,
        upload_id=there.upload_id,
    )


def _same(there: Meta, meta: Meta) -> bool:
    return there.order == meta.order and there == _told(there, meta)


def _same_bytes(there: Meta, meta: Meta) -> bool:
    return there.order == meta.order and (there.etag, there.size_bytes) == (meta.etag, meta.size_bytes)
