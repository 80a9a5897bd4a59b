"""Loss of cooling: the air in each hall warms up, and hosts stop one after another."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import msgspec

from kowloon.faults.kinds.base import (
    SECONDS_PER_MINUTE,
    Declaration,
    Kind,
    Parameters,
    clip,
    hosts_in,
    require,
    require_share,
    steps,
)
from kowloon.faults.resources import Fault
from kowloon.topology.effects import Aspect, Effect, Points
from kowloon.topology.map import Topology, spread


class ZoneCoolingLoss(Parameters, frozen=True, kw_only=True):
    """The chillers of a zone fail; halls heat up and each host stops at its own temperature.

    A hall changes by rise_c_per_min * its pace * heat_share * (chillers missing / needed)
    - cooldown_c_per_min * (chillers_ok / needed), between start_c and ceiling_c. `hall_pace` (by hall name, such as
    hall-4) makes halls differ; 1.0 if not named. `heat_share`: how much of the hosts' heat still reaches the aisle
    (emergency ventilation, shed load). A host stops when its aisle passes host_trip_c plus its own part of
    host_trip_spread_c. It stays off when the hall cools: somebody has to power it on, and that holds only once the hall
    is below the host's limit. `chillers_ok` and `heat_share` are meant to be changed while the fault lasts.
    """

    start_c: float = 28.0
    warn_c: float = 32.0
    host_trip_c: float = 42.0
    host_trip_spread_c: float = 10.0
    disk_damage_c: float = 50.0
    sprinkler_c: float = 68.0
    ceiling_c: float = 80.0
    rise_c_per_min: float = 0.5
    cooldown_c_per_min: float = 0.4
    chillers_needed: int = 4
    chillers_ok: int = 0
    standby_shares_loop: bool = False
    heat_share: float = 1.0
    hall_pace: dict[str, float] = msgspec.field(default_factory=dict)

    def __post_init__(self) -> None:
        require(self.start_c < self.host_trip_c <= self.ceiling_c, "start_c < host_trip_c <= ceiling_c must hold")
        require(self.host_trip_spread_c >= 0, "host_trip_spread_c cannot be negative")
        require(self.rise_c_per_min >= 0 and self.cooldown_c_per_min >= 0, "rates are degrees per minute, not negative")
        require(self.chillers_needed >= 1, "chillers_needed is at least 1")
        require(0 <= self.chillers_ok <= self.chillers_needed, "chillers_ok is between 0 and chillers_needed")
        require(all(pace >= 0 for pace in self.hall_pace.values()), "hall_pace cannot be negative")
        require_share(self.heat_share, "heat_share")

    def rate_c_per_s(self, hall: str) -> float:
        running = self.chillers_ok / self.chillers_needed
        pace = self.hall_pace.get(hall.rpartition("/")[2], 1.0)
        rise = self.rise_c_per_min * pace * self.heat_share * (1.0 - running)
        return (rise - self.cooldown_c_per_min * running) / SECONDS_PER_MINUTE

    def trip_c(self, host: str) -> float:
        return self.host_trip_c + self.host_trip_spread_c * spread(f"trip/{host}")


# Long enough for any curve to have reached its floor or ceiling: the last point is flat from there on.
_HORIZON_S = 30 * 24 * 3600.0


def curve(fault: Fault, hall: str) -> Points:
    """Degrees in a hall from the injection on, as corner points of straight lines."""
    segments = steps(fault, ZoneCoolingLoss)
    points: list[tuple[float, float]] = []
    for start, end, held in segments:
        temperature = points[-1][1] if points else held.start_c
        if not points:
            points.append((start, temperature))
        rate = held.rate_c_per_s(hall)
        end = min(end, start + _HORIZON_S)
        limit = held.ceiling_c if rate > 0 else held.start_c
        reached = start + (limit - temperature) / rate if rate else end
        if start < reached < end:
            points.append((reached, limit))
            temperature = limit
        elif reached >= end:
            temperature += rate * (end - start)
        points.append((end, temperature))
    return tuple(points)


def above(points: Points, limit_c: float) -> Iterator[tuple[float, float]]:
    """The intervals in which a curve is above a limit; the last may have no end."""
    since: float | None = None
    for (at0, value0), (at1, value1) in pairwise(points):
        if since is None and value1 > limit_c:
            since = at0 if value0 >= limit_c else at0 + (at1 - at0) * (limit_c - value0) / (value1 - value0)
        elif since is not None and value1 <= limit_c:
            yield since, at0 + (at1 - at0) * (limit_c - value0) / (value1 - value0)
            since = None
    if since is not None:
        yield since, float("inf")


def _declare(fault: Fault, topology: Topology) -> Declaration:
    segments = steps(fault, ZoneCoolingLoss)
    if not segments:
        return Declaration()
    held = segments[0][2]
    effects: list[Effect] = []
    curves: dict[str, Points] = {}
    limits = {"warn_c": held.warn_c, "host_trip_c": held.host_trip_c, "sprinkler_c": held.sprinkler_c}
    for host in hosts_in(fault.scope, topology):
        hall = host.rpartition("/")[0]
        if hall not in curves:
            curves[hall] = curve(fault, hall)
            effects.append(_effect(fault, hall, Aspect.TEMPERATURE, points=curves[hall], value=limits))
        for start, end in above(curves[hall], held.trip_c(host)):
            # Two effects: while it is too hot nothing starts; after that it waits for somebody to start it.
            effects.append(_effect(fault, host, Aspect.POWER_OFF, start=start, end=end, sticky=True, cause="heat"))
            effects.append(_effect(fault, host, Aspect.POWER_OFF, start=start, cause="heat"))
    return Declaration(effects=tuple(clip(effects, fault.injected_at, fault.ends_at)))


def _effect(fault: Fault, node: str, aspect: Aspect, *, start: float | None = None, **rest: Any) -> Effect:
    begin = fault.injected_at if start is None else start
    return Effect(fault_id=fault.id, node=node, aspect=aspect, start=begin, **rest)


KINDS = (
    Kind(
        name="zone_cooling_loss",
        short=("zone-cooling", "cooling"),
        scopes=("zone", "hall"),
        parameters=ZoneCoolingLoss,
        declare=_declare,
    ),
)
