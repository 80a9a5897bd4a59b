"""The documents of SelectObject and CreateSelectObjectMeta. They become a task for `work`; nothing is read yet."""

from __future__ import annotations

import base64
from typing import Final, Literal

import msgspec

from kowloon.services.oss.select.errors import SelectError
from kowloon.wire.oss.errors import MALFORMED_XML
from kowloon.wire.oss.xml import Node

MOST_SQL_BYTES: Final = 16 * 1024
_MOST_SKIPPED: Final = 1 << 62

Format = Literal["csv", "json"]


class Input(msgspec.Struct, frozen=True, kw_only=True):
    """How the object is read. `quote` and `comment` may be empty. `unit` is what `first` and `last` count: lines,
    splits, bytes, or (empty) nothing; both are included, a `last` of -1 is the end."""

    format: Format
    gzip: bool = False
    header: Literal["none", "use", "ignore"] = "none"
    record_delimiter: str = "\n"
    field_delimiter: str = ","
    quote: str = '"'
    comment: str = ""
    quoted_delimiters: bool = True
    document: bool = False
    numbers_as_text: bool = False
    unit: Literal["", "line", "split", "byte"] = ""
    first: int = 0
    last: int = -1


class Output(msgspec.Struct, frozen=True, kw_only=True):
    raw: bool = False
    checksums: bool = False
    header: bool = False
    all_columns: bool = False
    record_delimiter: str = "\n"
    field_delimiter: str = ","


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """`most_skipped`: records that may be passed over because they do not fit the statement."""

    input: Input
    output: Output = Output()
    sql: str = ""
    skip_partial: bool = False
    most_skipped: int = 0


def parse_select(node: Node, format: Format, byte_range: tuple[int, int] | None) -> Task:
    """`byte_range`: of the request's Range header. 400 MalformedXML; SelectError."""
    if node.name != "SelectRequest":
        raise MALFORMED_XML.error()
    source = _input(node, format)
    if byte_range is not None:
        if format == "csv" and source.quoted_delimiters:
            raise SelectError("InvalidRange", "A range of bytes needs AllowQuotedRecordDelimiter to be false.")
        source = msgspec.structs.replace(source, unit="byte", first=byte_range[0], last=byte_range[1])
    output = _output(node, format)
    if output.raw and output.checksums:
        raise SelectError("InvalidOSSSelectParameters", "EnablePayloadCrc and OutputRawData cannot both be true.")
    options = node.child("Options")
    return Task(
        input=source,
        output=output,
        sql=_sql(node),
        skip_partial=options is not None and _truth(options, "SkipPartialDataRecord"),
        most_skipped=0 if options is None else _most_skipped(options),
    )


def parse_meta(node: Node, format: Format) -> Task:
    """400 MalformedXML; SelectError."""
    if node.name != ("CsvMetaRequest" if format == "csv" else "JsonMetaRequest"):
        raise MALFORMED_XML.error()
    source = _input(node, format)
    if source.document:
        raise SelectError("InvalidJsonData", "Only objects of JSON lines have metadata.")
    return Task(input=source)


def _sql(node: Node) -> str:
    try:
        sql = base64.b64decode(node.text("Expression").strip(), validate=True).decode()
    except ValueError:
        raise SelectError("InvalidSqlParameter", "The SQL expression is not base64 encoded.") from None
    if not sql.strip():
        raise SelectError("InvalidSqlParameter", "The SQL expression is empty.")
    if len(sql.encode()) > MOST_SQL_BYTES:
        raise SelectError("InvalidSqlParameter", f"The SQL expression is longer than {MOST_SQL_BYTES} bytes.")
    return sql


