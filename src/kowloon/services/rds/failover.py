"""The high-availability loop of one database instance: watch, degrade, fence, promote, rejoin.

Rules, in order of weight: no acknowledged write is ever lost by an automatic act; one node at a time may take writes;
then availability. A standby that may lack writes is not promoted by itself, and that is said.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import msgspec

from kowloon.core.bus import EventBus
from kowloon.core.clock import Clock
from kowloon.core.events import ResourceEvent
from kowloon.core.transitions import DATABASE_CREATION, DATABASE_RESTART, Transitions
from kowloon.core.waits import RealSeconds
from kowloon.engines.base import EngineError
from kowloon.engines.database.base import DatabaseEngine, NodeStatus
from kowloon.services.rds.logic import endpoint_payload, node_payload
from kowloon.services.rds.resources import DBInstance, Node
from kowloon.store.resources import Key, Resource
from kowloon.store.store import Store, Transaction
from kowloon.store.units import Unit
from kowloon.topology.effects import Aspect, failover_due
from kowloon.topology.health import HealthBoard

PROBE_EVERY_S = RealSeconds(0.5)
# Long enough that a busy machine is not taken for a dead one; a dead process is refused at once anyway.
PROBE_TIMEOUT_S = 0.8
# The primary counts as lost after two probes in a row without an answer.
LOST_AFTER_S = 0.9
# A commit waits this long for a lost standby before the primary is let go on alone.
DEGRADE_AFTER_S = 2.5
_NOBODY = NodeStatus(reachable=False)


class DatabaseHa:
    name = "databases"
    workers = 8

    def __init__(
        self,
        store: Store,
        board: HealthBoard,
        clock: Clock,
        bus: EventBus,
        transitions: Transitions,
        engine: DatabaseEngine,
    ) -> None:
        self._store = store
        self._board = board
        self._clock = clock
        self._bus = bus
        self._transitions = transitions
        self._engine = engine

    def keys(self, key: Key, item: Resource | None) -> Iterable[str]:
        if isinstance(item, Unit) and item.owner_kind == DBInstance.kind:
            return (item.owner_id,)
        return (key.id,) if key.kind == DBInstance.kind and item is not None else ()

    def all_keys(self) -> Iterable[str]:
        return [instance.id for instance in self._store.list(DBInstance)]

    def zones(self, key: str) -> tuple[str, ...]:
        """A witness: the loop lives in a zone without a node of the instance if there is one, then with the standby."""
        instance = self._store.get(DBInstance, key)
        if instance is None:
            return ()
        nodes = [node.zone for node in instance.nodes]
        zones = self._board.topology.zone_ids(instance.region)
        others = tuple(zone for zone in zones if zone not in nodes)
        return (*others, *dict.fromkeys(reversed(nodes)))

    async def reconcile(self, key: str) -> float | None:
        instance = self._store.get(DBInstance, key)
        if instance is None or instance.moving_to:
            self._transitions.drop(key)
        if instance is None:
            return None
        if instance.moving_to:
            return await self._carry_on_move(instance)
        primary, standby = await self._probe(instance)
        if instance.status == "Creating":
            return await self._finish_creation(instance, primary, standby)
        if primary.reachable and not primary.in_recovery:
            return await self._with_primary(instance, primary, standby)
        return await self._without_primary(instance, standby)

    async def _probe(self, instance: DBInstance) -> tuple[NodeStatus, NodeStatus]:
        second = instance.standby
        statuses = await asyncio.gather(
            self._engine.status(instance.primary, timeout_s=PROBE_TIMEOUT_S),
            self._engine.status(second.id, timeout_s=PROBE_TIMEOUT_S) if second else _absent(),
        )
        return statuses[0], statuses[1]

    # --- the primary answers ---

    async def _finish_creation(self, instance: DBInstance, primary: NodeStatus, standby: NodeStatus) -> float:
        if not primary.reachable:
            self._transitions.drop(instance.id)
            return PROBE_EVERY_S
        second = instance.standby
        if second is not None:
            if not (standby.reachable and standby.streaming):
                await self._store.run(lambda tx: _start_unit(tx, second.id))
                return PROBE_EVERY_S
            await self._engine.set_synchronous(instance.primary, second.id)
        if self._transitions.wait_s(self.name, instance.id, DATABASE_CREATION) != 0.0:
            return PROBE_EVERY_S
        await self._update(instance.id, status="Running", synced=instance.is_ha)
        self._tell(instance, "Running")
        return PROBE_EVERY_S

    async def _with_primary(self, instance: DBInstance, primary: NodeStatus, standby: NodeStatus) -> float:
        changes: dict[str, object] = {}
        if instance.primary_missing_since is not None:
            changes.update(primary_missing_since=None, refusal_told=False)
        if instance.status == "Restarting" and self._restarted(instance):
            wait_s = self._transitions.wait_s(self.name, instance.id, DATABASE_RESTART)
            changes.update({"status": "Running"} if wait_s == 0.0 else {})
        if instance.is_ha:
            changes.update(await self._tend_standby(instance, primary, standby))
        if changes:
            await self._update(instance.id, **changes)
        return PROBE_EVERY_S if instance.is_ha else RealSeconds(2 * PROBE_EVERY_S)

    def _restarted(self, instance: DBInstance) -> bool:
        unit = self._store.get(Unit, instance.primary)
        return unit is not None and unit.observed_generation >= instance.restart_generation

    async def _tend_standby(self, instance: DBInstance, primary: NodeStatus, standby: NodeStatus) -> dict[str, object]:
        node = instance.standby
        assert node is not None
        now = self._clock.now()
        if standby.reachable and standby.streaming:
            changes: dict[str, object] = (
                {} if instance.standby_missing_since is None else {"standby_missing_since": None}
            )
            if not primary.synchronous:
                await self._engine.set_synchronous(instance.primary, node.id)
            elif not instance.synced:
                # Only now does every further acknowledged write exist twice.
                changes["synced"] = True
                self._tell(instance, "in sync again", f"standby {node.id} in {node.zone} holds every write")
            return changes
        if instance.standby_missing_since is None:
            return {"standby_missing_since": now}
        if now - instance.standby_missing_since < DEGRADE_AFTER_S:
            return {}
        if instance.synced:
            # The decision is durable before it takes effect: from here on the standby counts as stale.
            await self._update(instance.id, synced=False)
            self._tell(instance, "degraded", f"standby in {node.zone} is lost, running alone in {self._zone(instance)}")
        if primary.synchronous:
            await self._engine.set_synchronous(instance.primary, None)
        return {}

    # --- the primary does not answer ---

    async def _without_primary(self, instance: DBInstance, standby: NodeStatus) -> float:
        self._transitions.drop(instance.id)
        now = self._clock.now()
        if instance.primary_missing_since is None:
            await self._update(instance.id, primary_missing_since=now)
            return PROBE_EVERY_S
        missing_s = now - instance.primary_missing_since
        if missing_s < LOST_AFTER_S or not instance.is_ha or instance.status == "Restarting":
            return PROBE_EVERY_S
        if not standby.reachable or not standby.in_recovery:
            return PROBE_EVERY_S
        if not instance.synced:
            if not instance.refusal_told:
                await self._update(instance.id, refusal_told=True)
                self._tell(
                    instance,
                    "failover refused",
                    "the standby may lack acknowledged writes; waiting for the primary",
                    level="CRITICAL",
                )
            return PROBE_EVERY_S
        if not self._has_its_turn(instance, now):
            return PROBE_EVERY_S
        await self._begin_move(instance)
        return 0.0

    def _has_its_turn(self, instance: DBInstance, now: float) -> bool:
        """Whether the provider gets to this instance now: always, unless failovers queue by hand."""
        policy = self._board.view(now).policy(f"rds@{instance.region}", Aspect.FAILOVER)
        if policy is None:
            return True
        due = failover_due(policy, instance.id)
        return due is not None and now >= due

    async def _begin_move(self, instance: DBInstance) -> None:
        target = instance.standby
        assert target is not None
        self._tell(instance, "failing over", f"from {self._zone(instance)} to {target.zone}", level="CRITICAL")
        await self._update(instance.id, moving_to=target.id, graceful_move=False)

    async def _carry_on_move(self, instance: DBInstance) -> float:
        """Fence, promote, switch: each step is safe to repeat, and the next begins only when the last is done."""
        old, new = instance.node(instance.primary), instance.node(instance.moving_to)
        if not await self._fence(old, instance.graceful_move):
            return RealSeconds(0.1)
        try:
            await self._engine.promote(new.id, generation=instance.generation + 1)
        except EngineError as problem:
            status = await self._engine.status(new.id, timeout_s=PROBE_TIMEOUT_S)
            if not status.reachable:
                # The target went as well. Nothing was promoted: the old primary keeps its place.
                await self._give_up_move(instance, old, str(problem))
            return PROBE_EVERY_S
        await self._store.run(lambda tx: _switch(tx, instance.id))
        self._tell(instance, "failed over", f"primary is now {new.id} in {new.zone}", level="WARN")
        return PROBE_EVERY_S

    async def _fence(self, node: Node, graceful: bool) -> bool:
        """True once no process of the node is left, or its host has no power to run one."""

        def body(tx: Transaction) -> bool:
            unit = tx.get(Unit, node.id)
            if unit is None:
                return True
            if unit.desired != "stopped":
                grace_s = 5.0 if graceful else 0.0
                tx.put(msgspec.structs.replace(unit, desired="stopped", stop_grace_s=grace_s))
                return False
            return unit.observed in ("stopped", "absent")

        return await self._store.run(body)

    async def _give_up_move(self, instance: DBInstance, old: Node, why: str) -> None:
        def body(tx: Transaction) -> None:
            current, unit = tx.get(DBInstance, instance.id), tx.get(Unit, old.id)
            if current is not None:
                tx.put(msgspec.structs.replace(current, moving_to="", graceful_move=False))
            if unit is not None:
                tx.put(msgspec.structs.replace(unit, desired="running", stop_grace_s=5.0))

        await self._store.run(body)
        self._tell(instance, "failover given up", why, level="CRITICAL")

    # --- helpers ---

    def _zone(self, instance: DBInstance) -> str:
        return instance.node(instance.primary).zone

    async def _update(self, id: str, **changes: object) -> None:
        def body(tx: Transaction) -> None:
            current = tx.get(DBInstance, id)
            if current is not None:
                tx.put(msgspec.structs.replace(current, **changes))

        await self._store.run(body)

    def _tell(self, instance: DBInstance, state: str, text: str = "", level: str = "INFO") -> None:
        self._bus.emit(
            ResourceEvent(
                at=self._clock.now(),
                kind=DBInstance.kind,
                id=instance.id,
                state=state,
                text=text,
                level=level,
                region=instance.region,
            )
        )


async def _absent() -> NodeStatus:
    return _NOBODY


def _start_unit(tx: Transaction, unit_id: str) -> None:
    unit = tx.get(Unit, unit_id)
    if unit is not None and unit.desired == "stopped":
        tx.put(msgspec.structs.replace(unit, desired="running"))


def _switch(tx: Transaction, instance_id: str) -> None:
    """The new primary takes the address; the old one will come back as its standby."""
    instance = tx.get(DBInstance, instance_id)
    if instance is None or not instance.moving_to:
        return
    old_id = instance.primary
    moved = msgspec.structs.replace(
        instance,
        primary=instance.moving_to,
        moving_to="",
        graceful_move=False,
        generation=instance.generation + 1,
        synced=False,
        status="Running",
        failovers=instance.failovers + 1,
        primary_missing_since=None,
        standby_missing_since=None,
        refusal_told=False,
    )
    tx.put(moved)
    new_unit, old_unit, endpoint = (
        tx.get(Unit, moved.primary),
        tx.get(Unit, old_id),
        tx.get(Unit, moved.endpoint_id),
    )
    replace = msgspec.structs.replace
    if new_unit is not None:
        tx.put(replace(new_unit, payload=node_payload(moved, moved.node(moved.primary))))
    if old_unit is not None:
        tx.put(
            replace(
                old_unit,
                desired="running",
                generation=old_unit.generation + 1,
                stop_grace_s=5.0,
                payload=node_payload(moved, moved.node(old_id)),
            )
        )
    if endpoint is not None and new_unit is not None:
        # The address follows the primary to its host, as a virtual address does.
        tx.put(
            replace(
                endpoint,
                place=new_unit.place,
                generation=endpoint.generation + 1,
                payload=endpoint_payload(moved),
            )
        )
