"""CopyObject and UploadPartCopy. Bytes that are copied whole are shared between files, not read."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import msgspec

from kowloon.engines.blob.base import Blob, DamagedBlob, Volume
from kowloon.services.oss import answers
from kowloon.services.oss.access import access
from kowloon.services.oss.assembled import Copy, pieces
from kowloon.services.oss.buckets.encryption import encryption_fields
from kowloon.services.oss.call import Call
from kowloon.services.oss.content import Content, content_of, content_of_blob
from kowloon.services.oss.errors import (
    ENTITY_TOO_LARGE,
    INVALID_ARGUMENT,
    MARKER_BY_ID,
    NO_SUCH_BUCKET,
    NO_SUCH_KEY,
    NO_SUCH_VERSION,
    SOURCE_ELSEWHERE,
)
from kowloon.services.oss.objects.multipart import check_part, keep_part
from kowloon.services.oss.objects.object_worm import default_retention
from kowloon.services.oss.objects.reading import APPENDABLE, check_conditions, check_readable
from kowloon.services.oss.objects.writing import check_write, meta_fields, storage_class
from kowloon.services.oss.product import oss
from kowloon.services.oss.receiver import MOST_OBJECT_BYTES
from kowloon.services.oss.resources import Bucket, Meta
from kowloon.services.oss.space import Space, Stored
from kowloon.wire.http import HttpResponse
from kowloon.wire.oss.dates import iso_milliseconds
from kowloon.wire.oss.headers import COPY_SOURCE_PREFIX, CopySource, parse_copy_source, parse_range
from kowloon.wire.oss.xml import document, elements

_ATTEMPTS: Final = 3


class Source(NamedTuple):
    """What is copied: `stored`, the version of `asked` in `space`."""

    asked: CopySource
    space: Space
    stored: Stored

    @property
    def volume(self) -> Volume:
        return self.space.volume

    @property
    def meta(self) -> Meta:
        return self.stored.meta


def source_of(call: Call) -> Source:
    """What `x-oss-copy-source` names, if the caller may read it and its conditions hold."""
    asked = parse_copy_source(call.headers["x-oss-copy-source"])
    bucket = call.parts.store.get(Bucket, asked.bucket)
    if bucket is None:
        raise NO_SUCH_BUCKET.error(extra={"BucketName": asked.bucket})
    for action in ("GetObject", "GetObjectVersion") if asked.version_id else ("GetObject",):
        access.check(call, action, bucket, asked.key, "read", version_id=asked.version_id)
    if bucket.region != call.bucket.region:
        raise SOURCE_ELSEWHERE.error()
    space = call.space_of(bucket)
    stored = space.version(asked.key, asked.version_id) if asked.version_id else space.current(asked.key)
    if stored is None and asked.version_id:
        raise NO_SUCH_VERSION.error(extra={"Key": asked.key, "VersionId": asked.version_id})
    if stored is None or (stored.meta.marker and not asked.version_id):
        raise NO_SUCH_KEY.error(extra={"Key": asked.key})
    if stored.meta.marker:
        raise MARKER_BY_ID.error(extra={"Method": call.request.method, "ResourceType": "DeleteMarker"})
    check_conditions(call.headers, stored.meta, COPY_SOURCE_PREFIX)
    check_readable(call, stored.meta, asked.key)
    return Source(asked, space, stored)


# Whole objects --------------------------------------------------------------------------------------------------------


@oss.operation("CopyObject", "object", "PUT", header="x-oss-copy-source", action="PutObject", acl="write")
async def copy_object(call: Call) -> HttpResponse:
    """A symlink is copied as such. An object onto itself: only what is said about it changes."""
    check_write(call)
    source = source_of(call)
    ended = call.space.overwritten(call.key)
    if ended is not None and source.space.bucket.id == call.bucket.id and ended.entry.key == source.stored.entry.key:
        # The new version takes over the bytes of the one that it ends.
        return await _write(call, source, source.stored.entry.blobs, source.meta.upload_id)
    if source.meta.size_bytes > MOST_OBJECT_BYTES:
        raise ENTITY_TOO_LARGE.error(extra={"MaxSizeAllowed": str(MOST_OBJECT_BYTES)})
    with Copy(call.space, call.parts.ids) as copy:
        source = await _duplicated(call, source, copy)
        call.look_again()
        check_write(call)
        return await _write(call, source, copy.blobs, copy.upload_id, copy)


async def _duplicated(call: Call, source: Source, copy: Copy) -> Source:
    """What was copied. The source is read as it was at one moment; where it is deleted meanwhile, anew."""
    for attempt in range(_ATTEMPTS):
        try:
            await copy.make(source.space, source.stored)
            return source
        except DamagedBlob:
            if attempt == _ATTEMPTS - 1:
                raise
            again = source_of(call)
            if again.stored.entry == source.stored.entry:
                raise
            source = again
    raise AssertionError("the last attempt returns or raises")


async def _write(
    call: Call, source: Source, blobs: Sequence[Blob | bytes], upload_id: str, copy: Copy | None = None
) -> HttpResponse:
    """Called without a wait since the last look at the bucket."""
    meta = msgspec.structs.replace(_copied(call, source), upload_id=upload_id)
    changes, meta = call.space.write(call.key, meta, blobs)
    if copy is None:
        await call.space.commit(changes)
    else:
        done = call.space.commit([*changes, *copy.changes])
        copy.committed = True
        await done
    content = elements({"ETag": f'"{meta.etag}"', "LastModified": iso_milliseconds(meta.modified)})
    response = answers.document(document("CopyObjectResult", content))
    response.headers += [
        ("ETag", f'"{meta.etag}"'),
        *answers.version_headers(call.bucket, meta),
        *_source_version(source),
        *answers.encrypted(meta),
    ]
    if meta.crc64 is not None:
        response.headers.append(("x-oss-hash-crc64ecma", str(meta.crc64)))
    return response


def _source_version(source: Source) -> list[tuple[str, str]]:
    versioned = source.space.bucket.versioning
    return [("x-oss-copy-source-version-id", source.stored.version_id)] if versioned else []


def _copied(call: Call, source: Source) -> Meta:
    """The metadata of the copy: the source's, or the call's where it says REPLACE or copies onto itself."""
    old, headers = source.meta, call.headers
    onto_itself = (source.space.bucket.id, source.asked.key) == (call.bucket.id, call.key)
    fields: dict[str, Any] = meta_fields(call)
    tags = fields.pop("tags", {})
    if _directive(call, "x-oss-metadata-directive") == "COPY" and not onto_itself:
        fields = {
            "content_type": old.content_type,
            "headers": old.headers,
            "user": old.user,
            "acl": headers.get("x-oss-object-acl") or "default",
            "storage_class": storage_class(call),
            **encryption_fields(call),
        }
    return Meta(
        etag=old.etag,
        size_bytes=old.size_bytes,
        crc64=old.crc64,
        md5=old.md5,
        type="Normal" if old.type == APPENDABLE else old.type,
        symlink_target=old.symlink_target,
        tags=tags if _directive(call, "x-oss-tagging-directive") == "REPLACE" else old.tags,
        modified=call.now,
        order=call.space.next_order(),
        **default_retention(call),
        **fields,
    )


def _directive(call: Call, name: str) -> str:
    value = call.headers.get(name, "COPY").upper()
    if value not in ("COPY", "REPLACE"):
        raise INVALID_ARGUMENT.error(
            why=f"The value of {name} must be COPY or REPLACE.", extra={"ArgumentName": name, "ArgumentValue": value}
        )
    return value


# Parts ----------------------------------------------------------------------------------------------------------------


@oss.operation(
    "UploadPartCopy",
    "object",
    "PUT",
    "partNumber&uploadId",
    header="x-oss-copy-source",
    action="PutObject",
    acl="write",
)
async def upload_part_copy(call: Call) -> HttpResponse:
    check_part(call)
    source = source_of(call)
    first, size_bytes = _range(call, source.meta.size_bytes)
    content = await _content(call, source, first, size_bytes)
    try:
        call.look_again()
        check_part(call)
        await keep_part(call, content)
    except BaseException:
        for blob in content.blobs:
            if isinstance(blob, Blob):
                call.space.volume.forget(blob)
        raise
    result = elements({"ETag": f'"{content.etag}"', "LastModified": iso_milliseconds(call.now)})
    response = answers.document(document("CopyPartResult", result))
    response.headers += [
        ("ETag", f'"{content.etag}"'),
        ("x-oss-hash-crc64ecma", str(content.crc64)),
        *_source_version(source),
    ]
    return response


def _range(call: Call, size_bytes: int) -> tuple[int, int]:
    """Where the part begins in the source, and its size. A range that is none means all of it."""
    asked = call.headers.get("x-oss-copy-source-range")
    found = parse_range(asked, size_bytes) if asked else None
    first, last = (0, size_bytes - 1) if found is None else found
    if last - first + 1 > MOST_OBJECT_BYTES:
        raise ENTITY_TOO_LARGE.error(extra={"MaxSizeAllowed": str(MOST_OBJECT_BYTES)})
    return first, last - first + 1


async def _content(call: Call, source: Source, first: int, size_bytes: int) -> Content:
    """The bytes of the part. What is known of a whole source is not worked out again."""
    volume, meta, blobs = call.space.volume, source.meta, source.stored.entry.blobs
    if size_bytes == meta.size_bytes and len(blobs) == 1 and meta.md5 and meta.crc64 is not None:
        copy = await volume.duplicate(source.volume, blobs[0])
        return Content(size_bytes, base64.b64decode(meta.md5), meta.crc64, (copy,))
    if size_bytes <= call.parts.storage.small_bytes:
        found = pieces(source.volume, source.stored, first, size_bytes)
        return content_of(b"".join([source.volume.read(*piece) for piece in found]))
    writer = volume.writer()
    try:
        with source.space.hold(source.stored):
            for blob, start, length in pieces(source.volume, source.stored, first, size_bytes):
                await source.volume.pour(blob, writer, start, length)
        return content_of_blob(await writer.finish())
    except BaseException:
        writer.abort()
        raise
