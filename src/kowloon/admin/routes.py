"""The operator's own API under /_kowloon/. Only GET health is open; the gateway asks for the token before the rest."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import parse_qs

import msgspec

from kowloon import __version__
from kowloon.actions.declare import Registry
from kowloon.actions.routes import Routes, answer_json, json_body
from kowloon.admin.live import LiveEvents
from kowloon.core.bus import EventBus
from kowloon.core.clock import Clock
from kowloon.core.errors import ApiError
from kowloon.core.events import RequestEvent, to_plain
from kowloon.core.masking import masked
from kowloon.engines.base import UnitEngine
from kowloon.engines.blob.base import ObjectStorage
from kowloon.faults.kinds import KINDS
from kowloon.faults.manager import FaultManager
from kowloon.faults.resources import Fault
from kowloon.store.resources import Resource
from kowloon.store.store import Store
from kowloon.store.units import Unit
from kowloon.topology.health import HealthBoard
from kowloon.topology.status_page import status_page
from kowloon.wire.http import HttpRequest, HttpResponse

_MOST_ROWS = 1000


class InjectBody(msgspec.Struct, forbid_unknown_fields=True):
    kind: str
    scope: list[str]
    parameters: dict[str, Any] = {}
    label: str = ""


class ChangeBody(msgspec.Struct, forbid_unknown_fields=True):
    values: dict[str, Any]


class SkipBody(msgspec.Struct, forbid_unknown_fields=True):
    seconds: float


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
        engines: Mapping[str, UnitEngine],
        storage: ObjectStorage,
        reset: Callable[[], Awaitable[None]],
    ) -> None:
        self._store = store
        self._board = board
        self._clock = clock
        self._bus = bus
        self._registry = registry
        self._faults = faults
        self._engines = engines
        self._storage = storage
        self._reset = reset
        self._live = LiveEvents(bus)

    def register(self, routes: Routes) -> None:
        routes.add("GET HEAD", "/_kowloon/health", self.health, "open")
        routes.add("GET", "/_kowloon/status", self.status, "admin")
        routes.add("GET", "/_kowloon/status-page", self.status_page, "admin")
        routes.add("GET", "/_kowloon/resources", self.resources, "admin")
        routes.add("GET", "/_kowloon/coverage", self.coverage, "admin")
        routes.add("GET", "/_kowloon/requests", self.requests, "admin")
        routes.add("GET", "/_kowloon/requests/live", lambda request: self._live.stream(RequestEvent), "admin")
        routes.add("GET", "/_kowloon/events/live", lambda request: self._live.stream(None), "admin")
        routes.add("GET", "/_kowloon/faults", self.list_faults, "admin")
        routes.add("POST", "/_kowloon/faults", self.inject_fault, "admin")
        routes.add("GET", "/_kowloon/faults/kinds", self.fault_kinds, "admin")
        routes.add("POST", "/_kowloon/faults/recover", self.recover_all, "admin")
        routes.add("GET POST", "/_kowloon/faults/", self.one_fault, "admin")
        routes.add("POST", "/_kowloon/clock/skip", self.skip, "admin")
        routes.add("POST", "/_kowloon/reset", self.reset, "admin")

    def health(self, request: HttpRequest) -> HttpResponse:
        """Answers from memory alone, so it waits behind nothing."""
        return answer_json({"status": "serving", "version": __version__})

    def status(self, request: HttpRequest) -> HttpResponse:
        """What runs where, private and real addresses, and everything that is not as it should be."""
        now = self._clock.now()
        return answer_json(
            {
                "version": __version__,
                "cloud_time": now,
                "skipped_s": self._clock.offset_s,
                "resources": self._store.kinds(),
                "capabilities": {kind: engine.capabilities() for kind, engine in self._engines.items()},
                "units": [self._unit(unit) for unit in self._store.list(Unit)],
                "storage": self._storage.report(),
                "impaired": self._board.view(now).summary(),
            }
        )

    def _unit(self, unit: Unit) -> dict[str, Any]:
        return {
            "id": unit.id,
            "owner": f"{unit.owner_kind}/{unit.owner_id}",
            "engine": unit.engine,
            "host": unit.host,
            "private_address": unit.payload.get("private_ip", ""),
            "real_address": unit.address,
            "desired": unit.desired,
            "observed": unit.observed,
            "message": unit.message,
        }

    def status_page(self, request: HttpRequest) -> HttpResponse:
        """What the provider shows of `?region=`, beside what holds."""
        region = _query(request).get("region", "")
        if region not in self._board.topology.regions:
            raise ApiError("InvalidParameter.region", 400, "region must be one of the vendor's, such as cn-hongkong.")
        return answer_json({"region": region, "lines": status_page(self._board, region, self._clock.now())})

    def resources(self, request: HttpRequest) -> HttpResponse:
        """Stored resources, secrets masked; `?kind=` and `?region=` narrow it down."""
        asked = _query(request)
        rows = [
            {"kind": item.kind, **_masked(item)}
            for item in self._store.everything()
            if asked.get("kind") in (None, item.kind) and asked.get("region") in (None, item.region)
        ]
        return answer_json({"total": len(rows), "resources": rows[:_MOST_ROWS]})

    def coverage(self, request: HttpRequest) -> HttpResponse:
        """Built actions per product, and how many the vendor publishes."""
        rows = []
        for product in self._registry.products:
            rows.append(
                {
                    "product": product.code,
                    "version": product.version,
                    "built": product.built,
                    "published": len(self._registry.published_by(product)),
                }
            )
        return answer_json({"products": rows})

    def requests(self, request: HttpRequest) -> HttpResponse:
        """The latest calls, newest last; `?code=` and `?action=` narrow it down."""
        asked = _query(request)
        rows = [
            to_plain(event)
            for event in self._bus.recent
            if isinstance(event, RequestEvent)
            and asked.get("code") in (None, event.code)
            and asked.get("action") in (None, event.action)
        ]
        return answer_json({"requests": rows})

    # --- faults ---

    def list_faults(self, request: HttpRequest) -> HttpResponse:
        injected_only = _query(request).get("phase") == "injected"
        return answer_json({"faults": [_fault(fault) for fault in self._faults.faults(injected_only=injected_only)]})

    def fault_kinds(self, request: HttpRequest) -> HttpResponse:
        rows = [
            {"kind": kind.name, "short": list(kind.short), "summary": kind.summary, "scopes": list(kind.scopes)}
            for kind in KINDS
        ]
        return answer_json({"kinds": rows})

    async def inject_fault(self, request: HttpRequest) -> HttpResponse:
        body = json_body(request, InjectBody)
        fault = await self._faults.inject(body.kind, body.scope, body.parameters, label=body.label)
        return answer_json(_fault(fault), 201)

    async def one_fault(self, request: HttpRequest) -> HttpResponse:
        """GET /faults/ID, POST /faults/ID/recover, POST /faults/ID/change."""
        id, _, verb = request.path.removeprefix("/_kowloon/faults/").partition("/")
        if request.method == "GET" and not verb:
            return answer_json(_fault(self._faults.get(id)))
        if request.method == "POST" and verb == "recover":
            return answer_json(_fault(await self._faults.recover(id)))
        if request.method == "POST" and verb == "change":
            return answer_json(_fault(await self._faults.change(id, json_body(request, ChangeBody).values)))
        raise ApiError("NotFound", 404, "Use GET /faults/ID, POST /faults/ID/recover or POST /faults/ID/change.")

    async def recover_all(self, request: HttpRequest) -> HttpResponse:
        recovered = await self._faults.recover_all()
        return answer_json({"recovered": [fault.id for fault in recovered]})

    async def skip(self, request: HttpRequest) -> HttpResponse:
        """Move cloud time forward through its due timers."""
        seconds = json_body(request, SkipBody).seconds
        if not 0 <= seconds <= 366 * 24 * 3600:
            raise ApiError("InvalidParameter.seconds", 400, "seconds must be from 0 to a year; time never goes back.")
        await self._clock.skip(seconds)
        return answer_json({"cloud_time": self._clock.now()})

    async def reset(self, request: HttpRequest) -> HttpResponse:
        await self._reset()
        return answer_json({"status": "reset"})


def _query(request: HttpRequest) -> dict[str, str]:
    return {name: values[-1] for name, values in parse_qs(request.query).items()}


def _masked(item: Resource) -> dict[str, Any]:
    plain: dict[str, Any] = masked(msgspec.to_builtins(item))
    return {name: value for name, value in plain.items() if name != "payload"}


def _fault(fault: Fault) -> dict[str, Any]:
    plain: dict[str, Any] = msgspec.to_builtins(fault)
    return {
        name: value
        for name, value in plain.items()
        if name not in ("account", "region", "tags", "references", "place", "pool")
    }
