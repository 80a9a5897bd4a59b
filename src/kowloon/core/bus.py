"""The bus: who is told of what happens."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from kowloon.core import limits
from kowloon.core.events import Event

Listener = Callable[[Event], None]


class EventBus:
    """Delivers in order, in the caller's turn, and keeps the last `limits.RECENT_EVENTS`."""

    def __init__(self) -> None:
        self._listeners: list[tuple[Listener, tuple[type[Event], ...]]] = []
        # Who hears of each type. There are thousands of calls a second, and most listeners want none of them.
        self._hearing: dict[type[Event], tuple[Listener, ...]] = {}
        self.recent: deque[Event] = deque(maxlen=limits.RECENT_EVENTS)

    def subscribe(self, listener: Listener, *kinds: type[Event]) -> Callable[[], None]:
        """To events of those kinds, or to all; returns the call that ends the subscription."""
        entry = (listener, kinds or (Event,))
        self._listeners.append(entry)
        self._hearing.clear()

        def leave() -> None:
            if entry in self._listeners:
                self._listeners.remove(entry)
                self._hearing.clear()

        return leave

    def emit(self, event: Event) -> None:
        self.recent.append(event)
        kind = event.__class__
        hearing = self._hearing.get(kind)
        if hearing is None:
            hearing = tuple([listener for listener, kinds in self._listeners if issubclass(kind, kinds)])
            self._hearing[kind] = hearing
        for listener in hearing:
            listener(event)