def _input(node: Node, format: Format) -> Input:
    outer = node.child("InputSerialization")
    inner = None if outer is None else outer.child(format.upper())
    gzip = False
    if outer is not None:
        compression = _plain_or_encoded(outer.text("CompressionType")).lower()
        if compression not in ("", "none", "gzip"):
            raise SelectError(
                "UnsupportedCompressionFormat", f"The compression {compression!r} is neither None nor GZIP."
            )
        gzip = compression == "gzip"
    if inner is None:
        if format == "json":
            raise MALFORMED_XML.error()
        return Input(format=format, gzip=gzip)
    unit, first, last = _range(inner.text("Range").strip())
    if format == "json":
        kind = inner.text("Type").strip().upper()
        if kind not in ("LINES", "DOCUMENT"):
            raise MALFORMED_XML.error()
        if unit and kind == "DOCUMENT":
            raise SelectError("InvalidRange", "Only JSON lines have ranges.")
        return Input(
            format=format,
            gzip=gzip,
            document=kind == "DOCUMENT",
            numbers_as_text=_truth(inner, "ParseJsonNumberAsString"),
            quote="",
            unit=unit,
            first=first,
            last=last,
        )
    header = inner.text("FileHeaderInfo").strip().lower() or "none"
    if header not in ("none", "use", "ignore"):
        raise MALFORMED_XML.error()
    return Input(
        format=format,
        gzip=gzip,
        header=header,  # type: ignore[arg-type]
        record_delimiter=_character(inner, "RecordDelimiter", "\n", "InvalidInputRecordDelimiter", 2),
        field_delimiter=_character(inner, "FieldDelimiter", ",", "InvalidInputFieldDelimiter", 1),
        quote=_character(inner, "QuoteCharacter", '"', "InvalidInputQuote", 1),
        comment=_character(inner, "CommentCharacter", "", "InvalidCommentCharacter", 1),
        quoted_delimiters=_truth(inner, "AllowQuotedRecordDelimiter", default=True),
        unit=unit,
        first=first,
        last=last,
    )


def _output(node: Node, format: Format) -> Output:
    outer = node.child("OutputSerialization")
    if outer is None:
        return Output()
    inner = outer.child(format.upper())
    record, field = "\n", ","
    if inner is not None:
        record = _character(inner, "RecordDelimiter", "\n", "InvalidOutputRecordDelimiter", 2)
        field = _character(inner, "FieldDelimiter", ",", "InvalidOutputFieldDelimiter", 1)
    return Output(
        raw=_truth(outer, "OutputRawData"),
        checksums=_truth(outer, "EnablePayloadCrc"),
        header=_truth(outer, "OutputHeader"),
        all_columns=_truth(outer, "KeepAllColumns"),
        record_delimiter=record,
        field_delimiter=field,
    )


def _character(node: Node, name: str, default: str, code: str, most: int) -> str:
    text = node.text(name).strip()
    if not text:
        return default
    try:
        decoded = base64.b64decode(text, validate=True).decode("ascii")
    except ValueError:
        raise SelectError(code, f"{name} is not base64 encoded.") from None
    if not 1 <= len(decoded) <= most:
        raise SelectError(code, f"{name} must have 1 to {most} bytes.")
    return decoded


def _plain_or_encoded(text: str) -> str:
    """One client encodes what the others send as it is."""
    plain = text.strip()
    if plain.lower() in ("", "none", "gzip"):
        return plain
    try:
        return base64.b64decode(plain, validate=True).decode("ascii")
    except ValueError:
        return plain


def _truth(node: Node, name: str, *, default: bool = False) -> bool:
    text = node.text(name).strip().lower()
    if text not in ("", "true", "false"):
        raise MALFORMED_XML.error()
    return text == "true" if text else default


def _most_skipped(node: Node) -> int:
    text = node.text("MaxSkippedRecordsAllowed").strip() or "0"
    if not (text.isascii() and text.isdigit() and int(text) <= _MOST_SKIPPED):
        raise SelectError("InvalidMaxSkippedRecordsAllowed", "MaxSkippedRecordsAllowed is not an integer.")
    return int(text)


def _range(text: str) -> tuple[Literal["", "line", "split"], int, int]:
    if not text:
        return "", 0, -1
    name, _, numbers = text.partition("=")
    first, separator, last = numbers.partition("-")
    kind = name.removesuffix("-range")
    valid = all(not part or (part.isascii() and part.isdigit() and len(part) < 19) for part in (first, last))
    if kind not in ("line", "split") or not separator or not valid or not (first or last):
        raise SelectError("InvalidRange", "The range is neither line-range=FIRST-LAST nor split-range=FIRST-LAST.")
    if first and last and int(first) > int(last):
        raise SelectError("InvalidRange", "The range ends before it begins.")
    return kind, int(first or 0), int(last) if last else -1  # type: ignore[return-value]
