"""Numbers that travel as texts: tokens of pages, moments, ids."""

from __future__ import annotations

from typing import Final

_MOST_DIGITS: Final = 18


def whole_number(text: str) -> int | None:
    """None for what is none, or none that anybody was given."""
    return int(text) if text.isdecimal() and len(text) <= _MOST_DIGITS else None
