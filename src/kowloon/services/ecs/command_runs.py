"""What carries commands out: each result of an invocation is run once, or marked as failed; never run twice.

A script runs as long as its Timeout lets it, in real seconds. At most `workers` invocations run at a time; the others
stay Pending.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Iterable

import msgspec

from kowloon.core.clock import Clock
from kowloon.core.errors import CapabilityError
from kowloon.engines.base import EngineError
from kowloon.engines.compute.base import CommandResult, ComputeEngine
from kowloon.services.ecs.resources import Instance, Invocation, InvocationResult
from kowloon.store.resources import Key, Resource
from kowloon.store.store import Store, Transaction
from kowloon.topology.map import Topology


class CommandRuns:
    name = "command-runs"
    workers = 64

    def __init__(self, store: Store, topology: Topology, clock: Clock, engine: ComputeEngine) -> None:
        self._store = store
        self._topology = topology
        self._clock = clock
        self._engine = engine
        # What this process is running now: anything else that reads Running was cut off by a restart.
        self._ours: set[tuple[str, str]] = set()

    def keys(self, key: Key, item: Resource | None) -> Iterable[str]:
        return (key.id,) if isinstance(item, Invocation) and not item.finished else ()

    def all_keys(self) -> Iterable[str]:
        return [item.id for item in self._store.list(Invocation) if not item.finished]

    def zones(self, key: str) -> tuple[str, ...]:
        invocation = self._store.get(Invocation, key)
        return self._topology.zone_ids(invocation.region) if invocation is not None else ()

    async def reconcile(self, key: str) -> float | None:
        pending = await self._store.run(lambda tx: self._claim(tx, key))
        invocation = self._store.get(Invocation, key)
        if invocation is None or not pending:
            return None
        self._ours.update((key, id) for id in pending)
        try:
            await asyncio.gather(*(self._run(invocation, id) for id in pending))
        finally:
            self._ours.difference_update((key, id) for id in pending)
        return None

    def _claim(self, tx: Transaction, key: str) -> list[str]:
        """Marks what is pending as running before anything runs; the ids of those instances."""
        invocation = tx.get(Invocation, key)
        if invocation is None or invocation.finished:
            return []
        now = self._clock.now()
        results = tuple(self._claimed(key, result, now) for result in invocation.results)
        if results != invocation.results:
            tx.put(msgspec.structs.replace(invocation, results=results))
        return [result.instance_id for result in invocation.results if result.status == "Pending"]

    def _claimed(self, key: str, result: InvocationResult, now: float) -> InvocationResult:
        if result.status == "Pending":
            return msgspec.structs.replace(result, status="Running", started_at=now)
        if result.status == "Running" and (key, result.instance_id) not in self._ours:
            return _failed(result, now, "ExecutionInterrupted", "the server was restarted while the command ran")
        return result

    async def _run(self, invocation: Invocation, instance_id: str) -> None:
        running = next(result for result in invocation.results if result.instance_id == instance_id)
        if self._store.get(Instance, instance_id) is None:
            ended = _failed(running, self._clock.now(), "InstanceReleased", "the instance was released")
        else:
            ended = await self._execute(invocation, running)

        def body(tx: Transaction) -> None:
            current = tx.get(Invocation, invocation.id)
            if current is not None:
                results = tuple(ended if row.instance_id == instance_id else row for row in current.results)
                tx.put(msgspec.structs.replace(current, results=results))

        await self._store.run(body)

    async def _execute(self, invocation: Invocation, running: InvocationResult) -> InvocationResult:
        try:
            answer = await self._engine.run(
                running.instance_id,
                invocation.script,
                timeout_s=float(invocation.timeout_s),
                working_dir=invocation.working_dir,
            )
        except (CapabilityError, EngineError) as problem:
            return _failed(running, self._clock.now(), "ExecutionException", str(problem))
        return _ended(running, answer, self._clock.now())


def _failed(result: InvocationResult, now: float, code: str, info: str) -> InvocationResult:
    return msgspec.structs.replace(result, status="Failed", error_code=code, error_info=info, finished_at=now)


def _ended(result: InvocationResult, answer: CommandResult, now: float) -> InvocationResult:
    told = msgspec.structs.replace(
        result,
        exit_code=answer.exit_code,
        output=base64.b64encode(answer.output).decode(),
        dropped=answer.dropped_bytes,
        finished_at=now,
    )
    if answer.timed_out:
        return msgspec.structs.replace(
            told, status="Timeout", error_code="ExecutionTimeout", error_info="the command took too long and was ended"
        )
    if answer.exit_code != 0:
        return msgspec.structs.replace(
            told, status="Failed", error_code="ExitCodeNonzero", error_info=f"the exit code is {answer.exit_code}"
        )
    return msgspec.structs.replace(told, status="Success")
