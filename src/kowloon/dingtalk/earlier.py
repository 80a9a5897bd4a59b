"""What earlier versions kept in another way is brought into today's: at a start, and when a saved state is loaded."""

from __future__ import annotations

import functools

import msgspec

from kowloon.dingtalk.chat.resources import Conversation, Sender
from kowloon.dingtalk.messages import Content
from kowloon.dingtalk.parts import Parts
from kowloon.dingtalk.resources import Message, MessageId, Robot
from kowloon.store.store import Transaction


async def bring_in(parts: Parts) -> None:
    """Robots get their conversation; messages go from the store into the log, once."""
    if any(not robot.conversation for robot in parts.store.list(Robot)):
        await parts.store.run(lambda tx: _settle(tx, parts))
    old = parts.store.list(Message)
    if not old and not parts.store.list(MessageId):
        return
    for message in old:
        group = await parts.store.run(functools.partial(_group, parts=parts, title=message.group))
        robot = parts.store.get(Robot, message.robot_id)
        sender = Sender("robot", robot.sender_id, robot.name) if robot is not None else Sender("system", "", "")
        content = Content(message_type=message.message_type, title=message.title, text=message.text, body=message.body)
        await parts.messenger.post(group, sender, content, unique=f"earlier/{message.id}")
    await parts.store.run(_drop)


def _group(tx: Transaction, parts: Parts, title: str) -> Conversation:
    return parts.messenger.named_group(tx, parts.home(), title)


def _settle(tx: Transaction, parts: Parts) -> None:
    for robot in tx.list(Robot):
        if not robot.conversation:
            group = _group(tx, parts, robot.group)
            tx.put(msgspec.structs.replace(robot, account=parts.home(), conversation=group.id))


def _drop(tx: Transaction) -> None:
    for kind in (Message, MessageId):
        for item in tx.list(kind):
            tx.delete(item)
