"""PostgreSQL nodes as real server processes: start, fencing, promotion, replication, accounts."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path
from typing import Any

import asyncpg
import msgspec

from kowloon.engines.base import EngineError, Fabric, UnitSpec
from kowloon.engines.database import accounts, refusals, sql
from kowloon.engines.database.base import AccountSpec, DatabasePayload, NodeStatus
from kowloon.engines.database.folder import HBA, Marker, NodeFolder, configuration
from kowloon.engines.database.postgres import ENVIRONMENT, Template, program, require_reachable
from kowloon.engines.database.preparation import Preparation
from kowloon.engines.database.session import Connection, Sessions
from kowloon.engines.process_units import ProcessUnits
from kowloon.engines.processes import ProcessHost, ProcessSpec

FIRST_BOOT_S = 30.0
POLL_S = 0.02
STATUS = """
SELECT pg_is_in_recovery() AS in_recovery,
    CASE WHEN pg_is_in_recovery() THEN EXISTS (SELECT FROM pg_stat_wal_receiver WHERE status = 'streaming')
        ELSE EXISTS (SELECT FROM pg_stat_replication WHERE state = 'streaming') END AS streaming,
    NOT pg_is_in_recovery() AND current_setting('synchronous_standby_names') <> '' AS synchronous,
    (CASE WHEN pg_is_in_recovery() THEN greatest(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn())
        ELSE pg_current_wal_flush_lsn() END - '0/0'::pg_lsn)::bigint AS wal_position
