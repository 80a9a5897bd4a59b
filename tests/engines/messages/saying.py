"""What tests of the message log have in common."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from kowloon.engines.messages.log import Kept, MessageLog

DEADLINE_S = 60.0


async def say(log: MessageLog, conversation: str, *texts: str) -> list[Kept]:
    return await asyncio.gather(*(log.append(conversation, at=1.5, sender="lin", body=text.encode()) for text in texts))


def texts(messages: list[Kept]) -> list[str]:
    return [each.body.decode() for each in messages]


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.005)
