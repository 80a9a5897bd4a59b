"""The operations robot. It hears what is addressed to it, answers questions at once, and asks before it changes
anything: who is on duty confirms; of others somebody on duty has to approve (never who asked).
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from typing import Any, Final

import msgspec

from kowloon.actions.people import People
from kowloon.core import limits
from kowloon.core.events import RoomEvent
from kowloon.dingtalk.cards.cards import Cards
from kowloon.dingtalk.cards.changes import Change, Click
from kowloon.dingtalk.cards.view import CONFIRMATION
from kowloon.dingtalk.chat.resources import Conversation, Said, Sender
from kowloon.dingtalk.contacts.directory import Directory
from kowloon.dingtalk.contacts.resources import Application, Member
from kowloon.dingtalk.messages import At, Content
from kowloon.dingtalk.ops.commands import Commands
from kowloon.dingtalk.ops.grammar import Command, NotUnderstood, is_dangerous, parse
from kowloon.dingtalk.ops.incident import Incident
from kowloon.dingtalk.ops.resources import PendingCommand, State
from kowloon.dingtalk.parts import Parts
from kowloon.dingtalk.platform.call import make_room
from kowloon.engines.messages.log import Kept
from kowloon.store.store import Transaction

log = logging.getLogger("kowloon.dingtalk")

NAME: Final = "Kowloon"
WAITS_S: Final = 600.0
CONFIRM, REFUSE = "confirm", "refuse"
_CUT_OFF: Final = "The messenger ended while this ran. Look whether it has happened before you ask again."


def operations_key(account: str) -> str:
    """The appKey of an organisation's operations robot; always the same."""
    return "dingops" + hashlib.blake2b(account.encode(), digest_size=7, person=b"dingtalk-ops").hexdigest()


