"""What happens to instances later: their status follows their units, as far as a checker in a living zone can see.

The checker runs in a zone of the region. While none lives, and until it has noticed, Describe* shows the last state.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from kowloon.core.bus import EventBus
from kowloon.core.clock import Clock
from kowloon.core.events import ResourceEvent
from kowloon.core.transitions import INSTANCE_START, INSTANCE_STOP, Change, Transitions
from kowloon.services.ecs.product import image_data
from kowloon.services.ecs.resources import Instance
from kowloon.store.resources import Key, Resource
from kowloon.store.store import Store, Transaction
from kowloon.store.units import Unit
from kowloon.topology.health import HealthBoard, HealthView

# A host that does not answer this long counts as failed; until then the console goes on saying Running.
HOST_LOST_S = 60.0
# A boot that waits this long for its image's data has failed. The record of 18 December 2022 says that purchases
# passed, boots failed and a retry did not help; how long the vendor waits, and that it shows Stopped, are inferred.
BOOT_WAIT_S = 300.0


class InstanceStatus:
    name = "instances"
    workers = 8

    def __init__(self, store: Store, board: HealthBoard, clock: Clock, bus: EventBus, transitions: Transitions) -> None:
        self._store = store
        self._board = board
        self._clock = clock
        self._bus = bus
        self._transitions = transitions

    def keys(self, key: Key, item: Resource | None) -> Iterable[str]:
        if key.kind == Instance.kind and item is not None:
            return (key.id,)
        if isinstance(item, Unit) and item.owner_kind == Instance.kind:
            return (item.owner_id,)
        return ()

    def all_keys(self) -> Iterable[str]:
        return [instance.id for instance in self._store.list(Instance)]

    def zones(self, key: str) -> tuple[str, ...]:
        instance = self._store.get(Instance, key)
        return self._board.topology.zone_ids(instance.region) if instance is not None else ()

    async def reconcile(self, key: str) -> float | None:
        now = self._clock.now()
        view = self._board.view(now)
        again: list[float] = []

        def body(tx: Transaction) -> Instance | None:
            instance, unit = tx.get(Instance, key), tx.get(Unit, key)
            if instance is None or unit is None:
                self._transitions.drop(key)
                return None
            if instance.unread_image and instance.status in ("Pending", "Starting"):
                changed = _boot(instance, view, now, again)
                if not changed.unread_image:
                    tx.put(msgspec.structs.replace(unit, desired="running"))
            else:
                changed = self._paced(instance, _next(instance, unit, now, again), again)
            if changed == instance:
                return None
            tx.put(changed)
            return changed

        changed = await self._store.run(body)
        if changed is not None:
            self._tell(changed, now)
        return min(again, default=None)

    def _paced(self, instance: Instance, changed: Instance, again: list[float]) -> Instance:
        """What has begun or ended is shown when it is time for that."""
        change: Change | None = None
        if instance.status != "Running" and changed.status == "Running":
            change = INSTANCE_START
        elif instance.status == "Stopping" and changed.status == "Stopped":
            change = INSTANCE_STOP
        if change is None:
            self._transitions.drop(instance.id)
            return changed
        wait_s = self._transitions.wait_s(self.name, instance.id, change)
        if wait_s == 0.0:
            return changed
        if wait_s is not None:
            again.append(wait_s)
        return msgspec.structs.replace(instance, status="Starting") if change is INSTANCE_START else instance

    def _tell(self, instance: Instance, now: float) -> None:
        lost = instance.status == "Stopped" and instance.missing_since is not None
        text = f"host of {instance.name} in {instance.zone} does not answer" if lost else ""
        if instance.unread_image and instance.status == "Stopped":
            lost, text = True, f"{instance.name} did not boot: the data of {instance.unread_image} cannot be read"
        elif instance.boot_since is not None:
            text = f"the boot of {instance.name} waits for the data of {instance.unread_image}"
        self._bus.emit(
            ResourceEvent(
                at=now,
                kind=Instance.kind,
                id=instance.id,
                state=instance.status,
                text=text,
                level="CRITICAL" if lost else "INFO",
                region=instance.region,
            )
        )


def _boot(instance: Instance, view: HealthView, now: float, again: list[float]) -> Instance:
    """A first boot from a custom image, which is read from single-zone storage: the launch was accepted, and what it
    shows while the data is out of reach is Starting, then Stopped. From then on it has to be started again."""
    replace = msgspec.structs.replace
    if view.failing_edge(image_data(instance.region), "startup") is None:
        return replace(instance, status="Starting", unread_image="", boot_since=None)
    since = instance.boot_since if instance.boot_since is not None else now
    if now - since >= BOOT_WAIT_S:
        return replace(instance, status="Stopped", boot_since=None)
    again.append(since + BOOT_WAIT_S - now)
    return replace(instance, status="Starting", boot_since=since)


def _next(instance: Instance, unit: Unit, now: float, again: list[float]) -> Instance:
    """The instance as its checker sees it now; appends to `again` when to look once more (seconds)."""
    replace = msgspec.structs.replace
    caught_up = unit.observed_generation == unit.generation
    if instance.status == "Stopping" and unit.desired == "stopped":
        # A stop is over when nothing runs any more, however that came about.
        return (
            replace(instance, status="Stopped", missing_since=None)
            if unit.observed in ("stopped", "absent")
            else instance
        )
    if unit.desired == "stopped":
        return instance
    if unit.observed == "running" and caught_up:
        if instance.status == "Running":
            return replace(instance, missing_since=None)
        return replace(instance, status="Running", started_at=now, missing_since=None)
    if instance.status == "Stopping":
        # A reboot: the unit is between its two lives.
        return replace(instance, status="Starting")
    if instance.status == "Running" and caught_up:
        return _lost(instance, now, again)
    return instance


def _lost(instance: Instance, now: float, again: list[float]) -> Instance:
    since = instance.missing_since if instance.missing_since is not None else now
    if now - since >= HOST_LOST_S:
        return msgspec.structs.replace(instance, status="Stopped", missing_since=since)
    again.append(since + HOST_LOST_S - now)
    return msgspec.structs.replace(instance, missing_since=since)
