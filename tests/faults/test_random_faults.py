"""Any combination of faults has an answer, and the answer depends on nothing but the faults and the moment."""

from __future__ import annotations

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from kowloon.faults.manager import publish
from kowloon.faults.resources import Fault
from kowloon.topology.effects import Aspect
from kowloon.topology.health import HealthBoard

from .parts import API, START_S, TOPOLOGY, fault, paper
from .test_kinds import CASES

PLACES = ["cn-hongkong", "cn-hongkong-b", "cn-hongkong-c", "cn-hongkong-c/hall-4", "cn-hongkong-c/hall-4/host-1"]
NAMES = [API, "a", "b"]
MODES = ["hard", "startup", "scale_out", "data"]
MINUTES = st.integers(0, 300).map(float)


@st.composite
def overlays(draw: st.DrawFn) -> dict[str, object]:
    service = st.fixed_dictionaries(
        {
            "name": st.sampled_from(NAMES),
            "places": st.lists(st.sampled_from(PLACES), min_size=1, max_size=2),
            "demand": st.sampled_from([0.0, 0.7, 3.0]),
            "warmup_s": st.sampled_from([0.0, 600.0]),
        }
    )
    edge = st.fixed_dictionaries(
        {
            "consumer": st.sampled_from(NAMES),
            "provider": st.sampled_from([*NAMES, *PLACES]),
            "mode": st.sampled_from(MODES),
        }
    )
    return {"services": draw(st.lists(service, min_size=1, max_size=3)), "edges": draw(st.lists(edge, max_size=4))}


@st.composite
def faults(draw: st.DrawFn, number: int) -> Fault:
    kind, scope, parameters = draw(st.sampled_from(CASES))
    if kind == "dependency_edge":
        parameters = draw(overlays())
    made = fault(kind, scope, fault_id=f"f{number}", at_min=draw(MINUTES), **parameters)
    if draw(st.booleans()):
        made = msgspec.structs.replace(made, recovered_at=made.injected_at + 60 * draw(MINUTES))
    if kind == "zone_cooling_loss" and draw(st.booleans()):
        change = {"chillers_ok": draw(st.integers(0, 4))}
        made = msgspec.structs.replace(made, changes=((made.injected_at + 60 * draw(MINUTES), change),))
    return made


@st.composite
def combinations(draw: st.DrawFn) -> list[Fault]:
    return [draw(faults(number)) for number in range(draw(st.integers(1, 6)))]


def answers(board: HealthBoard, minute: float) -> list[object]:
    view = board.view(START_S + 60 * minute)
    names = sorted({API, "a", "b", *board.nodes(view.now)})
    return [
        view.summary(),
        view.next_change(),
        [view.host(host, unit_class) for host in TOPOLOGY.hosts("cn-hongkong-c") for unit_class in ("", "compute")],
        [view.service(name) for name in names],
        [view.failing_edge(name, mode) for name in names for mode in MODES],
        [view.policy(f"{product}@cn-hongkong", aspect) for product in ("rds", "slb") for aspect in Aspect],
        view.in_stock("cn-hongkong-c"),
    ]


@settings(max_examples=60, deadline=None)
@given(combinations(), st.lists(MINUTES, min_size=1, max_size=3), st.randoms(use_true_random=False))
def test_views_are_pure_and_indifferent_to_order(made: list[Fault], minutes: list[float], shuffle: object) -> None:
    first = paper(*made)
    expected = [answers(first, minute) for minute in minutes]
    assert [answers(first, minute) for minute in minutes] == expected
    shuffled = list(made)
    shuffle.shuffle(shuffled)  # type: ignore[attr-defined]
    second = paper()
    for one in (*shuffled, *shuffled):
        publish(second, one)
    assert [answers(second, minute) for minute in reversed(minutes)] == expected[::-1]


@settings(max_examples=60, deadline=None)
@given(combinations(), MINUTES)
def test_nothing_changes_between_boundaries(made: list[Fault], minute: float) -> None:
    board = paper(*made)
    view = board.view(START_S + 60 * minute)
    upcoming = view.next_change()
    assert upcoming > view.now
    middle = board.view(min((view.now + upcoming) / 2, view.now + 3600))
    hosts = TOPOLOGY.hosts("cn-hongkong")
    assert [view.host(host) for host in hosts] == [middle.host(host) for host in hosts]


@settings(max_examples=60, deadline=None)
@given(combinations())
def test_when_all_are_recovered_everything_serves(made: list[Fault]) -> None:
    end_s = START_S + 60 * 700
    done = [one if one.recovered_at else msgspec.structs.replace(one, recovered_at=end_s) for one in made]
    view = paper(*done).view(end_s + 3600)
    assert view.summary() == {"hosts": {}, "temperature_c": {}, "services": {}}
