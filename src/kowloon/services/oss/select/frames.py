"""The frames of a SelectObject answer: type, length of the payload, a checksum of the head that nobody makes, the
payload, and its CRC-32 where it was asked for. Numbers are big-endian."""

from __future__ import annotations

import struct
import zlib
from typing import Final

DATA: Final = 8388609
CONTINUOUS: Final = 8388612
END: Final = 8388613
CSV_META_END: Final = 8388614
JSON_META_END: Final = 8388615
# In the first byte of the type.
_VERSION: Final = 1 << 24
MOST_DATA_BYTES: Final = 256 * 1024


def data(scanned_bytes: int, content: bytes, *, checksums: bool) -> bytes:
    return _frame(DATA, struct.pack(">Q", scanned_bytes) + content, checksums=checksums)


def continuous(scanned_bytes: int, *, checksums: bool) -> bytes:
    """Says that work goes on."""
    return _frame(CONTINUOUS, struct.pack(">Q", scanned_bytes), checksums=checksums)


def end(scanned_bytes: int, status: int, message: str, *, checksums: bool) -> bytes:
    """`message`: of a failure, `Code.what it means`."""
    payload = struct.pack(">QQI", scanned_bytes, scanned_bytes, status) + message.encode()
    return _frame(END, payload, checksums=checksums)


def meta_end(scanned_bytes: int, splits: int, rows: int, columns: int | None) -> bytes:
    """`columns`: None for JSON."""
    payload = struct.pack(">QQIIQ", scanned_bytes, scanned_bytes, 200, splits, rows)
    if columns is None:
        return _frame(JSON_META_END, payload, checksums=True)
    return _frame(CSV_META_END, payload + struct.pack(">I", columns), checksums=True)


def _frame(kind: int, payload: bytes, *, checksums: bool) -> bytes:
    checksum = zlib.crc32(payload) if checksums else 0
    return struct.pack(">III", _VERSION | kind, len(payload), 0) + payload + struct.pack(">I", checksum)
