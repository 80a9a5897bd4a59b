"""When a drill has to stop and look: the moments at which something changes under the deployed resources. Pure.

The whole scenario is laid out on a board of its own before anything is injected. What it says equals what the live
faults do (tests/faults/test_replay.py), so time between two moments can be skipped without missing a change.
"""

from __future__ import annotations

from collections.abc import Iterable

from kowloon.core.errors import ConfigurationError
from kowloon.faults.kinds.base import SECONDS_PER_MINUTE
from kowloon.faults.manager import publish
from kowloon.faults.scenario import Provider, Scenario
from kowloon.store.units import Unit
from kowloon.topology.effects import Aspect, failover_due
from kowloon.topology.health import HealthBoard, HealthView
from kowloon.topology.map import Topology
from kowloon.topology.services import Edge, ServiceNode
from kowloon.topology.storage import storage_node

# A control plane is looked at again when the share of calls that it serves has moved this far, and when it has come to
# rest elsewhere than where it was looked at: its rate is carried on from there.
_SHARE_STEP = 0.2
_REST_STEP = 0.03
_RESTS_WITHIN = 0.001
_SHARE_GRID_MIN = 1.0
# Just after a boundary, so that the effect holds when the probes look.
_SLACK_MIN = 0.01
_TURNS = {"database": Aspect.FAILOVER, "balancer": Aspect.EVACUATION}


def services_of(board: HealthBoard, region: str, now: float) -> list[str]:
    """The provider's services that a region's customers meet: its control planes, and each zone's storage."""
    places = {region, *board.topology.zone_ids(region)}
    return [name for name in board.nodes(now) if name.partition("@")[2] in places]


class Outlook:
    """`declared`: the cloud's own service nodes and edges, which the scenario's overlay is laid over."""

    def __init__(
        self,
        scenario: Scenario,
        provider: Provider,
        topology: Topology,
        declared: tuple[Iterable[ServiceNode], Iterable[Edge]] = ((), ()),
    ) -> None:
        self._length_min = scenario.length_min
        self._board = HealthBoard(topology)
        self._board.declare(*declared)
        try:
            for fault in scenario.faults(0.0, provider):
                publish(self._board, fault)
        except ValueError as problem:
            raise ConfigurationError(f"the scenario {scenario.name} cannot be carried out: {problem}") from problem
        steps = {step.at_min for step in scenario.plan(provider)}
        region = scenario.region
        self._fixed = {*steps, *self._service_moments(region), *self._storage_moments(region), self._length_min}
        self._views = [(at, self._view(at)) for at in self._boundaries()]
        self._by_host: dict[tuple[str, str], list[float]] = {}

    def moments(self, units: Iterable[Unit]) -> list[float]:
        """Minutes of the scenario, rising, from 0 to its end."""
        found = set(self._fixed)
        for unit in units:
            found.update(self._host_moments(unit.host, unit.engine))
            found.update(self._turns(unit))
        return sorted(minute for minute in found if 0.0 <= minute <= self._length_min)

    def next_moment(self, units: Iterable[Unit], after_min: float) -> float | None:
        return next((minute for minute in self.moments(units) if minute > after_min), None)

    def _boundaries(self) -> list[float]:
        """Just after every minute at which an effect starts or ends."""
        edges = {moment for effect in self._board.effects() for moment in (effect.start, effect.end)}
        minutes = (edge / SECONDS_PER_MINUTE for edge in edges)
        return sorted(minute + _SLACK_MIN for minute in minutes if 0.0 <= minute <= self._length_min)

    def _view(self, minute: float) -> HealthView:
        return HealthView(self._board, minute * SECONDS_PER_MINUTE)

    def _host_moments(self, host: str, unit_class: str) -> list[float]:
        key = (host, unit_class)
        if not host:
            return []
        if key not in self._by_host:
            states = [(0.0, True)]
            for at, view in self._views:
                serving = view.host(host, unit_class).serving
                if serving != states[-1][1]:
                    states.append((at, serving))
            self._by_host[key] = [minute for minute, _ in states[1:]]
        return self._by_host[key]

    def _turns(self, unit: Unit) -> Iterable[float]:
        """When the provider gets to a resource by hand, while its host is down: its turn in each queue."""
        aspect = _TURNS.get(unit.engine)
        down = self._host_moments(unit.host, unit.engine)
        if aspect is None or not down:
            return
        for effect in self._board.effects():
            if effect.aspect is aspect and effect.value.get("mode") == "manual":
                due = failover_due(effect, unit.owner_id)
                if due is not None and due / SECONDS_PER_MINUTE >= down[0]:
                    yield due / SECONDS_PER_MINUTE + _SLACK_MIN

    def _storage_moments(self, region: str) -> Iterable[float]:
        """A zone's storage may change what it does and still serve every call. That a fault starts or is changed is a
        step of its own."""
        for zone in self._board.topology.zone_ids(region):
            for effect in self._board.effects_on(storage_node(zone)):
                if effect.aspect is Aspect.STORAGE:
                    yield effect.end / SECONDS_PER_MINUTE + _SLACK_MIN

    def _service_moments(self, region: str) -> Iterable[float]:
        names = services_of(self._board, region, 0.0)
        held = dict.fromkeys(names, 1.0)
        before = dict(held)
        for step in range(int(self._length_min / _SHARE_GRID_MIN) + 1):
            minute = step * _SHARE_GRID_MIN
            view = self._view(minute)
            for name in names:
                share = view.service(name).share
                moved = abs(share - held[name])
                rests = moved >= _REST_STEP and abs(share - before[name]) <= _RESTS_WITHIN
                if moved >= _SHARE_STEP or rests or share >= 0.999 > held[name]:
                    held[name] = share
                    yield minute
                before[name] = share
