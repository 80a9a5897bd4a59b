"""The incident's running commentary: what happens to places, services and resources, told by a robot."""

from __future__ import annotations

import asyncio
from typing import Any

from kowloon.core.clock import Timer
from kowloon.core.events import DrillEvent, Event, FaultEvent, HealthEvent, ProviderMessage, ResourceEvent
from kowloon.dingtalk.news import MERGE_S, Digest, news_of
from kowloon.dingtalk.parts import Parts
from kowloon.dingtalk.platform.errors import PlatformError
from kowloon.dingtalk.resources import Robot
from kowloon.dingtalk.robot import RobotWebhook

GROUP = "incident"
KEYWORD = "Kowloon"


class Commentary:
    def __init__(self, parts: Parts, webhook: RobotWebhook) -> None:
        self._store = parts.store
        self._clock = parts.clock
        self._home = parts.home
        self._webhook = webhook
        self._heard = Digest()
        self._timer: Timer | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        parts.bus.subscribe(self._take, FaultEvent, HealthEvent, ResourceEvent, ProviderMessage, DrillEvent)

    def robot(self) -> Robot | None:
        return next((each for each in self._store.list(Robot, account=self._home()) if each.group == GROUP), None)

    async def ensure_robot(self) -> Robot:
        return self.robot() or await self._webhook.create(name="Kowloon", group=GROUP, keywords=(KEYWORD,))

    def _take(self, event: Event) -> None:
        news = news_of(event)
        if news is None or (news.kind == "resource" and news.level == "INFO"):
            return
        self._heard.add(news.text)
        if self._timer is None:
            self._timer = self._clock.call_later(MERGE_S, self._flush)

    def _flush(self) -> None:
        self._timer = None
        lines, self._heard = self._heard.lines, Digest()
        robot = self.robot()
        if robot is None or not lines:
            return
        text = f"#### {KEYWORD}\n" + "\n".join(lines)
        body: dict[str, Any] = {
            "msgtype": "markdown",
            "markdown": {"title": f"{KEYWORD}: {len(lines)} news", "text": text},
        }
        task = asyncio.get_running_loop().create_task(self._post(robot, body, len(text.encode())))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _post(self, robot: Robot, body: dict[str, Any], size_bytes: int) -> None:
        try:
            await self._webhook.post(robot, body, size_bytes=size_bytes)
        except PlatformError:
            # Somebody else used the robot up; the news stay in the event log.
            return

    def forget(self) -> None:
        """The cloud has another state: what was not told yet is of the one before."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None
        self._heard = Digest()
        for task in tuple(self._tasks):
            task.cancel()

    close = forget
