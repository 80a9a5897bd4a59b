"""Secrets never get into a record: whatever is named like one is shown as asterisks."""

from __future__ import annotations

import functools
from typing import Any

MASK = "******"
_TELLING = (
    "password",
    "secret",
    "token",
    "privatekey",
    "samlassertion",
    "authenticationcode",
    "signature",
    "userdata",
    "seed",
    "salt",
    "hashes",
    "qrcode",
    "aeskey",
)
# They sound like secrets and are none; a client looks for them in records.
_HARMLESS = frozenset({"nexttoken", "clienttoken", "signaturemethod", "signatureversion", "secretid"})

# Whole files that people write: there may be addresses with keys in them.
_FILES = frozenset({"file", "supposedfile"})


@functools.lru_cache(maxsize=4096)
def is_secret(name: str) -> bool:
    """Whether what has that name is a secret. Of `Tag.1.Value` the last part counts."""
    plain = name.rpartition(".")[2].lower().replace("_", "").replace("-", "")
    return plain in _FILES or (plain not in _HARMLESS and any(word in plain for word in _TELLING))


def masked(value: Any) -> Any:
    """JSON-like data with the values of secrets replaced, however deep they are. Switches and numbers are none."""
    if isinstance(value, dict):
        return {name: MASK if _is_telling(name, inner) else masked(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [masked(inner) for inner in value]
    return value


def _is_telling(name: str, value: Any) -> bool:
    if isinstance(value, list | tuple):
        return bool(value) and all(isinstance(inner, str) for inner in value) and is_secret(name)
    return isinstance(value, str) and value != "" and is_secret(name)
