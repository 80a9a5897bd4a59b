"""Runs in a process of its own (`engines/jobs`): reads an object's records, and asks DuckDB about them.

The database sees one file, which this process has written: one record on each line. It can open no other, load
nothing, reach no network, and its settings cannot be changed any more when the query comes.
"""

from __future__ import annotations

import json
import os
import tempfile
from typing import Any, BinaryIO, Final

import duckdb
import msgspec

from kowloon.engines.job_worker import Emit, JobRefused
from kowloon.services.oss.select import frames
from kowloon.services.oss.select.errors import SelectError
from kowloon.services.oss.select.records import Records
from kowloon.services.oss.select.request import Output, Task
from kowloon.services.oss.select.sql import Query
from kowloon.services.oss.select.statement import Statement

# Sent before anything else: the statement is fine, and the answer begins.
ACCEPTED: Final = b"+"
_MEMORY: Final = "768MB"
_MOST_RECORD_BYTES: Final = 8 << 20
_MOST_WRITTEN_BYTES: Final = 8 << 30
_PROGRESS_BYTES: Final = 64 << 20
_ROWS: Final = 2000
_PENDING_BYTES: Final = frames.MOST_DATA_BYTES


def meta(argument: bytes, source: BinaryIO, emit: Emit) -> None:
    """Rows, splits and columns of an object, as a frame."""
    task = msgspec.json.decode(argument, type=Task)
    try:
        records = Records(source, task.input)
        splits, rows, columns = records.count()
    except SelectError as problem:
        raise JobRefused(problem.encoded()) from None
    emit(frames.meta_end(records.scanned_bytes, splits, rows, columns if task.input.format == "csv" else None))


def select(argument: bytes, source: BinaryIO, emit: Emit) -> None:
    """What the statement finds, as frames or as it is."""
    task = msgspec.json.decode(argument, type=Task)
    try:
        statement = Statement(task.sql, is_json=task.input.format == "json")
        records = Records(source, task.input, statement.path)
        header = records.header if task.input.header == "use" else []
        query = statement.compiled(header, skip_partial=task.skip_partial, all_columns=task.output.all_columns)
    except SelectError as problem:
        raise JobRefused(problem.encoded()) from None
    emit(ACCEPTED)
    _Answer(task, query, records, emit).give()


