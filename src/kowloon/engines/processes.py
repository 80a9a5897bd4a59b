"""Real processes on this machine: the port that process engines start their parts through.

Implemented by the supervisor's client (`engines/supervisor/client.py`). A process started here outlives the server
for a lease, is adopted by the next server of the same cloud within it, and never outlives the supervisor.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Protocol

import msgspec


class ProcessState(StrEnum):
    RUNNING = "running"
    FROZEN = "frozen"
    EXITED = "exited"


class ProcessSpec(msgspec.Struct, frozen=True, kw_only=True):
    """`argv[0]` is an absolute path. `environment` is the whole environment (nothing is inherited) but for the mark
    that sweeping goes by. `log` receives stdout and stderr, appended and bounded. With `drop_privileges` and as root
    the process runs under the cloud's unprivileged uid; as an ordinary user it changes nothing."""

    unit_id: str
    argv: tuple[str, ...]
    environment: dict[str, str]
    cwd: str
    log: str
    drop_privileges: bool = True


class ProcessReport(msgspec.Struct, frozen=True, kw_only=True):
    unit_id: str
    state: ProcessState
    pid: int = 0
    exit_code: int | None = None


class ProcessHost(Protocol):
    """All calls are idempotent and raise `EngineError` with a sentence for people."""

    # The uid and gid that dropped processes run under (the current ones when not root): data folders belong to them.
    uid: int
    gid: int

    async def spawn(self, spec: ProcessSpec) -> int:
        """Returns the pid; a unit that runs already is left alone and its pid returned."""
        ...

    async def kill(self, unit_id: str, *, grace_s: float = 0.0) -> None:
        """SIGTERM, `grace_s`, then SIGKILL of the whole tree, frozen or not; returns when nothing is left of it."""
        ...

    async def freeze(self, unit_id: str) -> None: ...
    async def thaw(self, unit_id: str) -> None: ...
    def state(self, unit_id: str) -> ProcessState | None: ...
    def running(self) -> dict[str, ProcessReport]: ...
    def on_report(self, listener: Callable[[ProcessReport], None]) -> None: ...
