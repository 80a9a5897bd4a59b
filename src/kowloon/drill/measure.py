"""From samples to what a drill says: windows, settling, phases, availability, outages. Pure.

Two times are kept apart. *Measured* time is real seconds in which the probes looked. *Skipped* time is minutes of the
scenario that nobody lived through; it carries the rate at which the phase before it had settled, and is always marked
as extrapolated.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from typing import Literal

import msgspec

WINDOW_S = 2.0
SETTLED_WITHIN = 0.10
HOLD_MOST_S = 15.0
# An outage begins with this many failures in a row, and ends with this many answers in a row.
DOWN_AFTER = 3
UP_AFTER = 5
UP_SHARE = 0.9
DOWN_SHARE = 0.05
# Of a share, the lowest is told over this much measured time, so that it is no accident of a few tries.
LOWEST_OVER_S = 15.0
SECONDS_PER_MINUTE = 60.0

Class = Literal["up", "degraded", "down"]


class Sample(msgspec.Struct, frozen=True):
    """One try: began `at` (the runner's clock), answered after `latency_s`. `code`: why not, '' when served."""

    at: float
    ok: bool
    latency_s: float
    code: str = ""

    @property
    def answered_at(self) -> float:
        return self.at + self.latency_s


class Phase(msgspec.Struct, frozen=True, kw_only=True):
    """One hold: from `began` to `ended` on the runner's clock, at `minute` of the scenario. What follows is skipped up
    to the next phase's minute. `asked`: when the cloud was told to skip to here; while it does, its API is busy with
    itself, so tries of that moment count towards outages, which may begin then, and not towards shares."""

    minute: float
    asked: float
    began: float
    ended: float
    label: str = ""

    @property
    def measured_s(self) -> float:
        return self.ended - self.began

    @property
    def ended_min(self) -> float:
        return self.minute + self.measured_s / SECONDS_PER_MINUTE

    def minute_of(self, at: float) -> float:
        return self.minute + max(at - self.began, 0.0) / SECONDS_PER_MINUTE


class ProbePhase(msgspec.Struct, frozen=True, kw_only=True):
    """What one probe saw in one phase. `share`: of the measured tries; `settled`: of those at its end, carried over
    `skipped_min`."""

    minute: float
    measured_s: float
    skipped_min: float
    tries: int
    share: float
    settled: float
    state: Class
    codes: dict[str, int] = msgspec.field(default_factory=dict)


class Outage(msgspec.Struct, frozen=True, kw_only=True):
    """From the first failed try to the first of a row of served ones (`end_min` None: not within the drill).

    `measured_s`: real seconds of it in which probes looked. `skipped_min`: minutes of it that were skipped; 0 means
    that all of it was measured. `detected_s`: until the last of DOWN_AFTER failures was known.
    """

    start_min: float
    end_min: float | None
    measured_s: float
    skipped_min: float
    detected_s: float

    @property
    def is_measured(self) -> bool:
        return self.skipped_min <= 0.0

    def length_s(self, drill_end_min: float) -> float:
        """Real seconds when all of it was measured, else seconds of the scenario."""
        if self.is_measured and self.end_min is not None:
            return self.measured_s
        end = drill_end_min if self.end_min is None else self.end_min
        return (end - self.start_min) * SECONDS_PER_MINUTE


def answered_share(samples: Sequence[Sample], start: float, end: float) -> float | None:
    """Of the tries answered in [start, end), how many were served; None when none was."""
    recent = [sample.ok for sample in reversed(samples[-400:]) if start <= sample.answered_at < end]
    return sum(recent) / len(recent) if recent else None


def is_settled(samples: Sequence[Sample], now: float, began: float) -> bool:
    """Two successive windows that lie within this hold agree."""
    if now - began < 2 * WINDOW_S:
        return False
    before = answered_share(samples, now - 2 * WINDOW_S, now - WINDOW_S)
    latest = answered_share(samples, now - WINDOW_S, now)
    return before is not None and latest is not None and abs(latest - before) <= SETTLED_WITHIN + 1e-9


def classify(share: float) -> Class:
    if share >= UP_SHARE:
        return "up"
    return "degraded" if share > DOWN_SHARE else "down"


def probe_phases(samples: Sequence[Sample], phases: Sequence[Phase], end_min: float) -> list[ProbePhase]:
    """`samples` in order of their start. A phase too short for a try repeats what was known before."""
    starts = [sample.at for sample in samples]
    found: list[ProbePhase] = []
    held = 1.0
    for index, phase in enumerate(phases):
        mine = samples[bisect_left(starts, phase.began) : bisect_left(starts, phase.ended)]
        held = _settled_share(mine, phase, held)
        until = phases[index + 1].minute if index + 1 < len(phases) else end_min
        found.append(
            ProbePhase(
                minute=phase.minute,
                measured_s=phase.measured_s,
                skipped_min=max(until - phase.ended_min, 0.0),
                tries=len(mine),
                share=sum(sample.ok for sample in mine) / len(mine) if mine else held,
                settled=held,
                state=classify(held),
                codes=dict(Counter(sample.code for sample in mine if not sample.ok).most_common(5)),
            )
        )
    return found


def _settled_share(samples: Sequence[Sample], phase: Phase, before: float) -> float:
    """Of the last window if all or none of it was served, because what came before is over; else of the last two."""
    latest = [sample.ok for sample in samples if sample.at >= phase.ended - WINDOW_S]
    if latest and sum(latest) in (0, len(latest)):
        return float(latest[0])
    both = [sample.ok for sample in samples if sample.at >= phase.ended - 2 * WINDOW_S]
    return sum(both) / len(both) if both else before


def availability(phases: Sequence[ProbePhase]) -> float:
    """Over the whole drill: measured seconds at their own share, skipped ones at the settled rate before them."""
    total = served = 0.0
    for phase in phases:
        skipped_s = phase.skipped_min * SECONDS_PER_MINUTE
        total += phase.measured_s + skipped_s
        served += phase.measured_s * phase.share + skipped_s * phase.settled
    return served / total if total else 1.0


def measured_availability(phases: Sequence[ProbePhase]) -> float:
    """Over the measured seconds alone."""
    total = sum(phase.measured_s for phase in phases)
    return sum(phase.measured_s * phase.share for phase in phases) / total if total else 1.0


def lowest(phases: Sequence[ProbePhase]) -> tuple[float, float]:
    """(share, minute) of the worst successive phases that were measured for LOWEST_OVER_S together; of one that was
    measured for long enough, its own."""
    worst = (1.0, 0.0)
    for index, first in enumerate(phases):
        tries, served, measured_s = 0, 0.0, 0.0
        for phase in phases[index:]:
            tries, served = tries + phase.tries, served + phase.tries * phase.share
            measured_s += phase.measured_s
            if measured_s >= LOWEST_OVER_S:
                break
        if tries and served / tries < worst[0] and measured_s >= LOWEST_OVER_S:
            worst = (served / tries, first.minute)
    return worst


def outages(samples: Sequence[Sample], phases: Sequence[Phase]) -> list[Outage]:
    """Of a probe that is either up or down; one that is served in part has shares, not outages."""
    finder = _OutageFinder(phases)
    for sample in samples:
        finder.take(sample)
    return finder.close()


class _OutageFinder:
    def __init__(self, phases: Sequence[Phase]) -> None:
        self._phases = phases
        self._starts = [phase.asked for phase in phases]
        self._row: list[Sample] = []
        self._down_from: Sample | None = None
        self._detected_s = 0.0
        self._found: list[Outage] = []

    def take(self, sample: Sample) -> None:
        """`_row`: the tries in a row that speak against the state so far."""
        is_down = self._down_from is not None
        if sample.ok != is_down:
            self._row.clear()
            return
        self._row.append(sample)
        if not is_down and len(self._row) >= DOWN_AFTER:
            self._down_from = self._row[0]
            self._detected_s = max(failed.answered_at for failed in self._row) - self._row[0].at
            self._row.clear()
        elif is_down and len(self._row) >= UP_AFTER:
            self._end(self._row[0])
            self._row.clear()

    def close(self) -> list[Outage]:
        if self._down_from is not None:
            self._end(None)
        return self._found

    def _end(self, first_served: Sample | None) -> None:
        assert self._down_from is not None
        first = self._phase_at(self._down_from.at)
        last = self._phase_at(first_served.at) if first_served else len(self._phases) - 1
        end_at = first_served.at if first_served else self._phases[last].ended
        skipped = sum(
            max(later.minute - earlier.ended_min, 0.0)
            for earlier, later in zip(self._phases[first:last], self._phases[first + 1 : last + 1], strict=True)
        )
        self._found.append(
            Outage(
                start_min=self._phases[first].minute_of(self._down_from.at),
                end_min=self._phases[last].minute_of(end_at) if first_served else None,
                measured_s=end_at - self._down_from.at,
                skipped_min=skipped,
                detected_s=self._detected_s,
            )
        )
        self._down_from = None

    def _phase_at(self, at: float) -> int:
        return max(bisect_left(self._starts, at + 1e-9) - 1, 0)
