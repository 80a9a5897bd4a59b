"""A process that appends, edits, marks and drops as fast as it can, and writes down what it was told: to be killed.

A line on stdout for each thing that was acknowledged, whole or not at all; what it says must be there afterwards.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import sys
import zlib
from pathlib import Path
from typing import Any

from kowloon.engines.messages import log as log_module
from kowloon.engines.messages.log import Kept, MessageLog

CONVERSATIONS = 5
# So that the log is copied and begun anew many times a second.
LOG_BYTES = 400_000


def body_of(text: str, version: int = 0) -> bytes:
    """A body that can be told from half of one; `text` is what it says, at any length."""
    said = json.dumps([text, version, "x" * (zlib.crc32(text.encode()) % 3000)])
    return json.dumps([zlib.crc32(said.encode()), said]).encode()


def text_and_version(body: bytes) -> tuple[str, int]:
    check, said = json.loads(body)
    assert check == zlib.crc32(said.encode())
    text, version, _ = json.loads(said)
    return text, version


def _say(*fields: Any) -> None:
    # Shorter than a pipe's buffer takes at once: no kill tears it.
    os.write(1, json.dumps(fields).encode() + b"\n")


async def _appender(log: MessageLog, name: str, rolls: random.Random) -> None:
    count = 0
    while True:
        conversation = f"cid{rolls.randrange(CONVERSATIONS)}"
        count += 1
        text = f"{name}-{count}"
        kept = await log.append(conversation, at=float(count), sender=name, body=body_of(text), unique=text)
        _say("kept", kept.id, conversation, kept.sequence, text)
        log.mark_read(conversation, name, kept.sequence, float(count))
        roll = rolls.random()
        if roll < 0.2:
            await log.replace(kept.id, body_of(text, version=count))
            _say("replaced", kept.id, count)
        elif roll < 0.3:
            await log.flush()
            _say("read", conversation, name, kept.sequence)
        elif roll < 0.32:
            mine = f"{name}-alone-{count}"
            await log.append(mine, at=0.0, sender=name, body=body_of(text))
            log.drop(mine)
            await log.flush()
            _say("dropped", mine)


async def main(path: Path, run: str, seed: int) -> None:
    log_module.LOG_BYTES = LOG_BYTES  # type: ignore[misc]
    log = MessageLog(path)
    log._copy_at_bytes = LOG_BYTES

    def told(kept: Kept) -> None:
        _say("told", kept.id, kept.conversation)

    log.listen(told)
    rolls = random.Random(seed)
    await asyncio.gather(*(_appender(log, f"{run}.{number}", rolls) for number in range(6)))


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])))
