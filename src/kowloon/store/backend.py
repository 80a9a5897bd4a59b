"""Where rows are kept. SQLite is embedded; PostgreSQL can take its place behind the same four calls."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple, Protocol

from kowloon.core.errors import ConfigurationError

FORMAT_VERSION = 1


class Row(NamedTuple):
    """`body` None: the row is deleted."""

    kind: str
    id: str
    version: int
    body: bytes | None


class StoredRow(NamedTuple):
    kind: str
    id: str
    version: int
    body: bytes


class Backend(Protocol):
    def load(self) -> Iterator[StoredRow]:
        """All rows, in the order in which they were first written."""
        ...

    def write(self, rows: Iterable[Row]) -> None:
        """All rows in one transaction; when it returns they survive the death of this process."""
        ...

    def replace(self, rows: Iterable[Row]) -> None:
        """These rows instead of all, in one transaction."""
        ...

    def clear(self) -> None: ...
    def close(self) -> None: ...


class MemoryBackend:
    """Keeps nothing: for tests and for clouds that live as long as their process."""

    def load(self) -> Iterator[StoredRow]:
        return iter(())

    def write(self, rows: Iterable[Row]) -> None:
        pass

    def replace(self, rows: Iterable[Row]) -> None:
        pass

    def clear(self) -> None:
        pass

    def close(self) -> None:
        pass


class SqliteBackend:
    """One file with a write-ahead log. Without fsync per commit: survives kill -9, not always a power cut.

    The file carries a format version: a newer one is refused, never guessed.
    """

    def __init__(self, path: Path) -> None:
        # It holds keys and passwords, so it is the owner's alone; the log files beside it take the same mode.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        self._connection = sqlite3.connect(path, timeout=2.0, isolation_level=None, check_same_thread=False)
        self._connection.execute("PRAGMA locking_mode=EXCLUSIVE")
        try:
            self._prepare(path)
        except ConfigurationError:
            self._connection.close()
            raise
        except sqlite3.OperationalError as problem:
            self._connection.close()
            raise ConfigurationError(
                f"{path} cannot be opened ({problem}); is another kowloon running on it? `kowloon status` tells"
            ) from problem
        except sqlite3.DatabaseError as problem:
            self._connection.close()
            raise ConfigurationError(f"{path} is not a state file of kowloon ({problem}); move it away") from problem

    def _prepare(self, path: Path) -> None:
        execute = self._connection.execute
        # Look before touching anything: the file may be somebody else's.
        (found,) = execute("PRAGMA user_version").fetchone()
        tables = {name for (name,) in execute("SELECT name FROM sqlite_master WHERE type='table'")}
        if tables and "resource" not in tables:
            raise ConfigurationError(f"{path} is not a state file of kowloon (it has other tables); move it away")
        if found not in (0, FORMAT_VERSION):
            raise ConfigurationError(
                f"{path} has store format {found}, this version of kowloon reads {FORMAT_VERSION}; "
                "start it with the version that wrote it, or move the file away to begin anew"
            )
        execute("PRAGMA journal_mode=WAL")
        execute("PRAGMA synchronous=NORMAL")
        execute("BEGIN IMMEDIATE")
        execute(
            "CREATE TABLE IF NOT EXISTS resource (sequence INTEGER PRIMARY KEY, kind TEXT NOT NULL, id TEXT NOT NULL, "
            "version INTEGER NOT NULL, body BLOB NOT NULL, UNIQUE (kind, id))"
        )
        execute(f"PRAGMA user_version={FORMAT_VERSION}")
        execute("COMMIT")

    def load(self) -> Iterator[StoredRow]:
        rows = self._connection.execute("SELECT kind, id, version, body FROM resource ORDER BY sequence")
        return (StoredRow(*row) for row in rows)

    def write(self, rows: Iterable[Row]) -> None:
        self._write(rows, replace=False)

    def replace(self, rows: Iterable[Row]) -> None:
        self._write(rows, replace=True)

    def _write(self, rows: Iterable[Row], *, replace: bool) -> None:
        execute = self._connection.execute
        execute("BEGIN IMMEDIATE")
        try:
            if replace:
                execute("DELETE FROM resource")
            for row in rows:
                if row.body is None:
                    execute("DELETE FROM resource WHERE kind=? AND id=?", (row.kind, row.id))
                else:
                    execute(
                        "INSERT INTO resource (kind, id, version, body) VALUES (?,?,?,?) "
                        "ON CONFLICT (kind, id) DO UPDATE SET version=excluded.version, body=excluded.body",
                        (row.kind, row.id, row.version, row.body),
                    )
            execute("COMMIT")
        except BaseException:
            execute("ROLLBACK")
            raise

    def clear(self) -> None:
        self._connection.execute("DELETE FROM resource")

    def close(self) -> None:
        self._connection.close()
