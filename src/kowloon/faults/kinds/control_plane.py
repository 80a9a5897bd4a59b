"""What happens to the provider's own services: refusals, demand, stops, and what leans on what."""

from __future__ import annotations

from collections.abc import Iterator

from kowloon.faults.kinds.base import (
    Declaration,
    Kind,
    Parameters,
    moment,
    parse,
    require,
    require_rising,
    require_share,
    require_until,
    stepwise,
)
from kowloon.faults.resources import Fault
from kowloon.topology.effects import Aspect, Effect, Points
from kowloon.topology.map import Topology
from kowloon.topology.services import Edge, ServiceNode


class ControlPlaneBrownout(Parameters, frozen=True, kw_only=True):
    """A service refuses a share of its calls, for use by hand: in a replay this should follow from demand.

    `error_points`: (minute, share) instead of the constant error_share.
    """

    error_share: float = 0.8
    error_points: tuple[tuple[float, float], ...] = ()
    until_min: float | None = None

    def __post_init__(self) -> None:
        require_share(self.error_share, "error_share")
        for _, share in self.error_points:
            require_share(share, "error_points")
        require_rising(self.error_points, "error_points")
        require_until(self.until_min)


def _points(fault: Fault, by_minute: tuple[tuple[float, float], ...]) -> Points:
    return tuple((moment(fault, minute), value) for minute, value in by_minute)


def _control_plane_brownout(fault: Fault, held: ControlPlaneBrownout, topology: Topology) -> Iterator[Effect]:
    for node in fault.scope:
        yield Effect(
            fault_id=fault.id,
            node=node,
            aspect=Aspect.ERROR_SHARE,
            start=fault.injected_at,
            end=moment(fault, held.until_min),
            points=_points(fault, held.error_points or ((0.0, held.error_share),)),
            cause="brownout",
        )


class CustomerSurge(Parameters, frozen=True, kw_only=True):
    """Customers who lost their zone buy again elsewhere, and the service sees their calls.

    `demand_points`: (minute, factor on the service's usual demand), straight lines between them. `target_zones`: where
    they want to go.
    """

    demand_points: tuple[tuple[float, float], ...] = ((0.0, 1.0), (60.0, 5.0))
    target_zones: tuple[str, ...] = ()
    until_min: float | None = None

    def __post_init__(self) -> None:
        require(len(self.demand_points) > 0, "demand_points has at least one point")
        require(all(factor >= 0 for _, factor in self.demand_points), "demand_points: factors are not negative")
        require_rising(self.demand_points, "demand_points")
        require_until(self.until_min)


def _customer_surge(fault: Fault, held: CustomerSurge, topology: Topology) -> Iterator[Effect]:
    for node in fault.scope:
        yield Effect(
            fault_id=fault.id,
            node=node,
            aspect=Aspect.DEMAND,
            start=fault.injected_at,
            end=moment(fault, held.until_min),
            points=_points(fault, held.demand_points),
            cause="customers buy again",
            value={"target_zones": list(held.target_zones)},
        )


class ServiceStop(Parameters, frozen=True, kw_only=True):
    """The provider stops one of its services on purpose."""

    reason: str = "stopped on purpose"
    until_min: float | None = None

    def __post_init__(self) -> None:
        require_until(self.until_min)


def _service_stop(fault: Fault, held: ServiceStop, topology: Topology) -> Iterator[Effect]:
    for node in fault.scope:
        yield Effect(
            fault_id=fault.id,
            node=node,
            aspect=Aspect.SERVICE_STOPPED,
            start=fault.injected_at,
            end=moment(fault, held.until_min),
            cause=held.reason,
        )


class DependencyEdges(Parameters, frozen=True, kw_only=True):
    """What the provider's services are made of and lean on, laid over what the products declare.

    `services` and `edges` as in kowloon.topology.services. They hold until the fault is recovered.
    """

    services: tuple[ServiceNode, ...] = ()
    edges: tuple[Edge, ...] = ()

    def __post_init__(self) -> None:
        require(bool(self.services or self.edges), "name at least one service or edge")
        for service in self.services:
            require(bool(service.places), f"{service.name} needs at least one place")
            require(1 <= service.quorum <= len(service.places), f"the quorum of {service.name} is 1..its places")
            require(service.capacity_per_place > 0, f"capacity_per_place of {service.name} must be above 0")
            require(service.demand >= 0 and service.warmup_s >= 0, f"{service.name}: demand, warmup_s not negative")


def _dependency_edge(fault: Fault, topology: Topology) -> Declaration:
    values = dict(fault.parameters)
    for _, change in fault.changes:
        values.update(change)
    held = parse(DependencyEdges, values)
    for service in held.services:
        for place in service.places:
            require(topology.exists(place), f"{service.name} stands in {place}, which is no place")
    return Declaration(nodes=held.services, edges=held.edges)


KINDS = (
    Kind(
        name="control_plane_brownout",
        short=("brownout",),
        scopes=("service",),
        parameters=ControlPlaneBrownout,
        declare=stepwise(ControlPlaneBrownout, _control_plane_brownout),
    ),
    Kind(
        name="customer_surge",
        short=("surge",),
        scopes=("service",),
        parameters=CustomerSurge,
        declare=stepwise(CustomerSurge, _customer_surge),
    ),
    Kind(
        name="service_stop",
        short=("stop",),
        scopes=("service",),
        parameters=ServiceStop,
        declare=stepwise(ServiceStop, _service_stop),
    ),
    Kind(
        name="dependency_edge",
        short=("edge",),
        scopes=("region",),
        parameters=DependencyEdges,
        declare=_dependency_edge,
        fixed=True,
    ),
)
