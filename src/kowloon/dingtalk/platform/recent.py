"""How often something happened lately."""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable


class Recent:
    """At most `most` of each key within any `span_s` seconds. Keys that were quiet for so long are forgotten."""

    def __init__(self, most: int, span_s: float) -> None:
        self._most = most
        self._span_s = span_s
        # When, of each key; the key that was asked for last is the last.
        self._at: dict[Hashable, deque[float]] = {}

    def count(self, key: Hashable, now: float) -> bool:
        """One more. False, and not counted, where it would be one too many."""
        recent = self._at[key] = self._at.pop(key, deque())
        while recent and recent[0] <= now - self._span_s:
            recent.popleft()
        is_allowed = len(recent) < self._most
        if is_allowed:
            recent.append(now)
        while self._at[oldest := next(iter(self._at))][-1] <= now - self._span_s:
            del self._at[oldest]
        return is_allowed

    def forget(self) -> None:
        self._at.clear()
