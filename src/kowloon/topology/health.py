"""The health read-model: what is broken, how, since when; a pure function of faults, edges and load.

`HealthBoard` keeps what was declared (effects of faults, service nodes, edges); `HealthView` answers for one moment.
Nobody stores derived state: after a restart the same faults give the same view.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any, Final

from kowloon.topology.effects import Aspect, Effect, interpolate, last_change
from kowloon.topology.map import Topology, ancestors
from kowloon.topology.services import Edge, HostState, Overlay, ServiceNode, ServiceState

_HOST_ASPECTS: Final = (Aspect.POWER_OFF, Aspect.FROZEN, Aspect.NETWORK_CUT)


class HealthBoard:
    """Declarations in, views out. Listeners are told when a declaration changes and when someone calls `tick`."""

    def __init__(self, topology: Topology) -> None:
        self.topology = topology
        self.version = 0
        self._effects: dict[str, tuple[Effect, ...]] = {}
        self._overlays: dict[str, Overlay] = {}
        self._nodes: dict[str, ServiceNode] = {}
        self._edges: list[Edge] = []
        self._listeners: list[Callable[[], None]] = []
        self._by_node: dict[str, list[Effect]] = {}
        self._cached: tuple[float, HealthView] | None = None
        self._boundary: tuple[float, float, HealthView] | None = None

    def declare(self, nodes: Iterable[ServiceNode], edges: Iterable[Edge] = ()) -> None:
        """What products are made of when nothing is broken."""
        for node in nodes:
            self._nodes[node.name] = node
        self._edges.extend(edges)
        self._changed()

    def publish(
        self,
        fault_id: str,
        effects: Iterable[Effect],
        nodes: Iterable[ServiceNode] = (),
        edges: Iterable[Edge] = (),
        *,
        start: float = -math.inf,
        end: float = math.inf,
    ) -> None:
        """Everything one fault declares, replacing what it declared before; nodes and edges hold over [start, end)."""
        self._effects[fault_id] = tuple(effects)
        self._overlays.pop(fault_id, None)
        overlay = Overlay(fault_id=fault_id, nodes=tuple(nodes), edges=tuple(edges), start=start, end=end)
        if overlay.nodes or overlay.edges:
            self._overlays[fault_id] = overlay
        self._changed()

    def clear(self) -> None:
        self._effects.clear()
        self._overlays.clear()
        self._changed()

    def withdraw(self, fault_id: str) -> None:
        self._effects.pop(fault_id, None)
        self._overlays.pop(fault_id, None)
        self._changed()

    def on_change(self, listener: Callable[[], None]) -> None:
        self._listeners.append(listener)

    def tick(self) -> None:
        """Cloud time has passed a boundary: readers look again."""
        for listener in tuple(self._listeners):
            listener()

    def _changed(self) -> None:
        self.version += 1
        self._cached = None
        self._boundary = None
        self._by_node = {}
        for effect in self.effects():
            self._by_node.setdefault(effect.node, []).append(effect)
        self.tick()

    @property
    def is_calm(self) -> bool:
        """Nothing is declared broken, now or later."""
        return not self._by_node and not self._overlays

    def effects(self) -> list[Effect]:
        """In order of fault id, so that nothing depends on the order of publishing."""
        return [effect for fault_id in sorted(self._effects) for effect in self._effects[fault_id]]

    def effects_on(self, node: str) -> list[Effect]:
        return self._by_node.get(node, [])

    def overlays(self) -> list[Overlay]:
        """In the order in which they hold: the last one that names a node wins."""
        return sorted(self._overlays.values(), key=lambda overlay: (overlay.start, overlay.fault_id))

    def nodes(self, now: float) -> dict[str, ServiceNode]:
        merged = dict(self._nodes)
        for overlay in self.overlays():
            if overlay.start <= now < overlay.end:
                merged.update((node.name, node) for node in overlay.nodes)
        return merged

    def edges(self, now: float) -> dict[str, list[Edge]]:
        """By consumer."""
        found: dict[str, list[Edge]] = {}
        for edge in self._edges:
            found.setdefault(edge.consumer, []).append(edge)
        for overlay in self.overlays():
            if overlay.start <= now < overlay.end:
                for edge in overlay.edges:
                    found.setdefault(edge.consumer, []).append(edge)
        return found

    def view(self, now: float) -> HealthView:
        """The view at `now`; one is reused for up to a second of cloud time in which no effect starts or ends."""
        cached = self._cached
        if cached is not None and cached[1].now <= now < cached[0]:
            return cached[1]
        view = HealthView(self, now)
        # Between two boundaries nothing about hosts changes, only what follows a curve does.
        if self._boundary is not None and self._boundary[0] <= now < self._boundary[1]:
            view.share_hosts(self._boundary[2])
        else:
            self._boundary = (now, view.next_change(), view)
        self._cached = (min(now + 1.0, self._boundary[1]), view)
        return view


class HealthView:
    """Health at one moment. All answers are derived; ask again after a change or a tick."""

    def __init__(self, board: HealthBoard, now: float) -> None:
        self._board = board
        self.topology = board.topology
        self.now = now
        self._all = board.effects()
        self._active = [effect for effect in self._all if effect.active(now)]
        self._nodes = board.nodes(now)
        self._edges = board.edges(now)
        self._hosts: dict[tuple[str, str], HostState] = {}
        self._services: dict[str, ServiceState] = {}

    def share_hosts(self, earlier: HealthView) -> None:
        """Take over what an earlier view knows of hosts: no effect starts or ends between the two."""
        self._hosts = earlier._hosts

    def next_change(self) -> float:
        """The next moment at which an effect or overlay starts or ends, or a place finishes warming up."""
        spans: Iterable[Effect | Overlay] = (*self._all, *self._board.overlays())
        moments = [moment for span in spans for moment in (span.start, span.end) if moment > self.now]
        for node in self._nodes.values():
            if node.warmup_s and self._all:
                for place in node.places:
                    ready = self.host(self.topology.host_of(node.name, place), node.unit_class).since + node.warmup_s
                    if ready > self.now:
                        moments.append(ready)
        return min(moments, default=math.inf)

    # --- places ---

    def host(self, host: str, unit_class: str = "") -> HostState:
        """The host as everything on it sees it or, with a class, as units of that class do."""
        if not self._all:
            return HostState(host=host)
        state = self._hosts.get((host, unit_class))
        if state is None:
            state = self._hosts[host, unit_class] = self._host(host, unit_class)
        return state

    def _host(self, host: str, unit_class: str) -> HostState:
        places = (*ancestors(host), self.topology.region_of(host))
        mine = [
            effect
            for place in places
            for effect in self._board.effects_on(place)
            if effect.start <= self.now and effect.concerns(unit_class)
        ]
        restores = [effect.start for effect in mine if effect.aspect is Aspect.POWER_RESTORED]
        spans: dict[Aspect, list[tuple[float, float]]] = {aspect: [] for aspect in _HOST_ASPECTS}
        acting: list[Effect] = []
        for effect in mine:
            if effect.aspect not in _HOST_ASPECTS:
                continue
            end = effect.end
            if effect.aspect is Aspect.POWER_OFF and not effect.sticky:
                end = min((moment for moment in restores if effect.start < moment < end), default=end)
            spans[effect.aspect].append((effect.start, end))
            if end > self.now:
                acting.append(effect)
        aspects = {effect.aspect for effect in acting}
        return HostState(
            host=host,
            power=Aspect.POWER_OFF not in aspects,
            frozen=Aspect.FROZEN in aspects,
            network=Aspect.NETWORK_CUT not in aspects,
            since=max(last_change(intervals, self.now) for intervals in spans.values()),
            because=tuple(sorted({effect.fault_id for effect in acting})),
            cause=", ".join(sorted({effect.cause for effect in acting if effect.cause})),
        )

    def hosts_up(self, node: str, unit_class: str = "") -> list[str]:
        return [host for host in self.topology.hosts(node) if self.host(host, unit_class).serving]

    def in_stock(self, zone: str, family: str = "", unit_class: str = "") -> list[str]:
        """Hosts of a zone that can take something new: empty is the vendor's NoStock."""
        for effect in self._active:
            families = effect.value.get("families") or []
            if (
                effect.aspect is Aspect.NO_STOCK
                and effect.node in (zone, self.topology.region_of(zone))
                and (not families or family in families)
            ):
                return []
        return self.hosts_up(zone, unit_class)

    def zone_serving(self, zone: str) -> bool:
        """Whether a control loop could run there."""
        return bool(self.hosts_up(zone)) if self._all else True

    def temperature_c(self, hall: str) -> float | None:
        """Degrees in the aisle of a hall while a cooling fault acts on it (the hottest, if several do), else None."""
        return max(
            (
                interpolate(effect.points, self.now)
                for effect in self._board.effects_on(hall)
                if effect.aspect is Aspect.TEMPERATURE and effect.active(self.now)
            ),
            default=None,
        )

    # --- services and policies ---

    def service(self, name: str) -> ServiceState:
        state = self._services.get(name)
        if state is None:
            state = self._services[name] = self._service(name, frozenset())
        return state

    def _service(self, name: str, above: frozenset[str]) -> ServiceState:
        """`above`: the nodes whose state is being worked out. Meeting one again closes a cycle; it reads as healthy
        there, and only whole answers are kept, so the answer does not depend on which node was asked for first."""
        node = self._nodes.get(name)
        if node is None or name in above:
            return ServiceState(name=name, share=1.0, capacity=1.0, demand=0.0)
        above |= {name}
        because: set[str] = set()
        up = self._places_up(node, because)
        demand = node.demand
        refused = 0.0
        for effect in self._board.effects_on(name):
            if not effect.active(self.now):
                continue
            if effect.aspect is Aspect.DEMAND:
                demand *= interpolate(effect.points, self.now)
            elif effect.aspect is Aspect.ERROR_SHARE:
                refused = max(refused, interpolate(effect.points, self.now))
            elif effect.aspect is Aspect.SERVICE_STOPPED:
                up = 0
            else:
                continue
            because.add(effect.fault_id)
        capacity = up * node.capacity_per_place if up >= node.quorum else 0.0
        if capacity > 0.0 and demand > capacity and self._can_scale_out(name, because, above):
            capacity = demand
        share = min(1.0, capacity / demand) if demand > 0 else float(capacity > 0)
        share = min(share, 1.0 - refused)
        for edge in self._edges.get(name, []):
            if edge.mode == "hard":
                provider = self._provider(edge.provider, above)
                if provider.share < share:
                    share = provider.share
                    because.update(provider.because)
        acting = tuple(sorted(because)) if share < 0.999 else ()
        return ServiceState(name=name, share=share, capacity=capacity, demand=demand, because=acting)

    def _places_up(self, node: ServiceNode, because: set[str]) -> int:
        if not self._all:
            return len(node.places)
        up = 0
        for place in node.places:
            state = self.host(self.topology.host_of(node.name, place), node.unit_class)
            if state.serving and self.now - state.since >= (node.warmup_s if state.since else 0.0):
                up += 1
            because.update(state.because)
        return up

    def _can_scale_out(self, name: str, because: set[str], above: frozenset[str]) -> bool:
        for edge in self._edges.get(name, []):
            if edge.mode == "scale_out":
                provider = self._provider(edge.provider, above)
                if provider.share <= 0.0:
                    because.update(provider.because)
                    return False
        return True

    def provider(self, name: str) -> ServiceState:
        """The state of an edge's far end: a service node, or a bare place seen as one."""
        return self.service(name) if name in self._nodes else self._provider(name, frozenset())

    def _provider(self, name: str, above: frozenset[str]) -> ServiceState:
        if name in self._nodes:
            return self._service(name, above)
        if self.topology.exists(name):
            up = self.hosts_up(name)
            faults = {fault for host in self.topology.hosts(name) for fault in self.host(host).because}
            return ServiceState(
                name=name, share=float(bool(up)), capacity=float(len(up)), demand=0.0, because=tuple(sorted(faults))
            )
        return ServiceState(name=name, share=1.0, capacity=1.0, demand=0.0)

    def failing_edge(self, consumer: str, mode: str) -> Edge | None:
        """The first edge of that mode whose provider is down, such as what keeps an image from booting."""
        for edge in self._edges.get(consumer, []):
            if edge.mode == mode and self.provider(edge.provider).share <= 0.0:
                return edge
        return None

    def concerned(self) -> list[str]:
        """Services that something declared broken could reach, by name, by place or by what they lean on; of all others
        every call is served."""
        topology = self.topology
        places = {effect.node.partition("/")[0] for effect in self._all if topology.exists(effect.node)}
        zones = {
            zone for place in places for zone in (topology.zone_ids(place) if place in topology.regions else (place,))
        }
        touched = zones | {topology.region_of(zone) for zone in zones}
        overlaid = {node.name for overlay in self._board.overlays() for node in overlay.nodes}
        return [
            name
            for name, node in self._nodes.items()
            if name in overlaid
            or name in self._edges
            or self._board.effects_on(name)
            or any(place.partition("/")[0] in touched for place in node.places)
        ]

    def policy(self, node: str, aspect: Aspect) -> Effect | None:
        """How the provider behaves now (failover by hand, evacuation under way), or None: at once, by itself.
        Of several the one that started last holds."""
        mine = [
            effect for effect in self._board.effects_on(node) if effect.aspect is aspect and effect.active(self.now)
        ]
        return max(mine, key=lambda effect: (effect.start, effect.fault_id), default=None)

    def summary(self) -> dict[str, Any]:
        """For status pages and people: every place and service that is not as it should be."""
        places: dict[str, Any] = {}
        touched = {effect.node for effect in self._active if self.topology.exists(effect.node)}
        for zone in sorted({node.split("/", 1)[0] for node in touched}):
            for host in self.topology.hosts(zone):
                state = self.host(host)
                if not state.serving:
                    places[host] = {
                        "power": state.power,
                        "frozen": state.frozen,
                        "network": state.network,
                        "cause": state.cause,
                    }
        heated = sorted({effect.node for effect in self._active if effect.aspect is Aspect.TEMPERATURE})
        halls = {hall: round(self.temperature_c(hall) or 0.0, 1) for hall in heated}
        services = {}
        for name in self.concerned():
            state_of = self.service(name)
            if state_of.state != "ok":
                services[name] = {
                    "state": state_of.state,
                    "share": round(state_of.share, 3),
                    "because": list(state_of.because),
                }
        return {"hosts": places, "temperature_c": halls, "services": services}
