"""CRC-64 of a whole from the CRCs of its parts (CRC-64/XZ, which OSS clients check).

A CRC is a polynomial over GF(2), reflected: bit 63 is the coefficient of x^0. To append n zero bytes is to multiply
by x^(8n); a product by a known factor is the sum of that factor's multiples, looked up.
"""

from __future__ import annotations

import functools
from typing import Final

_POLYNOMIAL: Final = 0xC96C5795D7870F42
_ONE: Final = 1 << 63
_X_TO_8: Final = 1 << 55

# One factor's products with every value of each of the sixteen half bytes, the lowest first.
_Multiples = tuple[tuple[int, ...], ...]


def crc64_combine(crc1: int, crc2: int, length2_bytes: int) -> int:
    """The CRC of two byte strings in a row, the second of which has `length2_bytes`."""
    for exponent in range(length2_bytes.bit_length()):
        if length2_bytes >> exponent & 1:
            crc1 = _multiply(_doubled(exponent), crc1)
    return crc1 ^ crc2


def _multiply(multiples: _Multiples, value: int) -> int:
    product = 0
    for table in multiples:
        product ^= table[value & 15]
        value >>= 4
    return product


def _multiples(factor: int) -> _Multiples:
    powers = [factor]
    for _ in range(63):
        factor = (factor >> 1) ^ (_POLYNOMIAL if factor & 1 else 0)
        powers.append(factor)
    powers.reverse()
    tables = []
    for lowest in range(0, 64, 4):
        table = [0]
        for power in powers[lowest : lowest + 4]:
            table += [power ^ multiple for multiple in table]
        tables.append(tuple(table))
    return tuple(tables)


@functools.lru_cache(maxsize=64)
def _doubled(exponent: int) -> _Multiples:
    """Multiples of x^(8 * 2^exponent)."""
    if exponent == 0:
        return _multiples(_X_TO_8)
    half = _doubled(exponent - 1)
    # Times one is the factor itself.
    return _multiples(_multiply(half, _multiply(half, _ONE)))
