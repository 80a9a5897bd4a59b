"""Approvals told to people: a card for each task, the outcome to who asked, a word to those who get a copy; and to
whatever in this cloud waits for the end of one."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final

import msgspec

from kowloon.dingtalk.approvals import logic, running
from kowloon.dingtalk.approvals.logic import Task
from kowloon.dingtalk.approvals.resources import Approval
from kowloon.dingtalk.cards.changes import Change, Click
from kowloon.dingtalk.cards.view import APPROVAL
from kowloon.dingtalk.chat.resources import Conversation, Sender
from kowloon.dingtalk.contacts.resources import Member
from kowloon.dingtalk.messages import At, Content
from kowloon.dingtalk.platform.call import by_itself, own_id
from kowloon.dingtalk.platform.errors import PlatformError
from kowloon.store.store import Transaction

if TYPE_CHECKING:
    from kowloon.dingtalk.parts import Parts

log = logging.getLogger("kowloon.dingtalk")

AGREE, REFUSE = "agree", "refuse"
NAME: Final = "OA审批"
_SENDER: Final = Sender("system", "approvals", NAME)
_MOST_VALUE_CHARACTERS: Final = 500
_LEVELS: Final = {"agree": ("good", "agreed"), "refuse": ("critical", "refused"), "": ("info", "withdrawn")}

FinishHandler = Callable[[Approval], Awaitable[None]]


class Approvals:
    """`on_finish`: the handler hears once of each approval with that form that is over, agreed to or not; a handler
    that this process does not live to begin is not begun by the next one."""

    def __init__(self) -> None:
        self._handlers: dict[str, FinishHandler] = {}
        self._running: set[asyncio.Task[None]] = set()

    def on_finish(self, code: str, handler: FinishHandler) -> None:
        self._handlers[code] = handler

    def forget(self) -> None:
        """The cloud has another state: whatever runs belongs to the one before."""
        for task in tuple(self._running):
            task.cancel()

    close = forget

    async def tell(self, parts: Parts, before: Approval | None, after: Approval) -> None:
        """What changed, after it is kept."""
        told = None if before is None else before.process
        for change in logic.changes(told, after.process):
            task = change.task
            if task is not None and change.type == "start":
                await _show(parts, after, task)
            elif task is not None:
                await _show_ended(parts, after, task)
            elif change.type != "start":
                await _say_outcome(parts, after)
                self._finished(after)
        was = () if before is None else before.process.records
        for record in after.process.records[len(was) :]:
            if record.type == logic.CC:
                for userid in record.people:
                    unique = f"approval/{after.number}/cc/{userid}/{after.process.status}"
                    await say(parts, after.account, userid, f"Copy: {after.title}", _lines(after), unique)

    def _finished(self, approval: Approval) -> None:
        handler = self._handlers.get(approval.code)
        if handler is None:
            return

        async def carry_out() -> None:
            try:
                await handler(approval)
            except Exception:
                log.exception("what the approval %s was for failed", approval.number)

        task = asyncio.get_running_loop().create_task(carry_out())
        self._running.add(task)
        task.add_done_callback(self._running.discard)


def listen_to_clicks(parts: Parts) -> None:
    """On the buttons of tasks' cards."""

    async def clicked(click: Click) -> Change | None:
        number, _, task = click.card.track.removeprefix("oa-").rpartition("-")
        given = click.params.get("remark")
        remark = given if isinstance(given, str) else ""
        try:
            await running.decide(
                by_itself(parts, click.card.account),
                number,
                int(task),
                click.userid,
                click.action,
                remark,
                in_person=True,
            )
        except PlatformError as refusal:
            return Change(private={click.userid: {"tips": refusal.message}})
        return None

    parts.cards.on_click(APPROVAL, clicked)


def track_of(approval: Approval, task: Task) -> str:
    return f"oa-{approval.number}-{task.number}"


async def conversation_of(parts: Parts, account: str, userid: str) -> Conversation:
    """Where the messenger tells a member of approvals."""

    def body(tx: Transaction) -> Conversation:
        found = parts.messenger.between(tx, account, "notice", userid, "approvals")
        if found.title == NAME:
            return found
        named = msgspec.structs.replace(found, title=NAME)
        tx.put(named)
        return named

    return await parts.store.run(body)


async def say(parts: Parts, account: str, userid: str, title: str, text: str, unique: str) -> None:
    """To one member, once for each `unique`; to nobody where the member is gone."""
    if parts.messenger.member(account, userid) is None:
        return
    conversation = await conversation_of(parts, account, userid)
    shown = f"#### {title}\n{text}"
    body = {"msgtype": "markdown", "markdown": {"title": title, "text": shown}}
    content = Content(message_type="markdown", title=title, text=shown, body=body)
    await parts.messenger.post(conversation, _SENDER, content, unique=unique)


async def _show(parts: Parts, approval: Approval, task: Task) -> None:
    if parts.messenger.member(approval.account, task.person) is None:
        return
    conversation = await conversation_of(parts, approval.account, task.person)
    await parts.cards.send(
        _SENDER,
        conversation,
        track=track_of(approval, task),
        template=APPROVAL,
        data=_card(parts, approval, task),
        at=At(user_ids=(task.person,)),
    )


async def _show_ended(parts: Parts, approval: Approval, task: Task) -> None:
    track = track_of(approval, task)
    if parts.cards.find(approval.account, track) is not None:
        await parts.cards.change(approval.account, track, Change(data=_card(parts, approval, task)))


async def _say_outcome(parts: Parts, approval: Approval) -> None:
    _, outcome = _LEVELS[approval.process.result]
    last = next((each for each in reversed(approval.process.tasks) if each.outcome in ("AGREE", "REFUSE")), None)
    remark = f"\n\n> {last.remark}" if last is not None and last.remark else ""
    unique = f"approval/{approval.number}/{approval.process.status}"
    await say(
        parts, approval.account, approval.originator, f"{approval.title}: {outcome}", _lines(approval) + remark, unique
    )


def _card(parts: Parts, approval: Approval, task: Task) -> dict[str, str]:
    """Parameters of the messenger's own template."""
    level, status = "warning", "waiting"
    if task.outcome == "REDIRECTED":
        level, status = "info", "handed over"
    elif task.outcome:
        level, status = _LEVELS["agree" if task.outcome == "AGREE" else "refuse"]
    elif task.state != "RUNNING":
        level, status = "info", "no longer needed"
    fields = [[each.name, each.value[:_MOST_VALUE_CHARACTERS]] for each in approval.values]
    if task.principal:
        principal = parts.store.get(Member, own_id(approval.account, task.principal))
        fields.append(["Acting for", principal.name if principal is not None else task.principal])
    if task.remark:
        fields.append(["Remark", task.remark])
    buttons = [
        {"id": AGREE, "text": "Agree", "color": "blue"},
        {"id": REFUSE, "text": "Refuse", "color": "red"},
    ]
    return {
        "title": approval.title,
        "status": status,
        "level": level,
        "fields": msgspec.json.encode(fields).decode(),
        "buttons": msgspec.json.encode(buttons if task.state == "RUNNING" else []).decode(),
    }


def _lines(approval: Approval) -> str:
    rows = [f"- {each.name}: {each.value[:_MOST_VALUE_CHARACTERS]}" for each in approval.values]
    return "\n".join(rows)
