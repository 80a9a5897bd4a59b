"""The reconcile runtime: level-triggered loops over keys, with backoff, hosted in zones and stopped with them.

A reconciler reads the world, computes the difference and acts; it never relies on what event woke it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Iterable
from typing import Protocol

from kowloon.core import limits
from kowloon.core.clock import Clock, Timer
from kowloon.core.waits import RealSeconds
from kowloon.store.resources import Key, Resource
from kowloon.store.store import Store
from kowloon.topology.health import HealthBoard

log = logging.getLogger("kowloon.controllers")


class Reconciler(Protocol):
    """One loop over the keys of one kind of thing. `reconcile` returns when to look again in seconds of cloud time
    (or in `RealSeconds`), or None; an exception is tried again with backoff. `zones` of a key: where its loop may be
    hosted, first choice first; empty = not hosted in any zone (the hosts' own agents, the outside world)."""

    name: str
    workers: int

    def keys(self, key: Key, item: Resource | None) -> Iterable[str]:
        """The loop's keys that a change of this resource touches."""
        ...

    def all_keys(self) -> Iterable[str]:
        """Everything, for the start and after a change of health."""
        ...

    def zones(self, key: str) -> tuple[str, ...]: ...
    async def reconcile(self, key: str) -> float | None: ...


class _Loop:
    """Queue, workers and timers of one reconciler."""

    def __init__(self, reconciler: Reconciler, runtime: ControllerRuntime) -> None:
        self.reconciler = reconciler
        self.runtime = runtime
        self.pending: dict[str, None] = {}
        self.active: set[str] = set()
        self.failures: dict[str, int] = {}
        self.timers: dict[str, Timer | asyncio.TimerHandle] = {}
        self.wakeup = asyncio.Event()
        # Per hosting zones: which one runs the loop now, and from when on.
        self.hosts: dict[tuple[str, ...], tuple[str, float]] = {}

    def add(self, key: str) -> None:
        if len(self.pending) >= limits.RECONCILE_QUEUE:
            raise RuntimeError(f"the queue of {self.reconciler.name} is full")
        self.pending[key] = None
        self.wakeup.set()

    def later(self, key: str, delay_s: float) -> None:
        earlier = self.timers.pop(key, None)
        if earlier is not None:
            earlier.cancel()
        if isinstance(delay_s, RealSeconds):
            self.timers[key] = asyncio.get_running_loop().call_later(delay_s, self.add, key)
        else:
            self.timers[key] = self.runtime.clock.call_later(delay_s, lambda: self.add(key))

    async def work(self) -> None:
        while True:
            key = next((key for key in self.pending if key not in self.active), None)
            if key is None:
                self.wakeup.clear()
                await self.wakeup.wait()
                continue
            del self.pending[key]
            self.active.add(key)
            try:
                await self._once(key)
            finally:
                self.active.discard(key)
                if key in self.pending:
                    self.wakeup.set()

    async def _once(self, key: str) -> None:
        wait_s = self.runtime.wait_for_host(self, key)
        if wait_s > 0.0:
            self.later(key, wait_s)
            return
        try:
            again_s = await self.reconciler.reconcile(key)
        except Exception as problem:
            count = self.failures[key] = self.failures.get(key, 0) + 1
            delay_s = min(limits.BACKOFF_FIRST_S * 2 ** (count - 1), limits.BACKOFF_MOST_S)
            log.warning("%s %s: %s; again in %.1f s", self.reconciler.name, key, problem, delay_s)
            self.later(key, delay_s)
            return
        self.failures.pop(key, None)
        if again_s is not None:
            self.later(key, again_s)


class ControllerRuntime:
    def __init__(self, store: Store, clock: Clock, board: HealthBoard, takeover_s: float = 2.0) -> None:
        self.store = store
        self.clock = clock
        self.board = board
        self._takeover_s = takeover_s
        self._loops: list[_Loop] = []
        self._tasks: list[asyncio.Task[None]] = []

    def add(self, reconciler: Reconciler) -> None:
        self._loops.append(_Loop(reconciler, self))

    def start(self) -> None:
        self.store.on_change(self._changed)
        self.board.on_change(self.resync)
        for loop in self._loops:
            for _ in range(loop.reconciler.workers):
                self._tasks.append(asyncio.get_running_loop().create_task(loop.work()))
        self.resync()

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task
        for loop in self._loops:
            for timer in loop.timers.values():
                timer.cancel()

    def _changed(self, changes: list[tuple[Key, Resource | None]]) -> None:
        for loop in self._loops:
            for key, item in changes:
                for touched in loop.reconciler.keys(key, item):
                    loop.add(touched)

    def resync(self) -> None:
        """Look at everything again: at the start, and when health changed."""
        for loop in self._loops:
            for key in loop.reconciler.all_keys():
                loop.add(key)

    def poke(self, name: str, key: str) -> None:
        """Look at one key now, because the world outside the store changed."""
        for loop in self._loops:
            if loop.reconciler.name == name:
                loop.add(key)

    def forget(self) -> None:
        """Drop everything queued: the store was reset."""
        for loop in self._loops:
            loop.pending.clear()
            loop.failures.clear()
            for timer in loop.timers.values():
                timer.cancel()
            loop.timers.clear()

    def wait_for_host(self, loop: _Loop, key: str) -> float:
        """0 when the loop of this key has a zone to run in now; else after how many seconds to ask again."""
        zones = loop.reconciler.zones(key)
        if not zones:
            return 0.0
        now = self.clock.now()
        view = self.board.view(now)
        current = loop.hosts.get(zones)
        if current is not None and view.zone_serving(current[0]):
            return max(current[1] - now, 0.0)
        healthy = next((zone for zone in zones if view.zone_serving(zone)), None)
        if healthy is None:
            loop.hosts.pop(zones, None)
            return RealSeconds(1.0)
        # Taking over from a dead zone costs time; the first start does not.
        ready = now + (self._takeover_s if current is not None else 0.0)
        loop.hosts[zones] = (healthy, ready)
        return ready - now
