"""The unit keeper on paper engines: what hosts do, units follow."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from kowloon.controllers.runtime import ControllerRuntime
from kowloon.controllers.units import UnitKeeper
from kowloon.core.bus import EventBus
from kowloon.core.clock import Clock
from kowloon.core.events import ResourceEvent
from kowloon.engines.base import EngineError, UnitSpec, UnitState
from kowloon.engines.fabric import InProcessFabric
from kowloon.engines.paper import PaperUnits
from kowloon.store.backend import MemoryBackend
from kowloon.store.codec import Codec
from kowloon.store.resources import Place
from kowloon.store.store import Store
from kowloon.store.units import Unit
from kowloon.topology.effects import Aspect, Effect
from kowloon.topology.health import HealthBoard
from kowloon.topology.map import Topology
from tests.core.parts import START_S, Wall

HOST = "cn-hongkong-c/hall-2/host-1"
ADDRESS = "127.15.1.1"


class Logged(PaperUnits):
    """A paper engine that notes its calls; `broken` refuses to start."""

    def __init__(self, fabric: InProcessFabric) -> None:
        super().__init__("compute", fabric)
        self.calls: list[str] = []
        self.broken = ""

    async def start(self, spec: UnitSpec) -> None:
        if self.broken:
            raise EngineError(self.broken)
        self.calls.append("start")
        await super().start(spec)

    async def stop(self, unit_id: str, *, grace_s: float = 0.0) -> None:
        self.calls.append(f"stop {grace_s:g}")
        await super().stop(unit_id, grace_s=grace_s)

    async def configure(self, unit_id: str, payload: dict[str, Any]) -> None:
        self.calls.append(f"configure {payload}")
        await super().configure(unit_id, payload)

    async def delete(self, unit_id: str) -> None:
        self.calls.append("delete")
        await super().delete(unit_id)


class House:
    def __init__(self) -> None:
        self.store = Store(MemoryBackend(), Codec([Unit]))
        self.clock = Clock(Wall())
        self.board = HealthBoard(Topology.vendor())
        self.bus = EventBus()
        self.fabric = InProcessFabric()
        self.engine = Logged(self.fabric)
        self.runtime = ControllerRuntime(self.store, self.clock, self.board)
        keeper = UnitKeeper(self.store, self.board, self.clock, self.bus, {"compute": self.engine}, self.runtime)
        self.runtime.add(keeper)

    async def settle(self) -> None:
        for _ in range(60):
            await asyncio.sleep(0)

    async def want(self, **changes: Any) -> Unit:
        transaction = self.store.begin()
        current = transaction.get(Unit, "u")
        fresh = Unit(
            id="u",
            owner_kind="instance",
            owner_id="i-1",
            engine="compute",
            address=ADDRESS,
            place=Place("cn-hongkong-c", HOST),
            payload={"size": 1},
        )
        transaction.put(msgspec.structs.replace(current or fresh, **changes))
        self.store.commit_now(transaction)
        await self.settle()
        return self.unit()

    def unit(self) -> Unit:
        found = self.store.get(Unit, "u")
        assert found is not None
        return found

    async def break_host(self, *aspects: Aspect, node: str = HOST, fault: str = "f") -> Unit:
        effects = [Effect(fault_id=fault, node=node, aspect=aspect, start=START_S) for aspect in aspects]
        self.board.publish(fault, effects)
        await self.settle()
        return self.unit()

    async def mend(self, fault: str = "f") -> Unit:
        self.board.withdraw(fault)
        await self.settle()
        return self.unit()


@asynccontextmanager
async def house() -> AsyncIterator[House]:
    made = House()
    made.runtime.start()
    try:
        yield made
    finally:
        await made.runtime.stop()
        made.clock.close()


async def test_a_wanted_unit_runs_once() -> None:
    async with house() as made:
        unit = await made.want()
        assert (unit.observed, unit.observed_generation, unit.message) == ("running", 1, "")
        made.board.tick()
        await made.settle()
        assert made.engine.calls == ["start"]


async def test_power_lost_and_restored() -> None:
    async with house() as made:
        await made.want()
        assert (await made.break_host(Aspect.POWER_OFF, node="cn-hongkong-c")).observed == "absent"
        assert made.engine.state("u") is UnitState.STOPPED
        # A power cut gives nobody time.
        assert made.engine.calls == ["start", "stop 0"]
        assert (await made.mend()).observed == "running"
        assert made.engine.calls == ["start", "stop 0", "start"]


async def test_a_host_without_power_starts_nothing() -> None:
    async with house() as made:
        transaction = made.store.begin()
        made.store.commit_now(transaction)
        made.board.publish("f", [Effect(fault_id="f", node=HOST, aspect=Aspect.POWER_OFF, start=START_S)])
        assert (await made.want()).observed == "absent"
        assert made.engine.calls == []


async def test_frozen_and_thawed() -> None:
    async with house() as made:
        await made.want()
        assert (await made.break_host(Aspect.FROZEN)).observed == "frozen"
        assert made.engine.state("u") is UnitState.FROZEN
        assert made.fabric.is_cut(ADDRESS)
        assert (await made.mend()).observed == "running"
        assert made.engine.state("u") is UnitState.RUNNING
        assert not made.fabric.is_cut(ADDRESS)
        assert made.engine.calls == ["start"]


async def test_a_frozen_host_carries_out_no_restart_and_no_change_until_it_thaws() -> None:
    async with house() as made:
        await made.want()
        await made.break_host(Aspect.FROZEN)
        unit = await made.want(generation=2, payload={"size": 2})
        assert (unit.observed, unit.observed_generation) == ("frozen", 1)
        assert made.engine.calls == ["start"]
        unit = await made.mend()
        assert (unit.observed, unit.observed_generation) == ("running", 2)
        assert made.engine.calls == ["start", "stop 0", "start"]


async def test_cut_off_and_healed() -> None:
    async with house() as made:
        await made.want()
        assert (await made.break_host(Aspect.NETWORK_CUT)).observed == "running"
        assert made.fabric.is_cut(ADDRESS)
        await made.mend()
        assert not made.fabric.is_cut(ADDRESS)
        assert made.engine.calls == ["start"]


async def test_a_fault_of_another_class_or_place_is_none_of_its_business() -> None:
    async with house() as made:
        await made.want()
        effect = Effect(fault_id="f", node=HOST, aspect=Aspect.POWER_OFF, start=START_S, classes=("database",))
        made.board.publish("f", [effect])
        await made.settle()
        assert (await made.break_host(Aspect.POWER_OFF, node="cn-hongkong-b", fault="g")).observed == "running"
        assert made.engine.calls == ["start"]


async def test_a_raised_generation_is_a_restart_with_its_grace() -> None:
    async with house() as made:
        await made.want(stop_grace_s=3.0)
        unit = await made.want(generation=2)
        assert (unit.observed, unit.observed_generation) == ("running", 2)
        assert made.engine.calls == ["start", "stop 3", "start"]


async def test_a_changed_payload_is_configured_without_a_restart() -> None:
    async with house() as made:
        await made.want()
        await made.want(payload={"size": 2})
        await made.want(payload={"size": 2})
        assert made.engine.calls == ["start", "configure {'size': 2}"]


async def test_stopped_and_started_and_deleted() -> None:
    async with house() as made:
        await made.want(stop_grace_s=5.0)
        assert (await made.want(desired="stopped")).observed == "stopped"
        assert (await made.want(desired="running")).observed == "running"
        transaction = made.store.begin()
        transaction.put(msgspec.structs.replace(made.unit(), desired="deleted"))
        made.store.commit_now(transaction)
        await made.settle()
        assert made.store.get(Unit, "u") is None
        assert made.engine.state("u") is UnitState.ABSENT
        assert made.engine.calls == ["start", "stop 5", "start", "delete"]


async def test_a_unit_that_ends_by_itself_is_started_again() -> None:
    async with house() as made:
        await made.want()
        made.engine._move("u", UnitState.FAILED)
        await made.settle()
        assert made.unit().observed == "running"
        assert made.engine.calls == ["start", "start"]


async def test_what_an_engine_cannot_do_is_said_once_and_tried_again() -> None:
    async with house() as made:
        told: list[ResourceEvent] = []
        made.bus.subscribe(lambda event: told.append(event) if isinstance(event, ResourceEvent) else None)
        made.engine.broken = "no disk left; free some space"
        unit = await made.want()
        assert (unit.observed, unit.message) == ("failed", "no disk left; free some space")
        await made.clock.skip(10.0)
        assert [(event.level, event.kind, event.id, event.state, event.text) for event in told] == [
            ("CRITICAL", "instance", "i-1", "unit failed", "no disk left; free some space")
        ]
        made.engine.broken = ""
        await made.clock.skip(60.0)
        await made.settle()
        assert (made.unit().observed, made.unit().message) == ("running", "")
