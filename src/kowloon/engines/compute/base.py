"""Instances: what a compute engine runs."""

from __future__ import annotations

from typing import Any, Protocol

import msgspec

from kowloon.engines.base import UnitEngine


class InstancePayload(msgspec.Struct, frozen=True, kw_only=True):
    """`user_data` is the decoded script text, run once per instance at first boot when it starts with `#!`;
    scripts left in /var/lib/cloud/scripts/per-boot run at every boot. `environment` is added to what runs in it.
    `captured`: the captured disk that a first boot starts from; empty: the built-in image."""

    instance_id: str
    hostname: str
    private_ip: str
    zone: str
    image_id: str
    user_data: str = ""
    environment: dict[str, str] = msgspec.field(default_factory=dict)
    captured: str = ""


class CommandResult(msgspec.Struct, frozen=True, kw_only=True):
    """`exit_code` is None when it was ended by the time-out. `output` is stdout and stderr as they came, bounded."""

    exit_code: int | None
    output: bytes
    dropped_bytes: int = 0
    timed_out: bool = False


class ComputeEngine(UnitEngine, Protocol):
    async def run(
        self,
        unit_id: str,
        script: str,
        *,
        timeout_s: float,
        working_dir: str = "",
        environment: dict[str, str] | None = None,
    ) -> CommandResult:
        """Run a shell script inside the running unit. EngineError when it is not running or not allowed here."""
        ...

    def console(self, unit_id: str, tail_bytes: int) -> bytes:
        """The last bytes of the unit's console: boot messages and the output of user data."""
        ...

    async def capture(self, unit_id: str, name: str) -> None:
        """Keep what is on the unit's disk now under `name`, whether it runs or not; again is fine. What a running
        program is about to write may be in it in part, as after a loss of power."""
        ...

    async def discard(self, name: str) -> None:
        """Forget a captured disk; a missing one is fine."""
        ...

    def payload(self, spec_payload: dict[str, Any]) -> InstancePayload: ...
