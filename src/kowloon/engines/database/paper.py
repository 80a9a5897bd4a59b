"""Databases on paper: roles, generations and accounts as the real ones have them, no SQL.

The same orders are refused for the same reasons: a stale generation, a promotion without one, names that are reserved.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from kowloon.engines.base import EngineError, Fabric, UnitSpec, UnitState
from kowloon.engines.database import refusals, sql
from kowloon.engines.database.base import AccountSpec, DatabasePayload, NodeStatus
from kowloon.engines.paper import PaperUnits


class _Node(msgspec.Struct, kw_only=True):
    """What a node's folder would hold."""

    generation: int
    role: Literal["primary", "standby"]
    upstream: str = ""
    synchronous: str = ""
    writes: int = 0
    accounts: set[str] = msgspec.field(default_factory=set)
    databases: set[str] = msgspec.field(default_factory=set)
    grants: dict[tuple[str, str], str] = msgspec.field(default_factory=dict)


class PaperDatabase(PaperUnits):
    """A standby streams at once when it and its primary run and neither is cut off. `wal_position` counts changes."""

    def __init__(self, fabric: Fabric) -> None:
        super().__init__("database", fabric)
        self._nodes: dict[str, _Node] = {}

    async def start(self, spec: UnitSpec) -> None:
        if self.state(spec.id) not in (UnitState.RUNNING, UnitState.FROZEN):
            self._prepare(spec)
        await super().start(spec)

    async def delete(self, unit_id: str) -> None:
        await super().delete(unit_id)
        self._nodes.pop(unit_id, None)

    async def configure(self, unit_id: str, payload: dict[str, Any]) -> None:
        wanted, node = refusals.decode_payload(unit_id, payload), self._node(unit_id)
        if self.state(unit_id) in (UnitState.RUNNING, UnitState.FROZEN):
            if (wanted.role, wanted.generation) != (node.role, node.generation):
                raise refusals.needs_restart(unit_id, node.role, node.generation, wanted)
            node.upstream = wanted.upstream
        await super().configure(unit_id, payload)

    async def status(self, unit_id: str, *, timeout_s: float = 0.5) -> NodeStatus:
        if not self._answers(unit_id):
            return NodeStatus(reachable=False)
        node = self._nodes[unit_id]
        source = self._primary_of(unit_id) if node.role == "standby" else None
        if source is not None:
            node.writes = max(node.writes, self._nodes[source].writes)
        return NodeStatus(
            reachable=True,
            in_recovery=node.role == "standby",
            streaming=source is not None if node.role == "standby" else bool(self._standbys_of(unit_id)),
            synchronous=bool(node.synchronous),
            wal_position=node.writes,
        )

    async def promote(self, unit_id: str, *, generation: int, timeout_s: float = 10.0) -> None:
        node = self._node(unit_id)
        if node.role == "primary" and node.generation == generation:
            return
        if generation <= node.generation:
            raise refusals.stale_promotion(unit_id, node.role, node.generation, generation)
        self._require_answer(unit_id)
        node.role, node.generation, node.synchronous, node.upstream = "primary", generation, "", ""

    async def set_synchronous(self, unit_id: str, standby_id: str | None, *, timeout_s: float = 5.0) -> None:
        node = self._node(unit_id)
        if node.role != "primary":
            raise refusals.not_a_primary(unit_id)
        self._require_answer(unit_id)
        node.synchronous = standby_id or ""

    async def put_account(self, unit_id: str, account: AccountSpec, *, timeout_s: float = 5.0) -> None:
        self._write(unit_id, timeout_s).accounts.add(sql.check_account(account.name))

    async def drop_account(self, unit_id: str, name: str, *, timeout_s: float = 5.0) -> None:
        node = self._write(unit_id, timeout_s)
        node.accounts.discard(sql.check_account(name))
        node.grants = {key: right for key, right in node.grants.items() if key[0] != name}

    async def put_database(self, unit_id: str, name: str, character_set: str, *, timeout_s: float = 10.0) -> None:
        sql.create_database(name, character_set)
        self._write(unit_id, timeout_s).databases.add(name)

    async def drop_database(self, unit_id: str, name: str, *, timeout_s: float = 10.0) -> None:
        node = self._write(unit_id, timeout_s)
        node.databases.discard(sql.check_database(name))
        node.grants = {key: right for key, right in node.grants.items() if key[1] != name}

    async def grant(
        self, unit_id: str, account: str, database: str, privilege: str | None, *, timeout_s: float = 5.0
    ) -> None:
        node = self._write(unit_id, timeout_s)
        if database not in node.databases:
            raise EngineError(f'The node {unit_id} refused: database "{database}" does not exist.')
        if account not in node.accounts:
            raise EngineError(f'The node {unit_id} refused: role "{account}" does not exist.')
        node.grants.pop((account, database), None)
        if privilege is not None:
            sql.grant(account, database, privilege, (), ())
            node.grants[account, database] = privilege

    def _prepare(self, spec: UnitSpec) -> None:
        payload = refusals.decode_payload(spec.id, spec.payload)
        node = self._nodes.get(spec.id)
        if node is not None and payload.generation < node.generation:
            raise refusals.stale_order(spec.id, node.generation, payload)
        if payload.role == "standby":
            self._nodes[spec.id] = self._copy_of_primary(spec.id, payload)
            return
        if node is None:
            synchronous = payload.standby_id if payload.synchronous else ""
            node = _Node(generation=payload.generation, role="primary", synchronous=synchronous)
        elif node.role == "standby":
            if payload.generation == node.generation:
                raise refusals.not_promoted(spec.id, node.generation)
            node.role, node.synchronous, node.upstream = "primary", "", ""
        node.generation = payload.generation
        self._nodes[spec.id] = node

    def _copy_of_primary(self, unit_id: str, payload: DatabasePayload) -> _Node:
        present = self._nodes.get(unit_id)
        if present is not None and (present.role, present.generation) == ("standby", payload.generation):
            present.upstream = payload.upstream
            return present
        source = self._at(payload.upstream)
        if source is None or not self._answers(source):
            raise refusals.no_primary_in_reach(unit_id, payload.upstream)
        original = self._nodes[source]
        return _Node(
            generation=payload.generation,
            role="standby",
            upstream=payload.upstream,
            writes=original.writes,
            # Shared on purpose: what the primary's users see, its standby's users see.
            accounts=original.accounts,
            databases=original.databases,
            grants=original.grants,
        )

    def _node(self, unit_id: str) -> _Node:
        node = self._nodes.get(unit_id)
        if node is None:
            raise refusals.no_data(unit_id)
        return node

    def _answers(self, unit_id: str) -> bool:
        return self.state(unit_id) is UnitState.RUNNING and not self._fabric.is_cut(self._spec(unit_id).address)

    def _require_answer(self, unit_id: str) -> None:
        if not self._answers(unit_id):
            raise EngineError(f"The node {unit_id} cannot be reached.")

    def _write(self, unit_id: str, timeout_s: float) -> _Node:
        node = self._node(unit_id)
        self._require_answer(unit_id)
        if node.role == "standby":
            raise EngineError(f"The node {unit_id} refused: it is a standby and takes no writes.")
        if node.synchronous and node.synchronous not in self._standbys_of(unit_id):
            raise EngineError(f"The node {unit_id} did not answer within {timeout_s:g} s.")
        node.writes += 1
        return node

    def _at(self, address: str) -> str | None:
        return next((unit_id for unit_id, spec in self._specs.items() if spec.address == address), None)

    def _primary_of(self, unit_id: str) -> str | None:
        source = self._at(self._nodes[unit_id].upstream)
        if source is None or source not in self._nodes or self._nodes[source].role != "primary":
            return None
        return source if self._answers(source) else None

    def _standbys_of(self, unit_id: str) -> list[str]:
        return [
            other
            for other, node in self._nodes.items()
            if node.role == "standby" and self._answers(other) and self._primary_of(other) == unit_id
        ]
