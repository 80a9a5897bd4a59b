"""The sets of engines that a cloud can have behind it: `paper` (state only) and `process` (real processes here)."""

from __future__ import annotations

import asyncio
from typing import Protocol

from kowloon.core.config import HomeFiles
from kowloon.engines.balancer.base import BalancerEngine
from kowloon.engines.balancer.paper import PaperBalancer
from kowloon.engines.balancer.process import ProcessBalancer
from kowloon.engines.base import AddressSpace, Fabric, UnitEngine
from kowloon.engines.compute.base import ComputeEngine
from kowloon.engines.compute.paper import PaperCompute
from kowloon.engines.compute.process import ProcessCompute
from kowloon.engines.database.base import DatabaseEngine
from kowloon.engines.database.paper import PaperDatabase
from kowloon.engines.database.process import ProcessDatabase
from kowloon.engines.fabric import InProcessFabric, LoopbackAddressSpace
from kowloon.engines.paper import PaperUnits
from kowloon.engines.supervisor.client import SupervisorClient
from kowloon.engines.supervisor.folders import data_folder, run_folder


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
    async def wipe(self, unit_ids: list[tuple[str, str]]) -> None:
        """End these units, given as (engine kind, unit id), and remove their data."""
        ...


class PaperAddresses:
    """Addresses that nothing listens on: every paper cloud may have the same ones."""

    def claim(self, preferred: str | None) -> str:
        return preferred or "127.16.0.0/16"

    def release(self) -> None:
        pass


class PaperParts:
    name = "paper"

    def __init__(self) -> None:
        self._fabric = InProcessFabric()
        self.fabric: Fabric = self._fabric
        self.addresses: AddressSpace = PaperAddresses()
        compute, database = PaperCompute(self._fabric), PaperDatabase(self._fabric)
        self._units: tuple[PaperUnits, ...] = (compute, database)
        self.compute: ComputeEngine = compute
        self.database: DatabaseEngine = database
        self.balancer: BalancerEngine = PaperBalancer(self._fabric, self._answers)
        self.engines: dict[str, UnitEngine] = {
            "compute": self.compute,
            "balancer": self.balancer,
            "database": self.database,
        }

    def _answers(self, address: str) -> bool:
        """Whether a backend there would pass a check: on paper, whether its unit runs."""
        return any(units.runs_at(address) for units in self._units)

    async def open(self) -> None:
        pass

    async def close(self, *, end_units: bool) -> None:
        pass

    async def wipe(self, unit_ids: list[tuple[str, str]]) -> None:
        await _delete_all(self.engines, unit_ids)


class ProcessParts:
    """Real processes as the current user, or as an unlisted user when this one is root."""

    name = "process"

    def __init__(self, files: HomeFiles, *, lease_s: float, unsandboxed_user_data: bool) -> None:
        home = files.home
        self.host = SupervisorClient(home, lease_s=lease_s)
        self.fabric: Fabric = InProcessFabric()
        self.addresses: AddressSpace = LoopbackAddressSpace(str(home))
        self._data = data_folder(home)
        self._compute = ProcessCompute(
            self.host,
            self.fabric,
            data_dir=self._data / "compute",
            hidden=(home, self._data),
            unsandboxed=unsandboxed_user_data,
        )
        self.compute: ComputeEngine = self._compute
        self._balancer = ProcessBalancer(
            self.host, self.fabric, socket_dir=run_folder(home) / "balancers", data_dir=self._data / "balancer"
        )
        self._database = ProcessDatabase(self.host, self.fabric, data_dir=self._data / "database")
        self.balancer: BalancerEngine = self._balancer
        self.database: DatabaseEngine = self._database
        self.engines: dict[str, UnitEngine] = {
            "compute": self.compute,
            "balancer": self.balancer,
            "database": self.database,
        }

    async def open(self) -> None:
        await self.host.connect()
        await self._compute.open()

    async def close(self, *, end_units: bool) -> None:
        await self._balancer.close()
        self._database.close()
        await (self.host.shutdown() if end_units else self.host.close())

    async def wipe(self, unit_ids: list[tuple[str, str]]) -> None:
        await _delete_all(self.engines, unit_ids)


async def _delete_all(engines: dict[str, UnitEngine], unit_ids: list[tuple[str, str]]) -> None:
    await asyncio.gather(*(engines[kind].delete(id) for kind, id in unit_ids))
