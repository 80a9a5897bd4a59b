"""Patterns with `*` (anything) and `?` (one character), matched in time that no pattern can blow up."""

from __future__ import annotations

import functools
import re


@functools.lru_cache(maxsize=4096)
def glob(pattern: str, *, whole: bool = True, ignore_case: bool = False) -> re.Pattern[str]:
    """`whole`: the pattern is about all of the text, else about its beginning."""
    flags = re.DOTALL | re.IGNORECASE if ignore_case else re.DOTALL
    return re.compile(expression(pattern, whole=whole) + (r"\Z" if whole else ""), flags)


def expression(pattern: str, *, whole: bool = True, character: str = ".") -> str:
    """The same as a regular expression, to be part of a larger one. `character`: what a wildcard may stand for."""
    first, *others = [_literal(piece, character) for piece in pattern.split("*")]
    last = others.pop() if others else None
    # A group that was passed is never tried another way: the earliest place of a piece is as good as any other.
    middle = "".join([f"(?>{character}*?{piece})" for piece in others if piece])
    end = "" if last is None else f"{character}*{last}" if whole else f"(?>{character}*?{last})"
    return first + middle + end


def _literal(piece: str, character: str) -> str:
    return character.join([re.escape(part) for part in piece.split("?")])
