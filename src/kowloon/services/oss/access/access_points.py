"""Access points of buckets: CreateAccessPoint, GetAccessPoint, ListAccessPoints, DeleteAccessPoint, their policies and
their blocks of public access.

Known deviations: an access point is there at once, and gone at once; its endpoints are those of its alias. VPCs are
told apart by name only, and nobody calls from one. Sources of copies are named by their bucket.
"""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec

from kowloon.services.oss import answers
from kowloon.services.oss.access.access_point_policy import ALIAS_SUFFIX, ORIGINS, AccessPoint
from kowloon.services.oss.access.policy_document import parse_policy
from kowloon.services.oss.access.public_access_block import is_blocked
from kowloon.services.oss.buckets.setting_errors import (
    ACCESS_POINT_EXISTS,
    INVALID_POLICY,
    NO_SUCH_ACCESS_POINT,
    NO_SUCH_ACCESS_POINT_POLICY,
    PUBLIC_POLICY,
    TOO_MANY_ACCESS_POINTS,
)
from kowloon.services.oss.buckets.settings import bucket_as_it_is, truth
from kowloon.services.oss.call import Call
from kowloon.services.oss.errors import MISSING_ARGUMENT, invalid
from kowloon.services.oss.product import Body, oss
from kowloon.store.store import Store, Transaction
from kowloon.wire.http import HttpResponse
from kowloon.wire.oss.dates import iso_milliseconds
from kowloon.wire.oss.xml import Content, document, elements
from kowloon.wire.policy.syntax import PolicyError

MOST_PER_ACCOUNT: Final = 1000
MOST_PER_BUCKET: Final = 100
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{1,17}[a-z0-9]")
_NAME_HEADER: Final = "x-oss-access-point-name"
# With the longest name an alias is as long as a bucket's name may be.
_HASH_DIGITS: Final = 34


# Access points --------------------------------------------------------------------------------------------------------


@oss.operation("CreateAccessPoint", "bucket", "PUT", "accessPoint", body=Body.DOCUMENT)
async def create_access_point(call: Call) -> HttpResponse:
    wanted = _wanted(call)

    def body(tx: Transaction) -> None:
        bucket_as_it_is(call, tx)
        existing = tx.list(AccessPoint, account=wanted.account)
        if any(each.name == wanted.name and each.region == wanted.region for each in existing):
            raise ACCESS_POINT_EXISTS.error(extra={"AccessPointName": wanted.name})
        if len(existing) >= MOST_PER_ACCOUNT:
            raise TOO_MANY_ACCESS_POINTS.error(most=MOST_PER_ACCOUNT, of="account")
        if sum(each.bucket == wanted.bucket for each in existing) >= MOST_PER_BUCKET:
            raise TOO_MANY_ACCESS_POINTS.error(most=MOST_PER_BUCKET, of="bucket")
        tx.put(wanted)

    await call.parts.store.run(body)
    content: dict[str, Content] = {"AccessPointArn": wanted.arn, "Alias": wanted.id}
    return answers.document(document("CreateAccessPointResult", elements(content)))


def _wanted(call: Call) -> AccessPoint:
    node = call.document("CreateAccessPointConfiguration")
    name, origin = node.text("AccessPointName"), node.text("NetworkOrigin")
    configuration = node.child("VpcConfiguration")
    vpc = configuration.text("VpcId") if configuration is not None else ""
    if _NAME.fullmatch(name) is None or name.endswith(ALIAS_SUFFIX):
        raise invalid("AccessPointName", name, "The access point name is invalid.")
    if origin not in ORIGINS:
        raise invalid("NetworkOrigin", origin)
    if bool(vpc) != (origin == "vpc"):
        raise invalid("VpcId", vpc, "A VPC is given for the network origin vpc, and only for that.")
    bucket = call.bucket
    return AccessPoint(
        id=f"{name}-{call.parts.ids.hex(_HASH_DIGITS).lower()}{ALIAS_SUFFIX}",
        account=bucket.account,
        region=bucket.region,
        created_at=call.now,
        name=name,
        bucket=bucket.id,
        origin=origin,
        vpc=vpc,
    )


@oss.operation("GetAccessPoint", "bucket", "GET", "accessPoint", header=_NAME_HEADER)
def get_access_point(call: Call) -> HttpResponse:
    point = _found(call)
    location = f"oss-{point.region}"
    content: dict[str, Content] = {
        **_summary(point),
        "AccountId": point.account,
        "AccessPointArn": point.arn,
        "CreationDate": iso_milliseconds(point.created_at),
        "Endpoints": {
            "PublicEndpoint": f"{point.id}.{location}.aliyuncs.com",
            "InternalEndpoint": f"{point.id}.{location}-internal.aliyuncs.com",
        },
        "PublicAccessBlockConfiguration": {"BlockPublicAccess": point.blocked},
    }
    return answers.document(document("GetAccessPointResult", elements(content)))


@oss.operation("DeleteAccessPoint", "bucket", "DELETE", "accessPoint")
async def delete_access_point(call: Call) -> HttpResponse:
    await call.parts.store.run(lambda tx: tx.delete(_found(call, tx)))
    return HttpResponse(204)


