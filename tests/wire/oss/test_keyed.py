"""HMAC whose key is digested once: the same as the standard library's."""

from __future__ import annotations

import hmac

import pytest

from kowloon.wire.oss.keyed import KeyedHash


@pytest.mark.parametrize("name", ["sha1", "sha256"])
@pytest.mark.parametrize("key_bytes", [0, 1, 30, 63, 64, 65, 200])
def test_it_is_hmac(name: str, key_bytes: int) -> None:
    key = bytes(range(key_bytes))
    keyed = KeyedHash(key, name)
    for message in (b"", b"text", b"x" * 1000, b"text"):
        assert keyed.digest(message) == hmac.digest(key, message, name)
