"""What is accepted as a fault, and how a refusal says it. Shared by the manager and the scenario loader."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from typing import Any

import msgspec

from kowloon.core.located import nearest
from kowloon.faults.kinds import KINDS, find_kind, kind_names
from kowloon.faults.kinds.base import Kind, Parameters, ScopeType, parse
from kowloon.topology.map import Topology


class Refusal(Exception):
    """`what` is the part that is wrong (kind, scope, parameters), `name` the offending name in it, if there is one."""

    def __init__(self, what: str, name: str, message: str) -> None:
        super().__init__(message)
        self.what = what
        self.name = name
        self.message = message


def check_kind(name: str) -> Kind:
    kind = find_kind(name)
    if kind is None:
        accepted = ", ".join(sorted(kind.name for kind in KINDS))
        raise Refusal("kind", name, f"no fault kind {name!r}{nearest(name, kind_names())} (kinds: {accepted})")
    return kind


def check_scope(kind: Kind, scope: Iterable[str], topology: Topology, services: Collection[str]) -> tuple[str, ...]:
    nodes = tuple(dict.fromkeys(scope))
    if not nodes:
        raise Refusal("scope", "", f"{kind.name} needs a scope: {_wanted(kind)}")
    for node in nodes:
        found = _scope_type(node, topology, services)
        if found is None:
            known = [*services] if kind.scopes == ("service",) else _places_like(node, topology)
            raise Refusal("scope", node, f"no node {node!r}{nearest(node, known)}")
        if found not in kind.scopes:
            raise Refusal("scope", node, f"{kind.name} cannot act on {node}, a {found}; it takes a {_wanted(kind)}")
    return nodes


def _wanted(kind: Kind) -> str:
    return " or ".join(kind.scopes)


def _scope_type(node: str, topology: Topology, services: Collection[str]) -> ScopeType | None:
    if node in services:
        return "service"
    if not topology.exists(node):
        return None
    if node in topology.regions:
        return "region"
    below_region: tuple[ScopeType, ...] = ("zone", "hall", "host")
    return below_region[node.count("/")]


def _places_like(node: str, topology: Topology) -> list[str]:
    zone = node.partition("/")[0]
    if topology.is_zone(zone):
        return [*topology.halls(zone), *topology.hosts(zone)]
    return [*topology.regions, *(zone for region in topology.regions for zone in topology.zone_ids(region))]


def check_parameters(kind: Kind, values: dict[str, Any]) -> dict[str, Any]:
    """The complete parameters, defaults written out, JSON-ready."""
    accepted = [field.name for field in msgspec.structs.fields(kind.parameters)]
    for name in values:
        if name not in accepted:
            listed = ", ".join(accepted)
            raise Refusal(
                "parameters",
                name,
                f"{kind.name} has no parameter {name!r}{nearest(name, accepted)} (it takes: {listed})",
            )
    try:
        checked: Parameters = parse(kind.parameters, values)
    except msgspec.ValidationError as problem:
        words = re.findall(r"\w+", str(problem).rpartition("$.")[2]) + re.findall(r"\w+", str(problem))
        name = next((word for word in words if word in accepted), "")
        raise Refusal("parameters", name, f"parameters of {kind.name}: {problem}") from problem
    # By way of JSON: what is held in memory equals what a restart reads back.
    complete: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(checked))
    return complete


def check_change(kind: Kind, held: dict[str, Any], values: dict[str, Any]) -> dict[str, Any]:
    """Only what changes, in its stored form; refused when the parameters would not be valid with it."""
    if kind.fixed:
        raise Refusal("parameters", "", f"{kind.name} cannot be changed; recover it and inject another")
    if not values:
        raise Refusal("parameters", "", "name at least one parameter to change")
    complete = check_parameters(kind, {**held, **values})
    return {name: complete[name] for name in values}
