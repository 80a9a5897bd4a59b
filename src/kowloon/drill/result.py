"""What a drill found, as one struct that every report is made of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

import msgspec

from kowloon.drill.duty import DutyResult
from kowloon.drill.measure import (
    Outage,
    Phase,
    ProbePhase,
    availability,
    classify,
    lowest,
    measured_availability,
    outages,
    probe_phases,
)
from kowloon.drill.objectives import Objective, Workload
from kowloon.drill.resources import DrillRecord
from kowloon.drill.runner import Run, Series
from kowloon.faults.scenario import Provider, Scenario
from kowloon.topology.storage import storage_node


class ProbeResult(msgspec.Struct, frozen=True, kw_only=True):
    """`availability` of the whole drill, extrapolation included; `measured_availability` of the measured seconds.

    `detection_s`: of the first outage. `recovery_s`: the longest outage, in real seconds when `recovery_measured`
    (then it was lived through from end to end), else in seconds of the scenario; None without an outage. A probe of
    kind api has no outages, because it is served in part: see `lowest` and its phases.
    """

    name: str
    kind: str
    variant: str
    zone: str
    tries: int
    phases: tuple[ProbePhase, ...]
    outages: tuple[Outage, ...]
    availability: float
    measured_availability: float
    lowest: float
    lowest_min: float
    detection_s: float | None
    recovery_s: float | None
    recovery_measured: bool
    acknowledged: int | None = None
    lost: int | None = None

    @property
    def is_ledger(self) -> bool:
        return self.acknowledged is not None


class ObjectiveResult(msgspec.Struct, frozen=True, kw_only=True):
    """`found` says in words what was measured against what was asked."""

    variant: str
    name: str
    probe: str
    passed: bool
    found: str


class Fact(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the record beside what was seen here at that minute. `needs`: not replayed for lack of these."""

    at_min: float
    local: str
    track: str
    text: str
    truth: str
    source: tuple[str, ...]
    replayed: bool
    needs: tuple[str, ...]
    measured: str


class Passage(msgspec.Struct, frozen=True, kw_only=True):
    """A phase of the drill as the report shows it."""

    minute: float
    measured_s: float
    label: str


class DrillResult(msgspec.Struct, frozen=True, kw_only=True):
    drill_id: str
    scenario: str
    title: str
    summary: str
    start: str
    timezone: str
    length_min: float
    provider: Provider
    provider_text: str
    sources: dict[str, str]
    zones: tuple[str, ...]
    took_s: float
    measured_s: float
    passages: tuple[Passage, ...]
    probes: tuple[ProbeResult, ...]
    objectives: tuple[ObjectiveResult, ...]
    facts: tuple[Fact, ...]
    record: DrillRecord
    duty: DutyResult | None = None

    @property
    def first_outage_min(self) -> float | None:
        """When a customer first saw an outage."""
        starts = [outage.start_min for probe in self.probes if probe.kind != "api" for outage in probe.outages]
        return min(starts, default=None)

    @property
    def passed(self) -> bool:
        return all(objective.passed for objective in self.objectives)

    def local(self, minute: float) -> str:
        """What the wall showed there, such as `10:17`."""
        return f"{datetime.fromisoformat(self.start) + timedelta(minutes=minute):%H:%M}"

    def classes(self) -> dict[str, tuple[str, ...]]:
        """`variant/probe` -> its state at the end of each phase: what the same seed gives again."""
        return {f"{probe.variant}/{probe.name}": tuple(phase.state for phase in probe.phases) for probe in self.probes}


def exit_code(results: Iterable[DrillResult]) -> int:
    """For CI: 1 when an objective of any drill was missed."""
    return 0 if all(result.passed for result in results) else 1


