"""What was sent to several people at once, by the handle that its sender got: messages of a robot, work notifications,
DINGs. Each has a message in the conversation of each person."""

from __future__ import annotations

import asyncio
from typing import ClassVar, Literal

import msgspec

from kowloon.core import limits
from kowloon.dingtalk.platform.call import Call, make_room, own_id
from kowloon.store.resources import Resource

_AT_ONCE = 50
RECALLED_WITHIN_S = 24 * 3600.0
Way = Literal["robot", "notice", "ding"]


class Sent(Resource, frozen=True, kw_only=True):
    """`messages`: the id of the message by userid. `left_out`: who did not get one, and the vendor's code why;
    `invalid`: who is not there. `digest`: of the content, to know it again."""

    kind: ClassVar[str] = "dingtalk-sent"
    handle: str
    way: Way
    application: str
    messages: dict[str, str]
    left_out: dict[str, str] = msgspec.field(default_factory=dict)
    invalid: tuple[str, ...] = ()
    invalid_departments: tuple[int, ...] = ()
    digest: str = ""
    to_all: bool = False
    recalled: bool = False


async def keep(
    call: Call,
    way: Way,
    messages: dict[str, str],
    *,
    handle: str = "",
    left_out: dict[str, str] | None = None,
    invalid: tuple[str, ...] = (),
    invalid_departments: tuple[int, ...] = (),
    digest: str = "",
    to_all: bool = False,
) -> Sent:
    """The oldest of the organisation go when there are too many."""
    made = handle or call.ids.secret(32)
    sent = Sent(
        id=own_id(call.account, made),
        account=call.account,
        created_at=call.now,
        handle=made,
        way=way,
        application=call.app.id,
        messages=messages,
        left_out=left_out or {},
        invalid=invalid,
        invalid_departments=invalid_departments,
        digest=digest,
        to_all=to_all,
    )

    def body(tx: object) -> None:
        kept = call.tx.list(Sent, account=call.account)
        make_room(call.tx, kept, limits.DINGTALK_RECORDS)
        call.tx.put(sent)

    await call.write(body)
    return sent


def find(call: Call, way: Way, handle: str) -> Sent | None:
    """The application's own."""
    found = call.mine(Sent, handle)
    return found if found is not None and found.way == way and found.application == call.app.id else None


async def recall(call: Call, sent: Sent) -> bool:
    """False where it is recalled already, or too old for it."""
    if sent.recalled or sent.created_at + RECALLED_WITHIN_S <= call.now:
        return False
    ids = list(sent.messages.values())
    for first in range(0, len(ids), _AT_ONCE):
        await asyncio.gather(*[_recall_one(call, id) for id in ids[first : first + _AT_ONCE]])
    await call.write(lambda tx: tx.put(msgspec.structs.replace(sent, recalled=True)))
    return True


async def _recall_one(call: Call, id: str) -> None:
    found = call.parts.messenger.find_message(call.account, id)
    if found is not None:
        await call.parts.messenger.recall(*found)


async def read_at(call: Call, sent: Sent) -> dict[str, float | None]:
    """By userid, when that person had read it; None: not yet."""
    messenger = call.parts.messenger
    when: dict[str, float | None] = {}
    for place, (userid, id) in enumerate(sent.messages.items(), 1):
        if place % _AT_ONCE == 0:
            await asyncio.sleep(0)
        found = messenger.find_message(call.account, id)
        when[userid] = messenger.readers(found[0], found[1].sequence).get(userid) if found is not None else None
    return when


RESOURCES: tuple[type[Resource], ...] = (Sent,)
