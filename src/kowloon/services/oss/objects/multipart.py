"""Uploads in parts: begun, filled, copied into, completed, given up. What is there of them lists `multipart_listing`.

The bytes of the parts become those of the object in one commit: nothing is copied, however many there are.
"""

from __future__ import annotations

import asyncio
import hashlib
import itertools
from collections.abc import Iterator
from typing import Final

import msgspec

from kowloon.engines.blob.base import Blob, Change, Delete, Entry, Put
from kowloon.services.oss import answers, keys
from kowloon.services.oss.call import Call
from kowloon.services.oss.content import Content
from kowloon.services.oss.errors import (
    ENTITY_TOO_LARGE,
    ENTITY_TOO_SMALL,
    INVALID_ARGUMENT,
    INVALID_PART,
    INVALID_PART_ORDER,
    MALFORMED_XML,
    NO_SUCH_UPLOAD,
    PART_NOT_SEQUENTIAL,
)
from kowloon.services.oss.objects.listing import encoding_of
from kowloon.services.oss.objects.object_worm import default_retention
from kowloon.services.oss.objects.writing import check_overwrite, check_write, meta_fields, object_acl
from kowloon.services.oss.product import Answer, Body, Later, oss
from kowloon.services.oss.receiver import answered
from kowloon.services.oss.resources import Meta, Part, Upload
from kowloon.services.oss.uploads.callback import called_back, check_callback
from kowloon.wire.http import HttpResponse
from kowloon.wire.oss.crc64 import crc64_combine
from kowloon.wire.oss.headers import etag_value, url_encode
from kowloon.wire.oss.xml import Content as Elements
from kowloon.wire.oss.xml import Node, document, elements, parse

MOST_PARTS: Final = 10_000
LEAST_PART_BYTES: Final = 100 * 1024
MOST_OBJECT_BYTES: Final = MOST_PARTS * 5 * 1024**3
# Longer documents are read in a thread.
_LONG_DOCUMENT_BYTES: Final = 64 * 1024

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
    upload = upload_of(call)
    return Later(call.space.volume.commit(_ending(call, upload)), HttpResponse(204))


def upload_of(call: Call) -> Upload:
    """The upload that is meant. 404 NoSuchUpload."""
    upload_id = call.query.get("uploadId", "")
    entry = call.space.volume.get(keys.upload(call.key, upload_id))
    if entry is None:
        raise NO_SUCH_UPLOAD.error(extra={"UploadId": upload_id})
    return decode_upload(entry.value)


def parts_of(call: Call, upload: Upload, after: int = 0) -> Iterator[tuple[Part, Entry]]:
    """Those with numbers above `after`, in order."""
    for entry in call.space.volume.scan(*keys.parts_of(upload.upload_id, after)):
        yield decode_part(entry.value), entry


def _ending(call: Call, upload: Upload) -> list[Change]:
    """The upload and all of its parts gone."""
    found = call.space.volume.scan(*keys.parts_of(upload.upload_id))
    return [Delete(keys.upload(upload.key, upload.upload_id)), *(Delete(entry.key) for entry in found)]


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


# Complete -------------------------------------------------------------------------------------------------------------


@oss.operation(
    "CompleteMultipartUpload", "object", "POST", "uploadId", action="PutObject", body=Body.DOCUMENT, acl="write"
)
def complete_multipart_upload(call: Call) -> Answer:
    body = call.request.body
    if call.headers.get("x-oss-complete-all", "").lower() == "yes":
        if body.strip():
            raise INVALID_ARGUMENT.error(
                why="The body must be empty when x-oss-complete-all is yes.",
                extra={"ArgumentName": "x-oss-complete-all", "ArgumentValue": "yes"},
            )
        return complete(call, None)
    if len(body) > _LONG_DOCUMENT_BYTES:
        return _complete_long(call)
    return complete(call, _listed(parse(body)))


async def _complete_long(call: Call) -> HttpResponse:
    listed = await asyncio.get_running_loop().run_in_executor(None, lambda: _listed(parse(call.request.body)))
    return await answered(complete(call, listed))