class OperationsRobot:
    def __init__(self, parts: Parts, cards: Cards, commands: Commands, people: People) -> None:
        self._parts = parts
        self._cards = cards
        self._commands = commands
        self._people = people
        self._tasks: set[asyncio.Task[None]] = set()
        parts.messenger.listen(self._heard)
        cards.on_click(CONFIRMATION, self._clicked)

    def ensure(self, tx: Transaction, account: str) -> Application:
        """The organisation's robot, made when there is none. Nobody gets its secret: it runs in here."""
        key = operations_key(account)
        found = tx.get(Application, key)
        if found is not None:
            return found
        made = Application(
            id=key,
            account=account,
            created_at=self._parts.clock.now(),
            name=NAME,
            secret=self._parts.ids.secret(64),
            agent_id=int.from_bytes(key.encode()[-4:], "big"),
            scopes=(),
        )
        tx.put(made)
        return made

    def join(self, tx: Transaction, group: Conversation) -> Conversation:
        robot = self.ensure(tx, group.account)
        if robot.id in group.robots:
            return group
        joined = msgspec.structs.replace(group, robots=(*group.robots, robot.id))
        tx.put(joined)
        return joined

    async def start(self) -> None:
        """It is in the groups that operators have by name, from the first on. What it was doing when it last ended it
        does not do again: nobody knows how far that came."""

        def body(tx: Transaction) -> None:
            for group in tx.list(Conversation, account=self._parts.home()):
                if group.everyone and not group.dissolved:
                    self.join(tx, group)

        await self._parts.store.run(body)
        for pending in self._parts.store.list(PendingCommand):
            caller = self._parts.messenger.member(pending.account, pending.asked_by)
            if pending.state == "running" and caller is not None:
                await self._end(pending, caller, "failed", _CUT_OFF)

    def forget(self) -> None:
        """The cloud has another state: whatever it is doing belongs to the one before."""
        for task in tuple(self._tasks):
            task.cancel()

    close = forget

    # --- what it hears ---

    def _heard(self, conversation: Conversation, kept: Kept, said: Said) -> None:
        key = operations_key(conversation.account)
        if said.sender.type != "member" or said.type != "text" or key not in conversation.robots:
            return
        if conversation.form == "group" and key not in said.robots:
            return
        caller = self._parts.messenger.member(conversation.account, said.sender.id)
        if caller is not None:
            self._begin(self._answer(conversation, caller, said.text))

    def _begin(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(self, conversation: Conversation, caller: Member, text: str) -> None:
        try:
            command = parse(text)
        except NotUnderstood as problem:
            await self._say(conversation, str(problem), caller)
            return
        if is_dangerous(command):
            await self._ask_first(conversation, caller, command)
        else:
            await self._say(conversation, (await self._run(conversation, caller, command))[1], caller)

    async def _run(self, conversation: Conversation, caller: Member, command: Command) -> tuple[bool, str]:
        """Whether it went well, and what to say."""

        async def tell(text: str) -> None:
            await self._say(conversation, text, caller)

        good, text = await self._commands.perform(command, caller, tell)
        self._tell_room(conversation, caller, command, text)
        return good, text

    async def _say(self, conversation: Conversation, text: str, to: Member) -> None:
        body = {"msgtype": "markdown", "markdown": {"title": NAME, "text": text}}
        at = At()
        if conversation.form == "group":
            # A heading or a list begins a line of its own.
            gap = "\n\n" if text[:1] in "#-" else " "
            body = {"msgtype": "markdown", "markdown": {"title": NAME, "text": f"@{to.userid}{gap}{text}"}}
            at = At(user_ids=(to.userid,))
        shown = body["markdown"]["text"]  # type: ignore[index]
        content = Content(message_type="markdown", title=NAME, text=shown, body=body, at=at)
        await self._parts.messenger.post(conversation, self._sender(conversation.account), content)

    def _sender(self, account: str) -> Sender:
        return Sender("application", operations_key(account), NAME)

    # --- what it asks first ---

    async def _ask_first(self, conversation: Conversation, caller: Member, command: Command) -> None:
        if not caller.user:
            await self._say(conversation, (await self._run(conversation, caller, command))[1], caller)
            return
        approvers = self._approvers(caller)
        if approvers is None:
            await self._say(conversation, "Somebody on duty has to approve it, and nobody of them is here.", caller)
            return
        # Nobody foresees it: an application that took it for a card of its own would keep people from asking.
        track = "op" + self._parts.ids.secret(24)
        pending = PendingCommand(
            id=track,
            account=caller.account,
            created_at=self._parts.clock.now(),
            conversation=conversation.id,
            command=command,
            asked_by=caller.userid,
            approvers=approvers,
            expires_at=self._parts.clock.now() + WAITS_S,
        )

        def body(tx: Transaction) -> None:
            kept = tx.list(PendingCommand, account=caller.account)
            make_room(tx, kept, limits.DINGTALK_RECORDS)
            tx.put(pending)

        await self._parts.store.run(body)
        at = At(user_ids=approvers or (caller.userid,))
        await self._cards.send(
            self._sender(caller.account),
            conversation,
            track=track,
            template=CONFIRMATION,
            data=self._shown(pending, caller),
            at=at,
        )
        for approver in approvers if conversation.form == "group" else ():
            if not self._parts.messenger.belongs(conversation, approver):
                await self._show_to(pending, caller, approver)
        if conversation.form != "group":
            for approver in approvers:
                await self._show_to(pending, caller, approver)

    async def _show_to(self, pending: PendingCommand, caller: Member, approver: str) -> None:
        """Where the approver is not in the conversation: between the robot and them."""
        own = await self._parts.store.run(
            lambda tx: self._parts.messenger.between(
                tx, pending.account, "robot", approver, self.ensure(tx, pending.account).id
            )
        )
        card = self._cards.find(pending.account, pending.id)
        if card is not None:
            await self._cards.deliver(card, self._sender(pending.account), own, at=At(user_ids=(approver,)))

    def _approvers(self, caller: Member) -> tuple[str, ...] | None:
        """Who is on duty now; nobody where the caller is, or where there is no duty at all. None: nobody who may agree
        is there. All posts are vacant, or who holds them is no member, or is one who is not the RAM user that the
        person is: applications make members."""
        holders = self._people.holders(caller.account)
        if not holders:
            return ()
        on_duty = {person for each in holders for person in each.people}
        users = {each.id: each.user for each in self._people.people(caller.account)}
        directory = Directory(self._parts.store, caller.account)
        known = {person: directory.member(userid) for person, userid in directory.userids_of(on_duty).items()}
        userids = [member.userid for person, member in known.items() if users.get(person, "") in ("", member.user)]
        return () if caller.userid in userids else tuple(sorted(userids)) or None

    def _shown(self, pending: PendingCommand, caller: Member) -> dict[str, str]:
        whose = "Confirm it" if not pending.approvers else "Somebody on duty has to approve it"
        state = {"waiting": ("warning", "waiting"), "running": ("info", "running"), "done": ("good", "done")}
        level, status = state.get(pending.state, ("critical", pending.state))
        decided = self._parts.messenger.member(pending.account, pending.decided_by)
        fields = [["Command", pending.command.text], ["Asked by", caller.name]]
        if decided is not None:
            fields.append(["Decided by", decided.name])
        if pending.outcome:
            fields.append(["Outcome", pending.outcome[:500]])
        buttons = [
            {"id": CONFIRM, "text": "Approve" if pending.approvers else "Confirm", "color": "blue"},
            {"id": REFUSE, "text": "Refuse" if pending.approvers else "Cancel", "color": "gray"},
        ]
        return {
            "title": f"{caller.name} asks for: {pending.command.text}",
            "status": status,
            "level": level,
            "markdown": f"{whose} within {WAITS_S / 60:.0f} minutes." if pending.state == "waiting" else "",
            "fields": msgspec.json.encode(fields).decode(),
            "buttons": msgspec.json.encode(buttons if pending.state == "waiting" else []).decode(),
        }

    async def _clicked(self, click: Click) -> Change | None:
        track = click.card.track
        pending = self._parts.store.get(PendingCommand, track)
        caller = self._still_there(pending, pending.asked_by) if pending is not None else None
        if pending is None or caller is None:
            return Change(private={click.userid: {"tips": "Who asked for it is gone."}})
        if not self._may_decide(pending, click) or self._still_there(pending, click.userid) is None:
            who = "somebody on duty, and not who asked" if pending.approvers else "who asked"
            return Change(private={click.userid: {"tips": f"Only {who} can decide this."}})
        decided = await self._parts.store.run(lambda tx: self._decide(tx, track, click))
        if decided is None:
            return None
        if decided.state == "running":
            self._begin(self._carry_out(decided, caller))
        return Change(data=self._shown(decided, caller))

    def _still_there(self, pending: PendingCommand, userid: str) -> Member | None:
        """Who had that userid when it was asked for: whoever came under it since is somebody else."""
        found = self._parts.messenger.member(pending.account, userid)
        return found if found is not None and found.created_at <= pending.created_at else None

    @staticmethod
    def _may_decide(pending: PendingCommand, click: Click) -> bool:
        if click.action == REFUSE and click.userid == pending.asked_by:
            return True
        return click.userid in pending.approvers if pending.approvers else click.userid == pending.asked_by

    def _decide(self, tx: Transaction, track: str, click: Click) -> PendingCommand | None:
        """None: it is decided already, which the card says."""
        pending = tx.get(PendingCommand, track)
        if pending is None or pending.state != "waiting":
            return None
        if pending.expires_at <= self._parts.clock.now():
            state: Any = "expired"
        else:
            state = "running" if click.action == CONFIRM else "refused"
        decided = msgspec.structs.replace(pending, state=state, decided_by=click.userid)
        tx.put(decided)
        return decided

    async def _carry_out(self, pending: PendingCommand, caller: Member) -> None:
        conversation = self._parts.messenger.find(pending.account, pending.conversation)
        if conversation is None:
            return
        good, text = await self._run(conversation, caller, pending.command)
        await self._end(pending, caller, "done" if good else "failed", text)

    async def _end(self, pending: PendingCommand, caller: Member, state: State, text: str) -> None:
        """Told on its card, where there still is one, and to who asked."""
        over = msgspec.structs.replace(pending, state=state, outcome=text)
        await self._parts.store.run(lambda tx: tx.put(over))
        if self._cards.find(pending.account, pending.id) is not None:
            await self._cards.change(pending.account, pending.id, Change(data=self._shown(over, caller)))
        conversation = self._parts.messenger.find(pending.account, pending.conversation)
        if conversation is not None:
            await self._say(conversation, text, caller)

    def _tell_room(self, conversation: Conversation, caller: Member, command: Command, outcome: str) -> None:
        """In an incident's room it belongs to the record of the incident."""
        for incident in self._parts.store.list(Incident, account=conversation.account):
            if incident.conversation == conversation.id:
                first = outcome.splitlines()[0].lstrip("# ")
                text = f"{command.text}: {first[:200]}"
                self._parts.bus.emit(
                    RoomEvent(
                        at=self._parts.clock.now(),
                        account=incident.account,
                        room=incident.id,
                        what="command",
                        person=caller.userid,
                        text=text,
                    )
                )
