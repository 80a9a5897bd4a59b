"""Units on paper: states that follow the calls at once, with no process behind them. Every paper engine's lifecycle."""

from __future__ import annotations

from typing import Any

import msgspec

from kowloon.engines.base import EngineError, Fabric, ReportListener, UnitReport, UnitSpec, UnitState


class PaperUnits:
    """The lifecycle of `UnitEngine`, whole: what engines with real parts say and refuse, this says and refuses."""

    name = "paper"

    def __init__(self, kind: str, fabric: Fabric) -> None:
        self.kind = kind
        self._fabric = fabric
        self._specs: dict[str, UnitSpec] = {}
        self._states: dict[str, UnitState] = {}
        self._cut: set[str] = set()
        self._listeners: list[ReportListener] = []

    async def start(self, spec: UnitSpec) -> None:
        if self.state(spec.id) == UnitState.FROZEN:
            return
        self._specs[spec.id] = spec
        self._move(spec.id, UnitState.RUNNING)

    async def stop(self, unit_id: str, *, grace_s: float = 0.0) -> None:
        if self.state(unit_id) != UnitState.ABSENT:
            self._move(unit_id, UnitState.STOPPED)

    async def delete(self, unit_id: str) -> None:
        if self.state(unit_id) == UnitState.ABSENT:
            return
        self._cut.discard(unit_id)
        self._states[unit_id] = UnitState.ABSENT
        self._apply_cut(unit_id)
        del self._specs[unit_id], self._states[unit_id]
        self._report(unit_id)

    async def wipe(self) -> None:
        """Delete all units."""
        for unit_id in list(self._specs):
            await self.delete(unit_id)

    async def freeze(self, unit_id: str) -> None:
        self._require(unit_id, UnitState.RUNNING, UnitState.FROZEN)
        self._move(unit_id, UnitState.FROZEN)

    async def thaw(self, unit_id: str) -> None:
        self._require(unit_id, UnitState.RUNNING, UnitState.FROZEN)
        self._move(unit_id, UnitState.RUNNING)

    async def cut(self, unit_id: str) -> None:
        self._spec(unit_id)
        self._cut.add(unit_id)
        self._apply_cut(unit_id)
        self._report(unit_id)

    async def heal(self, unit_id: str) -> None:
        self._spec(unit_id)
        self._cut.discard(unit_id)
        self._apply_cut(unit_id)
        self._report(unit_id)

    async def configure(self, unit_id: str, payload: dict[str, Any]) -> None:
        self._specs[unit_id] = msgspec.structs.replace(self._spec(unit_id), payload=payload)
        self._report(unit_id)

    def state(self, unit_id: str) -> UnitState:
        return self._states.get(unit_id, UnitState.ABSENT)

    def runs_at(self, address: str) -> bool:
        """Whether a unit of this kind runs at that address."""
        return any(
            spec.address == address and self._states.get(id) is UnitState.RUNNING for id, spec in self._specs.items()
        )

    def on_report(self, listener: ReportListener) -> None:
        self._listeners.append(listener)

    def capabilities(self) -> dict[str, bool | str]:
        return {"engine": self.name, "own_address": False, "survives_control_plane": False}

    def _spec(self, unit_id: str) -> UnitSpec:
        spec = self._specs.get(unit_id)
        if spec is None:
            raise EngineError(f"{unit_id} was never started here")
        return spec

    def _require(self, unit_id: str, *states: UnitState) -> None:
        if self.state(unit_id) not in states:
            raise EngineError(f"{unit_id} is {self.state(unit_id)}, not running")

    def _move(self, unit_id: str, state: UnitState) -> None:
        self._states[unit_id] = state
        self._apply_cut(unit_id)
        self._report(unit_id)

    def _apply_cut(self, unit_id: str) -> None:
        address = self._spec(unit_id).address
        if not address:
            return
        if unit_id in self._cut or self.state(unit_id) == UnitState.FROZEN:
            self._fabric.cut(address)
        else:
            self._fabric.heal(address)

    def _report(self, unit_id: str) -> None:
        report = UnitReport(unit_id=unit_id, state=self.state(unit_id))
        for listener in tuple(self._listeners):
            listener(report)
