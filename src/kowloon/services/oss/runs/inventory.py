"""Inventories of a bucket: which lists of its objects are wanted, how often and where (`inventory_run` makes them)."""

from __future__ import annotations

import re
from typing import Any, ClassVar, Final

import msgspec

from kowloon.services.oss import answers
from kowloon.services.oss.buckets.settings import bucket_as_it_is, new_setting, setting_of, truth
from kowloon.services.oss.call import Call
from kowloon.services.oss.errors import MALFORMED_XML, invalid
from kowloon.services.oss.objects.writing import STORAGE_CLASSES
from kowloon.services.oss.product import Body, oss
from kowloon.services.oss.resources import Bucket, BucketSetting, Meta
from kowloon.services.oss.runs.effect_errors import (
    INVALID_INVENTORY_TARGET,
    INVENTORY_EXISTS,
    NO_SUCH_INVENTORY,
    TOO_MANY_INVENTORIES,
)
from kowloon.services.oss.runs.lifecycle import midnight_before
from kowloon.store.store import Transaction
from kowloon.wire.http import HttpResponse
from kowloon.wire.oss.xml import Content, Node, document, elements

PERIOD_DAYS: Final = {"Daily": 1, "Weekly": 7}
FIELDS: Final = (
    "Size",
    "StorageClass",
    "LastModifiedDate",
    "ETag",
    "IsMultipartUploaded",
    "EncryptionStatus",
    "ObjectAcl",
    "TaggingCount",
    "ObjectType",
    "Crc64",
    "TransitionTime",
)
ALL_VERSIONS: Final = "All"
_CURRENT: Final = "Current"
_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", re.ASCII)
_MOST: Final = 1000
_PAGE: Final = 100
_BUCKET_PREFIX: Final = "acs:oss:::"
_NUMBERS: Final = {
    "LastModifyBeginTimeStamp": "modified_from",
    "LastModifyEndTimeStamp": "modified_to",
    "LowerSizeBound": "least_bytes",
    "UpperSizeBound": "most_bytes",
}


class Inventory(msgspec.Struct, frozen=True, kw_only=True):
    """`done`: the midnight of the last list, or of the day on which it was configured. `encryption`: as written."""

    id: str
    target: str
    account: str
    role: str
    target_prefix: str = ""
    encryption: str = ""
    key_id: str = ""
    enabled: bool = True
    period: str = "Daily"
    versions: str = _CURRENT
    fields: tuple[str, ...] = ()
    prefix: str = ""
    storage_classes: tuple[str, ...] = ()
    modified_from: int | None = None
    modified_to: int | None = None
    least_bytes: int | None = None
    most_bytes: int | None = None
    done: float = 0.0

    def wants(self, meta: Meta) -> bool:
        """Whether a version is to be listed; keys are matched before."""
        if self.storage_classes and meta.storage_class not in self.storage_classes:
            return False
        if self.least_bytes is not None and meta.size_bytes < self.least_bytes:
            return False
        if self.most_bytes is not None and meta.size_bytes > self.most_bytes:
            return False
        if self.modified_from is not None and meta.modified < self.modified_from:
            return False
        return self.modified_to is None or meta.modified <= self.modified_to


class Inventories(BucketSetting, frozen=True, kw_only=True):
    kind: ClassVar[str] = "oss-inventories"

    items: tuple[Inventory, ...]

    def item(self, inventory_id: str) -> Inventory | None:
        return next((each for each in self.items if each.id == inventory_id), None)


oss.setting(Inventories)


@oss.operation("PutBucketInventory", "bucket", "PUT", "inventory", body=Body.DOCUMENT, also=("inventoryId",))
async def put_bucket_inventory(call: Call) -> HttpResponse:
    """409 InventoryAlreadyExist for an id that is taken by another configuration."""
    inventory = _parsed(call, call.document("InventoryConfiguration"))

    def body(tx: Transaction) -> None:
        bucket, target = bucket_as_it_is(call, tx), tx.get(Bucket, inventory.target)
        if target is None or (target.account, target.region) != (bucket.account, bucket.region):
            raise INVALID_INVENTORY_TARGET.error(extra={"BucketName": inventory.target})
        setting = tx.get(Inventories, bucket.id) or new_setting(call, Inventories, items=())
        there = setting.item(inventory.id)
        if there is not None:
            if msgspec.structs.replace(there, done=inventory.done) != inventory:
                raise INVENTORY_EXISTS.error(extra={"InventoryId": inventory.id})
            return
        if len(setting.items) >= _MOST:
            raise TOO_MANY_INVENTORIES.error(most=_MOST)
        items = sorted((*setting.items, inventory), key=lambda each: each.id)
        tx.put(msgspec.structs.replace(setting, items=tuple(items)))

    await call.parts.store.run(body)
    return HttpResponse(200)


def _parsed(call: Call, node: Node) -> Inventory:
    inventory_id = node.text("Id").strip()
    if inventory_id != call.query.get("inventoryId", "") or _ID.fullmatch(inventory_id) is None:
        raise invalid("inventoryId", inventory_id)
    schedule, versions = node.child("Schedule"), node.text("IncludedObjectVersions").strip()
    period = schedule.text("Frequency").strip() if schedule is not None else ""
    if period not in PERIOD_DAYS or versions not in (ALL_VERSIONS, _CURRENT):
        raise MALFORMED_XML.error()
    wanted = node.child("OptionalFields")
    fields = [each.value.strip() for each in wanted.children("Field")] if wanted is not None else []
    if not set(fields) <= set(FIELDS):
        raise MALFORMED_XML.error()
    return Inventory(
        id=inventory_id,
        enabled=truth(node, "IsEnabled"),
        period=period,
        versions=versions,
        fields=tuple(name for name in FIELDS if name in fields),
        done=midnight_before(call.now),
        **_destination(call, node.child("Destination")),
        **_filter(node.child("Filter")),
    )


