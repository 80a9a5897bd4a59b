"""The manager: stored, published, told at the right moment, and the same again after a restart."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from kowloon.core.errors import ApiError
from kowloon.core.events import FaultEvent, HealthEvent, ProviderMessage

from .parts import API, HALL, HOST, START_S, ZONE, Cloud, at, picture


@pytest.fixture
async def cloud(tmp_path: Path) -> AsyncIterator[Cloud]:
    made = Cloud(tmp_path)
    yield made
    made.close()


async def test_inject_change_recover(cloud: Cloud) -> None:
    fault = await cloud.manager.inject("zone-power", [ZONE], {"ups_min": 5}, label="drill", drill_id="d-1", truth="V")
    assert (fault.fault_kind, fault.phase, fault.injected_at) == ("zone_power_loss", "injected", START_S)
    assert fault.parameters == {"ups_min": 5.0, "restore_min": None}
    assert (fault.label, fault.drill_id, fault.truth, fault.region) == ("drill", "d-1", "V", "cn-hongkong")
    assert at(cloud.board, 4).host(HOST).power
    assert not at(cloud.board, 5).host(HOST).power
    await cloud.clock.skip(600)
    changed = await cloud.manager.change(fault.id, {"restore_min": 15})
    assert changed.changes == ((START_S + 600, {"restore_min": 15.0}),)
    assert at(cloud.board, 15).host(HOST).power
    recovered = await cloud.manager.recover(fault.id)
    assert (recovered.phase, recovered.recovered_at) == ("recovered", START_S + 600)
    assert cloud.board.view(START_S + 601).host(HOST).since == START_S + 600
    assert cloud.manager.get(fault.id) == recovered
    assert [event.phase for event in cloud.told if isinstance(event, FaultEvent)] == [
        "injected",
        "changed",
        "recovered",
    ]


async def test_times_can_be_given_but_history_is_not_rewritten(cloud: Cloud) -> None:
    await cloud.clock.skip(100)
    fault = await cloud.manager.inject("hang", [ZONE], at=START_S + 60)
    assert fault.injected_at == START_S + 60
    assert (await cloud.manager.recover(fault.id, at=START_S)).recovered_at == START_S + 60


async def test_recover_all_is_by_drill(cloud: Cloud) -> None:
    mine = await cloud.manager.inject("hang", [ZONE], drill_id="d-1")
    other = await cloud.manager.inject("zone-power", [HALL])
    assert [fault.id for fault in await cloud.manager.recover_all("d-1")] == [mine.id]
    assert [fault.id for fault in cloud.manager.faults(injected_only=True)] == [other.id]
    assert [fault.id for fault in await cloud.manager.recover_all()] == [other.id]
    assert [fault.id for fault in cloud.manager.faults(drill_id="d-1")] == [mine.id]


async def test_refusals_are_api_errors_and_leave_nothing(cloud: Cloud) -> None:
    fault = await cloud.manager.inject("hang", [ZONE])
    cases = [
        (cloud.manager.inject("zone_hangs", [ZONE]), "InvalidFaultKind.NotFound"),
        (cloud.manager.inject("hang", ["cn-hongkong-x"]), "InvalidScope"),
        (cloud.manager.inject("surge", ["nobody@cn-hongkong"]), "InvalidScope"),
        (cloud.manager.inject("hang", [ZONE], {"until_min": -1}), "InvalidParameter.until_min"),
        (
            cloud.manager.inject("edge", ["cn-hongkong"], {"services": [{"name": "x", "places": ["nowhere"]}]}),
            "InvalidParameter",
        ),
        (cloud.manager.change(fault.id, {"until": 1}), "InvalidParameter.until"),
        (cloud.manager.change("fault-none", {"until_min": 1}), "FaultNotFound"),
        (cloud.manager.recover("fault-none"), "FaultNotFound"),
    ]
    for call, code in cases:
        with pytest.raises(ApiError) as caught:
            await call
        assert caught.value.code == code
    await cloud.manager.recover(fault.id)
    with pytest.raises(ApiError, match="recovered already"):
        await cloud.manager.recover(fault.id)
    assert len(cloud.manager.faults()) == 1


async def test_readers_are_called_at_boundaries_of_a_skip(cloud: Cloud) -> None:
    await cloud.manager.inject("zone-power", [ZONE], {"ups_min": 5, "restore_min": 10})
    seen: list[tuple[float, bool]] = []
    cloud.board.on_change(
        lambda: seen.append((cloud.clock.now() - START_S, cloud.board.view(cloud.clock.now()).host(HOST).power))
    )
    await cloud.clock.skip(3600)
    assert [(round(moment), power) for moment, power in seen] == [(300, False), (600, True)]


async def test_health_and_messages_are_told_once_in_time(cloud: Cloud) -> None:
    await cloud.manager.inject("zone-power", [ZONE], {"ups_min": 5, "restore_min": 10})
    await cloud.manager.inject("message", ["cn-hongkong"], {"text": "looking", "after_min": 7, "accuracy": "vague"})
    await cloud.manager.inject("brownout", [API], {"error_points": [[0, 0], [30, 1.0]], "until_min": 40})
    await cloud.clock.skip(3600)
    (message,) = [event for event in cloud.told if isinstance(event, ProviderMessage)]
    assert (message.at, message.text, message.accuracy) == (START_S + 420, "looking", "vague")
    health = [event for event in cloud.told if isinstance(event, HealthEvent)]
    zone = [(round(event.at - START_S), event.state, event.level) for event in health if event.node == ZONE]
    assert zone == [(300, "dark: no host serves", "CRITICAL"), (600, "all hosts serve", "INFO")]
    api = [(round(event.at - START_S), event.state) for event in health if event.node == API]
    assert api[0][1].startswith("serves 9")
    assert [state for _, state in api[1:]] == ["serves no call", "serves all calls"]
    assert api[2][0] == 2400
    assert all(event.fault_id for event in health)


async def test_heat_is_told_in_bands(cloud: Cloud) -> None:
    limits = {"start_c": 30, "warn_c": 32, "host_trip_c": 40, "sprinkler_c": 50, "rise_c_per_min": 1.0}
    cooling = await cloud.manager.inject("cooling", [ZONE], limits)
    await cloud.clock.skip(30 * 60)
    await cloud.manager.change(cooling.id, {"chillers_ok": 4})
    await cloud.clock.skip(24 * 3600)
    told = [event for event in cloud.told if isinstance(event, HealthEvent)]
    heat = [event.state.split(",")[0] for event in told if event.node == HALL and event.aspect == "heat"]
    assert heat == [
        "temperature above the warning level",
        "temperature above what hosts stand",
        "temperature at the sprinklers' level",
        "temperature above what hosts stand",
        "temperature above the warning level",
        "temperature normal",
    ]
    zone = [event.state for event in told if event.node == ZONE]
    assert zone[0].startswith("first hosts lost: ")
    assert zone[-1] == "dark: no host serves"


async def test_a_restart_changes_nothing_and_tells_nothing_twice(cloud: Cloud, tmp_path: Path) -> None:
    manager = cloud.manager
    cooling = await manager.inject("cooling", [ZONE], {"rise_c_per_min": 1.0})
    await manager.inject("shed", [ZONE], {"interval_min": 1})
    await manager.inject("surge", [API], {"demand_points": [[0, 1], [40, 4]]})
    await manager.inject("edge", ["cn-hongkong"], {"services": [{"name": "mw", "places": [HALL], "warmup_s": 60}]})
    await manager.inject("message", ["cn-hongkong"], {"text": "now"})
    await manager.inject("message", ["cn-hongkong"], {"text": "later", "after_min": 60})
    await cloud.clock.skip(1800)
    await manager.change(cooling.id, {"chillers_ok": 2})
    await manager.recover((await manager.inject("partition", ["cn-hongkong-b"])).id)
    minutes = [0.0, 15.5, 29.9, 30.0, 45.0, 61.0, 300.0, 3000.0]
    before = picture(cloud.board, minutes)
    again = cloud.restart()
    try:
        assert picture(again.board, minutes) == before
        assert len(again.manager.faults()) == 7
        assert again.told == []
        await again.clock.skip(3600)
        assert [event.text for event in again.told if isinstance(event, ProviderMessage)] == ["later"]
        await again.manager.recover_all()
        end = again.board.view(again.clock.now())
        assert end.summary() == {"hosts": {}, "temperature_c": {}, "services": {}}
    finally:
        again.close()


async def test_old_history_is_forgotten_only_when_nothing_is_injected(cloud: Cloud) -> None:
    off = await cloud.manager.inject("power-off", [ZONE])
    restart = await cloud.manager.inject("slow_recovery", [ZONE], {"restart_batch": 24})
    await cloud.clock.skip(60)
    await cloud.manager.recover(restart.id)
    await cloud.clock.skip(3 * 24 * 3600)
    third = await cloud.manager.inject("hang", ["cn-hongkong-b"])
    assert {effect.fault_id for effect in cloud.board.effects()} == {off.id, restart.id, third.id}
    await cloud.manager.recover_all()
    await cloud.clock.skip(3 * 24 * 3600)
    last = await cloud.manager.inject("hang", ["cn-hongkong-b"])
    assert {effect.fault_id for effect in cloud.board.effects()} == {last.id}
