"""Identifiers and randomness, from one seedable source per cloud."""

from __future__ import annotations

import random
import secrets
import string
import uuid
from typing import Final

BASE36: Final = string.digits + string.ascii_lowercase

_DIGITS_BYTES: Final = 1024


class Ids:
    """Vendor-shaped ids. Seeded: the same ids in the same order; unseeded: from the system's randomness."""

    def __init__(self, seed: int | None = None) -> None:
        self.random: random.Random = random.SystemRandom() if seed is None else random.Random(seed)
        # Request ids are made for every call: a fast generator seeded once, not one system call each.
        self._fast = random.Random(secrets.randbits(128) if seed is None else seed ^ 0x5EED)
        # Digits that were made for many of them at once, and how many of those are taken.
        self._digits = ""
        self._taken = 0

    def request_id(self) -> str:
        """An upper-case UUID, such as `4C467B38-3910-447D-87BC-AC049166F216`."""
        return str(uuid.UUID(int=self._fast.getrandbits(128), version=4)).upper()

    def hex(self, length: int) -> str:
        """Upper-case hex digits, such as OSS's request ids."""
        start, end = self._taken, self._taken + length
        if end > len(self._digits):
            start, end = 0, length
            self._digits = self._fast.randbytes(max(_DIGITS_BYTES, length)).hex().upper()
        self._taken = end
        return self._digits[start:end]

    def resource(self, prefix: str, length: int = 20) -> str:
        """`prefix-` and `length` characters of [0-9a-z], such as `vpc-bp1qpo0kug3a20qqe****`."""
        return f"{prefix}-" + "".join(self.random.choices(BASE36, k=length))

    def digits(self, length: int) -> str:
        return str(self.random.randint(1, 9)) + "".join(self.random.choices(string.digits, k=length - 1))

    def token(self, length: int) -> str:
        """Letters and digits, for names that may be known."""
        return "".join(self.random.choices(string.ascii_letters + string.digits, k=length))

    def secret(self, length: int, alphabet: str = string.ascii_letters + string.digits) -> str:
        """For keys, passwords and tokens: from the system's randomness, seed or no seed."""
        return "".join(secrets.choice(alphabet) for _ in range(length))
