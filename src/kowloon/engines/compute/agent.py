"""The first program of an instance: boots it, reaps what ends in it, and runs commands for the engine.

Run by the base interpreter with `-I -S AGENT CONFIG`; the standard library only. Its own messages and the output of
boot scripts go to stdout, the instance's console.

Boot follows cloud-init's last stage: first the executables in `scripts/per-boot` in name order, then, once in the
life of the instance, the user data, when it starts with `#!`. So what user data leaves in per-boot runs from the next
boot on. Each script waits for the one before it, as there; commands wait for none of them.

A connection to the socket carries one command: a JSON line {script, timeout_s, working_dir, environment,
output_bytes}, answered by a JSON line {exit_code, timed_out, dropped_bytes, size, error} and `size` bytes, the last of
the output. Closing the connection ends the command. {"halt_s": N} ends the instance: SIGTERM to all, N seconds.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

_READ_BYTES = 65536
_REQUEST_BYTES = 1024 * 1024
_ANSWER_S = 10.0
_HALT_POLL_S = 0.02


def main(config_path: str) -> None:
    with open(config_path, encoding="utf-8") as file:
        Agent(json.load(file)).run()


class Command:
    """One command on one connection. What it starts and leaves running is not waited for."""

    def __init__(self, agent: Agent, stream: socket.socket) -> None:
        self._agent = agent
        self._stream = stream
        self._received = b""
        self._script = ""
        self._output = bytearray()
        self._read_bytes = 0
        self._most_bytes = 0
        self._pipe = -1
        self.pid = 0
        self.deadline: float | None = None
        self._timed_out = False
        stream.setblocking(False)
        agent.watch(stream.fileno(), self.on_request)

    def on_request(self) -> None:
        """Takes the request, and the end of the connection: whoever asked does not want the answer any more."""
        if self._stream.fileno() < 0:
            # Closed by another event of the same round; its process group's number may be another's by now.
            return
        try:
            received = self._stream.recv(_READ_BYTES)
        except OSError:
            received = b""
        self._received += received
        if not received or len(self._received) > _REQUEST_BYTES:
            self._kill()
            self.close()
        elif self.pid == 0 and b"\n" in self._received:
            self._begin(json.loads(self._received))

    def _begin(self, request: dict[str, Any]) -> None:
        if "halt_s" in request:
            self._agent.halt(float(request["halt_s"]))
            return
        self._most_bytes = int(request["output_bytes"])
        directory = request["working_dir"] or self._agent.environment["HOME"]
        if not os.path.isdir(directory):
            self._answer({"exit_code": None, "error": f"the working directory {directory} does not exist"})
            return
        self._pipe, end = os.pipe()
        os.set_blocking(self._pipe, False)
        try:
            self._script = self._write_script(request["script"])
            # The shell executes the file, so that a first line with #! is honoured, and interprets one without.
            self.pid = self._agent.spawn(
                ["/bin/sh", "-c", self._script], output=end, cwd=directory, extra=request["environment"]
            )
        except OSError as error:
            self._answer({"exit_code": None, "error": str(error)})
            return
        finally:
            os.close(end)
        self.deadline = time.monotonic() + float(request["timeout_s"])
        self._agent.commands[self.pid] = self
        self._agent.watch(self._pipe, self.on_output)

    def _write_script(self, text: str) -> str:
        file, path = tempfile.mkstemp(prefix="command-", dir=self._agent.tmp)
        with os.fdopen(file, "w", encoding="utf-8") as script:
            script.write(text)
        os.chmod(path, 0o700)
        return path

    def on_output(self) -> None:
        while self._pipe >= 0:
            try:
                chunk = os.read(self._pipe, _READ_BYTES)
            except BlockingIOError:
                return
            if not chunk:
                self._close_pipe()
                return
            self._read_bytes += len(chunk)
            self._output += chunk
            del self._output[: -self._most_bytes]
            if len(chunk) < _READ_BYTES:
                return

    def on_deadline(self) -> None:
        self._timed_out = True
        self._kill()

    def on_exit(self, code: int) -> None:
        """The command's own process has ended; what it left in the pipe is its output, what comes later is not."""
        self.on_output()
        self._answer({"exit_code": None if self._timed_out else code, "error": ""})

    def _answer(self, answer: dict[str, Any]) -> None:
        answer.update(
            timed_out=self._timed_out, dropped_bytes=self._read_bytes - len(self._output), size=len(self._output)
        )
        with contextlib.suppress(OSError):
            self._stream.settimeout(_ANSWER_S)
            self._stream.sendall(json.dumps(answer).encode() + b"\n" + bytes(self._output))
        self.close()

    def _kill(self) -> None:
        if self.pid:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)

    def _close_pipe(self) -> None:
        if self._pipe >= 0:
            self._agent.unwatch(self._pipe)
            os.close(self._pipe)
            self._pipe = -1

    def close(self) -> None:
        self._agent.commands.pop(self.pid, None)
        self._close_pipe()
        if self._stream.fileno() >= 0:
            self._agent.unwatch(self._stream.fileno())
            self._stream.close()
        if self._script:
            with contextlib.suppress(OSError):
                os.unlink(self._script)
            self._script = ""