def _destination(call: Call, node: Node | None) -> dict[str, Any]:
    target = node.child("OSSBucketDestination") if node is not None else None
    if target is None or target.text("Format").strip() != "CSV" or not target.text("RoleArn").strip():
        raise MALFORMED_XML.error()
    name, account = target.text("Bucket").strip(), target.text("AccountId").strip()
    if not name.startswith(_BUCKET_PREFIX):
        raise MALFORMED_XML.error()
    if account != call.bucket.account:
        raise invalid("AccountId", account)
    encryption = target.child("Encryption")
    kms = encryption.child("SSE-KMS") if encryption is not None else None
    plain = encryption is not None and encryption.child("SSE-OSS") is not None
    return {
        "target": name.removeprefix(_BUCKET_PREFIX),
        "account": account,
        "role": target.text("RoleArn").strip(),
        "target_prefix": target.text("Prefix").strip("/"),
        "encryption": "KMS" if kms is not None else "AES256" if plain else "",
        "key_id": kms.text("KeyId").strip() if kms is not None else "",
    }


def _filter(node: Node | None) -> dict[str, Any]:
    if node is None:
        return {}
    found: dict[str, Any] = {"prefix": node.text("Prefix")}
    classes = tuple(filter(None, node.text("StorageClass").replace(" ", "").split(",")))
    if classes and classes != ("All",):
        if not set(classes) <= set(STORAGE_CLASSES):
            raise MALFORMED_XML.error()
        found["storage_classes"] = classes
    for name, field in _NUMBERS.items():
        text = node.text(name).strip()
        if text and not (text.isascii() and text.isdigit() and len(text) < 19):
            raise MALFORMED_XML.error()
        if text:
            found[field] = int(text)
    return found


# Looking and ending ---------------------------------------------------------------------------------------------------


@oss.operation("GetBucketInventory", "bucket", "GET", "inventory&inventoryId")
def get_bucket_inventory(call: Call) -> HttpResponse:
    setting = setting_of(call, Inventories, call.bucket)
    item = setting.item(call.query["inventoryId"]) if setting is not None else None
    if item is None:
        raise NO_SUCH_INVENTORY.error(extra={"InventoryId": call.query["inventoryId"]})
    return answers.document(document("InventoryConfiguration", elements(_rendered(item))))


@oss.operation("ListBucketInventory", "bucket", "GET", "inventory", also=("continuation-token",))
def list_bucket_inventory(call: Call) -> HttpResponse:
    """In order of their ids, a hundred at a time."""
    setting = setting_of(call, Inventories, call.bucket)
    if setting is None:
        raise NO_SUCH_INVENTORY.error(extra={"BucketName": call.bucket.id})
    token = call.query.get("continuation-token", "")
    left = [item for item in setting.items if item.id > token]
    page, truncated = left[:_PAGE], len(left) > _PAGE
    content: dict[str, Content] = {
        "InventoryConfiguration": [_rendered(item) for item in page],
        "IsTruncated": truncated,
        "NextContinuationToken": page[-1].id if truncated else None,
    }
    return answers.document(document("ListInventoryConfigurationsResult", elements(content)))


def _rendered(item: Inventory) -> dict[str, Content]:
    encryption: Content = None
    if item.encryption == "KMS":
        encryption = {"SSE-KMS": {"KeyId": item.key_id}}
    elif item.encryption:
        encryption = {"SSE-OSS": ""}
    numbers: dict[str, Content] = {name: getattr(item, field) for name, field in _NUMBERS.items()}
    target: dict[str, Content] = {
        "Format": "CSV",
        "AccountId": item.account,
        "RoleArn": item.role,
        "Bucket": f"{_BUCKET_PREFIX}{item.target}",
        "Prefix": item.target_prefix or None,
        "Encryption": encryption,
    }
    chosen: dict[str, Content] = {
        "Prefix": item.prefix or None,
        **numbers,
        "StorageClass": ",".join(item.storage_classes) or None,
    }
    return {
        "Id": item.id,
        "IsEnabled": item.enabled,
        "Filter": chosen if any(value is not None for value in chosen.values()) else None,
        "Destination": {"OSSBucketDestination": target},
        "Schedule": {"Frequency": item.period},
        "IncludedObjectVersions": item.versions,
        "OptionalFields": {"Field": item.fields} if item.fields else None,
    }


@oss.operation("DeleteBucketInventory", "bucket", "DELETE", "inventory&inventoryId")
async def delete_bucket_inventory(call: Call) -> HttpResponse:
    """204 for one that is not there, too."""

    def body(tx: Transaction) -> None:
        setting = tx.get(Inventories, call.bucket.id)
        if setting is None:
            return
        items = tuple(item for item in setting.items if item.id != call.query["inventoryId"])
        if items:
            tx.put(msgspec.structs.replace(setting, items=items))
        else:
            tx.delete(setting)

    await call.parts.store.run(body)
    return HttpResponse(204)
