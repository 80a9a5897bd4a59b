"""Headers of object answers, and documents."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Final

from kowloon.services.oss.errors import INVALID_ARGUMENT
from kowloon.services.oss.resources import VERSIONING_ENABLED, Bucket, Meta
from kowloon.services.oss.space import MOST_KNOWN_BYTES, Stored, decode_meta
from kowloon.wire.http import HttpResponse
from kowloon.wire.oss.dates import http_date
from kowloon.wire.oss.headers import METADATA_PREFIX, user_metadata
from kowloon.wire.oss.xml import Content
from kowloon.wire.responses import header_lines

DEFAULT_TYPE: Final = "application/octet-stream"
XML_TYPE: Final = "application/xml"
# What a writer may set and readers get back, as it is spelled on the wire.
KEPT_HEADERS: Final = {
    "cache-control": "Cache-Control",
    "content-disposition": "Content-Disposition",
    "content-encoding": "Content-Encoding",
    "content-language": "Content-Language",
    "expires": "Expires",
}


def document(body: bytes) -> HttpResponse:
    return HttpResponse(200, body, content_type=XML_TYPE)


def kept_headers(headers: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    if not any(name in headers for name in KEPT_HEADERS):
        return ()
    return tuple((spelled, headers[name]) for name, spelled in KEPT_HEADERS.items() if headers.get(name))


def user_headers(headers: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """The user's own metadata, in the order sent. At most 8 KB."""
    found = user_metadata(headers)
    if METADATA_PREFIX in found:
        raise INVALID_ARGUMENT.error(why="The name of a user metadata header is empty.")
    return tuple(found.items())


def owner(account: str) -> dict[str, Content]:
    """Elements of who a bucket or object belongs to."""
    return {"ID": account, "DisplayName": account}


def described_lines(value: bytes) -> str:
    """What `described` says of what an entry's value is decoded to, rendered."""
    return _known_lines(value) if len(value) <= MOST_KNOWN_BYTES else _lines_of(value)


def _lines_of(value: bytes) -> str:
    return header_lines(described(decode_meta(value)))


_known_lines: Final = functools.lru_cache(maxsize=8192)(_lines_of)


def described(meta: Meta) -> list[tuple[str, str]]:
    """What GET and HEAD say about an object."""
    headers = [
        ("Content-Type", meta.content_type or DEFAULT_TYPE),
        ("Accept-Ranges", "bytes"),
        ("ETag", f'"{meta.etag}"'),
        ("Last-Modified", http_date(int(meta.modified))),
        ("x-oss-object-type", meta.type),
        ("x-oss-storage-class", meta.storage_class),
    ]
    if meta.crc64 is not None:
        headers.append(("x-oss-hash-crc64ecma", str(meta.crc64)))
    if meta.md5:
        headers.append(("Content-MD5", meta.md5))
    if meta.version_id:
        headers.append(("x-oss-version-id", meta.version_id))
    if meta.headers:
        headers.extend(meta.headers)
    if meta.user:
        headers.extend(meta.user)
    if meta.tags:
        headers.append(("x-oss-tagging-count", str(len(meta.tags))))
    if meta.encryption:
        headers.extend(encrypted(meta))
    if meta.type == "Appendable":
        headers.append(("x-oss-next-append-position", str(meta.size_bytes)))
        if meta.sealed_at:
            headers.append(("x-oss-sealed-time", http_date(int(meta.sealed_at))))
    if meta.transitioned:
        headers.append(("x-oss-transition-time", http_date(int(meta.transitioned))))
    return headers


def restored(meta: Meta, now: float) -> list[tuple[str, str]]:
    """How far the restore of an archived object is; nothing once it is frozen again."""
    if now < meta.restore_ready_at:
        return [("x-oss-restore", 'ongoing-request="true"')]
    if now < meta.restore_until:
        expiry = http_date(int(meta.restore_until))
        return [("x-oss-restore", f'ongoing-request="false", expiry-date="{expiry}"')]
    return []


def encrypted(meta: Meta) -> list[tuple[str, str]]:
    """How an object is encrypted, if it is."""
    if not meta.encryption:
        return []
    headers = [("x-oss-server-side-encryption", meta.encryption)]
    if meta.encryption_key:
        headers.append(("x-oss-server-side-encryption-key-id", meta.encryption_key))
    return headers


def version_of(bucket: Bucket, stored: Stored) -> list[tuple[str, str]]:
    """Which version an answer is about; nothing while versioning was never set."""
    return [("x-oss-version-id", stored.version_id)] if bucket.versioning else []


def version_headers(bucket: Bucket, meta: Meta) -> list[tuple[str, str]]:
    """What a write says about the version it made; nothing while versioning was never set."""
    if not bucket.versioning:
        return []
    return [("x-oss-version-id", meta.version_id if bucket.versioning == VERSIONING_ENABLED else "null")]
