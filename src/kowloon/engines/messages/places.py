"""Where a message is: the key of its conversation and its sequence in one number, and the id that is made of it."""

from __future__ import annotations

import base64
from typing import Final

# The sequence is below, the key above: 63 bits in all.
KEY_SHIFT: Final = 32

_ID_PREFIX: Final = "msg"
# One more than needed: so many letters of an id are full.
_ID_BYTES: Final = 9


def place_of(key: int, sequence: int) -> int:
    return key << KEY_SHIFT | sequence


def key_and_sequence(place: int) -> tuple[int, int]:
    return place >> KEY_SHIFT, place & (1 << KEY_SHIFT) - 1


def id_of(place: int) -> str:
    return _ID_PREFIX + base64.urlsafe_b64encode(place.to_bytes(_ID_BYTES, "big")).decode()


def place_of_id(id: str) -> int:
    """0, which no message has, for what is no id."""
    try:
        raw = base64.b64decode(id.removeprefix(_ID_PREFIX), b"-_", validate=True)
    except ValueError:
        return 0
    place = int.from_bytes(raw, "big")
    return place if len(raw) == _ID_BYTES and raw[0] == 0 and id_of(place) == id else 0
