"""Log files that never grow past a bound: when full, the older half goes."""

from __future__ import annotations

import os

LOG_BYTES = 1024 * 1024


class BoundedLog:
    """Appends to a file; what cannot be written is lost, never an error: a full disk must not end a unit."""

    def __init__(self, path: str, most_bytes: int = LOG_BYTES) -> None:
        self._most_bytes = most_bytes
        # The folder may belong to the unit's uid: a link planted there must not lead root's writes elsewhere.
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC, 0o640)

    def write(self, data: bytes) -> None:
        data = data[-self._most_bytes // 2 :]
        try:
            size = os.fstat(self._file).st_size
            if size + len(data) > self._most_bytes:
                kept = os.pread(self._file, self._most_bytes // 2, max(size - self._most_bytes // 2, 0))
                os.ftruncate(self._file, 0)
                os.write(self._file, kept)
            os.write(self._file, data)
        except OSError:
            return
