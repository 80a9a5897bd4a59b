"""Inventories at work: at midnight UTC on the cloud's clock, for each that is due, a list of the bucket as it is then.

Lists are CSV, packed by gzip, one file each, with a manifest beside them as the vendor's. Where days were missed the
last one is made up for: what the bucket was like on the others nobody knows any more. The role that a configuration
names is not assumed.
"""

from __future__ import annotations

import asyncio
import csv
import gzip
import hashlib
import io
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import islice
from typing import Final
from urllib.parse import quote

import msgspec

from kowloon.core.waits import RealSeconds
from kowloon.engines.blob.base import Entry, ZoneUnavailable
from kowloon.services.oss import keys
from kowloon.services.oss.parts import Parts
from kowloon.services.oss.resources import DEFAULT_ACL, NULL_VERSION, Bucket, Meta
from kowloon.services.oss.runs.delivery import deliver
from kowloon.services.oss.runs.inventory import ALL_VERSIONS, PERIOD_DAYS, Inventories, Inventory
from kowloon.services.oss.runs.lifecycle import midnight_before
from kowloon.services.oss.runs.lifecycle_rules import DAY_S
from kowloon.services.oss.space import Space, read_meta
from kowloon.store.resources import Key, Resource
from kowloon.store.store import Transaction

_SLICE: Final = 500
_VERSION: Final = "2019-09-01"
_ALWAYS: Final = ("Bucket", "Key")
_OF_VERSIONS: Final = ("VersionId", "IsLatest", "IsDeleteMarker")


class InventoryRuns:
    """One loop per bucket with inventories, in the zones of its region."""

    name = "bucket inventory"
    workers = 1

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def keys(self, key: Key, item: Resource | None) -> Iterable[str]:
        return (item.id,) if isinstance(item, Inventories) else ()

    def all_keys(self) -> Iterable[str]:
        return [setting.id for setting in self._parts.store.list(Inventories)]

    def zones(self, key: str) -> tuple[str, ...]:
        setting = self._parts.store.get(Inventories, key)
        return self._parts.board.topology.zone_ids(setting.region) if setting is not None else ()

    async def reconcile(self, key: str) -> float | None:
        store, now = self._parts.store, self._parts.clock.now()
        setting, bucket = store.get(Inventories, key), store.get(Bucket, key)
        if setting is None or bucket is None:
            return None
        midnight = midnight_before(now)
        try:
            for item in setting.items:
                if item.enabled and _due(item) <= midnight:
                    await self._make(bucket, item, midnight)
        except ZoneUnavailable:
            return RealSeconds(1.0)
        return midnight + DAY_S - now

    async def _make(self, bucket: Bucket, item: Inventory, midnight: float) -> None:
        body = await self._listed(bucket, item)
        folder = "/".join(filter(None, (item.target_prefix, bucket.id, item.id)))
        name = f"{folder}/data/{self._parts.ids.hex(32).lower()}.csv.gz"
        manifest = msgspec.json.encode(
            {
                "creationTimestamp": str(int(midnight)),
                "destinationBucket": item.target,
                "fileFormat": "CSV",
                "fileSchema": ", ".join(_schema(item)),
                "files": [{"MD5checksum": _md5(body), "key": name, "size": len(body)}],
                "sourceBucket": bucket.id,
                "version": _VERSION,
            }
        )
        day = f"{folder}/{datetime.fromtimestamp(midnight, UTC):%Y-%m-%dT%H-%MZ}"
        # The manifest last: who finds it finds all.
        for key, content, kind in (
            (name, body, "application/gzip"),
            (f"{day}/manifest.checksum", _md5(manifest).encode(), "text/plain"),
            (f"{day}/manifest.json", manifest, "application/json"),
        ):
            await deliver(self._parts, item.target, key, content, kind, item.encryption, item.key_id)
        await self._parts.store.run(lambda tx: _mark(tx, bucket.id, item, midnight))

    async def _listed(self, bucket: Bucket, item: Inventory) -> bytes:
        """The list in one file, packed in a thread."""
        table = io.StringIO()
        writer = csv.writer(table, quoting=csv.QUOTE_ALL, lineterminator="\n")
        space = self._parts.spaces.of(bucket)
        start, end = keys.span(keys.current(item.prefix))
        while True:
            entries = list(islice(space.volume.scan(start, end), _SLICE))
            for entry in entries:
                writer.writerows(_rows(space, item, entry))
            if len(entries) < _SLICE:
                break
            start = entries[-1].key + b"\x00"
            await asyncio.sleep(0)
        text = table.getvalue().encode()
        return await asyncio.get_running_loop().run_in_executor(None, lambda: gzip.compress(text, mtime=0))


def _due(item: Inventory) -> float:
    return item.done + PERIOD_DAYS[item.period] * DAY_S


def _mark(tx: Transaction, bucket_id: str, item: Inventory, midnight: float) -> None:
    setting = tx.get(Inventories, bucket_id)
    if setting is not None and setting.item(item.id) == item:
        done = msgspec.structs.replace(item, done=midnight)
        items = tuple(done if each.id == item.id else each for each in setting.items)
        tx.put(msgspec.structs.replace(setting, items=items))


def _md5(body: bytes) -> str:
    return hashlib.md5(body, usedforsecurity=False).hexdigest().upper()


def _schema(item: Inventory) -> tuple[str, ...]:
    return (*_ALWAYS, *(_OF_VERSIONS if item.versions == ALL_VERSIONS else ()), *item.fields)


def _rows(space: Space, item: Inventory, entry: Entry) -> Iterator[list[str]]:
    """Of one key: its current version, or all of them."""
    key, newest = keys.key_of_current(entry.key), read_meta(entry.value)
    if item.versions == ALL_VERSIONS:
        metas = [newest, *(stored.meta for stored in space.older(key))]
    else:
        metas = [] if newest.marker else [newest]
    for meta in metas:
        if not item.wants(meta):
            continue
        row = [space.bucket.id, quote(key, safe="")]
        if item.versions == ALL_VERSIONS:
            row += [meta.version_id or NULL_VERSION, _truth(meta is newest), _truth(meta.marker)]
        yield row + [_field(name, meta) for name in item.fields]


def _truth(value: bool) -> str:
    return "true" if value else "false"


def _field(name: str, meta: Meta) -> str:
    if meta.marker and name != "LastModifiedDate":
        return ""
    match name:
        case "Size":
            return str(meta.size_bytes)
        case "StorageClass":
            return meta.storage_class
        case "LastModifiedDate":
            return _moment(meta.modified)
        case "ETag":
            return meta.etag
        case "IsMultipartUploaded":
            return _truth(meta.type == "Multipart")
        case "EncryptionStatus":
            return _truth(bool(meta.encryption))
        case "ObjectAcl":
            return meta.acl or DEFAULT_ACL
        case "TaggingCount":
            return str(len(meta.tags))
        case "ObjectType":
            return meta.type
        case "Crc64":
            return str(meta.crc64) if meta.crc64 is not None else ""
        case _:
            return _moment(meta.transitioned) if meta.transitioned else ""


def _moment(moment: float) -> str:
    return f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%dT%H-%M-%SZ}"
