"""All fault kinds, by name. Names are snake_case; kebab-case and each kind's short names are understood too."""

from __future__ import annotations

from kowloon.faults.kinds import control_plane, cooling, policies, power, reach, storage
from kowloon.faults.kinds.base import Kind

KINDS: tuple[Kind, ...] = (
    *cooling.KINDS,
    *power.KINDS,
    *reach.KINDS,
    *storage.KINDS,
    *control_plane.KINDS,
    *policies.KINDS,
)


def find_kind(name: str) -> Kind | None:
    wanted = name.strip().lower().replace("_", "-")
    return next((kind for kind in KINDS if wanted == kind.name.replace("_", "-") or wanted in kind.short), None)


def kind_names() -> list[str]:
    """Every name that `find_kind` understands, the full names first."""
    return [*(kind.name for kind in KINDS), *(short for kind in KINDS for short in kind.short)]
