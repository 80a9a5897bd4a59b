"""What a node's folder becomes before its server starts: new, as it is, promoted, or a copy of the primary.

This is where fencing is decided: a folder remembers its generation and role, and an order that is older is refused.
"""

from __future__ import annotations

import asyncio

import msgspec

from kowloon.engines.base import EngineError, Fabric, UnitSpec
from kowloon.engines.database import refusals
from kowloon.engines.database.base import DatabasePayload
from kowloon.engines.database.folder import Marker, NodeFolder
from kowloon.engines.database.one_off import OneOffs
from kowloon.engines.database.postgres import ENVIRONMENT, Template, base_backup_command
from kowloon.engines.processes import ProcessHost, ProcessSpec

COPY_S = 60.0
BASE_BACKUP_S = 120.0


class Preparation:
    def __init__(self, host: ProcessHost, fabric: Fabric, template: Template) -> None:
        self._helpers = OneOffs(host)
        self._fabric = fabric
        self._template = template

    async def prepare(self, spec: UnitSpec, folder: NodeFolder, payload: DatabasePayload) -> Marker:
        """The folder's marker, written. No server of the node runs meanwhile."""
        if payload.role == "primary":
            return await self._primary(spec.id, folder, payload)
        return await self._standby(spec, folder, payload)

    async def interrupt(self, unit_id: str) -> None:
        """End a copy or base backup under way; its `prepare` then fails."""
        await self._helpers.interrupt(_helper(unit_id))

    async def _primary(self, unit_id: str, folder: NodeFolder, payload: DatabasePayload) -> Marker:
        marker = folder.marker()
        if marker is None:
            await self._template.ready()
            folder.discard_incoming()
            command = ("/bin/cp", "-Rp", str(self._template.data), str(folder.incoming))
            await self._help(unit_id, command, folder, COPY_S)
            folder.take_incoming()
            synchronous = payload.standby_id if payload.synchronous else ""
            marker = Marker(generation=payload.generation, role="primary", synchronous=synchronous)
        elif payload.generation < marker.generation:
            raise refusals.stale_order(unit_id, marker.generation, payload)
        elif marker.role == "standby":
            if payload.generation == marker.generation:
                raise refusals.not_promoted(unit_id, marker.generation)
            marker = msgspec.structs.replace(marker, role="promoting", synchronous="")
        marker = msgspec.structs.replace(marker, generation=payload.generation)
        folder.mark(marker)
        return marker

    async def _standby(self, spec: UnitSpec, folder: NodeFolder, payload: DatabasePayload) -> Marker:
        """A folder that was a primary's, or of an older generation, may have writes that the primary has not."""
        marker = folder.marker()
        if marker is not None and marker.role != "promoting" and payload.generation < marker.generation:
            raise refusals.stale_order(spec.id, marker.generation, payload)
        if marker is None or marker.role != "standby" or marker.generation != payload.generation:
            await self._back_up(spec, folder, payload)
        folder.make_standby()
        marker = Marker(generation=payload.generation, role="standby", owned=True)
        folder.mark(marker)
        return marker

    async def _back_up(self, spec: UnitSpec, folder: NodeFolder, payload: DatabasePayload) -> None:
        unit_id = spec.id
        if not payload.upstream:
            raise EngineError(f"The node {unit_id} is a standby without an upstream.")
        if self._fabric.is_cut(payload.upstream) or self._fabric.is_cut(spec.address):
            raise refusals.no_primary_in_reach(unit_id, payload.upstream)
        folder.discard_incoming()
        folder.write_passfile(payload.superuser_password)
        command = base_backup_command(folder.incoming, payload.upstream, payload.port, folder.passfile)
        await self._help(unit_id, command, folder, BASE_BACKUP_S)
        await asyncio.to_thread(folder.take_incoming)

    async def _help(self, unit_id: str, command: tuple[str, ...], folder: NodeFolder, timeout_s: float) -> None:
        spec = ProcessSpec(
            unit_id=_helper(unit_id),
            argv=command,
            environment=ENVIRONMENT,
            cwd=str(folder.path),
            log=str(folder.path / "helper.log"),
        )
        await self._helpers.run(spec, timeout_s)


def _helper(unit_id: str) -> str:
    return f"{unit_id}.helper"
