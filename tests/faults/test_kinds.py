"""Each kind: what it does at its boundaries, that recovery ends it, and that changes count from when they were made."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from kowloon.faults.checks import Refusal, check_change, check_kind, check_parameters, check_scope
from kowloon.faults.kinds import KINDS, find_kind
from kowloon.faults.kinds.cooling import ZoneCoolingLoss, above, curve
from kowloon.faults.manager import declaration
from kowloon.topology.effects import Aspect, failover_due, interpolate

from .parts import API, HALL, HOST, START_S, TOPOLOGY, ZONE, at, fault, paper

CASES: list[tuple[str, str, dict[str, Any]]] = [
    ("zone_cooling_loss", ZONE, {}),
    ("load_shed", ZONE, {}),
    ("forced_power_off", HALL, {}),
    ("zone_power_loss", ZONE, {}),
    ("fire_or_water_damage", HALL, {}),
    ("slow_recovery", ZONE, {}),
    ("zone_network_partition", ZONE, {}),
    ("zone_hang", ZONE, {}),
    ("storage_fault", ZONE, {}),
    ("control_plane_brownout", API, {}),
    ("customer_surge", API, {}),
    ("service_stop", API, {}),
    ("dependency_edge", "cn-hongkong", {"edges": [{"consumer": API, "provider": ZONE}]}),
    ("database_failover", "cn-hongkong", {}),
    ("zone_evacuation", ZONE, {"products": {"slb": {"start_min": 0, "done_min": 10}}}),
    ("capacity_exhaustion", ZONE, {}),
    ("status_page_lag", "cn-hongkong", {}),
    ("provider_message", "cn-hongkong", {"text": "we are looking into it", "after_min": 90}),
]


def test_every_kind_has_a_case() -> None:
    assert {name for name, _, _ in CASES} == {kind.name for kind in KINDS}


@pytest.mark.parametrize(("kind", "scope", "parameters"), CASES)
def test_nothing_before_the_injection_and_nothing_after_recovery(
    kind: str, scope: str, parameters: dict[str, Any]
) -> None:
    injected = fault(kind, scope, **parameters)
    declared = declaration(injected, TOPOLOGY)
    assert declared.effects or declared.edges or declared.messages
    assert all(effect.start >= START_S for effect in declared.effects)
    recovered = msgspec.structs.replace(injected, recovered_at=START_S + 3600)
    cut = declaration(recovered, TOPOLOGY)
    assert all(effect.start < START_S + 3600 and effect.end <= START_S + 3600 for effect in cut.effects)
    assert not cut.messages
    board = paper(recovered)
    assert at(board, 60).summary() == {"hosts": {}, "temperature_c": {}, "services": {}}


def test_names_are_unique_and_forgiving() -> None:
    names = [name for kind in KINDS for name in (kind.name.replace("_", "-"), *kind.short)]
    assert len(names) == len(set(names))
    for kind in KINDS:
        assert kind.summary
        for name in (kind.name, kind.name.replace("_", "-"), *kind.short):
            assert find_kind(name) is kind
    assert find_kind("zone-power") is find_kind("zone_power_loss")


def test_power_loss_after_batteries_until_restored() -> None:
    board = paper(fault("zone-power", ups_min=5, restore_min=30))
    assert [at(board, minute).host(HOST).power for minute in (0, 4.9, 5, 29.9, 30)] == [True, True, False, False, True]
    assert at(board, 31).host(HOST).since == START_S + 1800


def test_a_change_counts_from_its_moment_on() -> None:
    changed = msgspec.structs.replace(fault("zone-power"), changes=((START_S + 600, {"restore_min": 5.0}),))
    board = paper(changed)
    assert [at(board, minute).host(HOST).power for minute in (0, 5, 9.9, 10)] == [False, False, False, True]
    assert at(board, 11).host(HOST).since == START_S + 600
    later = msgspec.structs.replace(fault("zone-power"), changes=((START_S + 600, {"restore_min": 20.0}),))
    state = at(paper(later), 15).host(HOST)
    assert not state.power
    assert state.since == START_S


def test_restarts_come_in_batches_with_jitter_and_are_not_repeated_by_a_change() -> None:
    off = fault("power-off", ZONE, fault_id="off")
    restart = fault("slow_recovery", ZONE, fault_id="on", at_min=60, restart_batch=6, interval_min=10, jitter_min=5)
    board = paper(off, restart)
    up = [len(at(board, minute).hosts_up(ZONE)) for minute in (59, 65, 75, 85, 95)]
    assert up == [0, 6, 12, 18, 24]
    assert len(at(board, 65).hosts_up(f"{ZONE}/hall-1")) == 6
    again = msgspec.structs.replace(restart, changes=((START_S + 60 * 120, {"jitter_min": 0.0}),))
    second_off = fault("power-off", ZONE, fault_id="off2", at_min=110)
    assert at(paper(off, again, second_off), 130).hosts_up(ZONE) == []


def test_recovering_the_restart_does_not_undo_it() -> None:
    off = fault("power-off", ZONE, fault_id="off")
    restart = fault("slow_recovery", ZONE, fault_id="on", at_min=60, restart_batch=24)
    recovered = msgspec.structs.replace(restart, recovered_at=START_S + 60 * 61)
    assert len(at(paper(off, recovered), 100).hosts_up(ZONE)) == 24


def test_a_wet_hall_stays_dark_whoever_powers_it_on() -> None:
    wet = fault("fire", HALL, fault_id="wet", access_denied_until_min=60)
    restart = fault("slow_recovery", ZONE, fault_id="on", at_min=10, restart_batch=24)
    board = paper(wet, restart)
    assert [at(board, minute).host(HOST).power for minute in (10, 59, 60)] == [False, False, True]
    assert at(board, 10).host(f"{ZONE}/hall-1/host-1").power
    burnt = paper(fault("fire", ZONE, access_denied_until_min=60, destroyed_share=0.5))
    assert 4 <= len(at(burnt, 61).hosts_up(ZONE)) <= 20


def test_load_is_shed_class_by_class() -> None:
    board = paper(fault("load-shed", ZONE, order=["compute", "database"], share_per_step=0.5, interval_min=10))

    def up(minute: float, unit_class: str) -> int:
        return len(at(board, minute).hosts_up(ZONE, unit_class))

    assert 0 < up(0, "compute") < 24
    assert [up(minute, "compute") for minute in (10, 50)] == [0, 0]
    assert up(19.9, "database") == 24
    assert 0 < up(20, "database") < 24
    assert up(30, "database") == 0
    assert up(50, "") == 24
    network = paper(fault("load-shed", ZONE, order=["network"], share_per_step=1.0))
    assert at(network, 0).hosts_up(ZONE, "balancer") == []


def test_partition_cuts_and_keeps_power_hang_freezes() -> None:
    cut = at(paper(fault("partition", ZONE, icmp_ok=True, until_min=10)), 5)
    assert (cut.host(HOST).power, cut.host(HOST).network) == (True, False)
    frozen = at(paper(fault("hang", ZONE)), 5).host(HOST)
    assert (frozen.power, frozen.frozen, frozen.serving) == (True, True, False)
    (effect,) = declaration(fault("partition", ZONE, icmp_ok=True), TOPOLOGY).effects
    assert effect.value == {"icmp_ok": True}


def test_cooling_follows_the_chillers() -> None:
    parameters = {"start_c": 30, "rise_c_per_min": 1.0, "cooldown_c_per_min": 2.0, "ceiling_c": 60}
    parameters |= {"hall_pace": {"hall-1": 0.5}}
    changes = ((START_S + 60 * 60, {"chillers_ok": 2}), (START_S + 60 * 70, {"chillers_ok": 4}))
    cooling = msgspec.structs.replace(fault("cooling", ZONE, **parameters), changes=changes)
    board = paper(cooling)
    degrees = [at(board, minute).temperature_c(HALL) for minute in (0, 10, 30, 60, 70, 75, 200)]
    # Up by one a minute to the ceiling; with half the chillers 0.5 up and 1 down; with all 2 down; then as before.
    assert degrees == pytest.approx([30, 40, 60, 60, 55, 45, 30])
    assert at(board, 10).temperature_c(f"{ZONE}/hall-1") == pytest.approx(35)
    assert at(board, 10).temperature_c("cn-hongkong-b/hall-1") is None


def test_hosts_trip_one_by_one_and_stay_off_when_it_is_cool_again() -> None:
    cooling = fault("cooling", ZONE, start_c=30, host_trip_c=40, host_trip_spread_c=10, rise_c_per_min=1.0)
    cooling = msgspec.structs.replace(cooling, changes=((START_S + 60 * 60, {"chillers_ok": 4}),))
    board = paper(cooling)
    up = [len(at(board, minute).hosts_up(ZONE)) for minute in range(0, 600, 1)]
    assert up[10] == 24
    assert 0 < up[15] < 24
    assert up[20:] == [0] * 580
    held = ZoneCoolingLoss(host_trip_c=40, host_trip_spread_c=10)
    trip_min = held.trip_c(HOST) - 30
    assert [at(board, trip_min + shift).host(HOST).power for shift in (-0.01, 0.01)] == [True, False]
    restart = fault("slow_recovery", ZONE, fault_id="on", at_min=300, restart_batch=24)
    assert len(at(paper(cooling, restart), 300).hosts_up(ZONE)) == 24


def test_a_restart_in_the_heat_waits_for_the_hall_to_cool() -> None:
    cooling = fault("cooling", ZONE, start_c=30, host_trip_c=40, host_trip_spread_c=0, rise_c_per_min=1.0)
    cooling = msgspec.structs.replace(cooling, changes=((START_S + 60 * 20, {"chillers_ok": 4}),))
    board = paper(cooling, fault("slow_recovery", ZONE, fault_id="on", at_min=15, restart_batch=24))
    # 50 degrees at T+20, then 0.4 down a minute: 40 again at T+45.
    assert [len(at(board, minute).hosts_up(ZONE)) for minute in (16, 44.9, 45.1)] == [0, 0, 24]


def test_curves_and_crossings() -> None:
    cooling = fault("cooling", ZONE, start_c=30, rise_c_per_min=0.0)
    points = curve(cooling, HALL)
    assert interpolate(points, START_S + 1e6) == 30
    assert list(above(((0, 10), (10, 30), (20, 10)), 20)) == [(5.0, 15.0)]
    assert list(above(((0, 10), (10, 30)), 20)) == [(5.0, float("inf"))]
    assert list(above(((0, 10), (10, 20)), 20)) == []


def test_brownout_surge_and_stop_act_on_a_service() -> None:
    assert at(paper(fault("brownout", API, error_share=0.8)), 1).service(API).share == pytest.approx(0.2)
    ramp = paper(fault("brownout", API, error_points=[[0, 0], [10, 1.0]], until_min=20))
    assert [at(ramp, minute).service(API).share for minute in (0, 5, 20)] == pytest.approx([1.0, 0.5, 1.0])
    surge = paper(fault("surge", API, demand_points=[[0, 1.0], [10, 3.0]]))
    assert at(surge, 10).service(API).demand == pytest.approx(2.1)
    assert at(paper(fault("stop", API, until_min=3)), 1).service(API).state == "down"


def test_dependency_edges_are_laid_over_and_taken_away() -> None:
    node = {"name": API, "places": [ZONE], "demand": 0.1}
    overlay = fault("edge", "cn-hongkong", services=[node], edges=[{"consumer": API, "provider": "cn-hongkong-b"}])
    recovered = msgspec.structs.replace(overlay, recovered_at=START_S + 600)
    off = fault("zone-power", "cn-hongkong-b", fault_id="off")
    board = paper(recovered, off)
    assert [at(board, minute).service(API).state for minute in (-1, 5, 11)] == ["ok", "down", "ok"]


def test_policies_carry_their_queues_in_cloud_time() -> None:
    queue = fault("failover", "cn-hongkong", queue_start_min=81, queue_end_min=214, stuck_share=0.0, until_min=700)
    evacuation = fault("evacuation", ZONE, fault_id="e", products={"slb": {"start_min": 0, "done_min": 84}})
    lag = fault("status-lag", "cn-hongkong", fault_id="s", first_post_after_min=111)
    view = at(paper(queue, evacuation, lag), 50)
    policy = view.policy("rds@cn-hongkong", Aspect.FAILOVER)
    assert policy is not None
    turn = failover_due(policy, "rm-1")
    assert turn is not None
    assert START_S + 81 * 60 <= turn <= START_S + 214 * 60
    moved = view.policy("slb@cn-hongkong", Aspect.EVACUATION)
    assert moved is not None
    assert moved.value["zones"] == [ZONE]
    assert failover_due(moved, "lb-1") is not None
    page = view.policy("status-page@cn-hongkong", Aspect.STATUS_PAGE)
    assert page is not None
    assert page.value == {"first_post_at": START_S + 111 * 60, "understate": True}
    assert view.policy("rds@cn-beijing", Aspect.FAILOVER) is None
    assert at(paper(queue), 700).policy("rds@cn-hongkong", Aspect.FAILOVER) is None


def test_no_stock_for_some_families() -> None:
    view = at(paper(fault("no-stock", "cn-hongkong", families=["ecs.g7"])), 1)
    assert view.in_stock("cn-hongkong-b", "ecs.g7") == []
    assert view.in_stock("cn-hongkong-b", "ecs.c8i")


@pytest.mark.parametrize(
    ("kind", "parameters", "name"),
    [
        ("zone-power", {"ups_min": -1}, "ups_min"),
        ("zone-power", {"ups_min": "soon"}, "ups_min"),
        ("zone-power", {"ups_minutes": 5}, "ups_minutes"),
        ("cooling", {"chillers_ok": 9}, "chillers_ok"),
        ("cooling", {"start_c": 50, "host_trip_c": 40}, "start_c"),
        ("shed", {"share_per_step": 0}, "share_per_step"),
        ("shed", {"order": []}, "order"),
        ("fire", {"destroyed_share": 2}, "destroyed_share"),
        ("brownout", {"error_points": [[5, 0.1], [5, 0.2]]}, "error_points"),
        ("surge", {"demand_points": [[0, -1]]}, "demand_points"),
        ("failover", {"queue_start_min": 9, "queue_end_min": 3}, "queue_start_min"),
        ("failover", {"mode": "never"}, "mode"),
        ("evacuation", {}, "products"),
        ("evacuation", {"products": {"slb": {"start_min": 5, "done_min": 1}}}, "products"),
        ("message", {"text": ""}, "text"),
        ("hang", {"until_min": 0}, "until_min"),
        ("edge", {}, ""),
    ],
)
def test_parameters_that_make_no_sense_are_refused_by_name(kind: str, parameters: dict[str, Any], name: str) -> None:
    with pytest.raises(Refusal) as caught:
        check_parameters(check_kind(kind), parameters)
    assert caught.value.what == "parameters"
    assert caught.value.name == name


def test_refusals_say_what_is_accepted() -> None:
    with pytest.raises(Refusal, match="did you mean zone_power_loss"):
        check_kind("zone_power_los")
    with pytest.raises(Refusal, match="did you mean ups_min"):
        check_parameters(check_kind("zone-power"), {"ups_minutes": 5})
    with pytest.raises(Refusal, match="did you mean cn-hongkong-c"):
        check_scope(check_kind("zone-power"), ["cn-hongkon-c"], TOPOLOGY, ())
    with pytest.raises(Refusal, match=r"did you mean cn-hongkong-c/hall-"):
        check_scope(check_kind("fire"), ["cn-hongkong-c/hall-44"], TOPOLOGY, ())
    with pytest.raises(Refusal, match="cannot act on cn-hongkong, a region; it takes a zone or hall"):
        check_scope(check_kind("cooling"), ["cn-hongkong"], TOPOLOGY, ())
    with pytest.raises(Refusal, match="did you mean ecs@cn-hongkong"):
        check_scope(check_kind("surge"), ["ecs@cn-hongkon"], TOPOLOGY, {API})
    with pytest.raises(Refusal, match="needs a scope"):
        check_scope(check_kind("surge"), [], TOPOLOGY, {API})
    with pytest.raises(Refusal, match="cannot be changed"):
        check_change(check_kind("edge"), {}, {"edges": []})
    with pytest.raises(Refusal, match="at least one"):
        check_change(check_kind("fire"), {}, {})
