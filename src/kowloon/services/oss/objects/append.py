"""AppendObject and SealAppendObject: objects that grow at their end.

Every append adds bytes behind those that are there. Small ones are merged with the small ones before them as they
come, and once many have gathered they become one larger blob, so an object of any size has some hundreds of blobs at
most and every byte is written a few times only.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from typing import Final

import msgspec

from kowloon.engines.blob.base import Blob, BlobError, Entry
from kowloon.services.oss import answers
from kowloon.services.oss.buckets.settings import setting_of
from kowloon.services.oss.call import Call
from kowloon.services.oss.content import Content
from kowloon.services.oss.errors import (
    ENTITY_TOO_LARGE,
    INVALID_ARGUMENT,
    MISSING_ARGUMENT,
    NOT_APPENDABLE,
    OPERATION_NOT_SUPPORTED,
    POSITION_MISMATCH,
)
from kowloon.services.oss.objects.guards import check_current_changeable
from kowloon.services.oss.objects.object_worm import ObjectWorm
from kowloon.services.oss.objects.reading import APPENDABLE, wanted
from kowloon.services.oss.objects.writing import ARCHIVED, meta_fields, new_meta
from kowloon.services.oss.product import Answer, Body, Later, oss
from kowloon.services.oss.receiver import MOST_OBJECT_BYTES
from kowloon.services.oss.space import Stored
from kowloon.wire.http import HttpResponse
from kowloon.wire.oss.crc64 import crc64_combine
from kowloon.wire.oss.dates import http_date

# So many blobs at an object's end become one, as long as it is no larger than this.
_MOST_SMALL_BLOBS: Final = 64
_MERGED_BYTES: Final = 32 * 1024**2


def check_append(call: Call) -> None:
    """Refuses an append before its bytes, and again after them."""
    position = _position(call)
    fields = meta_fields(call)
    if fields["storage_class"] in ARCHIVED or setting_of(call, ObjectWorm, call.bucket) is not None:
        raise OPERATION_NOT_SUPPORTED.error()
    stored = _growing(call)
    length = 0 if stored is None else stored.meta.size_bytes
    if position != length:
        raise POSITION_MISMATCH.error(headers={"x-oss-next-append-position": str(length)})
    declared = call.headers.get("content-length", "0")
    if length + (int(declared) if declared.isdigit() else 0) > MOST_OBJECT_BYTES:
        raise ENTITY_TOO_LARGE.error(extra={"MaxSizeAllowed": str(MOST_OBJECT_BYTES)})


def _position(call: Call) -> int:
    text = call.query.get("position")
    if text is None:
        raise MISSING_ARGUMENT.error(extra={"ArgumentName": "position"})
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        raise INVALID_ARGUMENT.error(
            why="Argument position must be a non-negative integer.",
            extra={"ArgumentName": "position", "ArgumentValue": text},
        )
    return int(text)


def _growing(call: Call) -> Stored | None:
    """The object that is appended to; None when it is begun. 409 ObjectNotAppendable, FileImmutable."""
    stored = call.space.current(call.key)
    if stored is None or stored.meta.marker:
        return None
    if stored.meta.type != APPENDABLE or stored.meta.sealed_at:
        raise NOT_APPENDABLE.error(extra={"ObjectType": stored.meta.type, "Key": call.key})
    check_current_changeable(call, stored)
    return stored


@oss.operation(
    "AppendObject",
    "object",
    "POST",
    "append",
    action="PutObject",
    body=Body.OBJECT,
    check=check_append,
    acl="write",
    also=("position",),
)
def append_object(call: Call, content: Content) -> Answer:
    """Where versions are kept, an append makes none: it changes the one that is there."""
    stored = _growing(call)
    if stored is None:
        meta = new_meta(call, content, type=APPENDABLE, md5="")
        changes, meta = call.space.write(call.key, meta, content.blobs)
    else:
        old = stored.meta
        assert old.crc64 is not None
        digest = hashlib.md5(bytes.fromhex(old.etag) + content.md5, usedforsecurity=False)
        meta = msgspec.structs.replace(
            old,
            etag=digest.hexdigest().upper(),
            size_bytes=old.size_bytes + content.size_bytes,
            crc64=crc64_combine(old.crc64, content.crc64, content.size_bytes),
            modified=call.now,
        )
        if meta.size_bytes > MOST_OBJECT_BYTES:
            raise ENTITY_TOO_LARGE.error(extra={"MaxSizeAllowed": str(MOST_OBJECT_BYTES)})
        changes = call.space.replace(stored, meta, _joined(call, stored.entry.blobs, content))
    headers = [
        ("ETag", f'"{meta.etag}"'),
        ("x-oss-hash-crc64ecma", str(meta.crc64)),
        ("x-oss-next-append-position", str(meta.size_bytes)),
        *answers.version_headers(call.bucket, meta),
        *answers.encrypted(meta),
    ]
    later = Later(call.space.commit(changes), HttpResponse(200, headers=headers))
    return _merged(call, later) if stored is not None and len(stored.entry.blobs) >= _MOST_SMALL_BLOBS else later


def _joined(call: Call, blobs: Sequence[Blob], content: Content) -> list[Blob | bytes]:
    """The blobs with the new bytes behind them. Small ones that are not larger than what comes behind them join it,
    so there are fewer of them than a size has bits."""
    joined: list[Blob | bytes] = list(blobs)
    if not content.blobs or isinstance(content.blobs[0], Blob):
        return joined + list(content.blobs)
    end = content.blobs[0]
    for blob in reversed(blobs):
        size_bytes = blob.size_bytes + len(end)
        if blob.size_bytes > len(end) or size_bytes > call.parts.storage.small_bytes:
            break
        end = call.space.volume.read(blob) + end
        joined.pop()
    return [*joined, end]


async def _merged(call: Call, later: Later) -> HttpResponse:
    """The answer, after the many blobs at the object's end became one. The append is done whatever becomes of it."""
    await later.done
    stored = call.space.current(call.key)
    tail = [] if stored is None else _tail(stored.entry)
    if stored is None or len(tail) < _MOST_SMALL_BLOBS:
        return later.response
    volume = call.space.volume
    writer = volume.writer()
    try:
        for blob in tail:
            await volume.pour(blob, writer, 0, blob.size_bytes)
        merged = await writer.finish()
        now = call.space.current(call.key)
        if now is None or now.entry.blobs != stored.entry.blobs:
            raise BlobError("the object has changed")
        kept = stored.entry.blobs[: -len(tail)]
        await volume.commit(call.space.replace(now, now.meta, [*kept, merged]))
    except (BlobError, asyncio.CancelledError) as problem:
        writer.abort()
        if isinstance(problem, asyncio.CancelledError):
            raise
    return later.response


