"""The object storage of a zone fails by itself: what health says of it, and that nothing else notices."""

from __future__ import annotations

import msgspec
import pytest

from kowloon.core.errors import ApiError
from kowloon.faults.checks import Refusal, check_kind, check_parameters, check_scope
from kowloon.faults.manager import declaration
from kowloon.topology.effects import Aspect
from kowloon.topology.services import Edge

from .parts import API, HALL, START_S, STORAGE, TOPOLOGY, ZONE, Cloud, at, fault, paper


@pytest.mark.parametrize("mode", ["unreadable", "stopped", "lost"])
def test_dark_storage_is_down_for_what_leans_on_it_and_for_nothing_else(mode: str) -> None:
    board = paper(fault("storage", ZONE, mode=mode, until_min=30))
    board.declare([], [Edge(consumer="image-data@cn-hongkong", provider=STORAGE, mode="startup")])
    view = at(board, 10)
    assert view.service(STORAGE).state == "down"
    assert view.service(STORAGE).because == ("f",)
    assert view.failing_edge("image-data@cn-hongkong", "startup") is not None
    assert len(view.hosts_up(ZONE)) == len(view.hosts_up(ZONE, "storage")) == 24
    assert view.service(API).state == "ok"
    assert at(board, 30).service(STORAGE).state == "ok"


@pytest.mark.parametrize("mode", ["read_only", "slow"])
def test_storage_that_still_reads_is_not_down(mode: str) -> None:
    board = paper(fault("storage-fault", STORAGE, mode=mode, delay_ms=1500))
    (effect,) = board.effects_on(STORAGE)
    assert effect.aspect is Aspect.STORAGE
    assert effect.value == {"mode": mode, "delay_s": 1.5 if mode == "slow" else 0.0}
    assert at(board, 10).service(STORAGE).state == "ok"


def test_a_change_of_mode_counts_from_its_moment() -> None:
    injected = fault("storage", ZONE, mode="slow")
    changed = msgspec.structs.replace(injected, changes=((START_S + 600, {"mode": "stopped"}),))
    board = paper(changed)
    assert [at(board, minute).service(STORAGE).state for minute in (0, 9.9, 10)] == ["ok", "ok", "down"]


def test_storage_servers_are_switched_off_and_started_as_a_class() -> None:
    off = fault("load-shed", ZONE, fault_id="off", order=["storage"], share_per_step=1.0)
    assert at(paper(off), 1).service(STORAGE).state == "down"
    assert len(at(paper(off), 1).hosts_up(ZONE, "compute")) == 24
    others = fault("load-shed", ZONE, order=["compute", "network", "database"], share_per_step=1.0, interval_min=0)
    assert at(paper(others), 1).service(STORAGE).state == "ok"
    both = fault("power-off", ZONE, fault_id="both")
    restart = fault("restart", ZONE, fault_id="on", at_min=60, restart_batch=24, classes=["storage"])
    view = at(paper(both, restart), 61)
    assert view.service(STORAGE).state == "ok"
    assert len(view.hosts_up(ZONE, "storage")) == 24
    assert view.hosts_up(ZONE) == view.hosts_up(ZONE, "compute") == []


def test_what_it_cannot_act_on_is_refused() -> None:
    kind = check_kind("storage")
    with pytest.raises(Refusal, match=r"storage_fault cannot act on cn-hongkong-c/hall-4, a hall; it takes a zone or"):
        check_scope(kind, [HALL], TOPOLOGY, {STORAGE})
    with pytest.raises(ValueError, match="acts on a zone or its oss-storage@<zone>, not on ecs@cn-hongkong"):
        declaration(fault("storage", API), TOPOLOGY)
    with pytest.raises(Refusal, match="Invalid enum value 'broken'"):
        check_parameters(kind, {"mode": "broken"})
    with pytest.raises(Refusal, match="delay_ms is from 0 to 600000"):
        check_parameters(kind, {"mode": "slow", "delay_ms": -1})


async def test_another_service_is_refused_by_name(tmp_path: object) -> None:
    cloud = Cloud(tmp_path)  # type: ignore[arg-type]
    try:
        with pytest.raises(ApiError, match=r"not on ecs@cn-hongkong") as refused:
            await cloud.manager.inject("storage_fault", [API])
        assert (refused.value.code, refused.value.status) == ("InvalidParameter", 400)
    finally:
        cloud.close()
