"""What health says of a zone's storage servers is what its storage does, from the moment health changes.

Nothing is stored here: after a restart the modes follow from the same faults again, before the first call is served.
"""

from __future__ import annotations

import asyncio
import logging

from kowloon.core.clock import Clock
from kowloon.engines.blob.base import Layout, ObjectStorage, ZoneMode
from kowloon.topology.effects import Aspect
from kowloon.topology.health import HealthBoard, HealthView
from kowloon.topology.storage import storage_node, zone_of_storage

log = logging.getLogger("kowloon.oss")

LOST = "lost"
# Of several faults on one zone the worst one rules.
_SEVERITY = ("slow", "read_only", "unreadable", "stopped", LOST)
_ANSWERING = (ZoneMode.SERVING, ZoneMode.SLOW, ZoneMode.READ_ONLY)


class StorageZones:
    """Tells the storage of every change of a zone's mode. A zone that is as it should be costs nothing but a look."""

    def __init__(self, storage: ObjectStorage, board: HealthBoard, clock: Clock) -> None:
        self._storage = storage
        self._board = board
        self._clock = clock
        #: What was last said of zones that do not simply serve.
        self._held: dict[str, tuple[str, float]] = {}
        self._removing: set[asyncio.Task[None]] = set()
        board.on_change(self.apply)

    def apply(self) -> None:
        wanted = {} if self._board.is_calm else self._wanted(self._board.view(self._clock.now()))
        before, self._held = self._held, wanted
        for zone in sorted({*before, *wanted}):
            mode, delay_s = wanted.get(zone, (ZoneMode.SERVING.value, 0.0))
            if (mode, delay_s) == before.get(zone):
                continue
            # A lost zone has no disks that could serve until the fault is over.
            self._storage.set_mode(zone, ZoneMode.STOPPED if mode == LOST else ZoneMode(mode), delay_s)
            if mode == LOST:
                self._lose(zone)

    def _wanted(self, view: HealthView) -> dict[str, tuple[str, float]]:
        found = {}
        for node in view.concerned():
            zone = zone_of_storage(node)
            if zone is None:
                continue
            impaired = [
                effect.value
                for effect in self._board.effects_on(node)
                if effect.aspect is Aspect.STORAGE and effect.active(view.now)
            ]
            mode = max((str(value["mode"]) for value in impaired), key=_SEVERITY.index, default="")
            if view.service(node).share <= 0.0 and mode not in ("unreadable", LOST):
                mode = ZoneMode.STOPPED.value
            if mode:
                slowest = max((float(value["delay_s"]) for value in impaired), default=0.0)
                found[zone] = (mode, slowest if mode == ZoneMode.SLOW.value else 0.0)
        return found

    def _lose(self, zone: str) -> None:
        """Begun before anything else can happen on this loop. Once more after a restart: nothing was written since."""
        task = asyncio.get_running_loop().create_task(self._storage.lose(zone))
        self._removing.add(task)
        task.add_done_callback(self._lost)

    def _lost(self, task: asyncio.Task[None]) -> None:
        self._removing.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("the data of a lost zone could not be removed", exc_info=task.exception())

    async def close(self) -> None:
        """What is being removed is gone."""
        await asyncio.gather(*self._removing, return_exceptions=True)


def storage_share(storage: ObjectStorage, view: HealthView, layout: Layout) -> float:
    """Of the calls on a layout, how many its storage servers have the capacity for: a quorum answers as often as its
    busiest zone does. 1.0 where too few zones serve at all; then the storage itself refuses."""
    shares = [view.service(storage_node(zone)).share for zone in layout.zones if storage.mode(zone) in _ANSWERING]
    return sorted(shares, reverse=True)[layout.quorum - 1] if len(shares) >= layout.quorum else 1.0
