"""Inventories: configured, listed, and made at midnight on the cloud's clock."""

from __future__ import annotations

import csv
import gzip
import hashlib
import json
from typing import Any

import alibabacloud_oss_v2 as oss_v2
import oss2
from oss2.models import (
    BucketVersioningConfig,
    InventoryBucketDestination,
    InventoryConfiguration,
    InventoryDestination,
    InventoryFilter,
    InventorySchedule,
    InventoryServerSideEncryptionKMS,
)

from tests.helpers import eventually
from tests.services.oss.parts import Owner, refused, refused_v2
from tests.services.parts import other_account

_DAY_S = 86400.0
_FIELDS = ["Size", "LastModifiedDate", "ETag", "StorageClass", "IsMultipartUploaded", "EncryptionStatus"]


def _skip(owner: Owner, days: float) -> None:
    owner.cloud.run(owner.cloud.cloud.clock.skip(days * _DAY_S))


def _keys(bucket: oss2.Bucket) -> list[str]:
    return [found.key for found in oss2.ObjectIterator(bucket)]


def _inventory(owner: Owner, target: oss2.Bucket, inventory_id: str = "list", **more: Any) -> InventoryConfiguration:
    where = InventoryBucketDestination(
        account_id=more.pop("account", owner.cloud.account_id),
        role_arn="acs:ram::1:role/inventory",
        bucket=target.bucket_name,
        inventory_format=more.pop("form", "CSV"),
        prefix="lists",
        sse_kms_encryption=more.pop("kms", None),
    )
    settings: dict[str, Any] = {
        "is_enabled": True,
        "inventory_schedule": InventorySchedule(more.pop("period", "Daily")),
        "included_object_versions": more.pop("versions", "Current"),
        "optional_fields": _FIELDS,
    }
    return InventoryConfiguration(
        inventory_id=inventory_id,
        inventory_destination=InventoryDestination(bucket_destination=where),
        **{**settings, **more},
    )


def _manifests(target: oss2.Bucket) -> list[str]:
    return [key for key in _keys(target) if key.endswith("/manifest.json")]


def _rows(target: oss2.Bucket, manifest_key: str) -> tuple[dict[str, Any], list[list[str]]]:
    body = target.get_object(manifest_key).read()
    checksum = target.get_object(manifest_key.replace(".json", ".checksum")).read().decode()
    assert checksum == hashlib.md5(body).hexdigest().upper()
    manifest = json.loads(body)
    packed = target.get_object(manifest["files"][0]["key"]).read()
    assert manifest["files"][0]["MD5checksum"] == hashlib.md5(packed).hexdigest().upper()
    assert manifest["files"][0]["size"] == len(packed)
    return manifest, list(csv.reader(gzip.decompress(packed).decode().splitlines()))


def test_configurations_come_back_and_go(moving: Owner) -> None:
    bucket, target = moving.bucket(), moving.bucket()
    refused(lambda: bucket.get_bucket_inventory_configuration("list"), 404, "NoSuchInventory", "does not exist")
    refused(bucket.list_bucket_inventory_configurations, 404, "NoSuchInventory", "The inventory configuration does")
    chosen = InventoryFilter("a/", 1600000000, 4000000000, 1, 1000, "Standard,IA")
    key = InventoryServerSideEncryptionKMS("key")
    bucket.put_bucket_inventory_configuration(_inventory(moving, target, inventory_filter=chosen, kms=key))
    bucket.put_bucket_inventory_configuration(_inventory(moving, target, inventory_filter=chosen, kms=key))
    found = bucket.get_bucket_inventory_configuration("list")
    assert (found.inventory_id, found.is_enabled, found.included_object_versions) == ("list", True, "Current")
    assert sorted(found.optional_fields) == sorted(_FIELDS)
    assert (found.inventory_filter.prefix, found.inventory_filter.storage_class) == ("a/", "Standard,IA")
    assert found.inventory_schedule.frequency == "Daily"
    where = found.inventory_destination.bucket_destination
    assert (where.bucket, where.prefix, where.sse_kms_encryption.key_id) == (target.bucket_name, "lists", "key")
    other = _inventory(moving, target, period="Weekly")
    refused(lambda: bucket.put_bucket_inventory_configuration(other), 409, "InventoryAlreadyExist", "exists already")
    bucket.delete_bucket_inventory_configuration("list")
    bucket.delete_bucket_inventory_configuration("list")
    refused(
        lambda: bucket.get_bucket_inventory_configuration("list"),
        404,
        "NoSuchInventory",
        "The inventory configuration does not exist.",
    )


