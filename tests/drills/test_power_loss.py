"""A short drill: what is counted, repeated and reported, and how a drill's life can go wrong."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from xml.etree import ElementTree

import msgspec
import pytest

from kowloon.app import Cloud
from kowloon.core.clock import Clock
from kowloon.core.config import Settings
from kowloon.core.errors import ApiError
from kowloon.core.events import DrillEvent
from kowloon.drill.report import write_reports
from kowloon.drill.result import DrillResult, exit_code
from kowloon.engines.parts import PaperParts
from kowloon.testing.virtual import EPOCH_S, paper_cloud, run_virtually

from .parts import POWER_LOSS, power_loss, rehearse


@pytest.fixture(scope="module")
def result() -> DrillResult:
    return rehearse(power_loss(), "recorded", text=POWER_LOSS)


def test_what_is_measured_and_what_is_extrapolated(result: DrillResult) -> None:
    single, multi = (next(p for p in result.probes if p.variant == v) for v in ("single-zone", "multi-zone"))
    (outage,) = single.outages
    assert (outage.start_min, outage.end_min) == (pytest.approx(5, abs=0.1), pytest.approx(15, abs=0.2))
    assert outage.skipped_min > 8
    assert single.availability == pytest.approx(0.5, abs=0.02)
    assert [phase.state for phase in multi.phases][-1] == "up"
    assert multi.recovery_measured
    assert multi.recovery_s is not None
    assert multi.recovery_s < 10
    assert single.detection_s == pytest.approx(0.2, abs=0.1)


def test_the_same_seed_gives_the_same_classes(result: DrillResult) -> None:
    again = rehearse(power_loss(), "recorded", text=POWER_LOSS)
    assert again.classes() == result.classes()
    assert [passage.minute for passage in again.passages] == [passage.minute for passage in result.passages]


def test_a_missed_objective_fails_the_build(result: DrillResult, tmp_path: Path) -> None:
    paths = write_reports([result], tmp_path)
    assert exit_code([result]) == 1
    suite = ElementTree.parse(paths.junit).getroot()[0]
    cases = {(case.get("classname", "").rpartition(".")[2], case.get("name")): case for case in suite}
    assert suite.get("tests") == str(len(cases)) == "4"
    failed = {key for key, case in cases.items() if case.find("failure") is not None}
    assert ("single-zone", "The database is back soon") in failed
    assert ("multi-zone", "The database is back soon") not in failed
    assert suite.get("failures") == str(len(failed))


def test_the_report_asks_nobody_for_anything(result: DrillResult, tmp_path: Path) -> None:
    paths = write_reports([result, result], tmp_path, "both")
    page = paths.html.read_text()
    loads = re.findall(r"""(?:src|href|action|data)\s*=\s*["']([^"']*)""", page) + re.findall(r"url\(([^)]*)\)", page)
    assert all(load.startswith(("#", "data:")) for load in loads)
    assert "@import" not in page
    assert "<script" not in page
    assert page.count("<svg") == 2
    assert ElementTree.parse(paths.svg).getroot().tag.endswith("svg")
    drills = msgspec.json.decode(paths.json.read_bytes())["drills"]
    assert msgspec.convert(drills, list[DrillResult]) == [result, result]


def test_a_drill_leaves_nothing_behind_and_is_told() -> None:
    async def body() -> None:
        cloud = await paper_cloud()
        told: list[DrillEvent] = []
        cloud.bus.subscribe(lambda event: told.append(event) if isinstance(event, DrillEvent) else None)
        drill = await cloud.drills.create("power.yaml", "ideal", text=POWER_LOSS)
        assert (drill.state, drill.next_minute) == ("planned", 5.0)
        drill = await cloud.drills.advance(drill.id, 6.0)
        assert (drill.state, round(drill.scenario_minute)) == ("holding", 6)
        (fault,) = cloud.faults.faults(drill_id=drill.id)
        assert fault.injected_at == EPOCH_S + 300.0
        assert cloud.board.view(cloud.clock.now()).hosts_up("cn-hongkong-c") == []
        with pytest.raises(ApiError, match="finish or abort it first") as refused:
            await cloud.drills.create("hongkong-2022", "ideal")
        assert refused.value.status == 409
        with pytest.raises(ApiError, match="from 0 to 20"):
            await cloud.drills.advance(drill.id, 21.0)
        finished = await cloud.drills.finish(drill.id)
        assert (finished.state, finished.message) == ("finished", "1 faults recovered")
        assert not cloud.faults.faults(injected_only=True)
        with pytest.raises(ApiError, match="is finished"):
            await cloud.drills.advance(drill.id, 10.0)
        assert [event.state for event in told] == ["planned", "skipping", "holding", "finished"]
        await cloud.stop()

    run_virtually(body())


def test_a_silent_runner_is_taken_for_dead() -> None:
    async def body() -> None:
        cloud = await paper_cloud()
        drill = await cloud.drills.create("power.yaml", "ideal", text=POWER_LOSS)
        await cloud.drills.advance(drill.id, 6.0)
        await asyncio.sleep(50)
        await cloud.drills.heartbeat(drill.id)
        await asyncio.sleep(50)
        assert cloud.drills.get(drill.id).state == "holding"
        await asyncio.sleep(30)
        ended = cloud.drills.get(drill.id)
        assert ended.state == "aborted"
        assert "not heard of" in ended.message
        assert not cloud.faults.faults(injected_only=True)
        assert (await cloud.drills.create("hongkong-2022", "ideal")).state == "planned"
        await cloud.stop()

    run_virtually(body())


def test_a_restart_of_the_server_aborts(tmp_path: Path) -> None:
    async def cloud_at_home() -> Cloud:
        loop = asyncio.get_running_loop()
        clock = Clock(wall=lambda: EPOCH_S + loop.time())
        cloud = Cloud(Settings(engine="paper", port=0, home=tmp_path), clock=clock, parts=PaperParts())
        await cloud.start(listen=False)
        return cloud

    async def body() -> None:
        cloud = await cloud_at_home()
        drill = await cloud.drills.create("power.yaml", "ideal", text=POWER_LOSS)
        await cloud.drills.advance(drill.id, 6.0)
        await cloud.stop()
        again = await cloud_at_home()
        ended = again.drills.get(drill.id)
        assert ended.state == "aborted"
        assert ended.message == "the server was restarted; 1 faults were recovered"
        assert not again.faults.faults(injected_only=True)
        await again.stop()

    run_virtually(body())


def test_mistakes_in_an_inline_scenario_name_their_line() -> None:
    async def body() -> None:
        cloud = await paper_cloud()
        wrong = POWER_LOSS.replace("kind: zone_power_loss", "kind: zone_power_los")
        with pytest.raises(ApiError, match=r"power\.yaml:17: no fault kind 'zone_power_los'; did you mean"):
            await cloud.drills.create("power.yaml", "ideal", text=wrong)
        with pytest.raises(ApiError, match="no scenario 'hongkong'"):
            await cloud.drills.create("hongkong", "ideal")
        assert cloud.drills.all() == []
        await cloud.stop()

    run_virtually(body())
