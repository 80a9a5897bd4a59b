"""Virtual time: an event loop whose clock jumps to the next timer when nothing is left to do, and what goes with it.

A drill of fifteen hours on paper takes seconds, and the same seed gives the same run: nothing depends on how fast the
machine is. Threads are waited for in real time, because what they do is not virtual.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from kowloon.app import Cloud
from kowloon.core.clock import Clock, iso_seconds
from kowloon.core.config import Settings
from kowloon.core.ids import Ids
from kowloon.drill.probes import Outcome, read_api_answer
from kowloon.drill.sign import Keys, sign_rpc, target_of
from kowloon.engines.base import UnitState
from kowloon.store.units import Unit
from kowloon.wire.http import HttpRequest

T = TypeVar("T")
EPOCH_S = 1_735_689_600.0
_THREAD_POLL_S = 0.002


class _JumpingSelector(selectors.BaseSelector):
    """Looks at real files without waiting; where the loop would wait for a timer, its clock jumps there."""

    def __init__(self, jump: Callable[[float], None], busy: Callable[[], bool]) -> None:
        self._real = selectors.DefaultSelector()
        self._jump = jump
        self._busy = busy

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        events = self._real.select(0)
        if events or timeout == 0:
            return events
        if self._busy():
            return self._real.select(_THREAD_POLL_S)
        if timeout is None:
            raise RuntimeError("virtual time stands still: nothing is due and nobody works")
        self._jump(max(timeout, 0.0))
        return []

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._real.register(fileobj, events, data)

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._real.unregister(fileobj)

    def modify(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._real.modify(fileobj, events, data)

    def get_map(self) -> Any:
        return self._real.get_map()

    def close(self) -> None:
        self._real.close()


class VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._virtual_s = 0.0
        self._in_threads = 0
        super().__init__(_JumpingSelector(self._jump, lambda: self._in_threads > 0))

    def time(self) -> float:
        return self._virtual_s

    def _jump(self, seconds: float) -> None:
        self._virtual_s += seconds

    def run_in_executor(self, executor: Any, func: Callable[..., T], *args: Any) -> asyncio.Future[T]:  # type: ignore[override]
        self._in_threads += 1
        future: asyncio.Future[T] = super().run_in_executor(executor, func, *args)
        future.add_done_callback(lambda _: self._leave_thread())
        return future

    async def shutdown_default_executor(self, *args: Any) -> None:
        self._in_threads += 1
        try:
            await super().shutdown_default_executor(*args)
        finally:
            self._leave_thread()

    def _leave_thread(self) -> None:
        self._in_threads -= 1


def run_virtually(coroutine: Coroutine[Any, Any, T]) -> T:
    """As asyncio.run, in virtual time from 0 on."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(coroutine)


async def paper_cloud(*, seed: int = 1, region: str = "cn-hongkong") -> Cloud:
    """A paper cloud on the running virtual loop, without a socket; stop it when done."""
    loop = asyncio.get_running_loop()
    settings = Settings(engine="paper", port=0, seed=seed, region=region)
    cloud = Cloud(settings, clock=Clock(wall=lambda: EPOCH_S + loop.time()))
    await cloud.start(listen=False)
    return cloud


class InProcessApi:
    """Signed calls through the cloud's whole chain, without a socket."""

    def __init__(self, cloud: Cloud, region: str = "cn-hongkong") -> None:
        self._cloud = cloud
        self._region = region
        self._keys = Keys(cloud.identity.access_key_id, cloud.identity.access_key_secret)
        # Of its own, so that asking often changes no id of the cloud.
        self._ids = Ids(0)

    async def ask(self, version: str, action: str, **parameters: str) -> tuple[int, bytes]:
        asked = {**parameters, "Action": action, "Version": version, "RegionId": self._region}
        timestamp = iso_seconds(self._cloud.clock.wall())
        signed = sign_rpc(asked, self._keys, timestamp=timestamp, nonce=self._ids.request_id())
        headers = [("host", self._cloud.settings.host)]
        response = await self._cloud.chain.handle(HttpRequest(method="GET", target=target_of(signed), headers=headers))
        return response.status, response.body


class _PaperProbe:
    def __init__(self, name: str, kind: str, variant: str, zone: str, every_s: float) -> None:
        self.name = name
        self.kind = kind
        self.variant = variant
        self.zone = zone
        self.every_s = every_s

    async def close(self) -> None:
        """Nothing is open on paper."""


class PaperApiProbe(_PaperProbe):
    def __init__(self, api: InProcessApi, zone: str, every_s: float = 0.05) -> None:
        super().__init__(f"ecs-api-{zone}", "api", "provider", zone, every_s)
        self._api = api

    async def attempt(self) -> Outcome:
        return read_api_answer(*await self._api.ask("2014-05-26", "DescribeInstances", ZoneId=self.zone))


class PaperPathProbe(_PaperProbe):
    """Whether the way from outside to the data is served: each step is a resource of which one unit must serve.

    `steps`: for each step the ids of resources or units, any of which will do. `database`: of a database its address
    must serve, and the node that the address leads to.
    """

    def __init__(
        self,
        cloud: Cloud,
        name: str,
        variant: str,
        *,
        steps: tuple[tuple[str, ...], ...] = (),
        database: str = "",
        kind: str = "http",
        every_s: float = 0.1,
    ) -> None:
        super().__init__(name, kind, variant, "", every_s)
        self._cloud = cloud
        self._steps = steps
        self._database = database

    async def attempt(self) -> Outcome:
        units = self._cloud.store.list(Unit)
        for step in self._steps:
            if not any(self._serves(unit) for unit in units if unit.owner_id in step):
                return Outcome(False, "refused")
        if self._database and not self._database_serves(units):
            return Outcome(False, "database")
        return Outcome(True)

    def _database_serves(self, units: list[Unit]) -> bool:
        mine = [unit for unit in units if unit.owner_id == self._database]
        leads_to = {
            backend["address"]
            for unit in mine
            if unit.engine == "balancer" and self._serves(unit)
            for listener in unit.payload["listeners"]
            for backend in listener["backends"]
        }
        return any(unit.engine == "database" and unit.address in leads_to and self._serves(unit) for unit in mine)

    def _serves(self, unit: Unit) -> bool:
        running = self._cloud.engines[unit.engine].state(unit.id) is UnitState.RUNNING
        return running and not self._cloud.parts.fabric.is_cut(unit.address)