def assemble(run: Run, scenario: Scenario, workloads: Sequence[Workload]) -> DrillResult:
    end_min = max(scenario.length_min, run.phases[-1].ended_min)
    probes = tuple(_probe(series, run.phases, end_min) for series in run.series)
    objectives = tuple(
        _judge(objective, workload.variant, probe, end_min)
        for workload in workloads
        for objective in workload.objectives
        for probe in probes
        if (probe.variant, probe.name) == (workload.variant, objective.probe)
    )
    return DrillResult(
        drill_id=run.drill.id,
        scenario=scenario.name,
        title=scenario.title,
        summary=scenario.summary,
        start=scenario.start,
        timezone=scenario.timezone,
        length_min=end_min,
        provider=run.drill.provider,
        provider_text=scenario.providers[run.drill.provider],
        sources=scenario.sources,
        zones=scenario.zones,
        took_s=run.took_s,
        measured_s=sum(phase.measured_s for phase in run.phases),
        passages=tuple(
            Passage(minute=phase.minute, measured_s=phase.measured_s, label=phase.label) for phase in run.phases
        ),
        probes=probes,
        objectives=objectives,
        facts=_facts(scenario, run, probes),
        record=run.record,
    )


def _probe(series: Series, phases: Sequence[Phase], end_min: float) -> ProbeResult:
    seen = probe_phases(series.samples, phases, end_min)
    found = [] if series.kind == "api" else outages(series.samples, phases)
    longest = max(found, key=lambda outage: outage.length_s(end_min), default=None)
    worst_share, worst_min = lowest(seen)
    return ProbeResult(
        name=series.name,
        kind=series.kind,
        variant=series.variant,
        zone=series.zone,
        tries=len(series.samples),
        phases=tuple(seen),
        outages=tuple(found),
        availability=availability(seen),
        measured_availability=measured_availability(seen),
        lowest=worst_share,
        lowest_min=worst_min,
        detection_s=found[0].detected_s if found else None,
        recovery_s=None if longest is None or longest.end_min is None else longest.length_s(end_min),
        recovery_measured=longest is not None and longest.is_measured and longest.end_min is not None,
        acknowledged=series.acknowledged,
        lost=series.lost,
    )


# --- objectives ---


def _judge(objective: Objective, variant: str, probe: ProbeResult, end_min: float) -> ObjectiveResult:
    checks = [
        check
        for check in (
            _availability(objective.availability, probe),
            _recovery(objective.recovery_s, probe, end_min),
            _lost(objective.acknowledged_writes_lost, probe),
        )
        if check is not None
    ]
    return ObjectiveResult(
        variant=variant,
        name=objective.name,
        probe=objective.probe,
        passed=all(passed for passed, _ in checks),
        found="; ".join(text for _, text in checks),
    )


def _availability(asked: float | None, probe: ProbeResult) -> tuple[bool, str] | None:
    if asked is None:
        return None
    return probe.availability >= asked, f"availability {percent(probe.availability)}, asked {percent(asked)}"


def _recovery(asked_s: float | None, probe: ProbeResult, end_min: float) -> tuple[bool, str] | None:
    if asked_s is None:
        return None
    if not probe.outages:
        return True, f"no outage, asked at most {duration(asked_s)}"
    longest = max(probe.outages, key=lambda outage: outage.length_s(end_min))
    if longest.end_min is None:
        return False, f"not back by the end, asked at most {duration(asked_s)}"
    length_s = longest.length_s(end_min)
    return length_s <= asked_s, f"longest outage {duration(length_s)}, asked at most {duration(asked_s)}"


def _lost(asked: int | None, probe: ProbeResult) -> tuple[bool, str] | None:
    if asked is None:
        return None
    if probe.lost is None:
        return False, "the ledger could not be asked"
    return probe.lost <= asked, f"{probe.lost} of {probe.acknowledged} acknowledged writes lost, asked at most {asked}"


def percent(share: float) -> str:
    """With two places where they tell something: 100 %, 99.87 %, 20 %."""
    return f"{share * 100:.2f}".removesuffix(".00") + " %"


