"""Files of blobs that are gone, for new ones.

Where many files were removed lately, ext4 takes most of a millisecond to make one: it looks for an inode that nobody
had in the last minute. Overwriting a file costs nothing of that. The few that are kept are given back when nobody
wanted one for a while.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Callable, Iterable
from typing import Final

_MOST_BYTES: Final = 512 * 1024 * 1024
_MOST_FILE_BYTES: Final = 4 * 1024 * 1024
# Only Linux tells whether a file is open elsewhere.
_LEASE: Final[int | None] = getattr(fcntl, "F_SETLEASE", None)


class SpareFiles:
    """By the ids of their blobs, which nobody has any more, whatever happens. `path_of`: where an id's file is now."""

    def __init__(self, path_of: Callable[[int], str]) -> None:
        self._path_of = path_of
        # With their sizes.
        self._files: list[tuple[int, int]] = []
        self._bytes = 0
        self._wanted = False

    def keep(self, ids: Iterable[int]) -> list[int]:
        """Returns those that there is no room for."""
        left = []
        for id in ids:
            size_bytes = _size_bytes(self._path_of(id))
            if _LEASE is None or size_bytes > _MOST_FILE_BYTES or self._bytes + size_bytes > _MOST_BYTES:
                left.append(id)
            else:
                self._files.append((id, size_bytes))
                self._bytes += size_bytes
                self._wanted = True
        return left

    def take(self, path: str) -> int | None:
        """One of them under another name, open for writing; its old bytes are still in it. None: there is none."""
        while self._files:
            id, size_bytes = self._files.pop()
            self._bytes -= size_bytes
            self._wanted = True
            spare = self._path_of(id)
            with contextlib.suppress(OSError):
                # From now on nobody finds it; whoever has found it already has the old bytes to the end.
                os.rename(spare, path)
                descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
                try:
                    if _is_nobodys(descriptor):
                        return descriptor
                except BaseException:
                    os.close(descriptor)
                    raise
                os.close(descriptor)
            for each in (spare, path):
                with contextlib.suppress(OSError):
                    os.unlink(each)
        return None

    def unwanted(self) -> list[int]:
        """All of them, if none was kept or taken since this was asked last; they are out of here then."""
        if self._wanted:
            self._wanted = False
            return []
        return self.give_back()

    def give_back(self) -> list[int]:
        files, self._files, self._bytes = self._files, [], 0
        return [id for id, _ in files]

    def __bool__(self) -> bool:
        return bool(self._files)


def _size_bytes(path: str) -> int:
    """Of a file that is not there more than any may have."""
    try:
        return os.stat(path).st_size
    except OSError:
        return _MOST_BYTES


def _is_nobodys(descriptor: int) -> bool:
    """It has one name and no other descriptor. OSError: it is open elsewhere."""
    if _LEASE is None or os.fstat(descriptor).st_nlink != 1:
        return False
    fcntl.fcntl(descriptor, _LEASE, fcntl.F_WRLCK)
    fcntl.fcntl(descriptor, _LEASE, fcntl.F_UNLCK)
    return True
