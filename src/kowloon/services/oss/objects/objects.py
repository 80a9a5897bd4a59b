"""PutObject, GetObject, HeadObject, GetObjectMeta, DeleteObject: the calls that everyone makes."""

from __future__ import annotations

from kowloon.services.oss import answers
from kowloon.services.oss.buckets.archive_direct_read import is_read_directly
from kowloon.services.oss.call import Call
from kowloon.services.oss.content import Content
from kowloon.services.oss.objects.guards import check_removable, check_replaceable
from kowloon.services.oss.objects.reading import (
    answered,
    check_conditions,
    check_readable,
    described,
    followed,
    overrides,
    seen,
    send,
    wanted,
)
from kowloon.services.oss.objects.writing import ARCHIVED, check_write, new_meta
from kowloon.services.oss.product import Answer, Body, Later, oss
from kowloon.services.oss.runs.lifecycle import note_access
from kowloon.services.oss.space import Removal
from kowloon.services.oss.uploads.callback import called_back, check_callback
from kowloon.wire.http import HttpResponse
from kowloon.wire.oss.dates import http_date


def check_put(call: Call) -> None:
    check_write(call)
    if call.may_ask_for_callback:
        check_callback(call)


@oss.operation("PutObject", "object", "PUT", body=Body.OBJECT, check=check_put, acl="write")
def put_object(call: Call, content: Content) -> Answer:
    changes, meta = call.space.write(call.key, new_meta(call, content), content.blobs)
    headers = [
        ("ETag", f'"{meta.etag}"'),
        ("x-oss-hash-crc64ecma", str(meta.crc64)),
        ("Content-MD5", meta.md5),
        *answers.version_headers(call.bucket, meta),
        *answers.encrypted(meta),
    ]
    later = Later(call.space.commit(changes), HttpResponse(200, headers=headers))
    return called_back(call, meta, later) if call.may_ask_for_callback else later


@oss.operation("GetObject", "object", "GET", acl="read")
def get_object(call: Call) -> Answer:
    link = wanted(call)
    stored = followed(call, link)
    if stored.meta.storage_class in ARCHIVED and not is_read_directly(call, stored.meta):
        check_readable(call, stored.meta, call.key)
    check_conditions(call.headers, seen(link, stored))
    answer = answered(call, send(call, link, stored), link, stored)
    if call.has_settings:
        note_access(call, stored)
    return answer


@oss.operation("HeadObject", "object", "HEAD", action="GetObject", acl="read")
def head_object(call: Call) -> Answer:
    link = wanted(call)
    stored = followed(call, link)
    meta = seen(link, stored)
    check_conditions(call.headers, meta)
    headers = described(call, meta)
    changed = overrides(call)
    headers = [pair for pair in headers if pair[0] not in changed] + list(changed.items())
    headers.append(("Content-Length", str(meta.size_bytes)))
    return answered(call, HttpResponse(200, headers=headers), link, stored)


@oss.operation("GetObjectMeta", "object", "HEAD", "objectMeta", action="GetObject", acl="read")
@oss.operation("GetObjectMeta", "object", "GET", "objectMeta", action="GetObject", acl="read")
def get_object_meta(call: Call) -> Answer:
    """The few things about an object that cost nothing: neither its type nor its own headers."""
    stored = wanted(call)
    meta = stored.meta
    headers = [
        ("ETag", f'"{meta.etag}"'),
        ("Last-Modified", http_date(int(meta.modified))),
        ("Content-Length", str(meta.size_bytes)),
        *answers.version_of(call.bucket, stored),
    ]
    if meta.crc64 is not None:
        headers.append(("x-oss-hash-crc64ecma", str(meta.crc64)))
    if meta.transitioned:
        headers.append(("x-oss-transition-time", http_date(int(meta.transitioned))))
    return answered(call, HttpResponse(200, headers=headers), stored)


@oss.operation("DeleteObject", "object", "DELETE", acl="write")
def delete_object(call: Call) -> Answer:
    """204 for what is not there, too. Says which version went, or which marker was made."""
    check_deletion(call, call.key, call.version_id)
    removal = deletion(call, call.key, call.version_id)
    headers = [("x-oss-version-id", removal.version_id)] if removal.version_id else []
    if removal.made_marker or removal.was_marker:
        headers.append(("x-oss-delete-marker", "true"))
    response = HttpResponse(204, headers=headers)
    return Later(call.space.commit(removal.changes), response) if removal.changes else response


def deletion(call: Call, key: str, version_id: str) -> Removal:
    """What deleting it changes; nothing for a version that is not there. To be asked first: `check_deletion`."""
    if not version_id:
        return call.space.remove(key)
    stored = call.space.version(key, version_id)
    return Removal([], version_id) if stored is None else call.space.remove_version(key, stored)


def check_deletion(call: Call, key: str, version_id: str) -> None:
    """409 FileImmutable for what must stay."""
    if not version_id:
        check_replaceable(call, key)
        return
    stored = call.space.version(key, version_id)
    if stored is not None:
        check_removable(call, key, stored)