class _Answer:
    def __init__(self, task: Task, query: Query, records: Records, emit: Emit) -> None:
        self._task = task
        self._query = query
        self._records = records
        self._emit = emit
        self._pending = bytearray()
        self._skipped = 0

    def give(self) -> None:
        output, problem = self._task.output, None
        with tempfile.NamedTemporaryFile(prefix="records-") as file:
            try:
                self._write_records(file)
            except SelectError as damaged:
                # What came before is found nevertheless.
                problem = damaged
            file.flush()
            try:
                self._ask(file.name)
            except SelectError as found:
                problem = found
        self._flush()
        if output.raw:
            if problem is not None:
                raise JobRefused(problem.encoded())
            return
        status, message = (206, "") if problem is None else (400, f"{problem.code}.{problem.message}")
        self._emit(frames.end(self._records.scanned_bytes, status, message, checksums=output.checksums))

    def _write_records(self, file: Any) -> None:
        written_bytes, told_bytes = 0, 0
        for record in self._records:
            written_bytes += len(record) + 1
            if written_bytes > _MOST_WRITTEN_BYTES:
                raise SelectError("SqlUnsupportedSql", "The object is too large for one statement.")
            file.write(record + b"\n")
            if written_bytes - told_bytes > _PROGRESS_BYTES:
                told_bytes = written_bytes
                self._tell()

    def _tell(self) -> None:
        output = self._task.output
        if not output.raw:
            self._emit(frames.continuous(self._records.scanned_bytes, checksums=output.checksums))

    # The query --------------------------------------------------------------------------------------------------------

    def _ask(self, path: str) -> None:
        if not os.path.getsize(path) and not self._query.aggregates:
            self._put_header()
            return
        try:
            with _locked(path) as database:
                if self._query.aggregates:
                    self._ask_aggregates(database)
                else:
                    self._ask_rows(database)
        except duckdb.OutOfMemoryException:
            raise SelectError("SqlUnsupportedSql", "The statement needs too much memory.") from None
        except duckdb.Error as problem:
            raise SelectError("SqlInvalidSqlAfterAnalysis", _first_line(problem)) from None

    def _ask_rows(self, database: duckdb.DuckDBPyConnection) -> None:
        query = self._query
        wanted = ", ".join(["record", *(column.sql for column in query.columns)])
        cursor = database.execute(
            f"SELECT coalesce({query.skipped}, false) AS skipped, {wanted} FROM records "
            f"WHERE coalesce({query.skipped}, false) OR coalesce({query.condition}, false)"
        )
        self._put_header()
        rows = 0
        while batch := cursor.fetchmany(_ROWS):
            for skipped, record, *values in batch:
                if skipped:
                    self._skip(1)
                    continue
                self._put(self._row(record, values))
                rows += 1
                if rows == query.limit:
                    return

    def _ask_aggregates(self, database: duckdb.DuckDBPyConnection) -> None:
        query = self._query
        counted = database.execute(f"SELECT count(*) FILTER (WHERE coalesce({query.skipped}, false)) FROM records")
        self._skip((counted.fetchone() or (0,))[0])
        limit = "" if query.limit is None else f" LIMIT {query.limit}"
        row = database.execute(
            f"SELECT {', '.join(column.sql for column in query.columns)} FROM (SELECT record FROM records "
            f"WHERE coalesce({query.condition}, false) AND NOT coalesce({query.skipped}, false){limit})"
        ).fetchone()
        self._put_header()
        self._put(self._row("", list(row or ())))

    def _skip(self, records: int) -> None:
        self._skipped += records
        if self._skipped > self._task.most_skipped:
            code = "InvalidCsvLine" if self._task.input.format == "csv" else "InvalidJsonData"
            raise SelectError(code, f"More than {self._task.most_skipped} records do not fit the statement.")

    # The answer -------------------------------------------------------------------------------------------------------

    def _put_header(self) -> None:
        task, query = self._task, self._query
        if task.output.header and task.input.format == "csv":
            names = [column.name for column in query.columns] or self._records.header
            if names:
                self._put(_csv_row(names, task.output))

    def _row(self, record: str, values: list[Any]) -> bytes:
        task, columns = self._task, self._query.columns
        if task.input.format == "csv":
            if not columns:
                return _csv_row(json.loads(record), task.output)
            if task.output.all_columns:
                return _csv_row(_spread(record, columns, values), task.output)
            return _csv_row([_text(value) for value in values], task.output)
        ending = task.output.record_delimiter.encode()
        if not columns:
            body = record if record.startswith("{") else f'{{"_1":{record}}}'
            return body.encode() + ending
        members = [
            f"{json.dumps(column.name, ensure_ascii=False)}:{value if column.is_json else _json(value)}"
            for column, value in zip(columns, values, strict=True)
            if value is not None
        ]
        return f"{{{','.join(members)}}}".encode() + ending

    def _put(self, row: bytes) -> None:
        self._pending += row
        if len(self._pending) >= _PENDING_BYTES:
            self._flush()

    def _flush(self) -> None:
        output = self._task.output
        for start in range(0, len(self._pending), _PENDING_BYTES):
            piece = bytes(self._pending[start : start + _PENDING_BYTES])
            if not output.raw:
                piece = frames.data(self._records.scanned_bytes, piece, checksums=output.checksums)
            self._emit(piece)
        self._pending.clear()


def _locked(path: str) -> duckdb.DuckDBPyConnection:
    """A database in memory that can read that file, and do nothing else outside of itself, for good."""
    database = duckdb.connect(
        ":memory:",
        config={
            "memory_limit": _MEMORY,
            "threads": 1,
            "temp_directory": "",
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
            "allow_community_extensions": False,
        },
    )
    name = path.replace("'", "''")
    for setting in (f"allowed_paths = ['{name}']", "enable_external_access = false", "lock_configuration = true"):
        database.execute(f"SET {setting}")
    # On one thread the lines stay in their order.
    database.execute(
        f"CREATE VIEW records AS SELECT json AS record "
        f"FROM read_ndjson_objects('{name}', maximum_object_size = {_MOST_RECORD_BYTES})"
    )
    return database


def _first_line(problem: Exception) -> str:
    return str(problem).partition("\n")[0]


def _spread(record: str, columns: list[Any], values: list[Any]) -> list[str]:
    """The selected columns where they stand in their row, nothing in place of the others."""
    row = [""] * len(json.loads(record))
    for column, value in zip(columns, values, strict=True):
        if column.position is not None and column.position < len(row):
            row[column.position] = _text(value)
    return row


def _csv_row(values: list[str], output: Output) -> bytes:
    special = {output.field_delimiter, output.record_delimiter, '"', "\n", "\r"}
    shown = [
        '"' + value.replace('"', '""') + '"' if any(mark in value for mark in special) else value for value in values
    ]
    return (output.field_delimiter.join(shown) + output.record_delimiter).encode()


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return _number(value)
    return str(value)


def _number(value: float) -> str:
    return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)


def _json(value: Any) -> str:
    if isinstance(value, float):
        return _number(value)
    if isinstance(value, bool | int | str):
        return json.dumps(value, ensure_ascii=False)
    return json.dumps(str(value))
