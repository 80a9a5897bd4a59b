"""When each access key signed last: noted in memory at every call, written to the store now and then."""

from __future__ import annotations

from typing import Final

from kowloon.core.bus import EventBus
from kowloon.core.clock import Clock, Timer
from kowloon.core.events import Event, RequestEvent
from kowloon.store.identity import KeyUse, StoredKey
from kowloon.store.store import Store

# At most one commit in this time; as much is forgotten when the process is killed.
WRITTEN_AFTER_S: Final = 1.0


class KeyUseLog:
    """Listens to calls until `close`. `flush` writes what is noted."""

    def __init__(self, store: Store, clock: Clock, bus: EventBus) -> None:
        self._store = store
        self._clock = clock
        self._noted: dict[str, RequestEvent] = {}
        self._timer: Timer | None = None
        self._unsubscribe = bus.subscribe(self._note, RequestEvent)

    def _note(self, event: Event) -> None:
        if not isinstance(event, RequestEvent) or not event.principal or not event.access_key_id:
            return
        self._noted[event.access_key_id] = event
        if self._timer is None:
            self._timer = self._clock.call_later(WRITTEN_AFTER_S, self.flush)

    def flush(self) -> None:
        self._timer = None
        noted, self._noted = self._noted, {}
        transaction = self._store.begin()
        for key_id, use in noted.items():
            key = self._store.get(StoredKey, key_id)
            # Keys of sessions come and go; nobody asks when they were used.
            if key is not None and not key.token:
                item = KeyUse(id=key_id, account=key.account, used_at=use.at, product=use.product)
                transaction.put(item)
        self._store.commit_now(transaction)

    def forget(self) -> None:
        """What is noted belongs to a store that is gone."""
        self._noted.clear()

    def close(self) -> None:
        self._unsubscribe()
        if self._timer is not None:
            self._timer.cancel()
        self.flush()
