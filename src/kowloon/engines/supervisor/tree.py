"""Process trees by /proc: find, stop, continue and kill all descendants of a process. Linux only."""

from __future__ import annotations

import os
import signal
import time

_FIRST_PAUSE_S = 0.001
_LONGEST_PAUSE_S = 0.05
# A process inside an uninterruptible system call (a vfork whose child stands still) stops when that call ends, before
# it does anything else: nothing is gained by waiting for it longer.
_STOP_WAIT_S = 0.2


def children(pid: int) -> list[int]:
    """The direct children of a process; empty when it is gone."""
    found: list[int] = []
    try:
        threads = os.listdir(f"/proc/{pid}/task")
    except OSError:
        return found
    for thread in threads:
        try:
            with open(f"/proc/{pid}/task/{thread}/children", "rb") as listing:
                found.extend(int(child) for child in listing.read().split())
        except OSError:
            continue
    return found


def descendants(pid: int) -> list[int]:
    """All descendants, parents before their children, without `pid` itself."""
    found = children(pid)
    for each in found:
        found.extend(children(each))
    return found


def process_state(pid: int) -> str:
    """The letter that the kernel gives it (R, S, D, T, Z ...), or an empty string when it is gone."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as stat:
            # The name in parentheses may hold anything, also parentheses and spaces.
            return stat.read().rpartition(b")")[2].split()[0].decode()
    except (OSError, IndexError):
        return ""


def send(pid: int, number: int) -> None:
    """A signal to a process that may be gone by now."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def reap() -> tuple[dict[int, int], bool]:
    """Collects ended children: their exit codes (negative: the signal's number), and whether children remain."""
    ended: dict[int, int] = {}
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return ended, False
        if pid == 0:
            return ended, True
        ended[pid] = os.waitstatus_to_exitcode(status)


def kill_descendants() -> dict[int, int]:
    """Kills and reaps until this process (a sub-reaper) has no child left; the exit codes of those it reaped."""
    ended: dict[int, int] = {}
    pause_s = _FIRST_PAUSE_S
    while True:
        for pid in descendants(os.getpid()):
            send(pid, signal.SIGKILL)
        codes, remain = reap()
        ended.update(codes)
        if not remain:
            return ended
        time.sleep(pause_s)
        pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)


def stop_descendants() -> None:
    """SIGSTOP until no new descendant appears and all stand still."""
    deadline = time.monotonic() + _STOP_WAIT_S
    stopped: set[int] = set()
    while True:
        found = descendants(os.getpid())
        new = set(found) - stopped
        for pid in found:
            if pid in new:
                send(pid, signal.SIGSTOP)
        stopped |= new
        if not new and (time.monotonic() > deadline or all(process_state(pid) in "TtZX" for pid in found)):
            return
        time.sleep(_FIRST_PAUSE_S)


def continue_descendants() -> None:
    """SIGCONT, children first, so that no parent finds its child still stopped."""
    for pid in reversed(descendants(os.getpid())):
        send(pid, signal.SIGCONT)
