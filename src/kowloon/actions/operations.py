"""What operators do to the cloud itself, for products that let people do it: faults and drills."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

import msgspec


class Impairment(msgspec.Struct, frozen=True, kw_only=True):
    """A fault that is there now. `since` is cloud time."""

    id: str
    kind: str
    scope: tuple[str, ...]
    since: float
    label: str = ""


class Operations(Protocol):
    """Who may is asked before. Everything raises ApiError for what cannot be."""

    def impairments(self) -> list[Impairment]: ...

    async def inject(self, kind: str, scope: list[str], label: str) -> str:
        """The id of the fault."""
        ...

    async def recover(self, id: str) -> int:
        """How many faults ended: of one by its id, or `all`."""
        ...

    async def drill(self, scenario: str, when_over: Callable[[str], Awaitable[None]]) -> str:
        """Begin to walk through a scenario, without a workload that is measured; its id. `when_over` is told how it
        ended."""
        ...
