"""Copies of instances' disks, made while whoever owns them may change them at any moment.

Nothing is reached by a path that the owner could bend: every name is opened in its own folder and never through a link.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

from kowloon.engines.base import EngineError

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# Without waiting for whoever would write into a pipe of that name.
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_MOST_FOLDERS_DEEP = 100
_COPY_BYTES = 1 << 20
# Gone, or something else, since its folder was read: it was not on the disk any more.
_GONE = (errno.ENOENT, errno.ELOOP, errno.ENOTDIR, errno.ENXIO)


def copy_folder(source: Path, target: Path, *, uid: int, gid: int) -> None:
    """`target` must not exist. Files, folders and links, owned by `uid`; pipes, sockets and devices are left out."""
    try:
        with _opened(str(source), _FOLDER) as descriptor:
            _Copy(uid, gid).folder(descriptor, target, 0)
    except OSError as problem:
        raise EngineError(f"the disk {source} cannot be copied: {problem}") from problem


class _Copy:
    def __init__(self, uid: int, gid: int) -> None:
        self._uid = uid
        self._gid = gid

    def folder(self, source: int, target: Path, depth: int) -> None:
        if depth > _MOST_FOLDERS_DEEP:
            raise EngineError(f"the disk has folders more than {_MOST_FOLDERS_DEEP} deep")
        target.mkdir(mode=0o700)
        for name in sorted(os.listdir(source)):
            try:
                self._entry(source, name, target / name, depth)
            except OSError as problem:
                if problem.errno not in _GONE:
                    raise
        # Last, because until then nobody else may write there.
        target.chmod(stat.S_IMODE(os.fstat(source).st_mode) & 0o777)
        os.chown(target, self._uid, self._gid)

    def _entry(self, folder: int, name: str, target: Path, depth: int) -> None:
        mode = os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode
        if stat.S_ISLNK(mode):
            target.symlink_to(os.readlink(name, dir_fd=folder))
            os.chown(target, self._uid, self._gid, follow_symlinks=False)
        elif stat.S_ISDIR(mode):
            with _opened(name, _FOLDER, folder) as source:
                self.folder(source, target, depth + 1)
        elif stat.S_ISREG(mode):
            with _opened(name, _FILE, folder) as source:
                if stat.S_ISREG(os.fstat(source).st_mode):
                    self._file(source, target)

    def _file(self, source: int, target: Path) -> None:
        made = os.open(target, _NEW, 0o600)
        with open(source, "rb", closefd=False) as reading, open(made, "wb") as writing:
            shutil.copyfileobj(reading, writing, _COPY_BYTES)
            os.fchmod(made, stat.S_IMODE(os.fstat(source).st_mode) & 0o777)
            os.fchown(made, self._uid, self._gid)


@contextlib.contextmanager
def _opened(name: str, flags: int, folder: int | None = None) -> Iterator[int]:
    descriptor = os.open(name, flags, dir_fd=folder)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
