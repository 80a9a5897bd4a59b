"""Hosts that run but do not answer: cut off, or hung."""

from __future__ import annotations

from collections.abc import Iterator

from kowloon.faults.kinds.base import PLACES, Kind, Parameters, moment, require_until, stepwise
from kowloon.faults.resources import Fault
from kowloon.topology.effects import Aspect, Effect
from kowloon.topology.map import Topology


class ZoneNetworkPartition(Parameters, frozen=True, kw_only=True):
    """Nothing reaches the places and nothing leaves them; what runs there goes on running.

    `icmp_ok`: addresses still answer ping, kept as a fact for who checks health by ping.
    """

    icmp_ok: bool = False
    until_min: float | None = None

    def __post_init__(self) -> None:
        require_until(self.until_min)


def _zone_network_partition(fault: Fault, held: ZoneNetworkPartition, topology: Topology) -> Iterator[Effect]:
    for node in fault.scope:
        yield Effect(
            fault_id=fault.id,
            node=node,
            aspect=Aspect.NETWORK_CUT,
            start=fault.injected_at,
            end=moment(fault, held.until_min),
            cause="network",
            value={"icmp_ok": held.icmp_ok},
        )


class ZoneHang(Parameters, frozen=True, kw_only=True):
    """Everything in the places freezes where it is, and goes on as if nothing had been when it ends."""

    until_min: float | None = None

    def __post_init__(self) -> None:
        require_until(self.until_min)


def _zone_hang(fault: Fault, held: ZoneHang, topology: Topology) -> Iterator[Effect]:
    for node in fault.scope:
        yield Effect(
            fault_id=fault.id,
            node=node,
            aspect=Aspect.FROZEN,
            start=fault.injected_at,
            end=moment(fault, held.until_min),
            cause="hang",
        )


KINDS = (
    Kind(
        name="zone_network_partition",
        short=("zone-network", "partition"),
        scopes=PLACES,
        parameters=ZoneNetworkPartition,
        declare=stepwise(ZoneNetworkPartition, _zone_network_partition),
    ),
    Kind(
        name="zone_hang",
        short=("hang",),
        scopes=PLACES,
        parameters=ZoneHang,
        declare=stepwise(ZoneHang, _zone_hang),
    ),
)
