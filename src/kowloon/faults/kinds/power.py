"""Power taken away, by accident or on purpose, and given back in batches."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import product

from kowloon.faults.kinds.base import (
    PLACES,
    Kind,
    Parameters,
    hosts_in,
    moment,
    require,
    require_share,
    require_until,
    stepwise,
)
from kowloon.faults.resources import Fault
from kowloon.topology.effects import Aspect, Effect
from kowloon.topology.map import Topology, spread


class ZonePowerLoss(Parameters, frozen=True, kw_only=True):
    """A zone loses its supply at once; batteries carry it for ups_min.

    `restore_min`: when the supply is back and every host starts with it; None: until the fault is recovered or a
    slow_recovery powers hosts on.
    """

    ups_min: float = 0.0
    restore_min: float | None = None

    def __post_init__(self) -> None:
        require(self.ups_min >= 0, "ups_min cannot be negative")
        require(self.restore_min is None or self.restore_min > 0, "restore_min is minutes after the injection")


def _zone_power_loss(fault: Fault, held: ZonePowerLoss, topology: Topology) -> Iterator[Effect]:
    for node in fault.scope:
        yield Effect(
            fault_id=fault.id,
            node=node,
            aspect=Aspect.POWER_OFF,
            start=moment(fault, held.ups_min),
            end=moment(fault, held.restore_min),
            cause="power",
        )


class ForcedPowerOff(Parameters, frozen=True, kw_only=True):
    """Somebody switches halls off on purpose, hard; a slow_recovery or `until_min` brings them back."""

    trigger: str = "operator"
    until_min: float | None = None

    def __post_init__(self) -> None:
        require_until(self.until_min)


def _forced_power_off(fault: Fault, held: ForcedPowerOff, topology: Topology) -> Iterator[Effect]:
    for node in fault.scope:
        yield Effect(
            fault_id=fault.id,
            node=node,
            aspect=Aspect.POWER_OFF,
            start=fault.injected_at,
            end=moment(fault, held.until_min),
            cause=f"switched off: {held.trigger}",
        )


class LoadShed(Parameters, frozen=True, kw_only=True):
    """The operator switches clusters off, class by class, to keep heat or load down.

    Classes go in `order` from start_min on; of each, share_per_step of the hosts' units go every interval_min until all
    are off. Hosts stay up for other classes. Classes are unit classes (compute, balancer, database), storage (the
    servers of the object store) and the provider's own words for what has no units here (network, bigdata).
    """

    order: tuple[str, ...] = ("compute", "storage", "network", "database", "bigdata")
    start_min: float = 0.0
    share_per_step: float = 0.25
    interval_min: float = 5.0
    reason: str = "load shedding"
    until_min: float | None = None

    def __post_init__(self) -> None:
        require(len(self.order) > 0, "order names at least one class")
        require(len(set(self.order)) == len(self.order), "order names each class once")
        require(0.01 <= self.share_per_step <= 1.0, "share_per_step is between 0.01 and 1")
        require(self.start_min >= 0 and self.interval_min >= 0, "start_min and interval_min cannot be negative")
        require_until(self.until_min)


# What the provider calls network servers carries the balancers here.
_UNIT_CLASSES = {"network": ("network", "balancer")}


def _units(classes: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(unit for name in classes for unit in _UNIT_CLASSES.get(name, (name,)))


def _load_shed(fault: Fault, held: LoadShed, topology: Topology) -> Iterator[Effect]:
    hosts = hosts_in(fault.scope, topology)
    per_class = math.ceil(1.0 / held.share_per_step)
    for (turn, shed), host in product(enumerate(held.order), hosts):
        step = turn * per_class + int(spread(f"shed/{shed}@{host}") * per_class)
        yield Effect(
            fault_id=fault.id,
            node=host,
            aspect=Aspect.POWER_OFF,
            start=moment(fault, held.start_min + step * held.interval_min),
            end=moment(fault, held.until_min),
            classes=_units((shed,)),
            cause=f"{held.reason}: {shed}",
        )


class SlowRecovery(Parameters, frozen=True, kw_only=True):
    """Hosts of the scope are powered on in batches, in the order of the scope.

    The first batch of restart_batch hosts starts at start_min, each next one interval_min later; within a batch hosts
    are spread over jitter_min. What is still too hot, or not accessible, does not start. `classes`: only these classes
    of units start (such as storage), the others wait for somebody else; empty: all.
    """

    start_min: float = 0.0
    restart_batch: int = 6
    interval_min: float = 10.0
    jitter_min: float = 0.0
    classes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        require(self.restart_batch >= 1, "restart_batch is at least 1 host")
        require(min(self.start_min, self.interval_min, self.jitter_min) >= 0, "minutes cannot be negative")


def _slow_recovery(fault: Fault, held: SlowRecovery, topology: Topology) -> Iterator[Effect]:
    for index, host in enumerate(hosts_in(fault.scope, topology)):
        batch = index // held.restart_batch
        minutes = held.start_min + batch * held.interval_min + held.jitter_min * spread(f"restart/{host}")
        at = moment(fault, minutes)
        yield Effect(
            fault_id=fault.id, node=host, aspect=Aspect.POWER_RESTORED, start=at, end=at, classes=_units(held.classes)
        )


class FireOrWaterDamage(Parameters, frozen=True, kw_only=True):
    """A hall burns or gets wet: it stays dark until people may enter, whoever powers hosts on before.

    `destroyed_share` of its hosts never come back while the fault lasts.
    """

    access_denied_until_min: float | None = None
    destroyed_share: float = 0.0
    medium: str = "water"

    def __post_init__(self) -> None:
        require(
            self.access_denied_until_min is None or self.access_denied_until_min > 0,
            "access_denied_until_min is minutes after the injection",
        )
        require_share(self.destroyed_share, "destroyed_share")


def _fire_or_water_damage(fault: Fault, held: FireOrWaterDamage, topology: Topology) -> Iterator[Effect]:
    for host in hosts_in(fault.scope, topology):
        destroyed = spread(f"destroyed/{host}") < held.destroyed_share
        yield Effect(
            fault_id=fault.id,
            node=host,
            aspect=Aspect.POWER_OFF,
            start=fault.injected_at,
            end=moment(fault, None if destroyed else held.access_denied_until_min),
            sticky=True,
            cause=f"{held.medium} damage",
        )


KINDS = (
    Kind(
        name="zone_power_loss",
        short=("zone-power", "power"),
        scopes=PLACES,
        parameters=ZonePowerLoss,
        declare=stepwise(ZonePowerLoss, _zone_power_loss),
    ),
    Kind(
        name="forced_power_off",
        short=("power-off",),
        scopes=PLACES,
        parameters=ForcedPowerOff,
        declare=stepwise(ForcedPowerOff, _forced_power_off),
    ),
    Kind(
        name="load_shed",
        short=("shed",),
        scopes=("zone", "hall"),
        parameters=LoadShed,
        declare=stepwise(LoadShed, _load_shed),
    ),
    Kind(
        name="slow_recovery",
        short=("restart",),
        scopes=PLACES,
        parameters=SlowRecovery,
        declare=stepwise(SlowRecovery, _slow_recovery),
    ),
    Kind(
        name="fire_or_water_damage",
        short=("fire", "water"),
        scopes=("zone", "hall", "host"),
        parameters=FireOrWaterDamage,
        declare=stepwise(FireOrWaterDamage, _fire_or_water_damage),
    ),
)
