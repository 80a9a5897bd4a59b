"""The records of an object, one JSON value each: an array of texts for a row of CSV, the value itself for JSON."""

from __future__ import annotations

import csv
import gzip
import json
import re
import zlib
from collections.abc import Iterator
from typing import Any, BinaryIO, Final

import msgspec

from kowloon.services.oss.select.errors import SelectError
from kowloon.services.oss.select.request import Input

SPLIT_BYTES: Final = 1 << 20
MOST_ROW_BYTES: Final = 256 * 1024
MOST_NODE_BYTES: Final = 512 * 1024
MOST_DOCUMENT_BYTES: Final = 128 << 20
MOST_INFLATED_BYTES: Final = 4 << 30
MOST_ELEMENTS: Final = 5_000_000
MOST_PATH: Final = 10
_CHUNK_BYTES: Final = 1 << 20
_BLANK: Final = re.compile(r"[\s,]*")

#: A step down in a document: a key, an index, or None for all elements of an array.
Step = str | int | None


class Records:
    """Iterates over the records of `source` that the input asks for. `scanned_bytes`: of the object, so far."""

    def __init__(self, source: BinaryIO, asked: Input, path: list[Step] | None = None) -> None:
        self._raw = source
        self._asked = asked
        self._path = path or []
        self._content: Any = gzip.GzipFile(fileobj=source) if asked.gzip else source
        self._inflated_bytes = 0
        self._texts = self._ranged()
        self.header: list[str] = []
        if asked.format == "csv" and asked.header != "none":
            first = next(self._texts, None)
            self.header = self._row(first[1]) if first is not None else []

    @property
    def scanned_bytes(self) -> int:
        return self._raw.tell()

    def __iter__(self) -> Iterator[bytes]:
        if self._asked.format == "csv":
            for _, text in self._texts:
                yield msgspec.json.encode(self._row(text))
        elif self._asked.document:
            yield from self._of_document()
        else:
            for _, text in self._texts:
                for value in self._values(text):
                    yield from self._found(value)

    def count(self) -> tuple[int, int, int]:
        """Splits, records and, of CSV, columns of the first one."""
        splits, rows, columns, last_split = 0, 0, 0, -1
        for offset, text in self._texts:
            if self._asked.format == "csv":
                if not rows:
                    columns = len(self._row(text))
                rows += 1
            else:
                rows += sum(1 for _ in self._values(text))
            if offset // SPLIT_BYTES != last_split:
                splits, last_split = splits + 1, offset // SPLIT_BYTES
        return splits, rows, columns

    # Texts ------------------------------------------------------------------------------------------------------------

    def _read(self) -> bytes:
        try:
            chunk: bytes = self._content.read(_CHUNK_BYTES)
        except (OSError, EOFError, zlib.error):
            raise SelectError("DecompressFailure", "The object cannot be decompressed.") from None
        self._inflated_bytes += len(chunk)
        if self._inflated_bytes > MOST_INFLATED_BYTES:
            raise SelectError("DecompressFailure", f"The object has more than {MOST_INFLATED_BYTES} bytes.")
        return chunk

    def _ranged(self) -> Iterator[tuple[int, str]]:
        """Texts of records and where they begin, comments left out. The header is there whatever the range."""
        asked, comment = self._asked, self._asked.comment
        headed = asked.format == "csv" and asked.header != "none"
        for number, (offset, raw) in enumerate(self._split()):
            place = {"line": number, "split": offset // SPLIT_BYTES, "byte": offset}.get(asked.unit, asked.first)
            if 0 <= asked.last < place:
                return
            if place < asked.first and not (headed and number == 0):
                continue
            try:
                text = raw.decode()
            except UnicodeDecodeError:
                raise SelectError("InvalidTextEncoding", "The object is not encoded in UTF-8.") from None
            if not (comment and text.startswith(comment)):
                yield offset, text

    def _split(self) -> Iterator[tuple[int, bytes]]:
        delimiter = self._asked.record_delimiter.encode()
        quote = self._asked.quote.encode() if self._asked.quoted_delimiters else b""
        most_bytes = MOST_ROW_BYTES if self._asked.format == "csv" else MOST_NODE_BYTES
        marks = re.compile(b"|".join(re.escape(mark) for mark in (quote, delimiter) if mark))
        pending, offset, look_from, quoted = b"", 0, 0, False
        while chunk := self._read():
            text = pending + chunk
            begin = 0
            for mark in marks.finditer(text, look_from):
                if mark.group() == quote:
                    quoted = not quoted
                elif not quoted:
                    yield offset + begin, text[begin : mark.start()]
                    begin = mark.end()
            # The first half of a delimiter may be all that there is yet.
            half = len(delimiter) == 2 and text[-1:] == delimiter[:1] and begin < len(text)
            pending, offset = text[begin:], offset + begin
            look_from = len(pending) - half
            if len(pending) > most_bytes:
                raise self._damaged(f"A record is longer than {most_bytes} bytes.")
        if pending:
            yield offset, pending

    def _damaged(self, why: str) -> SelectError:
        return SelectError("InvalidCsvLine" if self._asked.format == "csv" else "InvalidJsonData", why)

    # CSV --------------------------------------------------------------------------------------------------------------

    def _row(self, text: str) -> list[str]:
        asked = self._asked
        if asked.record_delimiter == "\n":
            text = text.removesuffix("\r")
        if asked.quote not in text or not asked.quote:
            return text.split(asked.field_delimiter)
        csv.field_size_limit(MOST_ROW_BYTES)
        try:
            rows = list(csv.reader((text,), delimiter=asked.field_delimiter, quotechar=asked.quote))
        except csv.Error as problem:
            raise self._damaged(f"A row is invalid: {problem}.") from None
        return rows[0] if rows else [""]

    # JSON -------------------------------------------------------------------------------------------------------------

    def _of_document(self) -> Iterator[bytes]:
        pieces, size_bytes = [], 0
        while chunk := self._read():
            size_bytes += len(chunk)
            if size_bytes > MOST_DOCUMENT_BYTES:
                raise SelectError("JsonNodeExceedsMaxSize", f"The document has more than {MOST_DOCUMENT_BYTES} bytes.")
            pieces.append(chunk)
        body = b"".join(pieces)
        try:
            text = body.decode()
        except UnicodeDecodeError:
            raise SelectError("InvalidTextEncoding", "The object is not encoded in UTF-8.") from None
        for value in self._values(text):
            yield from self._found(value)

    def _values(self, text: str) -> Iterator[msgspec.Raw]:
        """The values of a text: usually one; commas between several are fine."""
        if not text.strip():
            return
        try:
            yield msgspec.json.decode(text.encode(), type=msgspec.Raw)
            return
        except (msgspec.DecodeError, RecursionError):
            pass
        decoder, at = json.JSONDecoder(), 0
        while True:
            blank = _BLANK.match(text, at)
            at = blank.end() if blank is not None else at
            if at == len(text):
                return
            try:
                _, end = decoder.raw_decode(text, at)
            except (ValueError, RecursionError):
                raise self._damaged("A JSON value is formatted incorrectly.") from None
            yield msgspec.Raw(text[at:end].encode())
            at = end

    def _found(self, value: msgspec.Raw) -> Iterator[bytes]:
        """What the path of the statement leads to, on one line each."""
        for found in _walk(value, self._path):
            raw = bytes(found).strip()
            if self._asked.numbers_as_text:
                raw = json.dumps(json.loads(raw, parse_int=str, parse_float=str), ensure_ascii=False).encode()
            # No text of JSON has line breaks in it, so these are between its parts.
            if b"\n" in raw or b"\r" in raw:
                raw = raw.replace(b"\n", b" ").replace(b"\r", b" ")
            if len(raw) > MOST_DOCUMENT_BYTES or (self._path and len(raw) > MOST_NODE_BYTES):
                raise SelectError("JsonNodeExceedsMaxSize", "A node of the document is too large.")
            yield raw


def _walk(value: msgspec.Raw, path: list[Step]) -> Iterator[msgspec.Raw]:
    """Nothing where the document has no such place."""
    if not path:
        yield value
        return
    step, rest = path[0], path[1:]
    try:
        if isinstance(step, str):
            members = msgspec.json.decode(value, type=dict[str, msgspec.Raw])
            if step in members:
                yield from _walk(members[step], rest)
            return
        elements = msgspec.json.decode(value, type=list[msgspec.Raw])
    except msgspec.ValidationError:
        # Of another kind: there is no such place.
        return
    except (msgspec.DecodeError, RecursionError):
        raise SelectError("InvalidJsonData", "A JSON value is formatted incorrectly.") from None
    if len(elements) > MOST_ELEMENTS:
        raise SelectError("ExceedsMaxJsonArraySize", f"An array has more than {MOST_ELEMENTS} elements.")
    if step is None:
        for element in elements:
            yield from _walk(element, rest)
    elif step < len(elements):
        yield from _walk(elements[step], rest)
