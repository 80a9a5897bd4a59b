"""The zones of one layout together: who answers, who must write, and who has missed something.

Every zone that is *in sync* has a prefix of the same history, and has all of it that was acknowledged once its queue is
empty. A zone that misses one change leaves that set, and the others write down that it did before the next change; so
after a crash the zone with the longest history of those that the latest epoch names is right.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Protocol

from kowloon.engines.blob.base import Entry, Layout, ZoneMode, ZoneReadOnly, ZoneUnavailable
from kowloon.engines.blob.contents import Submission
from kowloon.engines.blob.frames import Kind
from kowloon.engines.blob.part import Counter, ZonePart
from kowloon.engines.blob.records import GroupState, Records, encode_records

READING: Final = frozenset({ZoneMode.SERVING, ZoneMode.SLOW, ZoneMode.READ_ONLY})
WRITING: Final = frozenset({ZoneMode.SERVING, ZoneMode.SLOW})


class Zones(Protocol):
    """The zones of one cloud. `parts`: those that are open; `modes`: of those that do not simply serve."""

    counter: Counter
    parts: dict[str, ZonePart]
    modes: dict[str, ZoneMode]

    def part(self, zone: str) -> ZonePart: ...
    def mode(self, zone: str) -> ZoneMode: ...
    def fell_behind(self, copies: Copies) -> None: ...


class Healer(Protocol):
    """What brings a zone back in sync."""

    def takes(self, volume: int, records: Records) -> bool:
        """Whether the zone has what a new change builds on."""
        ...

    def missed(self) -> None:
        """A new change was not given to the zone: it must be looked at again."""
        ...

    def failed(self, problem: BaseException) -> None: ...


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
        self.healing: dict[str, Healer] = {}
        #: Changes of entries that a zone has missed since it fell behind.
        self.missed: dict[str, int] = {}
        #: The last change that was given to the zones in sync.
        self.watermark = 0
        self._zones = zones
        self._parts, self._modes = zones.parts, zones.modes
        self._single = len(layout.zones) == 1
        self._quorum = layout.quorum

    def reader(self) -> ZonePart:
        slow = None
        for zone in self.in_sync:
            mode = self._modes.get(zone)
            if mode is None or mode is ZoneMode.READ_ONLY:
                part = self._part(zone)
                if part.broken is None:
                    return part
            elif mode is ZoneMode.SLOW and slow is None:
                slow = self._part(zone)
        if slow is not None and slow.broken is None:
            return slow
        raise self.unavailable("no zone that has everything can be read")

    def _part(self, zone: str) -> ZonePart:
        """Nearly always it is open, and nobody has to be asked for it."""
        part = self._parts.get(zone)
        return self._zones.part(zone) if part is None else part

    def readers(self) -> list[ZonePart]:
        """All zones that have everything and can be read, the best one first."""
        best = self.reader()
        zones = self._zones
        others = [self._part(zone) for zone in self.in_sync if zones.mode(zone) in READING]
        return [best, *(part for part in others if part is not best and part.broken is None)]

    def writers(self) -> list[str]:
        """Zones in sync that take writes; ZoneUnavailable or ZoneReadOnly where they are too few."""
        if self._modes:
            able = [zone for zone in self.in_sync if self._can_write(zone)]
        else:
            able = [zone for zone in self.in_sync if self._part(zone).broken is None]
        if len(able) < self._quorum:
            missing = [zone for zone in self.layout.zones if zone not in able]
            try:
                self.reader()
            except ZoneUnavailable:
                raise self.unavailable("too few zones can be written") from None
            raise ZoneReadOnly(missing, f"too few zones can be written: {', '.join(missing)} cannot")
        return able

    def _can_write(self, zone: str) -> bool:
        mode = self._modes.get(zone)
        return (mode is None or mode in WRITING) and self._part(zone).broken is None

    def behind(self) -> list[str]:
        return [zone for zone in self.layout.zones if zone not in self.in_sync]

    def check_heals(self, zone: str) -> None:
        """ZoneUnavailable when a zone that is being healed cannot be written any more, or none can be read."""
        self.reader()
        if not self._can_write(zone):
            raise ZoneUnavailable([zone], f"{zone} cannot be written")

    def writing_parts(self) -> list[ZonePart]:
        """Zones that take the bytes of new blobs: also those that are being healed, if they can."""
        behind = [zone for zone in self.healing if self._can_write(zone)]
        return [self._part(zone) for zone in (*self.writers(), *behind)]

    def forget(self, files: Sequence[int], zones: Sequence[str] | None = None) -> None:
        """Blobs of writers and duplicates that no entry will have there."""
        for zone in zones or self.layout.zones:
            for blob_id in files:
                self._part(zone).forget(blob_id)

    def unavailable(self, message: str) -> ZoneUnavailable:
        zones = self._zones
        missing = [zone for zone in self.layout.zones if zone not in self.in_sync or zones.mode(zone) not in READING]
        return ZoneUnavailable(missing or self.layout.zones, f"{message} ({', '.join(missing or self.layout.zones)})")

    def submit(
        self,
        able: list[str],
        volume: int,
        stamp: int,
        records: Records,
        data: list[bytes],
        entries: dict[bytes, Entry | None],
        files: Sequence[int],
        done: Callable[[Commit], None],
    ) -> Commit:
        """`able`: what `writers` gives now. `files`: blobs of finished writers, which a zone must have to take the
        change."""
        if files:
            able = [zone for zone in able if self._part(zone).unowned.issuperset(files)]
            if len(able) < self._quorum:
                if any(map(self.reader().is_owned, files)):
                    raise ValueError("a blob of this change belongs to another entry")
                raise self.unavailable("too few zones have the bytes of this change")
        commit = Commit(self._quorum, len(able), entries, done)
        encoded = encode_records(records)
        if self._single:
            submission = Submission(Kind.CHANGE, stamp, volume, records, encoded, data, entries, commit.report)
            self._part(able[0]).submit(submission)
            return commit
        if len(able) < len(self.in_sync):
            self._leave([zone for zone in self.in_sync if zone not in able])
        self.watermark = stamp
        for zone in able:
            report = functools.partial(self._report, commit, zone)
            self._part(zone).submit(Submission(Kind.CHANGE, stamp, volume, records, encoded, data, entries, report))
        for zone in self.layout.zones:
            if zone not in able:
                self._submit_behind(zone, volume, stamp, records, encoded, data, entries)
                # What it did not take with the change is of no use to it.
                self.forget(files, [zone])
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
        healer = self.healing.get(zone)
        if healer is not None and self._can_write(zone) and healer.takes(volume, records):
            report = functools.partial(self._report_behind, zone)
            submission = Submission(Kind.REPAIR, stamp, volume, records, encoded, data, entries, report)
            self._part(zone).submit(submission)
            return
        self.missed[zone] = self.missed.get(zone, 0) + len(entries)
        if healer is not None:
            # Also where the zone is back before the healer has noticed that it was out.
            healer.missed()

    def _report(self, commit: Commit, zone: str, problem: BaseException | None) -> None:
        if problem is not None:
            self._report_missed(zone)
        commit.report(problem)

    def _report_behind(self, zone: str, problem: BaseException | None) -> None:
        if problem is None:
            return
        if zone in self.in_sync:
            self._report_missed(zone)
        elif zone in self.healing:
            self.healing[zone].failed(problem)

    def _report_missed(self, zone: str) -> None:
        """The last zone in sync stays: what it has is all there is."""
        if zone in self.in_sync and len(self.in_sync) > 1:
            self._leave([zone])

    def _leave(self, missing: list[str]) -> None:
        """Those zones have missed something: the others write it down before anything else."""
        for zone in missing:
            self.missed.setdefault(zone, 0)
        self.write_state([zone for zone in self.in_sync if zone not in missing])
        self._zones.fell_behind(self)

    def write_state(self, in_sync: list[str]) -> None:
        """A new epoch, written by the zones that are in sync in it."""
        zones = self._zones
        self.epoch += 1
        self.in_sync = in_sync
        state = GroupState(self.layout.zones, self.epoch, tuple(in_sync), self.watermark)
        encoded = encode_records(state)
        for zone in in_sync:
            report = functools.partial(self._report_behind, zone)
            stamp = zones.counter.next()
            self._part(zone).submit(Submission(Kind.GROUP, stamp, 0, state, encoded, [], {}, report))

    def restore(self, states: Mapping[str, GroupState | None]) -> None:
        """After a start, from what each zone knows of the group."""
        self.epoch, self.in_sync = where_history_is_longest(states)
        self.missed.clear()
        known = [state for state in states.values() if state is not None]
        self.watermark = max((state.watermark for state in known), default=0)
        if any(state.in_sync != tuple(self.in_sync) for state in known if state.epoch == self.epoch):
            self.write_state(self.in_sync)

    def lost(self, zone: str) -> None:
        """Everything that the zone had is gone. Where it was the last one in sync, the longest history left is
        all there is."""
        if self._single:
            return
        self.in_sync = [each for each in self.in_sync if each != zone]
        if not self.in_sync:
            states = {each: self._part(each).group(self.layout.zones) for each in self.layout.zones}
            _, self.in_sync = where_history_is_longest({**states, zone: None})
        self.write_state(self.in_sync)
        self._zones.fell_behind(self)

    def entries_behind(self, zone: str) -> int:
        """About how many entries a zone that is behind has to take over; 0 once it is proved that there are none."""
        if zone in self.in_sync:
            return 0
        counts = [self._part(each).entries_of(self.layout.zones) for each in (*self.in_sync, zone)]
        return max(max(counts) - counts[-1], self.missed.get(zone, 0), 1)


def where_history_is_longest(states: Mapping[str, GroupState | None]) -> tuple[int, list[str]]:
    """After a start: the latest epoch, and those of its zones that have everything."""
    epoch = max((state.epoch for state in states.values() if state is not None), default=0)
    named = {zone for state in states.values() if state is not None and state.epoch == epoch for zone in state.in_sync}
    watermarks = {zone: state.watermark for zone, state in states.items() if state is not None}
    # Where every zone of the latest epoch has lost its disks, the best of what is left is all there is.
    candidates = {zone: mark for zone, mark in watermarks.items() if zone in named} or watermarks
    longest = max(candidates.values(), default=0)
    return epoch, [zone for zone in states if candidates.get(zone, 0) == longest]
