"""Passwords that members have in the messenger itself: kept as salted scrypt hashes."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from typing import Final

from kowloon.core.ids import Ids

# As the console's passwords: about 5 ms, in a thread.
_COST: Final = 2**11
_SALT_CHARACTERS: Final = 22


async def hashed(password: str, ids: Ids) -> str:
    """`salt$hash`."""
    salt = ids.secret(_SALT_CHARACTERS)
    return f"{salt}${await _hash(password, salt)}"


async def matches(password: str, kept: str) -> bool:
    """False for an empty `kept`, after the same time."""
    salt, _, expected = kept.partition("$")
    given = await _hash(password, salt)
    return bool(expected) and hmac.compare_digest(given, expected)


async def _hash(password: str, salt: str) -> str:
    raw = await asyncio.to_thread(hashlib.scrypt, password.encode(), salt=salt.encode(), n=_COST, r=8, p=1)
    return raw.hex()
