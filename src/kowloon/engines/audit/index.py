"""An index over the journal: which records are about whom, when and what. It can be lost: the journal makes it anew."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

from kowloon.core.errors import ConfigurationError

FORMAT_VERSION: Final = 1

# What a record can be asked for, beside its resources.
COLUMNS: Final = ("id", "service", "name", "user", "rw", "access_key", "source")


class Row(NamedTuple):
    """`position` is that behind the record. `resources`: kind and name of each. `body` is what is given back."""

    position: int
    account: str
    at: float
    id: str
    service: str
    name: str
    user: str
    rw: str
    access_key: str
    source: str
    resources: tuple[tuple[str, str], ...]
    body: bytes


class Wanted(NamedTuple):
    """`first` and `last` are moments of cloud time, both included; `matches`: column (or `resource_kind`,
    `resource_name`) and value, all of which must hold. `after`: moment and position that a page before ended with."""

    account: str
    first: float
    last: float
    matches: tuple[tuple[str, str], ...] = ()
    newest_first: bool = True
    after: tuple[float, int] | None = None


class Found(NamedTuple):
    at: float
    position: int
    body: bytes


class AuditIndex:
    """Raises ConfigurationError for a file that is something else, or of another format."""

    def __init__(self, path: Path | None) -> None:
        if path is not None:
            # It holds who did what: the owner's alone.
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        self._connection = sqlite3.connect(path or ":memory:", isolation_level=None, check_same_thread=False)
        try:
            self._prepare(path)
        except sqlite3.DatabaseError as problem:
            self._connection.close()
            raise ConfigurationError(f"{path} is not an audit index of kowloon ({problem}); move it away") from problem

    def _prepare(self, path: Path | None) -> None:
        execute = self._connection.execute
        (version,) = execute("PRAGMA user_version").fetchone()
        if version not in (0, FORMAT_VERSION):
            self._connection.close()
            raise ConfigurationError(
                f"{path} has audit format {version}, this version of kowloon reads {FORMAT_VERSION}; move it away, and "
                "it is made anew from the journal"
            )
        # A lost index is made again, so nothing has to be flushed for it.
        execute("PRAGMA journal_mode=WAL")
        execute("PRAGMA synchronous=OFF")
        columns = ", ".join(f"{name} TEXT NOT NULL" for name in COLUMNS)
        self._connection.executescript(
            "CREATE TABLE IF NOT EXISTS event (position INTEGER PRIMARY KEY, account TEXT NOT NULL, at REAL NOT NULL, "
            f"{columns}, body BLOB NOT NULL);"
            "CREATE INDEX IF NOT EXISTS event_at ON event (account, at, position);"
            "CREATE INDEX IF NOT EXISTS event_key ON event (account, access_key, at);"
            "CREATE TABLE IF NOT EXISTS resource (position INTEGER NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL);"
            "CREATE INDEX IF NOT EXISTS resource_event ON resource (position);"
            "CREATE TABLE IF NOT EXISTS state (position INTEGER NOT NULL);"
            f"PRAGMA user_version={FORMAT_VERSION};"
        )

    @property
    def position(self) -> int:
        """Up to where the journal is in it."""
        row = self._connection.execute("SELECT position FROM state").fetchone()
        return int(row[0]) if row is not None else 0

    def add(self, rows: Sequence[Row], position: int) -> None:
        """All of them, and how far that is, at once."""
        execute, many = self._connection.execute, self._connection.executemany
        execute("BEGIN IMMEDIATE")
        try:
            holes = ", ".join("?" * (4 + len(COLUMNS)))
            many(
                f"INSERT OR REPLACE INTO event (position, account, at, {', '.join(COLUMNS)}, body) VALUES ({holes})",
                [(*row[: 3 + len(COLUMNS)], row.body) for row in rows],
            )
            many(
                "INSERT INTO resource (position, kind, name) VALUES (?, ?, ?)",
                [(row.position, *resource) for row in rows for resource in row.resources],
            )
            execute("DELETE FROM state")
            execute("INSERT INTO state (position) VALUES (?)", (position,))
            execute("COMMIT")
        except BaseException:
            execute("ROLLBACK")
            raise

    def find(self, wanted: Wanted, most: int) -> list[Found]:
        """At most so many, in order of time."""
        terms, values = ["account = ?", "at >= ?", "at <= ?"], [wanted.account, wanted.first, wanted.last]
        for name, value in wanted.matches:
            if name in ("resource_kind", "resource_name"):
                column = name.removeprefix("resource_")
                terms.append(f"position IN (SELECT position FROM resource WHERE {column} = ?)")
            elif name in COLUMNS:
                terms.append(f"{name} = ?")
            else:
                raise ValueError(f"nothing can be asked for {name!r}")
            values.append(value)
        order, sign = ("DESC", "<") if wanted.newest_first else ("ASC", ">")
        if wanted.after is not None:
            terms.append(f"(at, position) {sign} (?, ?)")
            values += wanted.after
        rows = self._connection.execute(
            f"SELECT at, position, body FROM event WHERE {' AND '.join(terms)} "
            f"ORDER BY at {order}, position {order} LIMIT ?",
            (*values, most),
        )
        return [Found(*row) for row in rows]

    def latest_by(self, column: str, account: str, access_key: str, first: float, service: str = "") -> list[Found]:
        """The newest record of a key for each value of a column, newest first."""
        if column not in COLUMNS:
            raise ValueError(f"nothing can be asked for {column!r}")
        of_service = "AND service = ? " if service else ""
        rows = self._connection.execute(
            f"SELECT max(at), position, body FROM event WHERE account = ? AND access_key = ? AND at >= ? {of_service}"
            f"GROUP BY {column} ORDER BY 1 DESC, 2 DESC",
            (account, access_key, first, *([service] if service else [])),
        )
        return [Found(*row) for row in rows]

    def read_from(self, account: str, position: int, most: int) -> list[Found]:
        """An account's records behind a position, in the order in which they were kept."""
        rows = self._connection.execute(
            "SELECT at, position, body FROM event WHERE account = ? AND position > ? ORDER BY position LIMIT ?",
            (account, position, most),
        )
        return [Found(*row) for row in rows]

    def forget(self, before: float) -> None:
        """Records older than a moment."""
        execute = self._connection.execute
        execute("DELETE FROM resource WHERE position IN (SELECT position FROM event WHERE at < ?)", (before,))
        execute("DELETE FROM event WHERE at < ?", (before,))

    def clear(self) -> None:
        for table in ("event", "resource", "state"):
            self._connection.execute(f"DELETE FROM {table}")

    def close(self) -> None:
        self._connection.close()
