"""Retention of a whole bucket: for so many days after it was written no object can be removed or replaced.

A policy protects from its beginning. It ends after a day unless it is locked; locked, it can only be made longer.
"""

from __future__ import annotations

from typing import ClassVar, Final

import msgspec

from kowloon.services.oss import answers
from kowloon.services.oss.buckets.settings import bucket_as_it_is, new_setting, setting_of
from kowloon.services.oss.call import Call
from kowloon.services.oss.errors import MALFORMED_XML
from kowloon.services.oss.product import Body, oss
from kowloon.services.oss.resources import Bucket, BucketSetting, Meta
from kowloon.services.oss.runs.effect_errors import INVALID_WORM, NO_SUCH_WORM, WORM_LOCKED, WORM_WITH_VERSIONING
from kowloon.store.store import Store, Transaction
from kowloon.wire.http import HttpResponse
from kowloon.wire.oss.dates import iso_milliseconds
from kowloon.wire.oss.xml import Content, Node, document, elements

_DAY_S: Final = 86400.0
_UNLOCKED_S: Final = _DAY_S
_MOST_DAYS: Final = 25550
_IN_PROGRESS, _LOCKED, _EXPIRED = "InProgress", "Locked", "Expired"


class Worm(BucketSetting, frozen=True, kw_only=True):
    """The retention policy of a bucket."""

    kind: ClassVar[str] = "oss-worm"

    worm_id: str
    days: int
    locked: bool = False

    def state(self, now: float) -> str:
        if self.locked:
            return _LOCKED
        return _IN_PROGRESS if now < self.created_at + _UNLOCKED_S else _EXPIRED


oss.setting(Worm)


def is_retained(store: Store, bucket: Bucket, meta: Meta, now: float) -> bool:
    """Whether the bucket's policy keeps that version as it is at cloud time `now`."""
    worm = store.get(Worm, bucket.id)
    return worm is not None and worm.state(now) != _EXPIRED and now < meta.modified + worm.days * _DAY_S


@oss.operation("InitiateBucketWorm", "bucket", "POST", "worm", body=Body.DOCUMENT)
async def initiate_bucket_worm(call: Call) -> HttpResponse:
    """One policy at a time; one that ended without being locked makes room."""
    days = _days(call.document("InitiateWormConfiguration"))
    worm = new_setting(call, Worm, worm_id=call.parts.ids.hex(32).upper(), days=days)

    def body(tx: Transaction) -> None:
        if bucket_as_it_is(call, tx).versioning:
            raise WORM_WITH_VERSIONING.error(extra={"BucketName": call.bucket.id})
        there = tx.get(Worm, call.bucket.id)
        state = _EXPIRED if there is None else there.state(call.now)
        if state == _LOCKED:
            raise WORM_LOCKED.error()
        if state == _IN_PROGRESS:
            raise INVALID_WORM.error(why="A WORM Configuration is in progress already.")
        tx.put(worm)

    await call.parts.store.run(body)
    return HttpResponse(200, headers=[("x-oss-worm-id", worm.worm_id)])


def _days(node: Node) -> int:
    text = node.text("RetentionPeriodInDays").strip()
    if not (text.isascii() and text.isdigit()) or len(text) > 9:
        raise MALFORMED_XML.error()
    if not 1 <= int(text) <= _MOST_DAYS:
        raise INVALID_WORM.error(why=f"The retention period must be between 1 and {_MOST_DAYS} days.")
    return int(text)


@oss.operation("AbortBucketWorm", "bucket", "DELETE", "worm")
async def abort_bucket_worm(call: Call) -> HttpResponse:
    def body(tx: Transaction) -> None:
        worm = tx.get(Worm, call.bucket.id)
        if worm is None:
            return
        if worm.locked:
            raise WORM_LOCKED.error()
        tx.delete(worm)

    await call.parts.store.run(body)
    return HttpResponse(204)


# Before CompleteBucketWorm, which looks for less in a query.
@oss.operation("ExtendBucketWorm", "bucket", "POST", "wormExtend&wormId", body=Body.DOCUMENT)
async def extend_bucket_worm(call: Call) -> HttpResponse:
    days = _days(call.document("ExtendWormConfiguration"))

    def body(tx: Transaction) -> None:
        worm = _named(call, tx)
        if not worm.locked or days <= worm.days:
            raise INVALID_WORM.error(why="Only a locked WORM Configuration can be extended, and never shortened.")
        tx.put(msgspec.structs.replace(worm, days=days))

    await call.parts.store.run(body)
    return HttpResponse(200)


@oss.operation("CompleteBucketWorm", "bucket", "POST", "wormId")
async def complete_bucket_worm(call: Call) -> HttpResponse:
    """From then on nobody can take the policy back."""

    def body(tx: Transaction) -> None:
        worm = _named(call, tx)
        if worm.locked:
            raise WORM_LOCKED.error()
        tx.put(msgspec.structs.replace(worm, locked=True))

    await call.parts.store.run(body)
    return HttpResponse(200)


def _named(call: Call, tx: Transaction) -> Worm:
    """The policy that the query names. 404 NoSuchWORMConfiguration for another one, and for one that has ended."""
    worm = tx.get(Worm, call.bucket.id)
    if worm is None or worm.worm_id != call.query["wormId"] or worm.state(call.now) == _EXPIRED:
        raise NO_SUCH_WORM.error(extra={"BucketName": call.bucket.id})
    return worm


@oss.operation("GetBucketWorm", "bucket", "GET", "worm")
def get_bucket_worm(call: Call) -> HttpResponse:
    worm = setting_of(call, Worm, call.bucket)
    if worm is None:
        raise NO_SUCH_WORM.error(extra={"BucketName": call.bucket.id})
    content: dict[str, Content] = {
        "WormId": worm.worm_id,
        "State": worm.state(call.now),
        "RetentionPeriodInDays": worm.days,
        "CreationDate": iso_milliseconds(worm.created_at),
        "ExpirationDate": iso_milliseconds(worm.created_at + _UNLOCKED_S) if not worm.locked else None,
    }
    return answers.document(document("WormConfiguration", elements(content)))
