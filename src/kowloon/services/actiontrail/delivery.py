"""Events on their way to a trail's bucket: a compressed JSON list per region, written as the trail's role.

An object's name follows from where its events begin, so a delivery that is repeated, by then with more events, replaces
itself.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import msgspec

from kowloon.actions.ports import InternalClient, RoleRefused
from kowloon.core.clock import Clock
from kowloon.core.errors import ApiError
from kowloon.engines.audit.index import Found
from kowloon.services.actiontrail.audit import AuditTrail
from kowloon.services.actiontrail.resources import ALL_REGIONS, ENABLED, Trail
from kowloon.services.actiontrail.trails import SERVICE
from kowloon.store.resources import Key, Resource
from kowloon.store.store import Store, Transaction
from kowloon.topology.map import Topology
from kowloon.wire.http import HttpResponse
from kowloon.wire.oss.xml import parse

# Of cloud time; the vendor says about ten minutes.
INTERVAL_S = 60.0
# Compressed on the loop: a few milliseconds.
_AT_ONCE = 500


class TrailDelivery:
    """A Reconciler over trails that are logging, hosted in their home region."""

    name = "trails"
    workers = 2

    def __init__(
        self, store: Store, topology: Topology, clock: Clock, audit: AuditTrail, client: InternalClient
    ) -> None:
        self._store = store
        self._topology = topology
        self._clock = clock
        self._audit = audit
        self._client = client

    def keys(self, key: Key, item: Resource | None) -> Iterable[str]:
        return (item.id,) if isinstance(item, Trail) and item.status == ENABLED else ()

    def all_keys(self) -> Iterable[str]:
        return [trail.id for trail in self._store.list(Trail) if trail.status == ENABLED]

    def zones(self, key: str) -> tuple[str, ...]:
        trail = self._store.get(Trail, key)
        return self._topology.zone_ids(trail.region) if trail is not None else ()

    async def reconcile(self, key: str) -> float | None:
        trail = self._store.get(Trail, key)
        if trail is None or trail.status != ENABLED:
            return None
        due = max(trail.started_at, trail.delivered_at) + INTERVAL_S
        if self._clock.now() < due:
            return due - self._clock.now()
        await self._audit.catch_up()
        while trail is not None and trail.status == ENABLED:
            if not await self._deliver_some(trail):
                return INTERVAL_S
            trail = self._store.get(Trail, key)
        return None

    async def _deliver_some(self, trail: Trail) -> bool:
        """Whether it went well and there may be more."""
        found = self._audit.index.read_from(trail.account, trail.position, _AT_ONCE)
        if not found:
            return False
        problem = await self._deliver(trail, found)
        await self._store.run(lambda tx: self._note(tx, trail, found, problem))
        return not problem and len(found) == _AT_ONCE

    async def _deliver(self, trail: Trail, found: list[Found]) -> str:
        """What kept it from being delivered; empty when it was."""
        for region, events in _by_region(trail, found).items():
            key = _object_key(trail, region, found[0].at)
            body = gzip.compress(msgspec.json.encode(events), compresslevel=3, mtime=0)
            try:
                answer = await self._client.object_call(SERVICE, trail.role, "PUT", trail.bucket, key, body=body)
            except RoleRefused as refused:
                return f"the role {refused} cannot be assumed"
            except ApiError as refused:
                return f"{refused.code}: {refused.message}"
            if answer.status != 200:
                return _problem(answer)
        return ""

    def _note(self, tx: Transaction, delivered: Trail, found: list[Found], problem: str) -> None:
        trail = tx.get(Trail, delivered.id)
        if trail is None or trail.started_at != delivered.started_at:
            return
        position = found[-1].position if found and not problem else trail.position
        tx.put(
            msgspec.structs.replace(
                trail, delivered_at=self._clock.now(), delivery_error=problem, position=max(position, trail.position)
            )
        )


def _by_region(trail: Trail, found: list[Found]) -> dict[str, list[dict[str, Any]]]:
    """Events that the trail wants."""
    wanted: dict[str, list[dict[str, Any]]] = {}
    for each in found:
        event: dict[str, Any] = msgspec.json.decode(each.body)
        if trail.event_rw not in ("All", event["eventRW"]):
            continue
        if trail.trail_region not in (ALL_REGIONS, event["acsRegion"]) and not event["isGlobal"]:
            continue
        wanted.setdefault(event["acsRegion"], []).append(event)
    return wanted


def _object_key(trail: Trail, region: str, first_at: float) -> str:
    moment = datetime.fromtimestamp(first_at, UTC)
    folder = f"AliyunLogs/Actiontrail/{region}/{moment:%Y/%m/%d}"
    name = f"Actiontrail_{region}_{moment:%Y%m%d%H%M%S}_{trail.position:x}.gz"
    prefix = f"{trail.prefix.rstrip('/')}/" if trail.prefix else ""
    return f"{prefix}{folder}/{name}"


def _problem(answer: HttpResponse) -> str:
    node = parse(answer.body) if answer.body else None
    if node is None:
        return f"OSS answers {answer.status}"
    return f"{node.text('Code')}: {node.text('Message')}"
