"""`python -m kowloon.engines.supervisor`: started by the client, never by hand.

Exits with 0 once the supervisor listens in the background, with BUSY when one runs already, else with a sentence on
stderr. Only the holder of the lock file sweeps, so a second start never ends the first one's units.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import os
import socket
import sys
from pathlib import Path

from kowloon.engines.supervisor.folders import LOCK_NAME, LOG_NAME, SOCKET_NAME, unit_ids
from kowloon.engines.supervisor.keeper import become_subreaper
from kowloon.engines.supervisor.server import Supervisor
from kowloon.engines.supervisor.sweep import sweep

BUSY = 75


def main() -> int:
    options = _options()
    run_dir = Path(options.run_dir)
    os.umask(0o077)
    if not _take_lock(run_dir):
        return BUSY
    try:
        sweep(options.mark)
    except TimeoutError as error:
        print(error, file=sys.stderr)
        return 1
    listener = _listen(run_dir / SOCKET_NAME)
    if os.fork() != 0:
        return 0
    _leave_terminal(run_dir / LOG_NAME)
    become_subreaper()
    uid, gid = unit_ids(os.geteuid())
    Supervisor(listener, mark=options.mark, uid=uid, gid=gid, lease_s=options.lease_s).run()
    _remove(run_dir)
    return 0


def _take_lock(run_dir: Path) -> bool:
    """Held by this process for its life (keepers close their copy); False when another has it."""
    path = run_dir / LOCK_NAME
    while True:
        try:
            lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, FileNotFoundError):
            # Held, or the folder just went with its owner: either way the client looks again.
            return False
        with contextlib.suppress(FileNotFoundError):
            # Its last holder may have removed the file on leaving: then the lock is on nothing.
            if os.path.samestat(os.fstat(lock), path.stat()):
                return True
        os.close(lock)


def _remove(run_dir: Path) -> None:
    """The lock goes last: whoever waits for it must find a folder without an owner."""
    for name in (SOCKET_NAME, LOG_NAME, LOCK_NAME):
        (run_dir / name).unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        run_dir.rmdir()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="kowloon.engines.supervisor")
    parser.add_argument("--run-dir", required=True)
    parser.add_argument("--mark", required=True)
    parser.add_argument("--lease-s", type=float, required=True)
    return parser.parse_args()


def _listen(path: Path) -> socket.socket:
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(str(path))
    listener.listen(8)
    return listener


def _leave_terminal(log: Path) -> None:
    os.setsid()
    os.chdir("/")
    nothing = os.open(os.devnull, os.O_RDONLY)
    written = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    for source, target in ((nothing, 0), (written, 1), (written, 2)):
        os.dup2(source, target)


if __name__ == "__main__":
    # Ends without clean-up: the interpreter has nothing to save, and two processes share what it would close.
    code = main()
    sys.stderr.flush()
    os._exit(code)
