"""The read-model at its boundaries: when things changed, what wins over what, and that order never matters."""

from __future__ import annotations

import itertools

import pytest

from kowloon.topology.effects import Aspect, Effect, failover_due, interpolate, last_change
from kowloon.topology.health import HealthBoard
from kowloon.topology.map import Topology, place, spread
from kowloon.topology.services import Edge, ServiceNode

ZONE = "cn-hongkong-c"
HOST = "cn-hongkong-c/hall-2/host-3"


@pytest.fixture
def board() -> HealthBoard:
    return HealthBoard(Topology.vendor())


def effect(node: str, aspect: Aspect, start: float, end: float = float("inf"), **rest: object) -> Effect:
    return Effect(fault_id=str(rest.pop("fault_id", "f")), node=node, aspect=aspect, start=start, end=end, **rest)


@pytest.mark.parametrize(
    ("spans", "now", "expected"),
    [
        ([], 50, 0.0),
        ([(10, 20)], 5, 0.0),
        ([(10, 20)], 10, 10),
        ([(10, 20)], 19.9, 10),
        ([(10, 20)], 20, 20),
        ([(10, 50), (20, 30)], 40, 10),
        ([(10, 20), (20, 30)], 25, 10),
        ([(20, 30), (10, 20)], 35, 30),
        ([(10, 20), (40, 60)], 35, 20),
        ([(10, 20), (40, 60)], 45, 40),
    ],
)
def test_last_change_is_of_the_union(spans: list[tuple[float, float]], now: float, expected: float) -> None:
    assert last_change(spans, now) == expected


def test_an_effect_holds_from_its_start_until_just_before_its_end(board: HealthBoard) -> None:
    board.publish("f", [effect(ZONE, Aspect.POWER_OFF, 100, 200)])
    assert [board.view(now).host(HOST).power for now in (99.9, 100, 199.9, 200)] == [True, False, False, True]
    assert board.view(99.9).next_change() == 100
    assert board.view(100).next_change() == 200
    assert board.view(250).host(HOST).since == 200
    assert board.view(150).host("cn-hongkong-b/hall-1/host-1").serving


def test_a_restart_lifts_what_began_before_it_and_not_what_is_sticky(board: HealthBoard) -> None:
    board.publish("f", [effect(ZONE, Aspect.POWER_OFF, 100), effect(HOST, Aspect.POWER_RESTORED, 200, 200)])
    assert [board.view(now).host(HOST).power for now in (199, 200)] == [False, True]
    assert not board.view(200).host("cn-hongkong-c/hall-2/host-4").power
    board.publish("g", [effect(HOST, Aspect.POWER_OFF, 150, 300, sticky=True)])
    assert [board.view(now).host(HOST).power for now in (200, 299, 300)] == [False, False, True]
    assert board.view(310).host(HOST).since == 300


def test_effects_on_unit_classes_spare_the_others(board: HealthBoard) -> None:
    board.publish("f", [effect(ZONE, Aspect.POWER_OFF, 100, classes=("database",))])
    view = board.view(100)
    assert view.host(HOST).serving
    assert view.host(HOST, "compute").serving
    assert not view.host(HOST, "database").serving
    assert view.hosts_up(ZONE, "database") == []
    assert view.in_stock(ZONE, unit_class="database") == []
    assert len(view.in_stock(ZONE)) == 24


def test_no_stock_is_by_family(board: HealthBoard) -> None:
    board.publish("f", [effect(ZONE, Aspect.NO_STOCK, 0, value={"families": ["ecs.g7"]})])
    view = board.view(1)
    assert view.in_stock(ZONE, "ecs.g7") == []
    assert view.in_stock(ZONE, "ecs.g8i")


def test_overlays_hold_for_their_span_and_the_later_start_wins(board: HealthBoard) -> None:
    board.declare([ServiceNode(name="api", places=(ZONE,), demand=0.5)])
    layers = [
        ("b", [ServiceNode(name="api", places=(ZONE,), demand=2.0)], 10.0, 30.0),
        ("a", [ServiceNode(name="api", places=(ZONE,), demand=4.0)], 20.0, 40.0),
    ]
    for order in itertools.permutations(layers):
        board.clear()
        for fault_id, nodes, start, end in order:
            board.publish(fault_id, [], nodes, [Edge(consumer="api", provider=ZONE)], start=start, end=end)
        assert [board.view(now).service("api").demand for now in (5, 10, 20, 35, 40)] == [0.5, 2.0, 4.0, 4.0, 0.5]
        assert board.view(5).next_change() == 10


