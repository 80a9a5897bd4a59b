"""Regions, zones, halls and hosts: where things are.

Node names are paths: `cn-hongkong` (region), `cn-hongkong-c` (zone), `cn-hongkong-c/hall-2`,
`cn-hongkong-c/hall-2/host-3`.
Regions and zones are the vendor's published list (data/regions.json); halls and hosts are ours, the same in each zone.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Sequence
from importlib import resources

import msgspec

HALLS_PER_ZONE = 4
HOSTS_PER_HALL = 6


class Zone(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    name: str


class Region(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    name: str
    name_zh: str
    endpoint: str
    zones: tuple[Zone, ...]


class Topology:
    """The whole map, read once; every answer is a pure function of it."""

    def __init__(self, regions: Sequence[Region]) -> None:
        self.regions = {region.id: region for region in regions}
        self._zone_region = {zone.id: region.id for region in regions for zone in region.zones}

    @classmethod
    def vendor(cls) -> Topology:
        raw = resources.files("kowloon.data").joinpath("regions.json").read_bytes()
        return cls(msgspec.json.decode(raw, type=list[Region]))

    def region_of(self, node: str) -> str:
        """The region of any node, or the name itself when it is a region; KeyError for a place that is not there."""
        zone = node.split("/", 1)[0]
        return zone if zone in self.regions else self._zone_region[zone]

    def zone_ids(self, region: str) -> tuple[str, ...]:
        return tuple(zone.id for zone in self.regions[region].zones)

    def is_zone(self, name: str) -> bool:
        return name in self._zone_region

    def halls(self, zone: str) -> tuple[str, ...]:
        return tuple(f"{zone}/hall-{number}" for number in range(1, HALLS_PER_ZONE + 1))

    @functools.lru_cache(maxsize=1024)  # noqa: B019 (one map per cloud, and it is frozen)
    def hosts(self, node: str) -> tuple[str, ...]:
        """All hosts in a region, zone or hall; a host is itself."""
        parts = node.split("/")
        if len(parts) == 3:
            return (node,)
        if len(parts) == 2:
            return tuple(f"{node}/host-{number}" for number in range(1, HOSTS_PER_HALL + 1))
        zones = self.zone_ids(node) if node in self.regions else (node,)
        return tuple(host for zone in zones for hall in self.halls(zone) for host in self.hosts(hall))

    @functools.lru_cache(maxsize=8192)  # noqa: B019 (as above)
    def host_of(self, service: str, node: str) -> str:
        """Where a service's part in `node` stands: as units are placed, by its name."""
        return max(self.hosts(node), key=lambda host: spread(f"{service}@{host}"))

    def exists(self, node: str) -> bool:
        zone, _, rest = node.partition("/")
        if not rest:
            return zone in self.regions or zone in self._zone_region
        return zone in self._zone_region and (node in self.halls(zone) or node in self.hosts(zone))


def ancestors(host: str) -> tuple[str, ...]:
    """`a/hall-1/host-2` -> itself, its hall, its zone."""
    parts = host.split("/")
    return tuple("/".join(parts[:count]) for count in range(len(parts), 0, -1))


def spread(text: str) -> float:
    """A number in [0, 1) that depends on the text alone: for placement and for spreads between like parts."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") / 2**64


def place(unit_id: str, hosts: Sequence[str], avoid: frozenset[str] = frozenset()) -> str | None:
    """The host for a unit: a pure function of its id and the hosts that can take it (highest random weight),
    away from `avoid` as far as possible. None when there is no host."""
    candidates = [host for host in hosts if host not in avoid] or list(hosts)
    return max(candidates, key=lambda host: spread(f"{unit_id}@{host}"), default=None)