"""


class ProcessDatabase(ProcessUnits):
    """`data_dir` holds a folder per node; the host's uid must be able to pass the folders above it.

    A node's folder remembers its generation, its role and whom its commits wait for: `set_synchronous` holds over
    restarts, and a node is never started against a newer generation of its own folder. Replication follows the
    fabric: a standby that is cut off, or whose primary is, receives nothing.
    """

    kind = "database"

    def __init__(self, host: ProcessHost, fabric: Fabric, *, data_dir: Path) -> None:
        super().__init__(host, fabric, data_dir / "units")
        self._data_dir = data_dir
        self._template = Template(data_dir / "template", host.uid, host.gid)
        self._preparation = Preparation(host, fabric, self._template)
        self._sessions: dict[str, Sessions] = {}
        fabric.on_change(self._follow_fabric)

    # The unit's life

    async def start_unit(self, spec: UnitSpec) -> None:
        payload = self._payload(spec.id)
        if self.is_running(spec.id):
            self._write_configuration(spec.id, reload=True)
            return
        self._data_dir.mkdir(mode=0o711, parents=True, exist_ok=True)
        folder = self._folder(spec.id)
        require_reachable(folder.path / "data", self.host.uid)
        folder.make()
        marker = await self._preparation.prepare(spec, folder, payload)
        folder.clear_stale_pid()
        self._forget_session(spec.id)
        self._write_configuration(spec.id, reload=False)
        await self.host.spawn(self._process_spec(spec, folder))
        if not marker.owned:
            await self._own(spec.id)
            marker = msgspec.structs.replace(marker, owned=True)
            folder.mark(marker)
        if marker.role == "promoting":
            await (await self._first_connection(spec.id, payload.superuser_password)).close()
            await self.promote(spec.id, generation=payload.generation)

    async def before_stop(self, unit_id: str) -> None:
        # A start that copies or backs up ends with its helper.
        await self._preparation.interrupt(unit_id)

    async def end_gently(self, unit_id: str, grace_s: float) -> None:
        """A fast shutdown: sessions are ended, everything is written."""
        self._folder(unit_id).signal(signal.SIGINT)
        deadline = asyncio.get_running_loop().time() + grace_s
        while asyncio.get_running_loop().time() < deadline:
            await asyncio.sleep(POLL_S)
            if not self.is_running(unit_id):
                return

    async def after_thaw(self, unit_id: str) -> None:
        self._write_configuration(unit_id, reload=True)

    async def remove_data(self, unit_id: str) -> None:
        self._forget_session(unit_id)
        await asyncio.to_thread(self._folder(unit_id).remove)

    async def configure(self, unit_id: str, payload: dict[str, Any]) -> None:
        """Takes a new upstream, and what a promotion made true. `synchronous` counts at the first start only."""
        wanted, present = refusals.decode_payload(unit_id, payload), self._payload(unit_id)
        marker = self._marker(unit_id)
        fixed = ("port", "max_connections", "version", "instance_id", "superuser_password")
        changed = [name for name in fixed if getattr(wanted, name) != getattr(present, name)]
        if self.is_running(unit_id):
            if changed:
                raise EngineError(f"The node {unit_id} must be restarted for a new {' and '.join(changed)}.")
            if (marker.role, wanted.role, wanted.generation) == ("promoting", "primary", marker.generation):
                await self.promote(unit_id, generation=marker.generation)
                marker = self._marker(unit_id)
            role = "primary" if marker.role == "primary" else "standby"
            if (wanted.role, wanted.generation) != (role, marker.generation):
                raise refusals.needs_restart(unit_id, role, marker.generation, wanted)
        self.payload_changed(unit_id, payload)
        if self.is_running(unit_id):
            self._write_configuration(unit_id, reload=True)

    def capabilities(self) -> dict[str, bool | str]:
        return {"own_address": True, "engine": "PostgreSQL 18", "survives_control_plane": True, "durable_commits": True}

    def close(self) -> None:
        """Let go of the nodes; they run on for the next server to adopt."""
        for sessions in self._sessions.values():
            sessions.close()
        self._sessions.clear()

    # Replication

    async def status(self, unit_id: str, *, timeout_s: float = 0.5) -> NodeStatus:
        if not self.is_running(unit_id) or unit_id not in self.specs:
            return NodeStatus(reachable=False)
        try:
            row = await self._session(unit_id).probe(STATUS, timeout_s)
        except EngineError:
            return NodeStatus(reachable=False)
        return NodeStatus(reachable=True, **{**row, "wal_position": row["wal_position"] or 0})

    async def promote(self, unit_id: str, *, generation: int, timeout_s: float = 10.0) -> None:
        marker = self._marker(unit_id)
        if marker.role == "primary" and marker.generation == generation:
            return
        # Equal is allowed only to finish a promotion that was begun.
        if generation < marker.generation or (generation == marker.generation and marker.role != "promoting"):
            raise refusals.stale_promotion(unit_id, marker.role, marker.generation, generation)
        async with self._session(unit_id).session(timeout_s) as connection:
            # The fence is durable before the node can take a write.
            marker = msgspec.structs.replace(marker, generation=generation, role="promoting", synchronous="")
            self._folder(unit_id).mark(marker)
            if await connection.fetchval("SELECT pg_is_in_recovery()"):
                await connection.fetchval("SELECT pg_promote(true, $1)", max(int(timeout_s), 1))
            if await connection.fetchval("SELECT pg_is_in_recovery()"):
                raise EngineError(f"The node {unit_id} was not promoted within {timeout_s:g} s.")
        self._folder(unit_id).mark(msgspec.structs.replace(marker, role="primary"))
        self._write_configuration(unit_id, reload=True)

    async def set_synchronous(self, unit_id: str, standby_id: str | None, *, timeout_s: float = 5.0) -> None:
        marker = self._marker(unit_id)
        if marker.role != "primary":
            raise refusals.not_a_primary(unit_id)
        if not self.is_running(unit_id):
            raise EngineError(f"The node {unit_id} is not running.")
        wanted = standby_id or ""
        if '"' in wanted or "\n" in wanted:
            raise EngineError(f"{wanted!r} is no name of a standby.")
        self._folder(unit_id).mark(msgspec.structs.replace(marker, synchronous=wanted))
        self._write_configuration(unit_id, reload=True)
        expected = f'"{wanted}"' if wanted else ""
        async with self._session(unit_id).session(timeout_s) as connection:
            while True:
                if await connection.fetchval("SELECT current_setting('synchronous_standby_names')") == expected:
                    return
                await asyncio.sleep(POLL_S)

    # Accounts and databases

    async def put_account(self, unit_id: str, account: AccountSpec, *, timeout_s: float = 5.0) -> None:
        await accounts.put_account(self._session(unit_id), account, timeout_s)

    async def drop_account(self, unit_id: str, name: str, *, timeout_s: float = 5.0) -> None:
        await accounts.drop_account(self._session(unit_id), name, timeout_s)

    async def put_database(self, unit_id: str, name: str, character_set: str, *, timeout_s: float = 10.0) -> None:
        await accounts.put_database(self._session(unit_id), name, character_set, timeout_s)

    async def drop_database(self, unit_id: str, name: str, *, timeout_s: float = 10.0) -> None:
        await accounts.drop_database(self._session(unit_id), name, timeout_s)

    async def grant(
        self, unit_id: str, account: str, database: str, privilege: str | None, *, timeout_s: float = 5.0
    ) -> None:
        await accounts.grant(self._session(unit_id), account, database, privilege, timeout_s)

    # Configuration

    async def _own(self, unit_id: str) -> None:
        """Give a new node its own password, past the fabric; until then only the template's opens it."""
        try:
            connection = await self._first_connection(unit_id, self._template.password)
        except asyncpg.InvalidPasswordError:
            return  # Done by a start that was interrupted before it was written down.
        async with connection.transaction():
            for statement in sql.own_node(self._payload(unit_id).superuser_password):
                await connection.execute(statement)
        await connection.close()

    async def _first_connection(self, unit_id: str, password: str) -> Connection:
        """Once the server that was just started lets somebody in."""
        deadline = asyncio.get_running_loop().time() + FIRST_BOOT_S
        while True:
            try:
                return await self._session(unit_id).connect(password=password)
            except asyncpg.InvalidPasswordError:
                raise
            except (OSError, asyncpg.PostgresError) as error:
                if not self.is_running(unit_id) or asyncio.get_running_loop().time() > deadline:
                    log = self._folder(unit_id).log
                    raise EngineError(f"The node {unit_id} did not start ({error}): see {log}.") from error
            await asyncio.sleep(POLL_S)

    def _follow_fabric(self) -> None:
        for unit_id in self.specs:
            if self.is_running(unit_id) and self._payload(unit_id).role == "standby":
                self._write_configuration(unit_id, reload=True)

    def _write_configuration(self, unit_id: str, *, reload: bool) -> None:
        folder, payload, spec = self._folder(unit_id), self._payload(unit_id), self.spec(unit_id)
        marker = self._marker(unit_id)
        linked = not (self.fabric.is_cut(spec.address) or self.fabric.is_cut(payload.upstream))
        text = configuration(
            folder,
            address=spec.address,
            port=payload.port,
            max_connections=payload.max_connections,
            synchronous=marker.synchronous,
            upstream=payload.upstream if linked and marker.role == "standby" else "",
            standby_id=payload.standby_id,
        )
        if reload and folder.config.exists() and folder.config.read_text() == text:
            return
        folder.write_passfile(payload.superuser_password)
        folder.write(folder.hba, HBA)
        folder.write(folder.config, text)
        if reload:
            folder.signal(signal.SIGHUP)

    def _process_spec(self, spec: UnitSpec, folder: NodeFolder) -> ProcessSpec:
        return ProcessSpec(
            unit_id=spec.id,
            argv=(program("postgres"), "-D", str(folder.data), "-c", f"config_file={folder.config}"),
            environment=ENVIRONMENT,
            cwd=str(folder.path),
            log=str(folder.log),
        )

    def _payload(self, unit_id: str) -> DatabasePayload:
        return refusals.decode_payload(unit_id, self.spec(unit_id).payload)

    def _folder(self, unit_id: str) -> NodeFolder:
        return NodeFolder(self._data_dir / "nodes" / unit_id, self.host.uid, self.host.gid)

    def _marker(self, unit_id: str) -> Marker:
        marker = self._folder(unit_id).marker()
        if marker is None:
            raise refusals.no_data(unit_id)
        return marker

    def _session(self, unit_id: str) -> Sessions:
        if unit_id not in self._sessions:
            spec = self.spec(unit_id)
            self._sessions[unit_id] = Sessions(
                unit_id,
                self.fabric,
                spec.address,
                self._payload(unit_id).port,
                lambda: self._payload(unit_id).superuser_password,
            )
        return self._sessions[unit_id]

    def _forget_session(self, unit_id: str) -> None:
        sessions = self._sessions.pop(unit_id, None)
        if sessions is not None:
            sessions.close()
