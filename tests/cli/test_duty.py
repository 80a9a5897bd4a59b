"""`kowloon duty`, as a user runs it. In this process where it makes no difference: starting Python takes longer than
what each command does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from icalendar import Calendar
from typer.testing import CliRunner, Result

from kowloon.cli.main import app
from tests.cli.parts import Served, kowloon
from tests.duty.parts import ORGANISATION


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with Served(tmp_path_factory.mktemp("duty") / "home", "--quiet") as served:
        yield served


class Terminal:
    """Commands about one running cloud, whose organisation has planned four weeks."""

    def __init__(self, served: Served, folder: Path) -> None:
        self.served = served
        self.folder = folder

    def run(self, *arguments: str) -> Result:
        settings = {"KOWLOON_HOME": str(self.served.home), "NO_COLOR": "1", "COLUMNS": "200", "TZ": "UTC"}
        return CliRunner().invoke(app, ["duty", *arguments], env=settings)

    def ok(self, *arguments: str) -> str:
        done = self.run(*arguments)
        assert done.exit_code == 0, (done.output, done.exception)
        return str(done.stdout)

    def fails(self, *arguments: str, code: int = 1) -> str:
        done = self.run(*arguments)
        assert done.exit_code == code, (done.exit_code, done.output, done.exception)
        return str(done.stderr)

    def json(self, *arguments: str) -> Any:
        return json.loads(self.ok(*arguments, "--json"))

    def file(self, name: str, text: str) -> str:
        path = self.folder / name
        path.write_text(text, encoding="utf-8")
        return str(path)

    def weeks(self) -> list[dict[str, Any]]:
        """The turns to come."""
        turns = self.json("turns", "--post", "dba", "--to", self.later(days=60))
        return [turn for turn in turns if datetime.fromisoformat(turn["From"]) > self.now]

    @property
    def now(self) -> datetime:
        """The cloud's, which is ahead where a test has skipped."""
        return datetime.fromisoformat(self.served.ask("ListHolders", Version="2026-11-22")["At"])

    def later(self, **delta: float) -> str:
        return (self.now + timedelta(**delta)).isoformat(timespec="seconds")


@pytest.fixture
def terminal(served: Served, tmp_path: Path) -> Terminal:
    assert served.admin("POST", "reset")[0] == 200
    terminal = Terminal(served, tmp_path)
    terminal.ok("apply", terminal.file("organisation.yaml", ORGANISATION))
    return terminal


@pytest.fixture
def planned(terminal: Terminal) -> Terminal:
    terminal.ok("plan", "--to", terminal.later(days=28), "--seconds", "5", "--adopt")
    return terminal


def test_an_organisation_is_checked_and_applied(terminal: Terminal) -> None:
    good = terminal.file("good.yaml", ORGANISATION)
    assert terminal.ok("apply", "--check", good) == f"{good}: nothing is wrong with it\n"
    assert terminal.ok("apply", good) == "version 2: 2 posts, 5 people\n"
    bad = terminal.file("bad.yaml", ORGANISATION.replace("ladder: calls", "ladder: cals"))
    for options in (["--check"], []):
        told = terminal.fails("apply", bad, *options)
        assert "InvalidOrganisation: organisation:23: there is no ladder 'cals'; did you mean calls?" in told
    assert "nowhere.yaml" in terminal.fails("apply", "nowhere.yaml", code=2)


def test_a_plan_is_shown_adopted_and_looked_at(terminal: Terminal) -> None:
    shown = terminal.ok("plan", "--to", terminal.later(days=28), "--seconds", "5")
    first, *_, last = shown.splitlines()
    assert "turns, 0 moved" in first
    assert last.startswith("not adopted; do so with: kowloon duty adopt plan-")
    assert terminal.ok("adopt", last.rpartition(" ")[2]) == "adopted\n"
    assert "PlanNotDone" in terminal.fails("adopt", last.rpartition(" ")[2])
    (holder,) = terminal.json("who", "dba")
    assert holder["PersonId"] in ("wei-1", "wei-2", "lin")
    assert f"({holder['PersonId']})" in terminal.ok("who", "dba")
    lines = terminal.ok("who").splitlines()
    assert lines[0].startswith("lead")
    assert "Omar (omar), acting for 0 days, until " in lines[0]
    picture = terminal.ok("show", "--post", "dba")
    assert "█ on duty  ▒ acting  ! nobody" in picture
    assert {segment["PostId"] for segment in terminal.json("show")["Segments"]} == {"dba", "lead"}
    assert all(turn["PersonId"] == "lin" for turn in terminal.json("turns", "--person", "lin"))
    assert "dba/primary/" in terminal.ok("turns")
    assert "plan-adopted" in terminal.ok("history")
    assert terminal.json("history", "--most", "1")[0]["What"]


def test_what_if_somebody_were_away(planned: Terminal) -> None:
    week = planned.weeks()[0]
    away = f"{week['PersonId']},{planned.later()},{planned.later(days=30)}"
    answer = planned.json("plan", "--to", planned.later(days=28), "--if-away", away)
    assert answer["Plan"]["WhatIf"]
    assert week["PersonId"] not in {
        turn["PersonId"] for turn in answer["Turns"] if datetime.fromisoformat(turn["From"]) > planned.now
    }
    assert "PlanIsWhatIf" in planned.fails("adopt", answer["Plan"]["PlanId"])
    assert "is not PERSON,FROM,TO" in planned.fails("plan", "--if-away", "lin", code=2)


def test_rules_that_conflict_are_told(terminal: Terminal) -> None:
    for person in ("wei-1", "wei-2", "lin"):
        terminal.ok("away", person, "--from", terminal.later(days=8), "--to", terminal.later(days=20))
    told = terminal.fails("plan", "--to", terminal.later(days=28), "--seconds", "5")
    assert "absence" in told
    assert "wei-1" in told


