"""The language of metadata queries: conditions on fields of objects, and aggregations over what they find. Pure.

Known deviation: `match`, which the vendor does by words, holds here where the text contains the value, in any case of
letters.
"""

from __future__ import annotations

import json
import operator
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from enum import Enum
from typing import Any, Final, NamedTuple

from kowloon.services.oss.resources import Meta
from kowloon.wire.oss.headers import METADATA_PREFIX
from kowloon.wire.oss.xml import Content

_MOST_BYTES: Final = 16 * 1024
_MOST_DEPTH: Final = 5
_MOST_CONDITIONS: Final = 100
# Different values of one field that are told apart: they are held while the bucket is read.
_MOST_VALUES: Final = 20_000
_TIME_ZONE: Final = timezone(timedelta(hours=8))

Value = str | int | float


class QueryError(Exception):
    """What is wrong with a query, as a sentence."""


class File(NamedTuple):
    """An object as queries see it."""

    key: str
    meta: Meta


class Kind(Enum):
    TEXT = "text"
    NUMBER = "number"
    TIME = "time"

    @property
    def least(self) -> Value:
        """What sorts before all others."""
        return "" if self is Kind.TEXT else 0 if self is Kind.NUMBER else 0.0


class Field(NamedTuple):
    """`read` is None for objects that do not have it. `matched`: whether a part of it can be asked for."""

    name: str
    kind: Kind
    read: Callable[[File], Value | None]
    matched: bool = False

    def position(self, file: File) -> Value:
        """Where a file stands when it is sorted by this field: what does not have it comes first."""
        value = self.read(file)
        return self.kind.least if value is None else value


_FIELDS: Final = {
    field.name: field
    for field in (
        Field("Filename", Kind.TEXT, lambda file: file.key, matched=True),
        Field("Size", Kind.NUMBER, lambda file: file.meta.size_bytes),
        Field("FileModifiedTime", Kind.TIME, lambda file: round(file.meta.modified, 6)),
        Field("OSSObjectType", Kind.TEXT, lambda file: file.meta.type),
        Field("OSSStorageClass", Kind.TEXT, lambda file: file.meta.storage_class),
        Field("ObjectACL", Kind.TEXT, lambda file: file.meta.acl),
        Field("ETag", Kind.TEXT, lambda file: quoted(file.meta.etag)),
        Field("OSSCRC64", Kind.TEXT, lambda file: None if file.meta.crc64 is None else str(file.meta.crc64)),
        Field("OSSTaggingCount", Kind.NUMBER, lambda file: len(file.meta.tags)),
        Field("ServerSideEncryption", Kind.TEXT, lambda file: file.meta.encryption or None),
        Field("ContentType", Kind.TEXT, lambda file: file.meta.content_type or None, matched=True),
    )
}


def field_of(name: str) -> Field:
    """By its name; of tags and user metadata there is one for each key."""
    kind, separator, key = name.partition(".")
    if separator and key and kind == "OSSTagging":
        return Field(name, Kind.TEXT, lambda file: file.meta.tags.get(key), matched=True)
    if separator and key and kind == "OSSUserMeta":
        header = METADATA_PREFIX + key.lower().removeprefix(METADATA_PREFIX)
        return Field(name, Kind.TEXT, lambda file: dict(file.meta.user).get(header), matched=True)
    if name not in _FIELDS:
        raise QueryError(f"There is no field {name!r}.")
    return _FIELDS[name]


def sort_field(name: str) -> Field:
    if name not in _FIELDS:
        raise QueryError(f"Nothing can be sorted by {name!r}.")
    return _FIELDS[name]


def quoted(etag: str) -> str:
    return f'"{etag}"'


def moment_text(moment: float) -> str:
    """As the vendor writes times of metadata: `2025-01-01T08:00:00.000000+08:00`."""
    return datetime.fromtimestamp(moment, _TIME_ZONE).isoformat(timespec="microseconds")


# Conditions -----------------------------------------------------------------------------------------------------------

Test = Callable[[File], bool]


class Query(NamedTuple):
    """`conditions`: how many there are."""

    test: Test
    conditions: int


_COMPARISONS: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "eq": operator.eq,
    "gt": operator.gt,
    "gte": operator.ge,
    "lt": operator.lt,
    "lte": operator.le,
}
_TOGETHER: Final[dict[str, Callable[[list[Test], File], bool]]] = {
    "and": lambda tests, file: all(test(file) for test in tests),
    "or": lambda tests, file: any(test(file) for test in tests),
    "not": lambda tests, file: not any(test(file) for test in tests),
}


