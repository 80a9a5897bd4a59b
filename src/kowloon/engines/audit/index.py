"""An index over the journal: which records are about whom, when and what. It can be lost: the journal makes it anew.

A question with one condition is answered from an index of its own, without looking at other records: below 5 ms among
200,000.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

from kowloon.core.errors import ConfigurationError

FORMAT_VERSION: Final = 2

# What a record can be asked for.
COLUMNS: Final = ("id", "service", "name", "user", "rw", "access_key", "source")
RESOURCE_ASPECTS: Final = ("resource_kind", "resource_name")
_TABLES: Final = ("event", "resource", "last_use", "state")


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


_ALSO_ABOUT: Final = (
    "EXISTS (SELECT 1 FROM resource AS other WHERE other.account = event.account AND other.aspect = ? "
    "AND other.value = ? AND other.at = event.at AND other.position = event.position)"
)


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
        if version > FORMAT_VERSION:
            self._connection.close()
            raise ConfigurationError(
                f"{path} has audit format {version}, this version of kowloon reads {FORMAT_VERSION}; move it away, and "
                "it is made anew from the journal"
            )
        # A lost index is made again, so nothing has to be flushed for it.
        execute("PRAGMA journal_mode=WAL")
        execute("PRAGMA synchronous=OFF")
        if version != FORMAT_VERSION:
            # One of an older format is made anew, too.
            self._connection.executescript("".join(f"DROP TABLE IF EXISTS {table};" for table in _TABLES))
        columns = ", ".join(f"{name} TEXT NOT NULL" for name in COLUMNS)
        by_column = "".join(f"CREATE INDEX IF NOT EXISTS event_{x} ON event (account, {x}, at);" for x in COLUMNS)
        self._connection.executescript(
            "CREATE TABLE IF NOT EXISTS event (position INTEGER PRIMARY KEY, account TEXT NOT NULL, at REAL NOT NULL, "
            f"{columns}, body BLOB NOT NULL);"
            f"{by_column}"
            "CREATE INDEX IF NOT EXISTS event_at ON event (account, at);"
            "CREATE INDEX IF NOT EXISTS event_order ON event (account, position);"
            "CREATE INDEX IF NOT EXISTS event_age ON event (at);"
            "CREATE TABLE IF NOT EXISTS resource (account TEXT, aspect TEXT, value TEXT, at REAL, position INTEGER, "
            "PRIMARY KEY (account, aspect, value, at, position)) WITHOUT ROWID;"
            "CREATE INDEX IF NOT EXISTS resource_event ON resource (position);"
            "CREATE TABLE IF NOT EXISTS last_use (account TEXT, access_key TEXT, service TEXT, name TEXT, source TEXT, "
            "at REAL, position INTEGER, PRIMARY KEY (account, access_key, service, name, source)) WITHOUT ROWID;"
            "CREATE INDEX IF NOT EXISTS last_use_event ON last_use (position);"
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
                "INSERT OR IGNORE INTO resource (account, aspect, value, at, position) VALUES (?, ?, ?, ?, ?)",
                [
                    (row.account, aspect, value, row.at, row.position)
                    for row in rows
                    for resource in row.resources
                    for aspect, value in zip(RESOURCE_ASPECTS, resource, strict=True)
                ],
            )
            many(
                "INSERT INTO last_use (account, access_key, service, name, source, at, position) "
                "VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET at = excluded.at, position = excluded.position "
                "WHERE excluded.at >= at",
                [
                    (each.account, each.access_key, each.service, each.name, each.source, each.at, each.position)
                    for each in rows
                    if each.access_key
                ],
            )
            execute("DELETE FROM state")
            execute("INSERT INTO state (position) VALUES (?)", (position,))
            execute("COMMIT")
        except BaseException:
            execute("ROLLBACK")
            raise

    def find(self, wanted: Wanted, most: int) -> list[Found]:
        """At most so many, in order of time."""
        about = [match for match in wanted.matches if match[0] in RESOURCE_ASPECTS]
        # Whichever is looked through, in order of time.
        tables, head = ("resource CROSS JOIN event USING (position)", "resource") if about else ("event", "event")
        terms = [f"{head}.account = ?", f"{head}.at >= ?", f"{head}.at <= ?"]
        values: list[object] = [wanted.account, wanted.first, wanted.last]
        for name, value in wanted.matches:
            if name in COLUMNS:
                # Of Read and Write there are many; with a sign it is no reason to look there first.
                terms.append(f"+event.{name} = ?" if name == "rw" and len(wanted.matches) > 1 else f"event.{name} = ?")
                values.append(value)
            elif (name, value) not in about:
                raise ValueError(f"nothing can be asked for {name!r}")
        for number, match in enumerate(about):
            terms.append("resource.aspect = ? AND resource.value = ?" if number == 0 else _ALSO_ABOUT)
            values += match
        order, sign = ("DESC", "<") if wanted.newest_first else ("ASC", ">")
        if wanted.after is not None:
            terms.append(f"({head}.at, {head}.position) {sign} (?, ?)")
            values += wanted.after
        rows = self._connection.execute(
            f"SELECT event.at, event.position, body FROM {tables} WHERE {' AND '.join(terms)} "
            f"ORDER BY {head}.at {order}, {head}.position {order} LIMIT ?",
            (*values, most),
        )
        return [Found(*row) for row in rows]

    def latest_by(self, column: str, account: str, access_key: str, first: float, service: str = "") -> list[Found]:
        """The newest record of a key for each value of a column, newest first."""
        if column not in ("service", "name", "source"):
            raise ValueError(f"nothing can be asked for {column!r}")
        of_service = "AND service = ? " if service else ""
        rows = self._connection.execute(
            "SELECT latest.at, position, body FROM event JOIN (SELECT max(at) AS at, position FROM last_use "
            f"WHERE account = ? AND access_key = ? AND at >= ? {of_service}"
            f"GROUP BY {column}) AS latest USING (position) ORDER BY 1 DESC, 2 DESC",
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

    def forget(self, before: float, first: int, most: int) -> bool:
        """Records older than a moment, and those that end at a position or before it; at most so many. Whether there
        were as many."""
        execute = self._connection.execute
        rows = execute(
            "SELECT position FROM event WHERE position <= ? UNION ALL "
            "SELECT position FROM event WHERE position > ? AND at < ? LIMIT ?",
            (first, first, before, most),
        ).fetchall()
        execute("BEGIN IMMEDIATE")
        try:
            for table in ("event", "resource", "last_use"):
                self._connection.executemany(f"DELETE FROM {table} WHERE position = ?", rows)
            execute("COMMIT")
        except BaseException:
            execute("ROLLBACK")
            raise
        return len(rows) == most

    def clear(self) -> None:
        for table in _TABLES:
            self._connection.execute(f"DELETE FROM {table}")

    def close(self) -> None:
        self._connection.close()
