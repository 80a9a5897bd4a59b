"""How the provider behaves while things are broken: queues, stock, and what it tells. Read by products as policies."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import msgspec

from kowloon.faults.kinds.base import (
    Declaration,
    Kind,
    Message,
    Parameters,
    moment,
    require,
    require_share,
    require_until,
    steps,
    stepwise,
)
from kowloon.faults.resources import Fault
from kowloon.topology.effects import Aspect, Effect
from kowloon.topology.map import Topology


def _regions(fault: Fault, topology: Topology) -> list[str]:
    return list(dict.fromkeys(topology.region_of(node) for node in fault.scope))


class DatabaseFailover(Parameters, frozen=True, kw_only=True):
    """Databases are switched to their standby by hand, in a queue, instead of by themselves.

    A database that has lost its primary is switched at its turn, spread evenly over [queue_start_min, queue_end_min];
    `stuck_share` of them get none before the policy ends. `mode` automatic: at once, as advertised.
    """

    mode: Literal["manual", "automatic"] = "manual"
    product: str = "rds"
    queue_start_min: float = 0.0
    queue_end_min: float = 60.0
    stuck_share: float = 0.0
    until_min: float | None = None

    def __post_init__(self) -> None:
        require(0 <= self.queue_start_min <= self.queue_end_min, "0 <= queue_start_min <= queue_end_min must hold")
        require_share(self.stuck_share, "stuck_share")
        require_until(self.until_min)


def _database_failover(fault: Fault, held: DatabaseFailover, topology: Topology) -> Iterator[Effect]:
    for region in _regions(fault, topology):
        yield Effect(
            fault_id=fault.id,
            node=f"{held.product}@{region}",
            aspect=Aspect.FAILOVER,
            start=fault.injected_at,
            end=moment(fault, held.until_min),
            cause=f"{held.mode} failover",
            value={
                "mode": held.mode,
                "scope": list(fault.scope),
                "queue_start": moment(fault, held.queue_start_min),
                "queue_end": moment(fault, held.queue_end_min),
                "stuck_share": held.stuck_share,
            },
        )


class Queue(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """From the first to the last resource of a product that is moved."""

    start_min: float
    done_min: float

    def __post_init__(self) -> None:
        require(0 <= self.start_min <= self.done_min, "0 <= start_min <= done_min must hold")


class ZoneEvacuation(Parameters, frozen=True, kw_only=True):
    """The provider moves products out of zones by hand, resource by resource.

    `products`: for each product its queue. `left_down`: products that exist only in the zone, as a fact.
    """

    products: dict[str, Queue]
    left_down: tuple[str, ...] = ()
    until_min: float | None = None

    def __post_init__(self) -> None:
        require(bool(self.products), "products names at least one product")
        require_until(self.until_min)


def _zone_evacuation(fault: Fault, held: ZoneEvacuation, topology: Topology) -> Iterator[Effect]:
    for region in _regions(fault, topology):
        zones = [zone for zone in fault.scope if topology.region_of(zone) == region]
        for product, queue in sorted(held.products.items()):
            yield Effect(
                fault_id=fault.id,
                node=f"{product}@{region}",
                aspect=Aspect.EVACUATION,
                start=fault.injected_at,
                end=moment(fault, held.until_min),
                cause="evacuation",
                value={
                    "mode": "manual",
                    "zones": zones,
                    "queue_start": moment(fault, queue.start_min),
                    "queue_end": moment(fault, queue.done_min),
                    "stuck_share": 0.0,
                },
            )


class CapacityExhaustion(Parameters, frozen=True, kw_only=True):
    """Nothing new can be placed in zones; `families`: of these instance families only, all if empty."""

    families: tuple[str, ...] = ()
    until_min: float | None = None

    def __post_init__(self) -> None:
        require_until(self.until_min)


def _capacity_exhaustion(fault: Fault, held: CapacityExhaustion, topology: Topology) -> Iterator[Effect]:
    for node in fault.scope:
        yield Effect(
            fault_id=fault.id,
            node=node,
            aspect=Aspect.NO_STOCK,
            start=fault.injected_at,
            end=moment(fault, held.until_min),
            cause="no stock",
            value={"families": list(held.families)},
        )


class StatusPageLag(Parameters, frozen=True, kw_only=True):
    """The status page shows nothing before first_post_after_min, and after that less than there is (`understate`)."""

    first_post_after_min: float = 60.0
    understate: bool = True
    until_min: float | None = None

    def __post_init__(self) -> None:
        require(self.first_post_after_min >= 0, "first_post_after_min cannot be negative")
        require_until(self.until_min)


def _status_page_lag(fault: Fault, held: StatusPageLag, topology: Topology) -> Iterator[Effect]:
    for region in _regions(fault, topology):
        yield Effect(
            fault_id=fault.id,
            node=f"status-page@{region}",
            aspect=Aspect.STATUS_PAGE,
            start=fault.injected_at,
            end=moment(fault, held.until_min),
            cause="status page lags",
            value={"first_post_at": moment(fault, held.first_post_after_min), "understate": held.understate},
        )


class ProviderMessage(Parameters, frozen=True, kw_only=True):
    """The provider tells its customers something; `accuracy` says how true it is."""

    text: str
    channel: str = "notice"
    accuracy: Literal["exact", "vague", "understated", "wrong"] = "exact"
    after_min: float = 0.0

    def __post_init__(self) -> None:
        require(bool(self.text), "text is empty")
        require(self.after_min >= 0, "after_min cannot be negative")


def _provider_message(fault: Fault, topology: Topology) -> Declaration:
    messages = []
    for start, end, held in steps(fault, ProviderMessage):
        at = moment(fault, held.after_min)
        if start <= at < end:
            messages.append(Message(at=at, channel=held.channel, text=held.text, accuracy=held.accuracy))
    return Declaration(messages=tuple(messages))


KINDS = (
    Kind(
        name="database_failover",
        short=("failover",),
        scopes=("region", "zone"),
        parameters=DatabaseFailover,
        declare=stepwise(DatabaseFailover, _database_failover),
    ),
    Kind(
        name="zone_evacuation",
        short=("evacuation",),
        scopes=("zone",),
        parameters=ZoneEvacuation,
        declare=stepwise(ZoneEvacuation, _zone_evacuation),
    ),
    Kind(
        name="capacity_exhaustion",
        short=("no-stock",),
        scopes=("region", "zone"),
        parameters=CapacityExhaustion,
        declare=stepwise(CapacityExhaustion, _capacity_exhaustion),
    ),
    Kind(
        name="status_page_lag",
        short=("status-lag",),
        scopes=("region",),
        parameters=StatusPageLag,
        declare=stepwise(StatusPageLag, _status_page_lag),
    ),
    Kind(
        name="provider_message",
        short=("message",),
        scopes=("region", "zone"),
        parameters=ProviderMessage,
        declare=_provider_message,
    ),
)
