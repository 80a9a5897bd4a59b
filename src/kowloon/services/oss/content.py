"""The bytes of one upload once they are all there: hashed, and either small enough to go with the entry or a blob."""

from __future__ import annotations

import hashlib
from binascii import b2a_base64
from collections.abc import Mapping
from typing import NamedTuple

from fastcrc import crc64

from kowloon.engines.blob.base import Blob
from kowloon.services.oss.errors import CONTENT_HASH_MISMATCH, INVALID_DIGEST


class Content(NamedTuple):
    """`blobs`: what a `Put` takes; nothing for an empty object."""

    size_bytes: int
    md5: bytes
    crc64: int
    blobs: tuple[Blob | bytes, ...]

    @property
    def etag(self) -> str:
        return self.md5.hex().upper()

    @property
    def md5_base64(self) -> str:
        return b2a_base64(self.md5, newline=False).decode()


def content_of(body: bytes) -> Content:
    """Of a body that is small enough to be held."""
    digest = hashlib.md5(body, usedforsecurity=False).digest()
    return Content(len(body), digest, crc64.xz(body), (body,) if body else ())


def content_of_blob(blob: Blob) -> Content:
    return Content(blob.size_bytes, blob.md5, blob.crc64, (blob,))


def check_digest(headers: Mapping[str, str], content: Content) -> None:
    """The body must be what the client says it is."""
    claimed = headers.get("content-md5")
    if claimed and claimed != content.md5_base64:
        raise INVALID_DIGEST.error()


def check_body_hash(declared: str, body: bytes) -> None:
    """`declared`: the x-oss-content-sha256 that was signed, when it is a hash at all."""
    if declared and hashlib.sha256(body).hexdigest() != declared.lower():
        raise CONTENT_HASH_MISMATCH.error()
