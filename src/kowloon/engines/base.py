"""What every engine kind shares: a unit is one real part (an instance, a balancer, a database node) on one host.

Products never call an engine for starting and stopping: they write `kowloon.store.units.Unit` records and the unit
keeper (`kowloon.controllers.units`) brings engines in line with them and with the health of the host. Products call
engines directly only for what is *inside* a running unit (run a command, create a database).
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Any, Protocol

import msgspec


class UnitState(StrEnum):
    """What an engine sees of a unit now. `ABSENT`: never started here, or deleted. `FAILED`: ended by itself."""

    ABSENT = "absent"
    RUNNING = "running"
    STOPPED = "stopped"
    FROZEN = "frozen"
    FAILED = "failed"


class UnitSpec(msgspec.Struct, frozen=True, kw_only=True):
    """One unit to run. `host` is a topology node name; `address` is dialable (127.x.y.z under `process`).

    `payload` is of the engine's own type, JSON-ready (see each kind's base.py); the engine decodes it.
    """

    id: str
    kind: str
    host: str
    address: str
    payload: dict[str, Any]


class UnitReport(msgspec.Struct, frozen=True, kw_only=True):
    unit_id: str
    state: UnitState
    detail: str = ""


ReportListener = Callable[[UnitReport], None]


class UnitEngine(Protocol):
    """The lifecycle that all kinds share. Every call is idempotent; errors are `EngineError`.

    `start` returns when the unit's process is up (not when what runs in it is ready). `stop` returns when no process
    of the unit is left; its data stays. A stop with `grace_s` 0 is a power cut. `freeze` stops the unit's processes
    where they are and cuts its address off, so that neither its kernel nor its program answers; `thaw` undoes both.
    `cut`/`heal` is the network alone. `delete` also removes the data. Reports come for changes nobody asked for
    (a process that ended) and for each completed call.
    """

    name: str
    kind: str

    async def start(self, spec: UnitSpec) -> None: ...
    async def stop(self, unit_id: str, *, grace_s: float = 0.0) -> None: ...
    async def delete(self, unit_id: str) -> None: ...
    async def freeze(self, unit_id: str) -> None: ...
    async def thaw(self, unit_id: str) -> None: ...
    async def cut(self, unit_id: str) -> None: ...
    async def heal(self, unit_id: str) -> None: ...
    async def configure(self, unit_id: str, payload: dict[str, Any]) -> None:
        """A new payload for a running unit (balancer backends, database roles); refused where it needs a restart."""
        ...

    def state(self, unit_id: str) -> UnitState: ...
    def on_report(self, listener: ReportListener) -> None: ...
    def capabilities(self) -> dict[str, bool | str]:
        """Statements such as `own_address`, `enforced_security_groups`, `sandboxed_user_data`; probed, not guessed."""
        ...


class EngineError(Exception):
    """A real part could not do as asked; the message is for people and says what to do."""


class Fabric(Protocol):
    """Who can reach whom, where addresses cannot be filtered by the kernel. All dialling of units goes through it.

    `cut` makes an address time out for every dialler that asks the fabric (probes, balancers, proxies, checks).
    """

    def cut(self, address: str) -> None: ...
    def heal(self, address: str) -> None: ...
    def is_cut(self, address: str) -> bool: ...
    def on_change(self, listener: Callable[[], None]) -> None: ...
    def cut_addresses(self) -> frozenset[str]: ...


class AddressSpace(Protocol):
    """The dialable addresses that belong to this cloud alone."""

    def claim(self, preferred: str | None) -> str:
        """Claims a /16 such as `127.77.0.0/16` (the preferred one if given, or refuses) and returns it."""
        ...

    def release(self) -> None: ...
