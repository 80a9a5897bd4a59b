"""The one record that faults leave: what was declared, when, and how it was changed since."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import msgspec

from kowloon.store.resources import Resource

Truth = Literal["V", "R", "U", "I"]
"""How well it is documented: V read in the source, R recalled from it, U uncertain, I inferred."""


class Fault(Resource, frozen=True, kw_only=True):
    """A declared impairment. Times are cloud seconds.

    `scope`: topology places or service nodes. `parameters`: complete (defaults written out) and valid for the kind.
    `changes`: (when, {parameter: value}) in order of time; the parameters that hold at a moment are those of the
    injection with every change up to then laid over them. A recovered fault stays on record: what it did until
    `recovered_at` is history that warm-ups and `since` are counted from.
    """

    kind: ClassVar[str] = "fault"
    fault_kind: str
    scope: tuple[str, ...]
    parameters: dict[str, Any] = msgspec.field(default_factory=dict)
    phase: Literal["injected", "recovered"] = "injected"
    injected_at: float
    recovered_at: float | None = None
    changes: tuple[tuple[float, dict[str, Any]], ...] = ()
    drill_id: str = ""
    label: str = ""
    truth: Truth = "I"

    @property
    def ends_at(self) -> float:
        return float("inf") if self.recovered_at is None else self.recovered_at
