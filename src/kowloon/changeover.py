"""Everything at once: a cloud goes back to its beginning, or another state takes the place of all that there is."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

import msgspec

from kowloon.addresses import ClaimedAddresses
from kowloon.admin.snapshots import State
from kowloon.controllers.runtime import ControllerRuntime
from kowloon.core.clock import Clock
from kowloon.core.config import HomeCredentials
from kowloon.core.errors import ConfigurationError
from kowloon.dingtalk.service import DingTalkService
from kowloon.drill.service import Drills
from kowloon.engines.blob.base import ObjectStorage
from kowloon.engines.parts import Parts
from kowloon.faults.manager import FaultManager
from kowloon.first_account import FirstAccount
from kowloon.kept import save_offset
from kowloon.services.actiontrail.audit import AuditTrail
from kowloon.services.actiontrail.resources import Trail
from kowloon.services.ecs.resources import Image
from kowloon.services.oss.resources import Bucket
from kowloon.services.oss.runs.dropped_run import DroppedVolume, dropped
from kowloon.store.resources import Resource
from kowloon.store.store import Store
from kowloon.store.units import DIALABLE, Unit


class Changeover:
    """One at a time, which the caller sees to. `forget`: what drops from memory what is of a state that goes;
    `forget_before`: what drops the states before faults."""

    def __init__(
        self,
        *,
        store: Store,
        storage: ObjectStorage,
        parts: Parts,
        addresses: ClaimedAddresses,
        first_account: FirstAccount,
        clock: Clock,
        audit: AuditTrail,
        faults: FaultManager,
        drills: Drills,
        runtime: ControllerRuntime,
        dingtalk: DingTalkService,
        forget: Sequence[Callable[[], None]],
        forget_before: Callable[[], None],
        keeps_real_parts: bool,
    ) -> None:
        self._store = store
        self._storage = storage
        self._parts = parts
        self._addresses = addresses
        self._first_account = first_account
        self._clock = clock
        self._audit = audit
        self._faults = faults
        self._drills = drills
        self._runtime = runtime
        self._dingtalk = dingtalk
        self._forget = forget
        self._forget_before = forget_before
        self._keeps_real_parts = keeps_real_parts

    @property
    def identity(self) -> HomeCredentials:
        return self._first_account.identity

    async def reset(self, *, clock: bool) -> None:
        """Everything gone but the account, its keys and the claimed addresses; and, if `clock`, what was skipped."""
        units = self._store.list(Unit)
        images = self._store.list(Image)
        self._forget_all()
        self._forget_before()
        cidr = self._addresses.cidr
        self._store.clear()
        self._audit.clear()
        self._dingtalk.clear()
        await self._storage.wipe()
        await self._remove(units, images)
        if clock:
            self._clock.turn_to(0.0)
        self._faults.restore()
        self._first_account.open()
        self._addresses.write_down(cidr)
        save_offset(self._store, self._clock.offset_s)
        await self._dingtalk.start()

    async def exchange(self, state: State) -> None:
        """Another state in the place of all that there is: nobody sees half of it. ConfigurationError: its addresses
        are in use or missing, and nothing has changed."""
        # No call comes in between from here to the last line without an await.
        resources = self._fitted(state)
        self._move_addresses(resources)
        kept = {item.key for item in resources} if self._keeps_real_parts else set()
        units = [unit for unit in self._store.list(Unit) if unit.key not in kept]
        images = [image for image in self._store.list(Image) if image.key not in kept]
        self._forget_all()
        self._store.replace(resources)
        removed: Awaitable[object] | None = None
        if state.staged_objects:
            # What was before faults was of the state that goes.
            self._forget_before()
            removed = self._storage.exchange()
        if state.offset_s is not None:
            self._clock.turn_to(state.offset_s)
        if state.identity is not None:
            self._first_account.become(state.identity)
        self._faults.restore()
        await self._remove(units, images)
        await self._drills.restore()
        await self._dingtalk.start()
        save_offset(self._store, self._clock.offset_s)
        self._runtime.resync()
        if removed is not None:
            await removed

    def _forget_all(self) -> None:
        for forget in self._forget:
            forget()

    async def _remove(self, units: list[Unit], images: list[Image]) -> None:
        await self._parts.wipe([(unit.engine, unit.id) for unit in units])
        for image in images:
            await self._parts.compute.discard(image.id)

    def _fitted(self, state: State) -> list[Resource]:
        """Its resources, as they go with what stays: this home's audit journal, and objects that are not exchanged."""
        position = self._audit.end
        resources = [
            msgspec.structs.replace(item, position=position) if isinstance(item, Trail) else item
            for item in state.resources
        ]
        if state.staged_objects:
            return resources
        kept = {item.volume for item in resources if isinstance(item, Bucket)}
        gone = dropped(self._store.list(Bucket), self._store.list(DroppedVolume), kept)
        return [*(item for item in resources if not isinstance(item, DroppedVolume)), *gone]

    def _move_addresses(self, resources: list[Resource]) -> None:
        pool = next((item.pool for item in resources if item.key == DIALABLE), None)
        if pool is None:
            raise ConfigurationError("the addresses of real parts are not in it")
        self._addresses.move(str(pool.cidr))
