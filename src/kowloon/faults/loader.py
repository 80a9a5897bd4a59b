"""Reads and checks scenario files. Everything that is wrong is reported at once, each with its file and line."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from kowloon.core.errors import ConfigurationError
from kowloon.core.located import Located, Problem, Reading, nearest
from kowloon.core.located import Path as Where
from kowloon.faults.checks import Refusal, check_change, check_kind, check_parameters, check_scope
from kowloon.faults.resources import Truth
from kowloon.faults.scenario import (
    Action,
    Inject,
    Note,
    Recover,
    Scenario,
    ScenarioError,
    ScenarioEvent,
    SetValues,
    Strict,
    Track,
    list_scenarios,
    local_time,
    shipped,
)
from kowloon.topology.map import Topology
from kowloon.topology.services import Edge, ServiceNode

T = TypeVar("T")
_MINUTES = re.compile(r"T\+(\d+(?:\.\d+)?)m")
_ACTIONS = ("inject", "set", "recover", "message")


class _Head(Strict, frozen=True, kw_only=True):
    name: str
    title: str
    summary: str = ""
    timezone: str
    start: str
    region: str
    zones: tuple[str, ...]
    seed: int = 0
    needs: tuple[str, ...] = ()
    sources: dict[str, str] = {}
    providers: dict[str, str] = msgspec.field(default_factory=lambda: {"recorded": "As the scenario says."})


class _Line(Strict, frozen=True, kw_only=True):
    """An event as it is written. `local`, the time on the wall there, is checked when it is given; `source` and
    `truth` are for events of the public record."""

    at: str
    local: str = ""
    track: Track
    text: str
    source: tuple[str, ...] = ()
    truth: Truth = "I"
    providers: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    inject: dict[str, Any] | None = None
    set: dict[str, Any] | None = None
    recover: str | None = None
    message: dict[str, Any] | None = None


def load(path_or_name: str | Path, topology: Topology) -> Scenario:
    """A file, or the name of a shipped scenario. Raises ScenarioError, or ConfigurationError when there is none."""
    path = Path(path_or_name)
    if path.suffix not in (".yaml", ".yml"):
        known = list_scenarios()
        if str(path_or_name) not in known:
            raise ConfigurationError(
                f"no scenario {str(path_or_name)!r}{nearest(str(path_or_name), known)} "
                f"(shipped: {', '.join(known)}; or give the path of a .yaml file)"
            )
        path = shipped() / f"{path_or_name}.yaml"
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as problem:
        raise ConfigurationError(f"{path}: {problem.strerror}") from problem
    return parse(text, str(path), topology)


def parse(text: str, file: str, topology: Topology) -> Scenario:
    try:
        located = Located(text)
    except Problem as problem:
        raise ScenarioError([f"{file}:{problem.line}: {problem.message}"]) from problem
    reader = _Reader(located, topology)
    scenario = reader.read()
    if reader.problems or scenario is None:
        raise ScenarioError(reader.report(file))
    return scenario


class _Reader(Reading):
    def __init__(self, located: Located, topology: Topology) -> None:
        super().__init__(located)
        self._topology = topology
        self._services: set[str] = set()
        self._faults: dict[str, Inject] = {}
        self._held: dict[str, dict[str, Any]] = {}
        self._ended: set[str] = set()
        self._for: dict[str, tuple[str, ...]] = {}

    def read(self) -> Scenario | None:
        data = self.located.data
        if not isinstance(data, dict):
            self.complain((), "a scenario is a mapping of keys: name, title, start, events ...")
            return None
        lists = {key: data.get(key) or [] for key in ("services", "edges", "events", "notes")}
        for key, items in lists.items():
            if not isinstance(items, list):
                self.complain((key,), f"{key} is a list")
                return None
        head_data = {key: value for key, value in data.items() if key not in lists}
        head = self.convert(head_data, _Head, (), extra=tuple(lists))
        if head is None or not self._check_head(head):
            return None
        services = self._all(lists["services"], ServiceNode, "services")
        self._check_services(services)
        edges = self._all(lists["edges"], Edge, "edges")
        self._check_edges(edges)
        notes = self._all(lists["notes"], Note, "notes")
        for index, note in enumerate(notes):
            self._check_sources(note.source, head, ("notes", index, "source"))
        events = self._events(lists["events"], head)
        if self.problems:
            return None
        return Scenario(
            **msgspec.structs.asdict(head),
            services=tuple(services),
            edges=tuple(edges),
            events=tuple(events),
            notes=tuple(notes),
        )

    # --- the lists ---

    def _all(self, items: list[Any], kind: type[T], key: str) -> list[T]:
        found = [self.convert(item, kind, (key, index)) for index, item in enumerate(items)]
        return [item for item in found if item is not None]

    # --- the head ---

    def _check_head(self, head: _Head) -> bool:
        try:
            if datetime.fromisoformat(head.start).tzinfo is None:
                self.complain(("start",), "start needs a time zone, such as 2022-12-18T08:56:00+08:00")
        except ValueError:
            self.complain(("start",), f"start is no moment: {head.start!r}")
        regions = self._topology.regions
        if head.region not in regions:
            self.complain(("region",), f"no region {head.region!r}{nearest(head.region, regions)}")
            return False
        zones = self._topology.zone_ids(head.region)
        for index, zone in enumerate(head.zones):
            if zone not in zones:
                self.complain(("zones", index), f"no zone {zone!r} in {head.region}{nearest(zone, zones)}")
        for name in head.providers:
            if name not in ("recorded", "ideal"):
                self.complain(("providers", name), f"unknown provider {name!r}{nearest(name, ('recorded', 'ideal'))}")
        return not self.problems

    def _check_services(self, services: list[ServiceNode]) -> None:
        for index, service in enumerate(services):
            self._services.add(service.name)
            if not service.places:
                self.complain(("services", index), f"{service.name} needs at least one place")
            for position, place in enumerate(service.places):
                if not self._topology.exists(place):
                    self.complain(("services", index, "places", position), f"no place {place!r}")

    def _check_edges(self, edges: list[Edge]) -> None:
        for index, edge in enumerate(edges):
            for end in ("consumer", "provider"):
                name = getattr(edge, end)
                if name not in self._services and not self._topology.exists(name):
                    hint = nearest(name, self._services)
                    self.complain(("edges", index, end), f"{end} {name!r} is neither a service here nor a place{hint}")

    def _check_sources(self, sources: tuple[str, ...], head: _Head, where: Where) -> None:
        for position, source in enumerate(sources):
            if source not in head.sources:
                self.complain((*where, position), f"unknown source {source!r}{nearest(source, head.sources)}")

    # --- events ---

    def _events(self, items: list[Any], head: _Head) -> list[ScenarioEvent]:
        found: list[ScenarioEvent] = []
        latest = 0.0
        for index, item in enumerate(items):
            where: Where = ("events", index)
            line = self.convert(item, _Line, where)
            if line is None:
                continue
            event = self._event(line, where, head)
            if event is None:
                continue
            if event.at_min < latest:
                self.complain((*where, "at"), f"{line.at} comes after T+{latest:g}m; events are in order of time")
            latest = max(latest, event.at_min)
            found.append(event)
        return found

    def _event(self, line: _Line, where: Where, head: _Head) -> ScenarioEvent | None:
        matched = _MINUTES.fullmatch(line.at)
        if matched is None:
            self.complain((*where, "at"), f"at is written T+27m, not {line.at!r}")
            return None
        at_min = float(matched[1])
        local = _local(head, at_min)
        if line.local not in ("", local):
            self.complain((*where, "local"), f"local is {line.local!r}, but T+{at_min:g}m is {local!r}")
        self._check_sources(line.source, head, (*where, "source"))
        for position, provider in enumerate(line.providers):
            if provider not in head.providers:
                hint = nearest(provider, head.providers)
                self.complain((*where, "providers", position), f"unknown provider {provider!r}{hint}")
        given = [name for name in _ACTIONS if getattr(line, name) is not None]
        if len(given) > 1 or (given and line.needs):
            both = " and ".join([*given, *(["needs"] if line.needs else [])])
            self.complain(where, f"an event does one thing; this one has {both}")
            return None
        providers = line.providers or tuple(head.providers)
        action = self._action(given[0], line, at_min, where, head) if given else None
        if action is not None:
            self._check_providers(action, providers, (*where, given[0]))
        return ScenarioEvent(
            at_min=at_min,
            local=local,
            track=line.track,
            text=line.text,
            source=line.source,
            truth=line.truth,
            providers=providers,  # type: ignore[arg-type]
            needs=line.needs,
            action=action,
            line=self.located.line(where),
        )

    def _check_providers(self, action: Action, providers: tuple[str, ...], where: Where) -> None:
        if isinstance(action, Inject):
            self._for[action.id] = providers
            return
        missing = [name for name in providers if name not in self._for.get(action.id, providers)]
        if missing:
            self.complain(where, f"{action.id!r} is not injected for provider {', '.join(missing)}")

    def _action(self, name: str, line: _Line, at_min: float, where: Where, head: _Head) -> Action | None:
        where = (*where, name)
        if line.recover is not None:
            self._check_reference(line.recover, where)
            self._ended.add(line.recover)
            return Recover(id=line.recover)
        if line.set is not None:
            return self._set(line.set, where)
        if line.message is not None:
            fault = {"id": f"message-{at_min:g}", "kind": "provider_message", "scope": [head.region]}
            return self._inject({**fault, "parameters": line.message}, at_min, where, where)
        return self._inject(line.inject or {}, at_min, where, (*where, "parameters"))

    def _inject(self, written: dict[str, Any], at_min: float, where: Where, parameters: Where) -> Inject | None:
        inject = self.convert(written, Inject, where)
        if inject is None:
            return None
        if inject.id in self._faults:
            self.complain((*where, "id"), f"id {inject.id!r} is used already")
        # Known from here on, however wrong it is: what refers to it is not to blame.
        self._faults[inject.id] = inject
        try:
            kind = check_kind(inject.kind)
            scope = check_scope(kind, inject.scope, self._topology, self._services)
            checked = check_parameters(kind, _in_minutes(inject.parameters, at_min))
            self._held[inject.id] = dict(checked)
        except Refusal as refusal:
            self.complain(self._refused_at(refusal, where, parameters), refusal.message)
            return None
        return msgspec.structs.replace(inject, kind=kind.name, scope=scope, parameters=checked)

    def _refused_at(self, refusal: Refusal, where: Where, parameters: Where) -> Where:
        if refusal.what == "parameters":
            return (*parameters, refusal.name) if refusal.name else parameters
        return (*where, refusal.what)

    def _set(self, written: dict[str, Any], where: Where) -> SetValues | None:
        change = self.convert(written, SetValues, where)
        if change is None or not self._check_reference(change.id, (*where, "id")) or change.id not in self._held:
            return None
        held = self._held[change.id]
        try:
            values = check_change(check_kind(self._faults[change.id].kind), held, change.values)
        except Refusal as refusal:
            self.complain(self._refused_at(refusal, where, (*where, "values")), refusal.message)
            return None
        held.update(values)
        return msgspec.structs.replace(change, values=values)

    def _check_reference(self, id: str, where: Where) -> bool:
        if id not in self._faults:
            self.complain(where, f"nothing before this has the id {id!r}{nearest(id, self._faults)}")
            return False
        if id in self._ended:
            self.complain(where, f"{id!r} is recovered before this")
            return False
        return True


def _in_minutes(value: Any, at_min: float) -> Any:
    """With every `T+214m` as minutes after `at_min`."""
    if isinstance(value, dict):
        return {key: _in_minutes(item, at_min) for key, item in value.items()}
    if isinstance(value, list):
        return [_in_minutes(item, at_min) for item in value]
    matched = _MINUTES.fullmatch(value) if isinstance(value, str) else None
    return value if matched is None else float(matched[1]) - at_min


def _local(head: _Head, at_min: float) -> str:
    """`09:23`, with the day in front when it is not the first."""
    moment = local_time(head.start, at_min)
    text = f"{moment:%H:%M}"
    first = datetime.fromisoformat(head.start).date()
    return text if moment.date() == first else f"{moment.day} {moment:%b} {text}"
