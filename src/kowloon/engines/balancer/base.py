"""Load balancers, endpoint proxies and address forwarders: what a balancer engine runs.

One unit is one address in one place. A classic load balancer is one unit in its active zone; a database endpoint is a
unit with one TCP listener; an EIP on an instance is a unit with `mirror` set (it listens wherever the target does).
"""

from __future__ import annotations

from typing import Literal, Protocol

import msgspec

from kowloon.engines.base import UnitEngine


class Backend(msgspec.Struct, frozen=True, kw_only=True):
    """`weight` 0 gets no new connections. `id` is what status is reported by (server id and port)."""

    id: str
    address: str
    port: int
    weight: int = 100


class HealthCheck(msgspec.Struct, frozen=True, kw_only=True):
    """`tcp` connects; `http` asks `method path` with Host `domain` and wants a status class listed in `expect`."""

    kind: Literal["tcp", "http"] = "tcp"
    interval_s: float = 2.0
    timeout_s: float = 5.0
    rise: int = 3
    fall: int = 3
    port: int | None = None
    path: str = "/"
    domain: str = ""
    method: Literal["head", "get"] = "head"
    expect: tuple[str, ...] = ("http_2xx",)


class Listener(msgspec.Struct, frozen=True, kw_only=True):
    """`check` None: backends count as healthy. `scheduler` wrr or rr or wlc. `sticky_cookie` for http listeners."""

    protocol: Literal["tcp", "http"]
    port: int
    backends: tuple[Backend, ...] = ()
    check: HealthCheck | None = None
    scheduler: Literal["wrr", "rr", "wlc"] = "wrr"
    idle_timeout_s: float = 900.0
    connect_timeout_s: float = 5.0
    request_timeout_s: float = 60.0
    forwarded_for: bool = True
    sticky_cookie: str = ""
    sticky_timeout_s: float = 0.0


class BalancerPayload(msgspec.Struct, frozen=True, kw_only=True):
    """`mirror`: address whose listening ports this unit's address shows (an EIP). `drop_on_change`: cut the
    connections to a backend that leaves (a database endpoint after failover)."""

    listeners: tuple[Listener, ...] = ()
    mirror: str = ""
    drop_on_change: bool = False


class BackendStatus(msgspec.Struct, frozen=True, kw_only=True):
    listener_port: int
    protocol: str
    backend_id: str
    status: Literal["normal", "abnormal", "unavailable"]


class BalancerEngine(UnitEngine, Protocol):
    async def health(self, unit_id: str) -> list[BackendStatus]:
        """What the unit's own checks say. `unavailable`: no check is configured. Empty when it is not running."""
        ...
