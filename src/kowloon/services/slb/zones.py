"""Pairs of zones: a load balancer has a master and a slave, and stands in one of them."""

from __future__ import annotations

from collections.abc import Sequence

from kowloon.services.slb.errors import ZONES_INVALID
from kowloon.services.slb.resources import LoadBalancer
from kowloon.topology.map import Topology


def slaves_of(master: str, zones: Sequence[str]) -> list[str]:
    """The zones that can back up a master, the usual one first: the next in the region's list."""
    start = zones.index(master)
    return [*zones[start + 1 :], *zones[:start]]


def check_pair(master: str, slave: str, zones: Sequence[str]) -> tuple[str, str]:
    """Both zones, the slave by default the usual one ('' in a region of one zone)."""
    if master not in zones or slave == master or (slave and slave not in zones):
        raise ZONES_INVALID.error()
    return master, slave or next(iter(slaves_of(master, zones)), "")


def homes(balancer: LoadBalancer, topology: Topology) -> tuple[str, ...]:
    """Where the loops of a load balancer may live: last of all in the zone that it is active in."""
    zones = topology.zone_ids(balancer.region)
    return (*(zone for zone in zones if zone != balancer.zone), balancer.zone)
