"""CompleteMultipartUpload: the parts become one object, in one commit that ends the upload. No byte is copied.

An object of few parts takes over their blobs; of many it is assembled (`assembled.py`). Many are looked at a block at a
time while other calls go on, and what those change is looked at again, so that the commit is of what is there then.
"""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Final, NamedTuple

import msgspec

from kowloon.engines.blob.base import Blob, Delete, Volume, Watch
from kowloon.services.oss import answers, keys
from kowloon.services.oss.assembled import PartList
from kowloon.services.oss.call import Call
from kowloon.services.oss.errors import (
    ENTITY_TOO_LARGE,
    ENTITY_TOO_SMALL,
    INVALID_ARGUMENT,
    INVALID_PART,
    INVALID_PART_ORDER,
    MALFORMED_XML,
    PART_NOT_SEQUENTIAL,
)
from kowloon.services.oss.leftovers import some_gone
from kowloon.services.oss.objects.listing import encoding_of
from kowloon.services.oss.objects.multipart import MOST_PARTS, decode_part, parts_of, upload_of
from kowloon.services.oss.objects.object_worm import default_retention
from kowloon.services.oss.objects.writing import check_overwrite, object_acl
from kowloon.services.oss.product import Answer, Body, Later, oss
from kowloon.services.oss.receiver import answered
from kowloon.services.oss.resources import Meta, Part, Upload
from kowloon.services.oss.uploads.callback import called_back, check_callback
from kowloon.wire.http import HttpResponse
from kowloon.wire.oss.crc64 import crc64_combine
from kowloon.wire.oss.headers import etag_value, url_encode
from kowloon.wire.oss.xml import MOST_BODY_BYTES, Node, document, elements, parse
from kowloon.wire.oss.xml import Content as Elements

# An object of more parts is assembled.
MOST_OWN_PARTS: Final = 16
LEAST_PART_BYTES: Final = 100 * 1024
MOST_OBJECT_BYTES: Final = MOST_PARTS * 5 * 1024**3
# Numbers of parts that are looked at before others get a turn, and parts of a document.
BLOCK: Final = 50
_READ_AT_ONCE: Final = 500
# Blocks whose checksums are combined at once.
_COMBINED_AT_ONCE: Final = 50
# How often all parts are looked at, if others go on changing them, before nobody else gets a turn.
_PATIENCE: Final = 4
# Longer documents are read with waits in between.
_LONG_DOCUMENT_BYTES: Final = 16 * 1024

# What clients send; any other document is for the XML parser, which takes much longer.
_PLAIN_HEAD: Final = re.compile(
    rb"""[ \t\r\n]*(?:<\?xml version=["']1.0["'](?: encoding=["'][uU][tT][fF]-8["'])? ?\?>)?"""
    rb"""[ \t\r\n]*<CompleteMultipartUpload(?: xmlns="[\w:/.-]*")?>[ \t\r\n]*"""
)
_PLAIN_PART: Final = re.compile(
    rb"<Part>[ \t\r\n]*<PartNumber>[ \t\r\n]*([0-9]{1,5})[ \t\r\n]*</PartNumber>[ \t\r\n]*"
    rb"""<ETag>(?:"|&quot;)?([0-9A-Za-z]+)(?:"|&quot;)?</ETag>[ \t\r\n]*</Part>[ \t\r\n]*"""
)
_PLAIN_TAIL: Final = re.compile(rb"</CompleteMultipartUpload>[ \t\r\n]*")

Listed = tuple[int, str]


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
    listed = await _long_list(call.request.body)
    call.look_again()
    return await answered(complete(call, listed))


# What is asked for ----------------------------------------------------------------------------------------------------


async def _long_list(body: bytes) -> list[Listed]:
    """As `_listed`, of a document of any length."""
    listed: list[Listed] = []
    for some in _plain_parts(body) if len(body) <= MOST_BODY_BYTES else (None,):
        if some is None:
            return await asyncio.get_running_loop().run_in_executor(None, lambda: _listed(parse(body)))
        listed += some
        await asyncio.sleep(0)
    return _checked(listed)


def _plain_parts(body: bytes) -> Iterator[list[Listed] | None]:
    """The parts of a document that is written as usual, some at a time; None where it turns out to be another."""
    head = _PLAIN_HEAD.match(body)
    at = 0 if head is None else head.end()
    while head is not None:
        some: list[Listed] = []
        while len(some) < _READ_AT_ONCE and (found := _PLAIN_PART.match(body, at)) is not None:
            some.append((int(found[1]), found[2].decode().upper()))
            at = found.end()
        yield some
        if len(some) < _READ_AT_ONCE:
            break
    if _PLAIN_TAIL.fullmatch(body, at) is None:
        yield None


