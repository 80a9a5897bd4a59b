"""The incident's running commentary: what happens to places, services and resources, merged into few messages.

Everything of one interval becomes one message, so that a zone's loss stays under the robot's own limit.
"""

from __future__ import annotations

import asyncio
from typing import Any

from kowloon.core.clock import Timer
from kowloon.core.events import (
    DrillEvent,
    Event,
    FaultEvent,
    HealthEvent,
    ProviderMessage,
    ResourceEvent,
)
from kowloon.dingtalk.parts import Parts
from kowloon.dingtalk.platform.errors import PlatformError
from kowloon.dingtalk.resources import Robot
from kowloon.dingtalk.robot import RobotWebhook

# At most 10 messages a minute: half of what the robot may send, so that others can use it, too.
MERGE_S = 6.0
MOST_LINES = 25
GROUP = "incident"
KEYWORD = "Kowloon"


class Commentary:
    def __init__(self, parts: Parts, webhook: RobotWebhook) -> None:
        self._store = parts.store
        self._clock = parts.clock
        self._home = parts.home
        self._webhook = webhook
        self._lines: list[str] = []
        self._left_out = 0
        self._timer: Timer | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        parts.bus.subscribe(self._take, FaultEvent, HealthEvent, ResourceEvent, ProviderMessage, DrillEvent)

    def robot(self) -> Robot | None:
        return next((each for each in self._store.list(Robot, account=self._home()) if each.group == GROUP), None)

    async def ensure_robot(self) -> Robot:
        return self.robot() or await self._webhook.create(name="Kowloon", group=GROUP, keywords=(KEYWORD,))

    def _take(self, event: Event) -> None:
        line = _line(event)
        if not line:
            return
        if len(self._lines) >= MOST_LINES:
            self._left_out += 1
        else:
            self._lines.append(line)
        if self._timer is None:
            self._timer = self._clock.call_later(MERGE_S, self._flush)

    def _flush(self) -> None:
        self._timer = None
        lines, left_out = self._lines, self._left_out
        self._lines, self._left_out = [], 0
        robot = self.robot()
        if robot is None or not lines:
            return
        if left_out:
            lines.append(f"- and {left_out} more")
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
        self._lines.clear()
        self._left_out = 0
        for task in tuple(self._tasks):
            task.cancel()

    close = forget


def _line(event: Event) -> str:
    if isinstance(event, FaultEvent):
        return f"- fault {event.kind} on {', '.join(event.scope)}: {event.phase} {event.text}".rstrip()
    if isinstance(event, HealthEvent):
        return f"- **{event.level}** {event.node} {event.aspect}: {event.state}"
    if isinstance(event, ResourceEvent):
        if event.level == "INFO":
            return ""
        return f"- **{event.level}** {event.kind} {event.id}: {event.state} {event.text}".rstrip()
    if isinstance(event, ProviderMessage):
        return f"- provider ({event.channel}): {event.text}"
    if isinstance(event, DrillEvent):
        return f"- drill {event.drill_id} T+{event.scenario_minute:.0f} min: {event.state} {event.text}".rstrip()
    return ""
