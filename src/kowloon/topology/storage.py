"""Where a region keeps objects: what the object store and whatever leans on it must agree about.

The vendor publishes neither which zone holds single-zone (LRS) data nor which three hold zone-redundant (ZRS) data.
Here it is the middle zone of the region (in Hong Kong that is C, the record's), and the three around it.
"""

from __future__ import annotations

from collections.abc import Sequence

_PREFIX = "oss-storage@"
#: What the storage servers are called where clusters are switched off class by class.
STORAGE_CLASS = "storage"


def storage_node(zone: str) -> str:
    """The storage servers of a zone in the health model: what keeps the bytes of its buckets."""
    return f"{_PREFIX}{zone}"


def zone_of_storage(node: str) -> str | None:
    """The zone of such a node; None for any other name."""
    return node.removeprefix(_PREFIX) if node.startswith(_PREFIX) else None


def single_storage_zone(zones: Sequence[str]) -> str:
    """Of a region's zones the one with its LRS data, custom images among them."""
    return zones[len(zones) // 2]


def redundant_storage_zones(zones: Sequence[str]) -> tuple[str, ...]:
    """Of a region's zones the three with its ZRS data; () in a region with fewer, which does not offer it."""
    if len(zones) < 3:
        return ()
    first = max(0, min(len(zones) // 2 - 1, len(zones) - 3))
    return tuple(zones[first : first + 3])