def test_a_service_counts_again_only_when_warm(board: HealthBoard) -> None:
    board.declare([ServiceNode(name="api", places=(ZONE,), warmup_s=60)])
    board.publish("f", [effect(ZONE, Aspect.POWER_OFF, 100, 200)])
    assert [board.view(now).service("api").state for now in (99, 100, 200, 259, 260)] == [
        "ok",
        "down",
        "down",
        "down",
        "ok",
    ]
    assert board.view(200).next_change() == 260


def test_demand_above_capacity_is_refused_unless_it_can_scale_out(board: HealthBoard) -> None:
    board.declare(
        [ServiceNode(name="api", places=("cn-hongkong-b",), demand=1.0), ServiceNode(name="mw", places=(ZONE,))],
        [Edge(consumer="api", provider="mw", mode="scale_out")],
    )
    board.publish("surge", [effect("api", Aspect.DEMAND, 0, fault_id="surge", points=((0, 1.0), (100, 5.0)))])
    assert board.view(100).service("api").share == 1.0
    board.publish("cut", [effect(ZONE, Aspect.NETWORK_CUT, 50, fault_id="cut")])
    state = board.view(100).service("api")
    assert state.share == pytest.approx(0.2)
    assert state.because == ("cut", "surge")


def test_a_cycle_of_edges_answers_the_same_whoever_is_asked_first(board: HealthBoard) -> None:
    board.declare(
        [ServiceNode(name=name, places=(ZONE,)) for name in "abc"],
        [
            Edge(consumer="a", provider="b"),
            Edge(consumer="b", provider="c"),
            Edge(consumer="c", provider="a"),
            Edge(consumer="b", provider="a", mode="scale_out"),
        ],
    )
    board.publish("f", [effect("c", Aspect.ERROR_SHARE, 0, points=((0, 0.5),))])
    answers = set()
    for index, order in enumerate(itertools.permutations("abc")):
        view = board.view(10.0 + 2 * index)
        shares = {name: view.service(name).share for name in order}
        answers.add(tuple(shares[name] for name in "abc"))
    assert answers == {(0.5, 0.5, 0.5)}


def test_failover_turns_are_spread_over_the_queue_and_some_are_stuck() -> None:
    value = {"mode": "manual", "queue_start": 100.0, "queue_end": 200.0, "stuck_share": 0.25}
    policy = effect("rds@cn-hongkong", Aspect.FAILOVER, 10, value=value)
    turns = [failover_due(policy, f"rm-{number}") for number in range(400)]
    given = [turn for turn in turns if turn is not None]
    assert all(100 <= turn <= 200 for turn in given)
    assert min(given) < 110
    assert max(given) > 190
    assert 60 <= turns.count(None) <= 140
    assert turns[7] == failover_due(policy, "rm-7")
    assert failover_due(effect("rds@r", Aspect.FAILOVER, 10, value={"mode": "automatic"}), "rm-1") == 10


def test_listeners_hear_of_changes_and_ticks(board: HealthBoard) -> None:
    heard: list[int] = []
    board.on_change(lambda: heard.append(board.version))
    board.publish("f", [])
    board.tick()
    board.withdraw("f")
    assert heard == [1, 1, 2]


def test_summary_names_what_is_not_well(board: HealthBoard) -> None:
    board.declare([ServiceNode(name="api", places=(ZONE,))])
    board.publish("f", [effect(f"{ZONE}/hall-1", Aspect.TEMPERATURE, 0, points=((0, 30.0), (100, 50.0)))])
    board.publish("g", [effect(ZONE, Aspect.FROZEN, 0, fault_id="g", cause="hang")])
    summary = board.view(50).summary()
    assert summary["temperature_c"] == {f"{ZONE}/hall-1": 40.0}
    assert summary["services"]["api"] == {"state": "down", "share": 0.0, "because": ["g"]}
    assert len(summary["hosts"]) == 24
    assert summary["hosts"][HOST]["frozen"]


def test_interpolation_is_flat_outside_and_straight_inside() -> None:
    points = ((10.0, 1.0), (20.0, 3.0))
    assert [interpolate(points, now) for now in (0, 10, 15, 20, 99)] == [1.0, 1.0, 2.0, 3.0, 3.0]


def test_places_are_paths_and_placement_is_a_function_of_the_id() -> None:
    topology = Topology.vendor()
    assert topology.exists(HOST)
    assert not topology.exists("cn-hongkong-c/hall-9")
    assert not topology.exists("cn-hongkong-b/hall-1/host-7")
    assert topology.region_of(HOST) == "cn-hongkong"
    hosts = topology.hosts(ZONE)
    assert place("i-1", hosts) == place("i-1", list(reversed(hosts)))
    first = place("i-1", hosts)
    assert first is not None
    assert place("i-1", hosts, frozenset({first})) != first
    assert place("i-1", [first], frozenset({first})) == first
    assert place("i-1", []) is None
    assert 0.0 <= spread("x") < 1.0
