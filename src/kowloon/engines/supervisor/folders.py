"""Where a cloud's supervisor and its units live on disk, and the mark that its processes carry.

The socket is in a short folder under /tmp, because a unix socket's path has 107 bytes at most and homes are long.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import sys
from pathlib import Path

from kowloon.core.errors import ConfigurationError

# The environment variable by which leftovers of one cloud are found.
MARK_VARIABLE = "KOWLOON_UNIT_MARK"
# As root, units run under a uid that no system gives out: not nobody's, which other services share.
UNPRIVILEGED_UID = 64020
SOCKET_NAME = "s"
LOCK_NAME = "lock"
LOG_NAME = "supervisor.log"
BIRTH_NAME = "birth"
OWNER_NAME = "home"


def require_linux() -> None:
    if not sys.platform.startswith("linux"):
        raise ConfigurationError(
            f"real processes need Linux (sub-reapers and /proc); this is {sys.platform}: use the paper engines"
        )


def cloud_mark(home: str | Path) -> str:
    """The same for every server of one home and user, different for any other: also for a later home at the same path,
    which must not take over what the units of the former one left. `home` exists."""
    identity = f"{os.geteuid()}:{os.path.realpath(home)}:{_birth(Path(home))}"
    return hashlib.sha256(identity.encode()).hexdigest()[:16]


def _birth(home: Path) -> str:
    """What only this home has: drawn when it is first asked for, by whichever process is the first."""
    kept = home / BIRTH_NAME
    if not kept.exists():
        drawn = home / f"{BIRTH_NAME}.{os.getpid()}"
        drawn.write_text(os.urandom(16).hex())
        with contextlib.suppress(FileExistsError):
            os.link(drawn, kept)
        drawn.unlink()
    return kept.read_text()


def run_folder(home: str | Path) -> Path:
    """The private folder of the home's supervisor: made if missing, refused if it is not this user's alone."""
    folder = Path("/tmp") / f"kowloon-{os.geteuid()}-{cloud_mark(home)}"
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o077:
        raise ConfigurationError(f"{folder} is not a private folder of this user: look at it, remove it, start again")
    return folder


def unit_ids(uid: int) -> tuple[int, int]:
    """The uid and gid that dropped processes get when the supervisor runs as `uid`."""
    if uid == 0:
        return UNPRIVILEGED_UID, UNPRIVILEGED_UID
    return uid, os.getegid()


def traversable(folder: str | Path) -> bool:
    """Whether a user who is neither owner nor in the group gets as far as into `folder`."""
    path = Path(os.path.realpath(folder))
    return all(part.stat().st_mode & stat.S_IXOTH for part in (path, *path.parents) if part.exists())


def data_folder(home: str | Path) -> Path:
    """Where units keep their data: in the home, or, as root with a home that others cannot enter, in /var/lib. There it
    is made if missing, with a file that says whose it is."""
    inside = Path(os.path.realpath(home)) / "units"
    if os.geteuid() != 0 or traversable(inside.parent):
        return inside
    outside = Path("/var/lib") / f"kowloon-{cloud_mark(home)}"
    outside.mkdir(mode=0o711, exist_ok=True)
    # For whoever wonders whose it is, and whether that one is still there.
    (outside / OWNER_NAME).write_text(f"{inside.parent}\n")
    return outside
