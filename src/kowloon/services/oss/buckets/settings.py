"""What all settings of buckets have in common: one of a kind per bucket, written and removed in one way."""

from __future__ import annotations

from typing import Any, TypeVar

from kowloon.services.oss.call import Call
from kowloon.services.oss.errors import MALFORMED_XML, NO_SUCH_BUCKET
from kowloon.services.oss.resources import Bucket, BucketSetting
from kowloon.store.store import Transaction
from kowloon.wire.http import HttpResponse
from kowloon.wire.oss.xml import Node

S = TypeVar("S", bound=BucketSetting)


def setting_of(call: Call, kind: type[S], bucket: Bucket) -> S | None:
    return call.parts.store.get(kind, bucket.id)


def new_setting(call: Call, kind: type[S], **fields: Any) -> S:
    """A setting of the call's bucket, not yet kept."""
    bucket = call.bucket
    return kind(id=bucket.id, account=bucket.account, region=bucket.region, created_at=call.now, **fields)


async def keep(call: Call, setting: BucketSetting) -> HttpResponse:
    """Replaces what there was. 404 NoSuchBucket when the bucket went meanwhile: nothing outlives it."""

    def body(tx: Transaction) -> None:
        bucket_as_it_is(call, tx)
        tx.put(setting)

    await call.parts.store.run(body)
    return HttpResponse(200)


async def forget(call: Call, kind: type[BucketSetting]) -> HttpResponse:
    """204 where there was none, too."""

    def body(tx: Transaction) -> None:
        setting = tx.get(kind, call.bucket.id)
        if setting is not None:
            tx.delete(setting)

    await call.parts.store.run(body)
    return HttpResponse(204)


def bucket_as_it_is(call: Call, tx: Transaction) -> Bucket:
    """The call's bucket now, or 404 NoSuchBucket when it is gone or is another one of that name."""
    bucket = tx.get(Bucket, call.bucket.id)
    if bucket is None or bucket.volume != call.bucket.volume:
        raise NO_SUCH_BUCKET.error(extra={"BucketName": call.bucket.id})
    return bucket


# Parts of documents ---------------------------------------------------------------------------------------------------


def truth(node: Node, name: str, default: bool | None = None) -> bool:
    """A boolean element in any case of letters. 400 MalformedXML for another text, and for none without `default`."""
    text = node.text(name).strip().lower()
    if text in ("true", "false"):
        return text == "true"
    if text or default is None:
        raise MALFORMED_XML.error()
    return default
