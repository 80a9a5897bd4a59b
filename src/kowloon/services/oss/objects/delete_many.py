"""DeleteMultipleObjects: up to a thousand objects or versions in one call. All of it is checked before any goes; then
they go some at a time, and between them other calls have their turn."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import AsyncIterator
from typing import Final, NamedTuple

from kowloon.engines.blob.base import Change
from kowloon.services.oss import answers
from kowloon.services.oss.access import access
from kowloon.services.oss.call import Call
from kowloon.services.oss.errors import (
    INVALID_ARGUMENT,
    INVALID_DIGEST,
    INVALID_OBJECT_NAME,
    MALFORMED_XML,
    MISSING_ARGUMENT,
)
from kowloon.services.oss.objects.listing import encoding_of
from kowloon.services.oss.objects.objects import check_deletion, deletion
from kowloon.services.oss.product import Body, oss
from kowloon.services.oss.space import Removal
from kowloon.wire.http import HttpResponse
from kowloon.wire.oss.addressing import valid_object_name
from kowloon.wire.oss.headers import url_encode
from kowloon.wire.oss.xml import Content, Node, document, elements, parse

_MOST: Final = 1000
# So many are looked at, and go, in one turn.
AT_ONCE: Final = 25


class Target(NamedTuple):
    key: str
    version_id: str


@oss.operation("DeleteMultipleObjects", "bucket", "POST", "delete", body=Body.DOCUMENT, asks_itself=True)
async def delete_multiple_objects(call: Call) -> HttpResponse:
    """Who may delete is asked for every object; one that the caller may not delete refuses the call."""
    _check_digest(call)
    node = await asyncio.get_running_loop().run_in_executor(None, parse, call.request.body)
    call.look_again()
    encoding = _encoding(call, node)
    quiet = node.text("Quiet").strip().lower() == "true"
    targets = _targets(node)
    async for some in _in_turns(call, targets):
        for target in some:
            _check(call, target)
    removals = await _delete(call, targets)
    content: dict[str, Content] = {"EncodingType": encoding or None}
    if not quiet:
        pairs = zip(targets, removals, strict=True)
        content["Deleted"] = [_deleted(target, removal, encoding) for target, removal in pairs]
    return answers.document(document("DeleteResult", elements(content)))


def _check_digest(call: Call) -> None:
    claimed = call.headers.get("content-md5")
    if not claimed:
        raise MISSING_ARGUMENT.error(extra={"ArgumentName": "Content-MD5"})
    digest = hashlib.md5(call.request.body, usedforsecurity=False).digest()
    if claimed != base64.b64encode(digest).decode():
        raise INVALID_DIGEST.error()


def _encoding(call: Call, node: Node) -> str:
    """Clients send it as a parameter, and a part of them as an element."""
    encoding = encoding_of(call) or node.text("EncodingType")
    if encoding not in ("", "url"):
        raise INVALID_ARGUMENT.error(
            why="The value of encoding-type is not valid.",
            extra={"ArgumentName": "encoding-type", "ArgumentValue": encoding},
        )
    return encoding


def _targets(node: Node) -> list[Target]:
    if node.name != "Delete":
        raise MALFORMED_XML.error()
    targets = [Target(each.text("Key"), each.text("VersionId")) for each in node.children("Object")]
    if not 1 <= len(targets) <= _MOST:
        raise MALFORMED_XML.error()
    for target in targets:
        if not valid_object_name(target.key):
            raise INVALID_OBJECT_NAME.error(extra={"ObjectName": target.key})
    return targets


async def _in_turns(call: Call, targets: list[Target]) -> AsyncIterator[list[Target]]:
    """All of them in order. The bucket may be another each time, or gone: 404 NoSuchBucket."""
    for first in range(0, len(targets), AT_ONCE):
        if first:
            await asyncio.sleep(0)
            call.look_again()
        yield targets[first : first + AT_ONCE]


def _check(call: Call, target: Target) -> None:
    for action in ("DeleteObject", "DeleteObjectVersion") if target.version_id else ("DeleteObject",):
        access.check(call, action, call.bucket, target.key, "write", version_id=target.version_id)
    check_deletion(call, target.key, target.version_id)


async def _delete(call: Call, targets: list[Target]) -> list[Removal]:
    """What has to stay since it was checked is refused, with all that comes after it."""
    removals: list[Removal] = []
    commits: list[asyncio.Future[None]] = []
    try:
        async for some in _in_turns(call, targets):
            removals += _submit(call, some, commits)
    finally:
        await asyncio.gather(*commits)
    return removals


def _submit(call: Call, targets: list[Target], commits: list[asyncio.Future[None]]) -> list[Removal]:
    """One commit for all, but that a key which comes again is decided on when what came before is submitted."""
    for target in targets:
        check_deletion(call, target.key, target.version_id)
    removals: list[Removal] = []
    changes: list[Change] = []
    together: set[str] = set()
    for target in targets:
        if target.key in together:
            commits.append(call.space.commit(changes))
            changes, together = [], set()
        removal = deletion(call, target.key, target.version_id)
        removals.append(removal)
        changes += removal.changes
        together.add(target.key)
    if changes:
        commits.append(call.space.commit(changes))
    return removals


def _deleted(target: Target, removal: Removal, encoding: str) -> dict[str, Content]:
    """What was asked for, and the delete marker that was made or that went."""
    marked = removal.made_marker or removal.was_marker
    return {
        "Key": url_encode(target.key) if encoding else target.key,
        "VersionId": target.version_id or None,
        "DeleteMarker": True if marked else None,
        "DeleteMarkerVersionId": removal.version_id if marked else None,
    }
