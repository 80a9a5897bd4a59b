"""What a user writes about their own system: where to probe it, and what it has to stand.

A YAML file; `${NAME}` anywhere in a text is filled in from the environment. Every mistake is reported at once, each as
`file:line: message`, like those of scenario files.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar

import msgspec

from kowloon.core.errors import ConfigurationError
from kowloon.core.located import Located, Problem, Reading, nearest
from kowloon.core.located import Path as Where
from kowloon.faults.scenario import Strict

T = TypeVar("T")
_PLACEHOLDER = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_SLOWEST_MS = 10_000
DEFAULT_EVERY_MS = 100
DEFAULT_TIMEOUT_MS = 1000


class _Probe(Strict, frozen=True, kw_only=True):
    """`zone`: a label for the report. `retries`: further attempts of one try, as the client itself would make."""

    name: str
    zone: str = ""
    every_ms: int = DEFAULT_EVERY_MS
    timeout_ms: int = DEFAULT_TIMEOUT_MS
    retries: int = 0


class HttpSpec(_Probe, frozen=True, kw_only=True, tag_field="kind", tag="http"):
    """Served when the answer has the expected status in time. Every attempt is a connection of its own."""

    url: str
    method: str = "GET"
    expect_status: int = 200


class SqlSpec(_Probe, frozen=True, kw_only=True, tag_field="kind", tag="sql"):
    """Served when a connection (PostgreSQL) is made and the statement answered in time."""

    dsn: str
    statement: str = "SELECT 1"


class ApiSpec(_Probe, frozen=True, kw_only=True, tag_field="kind", tag="api"):
    """Served when the cloud's API answers with 200; else its error code (Throttling ...) is noted."""

    endpoint: str
    product: str
    version: str
    action: str
    region: str
    access_key_id: str
    access_key_secret: str
    parameters: dict[str, str] = msgspec.field(default_factory=dict)


class LedgerSpec(_Probe, frozen=True, kw_only=True, tag_field="kind", tag="ledger"):
    """A write with an id of its own at every try: POST `body` to `url`, `{id}` filled in. Served when acknowledged by
    `expect_status`. At the end `check_url` must answer with a JSON list that has every acknowledged id. A retry
    repeats the id, so the system must treat it as the same write."""

    url: str
    check_url: str
    body: dict[str, Any]
    expect_status: int = 200


ProbeSpec = HttpSpec | SqlSpec | ApiSpec | LedgerSpec


class Objective(Strict, frozen=True, kw_only=True):
    """What one probe must see. `availability`: share of the whole drill, 0..1. `recovery_s`: no outage is longer, in
    seconds of the scenario. `acknowledged_writes_lost`: at most so many, of a ledger probe."""

    name: str
    probe: str
    availability: float | None = None
    recovery_s: float | None = None
    acknowledged_writes_lost: int | None = None


class Workload(msgspec.Struct, frozen=True, kw_only=True):
    """A checked file, filled in. `variant`: what the report calls this deployment."""

    title: str
    variant: str
    probes: tuple[ProbeSpec, ...]
    objectives: tuple[Objective, ...]


