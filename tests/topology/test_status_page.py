"""The provider's status page: true by default; late and less than there is under its policy."""

from __future__ import annotations

from kowloon.topology.effects import Aspect, Effect
from kowloon.topology.health import HealthBoard
from kowloon.topology.map import Topology
from kowloon.topology.services import ServiceNode
from kowloon.topology.status_page import status_page

REGION, ZONE = "cn-hongkong", "cn-hongkong-c"


def _board(*effects: Effect) -> HealthBoard:
    board = HealthBoard(Topology.vendor())
    board.declare([ServiceNode(name=f"ecs@{REGION}", places=("cn-hongkong-b",), demand=2.0)])
    board.publish("fault-1", effects)
    return board


def _dark() -> Effect:
    return Effect(fault_id="fault-1", node=ZONE, aspect=Aspect.POWER_OFF, start=10.0)


def _late(understate: bool) -> Effect:
    return Effect(
        fault_id="fault-1",
        node=f"status-page@{REGION}",
        aspect=Aspect.STATUS_PAGE,
        start=0.0,
        value={"first_post_at": 60.0, "understate": understate},
    )


def _brownout() -> Effect:
    return Effect(fault_id="fault-1", node=f"ecs@{REGION}", aspect=Aspect.ERROR_SHARE, start=10.0, points=((0.0, 0.8),))


def _shown(board: HealthBoard, now: float) -> dict[str, str]:
    return {line.name: line.shown for line in status_page(board, REGION, now)}


def test_without_a_policy_the_page_tells_the_truth() -> None:
    board = _board(_dark(), _brownout())
    assert set(_shown(board, 5.0).values()) == {"normal"}
    shown = _shown(board, 20.0)
    assert (shown[ZONE], shown["cn-hongkong-b"], shown[f"ecs@{REGION}"]) == ("interrupted", "normal", "anomaly")


def test_a_late_page_shows_nothing_and_then_everything() -> None:
    board = _board(_dark(), _brownout(), _late(understate=False))
    assert set(_shown(board, 20.0).values()) == {"normal"}
    assert _shown(board, 61.0)[ZONE] == "interrupted"
    assert {line.name: line.true_state for line in status_page(board, REGION, 20.0)}[ZONE] == "interrupted"


def test_an_understating_page_calls_an_interruption_an_anomaly() -> None:
    shown = _shown(_board(_dark(), _brownout(), _late(understate=True)), 61.0)
    assert (shown[ZONE], shown[f"ecs@{REGION}"]) == ("anomaly", "normal")
