"""Buckets themselves: make, list, look at, delete; ACL, versioning, and the few things every bucket has."""

from __future__ import annotations

import msgspec

from kowloon.actions import resource_groups
from kowloon.services.oss import answers
from kowloon.services.oss.access.access_points import has_access_points
from kowloon.services.oss.buckets.setting_errors import BUCKET_HAS_ACCESS_POINTS
from kowloon.services.oss.buckets.settings import setting_of
from kowloon.services.oss.buckets.worm import Worm
from kowloon.services.oss.call import Call
from kowloon.services.oss.errors import (
    BUCKET_EXISTS,
    BUCKET_NOT_EMPTY,
    INVALID_ARGUMENT,
    INVALID_LOCATION,
    MALFORMED_XML,
    NOT_YOURS,
    TOO_MANY_BUCKETS,
    invalid,
)
from kowloon.services.oss.objects.object_worm import ObjectWorm
from kowloon.services.oss.objects.writing import STORAGE_CLASSES
from kowloon.services.oss.product import Body, oss
from kowloon.services.oss.resources import (
    VERSIONING_ENABLED,
    VERSIONING_SUSPENDED,
    Bucket,
    BucketSetting,
    Domain,
    DomainToken,
)
from kowloon.services.oss.runs.effect_errors import INVALID_BUCKET_STATE, WORM_WITH_VERSIONING
from kowloon.store.resources import Counter
from kowloon.store.store import Transaction
from kowloon.topology.storage import redundant_storage_zones, single_storage_zone
from kowloon.wire.http import HttpResponse
from kowloon.wire.oss.dates import iso_milliseconds
from kowloon.wire.oss.headers import parse_tagging
from kowloon.wire.oss.xml import Content, document, elements

MOST_BUCKETS = 100
BUCKET_ACLS = ("private", "public-read", "public-read-write")
_VOLUMES = "oss-volumes"
_LOCATION_PREFIX = "oss-"


@oss.operation("PutBucket", "bucket", "PUT", body=Body.DOCUMENT, creates=True)
async def put_bucket(call: Call) -> HttpResponse:
    """Again by its owner: the bucket stays as it is, but for its ACL if one is sent."""
    wanted = _wanted(call)

    def body(tx: Transaction) -> None:
        existing = tx.get(Bucket, wanted.id)
        if existing is not None:
            _keep(call, tx, existing, wanted)
            return
        if len(tx.list(Bucket, account=call.account)) >= MOST_BUCKETS:
            raise TOO_MANY_BUCKETS.error(extra={"BucketName": wanted.id})
        count = tx.get(Counter, _VOLUMES) or Counter(id=_VOLUMES)
        tx.put(msgspec.structs.replace(count, value=count.value + 1))
        tx.put(msgspec.structs.replace(wanted, volume=int(count.value) + 1))

    await call.parts.store.run(body)
    return HttpResponse(200, headers=[("Location", f"/{wanted.id}")])


def _keep(call: Call, tx: Transaction, existing: Bucket, wanted: Bucket) -> None:
    if existing.account != call.account:
        raise BUCKET_EXISTS.error(extra={"BucketName": existing.id})
    if existing.redundancy != wanted.redundancy or existing.storage_class != wanted.storage_class:
        raise BUCKET_EXISTS.error(extra={"BucketName": existing.id})
    if "x-oss-acl" in call.headers:
        tx.put(msgspec.structs.replace(existing, acl=wanted.acl))


