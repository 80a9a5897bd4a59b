"""Lifecycle rules at work: once a cloud day, at midnight UTC, over all that a bucket keeps.

The vendor loads new rules within a day and begins at about that hour. Days that were missed (the clock skipped them,
the bucket's zones were out) are made up for one after the other, as if each had come; days on which nothing can be
due are left out. Every decision is made on what is there at that moment and committed without a wait, so what someone
writes meanwhile is never lost.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Final

import msgspec

from kowloon.core.clock import Clock
from kowloon.core.waits import RealSeconds
from kowloon.engines.blob.base import Change, Delete, Entry, ZoneUnavailable
from kowloon.services.oss import keys
from kowloon.services.oss.buckets.access_monitor import AccessMonitor
from kowloon.services.oss.objects.guards import is_immutable
from kowloon.services.oss.objects.multipart import decode_upload, ending
from kowloon.services.oss.parts import Parts
from kowloon.services.oss.resources import Bucket, Meta
from kowloon.services.oss.runs.lifecycle import (
    Lifecycle,
    current_steps,
    midnight_after,
    midnight_before,
    next_step,
    older_steps,
)
from kowloon.services.oss.runs.lifecycle_rules import DAY_S, Rule
from kowloon.services.oss.space import Space, Stored, read_meta
from kowloon.store.resources import Key, Resource
from kowloon.store.store import Transaction

# Entries that are looked at before others get a turn.
_SLICE: Final = 100


class LifecycleRuns:
    """One loop per bucket with rules, in the zones of its region."""

    name = "bucket lifecycle"
    workers = 2

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._clock: Clock = parts.clock

    def keys(self, key: Key, item: Resource | None) -> Iterable[str]:
        return (key.id,) if key.kind == Lifecycle.kind and item is not None else ()

    def all_keys(self) -> Iterable[str]:
        return [setting.id for setting in self._parts.store.list(Lifecycle)]

    def zones(self, key: str) -> tuple[str, ...]:
        setting = self._parts.store.get(Lifecycle, key)
        return self._parts.board.topology.zone_ids(setting.region) if setting is not None else ()

    async def reconcile(self, key: str) -> float | None:
        store = self._parts.store
        while True:
            setting, bucket = store.get(Lifecycle, key), store.get(Bucket, key)
            if setting is None or bucket is None:
                return None
            moment, now = setting.done + DAY_S, self._clock.now()
            if moment > now:
                return moment - now
            monitor = store.get(AccessMonitor, key)
            day = Day(self._parts, bucket, setting.rules, moment, monitor.created_at if monitor is not None else 0.0)
            try:
                await day.run()
            except ZoneUnavailable:
                return RealSeconds(1.0)
            done = midnight_before(self._clock.now())
            if day.next_due <= done:
                # Nothing is due on the days until then.
                done = max(moment, midnight_after(day.next_due) - DAY_S)
            await store.run(lambda tx, old=setting, done=done: _mark(tx, old, done))  # type: ignore[misc]


def _mark(tx: Transaction, setting: Lifecycle, done: float) -> None:
    current = tx.get(Lifecycle, setting.id)
    # Rules that came meanwhile count their own days.
    if current is not None and current == setting:
        tx.put(msgspec.structs.replace(current, done=done))


class Day:
    """One bucket on one day. `next_due`: the earliest moment after `moment` at which anything is due."""

    def __init__(
        self, parts: Parts, bucket: Bucket, rules: Iterable[Rule], moment: float, watched_since: float
    ) -> None:
        self._parts = parts
        self._bucket = bucket
        self._rules = [rule for rule in rules if rule.enabled]
        self._moment = moment
        self._watched_since = watched_since
        self.next_due = math.inf

    def _space(self) -> Space | None:
        """The bucket as it is now; None when it went."""
        bucket = self._parts.store.get(Bucket, self._bucket.id)
        if bucket is None or bucket.volume != self._bucket.volume:
            return None
        return self._parts.spaces.of(bucket)

    async def run(self) -> None:
        await self._over(keys.CURRENT, self._current)
        if any(rule.older_expiration is not None or rule.older_transitions for rule in self._rules):
            await self._over(keys.OLDER, self._older)
        if any(rule.expiration is not None and rule.expiration.markers for rule in self._rules):
            await self._over(keys.CURRENT, self._orphan)
        if any(rule.abort is not None for rule in self._rules):
            await self._over(keys.UPLOAD, self._upload)

    async def _over(self, letter: bytes, decide: Callable[[Space, Entry], list[Change]]) -> None:
        """All entries of a kind in slices, of each what changes in one commit, acknowledged before the next."""
        start, end = keys.span(letter)
        while True:
            space = self._space()
            if space is None:
                return
            entries = list(islice(space.volume.scan(start, end), _SLICE))
            changes = [change for entry in entries for change in decide(space, entry)]
            if changes:
                await space.commit(changes)
            if len(entries) < _SLICE:
                return
            start = entries[-1].key + b"\x00"
            await asyncio.sleep(0)

    def _later(self, due: float) -> bool:
        """Whether it is not due yet; then the day on which it is will be looked at."""
        if due <= self._moment:
            return False
        self.next_due = min(self.next_due, due)
        return True

    def _keeps(self, meta: Meta) -> bool:
        """Whether it must stay for now; then every day is looked at."""
        if not is_immutable(self._parts.store, self._bucket, meta, self._moment):
            return False
        self.next_due = min(self.next_due, self._moment + DAY_S)
        return True

    # --- decisions: what changes for one entry ---

    def _current(self, space: Space, entry: Entry) -> list[Change]:
        key, meta = keys.key_of_current(entry.key), read_meta(entry.value)
        if meta.marker:
            return []
        steps = current_steps(self._rules, key, meta, self._watched_since)
        step = next_step(steps, self._moment)
        if step is None or self._later(step.due):
            return []
        if step.storage_class:
            return self._moved(space, Stored(meta, entry), step.storage_class)
        if not space.bucket.versioning:
            return [] if self._keeps(meta) else [Delete(entry.key)]
        ended = space.overwritten(key)
        if ended is not None and self._keeps(ended.meta):
            return []
        # As of the day on which it was due, so that what counts from then counts right.
        marker = Meta(etag="", size_bytes=0, modified=self._moment, order=space.next_order(), marker=True)
        self.next_due = min(self.next_due, self._moment + DAY_S)
        return space.write(key, marker, ())[0]

    def _moved(self, space: Space, stored: Stored, storage_class: str) -> list[Change]:
        """What it is restored for ends with the class that it was restored in."""
        self.next_due = min(self.next_due, self._moment + DAY_S)
        changed = msgspec.structs.replace(
            stored.meta,
            storage_class=storage_class,
            transitioned=self._moment,
            restore_ready_at=0.0,
            restore_until=0.0,
        )
        return space.replace(stored, changed)

    def _older(self, space: Space, entry: Entry) -> list[Change]:
        key, meta = keys.key_of_older(entry.key), read_meta(entry.value)
        steps = older_steps(self._rules, key, meta, self._since(space, key, entry), self._watched_since)
        step = next_step(steps, self._moment)
        if step is None or self._later(step.due):
            return []
        if step.storage_class:
            return self._moved(space, Stored(meta, entry), step.storage_class)
        return [] if self._keeps(meta) else [Delete(entry.key)]

    @staticmethod
    def _since(space: Space, key: str, entry: Entry) -> float:
        """When the version stopped being the current one: when the next newer one was written."""
        first, _ = keys.older_of(key)
        newer: Iterator[Entry] = space.volume.scan(first, entry.key, reverse=True)
        above = next(newer, None)
        if above is not None:
            return read_meta(above.value).modified
        current = space.current(key)
        return current.meta.modified if current is not None else read_meta(entry.value).modified

    def _orphan(self, space: Space, entry: Entry) -> list[Change]:
        """A delete marker that stands for nothing any more."""
        key, meta = keys.key_of_current(entry.key), read_meta(entry.value)
        if not meta.marker or meta.modified > self._moment or next(space.older(key), None) is not None:
            return []
        wanted = any(
            rule.expiration is not None and rule.expiration.markers and rule.matches(key, {}, 0) for rule in self._rules
        )
        return [Delete(entry.key)] if wanted else []

    def _upload(self, space: Space, entry: Entry) -> list[Change]:
        upload = decode_upload(entry.value)
        for rule in self._rules:
            if rule.abort is None or not rule.matches(upload.key, {}, 0):
                continue
            due = rule.abort.due(upload.started)
            if due is not None and not self._later(due):
                return ending(upload)
        return []