@oss.operation("ListAccessPoints", "bucket", "GET", "accessPoint")
def list_bucket_access_points(call: Call) -> HttpResponse:
    points = call.parts.store.list(AccessPoint, account=call.bucket.account)
    found = [point for point in points if point.bucket == call.bucket.id]
    return _listed(call, found, MOST_PER_BUCKET, call.bucket.account)


@oss.operation("ListAccessPoints", "service", "GET", "accessPoint")
def list_access_points(call: Call) -> HttpResponse:
    return _listed(call, call.parts.store.list(AccessPoint, account=call.account), MOST_PER_ACCOUNT, call.account)


def _listed(call: Call, points: list[AccessPoint], most: int, account: str) -> HttpResponse:
    text, after = call.query.get("max-keys") or "100", call.query.get("continuation-token", "")
    if not text.isdecimal() or not 1 <= int(text) <= most:
        raise invalid("max-keys", text, f"Argument max-keys must be an integer between 1 and {most}.")
    # Aliases begin with the names.
    found = sorted((point for point in points if point.id > after), key=lambda each: each.id)
    page, truncated = found[: int(text)], len(found) > int(text)
    content: dict[str, Content] = {
        "AccountId": account,
        "MaxKeys": int(text),
        "IsTruncated": truncated,
        "NextContinuationToken": page[-1].id if truncated else None,
        "AccessPoints": {"AccessPoint": [_summary(point) for point in page]},
    }
    return answers.document(document("ListAccessPointsResult", elements(content)))


def _summary(point: AccessPoint) -> dict[str, Content]:
    return {
        "AccessPointName": point.name,
        "Bucket": point.bucket,
        "Alias": point.id,
        "Status": "enable",
        "NetworkOrigin": point.origin,
        "VpcConfiguration": {"VpcId": point.vpc} if point.vpc else None,
    }


def has_access_points(tx: Transaction, account: str, bucket: str) -> bool:
    return any(point.bucket == bucket for point in tx.list(AccessPoint, account=account))


def _found(call: Call, within: Store | Transaction | None = None) -> AccessPoint:
    """The access point of the call's bucket that a header names, or with the block of public access the query."""
    name = call.headers.get(_NAME_HEADER) or call.query.get(_NAME_HEADER) or ""
    if not name:
        raise MISSING_ARGUMENT.error(extra={"ArgumentName": _NAME_HEADER})
    store = within if within is not None else call.parts.store
    for point in store.list(AccessPoint, account=call.bucket.account):
        if point.name == name and point.bucket == call.bucket.id:
            return point
    raise NO_SUCH_ACCESS_POINT.error(extra={"AccessPointName": name})


async def _change(call: Call, **changes: Any) -> None:
    await call.parts.store.run(lambda tx: tx.put(msgspec.structs.replace(_found(call, tx), **changes)))


# Policies -------------------------------------------------------------------------------------------------------------


@oss.operation("PutAccessPointPolicy", "bucket", "PUT", "accessPointPolicy", body=Body.DOCUMENT)
async def put_access_point_policy(call: Call) -> HttpResponse:
    point = _found(call)
    try:
        text = call.request.body.decode()
        policy = parse_policy(text)
    except UnicodeDecodeError:
        raise INVALID_POLICY.error(why="it is not UTF-8.") from None
    except PolicyError as problem:
        raise INVALID_POLICY.error(why=str(problem)) from None
    blocked = point.blocked or is_blocked(call.parts.store, point.account, call.bucket)
    if policy.is_public and blocked:
        raise PUBLIC_POLICY.error()
    await _change(call, policy=text)
    return HttpResponse(200)


@oss.operation("GetAccessPointPolicy", "bucket", "GET", "accessPointPolicy")
def get_access_point_policy(call: Call) -> HttpResponse:
    point = _found(call)
    if not point.policy:
        raise NO_SUCH_ACCESS_POINT_POLICY.error(extra={"AccessPointName": point.name})
    # A stored text is never read as a page.
    headers = [("X-Content-Type-Options", "nosniff")]
    return HttpResponse(200, point.policy.encode(), headers=headers, content_type="application/json")


@oss.operation("DeleteAccessPointPolicy", "bucket", "DELETE", "accessPointPolicy")
async def delete_access_point_policy(call: Call) -> HttpResponse:
    await _change(call, policy="")
    return HttpResponse(204)


# Public access --------------------------------------------------------------------------------------------------------

_BLOCK = f"publicAccessBlock&{_NAME_HEADER}"


@oss.operation("PutAccessPointPublicAccessBlock", "bucket", "PUT", _BLOCK, body=Body.DOCUMENT)
async def put_access_point_public_access_block(call: Call) -> HttpResponse:
    await _change(call, blocked=truth(call.document("PublicAccessBlockConfiguration"), "BlockPublicAccess"))
    return HttpResponse(200)


@oss.operation("GetAccessPointPublicAccessBlock", "bucket", "GET", _BLOCK)
def get_access_point_public_access_block(call: Call) -> HttpResponse:
    content: dict[str, Content] = {"BlockPublicAccess": _found(call).blocked}
    return answers.document(document("PublicAccessBlockConfiguration", elements(content)))


@oss.operation("DeleteAccessPointPublicAccessBlock", "bucket", "DELETE", _BLOCK)
async def delete_access_point_public_access_block(call: Call) -> HttpResponse:
    await _change(call, blocked=False)
    return HttpResponse(204)
