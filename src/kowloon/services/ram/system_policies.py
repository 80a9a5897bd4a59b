"""The vendor's system policies for the products that are built: data, the same in every account."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from datetime import datetime
from importlib import resources
from types import MappingProxyType

import msgspec


class SystemPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """`document` is JSON text; times are seconds since 1970; `version` is its only version here, the vendor's latest
    that is known (`v3`)."""

    name: str
    description: str
    document: str
    created_at: float
    updated_at: float
    version: str


class _Row(msgspec.Struct, kw_only=True):
    name: str
    description: str
    created_at: datetime
    updated_at: datetime
    version: str
    document: msgspec.Raw


@functools.cache
def system_policies() -> Mapping[str, SystemPolicy]:
    """By name, in the order of the data."""
    raw = resources.files("kowloon.data").joinpath("system_policies.json").read_bytes()
    return MappingProxyType({row.name: _policy(row) for row in msgspec.json.decode(raw, type=list[_Row])})


def _policy(row: _Row) -> SystemPolicy:
    return SystemPolicy(
        name=row.name,
        description=row.description,
        document=msgspec.json.format(bytes(row.document), indent=2).decode(),
        created_at=row.created_at.timestamp(),
        updated_at=row.updated_at.timestamp(),
        version=row.version,
    )
