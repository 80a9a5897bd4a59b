"""Where the messenger stands. It is one system for everybody, so losing its region takes it from all regions: chat
and pages can fall with the cloud, as on 12 November 2023. In which zones the vendor hosts it is not published; here it
is in those of one region, and serves while one of them does."""

from __future__ import annotations

from kowloon.core.clock import Clock
from kowloon.topology.health import HealthBoard
from kowloon.topology.services import ServiceNode

REGION = "cn-hangzhou"
NODE = "dingtalk@global"


class MessengerPlane:
    def __init__(self, board: HealthBoard, clock: Clock) -> None:
        self._board = board
        self._clock = clock
        board.declare([ServiceNode(name=NODE, places=board.topology.zone_ids(REGION))], [])

    def serves(self) -> bool:
        return self._board.view(self._clock.now()).service(NODE).share > 0.0
