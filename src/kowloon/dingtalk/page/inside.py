"""What is in messages beside their text: files, and cards with their buttons."""

from __future__ import annotations

from typing import Any

import msgspec

from kowloon.actions.routes import json_body
from kowloon.dingtalk.cards.errors import NO_CARD
from kowloon.dingtalk.cards.view import View
from kowloon.dingtalk.page import errors
from kowloon.dingtalk.page.calls import PageCall, asked_text
from kowloon.dingtalk.page.conversations import message_of
from kowloon.dingtalk.platform.call import Call
from kowloon.dingtalk.sending.media import MOST_UPLOAD_BYTES
from kowloon.wire.http import HttpResponse

_MOST_NAME = 255


class ClickBody(msgspec.Struct, forbid_unknown_fields=True):
    """`action`: the button's id."""

    action: str
    params: dict[str, Any] = {}


async def upload(call: Call, given: dict[str, str]) -> dict[str, Any]:
    """A file, to be said afterwards by the id that is answered. `type`: image or file."""
    kind, name = asked_text(call, "type"), asked_text(call, "name")
    if kind not in ("image", "file") or not 1 <= len(name) <= _MOST_NAME:
        raise errors.FILE_KIND.error()
    file = await call.parts.media.keep(call.account, kind, name, call.request.body)
    return {"media": file.id, "name": file.name, "bytes": file.size_bytes}


async def download(call: Call, given: dict[str, str]) -> HttpResponse:
    """A file out of a message that the caller can read."""
    _, kept = message_of(call, given)
    file = call.parts.media.find(call.account, given["media"])
    # Ids of files are long and random: what stands in the message is meant.
    if file is None or file.id.encode() not in kept.body:
        raise errors.NO_FILE.error()
    return await call.parts.media.open(file)


def card(call: Call, given: dict[str, str]) -> View:
    """As the caller sees it now."""
    found = call.parts.cards.visible(call.account, call.person.userid, given["track"])
    if found is None:
        raise NO_CARD.error()
    return found.seen_by(call.person.userid)


async def click(call: Call, given: dict[str, str]) -> View:
    asked = json_body(call.request, ClickBody)
    return await call.parts.cards.click(call.account, call.person.userid, given["track"], asked.action, asked.params)


CALLS = [
    PageCall("POST", "media", upload, body_bytes=MOST_UPLOAD_BYTES),
    PageCall("GET", "conversations/{id}/messages/{message}/media/{media}", download),
    PageCall("GET", "cards/{track}", card),
    PageCall("POST", "cards/{track}/click", click, "ClickCard"),
]
