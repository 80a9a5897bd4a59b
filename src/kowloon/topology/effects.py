"""What a fault does, said in the only vocabulary that the rest of the house reads: intervals on nodes."""

from __future__ import annotations

import math
from bisect import bisect_right
from enum import StrEnum
from typing import Any

import msgspec

Points = tuple[tuple[float, float], ...]


class Aspect(StrEnum):
    """POWER_OFF, FROZEN and NETWORK_CUT are of places; the rest of service nodes, or policies of the provider."""

    POWER_OFF = "power_off"
    POWER_RESTORED = "power_restored"
    FROZEN = "frozen"
    NETWORK_CUT = "network_cut"
    TEMPERATURE = "temperature"
    NO_STOCK = "no_stock"
    SERVICE_STOPPED = "service_stopped"
    DEMAND = "demand"
    ERROR_SHARE = "error_share"
    FAILOVER = "failover"
    EVACUATION = "evacuation"
    STATUS_PAGE = "status_page"


class Effect(msgspec.Struct, frozen=True, kw_only=True):
    """One impairment of one node over [start, end) of cloud time.

    `points`: (cloud time, value) for what changes continuously (degrees C, demand as a factor, error share).
    `sticky`: a POWER_OFF that a POWER_RESTORED does not lift (a wet hall). `value`: facts for a policy's reader.
    """

    fault_id: str
    node: str
    aspect: Aspect
    start: float
    end: float = math.inf
    points: Points = ()
    sticky: bool = False
    cause: str = ""
    value: dict[str, Any] = msgspec.field(default_factory=dict)

    def active(self, now: float) -> bool:
        return self.start <= now < self.end


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
