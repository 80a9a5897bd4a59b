"""Counting: windows, settled rates, availability with its two kinds of time, outages."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from kowloon.drill.measure import (
    Phase,
    Sample,
    availability,
    classify,
    is_settled,
    lowest,
    outages,
    probe_phases,
)

PHASES = (
    Phase(minute=0, asked=0, began=0, ended=10),
    Phase(minute=100, asked=10, began=11, ended=21),
    Phase(minute=200, asked=21, began=22, ended=32),
)


def samples(served: Callable[[float], bool], end: float = 32.0) -> list[Sample]:
    return [Sample(tenth / 10, served(tenth / 10), 0.01) for tenth in range(int(end * 10))]


def test_skipped_time_carries_the_settled_rate() -> None:
    seen = probe_phases(samples(lambda at: not 10.5 <= at < 22), PHASES, 300.0)
    assert [phase.state for phase in seen] == ["up", "down", "up"]
    assert seen[1].skipped_min == pytest.approx(100 - 10 / 60)
    assert availability(seen) == pytest.approx(2 / 3, abs=0.001)


def test_a_failover_within_a_hold_is_measured_and_not_carried_over() -> None:
    found = samples(lambda at: not 11.0 <= at < 15.0)
    (outage,) = outages(found, PHASES)
    assert outage.is_measured
    assert outage.measured_s == pytest.approx(4.0)
    assert outage.length_s(300.0) == pytest.approx(4.0)
    assert (outage.start_min, outage.end_min) == (pytest.approx(100.0), pytest.approx(100 + 4 / 60))
    seen = probe_phases(found, PHASES, 300.0)
    assert (seen[1].share, seen[1].settled) == (pytest.approx(0.6), 1.0)


def test_an_outage_that_begins_while_time_is_skipped_belongs_to_the_new_moment() -> None:
    (outage,) = outages(samples(lambda at: not 10.8 <= at < 14.0), PHASES)
    assert outage.start_min == 100.0
    assert outage.is_measured


def test_an_outage_over_skipped_time_is_in_scenario_time() -> None:
    (outage,) = outages(samples(lambda at: not 12.0 <= at < 25.0), PHASES)
    assert not outage.is_measured
    assert outage.length_s(300.0) == pytest.approx(6000, abs=200)
    (open_end,) = outages(samples(lambda at: at < 30), PHASES)
    assert open_end.end_min is None
    assert open_end.length_s(300.0) == pytest.approx(100 * 60, abs=60)


def test_single_failures_are_no_outage() -> None:
    assert outages(samples(lambda at: round(at * 10) % 10 > 1), PHASES) == []


def test_settled_means_two_windows_that_agree() -> None:
    steady = samples(lambda at: True, 10)
    assert is_settled(steady, 10.0, 0.0)
    assert not is_settled(steady, 10.0, 7.0)
    falling = samples(lambda at: at < 8, 10)
    assert not is_settled(falling, 10.0, 0.0)
    assert not is_settled([], 10.0, 0.0)


def test_classes() -> None:
    assert [classify(share) for share in (1.0, 0.9, 0.89, 0.2, 0.05, 0.0)] == [
        "up",
        "up",
        "degraded",
        "degraded",
        "down",
        "down",
    ]


def test_the_lowest_share_is_told_over_enough_time() -> None:
    seen = probe_phases(samples(lambda at: at < 11 or round(at * 10) % 5 == 0), PHASES, 300.0)
    share, minute = lowest(seen)
    assert share == pytest.approx(0.2, abs=0.02)
    assert minute == 100