def _listed(node: Node) -> list[Listed]:
    """Numbers and ETags of the document, the numbers ascending. 400 MalformedXML, InvalidPartOrder."""
    if node.name != "CompleteMultipartUpload":
        raise MALFORMED_XML.error()
    listed: list[Listed] = []
    for part in node.children("Part"):
        number, etag = part.text("PartNumber").strip(), part.text("ETag")
        if not (number.isascii() and number.isdigit()) or len(number) > 5 or not etag:
            raise MALFORMED_XML.error()
        listed.append((int(number), etag_value(etag)))
    return _checked(listed)


def _checked(listed: list[Listed]) -> list[Listed]:
    if not listed or len(listed) > MOST_PARTS:
        raise MALFORMED_XML.error()
    if any(former[0] >= latter[0] for former, latter in itertools.pairwise(listed)):
        raise INVALID_PART_ORDER.error()
    return listed


# What is there --------------------------------------------------------------------------------------------------------


class Block(NamedTuple):
    """Parts in a row: those that are chosen by number and size, their checksum, and MD5s; the first of them that only
    the last part of all may be as small as; numbers of parts that are there and not chosen."""

    numbers: list[int]
    sizes_bytes: list[int]
    crc64: int
    digests: bytes
    small: Part | None
    left: list[int]


def _block(upload: Upload, listed: Iterable[Listed] | None, parts: Iterable[Part]) -> Block:
    """`listed` None: all of them are chosen. 400 InvalidPart."""
    there = {part.number: part for part in parts}
    if listed is None:
        listed = [(number, part.etag) for number, part in there.items()]
    numbers: list[int] = []
    sizes_bytes: list[int] = []
    crc64, digests, small = 0, [], None
    for number, etag in listed:
        part = there.pop(number, None)
        if part is None or part.etag != etag:
            raise INVALID_PART.error(extra={"UploadId": upload.upload_id, "PartNumber": str(number), "ETag": etag})
        numbers.append(number)
        sizes_bytes.append(part.size_bytes)
        crc64 = crc64_combine(crc64, part.crc64, part.size_bytes)
        digests.append(bytes.fromhex(part.etag))
        if part.size_bytes < LEAST_PART_BYTES and small is None:
            small = part
    return Block(numbers, sizes_bytes, crc64, b"".join(digests), small, list(there))


class Gathering:
    """All parts of an upload, block by block."""

    def __init__(self, volume: Volume, upload: Upload, listed: Sequence[Listed] | None) -> None:
        self._volume = volume
        self._upload = upload
        self._listed: dict[int, list[Listed]] | None = None
        self._all = range(block_of(MOST_PARTS) + 1)
        if listed is not None:
            self._listed = {}
            for number, some in itertools.groupby(listed, lambda part: block_of(part[0])):
                self._listed[number] = list(some)
            self._all = range(max(self._all.stop, block_of(listed[-1][0]) + 1))
        self._open = set(self._all)
        self._blocks: dict[int, Block] = {}
        #: Of the first block, of the first two, and so on, as far as they are known.
        self._checksums: list[int] = []

    async def run(self, watch: Watch) -> tuple[list[Block], int]:
        """What is there when it returns, and the checksum of it: nothing was waited for since. 400 InvalidPart."""
        for turn in itertools.count():
            changed = watch.changed()
            self._reopen(self._all if changed is None else {block_of(keys.number_of_part(key)) for key in changed})
            if self._open:
                self._look(min(self._open))
            elif len(self._checksums) < len(self._all):
                self._combine()
            else:
                break
            if turn < _PATIENCE * len(self._all):
                await asyncio.sleep(0)
        return [self._blocks[number] for number in self._all], self._checksums[-1]

    def _reopen(self, numbers: Collection[int]) -> None:
        if numbers:
            self._open.update(numbers)
            del self._checksums[min(numbers) :]

    def _combine(self) -> None:
        known = len(self._checksums)
        checksum = self._checksums[-1] if known else 0
        for number in self._all[known : known + _COMBINED_AT_ONCE]:
            block = self._blocks[number]
            checksum = crc64_combine(checksum, block.crc64, sum(block.sizes_bytes))
            self._checksums.append(checksum)

    def _look(self, number: int) -> None:
        listed = None if self._listed is None else self._listed.get(number, ())
        after = number * BLOCK
        parts = parts_of(self._volume, self._upload.upload_id, after, after + BLOCK) if after < MOST_PARTS else ()
        self._blocks[number] = _block(self._upload, listed, parts)
        self._open.remove(number)


