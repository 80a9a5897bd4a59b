"""Two kinds of resource, enough for a store: a network owns addresses, a machine refers to it."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from kowloon.store.backend import MemoryBackend, SqliteBackend
from kowloon.store.codec import Codec
from kowloon.store.resources import AddressPool, Reference, Resource
from kowloon.store.store import Store


class Network(Resource, frozen=True, kw_only=True):
    kind: ClassVar[str] = "network"
    note: str = ""


class Machine(Resource, frozen=True, kw_only=True):
    kind: ClassVar[str] = "machine"
    number: int = 0


def codec() -> Codec:
    return Codec([Network, Machine])


def in_memory() -> Store:
    return Store(MemoryBackend(), codec())


def on_file(path: Path) -> Store:
    return Store(SqliteBackend(path), codec())


def network(id: str = "net-1", **fields: object) -> Network:
    return Network(id=id, **{"account": "1", "region": "r", "pool": AddressPool("10.0.0.0/29"), **fields})  # type: ignore[arg-type]


def machine(id: str, network_id: str = "net-1", address: str = "", **fields: object) -> Machine:
    held = Reference(
        kind="network", id=network_id, code="DependencyViolation.Machine", message="Machines are left.", address=address
    )
    return Machine(id=id, **{"account": "1", "region": "r", "references": (held,), **fields})  # type: ignore[arg-type]
