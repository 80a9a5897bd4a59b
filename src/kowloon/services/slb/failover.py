"""Moving load balancers: away from a lost host within the zone, away from a lost zone to the other one of the pair.

A load balancer counts as lost once its checker has not seen it run for DETECT_S; it then starts on the new host with
the same address. That takes a few seconds in all; the vendor's documents say about half a minute. It never moves back
by itself, as with the vendor: master and slave zone stay as created, and no answer says where it is active.
The same loop drops servers whose instances are gone.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from kowloon.core.bus import EventBus
from kowloon.core.clock import Clock
from kowloon.core.events import ResourceEvent
from kowloon.core.waits import RealSeconds
from kowloon.services.slb import groups, load_balancers
from kowloon.services.slb.payload import groups_of, refresh
from kowloon.services.slb.resources import INSTANCE, LoadBalancer, Server, ServerGroup
from kowloon.services.slb.zones import homes
from kowloon.store.resources import Key, Place, Resource
from kowloon.store.store import Store, Transaction
from kowloon.store.units import Unit
from kowloon.topology.effects import Aspect, failover_due
from kowloon.topology.health import HealthBoard, HealthView
from kowloon.topology.map import place

DETECT_S = 3.0
# How long until a host is looked for again when no zone has one, or when a turn in a queue is far away.
LOOK_AGAIN_S = 5.0
_UNIT_CLASS = "balancer"


class BalancerHa:
    name = "load-balancers"
    workers = 8

    def __init__(self, store: Store, board: HealthBoard, clock: Clock, bus: EventBus) -> None:
        self._store = store
        self._board = board
        self._clock = clock
        self._bus = bus

    def keys(self, key: Key, item: Resource | None) -> Iterable[str]:
        if key.kind == LoadBalancer.kind and item is not None:
            return (key.id,)
        if isinstance(item, Unit) and item.owner_kind == LoadBalancer.kind:
            return (item.owner_id,)
        if key.kind == INSTANCE and item is None:
            return [_balancer_id(holder) for holder in self._store.referrers(key) if _balancer_id(holder)]
        return ()

    def all_keys(self) -> Iterable[str]:
        return [balancer.id for balancer in self._store.list(LoadBalancer)]

    def zones(self, key: str) -> tuple[str, ...]:
        balancer = self._store.get(LoadBalancer, key)
        return homes(balancer, self._board.topology) if balancer is not None else ()

    async def reconcile(self, key: str) -> float | None:
        await self._store.run(lambda tx: _drop_released(tx, key))
        balancer, unit = self._store.get(LoadBalancer, key), self._store.get(Unit, key)
        if balancer is None or unit is None or unit.desired != "running":
            return None
        now = self._clock.now()
        view = self._board.view(now)
        if _serves(unit, view):
            await self._note_missing(balancer, None)
            return None
        if balancer.missing_since is None:
            await self._note_missing(balancer, now)
            return DETECT_S
        wait_s = max(balancer.missing_since + DETECT_S - now, self._turn_in_s(balancer, view))
        if wait_s > 0.0:
            return RealSeconds(min(wait_s, LOOK_AGAIN_S))
        return await self._move(balancer, view)

    async def _note_missing(self, balancer: LoadBalancer, since: float | None) -> None:
        if balancer.missing_since == since:
            return

        def body(tx: Transaction) -> None:
            current = tx.get(LoadBalancer, balancer.id)
            if current is not None:
                tx.put(msgspec.structs.replace(current, missing_since=since))

        await self._store.run(body)

    def _turn_in_s(self, balancer: LoadBalancer, view: HealthView) -> float:
        """0 when it may move now. While the provider moves load balancers out of a zone by hand, each has its turn."""
        policy = view.policy(f"slb@{balancer.region}", Aspect.EVACUATION)
        if policy is None or balancer.zone not in policy.value.get("zones", [balancer.zone]):
            return 0.0
        due = failover_due(policy, balancer.id)
        return LOOK_AGAIN_S if due is None else due - view.now

    async def _move(self, balancer: LoadBalancer, view: HealthView) -> float | None:
        spot = _new_spot(balancer, view)
        if spot is None:
            return RealSeconds(LOOK_AGAIN_S)
        moved = await self._store.run(lambda tx: _put_at(tx, balancer, spot))
        if moved:
            self._tell(balancer, spot)
        return None

    def _tell(self, before: LoadBalancer, spot: Place) -> None:
        stays = spot.zone == before.zone
        where = f"to {spot.host}" if stays else f"from {before.zone} to {spot.zone}"
        self._bus.emit(
            ResourceEvent(
                at=self._clock.now(),
                kind=LoadBalancer.kind,
                id=before.id,
                state="moved" if stays else "failed over",
                text=f"{before.name} went {where}",
                level="WARN",
                region=before.region,
            )
        )


def _balancer_id(holder: Resource) -> str:
    return holder.id if isinstance(holder, LoadBalancer) else holder.refers_to(LoadBalancer.kind)


def _serves(unit: Unit, view: HealthView) -> bool:
    """Also while it starts or restarts on a host that is well: that is no reason to move."""
    well = view.host(unit.host, _UNIT_CLASS).serving
    return well and (unit.observed in ("running", "starting") or unit.observed_generation < unit.generation)


def _new_spot(balancer: LoadBalancer, view: HealthView) -> Place | None:
    """Another host of its zone if there is one, else of the other zone of its pair."""
    other = balancer.slave_zone if balancer.zone == balancer.master_zone else balancer.master_zone
    lost = balancer.place.host if balancer.place is not None else ""
    for zone in filter(None, (balancer.zone, other)):
        host = place(balancer.id, [name for name in view.in_stock(zone, unit_class=_UNIT_CLASS) if name != lost])
        if host is not None:
            return Place(zone, host)
    return None


def _put_at(tx: Transaction, before: LoadBalancer, spot: Place) -> bool:
    """False when somebody else has moved or deleted it meanwhile."""
    balancer, unit = tx.get(LoadBalancer, before.id), tx.get(Unit, before.id)
    if balancer is None or unit is None or balancer.place != before.place or unit.desired != "running":
        return False
    tx.put(msgspec.structs.replace(balancer, place=spot, missing_since=None))
    tx.put(msgspec.structs.replace(unit, place=spot, generation=unit.generation + 1))
    return True


def _drop_released(tx: Transaction, balancer_id: str) -> None:
    """The vendor takes a released server out of all groups."""
    balancer = tx.get(LoadBalancer, balancer_id)
    if balancer is None:
        return
    held: list[LoadBalancer | ServerGroup] = [balancer, *groups_of(tx, balancer_id)]
    changed = False
    for item in held:
        kept = tuple(server for server in item.servers if _exists(tx, server))
        if len(kept) == len(item.servers):
            continue
        changed = True
        if isinstance(item, LoadBalancer):
            tx.put(load_balancers.with_servers(item, kept))
        else:
            tx.put(groups.with_servers(item, kept))
    if changed:
        refresh(tx, balancer_id)


def _exists(tx: Transaction, server: Server) -> bool:
    return tx.find(Key(INSTANCE, server.id)) is not None
