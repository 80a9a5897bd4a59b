"""`kowloon drill` as a user types it: own scenario, own probes, exit codes for CI."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from pathlib import Path

from .parts import Served, kowloon

SCENARIO = """\
name: short
title: A zone loses power
timezone: Asia/Hong_Kong
start: 2026-01-01T00:00:00+08:00
region: cn-hongkong
zones: [cn-hongkong-b, cn-hongkong-c, cn-hongkong-d]
events:
  - at: T+5m
    track: facility
    text: zone C is dark
    inject: {id: dark, kind: zone_power_loss, scope: [cn-hongkong-c]}
  - at: T+60m
    track: facility
    text: power is back
    recover: dark
"""

PROBES = """\
title: API
probes:
  - name: ecs
    kind: api
    endpoint: ${ALIBABA_CLOUD_ENDPOINT}
    product: ecs
    version: "2014-05-26"
    action: DescribeZones
    region: cn-hongkong
    access_key_id: ${ALIBABA_CLOUD_ACCESS_KEY_ID}
    access_key_secret: ${ALIBABA_CLOUD_ACCESS_KEY_SECRET}
objectives:
  - {name: the API is there, probe: ecs, availability: SHARE}
"""


def _failures(report: Path) -> int:
    return len(list(ElementTree.parse(report).getroot().iter("failure")))


def test_a_drill_from_the_shell_to_its_report(tmp_path: Path) -> None:
    scenario, probes, out = tmp_path / "short.yaml", tmp_path / "api.yaml", tmp_path / "report"
    scenario.write_text(SCENARIO)
    probes.write_text(PROBES.replace("SHARE", "0.5"))
    with Served(tmp_path / "home") as served:
        done = kowloon(served.home, "drill", "run", str(scenario), "--probes", str(probes), "--out", str(out))
        assert done.returncode == 0, done.stdout + done.stderr
        assert "met     api: the API is there (availability" in done.stdout
        assert "A zone loses power: T+5 min of 60: zone C is dark" in done.stdout
        assert _failures(out / "report.xml") == 0
        assert "A zone loses power" in (out / "report.html").read_text()
        (drill,) = json.loads(kowloon(served.home, "drill", "list", "--json").stdout)["drills"]
        assert (drill["scenario"], drill["state"]) == ("short", "finished")
        assert 60.0 <= drill["scenario_minute"] < 61.0
        shown = json.loads(kowloon(served.home, "drill", "show", drill["id"]).stdout)
        assert shown["title"] == "A zone loses power"


def test_a_missed_objective_fails_the_build(tmp_path: Path) -> None:
    scenario, probes = tmp_path / "short.yaml", tmp_path / "api.yaml"
    everywhere = SCENARIO.replace("scope: [cn-hongkong-c]", "scope: [cn-hongkong]")
    scenario.write_text(everywhere)
    probes.write_text(PROBES.replace("SHARE", "0.999"))
    with Served(tmp_path / "home") as served:
        arguments = ("drill", "run", str(scenario), "--probes", str(probes), "--out", str(tmp_path / "report"))
        done = kowloon(served.home, *arguments)
        assert done.returncode == 1, done.stdout + done.stderr
        assert "MISSED  api: the API is there" in done.stdout
        assert _failures(tmp_path / "report" / "report.xml") == 1


def test_mistakes_are_told_by_line(tmp_path: Path) -> None:
    scenario, probes = tmp_path / "short.yaml", tmp_path / "api.yaml"
    scenario.write_text(SCENARIO.replace("zone_power_loss", "zone_powr_loss"))
    probes.write_text(PROBES.replace("SHARE", "0.5"))
    with Served(tmp_path / "home") as served:
        done = kowloon(served.home, "drill", "run", str(scenario), "--probes", str(probes))
        assert done.returncode == 2
        assert f"{scenario}:11: " in done.stderr
        assert "zone_power_loss" in done.stderr
        unknown = kowloon(served.home, "drill", "run", "hongkong-2023", "--probes", str(probes))
        assert unknown.returncode == 2
        assert "did you mean hongkong-2022?" in unknown.stderr
        provider = kowloon(served.home, "drill", "run", str(scenario), "--probes", str(probes), "--provider", "best")
        assert provider.returncode == 2
        assert "use recorded or ideal" in provider.stderr
