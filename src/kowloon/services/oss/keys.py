"""Where things are in a bucket's volume. One letter says what an entry is; keys of objects keep their byte order.

`o` + key: the current version. `v` + key + end + order, newest first: older versions. `u` + key + end + upload id:
unfinished uploads. `p` + upload id + number: their parts, and those of assembled objects. `g` + upload id: uploads
whose parts nobody has any more. `r` + rule id + end + order: keys that are still to be replicated. The end mark sorts
before anything that could continue a key, so that an object's versions come before those of any longer key.
"""

from __future__ import annotations

from typing import Final

CURRENT: Final = b"o"
OLDER: Final = b"v"
UPLOAD: Final = b"u"
PART: Final = b"p"
GONE: Final = b"g"
NOTE: Final = b"r"

_END: Final = b"\x00\x01"
_MOST: Final = (1 << 64) - 1


def current(key: str) -> bytes:
    return CURRENT + key.encode()


def key_of_current(entry_key: bytes) -> str:
    return entry_key[1:].decode()


def _escaped(key: str) -> bytes:
    return key.encode().replace(b"\x00", b"\x00\xff")


def _closed(key: str) -> bytes:
    return _escaped(key) + _END


def _opened(raw: bytes) -> str:
    return raw.replace(b"\x00\xff", b"\x00").decode()


def older(key: str, order: int) -> bytes:
    return OLDER + _closed(key) + (_MOST - order).to_bytes(8, "big")


def older_of(key: str) -> tuple[bytes, bytes]:
    """The range of all older versions of a key."""
    return span(OLDER + _closed(key))


def key_of_older(entry_key: bytes) -> str:
    return _opened(entry_key[1 : -8 - len(_END)])


def upload(key: str, upload_id: str) -> bytes:
    return UPLOAD + _closed(key) + upload_id.encode()


def uploads_under(prefix: str) -> bytes:
    """What the entries of all uploads of keys with that prefix start with."""
    return UPLOAD + _escaped(prefix)


def part(upload_id: str, number: int) -> bytes:
    return PART + upload_id.encode() + number.to_bytes(2, "big")


def parts_of(upload_id: str, after: int = 0) -> tuple[bytes, bytes]:
    """The range of an upload's parts with numbers above `after`."""
    return part(upload_id, after + 1), after_prefix(PART + upload_id.encode())


def number_of_part(entry_key: bytes) -> int:
    return int.from_bytes(entry_key[-2:], "big")


def upload_of_part(entry_key: bytes) -> str:
    return entry_key[1:-2].decode()


def gone(upload_id: str) -> bytes:
    return GONE + upload_id.encode()


def upload_of_gone(entry_key: bytes) -> str:
    return entry_key[1:].decode()


def span(prefix: bytes) -> tuple[bytes, bytes]:
    """The range of everything that starts with `prefix`."""
    return prefix, after_prefix(prefix)


def after_prefix(prefix: bytes) -> bytes:
    """The first key after everything that starts with `prefix`; one exists, because each starts with a letter."""
    stem = prefix.rstrip(b"\xff")
    return stem[:-1] + bytes([stem[-1] + 1])


def is_version(entry_key: bytes) -> bool:
    """Whether it is the entry of a version, current or older."""
    return entry_key[:1] in (CURRENT, OLDER)


def key_of_version(entry_key: bytes) -> str:
    return key_of_current(entry_key) if entry_key[:1] == CURRENT else key_of_older(entry_key)


def note(rule_id: str, order: int) -> bytes:
    return NOTE + _closed(rule_id) + order.to_bytes(8, "big")


def order_of_note(entry_key: bytes) -> int:
    return int.from_bytes(entry_key[-8:], "big")


def notes_of(rule_id: str) -> tuple[bytes, bytes]:
    """The range of all notes for a rule, oldest first."""
    return span(NOTE + _closed(rule_id))
