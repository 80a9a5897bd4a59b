"""Scenario files: a dated timeline of faults and of what is only on record, each line with its source.

Times of a scenario are minutes after its start (`T+27m`). In parameters, too, a time may be written `T+214m`: the
loader turns it into minutes after the event's own time, which is what fault kinds count in.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import msgspec

from kowloon.core.errors import ConfigurationError
from kowloon.faults.kinds.base import SECONDS_PER_MINUTE
from kowloon.faults.resources import Fault, Truth
from kowloon.topology.services import Edge, ServiceNode

Track = Literal["facility", "hosts", "control-plane", "databases", "network", "storage", "comms", "customer"]
Provider = Literal["recorded", "ideal"]
OVERLAY_ID = "overlay"


class Strict(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is written in a file: unknown keys are mistakes."""


class Inject(Strict, frozen=True, kw_only=True, tag_field="do", tag="inject"):
    """`id` names the fault within the scenario. `truth` is of the parameters; the event's own if None."""

    id: str
    kind: str
    scope: tuple[str, ...]
    parameters: dict[str, Any] = msgspec.field(default_factory=dict)
    truth: Truth | None = None


class SetValues(Strict, frozen=True, kw_only=True, tag_field="do", tag="set"):
    id: str
    values: dict[str, Any]


class Recover(Strict, frozen=True, kw_only=True, tag_field="do", tag="recover"):
    id: str


Action = Inject | SetValues | Recover


class ScenarioEvent(Strict, frozen=True, kw_only=True):
    """One line of the record. `at_min` None: after the replay's time span, only told. `needs`: products without which
    it is not replayed. Neither `action` nor `needs`: a fact to hold measurements against."""

    at_min: float
    local: str
    track: Track
    text: str
    source: tuple[str, ...]
    truth: Truth
    providers: tuple[Provider, ...] = ("recorded", "ideal")
    needs: tuple[str, ...] = ()
    action: Action | None = None
    line: int = 0


class Note(Strict, frozen=True, kw_only=True):
    """A fact without a moment: per product, about customers, about the aftermath."""

    topic: str
    text: str
    source: tuple[str, ...]
    truth: Truth


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One thing for a drill to do. Steps come in order of time, the overlay of services and edges first."""

    at_min: float
    action: Action
    label: str
    truth: Truth


class Scenario(msgspec.Struct, frozen=True, kw_only=True):
    """A checked scenario: kinds, scopes, parameters, references and times are all valid."""

    name: str
    title: str
    summary: str
    timezone: str
    start: str
    region: str
    zones: tuple[str, ...]
    seed: int
    needs: tuple[str, ...]
    sources: dict[str, str]
    providers: dict[str, str]
    services: tuple[ServiceNode, ...]
    edges: tuple[Edge, ...]
    events: tuple[ScenarioEvent, ...]
    notes: tuple[Note, ...]

    @property
    def length_min(self) -> float:
        """To the last thing that is done or could be measured."""
        return max((event.at_min for event in self.events if event.track != "customer"), default=0.0)

    def plan(self, provider: Provider = "recorded") -> tuple[Step, ...]:
        steps: list[Step] = []
        if self.services or self.edges:
            parameters = {"services": msgspec.to_builtins(self.services), "edges": msgspec.to_builtins(self.edges)}
            overlay = Inject(id=OVERLAY_ID, kind="dependency_edge", scope=(self.region,), parameters=parameters)
            steps.append(Step(at_min=0.0, action=overlay, label="what leans on what", truth="I"))
        for event in self.events:
            if event.action is not None and provider in event.providers:
                truth = event.truth
                if isinstance(event.action, Inject) and event.action.truth is not None:
                    truth = event.action.truth
                steps.append(Step(at_min=event.at_min, action=event.action, label=event.text, truth=truth))
        return tuple(steps)

    def faults(self, start_s: float, provider: Provider = "recorded") -> tuple[Fault, ...]:
        """The whole plan as fault records, as a drill that started at `start_s` leaves them: for a replay on paper."""
        found: dict[str, Fault] = {}
        for step in self.plan(provider):
            at = start_s + step.at_min * SECONDS_PER_MINUTE
            action = step.action
            if isinstance(action, Inject):
                found[action.id] = Fault(
                    id=action.id,
                    region=self.region,
                    created_at=at,
                    fault_kind=action.kind,
                    scope=action.scope,
                    parameters=action.parameters,
                    injected_at=at,
                    label=step.label,
                    truth=step.truth,
                )
            elif isinstance(action, SetValues):
                fault = found[action.id]
                found[action.id] = msgspec.structs.replace(fault, changes=(*fault.changes, (at, action.values)))
            else:
                found[action.id] = msgspec.structs.replace(found[action.id], phase="recovered", recovered_at=at)
        return tuple(found.values())

    def plain(self) -> dict[str, Any]:
        """JSON-ready."""
        data: dict[str, Any] = msgspec.to_builtins(self)
        return data


class ScenarioError(ConfigurationError):
    """Each of `problems` is `file:line: message`."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def local_time(start: str, at_min: float) -> datetime:
    """The moment by the clock on the wall there."""
    return datetime.fromisoformat(start) + timedelta(minutes=at_min)


def shipped() -> Path:
    return Path(__file__).parent / "scenarios"


def list_scenarios() -> list[str]:
    """The names of those that come with Kowloon."""
    return sorted(path.stem for path in shipped().glob("*.yaml"))
