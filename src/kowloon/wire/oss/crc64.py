"""CRC-64 of a whole from the CRCs of its parts (CRC-64/XZ, which OSS clients check).

A CRC is a polynomial over GF(2), reflected: bit 63 is the coefficient of x^0. To append n zero bytes is to multiply
by x^(8n); a product by a known factor is the sum of that factor's multiples at the set bits.
"""

from __future__ import annotations

import functools
from typing import Final

_POLYNOMIAL: Final = 0xC96C5795D7870F42
_ONE: Final = 1 << 63
_X_TO_8: Final = 1 << 55


def crc64_combine(crc1: int, crc2: int, length2_bytes: int) -> int:
    """The CRC of two byte strings in a row, the second of which has `length2_bytes`."""
    return _multiply(_zeros(length2_bytes), crc1) ^ crc2


def _multiply(multiples: tuple[int, ...], value: int) -> int:
    product = 0
    while value:
        lowest = value & -value
        product ^= multiples[lowest.bit_length() - 1]
        value ^= lowest
    return product


def _multiples(factor: int) -> tuple[int, ...]:
    """`factor` times the power of x that each bit stands for, the lowest bit first."""
    multiples = [factor]
    for _ in range(63):
        factor = (factor >> 1) ^ (_POLYNOMIAL if factor & 1 else 0)
        multiples.append(factor)
    return tuple(reversed(multiples))


# Parts of one upload are of one size but for the last.
@functools.lru_cache(maxsize=64)
def _zeros(length_bytes: int) -> tuple[int, ...]:
    """Multiples of x^(8 * length_bytes)."""
    factor = _ONE
    for exponent in range(length_bytes.bit_length()):
        if length_bytes >> exponent & 1:
            factor = _multiply(_doubled(exponent), factor)
    return _multiples(factor)


@functools.lru_cache(maxsize=64)
def _doubled(exponent: int) -> tuple[int, ...]:
    """Multiples of x^(8 * 2^exponent)."""
    if exponent == 0:
        return _multiples(_X_TO_8)
    half = _doubled(exponent - 1)
    return _multiples(_multiply(half, half[63]))
