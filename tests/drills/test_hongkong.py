"""The main replay from end to end on paper, in virtual time: fifteen hours, both provider modes, both variants."""

from __future__ import annotations

import pytest

from kowloon.drill.result import DrillResult, ProbeResult

from .parts import hongkong, rehearse

pytestmark = pytest.mark.timeout(600)


def probe(result: DrillResult, variant: str, name: str) -> ProbeResult:
    return next(item for item in result.probes if (item.variant, item.name) == (variant, name))


def check_single_zone(result: DrillResult) -> None:
    """Down from the loss of the database servers until hosts of its parts are powered again, whatever the provider."""
    (outage,) = probe(result, "single-zone", "balances").outages
    assert outage.start_min == pytest.approx(81.0, abs=0.1)
    assert outage.end_min is not None
    assert 606 <= outage.end_min <= 840
    assert probe(result, "single-zone", "balances").availability < 0.5


def test_the_provider_as_it_acted() -> None:
    result = rehearse(hongkong(), "recorded")
    check_single_zone(result)
    (outage,) = probe(result, "multi-zone", "database").outages
    # Healthy standby, ready to serve: it waits for its turn in the queue of T+81 to T+214.
    assert outage.start_min == pytest.approx(81.0, abs=0.1)
    assert outage.end_min is not None
    switched = next(
        item for item in result.record.happened if item.state == "failed over" and item.kind == "db-instance"
    )
    assert outage.end_min == pytest.approx(switched.minute, abs=0.3)
    assert 82 <= outage.end_min <= 214.5
    assert not outage.is_measured
    for zone in ("cn-hongkong-b", "cn-hongkong-c", "cn-hongkong-d"):
        api = probe(result, "provider", f"ecs-api-{zone}")
        assert api.lowest == pytest.approx(0.20, abs=0.06)
        assert 353 <= api.lowest_min <= 857
        before = [phase for phase in api.phases if phase.minute < 350]
        assert before
        assert all(phase.share == 1.0 for phase in before)
        assert all(code == "Throttling" for phase in api.phases for code in phase.codes)
    assert [message.minute for message in result.record.told] == [pytest.approx(111, abs=0.1)]
    fact = next(item for item in result.facts if item.track == "control-plane" and item.at_min == 353)
    assert fact.measured.startswith("served: cn-hongkong-b ")
    assert next(item for item in result.facts if item.needs == ("nat",)).measured == ""
    zone_c = [sample.zones["cn-hongkong-c"].hosts_up for sample in result.record.facility]
    assert (zone_c[0], min(zone_c), zone_c[-1]) == (24, 0, 24)
    assert not result.passed


def test_an_ideal_provider() -> None:
    result = rehearse(hongkong(), "ideal")
    check_single_zone(result)
    database = probe(result, "multi-zone", "database")
    assert database.outages
    assert all(outage.is_measured and outage.measured_s < 10 for outage in database.outages)
    assert database.recovery_measured
    assert probe(result, "multi-zone", "balances").availability > 0.999
    assert all(item.lowest == 1.0 for item in result.probes if item.kind == "api")
    assert result.record.told != ()
    by_variant = {objective.variant: objective.passed for objective in result.objectives}
    assert by_variant == {"single-zone": False, "multi-zone": True}
