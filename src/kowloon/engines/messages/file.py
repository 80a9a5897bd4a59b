"""The file of a message log: SQLite with a write-ahead log.

One connection, on the loop, reads and writes, and does not flush to disk. Another, for a thread, copies the write-ahead
log back into the file and flushes both. Survives kill -9; a loss of power may cost the last seconds, not the file.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from kowloon.core.errors import ConfigurationError
from kowloon.engines.messages.places import KEY_SHIFT, key_and_sequence, place_of

FORMAT_VERSION: Final = 1

# Of pages that were read or written, in memory.
_CACHE_KIB: Final = 16 * 1024
_PAGE_BYTES: Final = 4096
# Only the end of a thread's work is ever waited for.
_BUSY_S: Final = 10.0

# A conversation without a name is dropped: what is left of it goes by and by. `gone`: its sequences up to here were
# trimmed. A key is never given twice. `place` is key and sequence, so a conversation lies together; `number` is the
# order over all.
_SCHEMA: Final = (
    "CREATE TABLE IF NOT EXISTS conversation (key INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT UNIQUE, "
    "gone INTEGER NOT NULL DEFAULT 0)",
    "CREATE TABLE IF NOT EXISTS message (place INTEGER PRIMARY KEY, number INTEGER NOT NULL, at REAL NOT NULL, "
    "sender TEXT NOT NULL, once TEXT, body BLOB NOT NULL)",
    "CREATE UNIQUE INDEX IF NOT EXISTS message_number ON message (number)",
    f"CREATE UNIQUE INDEX IF NOT EXISTS message_once ON message (place >> {KEY_SHIFT}, once) WHERE once IS NOT NULL",
    "CREATE TABLE IF NOT EXISTS mark (conversation INTEGER, reader TEXT, sequence INTEGER NOT NULL, at REAL NOT NULL, "
    "PRIMARY KEY (conversation, reader)) WITHOUT ROWID",
    f"PRAGMA user_version={FORMAT_VERSION}",
)
_COLUMNS: Final = "place, at, sender, body"


class StoredConversation(NamedTuple):
    key: int
    name: str | None
    gone: int


class StoredMessage(NamedTuple):
    place: int
    at: float
    sender: str
    body: bytes


class Batch(NamedTuple):
    """What is written together, in this order: keys of conversations that are dropped; new ones, key and name;
    messages, each with its number and what it is unique by or None; body and place; key, reader, sequence and at."""

    dropped: Sequence[int]
    conversations: Sequence[tuple[int, str | None]]
    messages: Sequence[tuple[StoredMessage, int, str | None]]
    bodies: Sequence[tuple[bytes, int]]
    marks: Sequence[tuple[int, str, int, float]]


class MessageFile:
    """Without a path it is memory. For one process at a time, which the store of the same home sees to. Raises
    ConfigurationError for a file that is something else, or of another format; sqlite3.Error where the disk refuses,
    and then nothing of that call was kept."""

    def __init__(self, path: Path | None) -> None:
        # About how much of the log waits to be copied.
        self.log_bytes = 0
        if path is not None:
            # It holds what people said: the owner's alone; the log files beside it take the same mode.
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        self._connection = _connect(path)
        self._copier: sqlite3.Connection | None = None
        try:
            self._prepare(path)
            if path is not None:
                self._copier = _connect(path)
                self._copier.execute("PRAGMA synchronous=NORMAL")
                self.log_bytes = Path(f"{path}-wal").stat().st_size
        except ConfigurationError:
            self.close()
            raise
        except sqlite3.OperationalError as problem:
            self.close()
            raise ConfigurationError(f"{path} cannot be opened ({problem})") from problem
        except sqlite3.DatabaseError as problem:
            self.close()
            raise ConfigurationError(f"{path} is not a message log of kowloon ({problem}); move it away") from problem

    def _prepare(self, path: Path | None) -> None:
        execute = self._connection.execute
        # Look before touching anything: the file may be somebody else's.
        (found,) = execute("PRAGMA user_version").fetchone()
        tables = {name for (name,) in execute("SELECT name FROM sqlite_master WHERE type='table'")}
        if tables and "message" not in tables:
            raise ConfigurationError(f"{path} is not a message log of kowloon (it has other tables); move it away")
        if found not in (0, FORMAT_VERSION):
            raise ConfigurationError(
                f"{path} has message format {found}, this version of kowloon reads {FORMAT_VERSION}; "
                "start it with the version that wrote it, or move the file away to begin anew"
            )
        execute("PRAGMA journal_mode=WAL")
        # So only the first transaction of a log flushes, which is this one, or the copier's.
        execute("PRAGMA synchronous=NORMAL")
        execute("PRAGMA wal_autocheckpoint=0")
        execute(f"PRAGMA cache_size=-{_CACHE_KIB}")
        with self._transaction():
            for statement in _SCHEMA:
                execute(statement)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """All of it or nothing."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._connection.execute("COMMIT")
        except BaseException:
            # A disk that is full may have rolled back already.
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise

    def write(self, batch: Batch) -> None:
        """When it returns, it survives the death of this process."""
        many = self._connection.executemany
        bodies_bytes = sum(len(message.body) for message, _, _ in batch.messages)
        bodies_bytes += sum(len(body) for body, _ in batch.bodies)
        self._count_log(len(batch.messages) + len(batch.bodies) + len(batch.marks), bodies_bytes)
        with self._transaction():
            if batch.dropped:
                many("UPDATE conversation SET name = NULL WHERE key = ?", [(key,) for key in batch.dropped])
            if batch.conversations:
                many("INSERT INTO conversation (key, name) VALUES (?, ?)", batch.conversations)
            if batch.messages:
                many(
                    f"INSERT INTO message ({_COLUMNS}, number, once) VALUES (?, ?, ?, ?, ?, ?)",
                    [(*message, number, once) for message, number, once in batch.messages],
                )
            if batch.bodies:
                many("UPDATE message SET body = ? WHERE place = ?", batch.bodies)
            if batch.marks:
                many(
                    "INSERT OR REPLACE INTO mark (conversation, reader, sequence, at) VALUES (?, ?, ?, ?)", batch.marks
                )

    def _count_log(self, rows: int, bodies_bytes: int = 0) -> None:
        """A page for each row: some take more, and some share one. Memory has no log."""
        if self._copier is not None:
            self.log_bytes += rows * _PAGE_BYTES + bodies_bytes

    def conversations(self) -> list[StoredConversation]:
        rows = self._connection.execute("SELECT key, name, gone FROM conversation ORDER BY key")
        return [StoredConversation(*row) for row in rows]

    def last_key(self) -> int:
        """The highest that was ever given; 0: none."""
        row = self._connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'conversation'").fetchone()
        return int(row[0]) if row is not None else 0

    def count(self) -> int:
        """All messages, those of dropped conversations too."""
        (count,) = self._connection.execute("SELECT count(*) FROM message").fetchone()
        return int(count)

    def last_number(self) -> int:
        """The highest that is left; 0: none."""
        (last,) = self._connection.execute("SELECT max(number) FROM message").fetchone()
        return int(last or 0)

    def last(self, key: int) -> int:
        """The highest sequence that is left; 0: none."""
        first, behind = place_of(key, 0), place_of(key + 1, 0)
        (last,) = self._connection.execute(
            "SELECT max(place) FROM message WHERE place > ? AND place < ?", (first, behind)
        ).fetchone()
        return key_and_sequence(int(last))[1] if last is not None else 0

    def marks(self, key: int) -> dict[str, tuple[int, float]]:
        rows = self._connection.execute("SELECT reader, sequence, at FROM mark WHERE conversation = ?", (key,))
        return {reader: (sequence, at) for reader, sequence, at in rows}

    def find(self, place: int) -> StoredMessage | None:
        return self._one("place = ?", place)

    def find_once(self, key: int, once: str) -> StoredMessage | None:
        """By what it is unique by."""
        return self._one(f"place >> {KEY_SHIFT} = ? AND once = ?", key, once)

    def _one(self, term: str, *values: object) -> StoredMessage | None:
        row = self._connection.execute(f"SELECT {_COLUMNS} FROM message WHERE {term}", values).fetchone()
        return StoredMessage(*row) if row is not None else None

    def read(self, after: int, before: int, most: int, *, newest: bool) -> list[StoredMessage]:
        """Between two places, ascending; where there are more, the newest or the oldest of them."""
        rows = self._connection.execute(
            f"SELECT {_COLUMNS} FROM message WHERE place > ? AND place < ? "
            f"ORDER BY place {'DESC' if newest else 'ASC'} LIMIT ?",
            (after, before, most),
        ).fetchall()
        if newest:
            rows.reverse()
        return [StoredMessage(*row) for row in rows]

    def everything(self, after: int, most: int) -> list[tuple[int, StoredMessage]]:
        """Messages of all conversations that are not dropped, with their numbers, from behind a number on."""
        rows = self._connection.execute(
            f"SELECT number, {_COLUMNS} FROM message JOIN conversation ON key = place >> {KEY_SHIFT} "
            "WHERE number > ? AND name IS NOT NULL ORDER BY number LIMIT ?",
            (after, most),
        )
        return [(number, StoredMessage(*row)) for number, *row in rows]

    def trim(self, most: int) -> tuple[int, dict[int, int]]:
        """The oldest go, at most so many: how many did, and up to which sequence of which conversation."""
        execute = self._connection.execute
        places = execute("SELECT place FROM message ORDER BY number LIMIT ?", (most,)).fetchall()
        # A conversation's messages are kept in order, so the last one here is the highest.
        gone = dict(key_and_sequence(place) for (place,) in places)
        self._count_log(len(places) + len(gone))
        with self._transaction():
            self._connection.executemany("DELETE FROM message WHERE place = ?", places)
            self._connection.executemany(
                "UPDATE conversation SET gone = ? WHERE key = ?", [(sequence, key) for key, sequence in gone.items()]
            )
        return len(places), gone

    def sweep(self, key: int, most: int) -> tuple[int, bool]:
        """What is left of a dropped conversation goes, at most so many messages and marks: how many messages did, and
        whether that was all."""
        execute = self._connection.execute
        self._count_log(most)
        with self._transaction():
            messages = execute(
                "DELETE FROM message WHERE place IN (SELECT place FROM message WHERE place > ? AND place < ? LIMIT ?)",
                (place_of(key, 0), place_of(key + 1, 0), most),
            ).rowcount
            marks = execute(
                "DELETE FROM mark WHERE conversation = ?1 AND reader IN "
                "(SELECT reader FROM mark WHERE conversation = ?1 LIMIT ?2)",
                (key, most),
            ).rowcount
            over = messages < most and marks < most
            if over:
                execute("DELETE FROM conversation WHERE key = ?", (key,))
        return messages, over

    def copy_log(self) -> None:
        """For a thread, while others read and write: the log goes into the file, flushed."""
        self._checkpoint("PASSIVE")

    def restart_log(self) -> None:
        """For a thread: the rest goes, too, and the log begins anew. Nobody may write meanwhile."""
        # The first transaction of the new log, because that one waits for the disk. Its file stays as long as it is:
        # to cut it off would take longer than all else.
        self._checkpoint("RESTART").execute(f"PRAGMA user_version={FORMAT_VERSION}")
        self.log_bytes = 0

    def _checkpoint(self, kind: str) -> sqlite3.Connection:
        assert self._copier is not None, "memory has no log"
        self._copier.execute(f"PRAGMA wal_checkpoint({kind})").fetchone()
        return self._copier

    def close(self) -> None:
        self._connection.close()
        # Last: closing it copies and flushes what is left in the log.
        if self._copier is not None:
            self._copier.close()


def _connect(path: Path | None) -> sqlite3.Connection:
    return sqlite3.connect(path or ":memory:", timeout=_BUSY_S, isolation_level=None, check_same_thread=False)
