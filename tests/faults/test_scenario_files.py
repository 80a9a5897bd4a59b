"""Scenario files: whatever is wrong is told with file and line, and everything at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from kowloon.core.errors import ConfigurationError
from kowloon.faults.loader import load, parse
from kowloon.faults.scenario import Inject, Recover, ScenarioError, SetValues

from .parts import START_S, TOPOLOGY

GOOD = """\
name: small
title: A small one
timezone: Asia/Hong_Kong
start: 2022-12-18T23:00:00+08:00
region: cn-hongkong
zones: [cn-hongkong-c]
needs: [ecs]
sources: {S1: a report}
providers:
  recorded: as it was
  ideal: as it should be
services:
  - {name: ecs@cn-hongkong, places: [cn-hongkong-b]}
edges:
  - {consumer: ecs@cn-hongkong, provider: cn-hongkong-c, mode: scale_out}
events:
  - at: T+0m
    local: "23:00"
    track: facility
    text: power goes
    source: [S1]
    truth: V
    inject:
      id: power
      kind: zone-power
      scope: [cn-hongkong-c]
      truth: I
      parameters:
        ups_min: T+5m
  - at: T+30m
    local: "23:30"
    track: facility
    text: later than thought
    source: [S1]
    truth: R
    set: {id: power, values: {restore_min: 90}}
  - at: T+40m
    local: "23:40"
    track: customer
    text: shoppers
    source: [S1]
    truth: I
    providers: [recorded]
    inject:
      id: surge
      kind: customer_surge
      scope: [ecs@cn-hongkong]
      parameters: {demand_points: [[T+40m, 1.0], [T+100m, 3.0]]}
  - at: T+70m
    local: "19 Dec 00:10"
    track: comms
    text: a word
    source: [S1]
    truth: V
    message: {channel: notice, text: sorry, accuracy: vague}
  - at: T+80m
    local: "19 Dec 00:20"
    track: storage
    text: disks
    source: [S1]
    truth: V
    needs: [oss]
  - at: T+90m
    local: "19 Dec 00:30"
    track: facility
    text: over
    source: [S1]
    truth: V
    recover: power
notes:
  - {topic: weather, text: mild, source: [S1], truth: V}
