"""Scripts of the user's in KOWLOON_HOME/hooks: `boot` before the cloud answers, `ready` when it does, `shutdown` before
it ends. Each folder's files run one after the other, in order of their names."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal

Stage = Literal["boot", "ready", "shutdown"]
STAGES: tuple[Stage, ...] = ("boot", "ready", "shutdown")

_LAST_WORDS_S = 1.0

log = logging.getLogger("kowloon.hooks")


class HookFailed(Exception):
    """One sentence: which script, and how."""


class Hooks:
    """`limit_s`: how long one script may take. With `may_fail` a failure is only told in the log."""

    def __init__(self, folder: Path, *, limit_s: float, may_fail: bool) -> None:
        self._folder = folder
        self._limit_s = limit_s
        self._may_fail = may_fail

    def check(self) -> None:
        """Raises HookFailed for what would never run: a folder of another name, a file that cannot be executed."""
        if not self._folder.is_dir():
            return
        for path in sorted(self._folder.iterdir()):
            if path.is_dir() and path.name not in STAGES:
                raise HookFailed(f"{path} is no folder of hooks: they are {', '.join(STAGES)}")
        for stage in STAGES:
            for script in self._scripts(stage):
                if not os.access(script, os.X_OK):
                    raise HookFailed(f"{script} cannot be executed: chmod +x it, or move it away")

    async def run(self, stage: Stage, variables: Mapping[str, str]) -> None:
        """Raises HookFailed at the first script that fails, except at the shutdown, when all others run still."""
        with self._failing(stage):
            for script in self._scripts(stage):
                with self._failing(stage):
                    await self._run(script, {**os.environ, **variables, "KOWLOON_HOOK": stage})

    @contextlib.contextmanager
    def _failing(self, stage: Stage) -> Iterator[None]:
        """A failure is raised, or only told."""
        try:
            yield
        except HookFailed as problem:
            if stage != "shutdown" and not self._may_fail:
                raise
            log.error("%s", problem)

    def _scripts(self, stage: Stage) -> list[Path]:
        folder = self._folder / stage
        if not folder.is_dir():
            return []
        try:
            return sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
        except OSError as problem:
            raise HookFailed(f"the hooks in {folder} cannot be read: {problem.strerror}") from problem

    async def _run(self, script: Path, environment: dict[str, str]) -> None:
        name = f"{script.parent.name}/{script.name}"
        # Not a pipe of asyncio's: its `wait` would go on until whatever the script leaves running closes it.
        try:
            read_end, write_end = os.pipe()
        except OSError as problem:
            raise HookFailed(f"the hook {name} cannot be run: {problem.strerror}") from problem
        telling = asyncio.create_task(_pass_on(name, read_end))
        try:
            # A session of its own: what it leaves running ends with it.
            process = await asyncio.create_subprocess_exec(
                script,
                env=environment,
                cwd=script.parent,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=write_end,
                stderr=write_end,
                start_new_session=True,
            )
        except OSError as problem:
            raise HookFailed(
                f"the hook {name} cannot be run: {problem.strerror}; does its first line say by what?"
            ) from problem
        finally:
            os.close(write_end)
        try:
            async with asyncio.timeout(self._limit_s):
                await process.wait()
        except TimeoutError:
            raise HookFailed(f"the hook {name} did not end within {self._limit_s:g} s") from None
        finally:
            _end_session(process.pid)
            await process.wait()
            # Somebody who got away may hold the other end.
            await asyncio.wait([telling], timeout=_LAST_WORDS_S)
            telling.cancel()
        if process.returncode:
            raise HookFailed(f"the hook {name} failed with exit code {process.returncode}; its output is in the log")


async def _pass_on(name: str, read_end: int) -> None:
    """Its lines are the log's."""
    output = asyncio.StreamReader()
    file = os.fdopen(read_end, "rb")
    loop = asyncio.get_running_loop()
    transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(output), file)
    try:
        while line := await _line(output):
            log.info("%s: %s", name, line.decode("utf-8", "replace").rstrip("\r\n"))
    finally:
        transport.close()


async def _line(output: asyncio.StreamReader) -> bytes:
    """The next one, or of a very long one a piece; empty at the end."""
    try:
        return await output.readuntil(b"\n")
    except asyncio.IncompleteReadError as rest:
        return rest.partial
    except asyncio.LimitOverrunError as longer:
        return await output.read(longer.consumed)


def _end_session(leader: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)
