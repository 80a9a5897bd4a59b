"""What is worth telling when health changes: two pictures of it, and the events between them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from kowloon.core.events import HealthEvent
from kowloon.topology.effects import Aspect
from kowloon.topology.health import HealthBoard, HealthView

_HEAT_LEVELS = ("INFO", "WARN", "CRITICAL", "CRITICAL")


class Place(msgspec.Struct, frozen=True):
    """Hosts of a zone or hall that do not serve."""

    lost: int = 0
    hosts: int = 0
    fault_id: str = ""

    @property
    def stage(self) -> int:
        """0 whole, 1..4 for each quarter lost, 5 dark."""
        if self.lost == 0:
            return 0
        return 5 if self.lost == self.hosts else 1 + 4 * self.lost // self.hosts


class Service(msgspec.Struct, frozen=True):
    state: str = "ok"
    share: float = 1.0
    fault_id: str = ""


class Heat(msgspec.Struct, frozen=True):
    """`band`: how many limits are passed (warning, host, sprinkler)."""

    band: int = 0
    temperature_c: float = 0.0
    fault_id: str = ""


class Picture(msgspec.Struct, frozen=True, kw_only=True):
    places: dict[str, Place] = msgspec.field(default_factory=dict)
    services: dict[str, Service] = msgspec.field(default_factory=dict)
    heat: dict[str, Heat] = msgspec.field(default_factory=dict)


def take(board: HealthBoard, view: HealthView) -> Picture:
    """The picture of every zone that a fault ever touched, its halls, and every service that one could reach."""
    places: dict[str, Place] = {}
    for zone in _touched_zones(board):
        for place in (zone, *board.topology.halls(zone)):
            places[place] = _place(view, place)
    services = {}
    for name in view.concerned():
        state = view.service(name)
        services[name] = Service(state.state, state.share, next(iter(state.because), ""))
    return Picture(places=places, services=services, heat=_heat(board, view))


def _touched_zones(board: HealthBoard) -> list[str]:
    topology = board.topology
    places = {effect.node.partition("/")[0] for effect in board.effects() if topology.exists(effect.node)}
    zones = {zone for place in places for zone in (topology.zone_ids(place) if place in topology.regions else (place,))}
    return sorted(zones)


def _place(view: HealthView, place: str) -> Place:
    hosts = [view.host(host) for host in view.topology.hosts(place)]
    lost = [host for host in hosts if not host.serving]
    return Place(len(lost), len(hosts), next((fault for host in lost for fault in host.because), ""))


def _heat(board: HealthBoard, view: HealthView) -> dict[str, Heat]:
    found: dict[str, Heat] = {}
    for effect in board.effects():
        if effect.aspect is Aspect.TEMPERATURE and effect.active(view.now):
            temperature = view.temperature_c(effect.node) or 0.0
            limits = [effect.value.get(name, float("inf")) for name in ("warn_c", "host_trip_c", "sprinkler_c")]
            band = sum(temperature >= limit for limit in limits)
            found[effect.node] = Heat(band, round(temperature, 1), effect.fault_id)
    return found


def changes(before: Picture, after: Picture, at: float) -> list[HealthEvent]:
    """In a fixed order: heat, then places (a zone before its halls), then services."""
    return [
        *_heat_changes(before.heat, after.heat, at),
        *_place_changes(before.places, after.places, at),
        *_service_changes(before.services, after.services, at),
    ]


def _heat_changes(before: dict[str, Heat], after: dict[str, Heat], at: float) -> Iterator[HealthEvent]:
    for hall in _either(before, after):
        old, new = before.get(hall, Heat()), after.get(hall, Heat())
        if old.band == new.band:
            continue
        fault_id = new.fault_id or old.fault_id
        told = ("normal", "above the warning level", "above what hosts stand", "at the sprinklers' level")[new.band]
        degrees = f", {new.temperature_c:.1f} °C" if hall in after else ""
        yield HealthEvent(
            at=at,
            node=hall,
            aspect="heat",
            state=f"temperature {told}{degrees}",
            level=_HEAT_LEVELS[new.band],
            fault_id=fault_id,
        )


def _place_changes(before: dict[str, Place], after: dict[str, Place], at: float) -> Iterator[HealthEvent]:
    for place in _either(before, after):
        old, new = before.get(place, Place()), after.get(place, Place())
        if old.stage == new.stage:
            continue
        is_hall = "/" in place
        # Of a hall only dark and whole again are told; a zone tells each quarter.
        if is_hall and 5 not in (old.stage, new.stage) and new.stage != 0:
            continue
        if new.stage == 0:
            state, level = "all hosts serve", "INFO"
        elif new.stage == 5:
            state, level = "dark: no host serves", "CRITICAL"
        elif old.stage == 0:
            state, level = f"first hosts lost: {new.lost} of {new.hosts}", "WARN"
        else:
            state, level = f"{new.lost} of {new.hosts} hosts lost", "WARN"
        yield HealthEvent(
            at=at, node=place, aspect="hosts", state=state, level=level, fault_id=new.fault_id or old.fault_id
        )


def _service_changes(before: dict[str, Service], after: dict[str, Service], at: float) -> Iterator[HealthEvent]:
    for name in _either(before, after):
        old, new = before.get(name, Service()), after.get(name, Service())
        if old.state == new.state:
            continue
        told = {
            "ok": "serves all calls",
            "degraded": f"serves {new.share:.0%} of calls",
            "down": "serves no call",
        }[new.state]
        level = {"ok": "INFO", "degraded": "WARN", "down": "CRITICAL"}[new.state]
        yield HealthEvent(
            at=at,
            node=name,
            aspect="control_plane",
            state=told,
            level=level,
            fault_id=new.fault_id or old.fault_id,
        )


def _either(before: Iterable[str], after: Iterable[str]) -> list[str]:
    return sorted({*before, *after})