def block_of(number: int) -> int:
    return (number - 1) // BLOCK


# The object -----------------------------------------------------------------------------------------------------------


def complete(call: Call, listed: list[Listed] | None) -> Answer:
    """The object of these parts, or of all that are there."""
    upload = upload_of(call)
    encoding_of(call)
    check_overwrite(call)
    check_callback(call)
    volume = call.space.volume
    entries = list(itertools.islice(volume.scan(*keys.parts_of(upload.upload_id)), MOST_OWN_PARTS + 1))
    if len(entries) > MOST_OWN_PARTS:
        return _assemble(call, upload, listed)
    block = _block(upload, listed, [decode_part(entry.value) for entry in entries])
    by_number = {keys.number_of_part(entry.key): entry for entry in entries}
    blobs: list[Blob] = []
    for number in block.numbers:
        blobs += by_number[number].blobs
    changes, meta = call.space.write(call.key, _whole(call, upload, [block], block.crc64), blobs)
    changes.append(Delete(keys.upload(upload.key, upload.upload_id)))
    changes += [Delete(entry.key) for entry in entries]
    return called_back(call, meta, Later(call.space.commit(changes), _completed(call, meta)))


async def _assemble(call: Call, upload: Upload, listed: list[Listed] | None) -> HttpResponse:
    volume, upload_id = call.space.volume, upload.upload_id
    with volume.watch(*keys.parts_of(upload_id)) as watch:
        blocks, crc64 = await Gathering(volume, upload, listed).run(watch)
    call.look_again()
    # Somebody else may have ended it meanwhile.
    upload = upload_of(call)
    check_overwrite(call)
    meta = msgspec.structs.replace(_whole(call, upload, blocks, crc64), upload_id=upload_id)
    numbers = [number for block in blocks for number in block.numbers]
    parts = PartList.of(numbers, [size_bytes for block in blocks for size_bytes in block.sizes_bytes])
    call.space.leftovers.assembled_in(volume)
    changes, meta = call.space.write(call.key, meta, [parts.packed()])
    changes.append(Delete(keys.upload(upload.key, upload_id)))
    left = [number for block in blocks for number in block.left]
    if left:
        changes.append(some_gone(upload_id, left))
    return await answered(called_back(call, meta, Later(call.space.commit(changes), _completed(call, meta))))


def _whole(call: Call, upload: Upload, blocks: Sequence[Block], crc64: int) -> Meta:
    """The metadata of the object. 400 InvalidPart, PartNotSequential, EntityTooSmall, EntityTooLarge."""
    count = sum(len(block.numbers) for block in blocks)
    if not count:
        raise INVALID_PART.error(extra={"UploadId": upload.upload_id})
    last = next(block.numbers[-1] for block in reversed(blocks) if block.numbers)
    if upload.sequential and last != count:
        raise PART_NOT_SEQUENTIAL.error(extra={"UploadId": upload.upload_id})
    size_bytes = 0
    digests = hashlib.md5(usedforsecurity=False)
    for block in blocks:
        if block.small is not None and block.small.number != last:
            raise _too_small(block.small)
        size_bytes += sum(block.sizes_bytes)
        digests.update(block.digests)
    if size_bytes > MOST_OBJECT_BYTES:
        raise ENTITY_TOO_LARGE.error(extra={"MaxSizeAllowed": str(MOST_OBJECT_BYTES)})
    meta = msgspec.structs.replace(
        upload.meta,
        etag=f"{digests.hexdigest().upper()}-{count}",
        size_bytes=size_bytes,
        crc64=crc64,
        modified=call.now,
        order=call.space.next_order(),
        **default_retention(call),
    )
    acl = object_acl(call)
    return msgspec.structs.replace(meta, acl=acl) if acl else meta


def _too_small(part: Part) -> Exception:
    return ENTITY_TOO_SMALL.error(
        extra={
            "MinSizeAllowed": str(LEAST_PART_BYTES),
            "ProposedSize": str(part.size_bytes),
            "PartNumber": str(part.number),
            "ETag": part.etag,
        }
    )


def _completed(call: Call, meta: Meta) -> HttpResponse:
    key, encoding = url_encode(call.key), encoding_of(call)
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
