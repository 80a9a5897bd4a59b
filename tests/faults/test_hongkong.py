"""The main replay on paper: the published moments follow from the model, minute by minute, without any engine."""

from __future__ import annotations

from itertools import pairwise

import msgspec
import pytest

from kowloon.faults.loader import load
from kowloon.faults.manager import publish
from kowloon.faults.scenario import Inject, Scenario, list_scenarios
from kowloon.topology.effects import Aspect, failover_due
from kowloon.topology.health import HealthBoard, HealthView

from .parts import START_S, TOPOLOGY

ZONE = "cn-hongkong-c"
API = "ecs@cn-hongkong"
STORAGE = "oss-storage@cn-hongkong-c"
LAST_MIN = 934


def replay(scenario: Scenario, provider: str) -> HealthBoard:
    board = HealthBoard(TOPOLOGY)
    for fault in scenario.faults(START_S, provider):  # type: ignore[arg-type]
        publish(board, fault)
    return board


def views(board: HealthBoard) -> list[HealthView]:
    return [board.view(START_S + 60 * minute) for minute in range(LAST_MIN + 1)]


@pytest.fixture(scope="module")
def scenario() -> Scenario:
    return load("hongkong-2022", TOPOLOGY)


@pytest.fixture(scope="module")
def recorded(scenario: Scenario) -> list[HealthView]:
    return views(replay(scenario, "recorded"))


@pytest.fixture(scope="module")
def ideal(scenario: Scenario) -> list[HealthView]:
    return views(replay(scenario, "ideal"))


def first(history: list[HealthView], condition: object) -> int:
    return next(minute for minute, view in enumerate(history) if condition(view))  # type: ignore[operator]


def test_it_is_shipped_and_complete(scenario: Scenario) -> None:
    assert "hongkong-2022" in list_scenarios()
    assert scenario.zones == ("cn-hongkong-b", "cn-hongkong-c", "cn-hongkong-d")
    published = [0, 5, 13, 21, 27, 81, 94, 101, 111, 113, 124, 131, 145, 214, 229, 291, 351, 353, 384]
    published += [570, 599, 606, 651, 710, 754, 760, 834, 855, 934, 1074, 1624]
    assert sorted({event.at_min for event in scenario.events}) == published
    needed = {product for event in scenario.events for product in event.needs}
    assert needed >= {"nat", "redis", "dataworks"}
    assert "oss" not in needed
    assert scenario.length_min == LAST_MIN
    assert msgspec.json.encode(scenario.plain())


def test_heat_takes_hosts_one_by_one_from_minute_27(recorded: list[HealthView]) -> None:
    up = [len(view.hosts_up(ZONE)) for view in recorded]
    assert 26 <= up.index(23) <= 28
    assert up[:26] == [24] * 26
    assert all(before >= after for before, after in pairwise(up[:606]))
    assert len(set(up[27:215])) >= 12
    assert 8 <= up[81] <= 20
    assert up[214:606] == [0] * (606 - 214)


def test_zones_b_and_d_are_never_touched(recorded: list[HealthView]) -> None:
    for view in recorded:
        assert len(view.hosts_up("cn-hongkong-b")) == len(view.hosts_up("cn-hongkong-d")) == 24


def test_databases_are_lost_from_81_and_switched_by_hand_until_214(recorded: list[HealthView]) -> None:
    database_up = [len(view.hosts_up(ZONE, "database")) for view in recorded]
    assert database_up[80] > 0
    assert database_up[81:606] == [0] * (606 - 81)
    policy = recorded[100].policy("rds@cn-hongkong", Aspect.FAILOVER)
    assert policy is not None
    turns = [failover_due(policy, f"rm-{number}") for number in range(200)]
    minutes = [(turn - START_S) / 60 for turn in turns if turn is not None]
    assert all(81 <= minute <= 214 for minute in minutes)
    assert 0 < turns.count(None) < 30
    assert recorded[754].policy("rds@cn-hongkong", Aspect.FAILOVER) is None


def test_network_products_leave_the_zone_between_145_and_229(recorded: list[HealthView]) -> None:
    assert recorded[144].policy("slb@cn-hongkong", Aspect.EVACUATION) is None
    policy = recorded[145].policy("slb@cn-hongkong", Aspect.EVACUATION)
    assert policy is not None
    assert (policy.value["queue_start"] - START_S) / 60 == 145
    assert (policy.value["queue_end"] - START_S) / 60 == 229
    assert policy.value["zones"] == [ZONE]