"""


def line_of(text: str, part: str) -> int:
    return next(number for number, line in enumerate(text.splitlines(), 1) if part in line)


def test_a_good_file_becomes_a_plan() -> None:
    scenario = parse(GOOD, "small.yaml", TOPOLOGY)
    steps = scenario.plan("recorded")
    assert [(step.at_min, type(step.action)) for step in steps] == [
        (0, Inject),
        (0, Inject),
        (30, SetValues),
        (40, Inject),
        (70, Inject),
        (90, Recover),
    ]
    overlay, power, _, surge, message, _ = (step.action for step in steps)
    assert isinstance(overlay, Inject)
    assert overlay.kind == "dependency_edge"
    assert isinstance(power, Inject)
    assert (power.kind, power.parameters["ups_min"], power.parameters["restore_min"]) == ("zone_power_loss", 5.0, None)
    assert steps[1].truth == "I"
    assert isinstance(surge, Inject)
    assert surge.parameters["demand_points"] == [[0.0, 1.0], [60.0, 3.0]]
    assert isinstance(message, Inject)
    assert (message.kind, message.parameters["text"]) == ("provider_message", "sorry")
    assert "surge" not in [getattr(step.action, "id", "") for step in scenario.plan("ideal")]
    faults = {fault.id: fault for fault in scenario.faults(START_S)}
    assert faults["power"].recovered_at == START_S + 90 * 60
    assert faults["power"].changes == ((START_S + 30 * 60, {"restore_min": 90.0}),)
    assert scenario.length_min == 90
    assert scenario.events[4].needs == ("oss",)
    assert scenario.events[0].line == line_of(GOOD, "at: T+0m")


@pytest.mark.parametrize(
    ("old", "new", "part", "message"),
    [
        ("title: A small one", "titel: A small one", "titel", "unknown key 'titel'; did you mean title?"),
        ("    track: facility\n    text: power", "    trak: facility\n    text: power", "trak", "did you mean track?"),
        ("track: customer", "track: consumer", "track: consumer", "Invalid enum value 'consumer'"),
        ("truth: R", "truth: X", "truth: X", "Invalid enum value 'X'"),
        ("kind: zone-power", "kind: zone-powr", "kind: zone-powr", "did you mean zone-power?"),
        ("ups_min: T+5m", "ups_mins: 5", "ups_mins", "zone_power_loss has no parameter 'ups_mins'; did you mean"),
        ("ups_min: T+5m", "ups_min: soon", "ups_min: soon", "Expected `float`, got `str`"),
        ("ups_min: T+5m", "ups_min: -5", "ups_min: -5", "ups_min cannot be negative"),
        ("scope: [cn-hongkong-c]", "scope: [cn-hongkong-x]", "cn-hongkong-x", "no node 'cn-hongkong-x'; did you mean"),
        ("set: {id: power", "set: {id: powr", "set:", "nothing before this has the id 'powr'; did you mean power?"),
        ("values: {restore_min", "values: {restore", "set:", "no parameter 'restore'; did you mean restore_min?"),
        ("recover: power", "recover: pover", "recover:", "did you mean power?"),
        ("recover: power", "recover: surge", "recover:", "not injected for provider ideal"),
        ("at: T+30m", "at: T+30", "at: T+30", "at is written T+27m"),
        ('local: "23:30"', 'local: "23:31"', '"23:31"', "local is '23:31', but T+30m is '23:30'"),
        ('local: "19 Dec 00:10"', 'local: "00:10"', '"00:10"', "T+70m is '19 Dec 00:10'"),
        ("providers: [recorded]", "providers: [recordet]", "recordet", "did you mean recorded?"),
        ("needs: [oss]", "needs: [oss]\n    recover: power", "at: T+80m", "this one has recover and needs"),
        ("id: surge", "id: power", "id: power\n", "id 'power' is used already"),
        ("zones: [cn-hongkong-c]", "zones: [cn-hongkong-e]", "zones:", "no zone 'cn-hongkong-e' in cn-hongkong"),
        ("region: cn-hongkong", "region: cn-hongkon", "region:", "no region 'cn-hongkon'; did you mean cn-hongkong?"),
        ("places: [cn-hongkong-b]", "places: [cn-hongkong-q]", "places:", "no place 'cn-hongkong-q'"),
        ("provider: cn-hongkong-c", "provider: cn-hongkong-z", "consumer:", "neither a service here nor a place"),
        ("mode: scale_out", "mode: scaleout", "mode:", "Invalid enum value 'scaleout'"),
        ("text: mild, source: [S1]", "text: mild, source: [S9]", "mild", "unknown source 'S9'"),
        ("start: 2022-12-18T23:00:00+08:00", "start: 2022-12-18T23:00:00", "start:", "start needs a time zone"),
        ("start: 2022-12-18T23:00:00+08:00", "start: yesterday", "start:", "start is no moment"),
        ("name: small", "name: small\nname: smaller", "smaller", "'name' is given twice"),
        ("zones: [cn-hongkong-c]", "zones: [cn-hongkong-c", "needs:", "not YAML"),
        ("title: A small one\n", "", "name: small", "missing required field `title`"),
        ("text: sorry", "txt: sorry", "message:", "no parameter 'txt'; did you mean text?"),
        ("events:\n", "events: 5\nothers:\n", "events:", "events is a list"),
    ],
)
def test_each_mistake_is_told_with_its_line(old: str, new: str, part: str, message: str) -> None:
    text = GOOD.replace(old, new, 1)
    assert text != GOOD
    with pytest.raises(ScenarioError) as caught:
        parse(text, "small.yaml", TOPOLOGY)
    numbers = [number for number, line in enumerate((text + "\n").splitlines(keepends=True), 1) if part in line]
    wanted = [problem for problem in caught.value.problems if message in problem]
    assert wanted, caught.value.problems
    assert wanted[0].split(" ")[0] in {f"small.yaml:{number}:" for number in numbers}


def test_all_mistakes_are_told_at_once_in_order() -> None:
    text = GOOD.replace("truth: R", "truth: X").replace("kind: zone-power", "kind: zone-powr").replace("T+80m", "T+60m")
    with pytest.raises(ScenarioError) as caught:
        parse(text, "small.yaml", TOPOLOGY)
    lines = [int(problem.split(":")[1]) for problem in caught.value.problems]
    assert lines == sorted(lines)
    assert line_of(text, "zone-powr") in lines
    assert line_of(text, "truth: X") in lines
    assert line_of(text, "T+60m") in lines


def test_files_and_names(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(GOOD, encoding="utf-8")
    assert load(path, TOPOLOGY).name == "small"
    with pytest.raises(ConfigurationError, match="did you mean hongkong-2022"):
        load("hongkong-2021", TOPOLOGY)
    with pytest.raises(ConfigurationError, match="No such file"):
        load(tmp_path / "none.yaml", TOPOLOGY)
    for text in ("", "- a\n- b\n", "? [a]\n: b\n"):
        with pytest.raises(ScenarioError, match=r"x\.yaml:1: "):
            parse(text, "x.yaml", TOPOLOGY)
