"""Units: the real parts that products want to have running. Products write them, the unit keeper carries them out."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from kowloon.core.errors import CapabilityError
from kowloon.store.resources import Key, Reference, Resource
from kowloon.store.store import Transaction

Observed = Literal["absent", "starting", "running", "stopped", "frozen", "failed"]


class Unit(Resource, frozen=True, kw_only=True):
    """One process-like part on one host (its `place`), owned by a resource.

    Products write `desired`, `payload` and `generation` (raised by one to ask for a restart); the unit keeper alone
    writes `observed`, `observed_generation` and `message`. `payload` is the engine's own type as JSON-ready data
    (engines/<engine>/base.py). A unit whose host is dark reads `observed="absent"`: the truth, which the control plane
    may learn late. A deleted unit's record goes when its engine has let go of it.
    """

    kind: ClassVar[str] = "unit"
    owner_kind: str
    owner_id: str
    engine: Literal["compute", "balancer", "database"]
    address: str
    desired: Literal["running", "stopped", "deleted"] = "running"
    generation: int = 1
    payload: dict[str, Any]
    stop_grace_s: float = 0.0
    observed: Observed = "absent"
    observed_generation: int = 0
    message: str = ""

    @property
    def host(self) -> str:
        return self.place.host if self.place else ""


class AddressSpaceRecord(Resource, frozen=True, kw_only=True):
    """The cloud's own dialable addresses; whoever is dialled holds a Reference with an address of it."""

    kind: ClassVar[str] = "address-space"


DIALABLE = Key(AddressSpaceRecord.kind, "dialable")


def dialable_addresses(tx: Transaction, count: int) -> list[Reference]:
    """Fresh dialable addresses, as the References that keep them taken. CapabilityError when there are not enough."""
    space = tx.find(DIALABLE)
    addresses = tx.take_addresses(space, count) if space is not None else []
    if len(addresses) < count:
        raise CapabilityError("this cloud has no dialable address left; release resources or `kowloon reset`")
    return [Reference(kind=DIALABLE.kind, id=DIALABLE.id, address=address) for address in addresses]


def dialable_address(tx: Transaction) -> Reference:
    return dialable_addresses(tx, 1)[0]
