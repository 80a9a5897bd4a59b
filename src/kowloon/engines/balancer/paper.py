"""Balancers on paper: they pass no traffic; their health is what the cloud knows of the backends."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import msgspec

from kowloon.engines.balancer.base import BackendStatus, BalancerPayload
from kowloon.engines.base import Fabric, UnitState
from kowloon.engines.paper import PaperUnits


class PaperBalancer(PaperUnits):
    """`alive(address)` says whether something at that address would answer a check: the app gives it, from the units
    that have the address. A checked backend is normal when it is alive and neither it nor the balancer is cut off."""

    def __init__(self, fabric: Fabric, alive: Callable[[str], bool]) -> None:
        super().__init__("balancer", fabric)
        self._alive = alive

    async def health(self, unit_id: str) -> list[BackendStatus]:
        if self.state(unit_id) is not UnitState.RUNNING:
            return []
        spec = self._spec(unit_id)
        payload = msgspec.convert(spec.payload, BalancerPayload)
        dark = self._fabric.is_cut(spec.address)
        return [
            BackendStatus(
                listener_port=listener.port,
                protocol=listener.protocol,
                backend_id=backend.id,
                status=self._status(backend.address, listener.check is not None, dark),
            )
            for listener in payload.listeners
            for backend in listener.backends
        ]

    def _status(self, address: str, checked: bool, dark: bool) -> Literal["normal", "abnormal", "unavailable"]:
        if not checked:
            return "unavailable"
        reachable = not dark and not self._fabric.is_cut(address) and self._alive(address)
        return "normal" if reachable else "abnormal"
