"""Finding and sending what is stored: the version that is meant, its range, its bytes."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from itertools import islice
from typing import Final

import msgspec

from kowloon.services.oss import answers
from kowloon.services.oss.access import access
from kowloon.services.oss.assembled import PartFiles, pieces
from kowloon.services.oss.call import Call
from kowloon.services.oss.errors import (
    ANONYMOUS_OVERRIDE,
    INVALID_OBJECT_STATE,
    INVALID_TARGET_TYPE,
    MARKER_BY_ID,
    NO_SUCH_KEY,
    NO_SUCH_VERSION,
    NOT_MODIFIED,
    PRECONDITION_FAILED,
    SYMLINK_TARGET_MISSING,
)
from kowloon.services.oss.objects.writing import ARCHIVED
from kowloon.services.oss.product import Answer, Later
from kowloon.services.oss.resources import NULL_VERSION, Meta
from kowloon.services.oss.runs.lifecycle import lifecycle_headers
from kowloon.services.oss.space import Stored
from kowloon.wire.http import FileSlice, HttpResponse
from kowloon.wire.oss.headers import PROCEED, Outcome, evaluate_conditions, parse_range
from kowloon.wire.responses import header_lines

SYMLINK: Final = "Symlink"
APPENDABLE: Final = "Appendable"
# Answers of at most this many bytes are made in memory.
HELD_BYTES: Final = 64 * 1024
# Of an assembled object at most so many files are opened before an answer begins.
_MOST_FILES: Final = 64
# A stored page that is served from a host which other pages share must not act as one of them.
_ISOLATED: Final = [("Content-Security-Policy", "sandbox"), ("X-Content-Type-Options", "nosniff")]
_ISOLATED_LINES: Final = header_lines(_ISOLATED)
_OVERRIDES: Final = {
    "response-content-type": "Content-Type",
    "response-content-language": "Content-Language",
    "response-expires": "Expires",
    "response-cache-control": "Cache-Control",
    "response-content-disposition": "Content-Disposition",
    "response-content-encoding": "Content-Encoding",
}


def wanted(call: Call) -> Stored:
    """The version that is asked for. 404 NoSuchKey or NoSuchVersion; a delete marker says that it is one."""
    key = call.address.key
    version_id = call.version_id if call.query else ""
    stored = call.space.version(key, version_id) if version_id else call.space.current(key)
    if stored is None:
        if version_id:
            raise NO_SUCH_VERSION.error(extra={"Key": call.key, "VersionId": version_id})
        raise NO_SUCH_KEY.error(extra={"Key": call.key})
    if stored.meta.marker:
        headers = {"x-oss-delete-marker": "true", "x-oss-version-id": stored.version_id}
        if version_id:
            raise MARKER_BY_ID.error(
                headers=headers, extra={"Method": call.request.method, "ResourceType": "DeleteMarker"}
            )
        raise NO_SUCH_KEY.error(headers=headers, extra={"Key": call.key})
    return stored


def followed(call: Call, stored: Stored) -> Stored:
    """What a symlink leads to, or the object itself."""
    if stored.meta.type != SYMLINK:
        return stored
    key = stored.meta.symlink_target
    target = call.space.current(key)
    if target is None or target.meta.marker:
        raise SYMLINK_TARGET_MISSING.error(extra={"Key": call.key})
    if target.meta.type == SYMLINK:
        raise INVALID_TARGET_TYPE.error(extra={"Key": call.key})
    access.check(call, "GetObject", call.bucket, key, "read")
    return target


def seen(link: Stored, stored: Stored) -> Meta:
    """What is said about an object: through a symlink its content is the target's, everything else the link's own."""
    if link is stored:
        return stored.meta
    own, target = link.meta, stored.meta
    return msgspec.structs.replace(
        own,
        etag=target.etag,
        size_bytes=target.size_bytes,
        crc64=target.crc64,
        md5=target.md5,
        modified=max(own.modified, target.modified),
    )


def check_readable(call: Call, meta: Meta, key: str) -> None:
    """403 InvalidObjectState for the bytes of an archived object that is not restored."""
    if meta.storage_class in ARCHIVED and not meta.restore_ready_at <= call.now < meta.restore_until:
        raise INVALID_OBJECT_STATE.error(extra={"ObjectName": key})


def check_conditions(headers: Mapping[str, str], meta: Meta, prefix: str = "") -> None:
    """If-Match and its kin: 412 or 304. `prefix` for those about the source of a copy."""
    outcome = evaluate_conditions(headers, meta.etag, meta.modified, prefix)
    if outcome is PROCEED:
        return
    if outcome is Outcome.FAILED:
        raise PRECONDITION_FAILED.error(extra={"Condition": "If-Match"})
    if outcome is Outcome.NOT_MODIFIED:
        raise NOT_MODIFIED.error(headers={"ETag": f'"{meta.etag}"'})


def overrides(call: Call) -> dict[str, str]:
    """Response headers that the query sets; only who signed may set them."""
    found = {_OVERRIDES[name]: value for name, value in call.query.items() if name in _OVERRIDES}
    if found and call.anonymous:
        raise ANONYMOUS_OVERRIDE.error()
    return found


def described(call: Call, meta: Meta) -> list[tuple[str, str]]:
    """The headers of GET and HEAD."""
    return [*answers.described(meta), *_besides(call, meta)]


def _besides(call: Call, meta: Meta) -> list[tuple[str, str]]:
    """What an object's own metadata do not tell. A version from before versioning says so only where there are
    others."""
    headers = lifecycle_headers(call, call.key, meta) if call.has_settings or meta.transitioned else []
    if call.bucket.versioning and not meta.version_id:
        headers.append(("x-oss-version-id", NULL_VERSION))
    if meta.restore_ready_at:
        headers += answers.restored(meta, call.now)
    return headers


def isolated(call: Call) -> list[tuple[str, str]]:
    """What keeps a page from acting as others on its host, where it shares one."""
    return _ISOLATED if call.address.style == "path" else []


def send(call: Call, link: Stored, stored: Stored) -> HttpResponse:
    """The answer to a GET of `link`, which leads to `stored` or is it: whole or a range of its bytes."""
    if link is stored and not call.query and "range" not in call.headers:
        # Nothing is different from what is said to everybody.
        response = HttpResponse(200, headers=_besides(call, stored.meta))
        response.lines = answers.described_lines(stored.entry.value)
        if call.address.style == "path":
            response.lines += _ISOLATED_LINES
        return filled(call, response, stored, 0, stored.meta.size_bytes)
    meta = seen(link, stored)
    headers = described(call, meta)
    if call.query:
        changed = overrides(call)
        if changed:
            headers = [pair for pair in headers if pair[0] not in changed] + list(changed.items())
    headers += isolated(call)
    start, size_bytes, status = 0, meta.size_bytes, 200
    asked = call.headers.get("range")
    if asked is not None:
        standard = call.headers.get("x-oss-range-behavior") == "standard"
        found = parse_range(asked, meta.size_bytes, standard=standard)
        if found is not None:
            start, size_bytes, status = found[0], found[1] - found[0] + 1, 206
            headers = [pair for pair in headers if pair[0] != "Content-MD5"]
            headers.append(("Content-Range", f"bytes {start}-{found[1]}/{meta.size_bytes}"))
    return filled(call, HttpResponse(status, headers=headers), stored, start, size_bytes)


def filled(call: Call, response: HttpResponse, stored: Stored, start: int, size_bytes: int) -> HttpResponse:
    """The response with those bytes of a version: in memory when they are few, else straight from the files."""
    volume, blobs, upload_id = call.space.volume, stored.entry.blobs, stored.meta.upload_id
    if size_bytes <= HELD_BYTES:
        if len(blobs) == 1 and not upload_id:
            response.body = volume.read(blobs[0], start, size_bytes)
        else:
            response.body = b"".join([volume.read(*piece) for piece in pieces(volume, stored, start, size_bytes)])
        return response
    found = pieces(volume, stored, start, size_bytes)
    files: list[FileSlice] = []
    try:
        for piece in islice(found, _MOST_FILES) if upload_id else found:
            files += volume.slices(*piece)
        more = next(found, None) is not None
    except BaseException:
        volume.release(files)
        raise
    if more:
        volume.release(files)
        response.files = PartFiles(call.space, stored, start, size_bytes)
    else:
        response.files = files
    return response


def answered(call: Call, response: HttpResponse, *shown: Stored) -> Answer:
    """The answer about these versions: once they are acknowledged, or a crash could take back what it says."""
    if call.space.volume.is_settled:
        return response
    waiting = settled(call, *shown)
    return response if waiting is None else Later(waiting, response)


def settled(call: Call, *shown: Stored) -> asyncio.Future[None] | None:
    """What to wait for before an answer may show those versions; None when they are acknowledged already."""
    volume = call.space.volume
    for stored in shown:
        if volume.pending(stored.entry.key):
            return volume.settled()
    return None
