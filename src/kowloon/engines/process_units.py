"""Units that are one process each: the lifecycle that the process engines share.

A subclass starts its kind of unit; stopping, freezing and cutting are the same for all.
"""

from __future__ import annotations

import abc
import asyncio
import os
from collections import defaultdict
from pathlib import Path
from typing import Any

import msgspec

from kowloon.engines.base import EngineError, Fabric, ReportListener, UnitReport, UnitSpec, UnitState
from kowloon.engines.processes import ProcessHost, ProcessReport, ProcessState

SPEC_SUFFIX = ".json"


class ProcessUnits(abc.ABC):
    """Implements `UnitEngine` but for `configure` and `capabilities`. One call at a time runs on each unit.

    `shelf` is a private folder where the specs are kept, so that the next server knows the units it adopts.
    """

    name = "process"
    kind = ""

    def __init__(self, host: ProcessHost, fabric: Fabric, shelf: Path) -> None:
        self.host = host
        self.fabric = fabric
        self._shelf = shelf
        self.specs = _read_specs(shelf)
        self._listeners: list[ReportListener] = []
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._frozen: set[str] = set()
        self._cut: set[str] = set()
        self._ending: set[str] = set()
        host.on_report(self._on_process_report)

    async def start(self, spec: UnitSpec) -> None:
        """Also adopts a unit that runs already, from before a restart of the server."""
        async with self._locks[spec.id]:
            self._keep(spec)
            if self.host.state(spec.id) is ProcessState.FROZEN:
                self._frozen.add(spec.id)
                self._apply_cut(spec.id)
                return
            await self.start_unit(spec)
        self.report(spec.id)

    async def stop(self, unit_id: str, *, grace_s: float = 0.0) -> None:
        await self.before_stop(unit_id)
        async with self._locks[unit_id]:
            await self._end(unit_id, grace_s)
        self.report(unit_id)

    async def delete(self, unit_id: str) -> None:
        await self.before_stop(unit_id)
        async with self._locks[unit_id]:
            await self._end(unit_id, 0.0)
            await self.remove_data(unit_id)
            spec = self.specs.pop(unit_id, None)
            self._shelved(unit_id).unlink(missing_ok=True)
            self._cut.discard(unit_id)
            if spec is not None:
                # The next unit with this address starts with an open network.
                self.fabric.heal(spec.address)
        self._locks.pop(unit_id, None)
        self.report(unit_id)

    async def freeze(self, unit_id: str) -> None:
        async with self._locks[unit_id]:
            self.spec(unit_id)
            # A frozen process alone still completes TCP handshakes, so the address goes first.
            self._frozen.add(unit_id)
            self._apply_cut(unit_id)
            await self.host.freeze(unit_id)
        self.report(unit_id)

    async def thaw(self, unit_id: str) -> None:
        async with self._locks[unit_id]:
            self.spec(unit_id)
            await self.host.thaw(unit_id)
            self._frozen.discard(unit_id)
            self._apply_cut(unit_id)
            await self.after_thaw(unit_id)
        self.report(unit_id)

    async def cut(self, unit_id: str) -> None:
        self.spec(unit_id)
        self._cut.add(unit_id)
        self._apply_cut(unit_id)
        self.report(unit_id)

    async def heal(self, unit_id: str) -> None:
        """A frozen unit stays unreachable."""
        self.spec(unit_id)
        self._cut.discard(unit_id)
        self._apply_cut(unit_id)
        self.report(unit_id)

    async def wipe(self) -> None:
        """Delete all units."""
        for unit_id in list(self.specs):
            await self.delete(unit_id)

    def state(self, unit_id: str) -> UnitState:
        match self.host.state(unit_id):
            case ProcessState.RUNNING:
                return UnitState.RUNNING
            case ProcessState.FROZEN:
                return UnitState.FROZEN
            case ProcessState.EXITED:
                return UnitState.FAILED
            case None:
                return UnitState.STOPPED if self.is_known(unit_id) else UnitState.ABSENT

    def on_report(self, listener: ReportListener) -> None:
        self._listeners.append(listener)

    def report(self, unit_id: str, detail: str = "") -> None:
        report = UnitReport(unit_id=unit_id, state=self.state(unit_id), detail=detail)
        for listener in tuple(self._listeners):
            listener(report)

    def spec(self, unit_id: str) -> UnitSpec:
        spec = self.specs.get(unit_id)
        if spec is None:
            raise EngineError(f"The {self.kind} {unit_id} was never started here; start it first.")
        return spec

    def is_running(self, unit_id: str) -> bool:
        return self.host.state(unit_id) is ProcessState.RUNNING

    # What a subclass says about its kind.

    @abc.abstractmethod
    async def start_unit(self, spec: UnitSpec) -> None:
        """Start the unit's process, or adopt the one that runs."""

    async def before_stop(self, unit_id: str) -> None:  # noqa: B027 (most kinds need nothing here)
        """Called at once, while a start may still be under way."""

    async def end_gently(self, unit_id: str, grace_s: float) -> None:
        """An orderly end within `grace_s`, where the kind knows a better one than SIGTERM."""
        await self.host.kill(unit_id, grace_s=grace_s)

    async def after_thaw(self, unit_id: str) -> None:  # noqa: B027 (most kinds need nothing here)
        """Catch up with what changed while the unit could not hear."""

    async def remove_data(self, unit_id: str) -> None:  # noqa: B027 (most kinds need nothing here)
        """Remove what a stopped unit leaves on disk."""

    def is_known(self, unit_id: str) -> bool:
        return unit_id in self.specs

    def payload_changed(self, unit_id: str, payload: dict[str, Any]) -> None:
        """Keep `payload` for the unit's adoption and next start."""
        self._keep(msgspec.structs.replace(self.spec(unit_id), payload=payload))

    def _keep(self, spec: UnitSpec) -> None:
        if self.specs.get(spec.id) == spec:
            return
        self.specs[spec.id] = spec
        self._shelf.mkdir(mode=0o700, parents=True, exist_ok=True)
        new = self._shelf / f"{spec.id}.new"
        with open(new, "wb", opener=_private) as file:
            file.write(msgspec.json.encode(spec))
        new.replace(self._shelved(spec.id))

    def _shelved(self, unit_id: str) -> Path:
        return self._shelf / f"{unit_id}{SPEC_SUFFIX}"

    async def _end(self, unit_id: str, grace_s: float) -> None:
        self._ending.add(unit_id)
        try:
            if grace_s > 0 and self.is_running(unit_id):
                await self.end_gently(unit_id, grace_s)
            await self.host.kill(unit_id)
        finally:
            self._ending.discard(unit_id)
        if unit_id in self._frozen:
            # The freeze ended with the processes, and so did its part of the cut.
            self._frozen.discard(unit_id)
            self._apply_cut(unit_id)

    def _apply_cut(self, unit_id: str) -> None:
        address = self.spec(unit_id).address
        if unit_id in self._cut or unit_id in self._frozen:
            self.fabric.cut(address)
        else:
            self.fabric.heal(address)

    def _on_process_report(self, report: ProcessReport) -> None:
        if report.state is not ProcessState.EXITED or report.unit_id not in self.specs:
            return
        if report.unit_id not in self._ending:
            self.report(report.unit_id, _ended(report.exit_code))


def _read_specs(shelf: Path) -> dict[str, UnitSpec]:
    specs = [msgspec.json.decode(path.read_bytes(), type=UnitSpec) for path in shelf.glob(f"*{SPEC_SUFFIX}")]
    return {spec.id: spec for spec in specs}


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _ended(exit_code: int | None) -> str:
    if exit_code is None:
        return "Its process ended."
    if exit_code < 0:
        return f"Its process was ended by signal {-exit_code}."
    return f"Its process ended with exit code {exit_code}."
