"""Faults and drills for products that let people ask for them: the Operations port."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from kowloon.actions.operations import Impairment
from kowloon.core.errors import ApiError
from kowloon.drill.service import Drills
from kowloon.faults.manager import FaultManager


class Operator:
    def __init__(self, faults: FaultManager, drills: Drills) -> None:
        self._faults = faults
        self._drills = drills
        self._walking: set[asyncio.Task[None]] = set()

    def impairments(self) -> list[Impairment]:
        return [
            Impairment(
                id=fault.id, kind=fault.fault_kind, scope=fault.scope, since=fault.injected_at, label=fault.label
            )
            for fault in self._faults.faults(injected_only=True)
        ]

    async def inject(self, kind: str, scope: list[str], label: str) -> str:
        return (await self._faults.inject(kind, scope, {}, label=label)).id

    async def recover(self, id: str) -> int:
        if id == "all":
            return len(await self._faults.recover_all())
        await self._faults.recover(id)
        return 1

    async def drill(self, scenario: str, when_over: Callable[[str], Awaitable[None]]) -> str:
        begun = await self._drills.create(scenario, "recorded")
        task = asyncio.get_running_loop().create_task(self._walk(begun.id, begun.length_min, when_over))
        self._walking.add(task)
        task.add_done_callback(self._walking.discard)
        return begun.id

    async def _walk(self, id: str, length_min: float, when_over: Callable[[str], Awaitable[None]]) -> None:
        try:
            await self._drills.advance(id, length_min)
            await self._drills.finish(id)
        except ApiError as problem:
            await when_over(f"{problem.code}: {problem.message}")
            return
        ended = self._drills.get(id)
        await when_over(f"{ended.title}: {ended.state} after {ended.length_min:.0f} minutes of the record")

    def forget(self) -> None:
        """Nobody waits for the drills that were begun here: the cloud ends, or has another state now."""
        for task in tuple(self._walking):
            task.cancel()
