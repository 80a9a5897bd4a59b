"""Patterns with `*` (anything) and `?` (one character), matched in time that no pattern can blow up."""

from __future__ import annotations

import functools
import re


@functools.lru_cache(maxsize=4096)
def glob(pattern: str, *, whole: bool = True, ignore_case: bool = False) -> re.Pattern[str]:
    """`whole`: the pattern is about all of the text, else about its beginning."""
    first, *others = [_literal(piece) for piece in pattern.split("*")]
    last = others.pop() if others else None
    # A group that was passed is never tried another way: the earliest place of a piece is as good as any other.
    middle = "".join([f"(?>.*?{piece})" for piece in others if piece])
    end = "" if last is None else f".*{last}" if whole else f"(?>.*?{last})"
    flags = re.DOTALL | re.IGNORECASE if ignore_case else re.DOTALL
    return re.compile(first + middle + end + (r"\Z" if whole else ""), flags)


def _literal(piece: str) -> str:
    return ".".join([re.escape(part) for part in piece.split("?")])
