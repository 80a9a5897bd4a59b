"""What RDS stores."""

from __future__ import annotations

from typing import ClassVar, Literal

import msgspec

from kowloon.store.resources import Resource

Status = Literal["Creating", "Running", "Restarting", "TRANSING", "Deleting"]


class Node(msgspec.Struct, frozen=True, kw_only=True):
    """One server of an instance; `id` is also its unit's id."""

    id: str
    zone: str
    address: str


class DBInstance(Resource, frozen=True, kw_only=True):
    """`primary` is the node that may take writes; its `generation` fences every earlier one.

    `synced`: the standby held every acknowledged write when last known. It is cleared *before* the primary is allowed
    to go on alone, so a standby that may lack writes is never promoted by itself. `moving_to`: a switch under way.
    """

    kind: ClassVar[str] = "db-instance"
    description: str = ""
    status: Status = "Creating"
    engine: str = "PostgreSQL"
    engine_version: str
    category: Literal["Basic", "HighAvailability"]
    db_class: str
    storage_gib: int
    storage_type: str
    vpc_id: str
    vswitch_id: str
    address: str
    port: int
    security_ips: str
    superuser_password: str
    nodes: tuple[Node, ...]
    primary: str
    generation: int = 1
    synced: bool = False
    moving_to: str = ""
    graceful_move: bool = False
    primary_missing_since: float | None = None
    standby_missing_since: float | None = None
    refusal_told: bool = False
    failovers: int = 0
    restart_generation: int = 0
    deletion_protection: bool = False
    pay_type: str = "Postpaid"

    @property
    def is_ha(self) -> bool:
        return len(self.nodes) > 1

    def node(self, id: str) -> Node:
        return next(node for node in self.nodes if node.id == id)

    @property
    def standby(self) -> Node | None:
        return next((node for node in self.nodes if node.id != self.primary), None)

    @property
    def endpoint_id(self) -> str:
        return f"{self.id}-endpoint"


class Account(Resource, frozen=True, kw_only=True):
    """id is `<instance>/<name>`; the password is kept only until the database has it."""

    kind: ClassVar[str] = "db-account"
    instance_id: str
    name: str
    account_type: Literal["Normal", "Super"]
    description: str = ""
    password: str = ""
    status: Literal["Creating", "Available", "Deleting"] = "Creating"


class Database(Resource, frozen=True, kw_only=True):
    """id is `<instance>/<name>`. `privileges`: account -> privilege as asked for; `applied`: as the database has it."""

    kind: ClassVar[str] = "db-database"
    instance_id: str
    name: str
    character_set: str
    description: str = ""
    status: Literal["Creating", "Running", "Deleting"] = "Creating"
    privileges: dict[str, str] = msgspec.field(default_factory=dict)
    applied: dict[str, str] = msgspec.field(default_factory=dict)
