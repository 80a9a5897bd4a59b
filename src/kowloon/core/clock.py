"""The two clocks of a cloud.

*Wall* time is what clients stamp and refresh by: signature windows, nonces, tokens, the Date header.
*Cloud* time is wall time plus an offset that a skip moves forward: stored times, timers, limits. It goes back only when
all that has a time is exchanged as a whole: by a snapshot that is loaded, or a reset for a test.
Both are seconds since the Unix epoch. A skip steps through the due timers in order, so nothing is jumped over.
"""

from __future__ import annotations

import asyncio
import functools
import heapq
import itertools
import time
from collections.abc import Callable
from datetime import UTC, datetime


class Timer:
    """A callback due at one moment of cloud time; `cancel` is idempotent."""

    __slots__ = ("callback", "cancelled", "when")

    def __init__(self, when: float, callback: Callable[[], None]) -> None:
        self.when = when
        self.callback = callback
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


class Clock:
    """Wall and cloud time, timers on cloud time, and the skip. Bound to one event loop once a timer is set."""

    def __init__(self, wall: Callable[[], float] = time.time, offset_s: float = 0.0) -> None:
        self._wall = wall
        self._offset_s = offset_s
        self._timers: list[tuple[float, int, Timer]] = []
        self._sequence = itertools.count()
        self._wakeup: asyncio.TimerHandle | None = None
        self._on_skip: list[Callable[[float], None]] = []

    def wall(self) -> float:
        return self._wall()

    def now(self) -> float:
        return self._wall() + self._offset_s

    @property
    def offset_s(self) -> float:
        return self._offset_s

    def on_skip(self, listener: Callable[[float], None]) -> None:
        """`listener(offset_s)` after each skip, for whoever keeps the offset across restarts."""
        self._on_skip.append(listener)

    def call_at(self, when: float, callback: Callable[[], None]) -> Timer:
        timer = Timer(when, callback)
        heapq.heappush(self._timers, (when, next(self._sequence), timer))
        self._arm()
        return timer

    def call_later(self, delay_s: float, callback: Callable[[], None]) -> Timer:
        return self.call_at(self.now() + delay_s, callback)

    async def sleep(self, seconds: float) -> None:
        """Sleep in cloud time: a skip past the end wakes the sleeper."""
        woken = asyncio.Event()
        timer = self.call_later(max(seconds, 0.0), woken.set)
        try:
            await woken.wait()
        finally:
            timer.cancel()

    async def skip(self, seconds: float) -> None:
        """Move cloud time forward by `seconds`, running every due timer at its own moment, in order."""
        if seconds < 0:
            raise ValueError("cloud time never goes back")
        target = self.now() + seconds
        while self._timers and self._timers[0][0] <= target:
            when, _, timer = heapq.heappop(self._timers)
            if timer.cancelled:
                continue
            self._offset_s = max(self._offset_s, when - self._wall())
            timer.callback()
            # Let what the timer woke run before the next one is due.
            for _ in range(4):
                await asyncio.sleep(0)
        self._offset_s = max(self._offset_s, target - self._wall())
        for listener in self._on_skip:
            listener(self._offset_s)
        self._arm()

    def turn_to(self, offset_s: float) -> None:
        """For who exchanges everything that has a time. What is waited for takes as long as it would have."""
        moved_s = offset_s - self._offset_s
        self._offset_s = offset_s
        for _, _, timer in self._timers:
            timer.when += moved_s
        self._timers = [(timer.when, sequence, timer) for _, sequence, timer in self._timers]
        self._arm()

    def _arm(self) -> None:
        if self._wakeup is not None:
            self._wakeup.cancel()
            self._wakeup = None
        while self._timers and self._timers[0][2].cancelled:
            heapq.heappop(self._timers)
        if not self._timers:
            return
        delay = max(self._timers[0][0] - self.now(), 0.0)
        self._wakeup = asyncio.get_running_loop().call_later(delay, self._fire)

    def _fire(self) -> None:
        self._wakeup = None
        now = self.now()
        while self._timers and self._timers[0][0] <= now:
            _, _, timer = heapq.heappop(self._timers)
            if not timer.cancelled:
                timer.callback()
        self._arm()

    def close(self) -> None:
        if self._wakeup is not None:
            self._wakeup.cancel()
        self._timers.clear()


@functools.lru_cache(maxsize=4096)
def iso_seconds(moment: float) -> str:
    """`2025-01-01T00:00:00Z`: VPC, RDS, RAM, STS."""
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@functools.lru_cache(maxsize=4096)
def iso_minutes(moment: float) -> str:
    """`2025-01-01T00:00Z`: ECS, SLB."""
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%MZ")


def parse_iso_seconds(text: str) -> float | None:
    """Seconds since the epoch of `2025-01-01T00:00:00Z`, or None when it is not of that form."""
    try:
        if len(text) == 20 and text[4] == text[7] == "-" and text[10] == "T" and text[19] == "Z":
            # The same for what clients really send, at a tenth of the cost.
            return datetime.fromisoformat(text).timestamp()
        return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC).timestamp()
    except ValueError:
        return None
