"""What a fault does, said in the only vocabulary that the rest of the house reads: intervals on nodes."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable
from enum import StrEnum
from typing import Any

import msgspec

from kowloon.topology.map import spread

Points = tuple[tuple[float, float], ...]


class Aspect(StrEnum):
    """POWER_OFF, FROZEN and NETWORK_CUT are of places; the rest of service nodes, or policies of the provider.

    STORAGE is of the storage servers of a zone: `value` has the mode, and the delay of a slow one in seconds.
    """

    POWER_OFF = "power_off"
    POWER_RESTORED = "power_restored"
    FROZEN = "frozen"
    NETWORK_CUT = "network_cut"
    TEMPERATURE = "temperature"
    NO_STOCK = "no_stock"
    SERVICE_STOPPED = "service_stopped"
    STORAGE = "storage"
    DEMAND = "demand"
    ERROR_SHARE = "error_share"
    FAILOVER = "failover"
    EVACUATION = "evacuation"
    STATUS_PAGE = "status_page"


class Effect(msgspec.Struct, frozen=True, kw_only=True):
    """One impairment of one node over [start, end) of cloud time.

    `points`: (cloud time, value) for what changes continuously (degrees C, demand as a factor, error share).
    `sticky`: a POWER_OFF that a POWER_RESTORED does not lift (a wet hall). `classes`: units of these classes only
    (compute, balancer, database ...); empty means everything on the node. `value`: facts for a policy's reader.
    A POWER_RESTORED is a moment: only its start counts.
    """

    fault_id: str
    node: str
    aspect: Aspect
    start: float
    end: float = math.inf
    points: Points = ()
    sticky: bool = False
    classes: tuple[str, ...] = ()
    cause: str = ""
    value: dict[str, Any] = msgspec.field(default_factory=dict)

    def active(self, now: float) -> bool:
        return self.start <= now < self.end

    def concerns(self, unit_class: str) -> bool:
        return not self.classes or unit_class in self.classes


def interpolate(points: Points, now: float) -> float:
    """Straight lines between points, flat outside of them."""
    if not points:
        raise ValueError("no points")
    index = bisect_right([at for at, _ in points], now)
    if index == 0:
        return points[0][1]
    if index == len(points):
        return points[-1][1]
    (at0, value0), (at1, value1) = points[index - 1], points[index]
    return value0 + (value1 - value0) * (now - at0) / (at1 - at0)


def last_change(spans: Iterable[tuple[float, float]], now: float) -> float:
    """The last moment up to `now` at which the union of the spans began or ended; 0.0 when it never did."""
    changed = 0.0
    union_end = -math.inf
    for start, end in sorted(spans):
        if start > now:
            break
        if start > union_end:
            # A gap: what came before really ended, and this really began.
            changed = max(changed, start, union_end if union_end <= now else 0.0)
        union_end = max(union_end, end)
    return max(changed, union_end) if union_end <= now else changed


def failover_due(policy: Effect, resource_id: str) -> float | None:
    """When a resource gets its turn under a FAILOVER or EVACUATION policy: a cloud time, the same at every call.

    `mode` "manual": turns are spread evenly over [queue_start, queue_end]; the `stuck_share` has none before the
    policy ends (None). Any other mode: from the policy's start on, at once.
    """
    value = policy.value
    if value.get("mode") != "manual":
        return policy.start
    if spread(f"stuck/{resource_id}") < float(value.get("stuck_share", 0.0)):
        return None
    first, last = float(value["queue_start"]), float(value["queue_end"])
    return first + spread(resource_id) * (last - first)
