"""The plan carried out step by step on a live manager does what it does on paper, and tells it as it happens."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path

from kowloon.core.events import HealthEvent, ProviderMessage
from kowloon.faults.loader import load
from kowloon.faults.manager import publish
from kowloon.faults.scenario import Inject, SetValues, Step

from .parts import API, START_S, TOPOLOGY, ZONE, Cloud, paper


async def carry_out(cloud: Cloud, step: Step, ids: dict[str, str]) -> None:
    at = START_S + 60 * step.at_min
    await cloud.clock.skip(max(at - cloud.clock.now(), 0.0))
    action = step.action
    if isinstance(action, Inject):
        fault = await cloud.manager.inject(
            action.kind, action.scope, action.parameters, at=at, label=step.label, truth=step.truth, drill_id="d"
        )
        ids[action.id] = fault.id
    elif isinstance(action, SetValues):
        await cloud.manager.change(ids[action.id], action.values, at=at)
    else:
        await cloud.manager.recover(ids[action.id], at=at)


async def test_the_live_replay_is_the_one_on_paper(tmp_path: Path) -> None:
    scenario = load("hongkong-2022", TOPOLOGY)
    cloud = Cloud(tmp_path)
    board = paper(*scenario.faults(START_S))
    ids: dict[str, str] = {}
    try:
        for _, steps in groupby(scenario.plan(), key=lambda step: step.at_min):
            for step in steps:
                await carry_out(cloud, step, ids)
            live, expected = cloud.board.view(cloud.clock.now()), board.view(cloud.clock.now())
            for unit_class in ("", "compute", "database"):
                assert live.hosts_up(ZONE, unit_class) == expected.hosts_up(ZONE, unit_class)
            assert live.service(API).share == expected.service(API).share
            assert live.summary()["temperature_c"] == expected.summary()["temperature_c"]
        await cloud.clock.skip(START_S + 60 * 934 - cloud.clock.now())
        assert len(cloud.manager.faults(drill_id="d", injected_only=True)) == len(ids)
        told = [(round((event.at - START_S) / 60), event.node, event.state) for event in _health(cloud)]
        hosts = [(minute, state) for minute, node, state in told if node == ZONE]
        assert hosts[0][1] == "first hosts lost: 1 of 24"
        assert 27 <= hosts[0][0] <= 28
        assert any(state == "dark: no host serves" and minute <= 214 for minute, state in hosts)
        assert hosts[-1][1] == "all hosts serve"
        api = [(minute, state) for minute, node, state in told if node == API]
        assert [state.split()[0] for _, state in api] == ["serves", "serves"]
        assert 353 <= api[0][0] <= 355
        assert 855 <= api[1][0] <= 857
        (message,) = [event for event in cloud.told if isinstance(event, ProviderMessage)]
        assert message.at == START_S + 111 * 60
        await cloud.manager.recover_all("d")
        assert cloud.board.view(cloud.clock.now() + 1).summary()["hosts"] == {}
    finally:
        cloud.close()


def _health(cloud: Cloud) -> list[HealthEvent]:
    return [event for event in cloud.told if isinstance(event, HealthEvent)]


def test_publishing_again_changes_nothing() -> None:
    faults = load("hongkong-2022", TOPOLOGY).faults(START_S)
    board = paper(*faults)
    before = board.view(START_S + 30_000).summary()
    for fault in reversed(faults):
        publish(board, fault)
    assert board.view(START_S + 30_000).summary() == before
