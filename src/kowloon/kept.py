"""What a cloud keeps besides objects and the data of real parts: its resources, the audit, how far its clock is."""

from __future__ import annotations

from kowloon.actions.declare import Registry
from kowloon.actions.idempotency import ClientTokenRecord
from kowloon.core.clock import Clock
from kowloon.core.config import HomeFiles
from kowloon.dingtalk.open_platform import RESOURCES as DINGTALK
from kowloon.drill.resources import Drill
from kowloon.engines.audit.index import AuditIndex
from kowloon.engines.audit.journal import Journal
from kowloon.engines.messages.log import MessageLog
from kowloon.faults.resources import Fault
from kowloon.services.actiontrail.audit import AuditTrail
from kowloon.store.backend import MemoryBackend, SqliteBackend
from kowloon.store.codec import Codec
from kowloon.store.resources import Counter, Resource
from kowloon.store.store import Store
from kowloon.store.units import AddressSpaceRecord, Unit

_OFFSET = "clock-offset"
# What is no product's.
_TYPES: tuple[type[Resource], ...] = (
    Unit,
    AddressSpaceRecord,
    ClientTokenRecord,
    Counter,
    Fault,
    Drill,
    *DINGTALK,
)


def open_store(files: HomeFiles | None, registry: Registry) -> tuple[Store, Codec]:
    backend = SqliteBackend(files.state) if files is not None else MemoryBackend()
    codec = Codec([*registry.resource_types(), *_TYPES])
    return Store(backend, codec), codec


def open_audit(files: HomeFiles | None, clock: Clock) -> AuditTrail:
    folder = files.audit if files is not None else None
    return AuditTrail(Journal(folder), AuditIndex(folder / "index.db" if folder is not None else None), clock)


def open_messages(files: HomeFiles | None) -> MessageLog:
    return MessageLog(files.messages if files is not None else None)


def restored(clock: Clock, store: Store) -> Clock:
    """Cloud time goes on where it was, also after a restart."""
    saved = store.get(Counter, _OFFSET)
    if saved is not None and saved.value > clock.offset_s:
        clock = Clock(clock.wall, saved.value)
    clock.on_skip(lambda offset_s: save_offset(store, offset_s))
    return clock


def save_offset(store: Store, offset_s: float) -> None:
    transaction = store.begin()
    transaction.put(Counter(id=_OFFSET, value=offset_s))
    store.commit_now(transaction)
