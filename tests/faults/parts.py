"""What the tests of faults share: fault records by hand, boards on paper, a cloud whose wall clock stands still."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from kowloon.core.bus import EventBus
from kowloon.core.clock import Clock
from kowloon.core.events import Event
from kowloon.core.ids import Ids
from kowloon.faults.checks import check_kind, check_parameters, check_scope
from kowloon.faults.manager import FaultManager, publish
from kowloon.faults.resources import Fault
from kowloon.store.backend import SqliteBackend
from kowloon.store.codec import Codec
from kowloon.store.store import Store
from kowloon.topology.health import HealthBoard, HealthView
from kowloon.topology.map import Topology
from kowloon.topology.services import ServiceNode

START_S = 1_700_000_000.0
ZONE = "cn-hongkong-c"
HALL = "cn-hongkong-c/hall-4"
HOST = "cn-hongkong-c/hall-4/host-1"
API = "ecs@cn-hongkong"
STORAGE = "oss-storage@cn-hongkong-c"
TOPOLOGY = Topology.vendor()


def fault(kind_name: str, scope: str = ZONE, /, fault_id: str = "f", at_min: float = 0.0, **parameters: Any) -> Fault:
    kind = check_kind(kind_name)
    return Fault(
        id=fault_id,
        fault_kind=kind.name,
        scope=check_scope(kind, [scope], TOPOLOGY, {API, STORAGE}),
        parameters=check_parameters(kind, parameters),
        injected_at=START_S + 60 * at_min,
    )


def paper(*faults: Fault) -> HealthBoard:
    board = HealthBoard(TOPOLOGY)
    board.declare(
        [
            ServiceNode(name=API, places=("cn-hongkong-b", ZONE), demand=0.7),
            ServiceNode(name=STORAGE, places=TOPOLOGY.halls(ZONE), unit_class="storage"),
        ]
    )
    for one in faults:
        publish(board, one)
    return board


def at(board: HealthBoard, minute: float) -> HealthView:
    return board.view(START_S + 60 * minute)


class Cloud:
    """Store file, board, clock and manager; `restart` makes new ones on the same file at the same moment."""

    def __init__(self, folder: Path, offset_s: float = 0.0) -> None:
        self._folder = folder
        self.store = Store(SqliteBackend(folder / "state.db"), Codec([Fault]))
        self.board = paper()
        self.clock = Clock(wall=lambda: START_S, offset_s=offset_s)
        self.bus = EventBus()
        self.told: list[Event] = []
        self.bus.subscribe(self.told.append)
        self.manager = FaultManager(self.store, self.board, self.clock, self.bus, Ids(seed=7))
        self.manager.restore()

    def restart(self) -> Cloud:
        self.close()
        return Cloud(self._folder, self.clock.offset_s)

    def close(self) -> None:
        self.manager.close()
        self.clock.close()
        self.store.close()


def picture(board: HealthBoard, minutes: list[float]) -> list[Any]:
    """Everything a reader could ask about the region at these minutes."""
    found = []
    for minute in minutes:
        view = at(board, minute)
        hosts = [(view.host(host), view.host(host, "database")) for host in TOPOLOGY.hosts("cn-hongkong")]
        services = [view.service(name) for name in board.nodes(view.now)]
        halls = [view.temperature_c(hall) for zone in TOPOLOGY.zone_ids("cn-hongkong") for hall in TOPOLOGY.halls(zone)]
        found.append((hosts, services, halls, view.summary(), view.next_change()))
    return found
