"""A `multipart/form-data` body as it arrives: the fields before the file, then the file, piece by piece."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from kowloon.services.oss.uploads.post_errors import FIELD_TOO_LONG, MALFORMED_POST, NOT_MULTIPART

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartParser

FILE = "file"
_MOST_FIELD_BYTES = 64 * 1024
_MOST_FIELDS_BYTES = 256 * 1024
_MOST_BOUNDARY_BYTES = 256


class FileHead(NamedTuple):
    """What the form says of its file; `name` without the folders it was in."""

    name: str
    content_type: str


class Form:
    """`fields` by name in lower case, of one given twice the first. `begun` is called with the file's head once all
    fields before it are there, then `piece` with its bytes. What comes after the file is ignored.

    400 MalformedPOSTRequest, FieldItemTooLong; and whatever the two callables raise.
    """

    def __init__(self, content_type: str, begun: Callable[[FileHead], None], piece: Callable[[bytes], None]) -> None:
        self.fields: dict[str, str] = {}
        self._begun = begun
        self._piece = piece
        self._headers: dict[str, str] = {}
        self._header_name = b""
        self._header_value = b""
        self._name = ""
        self._value = bytearray()
        self._fields_bytes = 0
        self._file_begun = False
        self._in_file = False
        self._ended = False
        self._parser = self._new_parser(content_type)

    @property
    def has_file(self) -> bool:
        return self._file_begun

    def write(self, data: bytes) -> None:
        from python_multipart.exceptions import FormParserError

        try:
            self._parser.write(data)
        except FormParserError:
            raise MALFORMED_POST.error() from None

    def finish(self) -> None:
        """400 MalformedPOSTRequest for a body that breaks off."""
        if not self._ended:
            raise MALFORMED_POST.error()

    def _new_parser(self, content_type: str) -> MultipartParser:
        # Later than the module: few calls are forms.
        from python_multipart.exceptions import FormParserError
        from python_multipart.multipart import MultipartParser, parse_options_header

        kind, options = parse_options_header(content_type)
        if kind != b"multipart/form-data":
            raise NOT_MULTIPART.error()
        boundary = options.get(b"boundary", b"")
        if not boundary or len(boundary) > _MOST_BOUNDARY_BYTES:
            raise MALFORMED_POST.error()
        try:
            return MultipartParser(
                boundary,
                {
                    "on_part_begin": self._on_part_begin,
                    "on_header_field": self._on_header_field,
                    "on_header_value": self._on_header_value,
                    "on_header_end": self._on_header_end,
                    "on_headers_finished": self._on_headers_finished,
                    "on_part_data": self._on_part_data,
                    "on_part_end": self._on_part_end,
                    "on_end": self._on_end,
                },
            )
        except FormParserError:
            raise MALFORMED_POST.error() from None

    # What the parser meets --------------------------------------------------------------------------------------------

    def _on_part_begin(self) -> None:
        self._headers.clear()

    def _on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._header_name += data[start:end]

    def _on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._header_value += data[start:end]

    def _on_header_end(self) -> None:
        self._headers[_text(self._header_name).lower()] = _text(self._header_value)
        self._header_name = self._header_value = b""

    def _on_headers_finished(self) -> None:
        from python_multipart.multipart import parse_options_header

        kind, options = parse_options_header(self._headers.get("content-disposition", "").encode())
        name = _text(options.get(b"name", b""))
        if kind != b"form-data" or not name:
            raise MALFORMED_POST.error()
        self._name = name.lower()
        self._value.clear()
        if self._name == FILE and not self._file_begun:
            self._file_begun = self._in_file = True
            given = _text(options.get(b"filename", b"")).replace("\\", "/").rpartition("/")[2]
            self._begun(FileHead(given, self._headers.get("content-type", "").strip()))

    def _on_part_data(self, data: bytes, start: int, end: int) -> None:
        if self._in_file:
            self._piece(data[start:end])
        elif not self._file_begun:
            self._value += data[start:end]
            self._fields_bytes += end - start
            if len(self._value) > _MOST_FIELD_BYTES or self._fields_bytes > _MOST_FIELDS_BYTES:
                raise FIELD_TOO_LONG.error(name=self._name)

    def _on_part_end(self) -> None:
        if not self._file_begun:
            self.fields.setdefault(self._name, _text(bytes(self._value)))
        self._in_file = False

    def _on_end(self) -> None:
        self._ended = True


def _text(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise MALFORMED_POST.error() from None
