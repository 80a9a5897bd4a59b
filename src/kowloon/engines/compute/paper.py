"""Instances on paper: the states of a life, and nothing that could run in one."""

from __future__ import annotations

from typing import Any

import msgspec

from kowloon.core.errors import CapabilityError
from kowloon.engines.base import EngineError, Fabric, UnitSpec
from kowloon.engines.compute.base import CommandResult, InstancePayload
from kowloon.engines.paper import PaperUnits


class PaperCompute(PaperUnits):
    """A `ComputeEngine` whose user data is not run and whose commands are refused."""

    def __init__(self, fabric: Fabric) -> None:
        super().__init__("compute", fabric)

    async def start(self, spec: UnitSpec) -> None:
        self.payload(spec.payload)
        await super().start(spec)

    async def run(
        self,
        unit_id: str,
        script: str,
        *,
        timeout_s: float,
        working_dir: str = "",
        environment: dict[str, str] | None = None,
    ) -> CommandResult:
        raise CapabilityError(
            f"{unit_id} exists on paper only, so nothing can run in it: start the cloud with the process engines"
        )

    def console(self, unit_id: str, tail_bytes: int) -> bytes:
        """Always empty: nothing ever printed there."""
        self._spec(unit_id)
        return b""

    async def capture(self, unit_id: str, name: str) -> None:
        """There is nothing on a disk of paper."""

    async def discard(self, name: str) -> None:
        """As nothing was captured."""

    def payload(self, spec_payload: dict[str, Any]) -> InstancePayload:
        try:
            return msgspec.convert(spec_payload, InstancePayload)
        except msgspec.ValidationError as error:
            raise EngineError(f"not an instance: {error}") from None

    def capabilities(self) -> dict[str, bool | str]:
        return {
            **super().capabilities(),
            "enforced_security_groups": False,
            "sandboxed_user_data": False,
            "real_disk_errors": False,
        }
