"""Resources by their names in the whole cloud: `acs:ecs:cn-hongkong:1234:instance/i-1`; Tag writes `arn:` before it."""

from __future__ import annotations

from typing import NamedTuple

from kowloon.actions.declare import Registry, ResourceType
from kowloon.store.resources import Key, Resource
from kowloon.store.store import Store, Transaction


class Arn(NamedTuple):
    """`service` is a product's ram_code. Without a type all is `id`, as for buckets in RAM."""

    service: str
    region: str
    account: str
    type: str
    id: str


class Found(NamedTuple):
    type: ResourceType
    item: Resource


def parse(text: str) -> Arn | None:
    """None for what is none."""
    parts = text.removeprefix("arn:").split(":", 4)
    if len(parts) != 5 or parts[0] != "acs":
        return None
    _, service, region, account, rest = parts
    type, separator, id = rest.partition("/")
    return Arn(service, region, account, type, id) if separator else Arn(service, region, account, "", rest)


def find(registry: Registry, reader: Store | Transaction, arn: Arn) -> Found | None:
    """What the name's account keeps by it."""
    if not arn.type:
        return None
    for _, type in registry.types_of(arn.service, arn.type):
        item = reader.get(type.kind, type.stored_id(arn.account, arn.region, arn.id))
        if item is not None and item.account == arn.account:
            return Found(type, item)
    return None


def group_of(reader: Store | Transaction, found: Found) -> str:
    """The resource group that it is in; empty for what is in none."""
    type, item = found
    if type.follows:
        leader = reader.find(Key(type.follows, item.refers_to(type.follows)))
        return leader.resource_group if leader is not None else ""
    return item.resource_group if type.grouped else ""
