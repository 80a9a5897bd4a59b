"""The unit keeper: brings engines in line with the units that products want and with the health of their hosts.

It stands for the hosts themselves, so it runs in no zone and nothing in the control plane can stop it: a host without
power has no running unit, whatever anyone believes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from kowloon.controllers.runtime import ControllerRuntime
from kowloon.core.bus import EventBus
from kowloon.core.clock import Clock
from kowloon.core.events import ResourceEvent
from kowloon.engines.base import EngineError, UnitEngine, UnitReport, UnitSpec, UnitState
from kowloon.store.resources import Key, Resource
from kowloon.store.store import Store
from kowloon.store.units import Observed, Unit
from kowloon.topology.health import HealthBoard
from kowloon.topology.services import HostState


class UnitKeeper:
    name = "units"
    workers = 16

    def __init__(
        self,
        store: Store,
        board: HealthBoard,
        clock: Clock,
        bus: EventBus,
        engines: Mapping[str, UnitEngine],
        runtime: ControllerRuntime,
    ) -> None:
        self._store = store
        self._board = board
        self._clock = clock
        self._bus = bus
        self._engines = engines
        # What each running unit was last configured with, to tell a changed payload from a known one.
        self._applied: dict[str, dict[str, Any]] = {}
        # And the generation it was started in.
        self._started: dict[str, int] = {}
        for engine in engines.values():
            engine.on_report(lambda report: self._reported(runtime, report))

    def _reported(self, runtime: ControllerRuntime, report: UnitReport) -> None:
        unit = self._store.get(Unit, report.unit_id)
        if unit is not None and unit.observed != report.state:
            runtime.poke(self.name, report.unit_id)

    def keys(self, key: Key, item: Resource | None) -> Iterable[str]:
        return (key.id,) if key.kind == Unit.kind and item is not None else ()

    def all_keys(self) -> Iterable[str]:
        return [unit.id for unit in self._store.list(Unit)]

    def zones(self, key: str) -> tuple[str, ...]:
        return ()

    async def reconcile(self, key: str) -> float | None:
        unit = self._store.get(Unit, key)
        if unit is None:
            return None
        engine = self._engines[unit.engine]
        if unit.desired == "deleted":
            await engine.delete(unit.id)
            self._forget(unit)
            self._remove(unit.id)
            return None
        host = self._board.view(self._clock.now()).host(unit.host, unit.engine)
        try:
            observed = await self._carry_out(unit, engine, host)
        except EngineError as problem:
            self._write(unit, "failed", str(problem))
            raise
        self._write(unit, observed, "")
        return None

    async def _carry_out(self, unit: Unit, engine: UnitEngine, host: HostState) -> Observed:
        state = engine.state(unit.id)
        if not host.power:
            if state in (UnitState.RUNNING, UnitState.FROZEN):
                await engine.stop(unit.id)
            self._forget(unit)
            return "absent"
        if unit.desired == "stopped":
            if state in (UnitState.RUNNING, UnitState.FROZEN):
                await engine.stop(unit.id, grace_s=unit.stop_grace_s)
            self._forget(unit)
            return "stopped"
        if host.frozen and unit.id in self._applied and state in (UnitState.RUNNING, UnitState.FROZEN):
            # A hung host carries nothing out: no restart and no new payload until it thaws.
            await engine.freeze(unit.id)
            return "frozen"
        await self._ensure_running(unit, engine, state)
        if host.frozen:
            await engine.freeze(unit.id)
            return "frozen"
        if engine.state(unit.id) is UnitState.FROZEN:
            await engine.thaw(unit.id)
        await (engine.heal(unit.id) if host.network else engine.cut(unit.id))
        return "running"

    def _forget(self, unit: Unit) -> None:
        self._applied.pop(unit.id, None)
        self._started.pop(unit.id, None)

    async def _ensure_running(self, unit: Unit, engine: UnitEngine, state: UnitState) -> None:
        alive = state in (UnitState.RUNNING, UnitState.FROZEN)
        restart = alive and 0 < unit.observed_generation < unit.generation
        if restart:
            await engine.stop(unit.id, grace_s=unit.stop_grace_s)
        # A unit that this server has not seen yet is started even when it runs: that adopts it.
        if restart or not alive or unit.id not in self._applied:
            await engine.start(
                UnitSpec(id=unit.id, kind=unit.engine, host=unit.host, address=unit.address, payload=unit.payload)
            )
            self._started[unit.id] = unit.generation
        elif self._applied.get(unit.id) != unit.payload:
            await engine.configure(unit.id, unit.payload)
        self._applied[unit.id] = unit.payload

    def _write(self, unit: Unit, observed: Observed, message: str) -> None:
        """One writer per field: observed, its generation and the message are the keeper's."""
        transaction = self._store.begin()
        current = transaction.get(Unit, unit.id)
        if current is None:
            return
        changed = msgspec.structs.replace(
            current,
            observed=observed,
            observed_generation=self._started.get(unit.id, unit.generation),
            message=message,
        )
        if changed != current:
            transaction.put(changed)
            self._store.commit_now(transaction)
        if observed == "failed" and current.observed != "failed":
            self._bus.emit(
                ResourceEvent(
                    at=self._clock.now(),
                    kind=unit.owner_kind,
                    id=unit.owner_id,
                    state="unit failed",
                    text=message,
                    level="CRITICAL",
                    region=unit.region,
                )
            )

    def _remove(self, unit_id: str) -> None:
        """Unless somebody has asked for a new one under the same id while the engine let go of the old one."""
        transaction = self._store.begin()
        unit = transaction.get(Unit, unit_id)
        if unit is not None and unit.desired == "deleted":
            transaction.delete(unit)
            self._store.commit_now(transaction)
