"""The sets of engines that a cloud can have behind it: `paper` (state only) and `process` (real processes here)."""

from __future__ import annotations

import shutil
from typing import Protocol

from kowloon.core.config import HomeFiles
from kowloon.engines.balancer.base import BalancerEngine
from kowloon.engines.base import AddressSpace, Fabric, UnitEngine
from kowloon.engines.compute.base import ComputeEngine
from kowloon.engines.database.base import DatabaseEngine


class Parts(Protocol):
    """One engine per kind, the fabric between them and the addresses they live on."""

    name: str
    compute: ComputeEngine
    balancer: BalancerEngine
    database: DatabaseEngine
    fabric: Fabric
    addresses: AddressSpace

    @property
    def engines(self) -> dict[str, UnitEngine]: ...
    async def open(self) -> None:
        """Connect to what already runs, or start it."""
        ...

    async def close(self, *, end_units: bool) -> None: ...
    async def wipe(self) -> None:
        """End all units and remove their data."""
        ...