def duration(seconds: float) -> str:
    """`4.2 s`, `3 min 20 s`, `9 h 41 min`."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes} min"


# --- the record beside what was measured ---


def _facts(scenario: Scenario, run: Run, probes: Sequence[ProbeResult]) -> tuple[Fact, ...]:
    beside = _Beside(scenario, run, probes)
    return tuple(
        Fact(
            at_min=event.at_min,
            local=event.local,
            track=event.track,
            text=event.text,
            truth=event.truth,
            source=event.source,
            replayed=event.action is not None and run.drill.provider in event.providers,
            needs=event.needs,
            measured="" if event.needs else beside.of(event.track, event.at_min),
        )
        for event in scenario.events
        if run.drill.provider in event.providers
    )


class _Beside:
    """What was seen here of a track at a minute."""

    def __init__(self, scenario: Scenario, run: Run, probes: Sequence[ProbeResult]) -> None:
        self._record = run.record
        self._worst_zone = min(
            scenario.zones, key=lambda zone: sum(sample.zones[zone].hosts_up for sample in run.record.facility)
        )
        self._probes = probes
        self._end_min = max(scenario.length_min, run.phases[-1].ended_min)

    def of(self, track: str, minute: float) -> str:
        if minute > self._end_min:
            return ""
        match track:
            case "facility" | "hosts":
                return self._places(minute)
            case "control-plane":
                return self._api(minute)
            case "databases":
                return self._customers(minute, "sql") or self._customers(minute, "ledger")
            case "storage":
                return "; ".join(filter(None, (self._storage(minute), self._customers(minute, "http"))))
            case "comms":
                told = [message for message in self._record.told if message.minute <= minute + 0.5]
                return f"{len(told)} messages sent so far" if len(told) != 1 else "1 message sent so far"
            case _:
                return self._customers(minute, "http")

    def _places(self, minute: float) -> str:
        sample = next((item for item in self._record.facility if item.minute >= minute), None)
        if sample is None:
            return ""
        zone, seen = self._worst_zone, sample.zones[self._worst_zone]
        heat = f", hottest aisle {seen.temperature_c:g} °C" if seen.temperature_c is not None else ""
        return f"{zone}: {seen.hosts_up} of {seen.hosts} hosts up{heat}"

    def _storage(self, minute: float) -> str:
        """Of the zone that suffered most."""
        sample = next((item for item in self._record.facility if item.minute >= minute), None)
        node = storage_node(self._worst_zone)
        if sample is None or node not in sample.services:
            return ""
        return f"{node} serves {sample.services[node]:.0%}"

    def _api(self, minute: float) -> str:
        seen = [(probe, phase) for probe in self._probes if probe.kind == "api" if (phase := _phase(probe, minute))]
        if not seen:
            return ""
        shares = ", ".join(f"{probe.zone or probe.name} {phase.settled:.0%}" for probe, phase in seen)
        worst = min((probe for probe, _ in seen), key=lambda probe: probe.lowest)
        least = f"; lowest {worst.lowest:.0%} at T+{worst.lowest_min:.0f}" if worst.lowest < 0.999 else ""
        return f"served: {shares}{least}"

    def _customers(self, minute: float, kind: str) -> str:
        """By variant; what all its probes of the kind saw alike is said once."""
        found: dict[str, list[tuple[str, str]]] = {}
        for probe in self._probes:
            if probe.kind == kind:
                found.setdefault(probe.variant, []).append((probe.name, _state(probe, minute)))
        return "; ".join(f"{variant}: {_alike(states)}" for variant, states in found.items())


def _alike(states: list[tuple[str, str]]) -> str:
    if len({state for _, state in states}) == 1:
        return states[0][1]
    return ", ".join(f"{name} {state}" for name, state in states)


def _phase(probe: ProbeResult, minute: float) -> ProbePhase | None:
    """The first one at or after a minute, as what it brought shows there."""
    return next((phase for phase in probe.phases if phase.minute >= minute - 0.5), None)


def _state(probe: ProbeResult, minute: float) -> str:
    for outage in probe.outages:
        end = float("inf") if outage.end_min is None else outage.end_min
        if outage.start_min <= minute + 1.0 and minute < end:
            until = f" until T+{outage.end_min:.0f}" if outage.end_min is not None else " to the end"
            if outage.is_measured and outage.end_min is not None:
                return f"down for {duration(outage.measured_s)}"
            return f"down since T+{outage.start_min:.0f}{until}"
    # Of what came later nothing could be seen yet.
    phase = next((phase for phase in reversed(probe.phases) if phase.minute <= minute + 1.0), None)
    return "serving" if phase is None or classify(phase.settled) == "up" else f"{phase.settled:.0%} served"
