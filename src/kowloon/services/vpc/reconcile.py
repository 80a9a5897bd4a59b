"""What happens to EIPs later: their real part stands where the target's does, and a released target frees them."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from kowloon.services.vpc.eips import TARGETS
from kowloon.services.vpc.resources import Eip
from kowloon.store.resources import Key, Resource
from kowloon.store.store import Store, Transaction
from kowloon.store.units import Unit
from kowloon.topology.map import Topology

_TARGET_KINDS = frozenset(TARGETS.values())


class EipFollow:
    name = "eips"
    workers = 4

    def __init__(self, store: Store, topology: Topology) -> None:
        self._store = store
        self._topology = topology

    def keys(self, key: Key, item: Resource | None) -> Iterable[str]:
        if isinstance(item, Unit) and item.owner_kind in _TARGET_KINDS:
            key = Key(item.owner_kind, item.owner_id)
        elif key.kind not in _TARGET_KINDS or item is not None:
            return ()
        return [holder.id for holder in self._store.referrers(key) if isinstance(holder, Eip)]

    def all_keys(self) -> Iterable[str]:
        return [item.id for item in self._store.list(Eip) if item.bound_id]

    def zones(self, key: str) -> tuple[str, ...]:
        item = self._store.get(Eip, key)
        return self._topology.zone_ids(item.region) if item is not None else ()

    async def reconcile(self, key: str) -> float | None:
        await self._store.run(lambda tx: _follow(tx, key))
        return None


def _follow(tx: Transaction, eip_id: str) -> None:
    item, unit = tx.get(Eip, eip_id), tx.get(Unit, eip_id)
    if item is None or not item.bound_id or unit is None:
        return
    target = tx.get(Unit, item.bound_id)
    if tx.find(Key(TARGETS[item.bound_type], item.bound_id)) is None:
        kept = tuple(reference for reference in item.references if reference.address)
        tx.put(msgspec.structs.replace(item, bound_id="", bound_type="", references=kept))
        tx.put(msgspec.structs.replace(unit, desired="deleted"))
    elif target is not None and target.place != unit.place:
        tx.put(msgspec.structs.replace(unit, place=target.place, generation=unit.generation + 1))