def parse_query(text: str) -> Query:
    """Raises QueryError."""
    if len(text) > _MOST_BYTES:
        raise QueryError(f"The query is longer than {_MOST_BYTES} bytes.")
    try:
        query = json.loads(text)
    except (ValueError, RecursionError):
        raise QueryError("The query is not JSON.") from None
    reader = _Reader()
    test = reader.test(query, 1)
    return Query(test, reader.count)


class _Reader:
    """Counts the conditions of one query."""

    def __init__(self) -> None:
        self.count = 0

    def test(self, query: Any, depth: int) -> Test:
        self.count += 1
        if depth > _MOST_DEPTH or self.count > _MOST_CONDITIONS:
            raise QueryError(f"A query has at most {_MOST_CONDITIONS} conditions, {_MOST_DEPTH} deep.")
        if not isinstance(query, dict):
            raise QueryError("A condition must be an object.")
        operation = query.get("Operation")
        if not isinstance(operation, str):
            raise QueryError("A condition needs an Operation.")
        together = _TOGETHER.get(operation)
        if together is None:
            return _simple(operation, query.get("Field"), query.get("Value"))
        subqueries = query.get("SubQueries")
        if not isinstance(subqueries, list) or not subqueries:
            raise QueryError(f"{operation} needs SubQueries.")
        tests = [self.test(each, depth + 1) for each in subqueries]
        return lambda file: together(tests, file)


def _simple(operation: str, name: Any, value: Any) -> Test:
    if not isinstance(name, str):
        raise QueryError("A condition needs a Field.")
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise QueryError(f"The Value for {name!r} must be a text or a number.")
    field = field_of(name)
    compare = _COMPARISONS.get(operation)
    if compare is not None:
        wanted = _wanted(field, str(value))
    elif operation == "prefix" and field.kind is Kind.TEXT:
        compare, wanted = lambda found, start: found.startswith(start), str(value)
    elif operation == "match" and field.matched:
        compare, wanted = lambda found, part: part in found.lower(), str(value).lower()
    else:
        raise QueryError(f"{operation!r} is no operation on {name!r}.")
    held, read = compare, field.read

    def test(file: File) -> bool:
        found = read(file)
        return found is not None and held(found, wanted)

    return test


def _wanted(field: Field, text: str) -> Value:
    """What a field is compared with."""
    try:
        if field.kind is Kind.NUMBER:
            return int(text)
        if field.kind is Kind.TIME:
            moment = datetime.fromisoformat(text)
            return (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        raise QueryError(f"{text!r} is no value of {field.name!r}.") from None
    return quoted(text.strip('"').upper()) if field.name == "ETag" else text


# Aggregations ---------------------------------------------------------------------------------------------------------

_OF_NUMBERS: Final = ("min", "max", "average", "sum")
_OF_VALUES: Final = ("count", "distinct", "group")


class Aggregation:
    """Takes the files that are found, one by one."""

    def __init__(self, name: str, operation: str) -> None:
        self._field = field_of(name)
        numeric = operation in _OF_NUMBERS and self._field.kind is Kind.NUMBER
        if not numeric and operation not in _OF_VALUES:
            raise QueryError(f"{operation!r} is no aggregation of {name!r}.")
        self._operation = operation
        self._values: Counter[str] = Counter()
        self._count = 0
        self._sum = 0
        self._least: int | None = None
        self._most: int | None = None

    def add(self, file: File) -> None:
        value = self._field.read(file)
        if value is None:
            return
        self._count += 1
        if self._operation in _OF_VALUES:
            if self._operation != "count":
                self._note(moment_text(float(value)) if self._field.kind is Kind.TIME else str(value))
            return
        number = int(value)
        self._sum += number
        self._least = number if self._least is None else min(self._least, number)
        self._most = number if self._most is None else max(self._most, number)

    def _note(self, text: str) -> None:
        self._values[text] += 1
        if len(self._values) > _MOST_VALUES:
            raise QueryError(f"{self._field.name!r} has more than {_MOST_VALUES} different values.")

    @property
    def groups(self) -> Counter[str] | None:
        """How often each value was found, if that is asked for; there may be very many."""
        return self._values if self._operation == "group" else None

    def content(self) -> dict[str, Content]:
        """All but the groups."""
        content: dict[str, Content] = {"Field": self._field.name, "Operation": self._operation}
        return content if self.groups is not None else {**content, "Value": self._result()}

    def _result(self) -> str:
        match self._operation:
            case "min":
                return str(self._least or 0)
            case "max":
                return str(self._most or 0)
            case "sum":
                return str(self._sum)
            case "average":
                return str(self._sum / self._count if self._count else 0)
            case "distinct":
                return str(len(self._values))
        return str(self._count)