class Agent:
    """One thread, one selector. `config`: the paths as the instance sees them, its identity, and what may run."""

    def __init__(self, config: dict[str, Any]) -> None:
        self._config = config
        self._cloud = config["cloud_dir"]
        self.tmp = config["tmp"]
        self.environment = dict(config["environment"])
        # The mark by which leftovers are found must not get lost on the way to what the instance starts.
        self.environment.update({name: os.environ[name] for name in config["kept_variables"] if name in os.environ})
        self.commands: dict[int, Command] = {}
        self._boot_pid = 0
        self._scripts: list[str] = []
        self._halt_at: float | None = None
        self._selector = selectors.DefaultSelector()
        self._wake, self._wake_end = os.pipe()

    def run(self) -> None:
        for end in (self._wake, self._wake_end):
            os.set_blocking(end, False)
        signal.set_wakeup_fd(self._wake_end, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        # As the first process of its namespace it would otherwise not hear it at all.
        signal.signal(signal.SIGTERM, lambda *_: self.halt(float(self._config["halt_s"])))
        self.watch(self._wake, lambda: os.read(self._wake, 4096))
        listener = self._listen()
        self.watch(listener.fileno(), lambda: self._accept(listener))
        self._boot()
        while True:
            for key, _ in self._selector.select(self._wait_s()):
                key.data()
            self._reap()
            self._meet_deadlines()
            if self._halt_at is not None and self._is_down():
                return

    def watch(self, file: int, handler: Callable[[], Any]) -> None:
        self._selector.register(file, selectors.EVENT_READ, handler)

    def unwatch(self, file: int) -> None:
        with contextlib.suppress(KeyError):
            self._selector.unregister(file)

    def spawn(self, argv: list[str], *, output: int, cwd: str, extra: dict[str, str]) -> int:
        """A process in a session of its own, reaped by `_reap`."""
        process = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=cwd,
            env={**self.environment, **extra},
            start_new_session=True,
        )
        # The loop collects all children; Popen must neither wait for this one nor complain about it.
        process.returncode = 0
        return process.pid

    def halt(self, grace_s: float) -> None:
        if self._halt_at is None:
            self._say("going down")
            self._halt_at = time.monotonic() + grace_s
            self._signal_all(signal.SIGTERM)

    def _signal_all(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if os.getpid() == 1:
                os.kill(-1, number)
            elif self._boot_pid:
                os.killpg(self._boot_pid, number)
        for pid in self.commands:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(pid, number)

    def _is_down(self) -> bool:
        if self._halt_at is None or time.monotonic() >= self._halt_at:
            return True
        try:
            os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            return True
        return False

    def _listen(self) -> socket.socket:
        # Bound by its bare name: the folder's path may be longer than a socket's may be.
        os.chdir(self._config["run_dir"])
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._config["socket"])
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.bind(self._config["socket"])
        listener.listen(64)
        listener.setblocking(False)
        os.chdir("/")
        return listener

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            Command(self, listener.accept()[0])

    def _boot(self) -> None:
        self._say(f"boot of {self._config['instance_id']} at {self.environment['KOWLOON_BIND_ADDRESS']}")
        if not self._config["scripts_allowed"]:
            self._say("scripts cannot run here safely and are off")
            return
        per_boot = os.path.join(self._cloud, "scripts", "per-boot")
        os.makedirs(per_boot, exist_ok=True)
        found = sorted(os.path.join(per_boot, name) for name in os.listdir(per_boot))
        self._scripts = [path for path in found if os.path.isfile(path) and os.access(path, os.X_OK)]
        self._scripts += self._user_data()
        self._next_script()

    def _user_data(self) -> list[str]:
        """The user data's path when it is to run at this boot: never again once it was begun, as in cloud-init."""
        mine = os.path.join(self._cloud, "instances", self._config["instance_id"])
        os.makedirs(os.path.join(mine, "sem"), exist_ok=True)
        current = os.path.join(self._cloud, "instance")
        with contextlib.suppress(FileNotFoundError):
            os.unlink(current)
        os.symlink(mine, current)
        text = self._config["user_data"]
        path = os.path.join(current, "user-data.txt")
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(path, 0o700)
        return [path] if text.startswith("#!") else []

    def _next_script(self) -> None:
        while self._scripts and self._halt_at is None:
            path = self._scripts.pop(0)
            if path.endswith("/instance/user-data.txt") and not self._mark_user_data(path):
                continue
            self._say(f"running {path}")
            try:
                self._boot_pid = self.spawn([path], output=1, cwd="/", extra={})
                return
            except OSError as error:
                self._say(f"{path} could not start: {error}")

    def _mark_user_data(self, path: str) -> bool:
        marker = os.path.join(os.path.dirname(path), "sem", "config_scripts_user")
        try:
            os.close(os.open(marker, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        except FileExistsError:
            return False
        return True

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            code = os.waitstatus_to_exitcode(status)
            command = self.commands.get(pid)
            if command is not None:
                command.on_exit(code if code >= 0 else 128 - code)
            elif pid == self._boot_pid:
                self._boot_pid = 0
                if code != 0:
                    self._say(f"the script ended with {code}")
                self._next_script()

    def _meet_deadlines(self) -> None:
        now = time.monotonic()
        for command in list(self.commands.values()):
            if command.deadline is not None and now >= command.deadline:
                command.on_deadline()
                command.deadline = None

    def _wait_s(self) -> float | None:
        if self._halt_at is not None:
            return _HALT_POLL_S
        deadlines = [command.deadline for command in self.commands.values() if command.deadline is not None]
        return max(min(deadlines) - time.monotonic(), 0.0) if deadlines else None

    def _say(self, text: str) -> None:
        with contextlib.suppress(OSError):
            os.write(1, f"kowloon: {text}\n".encode())


if __name__ == "__main__":
    main(sys.argv[1])
