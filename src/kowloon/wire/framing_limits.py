"""How much of a request is taken."""

from __future__ import annotations

import msgspec

from kowloon.core import limits


class FramingLimits(msgspec.Struct, frozen=True):
    target_bytes: int = limits.MAX_TARGET_BYTES
    header_bytes: int = limits.MAX_HEADER_BYTES
    headers: int = limits.MAX_HEADERS
    # Of a body that is kept in memory, whoever gathers it.
    body_bytes: int = limits.MAX_BODY_BYTES
    # A longer body is not gathered here; nor is one that comes in chunks.
    gather_bytes: int = limits.GATHER_BYTES
