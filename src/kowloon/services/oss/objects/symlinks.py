"""PutSymlink and GetSymlink. What a link leads to is looked at when it is read, as at the vendor."""

from __future__ import annotations

import hashlib

from kowloon.core.errors import ApiError
from kowloon.services.oss import answers
from kowloon.services.oss.call import Call
from kowloon.services.oss.content import Content
from kowloon.services.oss.errors import INVALID_ARGUMENT, NOT_A_SYMLINK
from kowloon.services.oss.objects.reading import SYMLINK, answered, wanted
from kowloon.services.oss.objects.writing import check_write, new_meta
from kowloon.services.oss.product import Answer, Later, oss
from kowloon.wire.http import HttpResponse
from kowloon.wire.oss.addressing import valid_object_name
from kowloon.wire.oss.dates import http_date
from kowloon.wire.oss.headers import url_encode
from kowloon.wire.parameters import decode_percent

_TARGET = "x-oss-symlink-target"


@oss.operation("PutSymlink", "object", "PUT", "symlink", action="PutObject", acl="write")
def put_symlink(call: Call) -> Answer:
    check_write(call)
    target = _target(call)
    content = Content(0, hashlib.md5(target.encode(), usedforsecurity=False).digest(), 0, ())
    meta = new_meta(call, content, type=SYMLINK, symlink_target=target, md5="", crc64=None)
    changes, meta = call.space.write(call.key, meta, ())
    headers = [("ETag", f'"{meta.etag}"'), *answers.version_headers(call.bucket, meta)]
    return Later(call.space.commit(changes), HttpResponse(200, headers=headers))


def _target(call: Call) -> str:
    """An object's name, percent-encoded."""
    raw = call.headers.get(_TARGET, "")
    try:
        target = decode_percent(raw)
    except (ApiError, UnicodeEncodeError):
        target = ""
    if not valid_object_name(target):
        raise INVALID_ARGUMENT.error(
            why="The symlink target is not the name of an object.",
            extra={"ArgumentName": _TARGET, "ArgumentValue": raw},
        )
    return target


@oss.operation("GetSymlink", "object", "GET", "symlink", action="GetObject", acl="read")
def get_symlink(call: Call) -> Answer:
    stored = wanted(call)
    meta = stored.meta
    if meta.type != SYMLINK:
        raise NOT_A_SYMLINK.error(extra={"Key": call.key})
    headers = [
        ("ETag", f'"{meta.etag}"'),
        ("Last-Modified", http_date(int(meta.modified))),
        (_TARGET, url_encode(meta.symlink_target)),
        *answers.version_of(call.bucket, stored),
    ]
    return answered(call, HttpResponse(200, headers=headers), stored)
