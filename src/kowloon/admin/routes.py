"""The operator's own API under /_kowloon/: health, resources, faults, reset, coverage."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from kowloon import __version__
from kowloon.actions.declare import Registry
from kowloon.actions.routes import Routes
from kowloon.core.clock import Clock
from kowloon.core.events import EventBus
from kowloon.engines.base import UnitEngine
from kowloon.faults.manager import FaultManager
from kowloon.gateway.front import answer_json
from kowloon.store.store import Store
from kowloon.topology.health import HealthBoard
from kowloon.wire.http import HttpRequest, HttpResponse


class AdminRoutes:
    def __init__(
        self,
        *,
        store: Store,
        board: HealthBoard,
        clock: Clock,
        bus: EventBus,
        registry: Registry,
        faults: FaultManager,
        engines: dict[str, UnitEngine],
        reset: Callable[[], Awaitable[None]],
    ) -> None:
        self._store = store
        self._board = board
        self._clock = clock
        self._bus = bus
        self._registry = registry
        self._faults = faults
        self._engines = engines
        self._reset = reset

    def register(self, routes: Routes) -> None:
        routes.add("GET HEAD", "/_kowloon/health", self.health, "open")

    def health(self, request: HttpRequest) -> HttpResponse:
        """Answers from memory alone, so it waits behind nothing."""
        return answer_json({"status": "serving", "version": __version__})