def _tail(entry: Entry) -> tuple[Blob, ...]:
    """The blobs at the end that fit into one."""
    size_bytes = count = 0
    for blob in reversed(entry.blobs):
        size_bytes += blob.size_bytes
        if size_bytes > _MERGED_BYTES:
            break
        count += 1
    return entry.blobs[len(entry.blobs) - count :]


@oss.operation("SealAppendObject", "object", "POST", "seal", action="PutObject", acl="write", also=("position",))
def seal_append_object(call: Call) -> Answer:
    """From then on nothing is appended. Again: the first time stays."""
    position = _position(call)
    stored = wanted(call)
    if stored.meta.type != APPENDABLE:
        raise NOT_APPENDABLE.error(extra={"ObjectType": stored.meta.type, "Key": call.key})
    if position != stored.meta.size_bytes:
        raise POSITION_MISMATCH.error(headers={"x-oss-next-append-position": str(stored.meta.size_bytes)})
    check_current_changeable(call, stored)
    sealed_at = stored.meta.sealed_at or call.now
    meta = msgspec.structs.replace(stored.meta, sealed_at=sealed_at)
    headers = [("x-oss-sealed-time", http_date(int(sealed_at)))]
    return Later(call.space.commit(call.space.replace(stored, meta)), HttpResponse(200, headers=headers))
