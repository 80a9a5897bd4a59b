"""Ends what an earlier supervisor of the same cloud left behind, found by the mark in its environment."""

from __future__ import annotations

import os
import signal
import time

from kowloon.engines.supervisor import tree
from kowloon.engines.supervisor.folders import MARK_VARIABLE

# Keepers whose supervisor died end their trees themselves, and know them better than the mark does: let them.
_KEEPERS_WAIT_S = 1.0
_SWEEP_S = 10.0
_PAUSE_S = 0.02


def marked_processes(mark: str) -> list[int]:
    """The living processes of this cloud's units that this user may look at, without the caller and its ancestors."""
    wanted = f"{MARK_VARIABLE}={mark}".encode()
    spared = _self_and_ancestors()
    return [pid for pid in living_processes() if pid not in spared and wanted in _strings(pid, "environ")]


def supervising_processes(mark: str) -> list[int]:
    """Supervisors and keepers of this cloud: they have the mark among their arguments."""
    return [pid for pid in living_processes() if mark.encode() in _strings(pid, "cmdline")]


def living_processes() -> list[int]:
    pids = [int(name) for name in os.listdir("/proc") if name.isdigit()]
    return [pid for pid in pids if tree.process_state(pid) not in ("", "Z", "X")]


def sweep(mark: str) -> None:
    """Returns when no marked process is left; TimeoutError names the ones that would not end.

    What a marked process started is taken with it: servers such as PostgreSQL write over their own environment.
    """
    start = time.monotonic()
    while (found := marked_processes(mark)) and time.monotonic() < start + _KEEPERS_WAIT_S:
        if not any(mark.encode() in _strings(_parent(pid), "cmdline") for pid in found):
            break
        time.sleep(_PAUSE_S)
    while found := marked_processes(mark):
        if time.monotonic() > start + _SWEEP_S:
            raise TimeoutError(f"processes {found} of an earlier run do not end, not even by SIGKILL")
        for pid in found:
            for each in (*tree.descendants(pid), pid):
                tree.send(each, signal.SIGKILL)
        time.sleep(_PAUSE_S)


def _strings(pid: int, name: str) -> list[bytes]:
    """The NUL-separated strings of a file of /proc; empty when it is gone or not ours to read."""
    try:
        with open(f"/proc/{pid}/{name}", "rb") as strings:
            return strings.read().split(b"\0")
    except OSError:
        return []


def _parent(pid: int) -> int:
    try:
        with open(f"/proc/{pid}/stat", "rb") as stat:
            return int(stat.read().rpartition(b")")[2].split()[1])
    except OSError:
        return 0


def _self_and_ancestors() -> set[int]:
    spared: set[int] = set()
    pid = os.getpid()
    while pid > 0 and pid not in spared:
        spared.add(pid)
        pid = _parent(pid)
    return spared
