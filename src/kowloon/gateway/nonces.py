"""Signature nonces: each is good once per access key within the time-stamp window."""

from __future__ import annotations

from collections import OrderedDict

from kowloon.core import limits


class Nonces:
    """Bounded: when full, the oldest go first (they are the nearest to the end of their window)."""

    def __init__(self) -> None:
        self._seen: OrderedDict[tuple[str, str], float] = OrderedDict()

    def fresh(self, access_key_id: str, nonce: str, wall: float) -> bool:
        """True once; False for a repetition within the window."""
        horizon = wall - 2 * limits.TIMESTAMP_WINDOW_S
        while self._seen:
            oldest = next(iter(self._seen))
            if self._seen[oldest] >= horizon and len(self._seen) < limits.NONCES_KEPT:
                break
            del self._seen[oldest]
        key = (access_key_id, nonce)
        if key in self._seen:
            return False
        self._seen[key] = wall
        return True
