"""Operations commands that were agreed to, carried out once, with the rights of who asked for them."""

from __future__ import annotations

import logging

from kowloon.core.events import RequestEvent
from kowloon.dingtalk.approvals import command_form, telling
from kowloon.dingtalk.approvals.resources import Approval
from kowloon.dingtalk.contacts.resources import Member
from kowloon.dingtalk.ops.commands import SERVICE, Commands, Refused
from kowloon.dingtalk.ops.grammar import Command, is_dangerous
from kowloon.dingtalk.parts import Parts
from kowloon.dingtalk.platform.serving import PRODUCT, caller_of

log = logging.getLogger("kowloon.dingtalk")


class ApprovedCommands:
    def __init__(self, parts: Parts, commands: Commands) -> None:
        self._parts = parts
        self._commands = commands
        parts.approvals.on_finish(command_form.CODE, self._finished)

    async def _finished(self, approval: Approval) -> None:
        """The outcome is told to who asked, in the conversation where the messenger tells of approvals."""
        caller = self._parts.messenger.member(approval.account, approval.originator)
        if approval.process.status != "COMPLETED" or approval.process.result != "agree" or caller is None:
            return
        command = command_form.command_of(approval.values)
        said = 0

        async def tell(text: str) -> None:
            nonlocal said
            said += 1
            unique = f"approval/{approval.number}/command/{said}"
            await telling.say(self._parts, approval.account, caller.userid, command.text, text, unique)

        problem = ""
        try:
            text = await self._commands.run(command, caller, tell)
        except Refused as refused:
            problem = text = str(refused)
        except Exception:
            log.exception("the command %r failed", command.text)
            problem = text = "That failed in me; the server's log says why."
        self._record(approval, caller, command, problem)
        await tell(text)

    def _record(self, approval: Approval, caller: Member, command: Command, problem: str) -> None:
        clock = self._parts.clock
        self._parts.bus.emit(
            RequestEvent(
                at=clock.now(),
                wall=clock.wall(),
                request_id=self._parts.ids.request_id(),
                account=caller.account,
                **caller_of(caller.account, None, caller),
                source=SERVICE,
                host=SERVICE,
                scheme="https",
                product=PRODUCT,
                version="1.0",
                action=f"ChatOps:{command.verb}",
                reads=not is_dangerous(command),
                parameters={"Command": command.text, "ProcessInstanceId": approval.number},
                status=400 if problem else 200,
                code="ChatOpsRefused" if problem else "",
                message=problem,
            )
        )
