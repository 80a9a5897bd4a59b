"""What members say to an application's robot goes to the application: by Stream while it is connected, else by HTTP.

It is told once: whether anybody has heard it is not asked. Per application messages keep their order.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from typing import Final, NamedTuple

import msgspec

from kowloon.dingtalk import messages
from kowloon.dingtalk.chat.resources import Conversation, Said, Sender
from kowloon.dingtalk.contacts.resources import Application
from kowloon.dingtalk.parts import Parts
from kowloon.dingtalk.platform.decode import read_json
from kowloon.dingtalk.platform.errors import PlatformError
from kowloon.dingtalk.sending.sessions import PATH, SessionWebhooks
from kowloon.dingtalk.stream.frames import CALLBACK, ROBOT_MESSAGES
from kowloon.dingtalk.stream.told import robot_message
from kowloon.engines.dialler import DialError, Dialler
from kowloon.engines.messages.log import Kept
from kowloon.wire.dingtalk_crypto import robot_signature
from kowloon.wire.encode import JSON_TYPE

log = logging.getLogger("kowloon.dingtalk")

TIMEOUT_S: Final = 5.0
_MOST_WAITING: Final = 500
_NO_ANSWER: Final = "empty"


class _Heard(NamedTuple):
    conversation: Conversation
    kept: Kept
    said: Said


class RobotInbox:
    """`endpoint`: host and port of this cloud, for who is told by HTTP."""

    def __init__(self, parts: Parts, webhooks: SessionWebhooks, dialler: Dialler, endpoint: Callable[[], str]) -> None:
        self._parts = parts
        self._webhooks = webhooks
        self._dialler = dialler
        self._endpoint = endpoint
        # Per application: what it is still to be told, and who tells it.
        self._waiting: dict[str, deque[_Heard]] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        parts.messenger.listen(self._hear)

    def forget(self) -> None:
        for task in self._tasks.values():
            task.cancel()
        self._tasks.clear()
        self._waiting.clear()

    close = forget

    def _hear(self, conversation: Conversation, kept: Kept, said: Said) -> None:
        if said.sender.type != "member":
            return
        for robot in conversation.robots:
            if conversation.form != "robot" and robot not in said.robots:
                continue
            application = self._parts.store.get(Application, robot)
            if application is None or application.account != conversation.account or not self._reached(application):
                continue
            waiting = self._waiting.setdefault(robot, deque())
            if len(waiting) >= _MOST_WAITING:
                log.warning("the robot %s does not hear of %s: %d messages wait", robot, kept.id, len(waiting))
                continue
            waiting.append(_Heard(conversation, kept, said))
            if robot not in self._tasks:
                self._tasks[robot] = asyncio.get_running_loop().create_task(self._tell_all(robot))

    def _reached(self, application: Application) -> bool:
        return bool(application.robot_url) or self._parts.stream.takes(application.id, CALLBACK, ROBOT_MESSAGES)

    async def _tell_all(self, robot: str) -> None:
        waiting = self._waiting[robot]
        try:
            while waiting:
                heard = waiting.popleft()
                try:
                    await self._tell(robot, heard)
                except Exception:
                    log.exception("the robot %s has not heard of %s", robot, heard.kept.id)
        finally:
            # Of another state of the cloud it may be another one by now.
            if self._tasks.get(robot) is asyncio.current_task():
                del self._tasks[robot]

    async def _tell(self, robot: str, heard: _Heard) -> None:
        conversation, kept, said = heard
        application = self._parts.store.get(Application, robot)
        sender = self._parts.messenger.member(conversation.account, said.sender.id)
        if application is None or sender is None:
            return
        stream = self._parts.stream
        by_stream = stream.takes(robot, CALLBACK, ROBOT_MESSAGES)
        base = stream.address_for(robot) if by_stream else f"http://{self._endpoint()}"
        session = await self._webhooks.open(conversation, robot)
        told = robot_message(
            application,
            conversation,
            kept,
            said,
            sender,
            session_webhook=f"{base}{PATH}?session={session.id}",
            session_ends_at=session.expires_at,
        )
        if by_stream:
            stream.tell(robot, ROBOT_MESSAGES, told)
        elif application.robot_url:
            await self._tell_by_http(application, conversation, msgspec.json.encode(told))

    async def _tell_by_http(self, application: Application, conversation: Conversation, body: bytes) -> None:
        timestamp = str(int(self._parts.clock.wall() * 1000))
        headers = {
            "content-type": JSON_TYPE,
            "timestamp": timestamp,
            "sign": robot_signature(application.secret, timestamp),
        }
        try:
            reply = await self._dialler.post(
                application.robot_url, headers, body, timeout_s=TIMEOUT_S, most_bytes=messages.MOST_BYTES
            )
        except (DialError, ValueError) as problem:
            log.info("the robot %s is not reached: %s", application.id, problem)
            return
        if reply.status == 200 and reply.body.strip():
            await self._say(application, conversation, reply.body)

    async def _say(self, application: Application, conversation: Conversation, body: bytes) -> None:
        """The answer may be a message itself, in the form that webhooks take."""
        try:
            answer = read_json(body)
            if not isinstance(answer, dict) or answer.get("msgtype") in (None, _NO_ANSWER):
                return
            content = messages.parse(answer)
        except (ValueError, PlatformError) as problem:
            log.info("the answer of the robot %s is no message: %s", application.id, problem)
            return
        fresh = self._parts.store.get(Conversation, conversation.id)
        if fresh is not None and not fresh.dissolved and application.id in fresh.robots:
            sender = Sender("application", application.id, application.name)
            await self._parts.messenger.post(fresh, sender, content)
