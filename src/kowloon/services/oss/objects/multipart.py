"""Uploads in parts: begun, filled, given up. Of the rest: `copying`, `completing`, `multipart_listing`."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Final

import msgspec

from kowloon.engines.blob.base import Change, Delete, Put, Volume
from kowloon.services.oss import answers, keys
from kowloon.services.oss.call import Call
from kowloon.services.oss.content import Content
from kowloon.services.oss.errors import (
    INVALID_ARGUMENT,
    NO_SUCH_UPLOAD,
    PART_NOT_SEQUENTIAL,
)
from kowloon.services.oss.leftovers import all_gone
from kowloon.services.oss.objects.listing import encoding_of
from kowloon.services.oss.objects.writing import check_write, meta_fields
from kowloon.services.oss.product import Answer, Body, Later, oss
from kowloon.services.oss.resources import Meta, Part, Upload
from kowloon.wire.http import HttpResponse
from kowloon.wire.oss.headers import url_encode
from kowloon.wire.oss.xml import Content as Elements
from kowloon.wire.oss.xml import document, elements

MOST_PARTS: Final = 10_000

encode = msgspec.msgpack.Encoder().encode
decode_upload = msgspec.msgpack.Decoder(Upload).decode
decode_part = msgspec.msgpack.Decoder(Part).decode


# Begin and give up ----------------------------------------------------------------------------------------------------


@oss.operation(
    "InitiateMultipartUpload", "object", "POST", "uploads", action="PutObject", acl="write", also=("sequential",)
)
def initiate_multipart_upload(call: Call) -> Answer:
    check_write(call)
    encoding = encoding_of(call)
    order = call.space.next_order()
    meta = Meta(etag="", size_bytes=0, modified=call.now, order=order, type="Multipart", **meta_fields(call))
    upload_id = call.parts.ids.hex(32).upper()
    upload = Upload(
        key=call.key, upload_id=upload_id, started=call.now, meta=meta, sequential="sequential" in call.query
    )
    content: dict[str, Elements] = {
        "EncodingType": encoding or None,
        "Bucket": call.bucket.id,
        "Key": url_encode(call.key) if encoding else call.key,
        "UploadId": upload_id,
    }
    response = answers.document(document("InitiateMultipartUploadResult", elements(content)))
    response.headers += answers.encrypted(meta)
    return Later(call.space.volume.commit([Put(keys.upload(call.key, upload_id), encode(upload))]), response)


@oss.operation("AbortMultipartUpload", "object", "DELETE", "uploadId", acl="write")
def abort_multipart_upload(call: Call) -> Answer:
    return Later(call.space.commit(ending(upload_of(call))), HttpResponse(204))


def upload_of(call: Call) -> Upload:
    """The upload that is meant. 404 NoSuchUpload."""
    upload_id = call.query.get("uploadId", "")
    entry = call.space.volume.get(keys.upload(call.key, upload_id))
    if entry is None:
        raise NO_SUCH_UPLOAD.error(extra={"UploadId": upload_id})
    return decode_upload(entry.value)


def ending(upload: Upload) -> list[Change]:
    """The upload gone, and its parts noted as such: there may be thousands."""
    return [Delete(keys.upload(upload.key, upload.upload_id)), all_gone(upload.upload_id)]


def parts_of(volume: Volume, upload_id: str, after: int = 0, last: int = MOST_PARTS) -> Iterator[Part]:
    """Those with numbers above `after`, up to `last`, in order."""
    start, end = keys.part(upload_id, after + 1), keys.part(upload_id, last + 1)
    for _, value in volume.values(start, end):
        yield decode_part(value)


# Parts ----------------------------------------------------------------------------------------------------------------


def check_part(call: Call) -> None:
    """Refuses a part for what its query says; asked before its bytes and again after them."""
    number, upload = part_number(call), upload_of(call)
    if upload.sequential:
        # The last one may be sent again, by a client that missed the answer.
        last = next(call.space.volume.scan(*keys.parts_of(upload.upload_id), reverse=True), None)
        there = 0 if last is None else decode_part(last.value).number
        if number not in (there, there + 1):
            raise PART_NOT_SEQUENTIAL.error(extra={"PartNumber": str(number)})


def part_number(call: Call) -> int:
    text = call.query.get("partNumber", "")
    if not (text.isascii() and text.isdigit()) or not 1 <= int(text) <= MOST_PARTS:
        raise INVALID_ARGUMENT.error(
            why=f"Part number must be an integer between 1 and {MOST_PARTS}, inclusive.",
            extra={"ArgumentName": "partNumber", "ArgumentValue": text},
        )
    return int(text)


@oss.operation(
    "UploadPart",
    "object",
    "PUT",
    "partNumber&uploadId",
    action="PutObject",
    body=Body.OBJECT,
    check=check_part,
    acl="write",
)
def upload_part(call: Call, content: Content) -> Answer:
    """A part that is sent again replaces what was there under its number."""
    headers = [
        ("ETag", f'"{content.etag}"'),
        ("x-oss-hash-crc64ecma", str(content.crc64)),
        ("Content-MD5", content.md5_base64),
    ]
    return Later(keep_part(call, content), HttpResponse(200, headers=headers))


def keep_part(call: Call, content: Content) -> asyncio.Future[None]:
    """Of a call that `check_part` has let through, without a wait since."""
    upload, number = upload_of(call), part_number(call)
    part = Part(number=number, etag=content.etag, size_bytes=content.size_bytes, crc64=content.crc64, modified=call.now)
    return call.space.volume.commit([Put(keys.part(upload.upload_id, number), encode(part), content.blobs)])
