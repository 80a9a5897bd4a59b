"""Pure rules: classes, names, passwords, and the units that an instance is made of."""

from __future__ import annotations

import ipaddress
import re

import msgspec

from kowloon.engines.balancer.base import Backend, BalancerPayload, Listener
from kowloon.engines.database.base import DatabasePayload
from kowloon.services.rds.errors import (
    ACCOUNT_NAME,
    ACCOUNT_PASSWORD,
    ACCOUNT_RESERVED,
    CLASS,
    DATABASE_NAME,
    SECURITY_IPS,
)
from kowloon.services.rds.resources import DBInstance, Node
from kowloon.store.resources import Place, Reference
from kowloon.store.units import Unit

# Vendor class suffixes: `.1`/`.1c` is the one-node edition, `.2`/`.2c` the edition with a standby.
_CLASS = re.compile(r"pg\.[a-z0-9]+\.(?:[a-z0-9]+)\.([12])[a-z]?|pg\.[a-z0-9]+\.[a-z0-9]+\.[a-z0-9]+")
_NAME = re.compile(r"[a-z][a-z0-9_]{0,61}[a-z0-9]")
_RESERVED = frozenset({"postgres", "replicator", "aurora", "admin", "root", "public", "rds_superuser", "pg_monitor"})
_KINDS = (re.compile("[A-Z]"), re.compile("[a-z]"), re.compile("[0-9]"), re.compile(r"[!@#$%^&*()_+\-=]"))
# The vendor offers 10 to 17; what runs behind all of them is the engine's own release (told by CurrentKernelVersion).
VERSIONS = ("10.0", "11.0", "12.0", "13.0", "14.0", "15.0", "16.0", "17.0", "18.0")
PRIVILEGES = ("ReadOnly", "ReadWrite", "DDLOnly", "DMLOnly", "DBOwner")
CHARACTER_SETS = ("UTF8", "SQL_ASCII", "LATIN1", "EUC_CN", "KOI8U", "WIN1252")


def category_of(db_class: str) -> str:
    """What a class alone says of its edition; 'InvalidDBInstanceClass.NotFound' for what is no PostgreSQL class."""
    found = _CLASS.fullmatch(db_class)
    if found is None:
        raise CLASS.error()
    return "Basic" if found.group(1) == "1" else "HighAvailability"


def check_account_name(name: str) -> str:
    if name.lower() in _RESERVED or name.startswith(("pg_", "kowloon")):
        raise ACCOUNT_RESERVED.error()
    if not _NAME.fullmatch(name):
        raise ACCOUNT_NAME.error()
    return name


def check_password(password: str) -> str:
    kinds = sum(1 for kind in _KINDS if kind.search(password))
    if not 8 <= len(password) <= 32 or kinds < 3 or not password.isprintable():
        raise ACCOUNT_PASSWORD.error()
    return password


def check_database_name(name: str) -> str:
    if not re.fullmatch(r"[a-z](?:[a-z0-9_-]{0,61}[a-z0-9])?", name) or name in ("postgres", "template0", "template1"):
        raise DATABASE_NAME.error()
    return name


def check_security_ips(text: str) -> str:
    """A comma separated whitelist of addresses and CIDR blocks. Kept and shown; under engines that cannot see a
    caller's own address it is not enforced (capability `enforced_security_groups`)."""
    entries = [entry.strip() for entry in text.split(",") if entry.strip()]
    for entry in entries:
        try:
            ipaddress.ip_network(entry, strict=False)
        except ValueError:
            raise SECURITY_IPS.error() from None
    if not entries or len(entries) > 1000:
        raise SECURITY_IPS.error()
    return ",".join(dict.fromkeys(entries))


def node_payload(instance: DBInstance, node: Node) -> dict[str, object]:
    """What the node's engine is told: its role follows from who is primary now."""
    primary = instance.node(instance.primary)
    is_primary = node.id == primary.id
    standby = instance.standby
    payload = DatabasePayload(
        instance_id=instance.id,
        version=instance.engine_version,
        port=instance.port,
        role="primary" if is_primary else "standby",
        upstream="" if is_primary else primary.address,
        standby_id=standby.id if standby is not None else "",
        synchronous=False,
        generation=instance.generation,
        superuser_password=instance.superuser_password,
    )
    plain: dict[str, object] = msgspec.to_builtins(payload)
    return plain


def endpoint_payload(instance: DBInstance) -> dict[str, object]:
    """The stable address: one TCP listener to the primary; connections to a former primary are cut."""
    primary = instance.node(instance.primary)
    listener = Listener(
        protocol="tcp",
        port=instance.port,
        backends=(Backend(id=primary.id, address=primary.address, port=instance.port),),
        idle_timeout_s=8 * 3600.0,
    )
    plain: dict[str, object] = msgspec.to_builtins(BalancerPayload(listeners=(listener,), drop_on_change=True))
    return plain


def node_unit(instance: DBInstance, node: Node, host: str, address: Reference) -> Unit:
    return Unit(
        id=node.id,
        account=instance.account,
        region=instance.region,
        created_at=instance.created_at,
        references=(address,),
        place=Place(node.zone, host),
        owner_kind=DBInstance.kind,
        owner_id=instance.id,
        engine="database",
        address=node.address,
        # A standby copies its primary, so it is started once that one answers (failover.py).
        desired="running" if node.id == instance.primary else "stopped",
        payload=node_payload(instance, node),
        stop_grace_s=5.0,
    )


def endpoint_unit(instance: DBInstance, place: Place, address: Reference) -> Unit:
    return Unit(
        id=instance.endpoint_id,
        account=instance.account,
        region=instance.region,
        created_at=instance.created_at,
        references=(address,),
        place=place,
        owner_kind=DBInstance.kind,
        owner_id=instance.id,
        engine="balancer",
        address=instance.address,
        payload=endpoint_payload(instance),
    )