def _listed(node: Node) -> list[tuple[int, str]]:
    """Numbers and ETags of the document, the numbers ascending. 400 MalformedXML, InvalidPartOrder."""
    if node.name != "CompleteMultipartUpload":
        raise MALFORMED_XML.error()
    listed: list[tuple[int, str]] = []
    for part in node.children("Part"):
        number, etag = part.text("PartNumber").strip(), part.text("ETag")
        if not (number.isascii() and number.isdigit()) or len(number) > 5 or not etag:
            raise MALFORMED_XML.error()
        listed.append((int(number), etag_value(etag)))
    if not listed or len(listed) > MOST_PARTS:
        raise MALFORMED_XML.error()
    if any(former[0] >= latter[0] for former, latter in itertools.pairwise(listed)):
        raise INVALID_PART_ORDER.error()
    return listed


def complete(call: Call, listed: list[tuple[int, str]] | None) -> Answer:
    """The object of these parts, or of all that are there, in one commit that ends the upload."""
    upload = upload_of(call)
    encoding = encoding_of(call)
    check_overwrite(call)
    check_callback(call)
    there = {part.number: (part, entry) for part, entry in parts_of(call, upload)}
    chosen = _chosen(upload, listed, there)
    meta = _whole(call, upload, [part for part, _ in chosen])
    blobs: list[Blob] = []
    for _, entry in chosen:
        blobs += entry.blobs
    changes, meta = call.space.write(call.key, meta, blobs)
    changes.append(Delete(keys.upload(upload.key, upload.upload_id)))
    changes += [Delete(entry.key) for _, entry in there.values()]
    return called_back(call, meta, Later(call.space.commit(changes), _completed(call, meta, encoding)))


def _chosen(
    upload: Upload, listed: list[tuple[int, str]] | None, there: dict[int, tuple[Part, Entry]]
) -> list[tuple[Part, Entry]]:
    """The parts that the object is made of, checked. 400 InvalidPart, PartNotSequential, EntityTooSmall."""
    if listed is None:
        listed = [(number, part.etag) for number, (part, _) in there.items()]
        if not listed:
            raise INVALID_PART.error(extra={"UploadId": upload.upload_id})
    chosen = []
    for number, etag in listed:
        found = there.get(number)
        if found is None or found[0].etag != etag:
            raise INVALID_PART.error(extra={"UploadId": upload.upload_id, "PartNumber": str(number), "ETag": etag})
        chosen.append(found)
    if upload.sequential and chosen[-1][0].number != len(chosen):
        raise PART_NOT_SEQUENTIAL.error(extra={"UploadId": upload.upload_id})
    for part, _ in chosen[:-1]:
        if part.size_bytes < LEAST_PART_BYTES:
            raise ENTITY_TOO_SMALL.error(
                extra={
                    "MinSizeAllowed": str(LEAST_PART_BYTES),
                    "ProposedSize": str(part.size_bytes),
                    "PartNumber": str(part.number),
                    "ETag": part.etag,
                }
            )
    return chosen


def _whole(call: Call, upload: Upload, parts: list[Part]) -> Meta:
    """The metadata of the object; its checksum is combined from those of the parts."""
    size_bytes, crc64 = 0, 0
    digests = hashlib.md5(usedforsecurity=False)
    for part in parts:
        size_bytes += part.size_bytes
        crc64 = crc64_combine(crc64, part.crc64, part.size_bytes)
        digests.update(bytes.fromhex(part.etag))
    if size_bytes > MOST_OBJECT_BYTES:
        raise ENTITY_TOO_LARGE.error(extra={"MaxSizeAllowed": str(MOST_OBJECT_BYTES)})
    meta = msgspec.structs.replace(
        upload.meta,
        etag=f"{digests.hexdigest().upper()}-{len(parts)}",
        size_bytes=size_bytes,
        crc64=crc64,
        modified=call.now,
        order=call.space.next_order(),
        **default_retention(call),
    )
    acl = object_acl(call)
    return msgspec.structs.replace(meta, acl=acl) if acl else meta


def _completed(call: Call, meta: Meta, encoding: str) -> HttpResponse:
    key = url_encode(call.key)
    content: dict[str, Elements] = {
        "EncodingType": encoding or None,
        "Location": f"http://{call.bucket.id}.{call.bucket.location}.aliyuncs.com/{key}",
        "Bucket": call.bucket.id,
        "Key": key if encoding else call.key,
        "ETag": f'"{meta.etag}"',
    }
    response = answers.document(document("CompleteMultipartUploadResult", elements(content)))
    response.headers += [
        ("ETag", f'"{meta.etag}"'),
        ("x-oss-hash-crc64ecma", str(meta.crc64)),
        *answers.version_headers(call.bucket, meta),
        *answers.encrypted(meta),
    ]
    return response
