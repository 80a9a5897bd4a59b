"""Instances on paper: the whole life of a unit, and no pretence of a machine."""

from __future__ import annotations

from typing import Any

import pytest

from kowloon.core.errors import CapabilityError
from kowloon.engines.base import EngineError, UnitReport, UnitSpec, UnitState
from kowloon.engines.compute.paper import PaperCompute
from kowloon.engines.fabric import InProcessFabric

PAYLOAD = {"instance_id": "i-1", "hostname": "one", "private_ip": "10.0.0.1", "zone": "z", "image_id": "m"}


def spec(**payload: Any) -> UnitSpec:
    return UnitSpec(id="i-1", kind="compute", host="h", address="127.20.1.1", payload={**PAYLOAD, **payload})


@pytest.fixture
def fabric() -> InProcessFabric:
    return InProcessFabric()


@pytest.fixture
def compute(fabric: InProcessFabric) -> PaperCompute:
    return PaperCompute(fabric)


async def test_a_life(compute: PaperCompute) -> None:
    reports: list[UnitReport] = []
    compute.on_report(reports.append)
    assert compute.state("i-1") == UnitState.ABSENT
    await compute.start(spec())
    await compute.freeze("i-1")
    await compute.start(spec())
    await compute.thaw("i-1")
    await compute.stop("i-1")
    await compute.delete("i-1")
    await compute.delete("i-1")
    await compute.stop("i-1")
    assert [report.state for report in reports] == ["running", "frozen", "running", "stopped", "absent"]


async def test_a_freeze_and_a_cut_close_the_address_each_for_itself(
    compute: PaperCompute, fabric: InProcessFabric
) -> None:
    await compute.start(spec())
    await compute.cut("i-1")
    await compute.freeze("i-1")
    await compute.thaw("i-1")
    assert fabric.is_cut("127.20.1.1")
    await compute.heal("i-1")
    assert not fabric.is_cut("127.20.1.1")
    await compute.freeze("i-1")
    await compute.stop("i-1")
    assert not fabric.is_cut("127.20.1.1")


async def test_what_is_not_there_cannot_be_changed(compute: PaperCompute) -> None:
    for call in (compute.freeze, compute.thaw, compute.cut, compute.heal):
        with pytest.raises(EngineError):
            await call("i-1")
    with pytest.raises(EngineError):
        await compute.configure("i-1", PAYLOAD)
    with pytest.raises(EngineError, match="not an instance"):
        await compute.start(spec(hostname=7))


async def test_a_wipe_leaves_nothing(compute: PaperCompute, fabric: InProcessFabric) -> None:
    await compute.start(spec())
    await compute.freeze("i-1")
    await compute.wipe()
    assert compute.state("i-1") == UnitState.ABSENT
    assert fabric.cut_addresses() == frozenset()


async def test_nothing_runs_on_paper(compute: PaperCompute) -> None:
    await compute.start(spec(user_data="#!/bin/sh\necho hi"))
    with pytest.raises(CapabilityError, match="paper only"):
        await compute.run("i-1", "true", timeout_s=1.0)
    assert compute.console("i-1", 100) == b""
    assert compute.capabilities()["sandboxed_user_data"] is False