def test_people_go_away_and_come_back_by_the_clouds_clock(planned: Terminal) -> None:
    (before,) = planned.json("who", "dba")
    assert planned.served.admin("POST", "clock/skip", {"seconds": 7200})[0] == 200
    assert planned.ok("away", before["PersonId"], "--note", "ill") == f"{before['PersonId']} is away\n"
    (acting,) = planned.json("who", "dba")
    assert (acting["Capacity"], acting["InsteadOf"]) == ("acting", before["PersonId"])
    assert planned.ok("away", before["PersonId"], "--back") == f"{before['PersonId']} is back\n"
    (back,) = planned.json("who", "dba")
    assert (back["PersonId"], back["Capacity"]) == (before["PersonId"], "substantive")
    assert "PersonNotFound" in planned.fails("away", "nobody")
    assert "'x' is no time such as" in planned.fails("away", "lin", "--from", "x", code=2)


def test_posts_are_taken_given_appointed_and_left(planned: Terminal) -> None:
    (holder,) = planned.json("who", "dba")
    other = next(each for each in ("lin", "wei-1", "wei-2") if each != holder["PersonId"])
    assert planned.ok("take", "dba", "--as", other, "--reason", "busy").startswith(f"{other} has dba until ")
    shift = planned.weeks()[0]["ShiftId"]
    assert planned.ok("give", shift, other) == f"{shift} is {other}'s\n"
    assert "ShiftNotFound" in planned.fails("give", "dba/x", other)
    assert planned.ok("resign", "dba", "--as", other) == f"{other} has left dba\n"
    assert "NotHolding" in planned.fails("resign", "dba", "--as", other)
    assert planned.ok("appoint", "lead", "ada").startswith("ada holds lead from ")
    assert planned.ok("act", "lead", "--person", "omar", "--until", planned.later(days=2)).startswith(
        "omar acts in lead until "
    )
    assert planned.ok("act", "lead", "--extend").startswith("omar acts in lead until ")
    assert "ExtensionLimit" in planned.fails("act", "lead", "--extend")


def test_turns_are_swapped_and_asked_for(planned: Terminal) -> None:
    first, *others = planned.weeks()
    second = next(turn for turn in others if turn["PersonId"] != first["PersonId"])
    mine = ["--as", first["PersonId"]]
    told = planned.ok("swap", first["ShiftId"], second["ShiftId"], *mine, "--note", "a wedding")
    id = told.split()[0]
    assert f"{first['ShiftId']} for {second['ShiftId']}; asked {second['PersonId']}" in told
    assert "declined" in planned.ok("answer", id, "--as", second["PersonId"], "--decline")
    asked = planned.ok("ask", first["ShiftId"], *mine, "--wait-min", "5").split()[0]
    (newest, _) = planned.json("requests")
    taker = newest["Asked"][0]
    assert f"{taker} has it" in planned.ok("answer", asked, "--as", taker, "--agree")
    assert len(planned.ok("requests").splitlines()) == 2
    assert "RequestOver" in planned.fails("answer", asked, "--as", taker, "--agree")


def test_somebody_is_paged_and_answers(planned: Terminal) -> None:
    (holder,) = planned.json("who", "dba")
    id = planned.ok("page", "dba", "standby lags", "--severity", "critical", "--about", "standby").split()[0]
    assert planned.ok("page", "dba", "standby lags", "--about", "standby").split()[0] == id
    assert f"{id}  open  [critical] dba: standby lags" in planned.ok("pages", "--state", "open")
    assert f"paged          {holder['PersonId']}" in planned.ok("pages", id)
    acknowledged = planned.ok("ack", id, "--as", holder["PersonId"], "--text", "on it")
    assert acknowledged.startswith(f"{id}  acknowledged by {holder['PersonId']}")
    assert planned.ok("ack", id, "--as", holder["PersonId"], "--resolve").startswith(f"{id}  resolved")
    assert "PageOver" in planned.fails("ack", id, "--as", holder["PersonId"])
    assert planned.json("pages")[0]["State"] == "resolved"


def test_calendars_go_out_and_come_in(planned: Terminal) -> None:
    text = planned.ok("export", "--post", "dba", "--to", planned.later(days=20))
    assert len(Calendar.from_ical(text).walk("VEVENT")) >= 2
    out = planned.folder / "duty.ics"
    assert planned.ok("export", "--person", "lin", "--out", str(out)).endswith(" events\n")
    assert Calendar.from_ical(out.read_text(encoding="utf-8"))
    start = planned.now + timedelta(days=40)
    event = f"BEGIN:VEVENT\r\nUID:1\r\nDTSTART:{start:%Y%m%dT%H%M%SZ}\r\nDURATION:P2D\r\nEND:VEVENT\r\n"
    file = planned.file("leave.ics", f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\n{event}END:VCALENDAR\r\n")
    assert planned.ok("import", file, "--as", "lin") == "1 absences, 0 skipped\n"
    assert "InvalidCalendar" in planned.fails("import", planned.file("x.ics", "x"), "--as", "lin")


def test_a_process_of_its_own_says_the_same(planned: Terminal, tmp_path: Path) -> None:
    done = kowloon(planned.served.home, "duty", "who", "--json")
    assert done.returncode == 0, done.stderr
    assert [each["PostId"] for each in json.loads(done.stdout)] == ["lead", "dba"]
    none = kowloon(tmp_path / "nowhere", "duty", "who")
    assert (none.returncode, none.stdout) == (3, "")
    assert "start one with `kowloon up`" in none.stderr