class ObjectivesError(ConfigurationError):
    """Each of `problems` is `file:line: message`."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def load_workload(path: Path, environment: Mapping[str, str], variant: str) -> Workload:
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as problem:
        raise ConfigurationError(f"{path}: {problem.strerror}") from problem
    return parse_workload(text, str(path), environment, variant)


def parse_workload(text: str, file: str, environment: Mapping[str, str], variant: str) -> Workload:
    try:
        located = Located(text)
    except Problem as problem:
        raise ObjectivesError([f"{file}:{problem.line}: {problem.message}"]) from problem
    reader = _Reader(located, environment)
    workload = reader.read(variant)
    if reader.problems or workload is None:
        raise ObjectivesError(reader.report(file))
    return workload


_KINDS: dict[str, type[ProbeSpec]] = {"http": HttpSpec, "sql": SqlSpec, "api": ApiSpec, "ledger": LedgerSpec}


class _Reader(Reading):
    def __init__(self, located: Located, environment: Mapping[str, str]) -> None:
        super().__init__(located)
        self._environment = environment

    def read(self, variant: str) -> Workload | None:
        data = self.located.data
        keys = ("title", "probes", "objectives")
        if not isinstance(data, dict):
            self.complain((), f"this file is a mapping of keys: {', '.join(keys)}")
            return None
        for key in data:
            if key not in keys:
                self.complain((key,), f"unknown key {key!r}{nearest(key, keys)} (known: {', '.join(keys)})")
        data = self._filled(data, ())
        probes = [probe for index, item in self._items(data, "probes") if (probe := self._probe(item, index))]
        objectives = [
            found
            for index, item in self._items(data, "objectives")
            if (found := self.convert(item, Objective, ("objectives", index)))
        ]
        self._check_names(probes)
        self._check_objectives(objectives, probes)
        title = data.get("title")
        if not isinstance(title, str) or not title:
            self.complain(("title",), "title is a text")
        if self.problems:
            return None
        return Workload(title=str(title), variant=variant, probes=tuple(probes), objectives=tuple(objectives))

    def _items(self, data: dict[str, Any], key: Literal["probes", "objectives"]) -> list[tuple[int, Any]]:
        items = data.get(key, [])
        if not isinstance(items, list) or (key == "probes" and not items):
            self.complain((key,), f"{key} is a list" + (" of at least one probe" if key == "probes" else ""))
            return []
        return list(enumerate(items))

    def _filled(self, value: Any, where: Where) -> Any:
        """With every placeholder filled in; one without a value is a mistake at its line."""
        if isinstance(value, dict):
            return {key: self._filled(item, (*where, key)) for key, item in value.items()}
        if isinstance(value, list):
            return [self._filled(item, (*where, index)) for index, item in enumerate(value)]
        if not isinstance(value, str):
            return value
        for name in _PLACEHOLDER.findall(value):
            if name not in self._environment:
                hint = nearest(name, self._environment)
                self.complain(where, f"${{{name}}} is not set in the environment{hint}")
        return _PLACEHOLDER.sub(lambda found: self._environment.get(found[1], ""), value)

    def _probe(self, item: Any, index: int) -> ProbeSpec | None:
        where: Where = ("probes", index)
        kind = item.get("kind") if isinstance(item, dict) else None
        found = _KINDS.get(str(kind))
        if found is None:
            self.complain(
                (*where, "kind"),
                f"unknown probe kind {kind!r}{nearest(str(kind), _KINDS)} (kinds: {', '.join(_KINDS)})",
            )
            return None
        probe = self.convert(item, found, where, extra=("kind",))
        if probe is None:
            return None
        if not 10 <= probe.every_ms <= DEFAULT_EVERY_MS:
            self.complain((*where, "every_ms"), "every_ms is from 10 to 100: at least 10 probes a second")
        if not 10 <= probe.timeout_ms <= _SLOWEST_MS:
            self.complain((*where, "timeout_ms"), f"timeout_ms is from 10 to {_SLOWEST_MS}")
        if not 0 <= probe.retries <= 10:
            self.complain((*where, "retries"), "retries is from 0 to 10")
        return probe

    def _check_names(self, probes: list[ProbeSpec]) -> None:
        seen: set[str] = set()
        for index, probe in enumerate(probes):
            if probe.name in seen:
                self.complain(("probes", index, "name"), f"the name {probe.name!r} is used already")
            seen.add(probe.name)

    def _check_objectives(self, objectives: list[Objective], probes: list[ProbeSpec]) -> None:
        if self.problems:
            return
        by_name = {probe.name: probe for probe in probes}
        for index, objective in enumerate(objectives):
            where: Where = ("objectives", index)
            probe = by_name.get(objective.probe)
            if probe is None:
                self.complain((*where, "probe"), f"no probe {objective.probe!r}{nearest(objective.probe, by_name)}")
                continue
            limits = [objective.availability, objective.recovery_s, objective.acknowledged_writes_lost]
            if all(limit is None for limit in limits):
                self.complain(where, "an objective sets availability, recovery_s or acknowledged_writes_lost")
            if objective.availability is not None and not 0.0 <= objective.availability <= 1.0:
                self.complain((*where, "availability"), "availability is a share from 0 to 1")
            if objective.acknowledged_writes_lost is not None and not isinstance(probe, LedgerSpec):
                self.complain(
                    (*where, "acknowledged_writes_lost"), f"{probe.name} acknowledges no writes: it is no ledger probe"
                )