def _wanted(call: Call) -> Bucket:
    acl = _acl(call) if "x-oss-acl" in call.headers else "private"
    storage_class, redundancy, location = "Standard", "LRS", ""
    if call.request.body.strip():
        node = call.document("CreateBucketConfiguration")
        storage_class = node.text("StorageClass") or storage_class
        redundancy = node.text("DataRedundancyType") or redundancy
        location = node.text("LocationConstraint")
    if storage_class not in STORAGE_CLASSES or redundancy not in ("LRS", "ZRS"):
        raise MALFORMED_XML.error()
    region = _region(call, location)
    tagging = call.headers.get("x-oss-bucket-tagging")
    return Bucket(
        id=call.address.bucket,
        account=call.account,
        region=region,
        created_at=call.now,
        volume=0,
        zones=_zones(call, region, redundancy),
        storage_class=storage_class,
        acl=acl,
        resource_group_id=group_of(call, call.account, call.headers.get("x-oss-resource-group-id", "")),
        tags=parse_tagging(tagging) if tagging else {},
    )


def _region(call: Call, location: str) -> str:
    """Of the document, else of the endpoint or the signature's scope, else the cloud's default."""
    if not location:
        return call.region
    region = location.removeprefix(_LOCATION_PREFIX)
    if region not in call.parts.board.topology.regions or (call.address.region and call.address.region != region):
        raise INVALID_LOCATION.error(extra={"LocationConstraint": location})
    return region


def _zones(call: Call, region: str, redundancy: str) -> tuple[str, ...]:
    zones = call.parts.board.topology.zone_ids(region)
    if redundancy == "LRS":
        return (single_storage_zone(zones),)
    chosen = redundant_storage_zones(zones)
    if not chosen:
        raise INVALID_ARGUMENT.error(
            why="Zone-redundant storage is not offered in this region.",
            extra={"ArgumentName": "DataRedundancyType", "ArgumentValue": redundancy},
        )
    return chosen


@oss.operation("DeleteBucket", "bucket", "DELETE")
async def delete_bucket(call: Call) -> HttpResponse:
    """Only an empty bucket goes: no object, version, delete marker or unfinished upload."""
    bucket = call.bucket

    def body(tx: Transaction) -> None:
        if not call.space.is_empty():
            raise BUCKET_NOT_EMPTY.error(extra={"BucketName": bucket.id})
        if has_access_points(tx, bucket.account, bucket.id):
            raise BUCKET_HAS_ACCESS_POINTS.error(extra={"BucketName": bucket.id})
        current = tx.get(Bucket, bucket.id)
        if current is None or current.volume != bucket.volume:
            return
        tx.delete(current)
        for kind in oss.resources:
            item = tx.get(kind, bucket.id)
            if isinstance(item, BucketSetting):
                tx.delete(item)
        # A domain must not lead to whoever takes the name next.
        for domain in tx.list(Domain, account=bucket.account):
            if domain.bucket == bucket.id:
                tx.delete(domain)
        for token in tx.list(DomainToken, account=bucket.account):
            if token.bucket == bucket.id:
                tx.delete(token)

    await call.parts.store.run(body)
    await call.parts.storage.drop(bucket.volume, bucket.layout)
    return HttpResponse(204)


@oss.operation("ListBuckets", "service", "GET")
def list_buckets(call: Call) -> HttpResponse:
    if call.principal is None:
        raise NOT_YOURS.error()
    query = call.query
    prefix, marker = query.get("prefix", ""), query.get("marker", "")
    most = _count(query.get("max-keys") or "100")
    group = call.headers.get("x-oss-resource-group-id", "")
    found = [
        bucket
        for bucket in sorted(call.parts.store.list(Bucket, account=call.account), key=lambda each: each.id)
        if bucket.id.startswith(prefix) and bucket.id > marker and (not group or bucket.resource_group == group)
    ]
    tag_key, tag_value = query.get("tag-key"), query.get("tag-value")
    if tag_key is not None:
        found = [each for each in found if tag_key in each.tags and tag_value in (None, each.tags[tag_key])]
    page, truncated = found[:most], len(found) > most
    content: dict[str, Content] = {"Owner": answers.owner(call.account)}
    if prefix or marker or "max-keys" in query or truncated:
        content |= {"Prefix": prefix, "Marker": marker, "MaxKeys": most, "IsTruncated": truncated}
        content["NextMarker"] = page[-1].id if truncated else None
    content["Buckets"] = {"Bucket": [_summary(bucket) for bucket in page]}
    return answers.document(document("ListAllMyBucketsResult", elements(content)))


