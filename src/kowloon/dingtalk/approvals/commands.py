"""Operations commands that were agreed to, carried out once, with the rights of who asked for them."""

from __future__ import annotations

from kowloon.dingtalk.approvals import command_form, telling
from kowloon.dingtalk.approvals.resources import Approval
from kowloon.dingtalk.ops.commands import Commands
from kowloon.dingtalk.parts import Parts


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

        _, text = await self._commands.perform(command, caller, tell, ProcessInstanceId=approval.number)
        await tell(text)
