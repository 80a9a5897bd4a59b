"""Pages as messages in a group of the messenger, by the robot that belongs there."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec

from kowloon.actions.paging import NotDelivered, Outgoing
from kowloon.dingtalk.commentary import KEYWORD
from kowloon.dingtalk.contacts.directory import Directory
from kowloon.dingtalk.parts import Parts
from kowloon.dingtalk.platform.errors import PlatformError
from kowloon.dingtalk.resources import Robot
from kowloon.dingtalk.robot import RobotWebhook

_NAME = "Duty"


class RobotPager:
    """The group's own duty robot posts; it is made when there is none yet. The same message is shown once."""

    def __init__(self, parts: Parts, webhook: RobotWebhook) -> None:
        self._parts = parts
        self._webhook = webhook
        self._creating = asyncio.Lock()

    async def send(self, address: str, message: Outgoing) -> None:
        account = message.account or self._parts.home()
        robot = await self._robot(account, address)
        userids = Directory(self._parts.store, account).userids_of((message.person,))
        called = userids.get(message.person, message.person)
        text = f"#### {message.title}\n@{called} {message.text}\n\n{KEYWORD}"
        body: dict[str, Any] = {
            "msgtype": "markdown",
            "markdown": {"title": message.title, "text": text},
            "at": {"atUserIds": [called]},
            "msgUuid": message.id,
        }
        try:
            await self._webhook.post(robot, body, size_bytes=len(msgspec.json.encode(body)))
        except PlatformError as refusal:
            raise NotDelivered(f"{refusal.errcode}: {refusal.message}") from None

    async def _robot(self, account: str, group: str) -> Robot:
        async with self._creating:
            for robot in self._parts.store.list(Robot, account=account):
                if robot.group == group and robot.name == _NAME:
                    return robot
            return await self._webhook.create(name=_NAME, group=group, account=account, keywords=(KEYWORD,))
