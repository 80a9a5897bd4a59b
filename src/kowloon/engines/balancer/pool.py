"""The backends of one listener: who is healthy and who gets the next connection."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable
from typing import Literal

from kowloon.engines.balancer.base import Backend, HealthCheck

Scheduler = Literal["wrr", "rr", "wlc"]
Status = Literal["normal", "abnormal", "unavailable"]


class Target:
    """One backend as this listener sees it. With checks it starts unhealthy: the first success makes it healthy at
    once; after that `rise` successes or `fall` failures in a row turn it."""

    __slots__ = ("_current_weight", "_failures", "_seen", "_successes", "active", "backend", "healthy", "token")

    def __init__(self, backend: Backend, healthy: bool) -> None:
        self.backend = backend
        self.healthy = healthy
        self.active = 0
        # What a sticky cookie says instead of the backend's id and address.
        self.token = hashlib.sha256(f"{backend.id}|{backend.address}|{backend.port}".encode()).hexdigest()[:32]
        self._current_weight = 0
        self._successes = 0
        self._failures = 0
        self._seen = False

    @property
    def available(self) -> bool:
        return self.healthy and self.backend.weight > 0

    def observe(self, success: bool, check: HealthCheck) -> None:
        """Take in one check's result."""
        first, self._seen = not self._seen, True
        if success:
            self._failures = 0
            self._successes += 1
            if first or self._successes >= check.rise:
                self.healthy = True
            return
        self._successes = 0
        self._failures += 1
        if self._failures >= check.fall:
            self.healthy = False

    def advance(self) -> int:
        """One step of smooth weighted round robin: the caller picks the highest and charges it the total."""
        self._current_weight += self.backend.weight
        return self._current_weight

    def charge(self, total_weight: int) -> None:
        self._current_weight -= total_weight


class Pool:
    def __init__(self) -> None:
        self.targets: list[Target] = []
        self._scheduler: Scheduler = "wrr"
        self._checked = False
        self._next = 0

    def configure(self, backends: Iterable[Backend], scheduler: Scheduler, checked: bool) -> list[Target]:
        """Returns the targets that left. A backend that stays keeps its health and its connections' count."""
        known = {_identity(target.backend): target for target in self.targets}
        kept: dict[tuple[str, str, int], Target] = {}
        for backend in backends:
            target = known.get(_identity(backend)) or Target(backend, healthy=not checked)
            target.backend = backend
            target.healthy = target.healthy or not checked
            kept[_identity(backend)] = target
        self.targets = list(kept.values())
        self._scheduler = scheduler
        self._checked = checked
        return [target for identity, target in known.items() if identity not in kept]

    def pick(self, tried: Collection[Target] = ()) -> Target | None:
        """The target for a new connection, none of `tried`; None when nobody can take it."""
        candidates = [target for target in self.targets if target.available and target not in tried]
        if not candidates:
            return None
        if self._scheduler == "wlc":
            return min(candidates, key=lambda target: (target.active + 1) / target.backend.weight)
        if self._scheduler == "rr":
            self._next += 1
            return candidates[self._next % len(candidates)]
        if len(candidates) == 1:
            return candidates[0]
        chosen = max(candidates, key=Target.advance)
        chosen.charge(sum(target.backend.weight for target in candidates))
        return chosen

    def by_token(self, token: str) -> Target | None:
        return next((target for target in self.targets if target.token == token and target.available), None)

    def status(self, target: Target) -> Status:
        if not self._checked:
            return "unavailable"
        return "normal" if target.healthy else "abnormal"


def _identity(backend: Backend) -> tuple[str, str, int]:
    return (backend.id, backend.address, backend.port)
