"""What happens to the disks that keep a zone's objects, while everything else in the zone may be well."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from kowloon.faults.kinds.base import Kind, Parameters, moment, require, require_until, stepwise
from kowloon.faults.resources import Fault
from kowloon.topology.effects import Aspect, Effect
from kowloon.topology.map import Topology
from kowloon.topology.storage import storage_node, zone_of_storage

_DARK_MODES = ("unreadable", "stopped", "lost")


class StorageFault(Parameters, frozen=True, kw_only=True):
    """The object storage of a zone fails: unreadable, read_only, slow, stopped on purpose, or lost with all its data.

    A slow one serves everything delay_ms later. A lost one has lost its disks the moment it is injected: recovering it
    puts in new, empty ones; what other zones have copies of is healed, what was in this zone alone stays gone. Acts on
    a zone as a whole: how the vendor spreads a zone's copies over its halls is not published.
    """

    mode: Literal["unreadable", "read_only", "slow", "stopped", "lost"] = "unreadable"
    delay_ms: float = 2000.0
    until_min: float | None = None

    def __post_init__(self) -> None:
        require(0 <= self.delay_ms <= 600_000, "delay_ms is from 0 to 600000, ten minutes")
        require_until(self.until_min)


def _storage_fault(fault: Fault, held: StorageFault, topology: Topology) -> Iterator[Effect]:
    end = moment(fault, held.until_min)
    for place in fault.scope:
        zone = place if topology.is_zone(place) else zone_of_storage(place)
        if zone is None:
            raise ValueError(f"storage_fault acts on a zone or its {storage_node('<zone>')}, not on {place}")
        node, cause = storage_node(zone), f"storage {held.mode.replace('_', ' ')}"
        yield Effect(
            fault_id=fault.id,
            node=node,
            aspect=Aspect.STORAGE,
            start=fault.injected_at,
            end=end,
            cause=cause,
            value={"mode": held.mode, "delay_s": held.delay_ms / 1000.0 if held.mode == "slow" else 0.0},
        )
        if held.mode in _DARK_MODES:
            # Whatever leans on it sees it as it sees any service that is down.
            yield Effect(
                fault_id=fault.id,
                node=node,
                aspect=Aspect.SERVICE_STOPPED,
                start=fault.injected_at,
                end=end,
                cause=cause,
            )


KINDS = (
    Kind(
        name="storage_fault",
        short=("storage",),
        scopes=("zone", "service"),
        parameters=StorageFault,
        declare=stepwise(StorageFault, _storage_fault),
    ),
)
