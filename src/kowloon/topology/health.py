"""The health read-model: what is broken, how, since when; a pure function of faults, edges and load.

`HealthBoard` keeps what was declared (effects of faults, service nodes, edges); `HealthView` answers for one moment.
Nobody stores derived state: after a restart the same faults give the same view.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

from kowloon.topology.effects import Aspect, Effect, interpolate
from kowloon.topology.map import Topology, ancestors, spread
from kowloon.topology.services import Edge, HostState, ServiceNode, ServiceState

_HOST_ASPECTS = (Aspect.POWER_OFF, Aspect.FROZEN, Aspect.NETWORK_CUT)


class HealthBoard:
    """Declarations in, views out. Listeners are told when a declaration changes, not when time passes."""

    def __init__(self, topology: Topology) -> None:
        self.topology = topology
        self.version = 0
        self._effects: dict[str, tuple[Effect, ...]] = {}
        self._nodes: dict[str, ServiceNode] = {}
        self._overlay_nodes: dict[str, dict[str, ServiceNode]] = {}
        self._edges: list[Edge] = []
        self._overlay_edges: dict[str, tuple[Edge, ...]] = {}
        self._listeners: list[Callable[[], None]] = []
        self._cached: tuple[int, float, HealthView] | None = None

    def declare(self, nodes: Iterable[ServiceNode], edges: Iterable[Edge] = ()) -> None:
        """What products are made of when nothing is broken."""
        for node in nodes:
            self._nodes[node.name] = node
        self._edges.extend(edges)
        self._changed()

    def publish(
        self, fault_id: str, effects: Iterable[Effect], nodes: Iterable[ServiceNode] = (), edges: Iterable[Edge] = ()
    ) -> None:
        """Everything one fault declares, replacing what it declared before."""
        self._effects[fault_id] = tuple(effects)
        self._overlay_nodes[fault_id] = {node.name: node for node in nodes}
        self._overlay_edges[fault_id] = tuple(edges)
        self._changed()

    def clear(self) -> None:
        self._effects.clear()
        self._overlay_nodes.clear()
        self._overlay_edges.clear()
        self._changed()

    def withdraw(self, fault_id: str) -> None:
        self._effects.pop(fault_id, None)
        self._overlay_nodes.pop(fault_id, None)
        self._overlay_edges.pop(fault_id, None)
        self._changed()

    def on_change(self, listener: Callable[[], None]) -> None:
        self._listeners.append(listener)

    def _changed(self) -> None:
        self.version += 1
        self._cached = None
        for listener in tuple(self._listeners):
            listener()

    def effects(self) -> list[Effect]:
        return [effect for effects in self._effects.values() for effect in effects]

    def node(self, name: str) -> ServiceNode | None:
        for overlay in self._overlay_nodes.values():
            if name in overlay:
                return overlay[name]
        return self._nodes.get(name)

    def nodes(self) -> dict[str, ServiceNode]:
        merged = dict(self._nodes)
        for overlay in self._overlay_nodes.values():
            merged.update(overlay)
        return merged

    def edges_of(self, consumer: str) -> list[Edge]:
        found = [edge for edge in self._edges if edge.consumer == consumer]
        for overlay in self._overlay_edges.values():
            found.extend(edge for edge in overlay if edge.consumer == consumer)
        return found

    def view(self, now: float) -> HealthView:
        """The view at `now`; one is reused for up to a second of cloud time in which no effect starts or ends."""
        cached = self._cached
        if cached is not None and cached[0] == self.version and cached[2].now <= now < cached[1]:
            return cached[2]
        view = HealthView(self, now)
        self._cached = (self.version, min(now + 1.0, view.next_change()), view)
        return view


class HealthView:
    """Health at one moment. All answers are derived; ask again after a change or a tick."""

    def __init__(self, board: HealthBoard, now: float) -> None:
        self._board = board
        self.topology = board.topology
        self.now = now
        self._all = board.effects()
        self._active = [effect for effect in self._all if effect.active(now)]
        self._hosts: dict[str, HostState] = {}
        self._services: dict[str, ServiceState] = {}

    def next_change(self) -> float:
        """The next moment at which an effect starts or ends, or a place finishes warming up."""
        moments = [moment for effect in self._all for moment in (effect.start, effect.end) if moment > self.now]
        for node in self._board.nodes().values():
            if node.warmup_s and self._all:
                for place in node.places:
                    ready = self.host(self.host_of(node.name, place)).since + node.warmup_s
                    if ready > self.now:
                        moments.append(ready)
        return min(moments, default=math.inf)

    # --- places ---

    def host(self, host: str) -> HostState:
        if not self._all:
            return HostState(host=host)
        state = self._hosts.get(host)
        if state is None:
            state = self._hosts[host] = self._host(host)
        return state

    def _host(self, host: str) -> HostState:
        places = {*ancestors(host), self.topology.region_of(host)}
        mine = [effect for effect in self._all if effect.node in places]
        restores = [
            effect.start for effect in mine if effect.aspect is Aspect.POWER_RESTORED and effect.start <= self.now
        ]
        acting: list[Effect] = []
        changes = [0.0]
        for effect in mine:
            if effect.aspect not in _HOST_ASPECTS or effect.start > self.now:
                continue
            end = effect.end
            if effect.aspect is Aspect.POWER_OFF and not effect.sticky:
                end = min([moment for moment in restores if moment > effect.start], default=end)
                end = min(end, effect.end)
            if end <= self.now:
                changes.append(end)
            else:
                changes.append(effect.start)
                acting.append(effect)
        aspects = {effect.aspect for effect in acting}
        return HostState(
            host=host,
            power=Aspect.POWER_OFF not in aspects,
            frozen=Aspect.FROZEN in aspects,
            network=Aspect.NETWORK_CUT not in aspects,
            since=max(changes),
            because=tuple(sorted({effect.fault_id for effect in acting})),
            cause=", ".join(sorted({effect.cause for effect in acting if effect.cause})),
        )

    def hosts_up(self, node: str) -> list[str]:
        return [host for host in self.topology.hosts(node) if self.host(host).serving]

    def in_stock(self, zone: str, family: str = "") -> list[str]:
        """Hosts of a zone that can take something new: empty is the vendor's NoStock."""
        for effect in self._active:
            families = effect.value.get("families") or []
            if (
                effect.aspect is Aspect.NO_STOCK
                and effect.node in (zone, self.topology.region_of(zone))
                and (not families or family in families)
            ):
                return []
        return self.hosts_up(zone)

    def zone_serving(self, zone: str) -> bool:
        """Whether a control loop could run there."""
        return bool(self.hosts_up(zone)) if self._all else True

    def temperature_c(self, hall: str) -> float | None:
        """Degrees in the aisle of a hall while a cooling fault acts on it, else None."""
        for effect in self._active:
            if effect.aspect is Aspect.TEMPERATURE and effect.node == hall:
                return interpolate(effect.points, self.now)
        return None

    # --- services and policies ---

    def host_of(self, service: str, place: str) -> str:
        """Where a service node's part in `place` stands: as units are placed, by its name."""
        hosts = self.topology.hosts(place)
        return max(hosts, key=lambda host: spread(f"{service}@{host}"))

    def service(self, name: str) -> ServiceState:
        state = self._services.get(name)
        if state is None:
            # Entered before it is computed: a cycle of hard edges reads as healthy instead of recursing for ever.
            self._services[name] = ServiceState(name=name, share=1.0, capacity=1.0, demand=0.0)
            state = self._services[name] = self._service(name)
        return state

    def _service(self, name: str) -> ServiceState:
        node = self._board.node(name)
        if node is None:
            return ServiceState(name=name, share=1.0, capacity=1.0, demand=0.0)
        because: set[str] = set()
        up = 0
        for place in node.places:
            state = self.host(self.host_of(name, place))
            if state.serving and self.now - state.since >= (node.warmup_s if state.since else 0.0):
                up += 1
            because.update(state.because)
        demand = node.demand
        refused = 0.0
        for effect in self._active:
            if effect.node != name:
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
        if capacity > 0.0 and demand > capacity and self._can_scale_out(name, because):
            capacity = demand
        share = min(1.0, capacity / demand) if demand > 0 else float(capacity > 0)
        share = min(share, 1.0 - refused)
        for edge in self._board.edges_of(name):
            if edge.mode == "hard":
                provider = self.provider(edge.provider)
                if provider.share < share:
                    share = provider.share
                    because.update(provider.because)
        acting = tuple(sorted(because)) if share < 0.999 else ()
        return ServiceState(name=name, share=share, capacity=capacity, demand=demand, because=acting)

    def _can_scale_out(self, name: str, because: set[str]) -> bool:
        for edge in self._board.edges_of(name):
            if edge.mode == "scale_out":
                provider = self.provider(edge.provider)
                if provider.share <= 0.0:
                    because.update(provider.because)
                    return False
        return True

    def provider(self, name: str) -> ServiceState:
        """The state of an edge's far end: a service node, or a bare place seen as one."""
        if self._board.node(name) is not None:
            return self.service(name)
        if self.topology.exists(name):
            up = self.hosts_up(name)
            faults = {fault for host in self.topology.hosts(name) for fault in self.host(host).because}
            return ServiceState(
                name=name, share=float(bool(up)), capacity=float(len(up)), demand=0.0, because=tuple(sorted(faults))
            )
        return ServiceState(name=name, share=1.0, capacity=1.0, demand=0.0)

    def failing_edge(self, consumer: str, mode: str) -> Edge | None:
        """The first edge of that mode whose provider is down, such as what keeps an image from booting."""
        for edge in self._board.edges_of(consumer):
            if edge.mode == mode and self.provider(edge.provider).share <= 0.0:
                return edge
        return None

    def policy(self, node: str, aspect: Aspect) -> Effect | None:
        """How the provider behaves now (failover by hand, evacuation under way), or None: at once, by itself."""
        for effect in self._active:
            if effect.node == node and effect.aspect is aspect:
                return effect
        return None

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
        halls = {
            effect.node: round(interpolate(effect.points, self.now), 1)
            for effect in self._active
            if effect.aspect is Aspect.TEMPERATURE
        }
        services = {}
        for name in self._board.nodes():
            state_of = self.service(name)
            if state_of.state != "ok":
                services[name] = {
                    "state": state_of.state,
                    "share": round(state_of.share, 3),
                    "because": list(state_of.because),
                }
        return {"hosts": places, "temperature_c": halls, "services": services}
