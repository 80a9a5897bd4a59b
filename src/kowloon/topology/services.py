"""Service nodes (control planes and what they lean on) and the edges between them: declared, never stored state."""

from __future__ import annotations

import math
from typing import Literal

import msgspec


class ServiceNode(msgspec.Struct, frozen=True, kw_only=True):
    """A part of the provider that hosts in `places` (zones, halls or hosts; each counts once).

    `capacity_per_place` and `demand` share a unit: the load that one place serves is 1.0. `warmup_s`: how long a
    place must be back before it serves. `quorum`: places that must be up at all. `unit_class`: what its parts count as
    where a host loses one class of units and keeps the rest (Effect.classes).
    """

    name: str
    places: tuple[str, ...]
    capacity_per_place: float = 1.0
    demand: float = 0.3
    warmup_s: float = 0.0
    quorum: int = 1
    unit_class: str = ""


class Edge(msgspec.Struct, frozen=True, kw_only=True):
    """`consumer` leans on `provider`. hard: is down with it. startup: only starting fails. scale_out: capacity cannot
    grow without it. data: reads fail. `note` says what is known of it."""

    consumer: str
    provider: str
    mode: Literal["hard", "startup", "scale_out", "data"] = "hard"
    note: str = ""


class Overlay(msgspec.Struct, frozen=True, kw_only=True):
    """Nodes and edges that one fault lays over the declared ones during [start, end). Of two that name the same node
    the later start holds, then the greater fault id: never the order in which they were published."""

    fault_id: str
    nodes: tuple[ServiceNode, ...] = ()
    edges: tuple[Edge, ...] = ()
    start: float = -math.inf
    end: float = math.inf


class ServiceState(msgspec.Struct, frozen=True, kw_only=True):
    """`share`: of the calls that arrive, how many are served (0..1). `because`: the faults that act on it."""

    name: str
    share: float
    capacity: float
    demand: float
    because: tuple[str, ...] = ()

    @property
    def state(self) -> Literal["ok", "degraded", "down"]:
        if self.share >= 0.999:
            return "ok"
        return "degraded" if self.share > 0.0 else "down"


class HostState(msgspec.Struct, frozen=True, kw_only=True):
    """`since`: cloud time of the last change of any of the three. `because`: the faults that act now."""

    host: str
    power: bool = True
    frozen: bool = False
    network: bool = True
    since: float = 0.0
    because: tuple[str, ...] = ()
    cause: str = ""

    @property
    def up(self) -> bool:
        return self.power and not self.frozen

    @property
    def serving(self) -> bool:
        return self.power and not self.frozen and self.network
