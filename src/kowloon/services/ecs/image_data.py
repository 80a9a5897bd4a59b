"""What happens to custom images later: the disk is captured, and forgotten with its image.

An image's data lies in the single-zone object storage of its region, so capturing waits while that is down, and while
the instance's own host is.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from kowloon.core.bus import EventBus
from kowloon.core.clock import Clock
from kowloon.core.events import ResourceEvent
from kowloon.core.transitions import IMAGE_COPY, Transitions
from kowloon.engines.base import EngineError
from kowloon.engines.compute.base import ComputeEngine
from kowloon.services.ecs.product import image_data
from kowloon.services.ecs.resources import Image
from kowloon.store.resources import Key, Resource
from kowloon.store.store import Store, Transaction
from kowloon.store.units import Unit
from kowloon.topology.health import HealthBoard


class ImageData:
    name = "images"
    workers = 2

    def __init__(
        self,
        store: Store,
        board: HealthBoard,
        clock: Clock,
        bus: EventBus,
        transitions: Transitions,
        compute: ComputeEngine,
    ) -> None:
        self._store = store
        self._board = board
        self._clock = clock
        self._bus = bus
        self._transitions = transitions
        self._compute = compute

    def keys(self, key: Key, item: Resource | None) -> Iterable[str]:
        return (key.id,) if key.kind == Image.kind else ()

    def all_keys(self) -> Iterable[str]:
        return [image.id for image in self._store.list(Image) if image.ready_at is None and not image.failed]

    def zones(self, key: str) -> tuple[str, ...]:
        image = self._store.get(Image, key)
        return self._board.topology.zone_ids(image.region) if image is not None else ()

    async def reconcile(self, key: str) -> float | None:
        image = self._store.get(Image, key)
        if image is None:
            self._transitions.drop(key)
            await self._compute.discard(key)
            return None
        if image.ready_at is not None or image.failed:
            return None
        unit = self._store.get(Unit, image.source)
        if unit is None:
            self._transitions.drop(key)
            await self._end(image, failed="its instance was released before its disk was copied")
            return None
        view = self._board.view(self._clock.now())
        if not view.host(unit.host).serving or view.failing_edge(image_data(image.region), "startup") is not None:
            # Health that changes wakes this loop.
            return None
        left_s = self._transitions.wait_s(self.name, image.id, IMAGE_COPY)
        if left_s is None:
            return None
        self._transitions.drop(image.id)
        try:
            await self._compute.capture(unit.id, image.id)
        except EngineError as problem:
            await self._end(image, failed=str(problem))
        else:
            await self._end(image, left_s)
        return None

    async def _end(self, image: Image, left_s: float = 0.0, failed: str = "") -> None:
        now = self._clock.now()
        ready_at = None if failed else now + left_s

        def body(tx: Transaction) -> None:
            current = tx.get(Image, image.id)
            if current is not None:
                tx.put(msgspec.structs.replace(current, ready_at=ready_at, failed=failed))

        await self._store.run(body)
        text = f"image {image.name} could not be made: {failed}" if failed else f"disk of {image.source} is copied"
        self._bus.emit(
            ResourceEvent(
                at=now,
                kind=Image.kind,
                id=image.id,
                state="CreateFailed" if failed else "captured",
                text=text,
                level="WARN" if failed else "INFO",
                region=image.region,
            )
        )
