"""People of a drill in the messenger: what they type in the incident's room, and how soon who is on duty agrees."""

from __future__ import annotations

import functools

import msgspec

from kowloon.actions.cast import MINUTE_S, Cast, within_a_week
from kowloon.core.errors import ApiError
from kowloon.core.events import Event, RoomEvent
from kowloon.dingtalk.chat.resources import Conversation, Sender
from kowloon.dingtalk.messages import Content
from kowloon.dingtalk.ops.incident import Incident
from kowloon.dingtalk.ops.resources import PendingCommand
from kowloon.dingtalk.ops.robot import CONFIRM, operations_key
from kowloon.dingtalk.parts import Parts
from kowloon.dingtalk.platform.errors import PlatformError
from kowloon.store.resources import Key, Resource

_MOST_LINES = 200
_INSTANCE = "{instance}"
# Who confirms what they asked for themselves does it at once.
_AT_ONCE_MIN = 0.1


class Line(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    after_min: float
    person: str
    text: str
    to_robot: bool = False


class CastBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`approves_after_min` None: nobody agrees to anything."""

    account: str
    says: tuple[Line, ...]
    approves_after_min: float | None = None


class ChatCast(Cast[CastBody]):
    """`says` is said in the next room that opens."""

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts.clock, "/_kowloon/dingtalk/cast", CastBody, _check)
        self._parts = parts
        parts.bus.subscribe(self._hear, RoomEvent)
        parts.store.on_change(self._changed)

    def _hear(self, event: Event) -> None:
        cast = self.playing
        if cast is None or not isinstance(event, RoomEvent) or event.what != "opened" or event.account != cast.account:
            return
        for line in cast.says:
            self.later(event.at + line.after_min * MINUTE_S, functools.partial(self._say, event.room, line))

    def _changed(self, changes: list[tuple[Key, Resource | None]]) -> None:
        cast = self.playing
        if cast is None:
            return
        for _, item in changes:
            if not isinstance(item, PendingCommand) or item.state != "waiting" or item.account != cast.account:
                continue
            after_min = cast.approves_after_min if item.approvers else _AT_ONCE_MIN
            if after_min is not None:
                self.later(item.created_at + after_min * MINUTE_S, functools.partial(self._agree, item.id))

    async def _say(self, room: str, line: Line) -> None:
        incident = self._parts.store.get(Incident, room)
        group = self._parts.store.get(Conversation, incident.conversation) if incident is not None else None
        if incident is None or group is None:
            return
        member = self._parts.messenger.member(incident.account, line.person)
        if member is None or not self._parts.messenger.belongs(group, member.userid) or not self._parts.plane.serves():
            # Who is not in the room, or has no messenger, says nothing there.
            return
        text = line.text.replace(_INSTANCE, self._instance(incident))
        body = {"msgtype": "text", "text": {"content": text}}
        content = Content(message_type="text", title="", text=text, body=body)
        robots = (operations_key(incident.account),) if line.to_robot else ()
        await self._parts.messenger.post(group, Sender("member", member.userid, member.name), content, robots=robots)

    def _instance(self, incident: Incident) -> str:
        """One of the account's that is hit, if any is."""
        found = [each for each in self._parts.store.everything() if each.kind == "instance"]
        mine = sorted([(each.zone, each.id) for each in found if each.account == incident.account])
        hit = [id for zone, id in mine if any(node.startswith(f"{zone} ") for node in incident.was_hit)]
        return next(iter([*hit, *[id for _, id in mine]]), "i-none")

    async def _agree(self, id: str) -> None:
        pending = self._parts.store.get(PendingCommand, id)
        if pending is None or pending.state != "waiting":
            return
        who = pending.approvers[0] if pending.approvers else pending.asked_by
        try:
            await self._parts.cards.click(pending.account, who, id, CONFIRM, {})
        except PlatformError:
            # The messenger is down, or the card is gone.
            return


def _check(cast: CastBody) -> None:
    minutes = [*[line.after_min for line in cast.says], cast.approves_after_min]
    if len(cast.says) > _MOST_LINES or not within_a_week(minutes):
        raise ApiError("InvalidParameter.says", 400, "People say at most 200 lines, within a week.")
