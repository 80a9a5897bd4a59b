"""Faults as the cloud keeps them: stored first, then published to the health board, then told.

After a restart `restore` publishes the same faults, and since everything else is derived the view is the same.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import msgspec

from kowloon.core.bus import EventBus
from kowloon.core.clock import Clock, Timer
from kowloon.core.errors import ApiError
from kowloon.core.events import FaultEvent, ProviderMessage
from kowloon.core.ids import Ids
from kowloon.faults import watch
from kowloon.faults.checks import Refusal, check_change, check_kind, check_parameters, check_scope
from kowloon.faults.kinds import find_kind
from kowloon.faults.kinds.base import Declaration, Message, clip
from kowloon.faults.resources import Fault, Truth
from kowloon.store.store import Store
from kowloon.topology.effects import interpolate
from kowloon.topology.health import HealthBoard
from kowloon.topology.map import Topology

# A timer fires this much after its boundary, so that rounding never leaves a reader just before it.
_BOUNDARY_SLACK_S = 0.001
# While temperatures or demand move, services are looked at this often for what to tell.
_SAMPLE_S = 60.0
# Recovered faults older than this no longer matter to any warm-up.
_HISTORY_S = 24 * 3600.0


def declaration(fault: Fault, topology: Topology) -> Declaration:
    """Everything a stored fault declares, cut off at its recovery. Pure. ValueError: it makes no sense here."""
    kind = find_kind(fault.fault_kind)
    if kind is None:
        raise ValueError(f"no fault kind {fault.fault_kind!r}")
    declared = kind.declare(fault, topology)
    return msgspec.structs.replace(
        declared,
        effects=tuple(clip(declared.effects, fault.injected_at, fault.ends_at)),
        messages=tuple(message for message in declared.messages if message.at < fault.ends_at),
    )


def publish(board: HealthBoard, fault: Fault) -> Declaration:
    """Put what a fault declares on a board (the cloud's own, or one on paper)."""
    declared = declaration(fault, board.topology)
    board.publish(
        fault.id, declared.effects, declared.nodes, declared.edges, start=fault.injected_at, end=fault.ends_at
    )
    return declared


class FaultManager:
    """The one writer of faults. Everything but `restore` and `faults` is called by people, drills or the admin API."""

    def __init__(self, store: Store, board: HealthBoard, clock: Clock, events: EventBus, ids: Ids) -> None:
        self._store = store
        self._board = board
        self._clock = clock
        self._events = events
        self._ids = ids
        self._messages: dict[str, tuple[Message, ...]] = {}
        self._told: set[Message] = set()
        self._picture = watch.Picture()
        self._timer: Timer | None = None
        #: Called with each fault before anything of it is there.
        self.before: Callable[[Fault], None] | None = None

    # --- reading ---

    def faults(self, *, drill_id: str | None = None, injected_only: bool = False) -> list[Fault]:
        return [
            fault
            for fault in self._store.list(Fault)
            if drill_id in (None, fault.drill_id) and not (injected_only and fault.phase != "injected")
        ]

    def get(self, fault_id: str) -> Fault:
        fault = self._store.get(Fault, fault_id)
        if fault is None:
            raise ApiError("FaultNotFound", 404, f"There is no fault {fault_id}.")
        return fault

    # --- writing ---

    async def inject(
        self,
        kind: str,
        scope: list[str] | tuple[str, ...],
        parameters: dict[str, Any] | None = None,
        *,
        at: float | None = None,
        drill_id: str = "",
        label: str = "",
        truth: Truth = "I",
    ) -> Fault:
        """`at`: the cloud time it counts from, now if None; a drill gives its own so that offsets are exact."""
        fault = self._checked(kind, scope, parameters or {}, self._clock.now() if at is None else at)
        fault = msgspec.structs.replace(
            fault, id=self._ids.resource("fault"), drill_id=drill_id, label=label, truth=truth
        )
        if self.before is not None:
            self.before(fault)
        self._forget_history()
        await self._save(fault, "injected", fault.injected_at)
        return fault

    async def change(self, fault_id: str, values: dict[str, Any], *, at: float | None = None) -> Fault:
        """New values for some parameters, from `at` on; what the fault did before stays as it was."""
        fault = self._injected(fault_id)
        held = dict(fault.parameters)
        for _, earlier in fault.changes:
            held.update(earlier)
        try:
            kind = check_kind(fault.fault_kind)
            changed = check_change(kind, held, values)
        except Refusal as refusal:
            raise _refused(refusal) from refusal
        moment = self._moment_after(fault, at)
        fault = msgspec.structs.replace(fault, changes=(*fault.changes, (moment, changed)))
        await self._save(fault, "changed", moment)
        return fault

    async def recover(self, fault_id: str, *, at: float | None = None) -> Fault:
        """End everything the fault does, from `at` on. What it did before stays history."""
        fault = self._injected(fault_id)
        moment = self._moment_after(fault, at)
        fault = msgspec.structs.replace(fault, phase="recovered", recovered_at=moment)
        await self._save(fault, "recovered", moment)
        return fault

    async def recover_all(self, drill_id: str | None = None, *, at: float | None = None) -> list[Fault]:
        """All at one moment, the last one injected first."""
        moment = self._clock.now() if at is None else at
        live = self.faults(drill_id=drill_id, injected_only=True)
        return [await self.recover(fault.id, at=moment) for fault in reversed(live)]

    def restore(self) -> None:
        """Publish everything in the store: at start, and after the store was exchanged for another."""
        self._board.clear()
        self._messages.clear()
        for fault in self._store.list(Fault):
            self._messages[fault.id] = publish(self._board, fault).messages
        self._forget_history()
        # What was told before the restart is not told again.
        now = self._clock.now()
        self._told = {message for message in self._all_messages() if message.at <= now}
        self._picture = watch.take(self._board, self._board.view(now))
        self._schedule()

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # --- inside ---

    def _checked(self, kind_name: str, scope: list[str] | tuple[str, ...], values: dict[str, Any], at: float) -> Fault:
        try:
            kind = check_kind(kind_name)
            nodes = check_scope(kind, scope, self._board.topology, self._board.nodes(at))
            complete = check_parameters(kind, values)
        except Refusal as refusal:
            raise _refused(refusal) from refusal
        region = self._board.topology.region_of(nodes[0]) if self._board.topology.exists(nodes[0]) else ""
        fault = Fault(
            id="",
            created_at=self._clock.now(),
            region=region,
            fault_kind=kind.name,
            scope=nodes,
            parameters=complete,
            injected_at=at,
        )
        try:
            declaration(fault, self._board.topology)
        except ValueError as problem:
            raise ApiError("InvalidParameter", 400, str(problem)) from problem
        return fault

    def _injected(self, fault_id: str) -> Fault:
        fault = self.get(fault_id)
        if fault.phase != "injected":
            raise ApiError("IncorrectFaultPhase", 409, f"Fault {fault_id} is recovered already.")
        return fault

    def _moment_after(self, fault: Fault, at: float | None) -> float:
        """Never before what the fault has on record: history is not rewritten."""
        latest = max([fault.injected_at, *(moment for moment, _ in fault.changes)])
        return max(self._clock.now() if at is None else at, latest)

    async def _save(self, fault: Fault, phase: str, at: float) -> None:
        await self._store.run(lambda transaction: transaction.put(fault))
        self._messages[fault.id] = publish(self._board, fault).messages
        self._events.emit(
            FaultEvent(
                at=at, fault_id=fault.id, kind=fault.fault_kind, phase=phase, scope=fault.scope, text=fault.label
            )
        )
        self._tell()
        self._schedule()

    def _forget_history(self) -> None:
        """Only when nothing is injected: old restarts hold down outages that are still on."""
        faults = self._store.list(Fault)
        last = max((fault.ends_at for fault in faults), default=math.inf)
        if last < self._clock.now() - _HISTORY_S:
            self._board.clear()
            self._messages.clear()
            self._told.clear()

    def _tell(self) -> None:
        now = self._clock.now()
        for message in sorted(self._all_messages(), key=lambda message: message.at):
            if message.at <= now and message not in self._told:
                self._told.add(message)
                self._events.emit(
                    ProviderMessage(
                        at=message.at, channel=message.channel, text=message.text, accuracy=message.accuracy
                    )
                )
        picture = watch.take(self._board, self._board.view(now))
        before, self._picture = self._picture, picture
        for event in watch.changes(before, picture, now):
            self._events.emit(event)

    def _schedule(self) -> None:
        self.close()
        now = self._clock.now()
        upcoming = [message.at for message in self._all_messages() if message.at > now]
        boundary = min([self._board.view(now).next_change(), *upcoming])
        sample = self._next_sample(now)
        when = min(boundary + _BOUNDARY_SLACK_S, sample)
        if when < math.inf:
            self._timer = self._clock.call_at(when, self._at_boundary if when > boundary else self._at_sample)

    def _next_sample(self, now: float) -> float:
        """Soon while a curve moves; where it is flat, at its next corner."""
        moments = [math.inf]
        for effect in self._board.effects():
            corner = next((at for at, _ in effect.points if at > now), None)
            if corner is not None and effect.active(now):
                flat = interpolate(effect.points, now) == interpolate(effect.points, corner)
                moments.append(max(corner, now + _SAMPLE_S) if flat else now + _SAMPLE_S)
        return min(moments)

    def _all_messages(self) -> list[Message]:
        return [message for messages in self._messages.values() for message in messages]

    def _at_boundary(self) -> None:
        self._board.tick()
        self._at_sample()

    def _at_sample(self) -> None:
        self._tell()
        self._schedule()


def _refused(refusal: Refusal) -> ApiError:
    if refusal.what == "kind":
        return ApiError("InvalidFaultKind.NotFound", 404, refusal.message)
    if refusal.what == "scope":
        return ApiError("InvalidScope", 400, refusal.message)
    return ApiError(f"InvalidParameter.{refusal.name}".rstrip("."), 400, refusal.message)
