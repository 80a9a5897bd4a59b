"""The zones of one layout together: who answers, who must write, and who has missed something.

Every zone that is *in sync* has a prefix of the same history, and has all of it that was acknowledged once its queue is
empty. A zone that misses one change leaves that set, and the others write down that it did before the next change; so
after a crash the zone with the longest history of those that the latest epoch names is right.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Sequence
from typing import Protocol

from kowloon.engines.blob.base import Entry, Layout, ZoneMode, ZoneReadOnly, ZoneUnavailable
from kowloon.engines.blob.frames import GroupState, Kind, Records, encode_records
from kowloon.engines.blob.part import Counter, Submission, ZonePart

READING = frozenset({ZoneMode.SERVING, ZoneMode.SLOW, ZoneMode.READ_ONLY})
WRITING = frozenset({ZoneMode.SERVING, ZoneMode.SLOW})


class Zones(Protocol):
    """The zones of one cloud."""

    counter: Counter

    def part(self, zone: str) -> ZonePart: ...
    def mode(self, zone: str) -> ZoneMode: ...
    def fell_behind(self, copies: Copies) -> None: ...


class Commit:
    """One change on its way to the zones; `future` ends when enough of them have it."""

    __slots__ = ("acknowledged", "done", "entries", "future", "problem", "quorum", "undecided")

    def __init__(self, quorum: int, zones: int, entries: dict[bytes, Entry | None], done: Callable[[Commit], None]):
        self.future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.entries = entries
        self.quorum = quorum
        self.undecided = zones
        self.acknowledged = 0
        self.problem: BaseException | None = None
        self.done = done

    def report(self, problem: BaseException | None) -> None:
        """One zone wrote it, or could not."""
        self.undecided -= 1
        if problem is None:
            self.acknowledged += 1
        else:
            self.problem = problem
        if self.acknowledged == self.quorum and problem is None:
            self.done(self)
            if not self.future.done():
                self.future.set_result(None)
        elif problem is not None and self.acknowledged + self.undecided == self.quorum - 1:
            self.done(self)
            if not self.future.done():
                self.future.set_exception(problem)
                # Whoever does not wait for it is not told in the log either.
                self.future.exception()


class Copies:
    """One layout's zones. `in_sync` and `epoch` mean something only where there is more than one."""

    def __init__(self, layout: Layout, zones: Zones) -> None:
        self.layout = layout
        self.in_sync = list(layout.zones)
        self.epoch = 0
        #: Zones that are being healed take new changes too, but do not count.
        self.healing: dict[str, Callable[[int, Records], bool]] = {}
        #: Changes of entries that a zone has missed since it fell behind.
        self.missed: dict[str, int] = {}
        self._zones = zones
        self._single = len(layout.zones) == 1

    def reader(self) -> ZonePart:
        zones = self._zones
        slow = None
        for zone in self.in_sync:
            mode = zones.mode(zone)
            if mode is ZoneMode.SERVING or mode is ZoneMode.READ_ONLY:
                part = zones.part(zone)
                if part.broken is None:
                    return part
            elif mode is ZoneMode.SLOW and slow is None:
                slow = zones.part(zone)
        if slow is not None and slow.broken is None:
            return slow
        raise self.unavailable("no zone that has everything can be read")

    def readers(self) -> list[ZonePart]:
        """All zones that have everything and can be read, the best one first."""
        best = self.reader()
        zones = self._zones
        others = [zones.part(zone) for zone in self.in_sync if zones.mode(zone) in READING]
        return [best, *(part for part in others if part is not best and part.broken is None)]

    def writers(self) -> list[str]:
        """Zones in sync that take writes; ZoneUnavailable or ZoneReadOnly where they are too few."""
        zones = self._zones
        able = [zone for zone in self.in_sync if zones.mode(zone) in WRITING and zones.part(zone).broken is None]
        if len(able) < self.layout.quorum:
            missing = [zone for zone in self.layout.zones if zone not in able]
            try:
                self.reader()
            except ZoneUnavailable:
                raise self.unavailable("too few zones can be written") from None
            raise ZoneReadOnly(missing, f"too few zones can be written: {', '.join(missing)} cannot")
        return able

    def writing_parts(self) -> list[ZonePart]:
        """Zones that take the bytes of new blobs: also those that are being healed, if they can."""
        zones = self._zones
        behind = [zone for zone in self.healing if zones.mode(zone) in WRITING and zones.part(zone).broken is None]
        return [zones.part(zone) for zone in (*self.writers(), *behind)]

    def unavailable(self, message: str) -> ZoneUnavailable:
        zones = self._zones
        missing = [zone for zone in self.layout.zones if zone not in self.in_sync or zones.mode(zone) not in READING]
        return ZoneUnavailable(missing or self.layout.zones, f"{message} ({', '.join(missing or self.layout.zones)})")

    def submit(
        self,
        volume: int,
        stamp: int,
        records: Records,
        data: list[bytes],
        entries: dict[bytes, Entry | None],
        files: Sequence[int],
        done: Callable[[Commit], None],
    ) -> Commit:
        """`files`: blobs of finished writers, which a zone must have to take the change."""
        zones = self._zones
        able = self.writers()
        if files:
            able = [zone for zone in able if zones.part(zone).unowned.issuperset(files)]
            if len(able) < self.layout.quorum:
                raise self.unavailable("too few zones have the bytes of this change")
        commit = Commit(self.layout.quorum, len(able), entries, done)
        encoded = encode_records(records)
        if self._single:
            submission = Submission(Kind.CHANGE, stamp, volume, records, encoded, data, entries, commit.report)
            zones.part(able[0]).submit(submission)
            return commit
        if len(able) < len(self.in_sync):
            self._leave([zone for zone in self.in_sync if zone not in able])
        for zone in able:
            report = functools.partial(self._report, commit, zone)
            zones.part(zone).submit(Submission(Kind.CHANGE, stamp, volume, records, encoded, data, entries, report))
        for zone in self.layout.zones:
            if zone not in able:
                self._submit_behind(zone, volume, stamp, records, encoded, data, entries)
        return commit

    def _submit_behind(
        self,
        zone: str,
        volume: int,
        stamp: int,
        records: Records,
        encoded: bytes,
        data: list[bytes],
        entries: dict[bytes, Entry | None],
    ) -> None:
        takes = self.healing.get(zone)
        if takes is not None and takes(volume, records):
            submission = Submission(Kind.REPAIR, stamp, volume, records, encoded, data, entries, _ignore)
            self._zones.part(zone).submit(submission)
        else:
            self.missed[zone] = self.missed.get(zone, 0) + len(entries)

    def _report(self, commit: Commit, zone: str, problem: BaseException | None) -> None:
        if problem is not None and zone in self.in_sync and len(self.in_sync) > 1:
            self._leave([zone])
        commit.report(problem)

    def _leave(self, missing: list[str]) -> None:
        """Those zones have missed something: the others write it down before anything else."""
        for zone in missing:
            self.missed.setdefault(zone, 0)
        self.write_state([zone for zone in self.in_sync if zone not in missing])
        self._zones.fell_behind(self)

    def write_state(self, in_sync: list[str], watermark: int = 0) -> None:
        """A new epoch, written by the zones that are in sync in it."""
        zones = self._zones
        self.epoch += 1
        self.in_sync = in_sync
        for zone in in_sync:
            part = zones.part(zone)
            known = part.index.groups.get(self.layout.zones)
            mark = max(watermark, known.watermark if known is not None else 0)
            state = GroupState(self.layout.zones, self.epoch, tuple(in_sync), mark)
            encoded = encode_records(state)
            part.submit(Submission(Kind.GROUP, zones.counter.next(), 0, state, encoded, [], {}, _ignore))


def _ignore(problem: BaseException | None) -> None:
    """The zone that could not write it falls behind with the next change, if it has not already."""
