"""The command in a process of its own that is forked from one which has loaded it: an interpreter's start and its
imports take longer than what most commands do. `own_interpreter=True` in tests.cli.parts is the other way."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

_CONTEXT = multiprocessing.get_context("forkserver")
# What the command loads later as well; what is not there is left out.
_LATER = ["http.client", "rich.console", "typer._adapters", "uvloop"]
_CONTEXT.set_forkserver_preload(["kowloon.app", "kowloon.cli.main", *_LATER, __name__])
_APPEND = os.O_WRONLY | os.O_CREAT | os.O_APPEND


class Forked:
    """As subprocess.Popen has it. Standard streams are files; what is written is added to them."""

    def __init__(
        self,
        arguments: tuple[str, ...],
        environment: Mapping[str, str],
        *,
        cwd: Path | None = None,
        stdin: str,
        stdout: Path,
        stderr: Path,
    ) -> None:
        self.args = arguments
        told = (arguments, dict(environment), str(cwd or Path.cwd()), (stdin, str(stdout), str(stderr)))
        self._process = _CONTEXT.Process(target=_command, args=told, daemon=True)
        self._process.start()
        assert self._process.pid is not None
        self.pid = self._process.pid

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self, timeout_s: float) -> int:
        self._process.join(timeout_s)
        code = self._process.exitcode
        if code is None:
            raise subprocess.TimeoutExpired(self.args, timeout_s)
        return code

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def _command(arguments: tuple[str, ...], environment: dict[str, str], cwd: str, streams: tuple[str, str, str]) -> None:
    from kowloon.cli.main import main

    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(environment)
    for number, path in enumerate(streams):
        opened = os.open(path, _APPEND if number else os.O_RDONLY, 0o600)
        os.dup2(opened, number)
        os.close(opened)
    sys.stdin = os.fdopen(0, closefd=False)
    sys.stdout = os.fdopen(1, "w", closefd=False)
    sys.stderr = os.fdopen(2, "w", buffering=1, errors="backslashreplace", closefd=False)
    sys.argv = ["kowloon", *arguments]
    main()
