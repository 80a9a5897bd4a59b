"""The keeper of one unit: a forked copy of the supervisor that only holds the unit's process tree together.

It is a sub-reaper, so whatever the unit starts and however often that forks, it stays below the keeper. It ends the
whole tree when it is told to, when the unit's main process ends, and when the supervisor is gone (its socket closes).

Lines to the keeper: `kill GRACE_S`, `freeze`, `thaw`. Lines from it: `spawned PID` or `failed MESSAGE` first, then
`frozen`, `running` and at the end `exited CODE`.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
import selectors
import signal
import socket
import time
from typing import NoReturn

from kowloon.engines.processes import ProcessSpec
from kowloon.engines.supervisor import tree
from kowloon.engines.supervisor.folders import MARK_VARIABLE
from kowloon.engines.supervisor.logs import BoundedLog

_PR_SET_CHILD_SUBREAPER = 36
_PR_SET_NO_NEW_PRIVS = 38
_READ_BYTES = 64 * 1024


def set_process_flag(option: int) -> None:
    """One of the prctl flags that are switched on by 1."""
    if ctypes.CDLL(None, use_errno=True).prctl(option, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), f"prctl({option}) failed")


def become_subreaper() -> None:
    set_process_flag(_PR_SET_CHILD_SUBREAPER)


def keep(control: socket.socket, spec: ProcessSpec, *, mark: str, uid: int, gid: int) -> NoReturn:
    """Called in the forked child; never returns."""
    try:
        # Until the keeper has its own handler, the supervisor's must not run in the copy.
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        # A copy of another keeper's socket would hide the supervisor's death from that keeper.
        _close_all_but(control.fileno())
        gc.disable()
        become_subreaper()
        _Keeper(control, spec, mark, uid, gid).run()
    except BaseException as error:
        with contextlib.suppress(OSError):
            control.sendall(f"failed its keeper broke: {error!r}\n".encode())
    finally:
        tree.kill_descendants()
        os._exit(0)


def _close_all_but(kept: int) -> None:
    os.closerange(3, kept)
    os.closerange(kept + 1, os.sysconf("SC_OPEN_MAX"))


class _Keeper:
    def __init__(self, control: socket.socket, spec: ProcessSpec, mark: str, uid: int, gid: int) -> None:
        self._control = control
        self._spec = spec
        self._environment = {**spec.environment, MARK_VARIABLE: mark}
        self._uid = uid
        self._gid = gid
        self._received = b""
        self._frozen = False
        self._kill_at: float | None = None
        self._exit_code: int | None = None
        self._over = False
        self._pid = 0
        self._log = BoundedLog(spec.log)
        self._output, self._output_end = os.pipe()
        self._wake, self._wake_end = os.pipe()
        for end in (self._output, self._wake, self._wake_end):
            os.set_blocking(end, False)

    def run(self) -> None:
        self._take_signals()
        try:
            self._pid = self._start()
        except OSError as error:
            self._say(f"failed {error}")
            return
        os.close(self._output_end)
        self._say(f"spawned {self._pid}")
        self._watch()
        ended = tree.kill_descendants()
        if self._exit_code is None:
            self._exit_code = ended.get(self._pid)
        self._relay_output()
        self._say(f"exited {'' if self._exit_code is None else self._exit_code}")

    def _take_signals(self) -> None:
        signal.set_wakeup_fd(self._wake_end, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGTERM, self._on_terminate)

    def _on_terminate(self, *_: object) -> None:
        self._over = True

    def _start(self) -> int:
        """Forks and executes; OSError with the child's reason when it could not."""
        reason, reason_end = os.pipe()
        pid = os.fork()
        if pid == 0:
            self._become_unit(reason_end)
        os.close(reason_end)
        with open(reason, "rb") as failure:
            text = failure.read()
        if text:
            os.waitpid(pid, 0)
            raise OSError(text.decode(errors="replace"))
        return pid

    def _become_unit(self, reason_end: int) -> NoReturn:
        spec = self._spec
        try:
            os.setsid()
            for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
                # Ignored signals would stay ignored in the unit.
                with contextlib.suppress(OSError, ValueError):
                    signal.signal(number, signal.SIG_DFL)
            nothing = os.open(os.devnull, os.O_RDONLY)
            for source, target in ((nothing, 0), (self._output_end, 1), (self._output_end, 2)):
                os.dup2(source, target)
            os.umask(0o022)
            if spec.drop_privileges and os.geteuid() == 0:
                os.setgroups([])
                os.setresgid(self._gid, self._gid, self._gid)
                os.setresuid(self._uid, self._uid, self._uid)
            if spec.drop_privileges:
                set_process_flag(_PR_SET_NO_NEW_PRIVS)
            os.chdir(spec.cwd)
            # All other descriptors are closed by execve: Python opens everything with close-on-exec.
            os.execve(spec.argv[0], spec.argv, self._environment)
        except BaseException as error:
            os.write(reason_end, f"{spec.argv[0]}: {error}".encode())
        finally:
            os._exit(127)

    def _watch(self) -> None:
        """Until the unit's main process has ended or is to be killed."""
        with selectors.DefaultSelector() as selector:
            selector.register(self._control, selectors.EVENT_READ, self._obey)
            selector.register(self._output, selectors.EVENT_READ, self._relay_output)
            selector.register(self._wake, selectors.EVENT_READ, self._drain_wake)
            while not self._over:
                for key, _ in selector.select(self._wait_s()):
                    if not key.data() and key.fd == self._output:
                        selector.unregister(self._output)
                ended, _ = tree.reap()
                if self._pid in ended:
                    self._exit_code = ended[self._pid]
                    return
                if self._kill_at is not None and time.monotonic() >= self._kill_at:
                    return

    def _wait_s(self) -> float | None:
        return None if self._kill_at is None else max(self._kill_at - time.monotonic(), 0.0)

    def _drain_wake(self) -> bool:
        os.read(self._wake, 4096)
        return True

    def _relay_output(self) -> bool:
        """Moves what the unit printed into its log; False when nothing can come any more."""
        while True:
            try:
                chunk = os.read(self._output, _READ_BYTES)
            except BlockingIOError:
                return True
            if not chunk:
                return False
            self._log.write(chunk)
            if len(chunk) < _READ_BYTES and not self._over:
                return True

    def _obey(self) -> bool:
        received = self._control.recv(4096)
        if not received:
            self._over = True
        *lines, self._received = (self._received + received).split(b"\n")
        for line in lines:
            word, _, rest = line.decode().partition(" ")
            if word == "freeze":
                tree.stop_descendants()
                self._frozen = True
                self._say("frozen")
            elif word == "thaw":
                tree.continue_descendants()
                self._frozen = False
                self._say("running")
            elif word == "kill":
                self._kill(float(rest))
        return True

    def _kill(self, grace_s: float) -> None:
        # A frozen process cannot make use of a grace.
        if grace_s <= 0 or self._frozen:
            self._over = True
            return
        until = time.monotonic() + grace_s
        self._kill_at = until if self._kill_at is None else min(until, self._kill_at)
        tree.send(self._pid, signal.SIGTERM)

    def _say(self, line: str) -> None:
        # Without a supervisor nobody listens; the keeper's work stays the same.
        with contextlib.suppress(OSError):
            self._control.sendall(line.replace("\n", " ").encode() + b"\n")