def test_load_shedding_takes_compute_from_94_on(recorded: list[HealthView]) -> None:
    assert len(recorded[93].hosts_up(ZONE, "compute")) == len(recorded[93].hosts_up(ZONE))
    assert len(recorded[94].hosts_up(ZONE, "compute")) < len(recorded[94].hosts_up(ZONE))
    assert recorded[109].hosts_up(ZONE, "compute") == []


def test_the_brown_out_follows_from_the_model(scenario: Scenario, recorded: list[HealthView]) -> None:
    kinds = {step.action.kind for step in scenario.plan() if isinstance(step.action, Inject)}
    assert "control_plane_brownout" not in kinds
    share = [view.service(API).share for view in recorded]
    assert all(value == 1.0 for value in share[:353])
    assert first(recorded, lambda view: view.service(API).state != "ok") in (353, 354)
    assert min(share) == pytest.approx(0.20, abs=0.01)
    assert all(value < 0.999 for value in share[355:853])
    assert all(value == 1.0 for value in share[858:])
    assert {"surge", "cooling"} <= set(recorded[500].service(API).because)


def test_custom_images_do_not_boot_from_131_to_934(recorded: list[HealthView]) -> None:
    failing = [view.failing_edge("image-data@cn-hongkong", "startup") is not None for view in recorded]
    assert failing.index(True) == 131
    assert all(failing[131:934])
    assert not failing[934]


def test_object_storage_of_zone_c_serves_until_it_is_stopped_on_purpose(
    scenario: Scenario, recorded: list[HealthView]
) -> None:
    def up(minute: int) -> int:
        return len(recorded[minute].hosts_up(ZONE, "storage"))

    shares = [view.service(STORAGE).share for view in recorded]
    # 10:37: servers are caught by the shutdown, customers notice nothing; 11:07: stopped; 00:30: the last part is back.
    assert up(100) > up(130) > 0
    assert all(share == 1.0 for share in shares[:131])
    assert all(share == 0.0 for share in shares[131:934])
    assert shares[934] == 1.0
    # 18:26: the servers start before any other host does, in batches.
    assert up(569) == 0
    assert 0 < up(601) < up(640) < up(735)
    assert not any(len(recorded[minute].hosts_up(ZONE, "compute")) for minute in range(214, 606))
    assert up(934) == 24
    stopped = next(event for event in scenario.events if event.at_min == 131 and event.action is not None)
    assert (stopped.truth, stopped.track) == ("R", "storage")
    assert [event.truth for event in scenario.events if event.track == "storage"] == ["R", "R", "R", "R"]


def test_temperatures_tell_the_same_story(recorded: list[HealthView]) -> None:
    def degrees(minute: int, hall: int) -> float:
        found = recorded[minute].temperature_c(f"{ZONE}/hall-{hall}")
        assert found is not None
        return found

    assert degrees(351, 4) == pytest.approx(68.0, abs=0.3)
    assert all(degrees(minute, hall) < 68 for minute in range(LAST_MIN) for hall in (1, 2, 3))
    assert degrees(390, 4) < degrees(384, 4)
    assert all(degrees(minute, hall) < 31 for minute in range(651, LAST_MIN) for hall in (1, 2, 3, 4))


def test_halls_come_back_in_order_and_the_wet_one_last(recorded: list[HealthView]) -> None:
    def whole(hall: int) -> int:
        return first(recorded[606:], lambda view: len(view.hosts_up(f"{ZONE}/hall-{hall}")) == 6) + 606

    assert whole(1) < whole(2) < whole(3) <= 760
    assert recorded[833].hosts_up(f"{ZONE}/hall-4") == []
    assert 834 <= whole(4) <= 836
    back = first(recorded[606:], lambda view: bool(view.hosts_up(ZONE))) + 606
    assert 606 <= back <= 617


def test_an_ideal_provider_has_the_same_facility_and_no_brown_out(
    recorded: list[HealthView], ideal: list[HealthView]
) -> None:
    hosts = TOPOLOGY.hosts("cn-hongkong")
    for theirs, ours in zip(recorded, ideal, strict=True):
        for unit_class in ("", "database", "compute"):
            assert [theirs.host(host, unit_class) for host in hosts] == [ours.host(host, unit_class) for host in hosts]
        assert ours.service(API).share == 1.0
        for node, aspect in (("rds", Aspect.FAILOVER), ("slb", Aspect.EVACUATION), ("status-page", Aspect.STATUS_PAGE)):
            assert ours.policy(f"{node}@cn-hongkong", aspect) is None
