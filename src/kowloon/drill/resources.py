"""The record that a drill leaves in the cloud, and what the cloud noted while it ran."""

from __future__ import annotations

from typing import ClassVar, Literal

import msgspec

from kowloon.faults.scenario import Provider
from kowloon.store.resources import Resource

DrillState = Literal["planned", "holding", "skipping", "finished", "aborted", "failed"]
LIVE_STATES: frozenset[DrillState] = frozenset({"planned", "holding", "skipping"})


class Drill(Resource, frozen=True, kw_only=True):
    """One scenario run against what is deployed. `started_at` is the cloud time of T+0; `offset_s` the cloud's skipped
    time before it. `faults`: the scenario's names of what is injected -> fault ids. `step`: how many steps are done."""

    kind: ClassVar[str] = "drill"
    scenario: str
    title: str
    provider: Provider
    state: DrillState = "planned"
    scenario_minute: float = 0.0
    started_at: float
    offset_s: float = 0.0
    step: int = 0
    faults: dict[str, str] = msgspec.field(default_factory=dict)
    message: str = ""


class ZoneSample(msgspec.Struct, frozen=True, kw_only=True):
    """Hosts of a zone that serve, and the hottest aisle while cooling is lost there."""

    hosts_up: int
    hosts: int
    temperature_c: float | None = None


class FacilitySample(msgspec.Struct, frozen=True, kw_only=True):
    """The cloud's own health at one minute of the scenario. `services`: control plane, or storage of a zone -> share of
    calls served."""

    minute: float
    zones: dict[str, ZoneSample]
    services: dict[str, float]


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What the provider told its customers."""

    minute: float
    channel: str
    text: str
    accuracy: str


class Happened(msgspec.Struct, frozen=True, kw_only=True):
    """What the cloud did with a resource: failing over, degraded, recovered."""

    minute: float
    kind: str
    id: str
    state: str
    text: str = ""


class OnDuty(msgspec.Struct, frozen=True, kw_only=True):
    """A post changed hands, somebody was paged, answered, or began to act."""

    minute: float
    what: str
    post: str
    person: str
    capacity: str
    page: str
    text: str


class InRoom(msgspec.Struct, frozen=True, kw_only=True):
    """Something in an incident's room: it opened, somebody joined, led, answered, said or did something, it closed."""

    minute: float
    what: str
    room: str
    person: str
    text: str


class DrillRecord(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that the cloud itself knows of a drill; probes know the rest."""

    facility: tuple[FacilitySample, ...] = ()
    told: tuple[Told, ...] = ()
    happened: tuple[Happened, ...] = ()
    duty: tuple[OnDuty, ...] = ()
    rooms: tuple[InRoom, ...] = ()


class DrillStatus(msgspec.Struct, frozen=True, kw_only=True):
    """A drill as the admin API shows it. `next_minute`: up to where time may be skipped without missing anything that
    the deployed resources stand on; None when nothing more is to come."""

    id: str
    scenario: str
    title: str
    provider: Provider
    state: DrillState
    scenario_minute: float
    length_min: float
    next_minute: float | None
    message: str = ""
    doing: str = ""
