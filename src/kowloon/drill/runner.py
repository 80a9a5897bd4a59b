"""Runs a drill from outside, as a customer would watch it: hold until the probes have settled, let time skip, again."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from typing import Literal

import msgspec

from kowloon.drill.control import Control
from kowloon.drill.measure import (
    HOLD_MOST_S,
    SETTLED_WITHIN,
    WINDOW_S,
    Class,
    Phase,
    Sample,
    answered_share,
    classify,
    is_settled,
)
from kowloon.drill.probes import Ledger, Prober
from kowloon.drill.resources import DrillRecord, DrillStatus
from kowloon.faults.scenario import Provider, Scenario

_LOOK_EVERY_S = 0.25
# A probe that has just changed is looked at again soon: what was on its way must not be carried over hours.
_LOOK_AGAIN_MIN = 1.0
_FIRST_LABEL = "before the first event"
_AGAIN_LABEL = "looking again at what has just changed"
_CHANGE_LABEL = "hosts, control planes or turns in a queue change"


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """Where a run is. `states`: `variant/probe` -> its state now."""

    doing: Literal["holding", "skipping", "checking", "finished"]
    minute: float
    length_min: float
    label: str = ""
    states: dict[str, Class] = msgspec.field(default_factory=dict)


class Series(msgspec.Struct, frozen=True, kw_only=True):
    """All that one probe saw. `acknowledged` and `lost`: of a ledger; lost None = it could not be asked."""

    name: str
    kind: str
    variant: str
    zone: str
    samples: tuple[Sample, ...]
    acknowledged: int | None = None
    lost: int | None = None


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """One drill, as it was measured."""

    drill: DrillStatus
    phases: tuple[Phase, ...]
    series: tuple[Series, ...]
    record: DrillRecord
    took_s: float


class Runner:
    """`now`: a clock for real seconds (the event loop's). The probes are started and closed by the run."""

    def __init__(
        self,
        control: Control,
        probers: Sequence[Prober],
        *,
        now: Callable[[], float],
        on_progress: Callable[[Progress], None] = lambda progress: None,
    ) -> None:
        self._control = control
        self._probers = probers
        self._now = now
        self._on_progress = on_progress
        self._phases: list[Phase] = []
        self._shares: dict[Prober, float] = {}

    async def run(self, scenario: Scenario, provider: Provider, *, text: str = "") -> Run:
        """`text`: the scenario's YAML when it is none of the shipped ones. However it ends, no fault of it stays."""
        began = self._now()
        drill = await self._control.create(scenario.name, text, provider)
        try:
            self._start_probes()
            drill = await self._play(drill)
            self._tell("checking", drill, "")
            record = await self._control.record(drill.id)
            await self._stop_probes()
            drill = await self._control.finish(drill.id)
        except BaseException:
            # Also on Ctrl-C; shielded, because the cancelled task could not wait for it.
            with contextlib.suppress(Exception):
                await asyncio.shield(self._control.abort(drill.id))
            await self._stop_probes()
            raise
        series = tuple([await self._series(prober) for prober in self._probers])
        self._tell("finished", drill, "")
        took_s = self._now() - began
        return Run(drill=drill, phases=tuple(self._phases), series=series, record=record, took_s=took_s)

    def _start_probes(self) -> None:
        for index, prober in enumerate(self._probers):
            prober.start(delay_s=index * prober.probe.every_s / len(self._probers))

    async def _stop_probes(self) -> None:
        await asyncio.gather(*(prober.stop() for prober in self._probers))

    async def _play(self, drill: DrillStatus) -> DrillStatus:
        asked, minute, label = self._now(), 0.0, _FIRST_LABEL
        while True:
            look_again = await self._hold(drill, minute, asked, label)
            target = drill.next_minute
            if target is None:
                return drill
            look_again = look_again and self._phases[-1].minute + _LOOK_AGAIN_MIN < target
            if look_again:
                target = self._phases[-1].minute + _LOOK_AGAIN_MIN
            self._tell("skipping", drill, label)
            asked = self._now()
            # What is due already was overtaken by the real seconds of this hold.
            minute = max(target, self._phases[-1].minute_of(asked))
            drill = await self._control.advance(drill.id, target)
            label = drill.doing or (_AGAIN_LABEL if look_again else _CHANGE_LABEL)

    async def _hold(self, drill: DrillStatus, minute: float, asked: float, label: str) -> bool:
        """Returns whether a probe is in another state than before."""
        began = self._now()
        while not self._may_go_on(began):
            self._tell("holding", drill, label)
            await asyncio.sleep(_LOOK_EVERY_S)
        self._phases.append(Phase(minute=minute, asked=asked, began=began, ended=self._now(), label=label))
        shares = {prober: self._latest(prober) for prober in self._probers}
        changed = any(classify(share) != classify(self._shares.get(prober, share)) for prober, share in shares.items())
        self._shares = shares
        return changed

    def _may_go_on(self, began: float) -> bool:
        """Settled; and a probe that fell is given the whole time to come back, because a failover that is seconds from
        done would else count as an outage for as long as the next skip."""
        now = self._now()
        if now - began >= HOLD_MOST_S:
            return True
        if any(self._latest(prober) < self._shares.get(prober, 1.0) - SETTLED_WITHIN for prober in self._probers):
            return False
        return all(is_settled(prober.samples, now, began) for prober in self._probers)

    def _latest(self, prober: Prober) -> float:
        now = self._now()
        share = answered_share(prober.samples, now - WINDOW_S, now)
        return self._shares.get(prober, 1.0) if share is None else share

    async def _series(self, prober: Prober) -> Series:
        probe = prober.probe
        ledger = probe if isinstance(probe, Ledger) else None
        missing = await ledger.missing() if ledger is not None else None
        return Series(
            name=probe.name,
            kind=probe.kind,
            variant=probe.variant,
            zone=probe.zone,
            samples=tuple(prober.in_order()),
            acknowledged=None if ledger is None else len(ledger.acknowledged),
            lost=None if missing is None else len(missing),
        )

    def _tell(
        self, doing: Literal["holding", "skipping", "checking", "finished"], drill: DrillStatus, label: str
    ) -> None:
        states = {
            f"{prober.probe.variant}/{prober.probe.name}": classify(self._latest(prober)) for prober in self._probers
        }
        minute = drill.scenario_minute if not self._phases else max(drill.scenario_minute, self._phases[-1].minute)
        self._on_progress(Progress(doing=doing, minute=minute, length_min=drill.length_min, label=label, states=states))
