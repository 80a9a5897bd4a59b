"""The sets of engines that a cloud can have behind it: `paper` (state only) and `process` (real processes here)."""

from __future__ import annotations

from typing import Protocol

from kowloon.engines.balancer.base import BalancerEngine
from kowloon.engines.base import AddressSpace, Fabric, UnitEngine
from kowloon.engines.compute.base import ComputeEngine
from kowloon.engines.compute.paper import PaperCompute
from kowloon.engines.database.base import DatabaseEngine
from kowloon.engines.fabric import InProcessFabric
from kowloon.engines.paper import PaperUnits


class Parts(Protocol):
    """One engine per kind, the fabric between them and the addresses they live on."""

    name: str

    @property
    def compute(self) -> ComputeEngine: ...
    @property
    def balancer(self) -> BalancerEngine: ...
    @property
    def database(self) -> DatabaseEngine: ...
    @property
    def fabric(self) -> Fabric: ...
    @property
    def addresses(self) -> AddressSpace: ...
    @property
    def engines(self) -> dict[str, UnitEngine]: ...
    async def open(self) -> None:
        """Connect to what already runs, or start it."""
        ...

    async def close(self, *, end_units: bool) -> None: ...
    async def wipe(self) -> None:
        """End all units and remove their data."""
        ...


class PaperAddresses:
    """Addresses that nothing listens on: every paper cloud may have the same ones."""

    def claim(self, preferred: str | None) -> str:
        return preferred or "127.15.0.0/16"

    def release(self) -> None:
        pass


class PaperParts:
    name = "paper"

    def __init__(self) -> None:
        self.fabric = InProcessFabric()
        self.addresses = PaperAddresses()
        self.compute = PaperCompute(self.fabric)
        self.balancer = PaperUnits("balancer", self.fabric)
        self.database = PaperUnits("database", self.fabric)

    @property
    def engines(self) -> dict[str, UnitEngine]:
        return {"compute": self.compute, "balancer": self.balancer, "database": self.database}

    async def open(self) -> None:
        pass

    async def close(self, *, end_units: bool) -> None:
        pass

    async def wipe(self) -> None:
        for engine in self.engines.values():
            await engine.wipe()
