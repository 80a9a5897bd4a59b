"""The reconcile runtime: level-triggered, with backoff, hosted in zones."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager

from kowloon.controllers.runtime import ControllerRuntime
from kowloon.core import limits
from kowloon.core.clock import Clock
from kowloon.store.resources import Key, Resource
from kowloon.store.store import Store
from kowloon.topology.effects import Aspect, Effect
from kowloon.topology.health import HealthBoard
from kowloon.topology.map import Topology
from tests.core.parts import START_S, Wall
from tests.store.parts import Machine, in_memory, machine

ZONES = ("cn-hongkong-b", "cn-hongkong-c")
TAKEOVER_S = 2.0


class Recorder:
    """Notes what it is asked to reconcile and when; `fails` raises that often first."""

    name = "recorder"
    workers = 4

    def __init__(self, store: Store, clock: Clock, zones: tuple[str, ...] = ()) -> None:
        self.store = store
        self.clock = clock
        self.hosting = zones
        self.seen: list[tuple[str, float]] = []
        self.fails = 0
        self.again_s: float | None = None
        self.gate: asyncio.Event | None = None
        self.at_once = 0
        self.most_at_once: dict[str, int] = {}
        self.running: dict[str, int] = {}

    def keys(self, key: Key, item: Resource | None) -> Iterable[str]:
        return (key.id,) if key.kind == "machine" else ()

    def all_keys(self) -> Iterable[str]:
        return [item.id for item in self.store.list(Machine)]

    def zones(self, key: str) -> tuple[str, ...]:
        return self.hosting

    async def reconcile(self, key: str) -> float | None:
        self.seen.append((key, self.clock.now() - START_S))
        self.running[key] = self.running.get(key, 0) + 1
        self.most_at_once[key] = max(self.most_at_once.get(key, 0), self.running[key])
        try:
            if self.gate is not None:
                await self.gate.wait()
            if self.fails:
                self.fails -= 1
                raise RuntimeError("not yet")
            return self.again_s
        finally:
            self.running[key] -= 1


class House:
    def __init__(self, zones: tuple[str, ...] = ()) -> None:
        self.store = in_memory()
        self.clock = Clock(Wall())
        self.board = HealthBoard(Topology.vendor())
        self.runtime = ControllerRuntime(self.store, self.clock, self.board, TAKEOVER_S)
        self.loop = Recorder(self.store, self.clock, zones)
        self.runtime.add(self.loop)

    def write(self, *items: Resource) -> None:
        transaction = self.store.begin()
        for item in items:
            transaction.put(item)
        self.store.commit_now(transaction)

    def darken(self, *zones: str) -> None:
        now = self.clock.now()
        effects = [Effect(fault_id="f", node=zone, aspect=Aspect.POWER_OFF, start=now) for zone in zones]
        self.board.publish("f", effects)

    async def settle(self) -> None:
        """Let everything that is ready run; nothing here waits for real time."""
        for _ in range(50):
            await asyncio.sleep(0)

    async def skip(self, seconds: float) -> None:
        await self.clock.skip(seconds)
        await self.settle()


@asynccontextmanager
async def house(zones: tuple[str, ...] = (), before: Callable[[House], None] | None = None) -> AsyncIterator[House]:
    made = House(zones)
    if before is not None:
        before(made)
    made.runtime.start()
    try:
        await made.settle()
        yield made
    finally:
        await made.runtime.stop()
        made.clock.close()


async def test_everything_is_looked_at_on_the_start_and_what_changes_afterwards() -> None:
    async with house(before=lambda made: made.write(machine("a"), machine("b"))) as made:
        assert made.loop.seen == [("a", 0.0), ("b", 0.0)]
        made.write(machine("c"))
        await made.settle()
        assert made.loop.seen[2:] == [("c", 0.0)]
        made.board.tick()
        await made.settle()
        assert sorted(key for key, _ in made.loop.seen[3:]) == ["a", "b", "c"]


async def test_many_changes_while_it_works_are_one_more_look() -> None:
    async with house() as made:
        made.loop.gate = asyncio.Event()
        made.write(machine("a"))
        await made.settle()
        for number in range(10):
            made.write(machine("a", number=number))
        await made.settle()
        # The one that runs does not know of the changes; nobody works on the same key beside it.
        assert len(made.loop.seen) == 1
        made.loop.gate.set()
        await made.settle()
        assert [key for key, _ in made.loop.seen] == ["a", "a"]
        assert made.loop.most_at_once == {"a": 1}


async def test_different_keys_are_worked_on_side_by_side() -> None:
    async with house() as made:
        made.loop.gate = asyncio.Event()
        made.write(*(machine(f"m-{number}") for number in range(6)))
        await made.settle()
        assert [key for key, _ in made.loop.seen] == ["m-0", "m-1", "m-2", "m-3"]
        made.loop.gate.set()
        await made.settle()
        assert len(made.loop.seen) == 6


async def test_failures_are_tried_again_later_and_later() -> None:
    async with house() as made:
        made.loop.fails = 10
        made.write(machine("a"))
        await made.settle()
        await made.skip(600.0)
        moments = [at for _, at in made.loop.seen]
        gaps = [round(after - before, 6) for before, after in itertools.pairwise(moments)]
        doubling = [min(limits.BACKOFF_FIRST_S * 2**count, limits.BACKOFF_MOST_S) for count in range(10)]
        assert gaps == doubling
        assert made.loop.fails == 0
        # After a success the next failure starts small again.
        made.loop.fails = 1
        made.write(machine("a", number=1))
        await made.settle()
        await made.skip(limits.BACKOFF_FIRST_S)
        assert len(made.loop.seen) == len(moments) + 2


async def test_what_it_returns_is_when_it_looks_again() -> None:
    async with house() as made:
        made.loop.again_s = 10.0
        made.write(machine("a"))
        await made.settle()
        await made.skip(35.0)
        assert [at for _, at in made.loop.seen] == [0.0, 10.0, 20.0, 30.0]
        made.loop.again_s = None
        await made.skip(100.0)
        assert [at for _, at in made.loop.seen][4:] == [40.0]


async def test_a_loop_whose_zones_are_all_dark_does_not_run_and_goes_on_when_one_is_back() -> None:
    async with house(ZONES, before=lambda made: made.darken(*ZONES)) as made:
        made.write(machine("a"))
        await made.settle()
        await made.skip(120.0)
        assert made.loop.seen == []
        made.board.withdraw("f")
        await made.skip(10.0)
        assert [key for key, _ in made.loop.seen] == ["a"]


async def test_a_dead_host_zone_is_taken_over_after_a_delay_and_not_given_back() -> None:
    async with house(ZONES) as made:
        made.write(machine("a"))
        await made.settle()
        assert made.loop.seen == [("a", 0.0)]
        made.darken(ZONES[0])
        await made.settle()
        assert made.loop.seen == [("a", 0.0)]
        await made.skip(TAKEOVER_S - 0.1)
        assert made.loop.seen == [("a", 0.0)]
        await made.skip(0.1)
        assert made.loop.seen == [("a", 0.0), ("a", TAKEOVER_S)]
        # The second zone hosts it now, and goes on when the first is back.
        made.board.withdraw("f")
        await made.settle()
        assert made.loop.seen[2:] == [("a", TAKEOVER_S)]


async def test_loops_that_no_zone_hosts_run_in_the_dark() -> None:
    async with house((), before=lambda made: made.darken(*ZONES)) as made:
        made.write(machine("a"))
        await made.settle()
        assert made.loop.seen == [("a", 0.0)]


async def test_a_poke_is_for_one_loop_and_forgetting_drops_what_waits() -> None:
    async with house() as made:
        made.runtime.poke("recorder", "x")
        made.runtime.poke("somebody", "y")
        await made.settle()
        assert made.loop.seen == [("x", 0.0)]
        made.loop.again_s = 5.0
        made.runtime.poke("recorder", "x")
        await made.settle()
        made.runtime.forget()
        await made.skip(60.0)
        assert made.loop.seen == [("x", 0.0), ("x", 0.0)]