def _count(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= 1000:
        raise INVALID_ARGUMENT.error(
            why="Argument max-keys must be an integer between 1 and 1000.",
            extra={"ArgumentName": "max-keys", "ArgumentValue": text},
        )
    return int(text)


def _summary(bucket: Bucket) -> dict[str, Content]:
    return {
        "CreationDate": iso_milliseconds(bucket.created_at),
        "ExtranetEndpoint": f"{bucket.location}.aliyuncs.com",
        "IntranetEndpoint": f"{bucket.location}-internal.aliyuncs.com",
        "Location": bucket.location,
        "Name": bucket.id,
        "Region": bucket.region,
        "StorageClass": bucket.storage_class,
        "ResourceGroupId": bucket.resource_group,
    }


@oss.operation("GetBucketLocation", "bucket", "GET", "location")
def get_bucket_location(call: Call) -> HttpResponse:
    return answers.document(document("LocationConstraint", call.bucket.location))


# ACL and versioning ---------------------------------------------------------------------------------------------------


def _acl(call: Call) -> str:
    acl = call.headers.get("x-oss-acl", "")
    if acl not in BUCKET_ACLS:
        raise INVALID_ARGUMENT.error(
            why="no such bucket access control exists", extra={"ArgumentName": "x-oss-acl", "ArgumentValue": acl}
        )
    return acl


@oss.operation("PutBucketAcl", "bucket", "PUT", "acl")
async def put_bucket_acl(call: Call) -> HttpResponse:
    await change_bucket(call, acl=_acl(call))
    return HttpResponse(200)


@oss.operation("GetBucketAcl", "bucket", "GET", "acl")
def get_bucket_acl(call: Call) -> HttpResponse:
    content: dict[str, Content] = {
        "Owner": answers.owner(call.bucket.account),
        "AccessControlList": {"Grant": call.bucket.acl},
    }
    return answers.document(document("AccessControlPolicy", elements(content)))


@oss.operation("PutBucketVersioning", "bucket", "PUT", "versioning", body=Body.DOCUMENT)
async def put_bucket_versioning(call: Call) -> HttpResponse:
    status = call.document("VersioningConfiguration").text("Status")
    if status not in (VERSIONING_ENABLED, VERSIONING_SUSPENDED):
        raise MALFORMED_XML.error()
    if setting_of(call, Worm, call.bucket) is not None:
        raise WORM_WITH_VERSIONING.error(extra={"BucketName": call.bucket.id})
    if status == VERSIONING_SUSPENDED and setting_of(call, ObjectWorm, call.bucket) is not None:
        raise INVALID_BUCKET_STATE.error(why="Versioning cannot be suspended while objects are under retention.")
    await change_bucket(call, versioning=status)
    return HttpResponse(200)


@oss.operation("GetBucketVersioning", "bucket", "GET", "versioning")
def get_bucket_versioning(call: Call) -> HttpResponse:
    content: dict[str, Content] = {"Status": call.bucket.versioning or None}
    return answers.document(document("VersioningConfiguration", elements(content)))


def group_of(call: Call, owner: str, id: str) -> str:
    """A resource group of the bucket's owner, as buckets keep it; empty asks for the default one."""
    if id and not resource_groups.exists(call.parts.store, owner, id):
        raise invalid("ResourceGroupId", id)
    return resource_groups.kept(owner, id)


async def change_bucket(call: Call, **changes: object) -> None:
    """Write the bucket anew with these fields."""

    def body(tx: Transaction) -> None:
        current = tx.get(Bucket, call.bucket.id)
        if current is not None:
            tx.put(msgspec.structs.replace(current, **changes))

    await call.parts.store.run(body)