def test_many_are_listed_in_pages(moving: Owner) -> None:
    bucket, target = moving.bucket(), moving.bucket()
    for number in range(101):
        bucket.put_bucket_inventory_configuration(_inventory(moving, target, f"list-{number:03}"))
    first = bucket.list_bucket_inventory_configurations()
    assert (len(first.inventory_configurations), first.is_truncated) == (100, True)
    second = bucket.list_bucket_inventory_configurations(first.next_continuation_token)
    assert [each.inventory_id for each in second.inventory_configurations] == ["list-100"]
    client = moving.v2()
    answer = client.list_bucket_inventory(oss_v2.ListBucketInventoryRequest(bucket=bucket.bucket_name))
    assert answer.list_inventory_configurations_result is not None
    assert len(answer.list_inventory_configurations_result.inventory_configurations) == 100
    client.delete_bucket_inventory(
        oss_v2.DeleteBucketInventoryRequest(bucket=bucket.bucket_name, inventory_id="list-000")
    )
    refused_v2(
        lambda: client.get_bucket_inventory(
            oss_v2.GetBucketInventoryRequest(bucket=bucket.bucket_name, inventory_id="list-000")
        ),
        404,
        "NoSuchInventory",
        "The inventory configuration does not exist.",
    )


def test_configurations_that_cannot_be(moving: Owner) -> None:
    bucket, target = moving.bucket(), moving.bucket()
    nobody = oss2.Bucket(moving.auth(), moving.url, "nobody-has-this", region="cn-hongkong")
    cases = [
        (_inventory(moving, target, period="Hourly"), "MalformedXML"),
        (_inventory(moving, target, form="ORC"), "MalformedXML"),
        (_inventory(moving, target, versions="Some"), "MalformedXML"),
        (_inventory(moving, target, optional_fields=["StartTime"]), "MalformedXML"),
        (_inventory(moving, target, inventory_filter=InventoryFilter(storage_class="Gold")), "MalformedXML"),
        (_inventory(moving, target, "-list"), "InvalidArgument"),
        (_inventory(moving, target, account="1"), "InvalidArgument"),
        (_inventory(moving, nobody), "InvalidArgument"),
    ]
    for configuration, code in cases:
        refused(lambda it=configuration: bucket.put_bucket_inventory_configuration(it), 400, code)  # type: ignore[misc]
    stranger = other_account(moving.cloud).config
    theirs = Owner(moving.cloud, stranger["access_key_id"], stranger["access_key_secret"])
    foreign = theirs.bucket(bucket.bucket_name, create=False)
    refused(foreign.list_bucket_inventory_configurations, 403, "AccessDenied", "The bucket you access does not belong")


def test_a_list_is_made_every_midnight(moving: Owner) -> None:
    bucket, target = moving.bucket(), moving.bucket()
    bucket.put_object("a/ü,1", b"12345", headers={"x-oss-server-side-encryption": "AES256"})
    bucket.put_object("a/large", bytes(2000))
    bucket.put_object("b", b"1")
    chosen = InventoryFilter(prefix="a/", upper_size_bound=1000)
    key = InventoryServerSideEncryptionKMS("key")
    bucket.put_bucket_inventory_configuration(_inventory(moving, target, inventory_filter=chosen, kms=key))
    _skip(moving, 1)
    eventually(lambda: len(_manifests(target)) == 1)
    (name,) = _manifests(target)
    assert name.startswith(f"lists/{bucket.bucket_name}/list/20")
    assert name.endswith("T00-00Z/manifest.json")
    manifest, (row,) = _rows(target, name)
    assert (manifest["sourceBucket"], manifest["destinationBucket"]) == (bucket.bucket_name, target.bucket_name)
    columns = manifest["fileSchema"].split(", ")
    found = dict(zip(columns, row, strict=True))
    assert columns[:3] == ["Bucket", "Key", "Size"]
    assert (found["Key"], found["Size"], found["EncryptionStatus"]) == ("a%2F%C3%BC%2C1", "5", "true")
    assert found["ETag"] == bucket.head_object("a/ü,1").etag
    assert target.head_object(name).headers["x-oss-server-side-encryption-key-id"] == "key"
    bucket.put_object("a/2", b"1")
    _skip(moving, 3)
    # One for each of the midnights, or at the least for the last.
    eventually(lambda: len(_manifests(target)) >= 2)
    assert len(_rows(target, _manifests(target)[1])[1]) == 2


def test_weekly_with_all_versions(moving: Owner) -> None:
    bucket, target = moving.bucket(), moving.bucket()
    bucket.put_bucket_versioning(BucketVersioningConfig("Enabled"))
    first = bucket.put_object("a", b"1").versionid
    bucket.delete_object("a")
    bucket.put_bucket_inventory_configuration(_inventory(moving, target, versions="All", period="Weekly"))
    _skip(moving, 5)
    assert not _keys(target)
    _skip(moving, 2.5)
    eventually(lambda: len(_manifests(target)) == 1)
    manifest, (marker, version) = _rows(target, _manifests(target)[0])
    assert manifest["fileSchema"].startswith("Bucket, Key, VersionId, IsLatest, IsDeleteMarker")
    assert marker[3:6] == ["true", "true", ""]
    assert version[2:6] == [first, "false", "false", "1"]
