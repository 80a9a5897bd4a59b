"""What a fault kind is: parameters with units in their names, and a pure function from a fault to what it declares."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from itertools import pairwise
from typing import Any, Literal, TypeVar

import msgspec

from kowloon.faults.resources import Fault
from kowloon.topology.effects import Aspect, Effect
from kowloon.topology.map import Topology
from kowloon.topology.services import Edge, ServiceNode

SECONDS_PER_MINUTE = 60.0
ScopeType = Literal["region", "zone", "hall", "host", "service"]
PLACES: tuple[ScopeType, ...] = ("region", "zone", "hall", "host")


class Parameters(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of all parameter structs. `_min` are minutes after the injection, `_c` degrees Celsius, `_share` 0..1.

    A struct refuses what makes no sense with a ValueError from `__post_init__`.
    """


P = TypeVar("P", bound=Parameters)


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """Something the provider says to its customers at a moment of cloud time."""

    at: float
    channel: str
    text: str
    accuracy: str


class Declaration(msgspec.Struct, frozen=True, kw_only=True):
    effects: tuple[Effect, ...] = ()
    nodes: tuple[ServiceNode, ...] = ()
    edges: tuple[Edge, ...] = ()
    messages: tuple[Message, ...] = ()


class Kind(msgspec.Struct, frozen=True, kw_only=True):
    """One fault kind. `scopes`: what it can act on. `short`: names for the command line."""

    name: str
    short: tuple[str, ...]
    scopes: tuple[ScopeType, ...]
    parameters: type[Parameters]
    declare: Callable[[Fault, Topology], Declaration]
    fixed: bool = False
    """True: its parameters cannot be changed while it is injected."""

    @property
    def summary(self) -> str:
        return (self.parameters.__doc__ or "").strip().split("\n")[0]


def parse(parameters: type[P], values: dict[str, Any]) -> P:
    """Raises msgspec.ValidationError, also for what `__post_init__` refuses."""
    return msgspec.convert(values, parameters)


def steps(fault: Fault, parameters: type[P]) -> list[tuple[float, float, P]]:
    """(start, end, parameters that hold) from injection to recovery, one for each change."""
    values = dict(fault.parameters)
    moments: list[tuple[float, P]] = [(fault.injected_at, parse(parameters, values))]
    for at, change in fault.changes:
        values.update(change)
        moments.append((at, parse(parameters, values)))
    ends = [*(at for at, _ in moments[1:]), fault.ends_at]
    return [(start, end, held) for (start, held), end in zip(moments, ends, strict=True) if start < end]


def clip(effects: Iterable[Effect], start: float, end: float) -> list[Effect]:
    """What is left of the effects within [start, end). A restart of power is a moment: it is in or out."""
    kept = []
    for effect in effects:
        if effect.aspect is Aspect.POWER_RESTORED:
            if start <= effect.start < end:
                kept.append(effect)
            continue
        first, last = max(effect.start, start), min(effect.end, end)
        if first < last:
            kept.append(msgspec.structs.replace(effect, start=first, end=last))
    return kept


def stepwise(
    parameters: type[P], effects: Callable[[Fault, P, Topology], Iterable[Effect]]
) -> Callable[[Fault, Topology], Declaration]:
    """Makes a `declare` of a function that knows one set of parameters: each set rules from its change to the next."""

    def declare(fault: Fault, topology: Topology) -> Declaration:
        found: list[Effect] = []
        for start, end, held in steps(fault, parameters):
            found.extend(clip(effects(fault, held, topology), start, end))
        return Declaration(effects=tuple(found))

    return declare


def moment(fault: Fault, minutes: float | None) -> float:
    """Cloud time `minutes` after the injection; None is never."""
    return math.inf if minutes is None else fault.injected_at + minutes * SECONDS_PER_MINUTE


def hosts_in(scope: Iterable[str], topology: Topology) -> list[str]:
    """The hosts of all places of a scope, each once, in the order of the scope."""
    return list(dict.fromkeys(host for place in scope for host in topology.hosts(place)))


def require(condition: bool, message: str) -> None:
    if not condition:
        raise ValueError(message)


def require_share(value: float, name: str) -> None:
    require(0.0 <= value <= 1.0, f"{name} is a share between 0 and 1, not {value}")


def require_until(until_min: float | None) -> None:
    require(until_min is None or until_min > 0, f"until_min is minutes after the injection, not {until_min}")


def require_rising(points: Iterable[tuple[float, float]], name: str) -> None:
    times = [at for at, _ in points]
    require(all(a < b for a, b in pairwise(times)), f"the minutes of {name} must rise")
