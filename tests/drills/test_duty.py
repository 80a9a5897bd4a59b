"""People in a drill: who is called, who answers, who leads meanwhile, and what the report says of it."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import msgspec
import pytest
from playwright.sync_api import sync_playwright

from kowloon.core.errors import ConfigurationError
from kowloon.drill.duty import DutyFile, Says, load_duty
from kowloon.drill.report import write_reports
from kowloon.drill.result import DrillResult
from tests.duty.page.browsers import start_browser
from tests.ways_in.installs import axe_core

from .parts import POWER_LOSS, power_loss, rehearse

EXAMPLES = Path(__file__).parents[2] / "examples" / "duty"
ORGANISATION = """
title: Exchange on paper
people:
  - {id: lan, name: Lan, user: lan, reach: [{by: dingtalk, at: on-call}]}
  - {id: bo, name: Bo, reach: [{by: dingtalk, at: on-call}]}
  - {id: mei, name: Mei, user: mei, reach: [{by: dingtalk, at: on-call}]}
posts:
  - {id: head, title: Head, acting: {succession: [mei]}}
  - {id: lead, title: Incident lead, manager: head, ladder: calls, acting: {succession: [lan, bo, mei]}}
ladders:
  - id: calls
    steps: [{notify: [holder], wait_min: 2, acting: true}, {notify: [holder, manager], wait_min: 3}]
paging:
  - {id: lost, event: resource, about: [instance], level: CRITICAL, post: lead, severity: critical}
"""


def duty(**answers: float | None) -> DutyFile:
    return DutyFile(
        organisation=ORGANISATION,
        appoint={"head": "mei", "lead": "lan"},
        plan_days=0,
        answers=dict(answers),
        resolves_after_min=5,
        says=(
            Says(after_min=0.5, person="mei", text="who sees it?"),
            Says(after_min=1, person="mei", text="status cn-hongkong-c", to_robot=True),
            Says(after_min=2.5, person="mei", text="start {instance}", to_robot=True),
        ),
        approves_after_min=1.0,
    )


@pytest.fixture(scope="module")
def result() -> DrillResult:
    return rehearse(power_loss(), "recorded", text=POWER_LOSS, duty=duty(lan=None, bo=1.5, mei=9))


def test_one_who_does_not_answer_is_stood_in_for(result: DrillResult) -> None:
    assert result.duty is not None
    (page,) = result.duty.called
    assert (page.post, page.answered_by) == ("lead", "bo")
    paged = [(event.minute, event.person) for event in page.story if event.what == "paged"]
    opened = page.opened_min
    later = pytest.approx(opened + 2, abs=0.02)
    assert paged == [(pytest.approx(opened, abs=0.02), "lan"), (later, "bo"), (later, "mei")]
    # At their own second, however far the drill skips at a time.
    answered = next(event for event in page.story if event.what == "acknowledged")
    assert answered.minute == pytest.approx(opened + 3.5, abs=0.02)
    assert page.answered_s == pytest.approx(210, abs=2)
    assert page.late_s is not None
    assert next(event for event in page.story if event.what == "resolved").minute == pytest.approx(
        opened + 8.5, abs=0.1
    )


def test_it_is_known_who_led_when_and_as_what(result: DrillResult) -> None:
    assert result.duty is not None
    led = [(each.person, each.capacity) for each in result.duty.led if each.post == "lead"]
    assert led == [("lan", "substantive"), ("bo", "acting")]
    first, second = [each for each in result.duty.led if each.post == "lead"]
    assert first.from_min == 0
    assert first.to_min == second.from_min == pytest.approx(result.duty.called[0].opened_min + 2, abs=0.02)
    assert second.to_min == result.length_min
    assert result.duty.replanned is not None
    assert result.duty.replanned.without == ("lan",)


def test_the_same_seed_tells_the_same_story(result: DrillResult) -> None:
    again = rehearse(power_loss(), "recorded", text=POWER_LOSS, duty=duty(lan=None, bo=1.5, mei=9))
    assert again.duty is not None
    assert result.duty is not None
    assert _story(again) == _story(result)


def _story(result: DrillResult) -> list[tuple[float, str, str]]:
    assert result.duty is not None
    return [(round(event.minute, 1), event.what, event.person) for event in result.record.duty]


def test_the_report_shows_it(result: DrillResult, tmp_path: Path) -> None:
    paths = write_reports([result], tmp_path)
    page = paths.html.read_text()
    assert "Who was called, and who led" in page
    assert page.count("<svg") == 4
    assert ">Incident lead<" in page
    assert "3 min 30 s, Bo" in page
    assert "The incident&#39;s room in the messenger" in page or "The incident's room in the messenger" in page
    assert ">Incident room<" in page
    assert msgspec.json.decode(paths.json.read_bytes())["drills"][0]["duty"]["called"][0]["answered_by"] == "bo"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nobody_is_kept_out_of_the_report(
    result: DrillResult, tmp_path: Path, scheme: Literal["light", "dark"]
) -> None:
    """Contrast, landmarks, names of columns and all else that axe knows; on a phone nothing is too wide."""
    paths = write_reports([result, result], tmp_path)
    with sync_playwright() as playwright:
        browser = start_browser(playwright)
        page = browser.new_page(color_scheme=scheme)
        troubles: list[str] = []
        page.on("console", lambda message: troubles.append(message.text))
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.goto(paths.html.as_uri())
        page.evaluate(axe_core().read_text(encoding="utf-8"))
        found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")["violations"]
        assert [(each["id"], each["nodes"][0]["html"], each["nodes"][0]["failureSummary"]) for each in found] == []
        page.set_viewport_size({"width": 360, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        assert troubles == []
        browser.close()


def test_the_incident_has_a_room_and_people_act_from_it(result: DrillResult) -> None:
    assert result.duty is not None
    (room,) = result.duty.rooms
    page = result.duty.called[0]
    assert (room.opened_min, page.opened_min) == (pytest.approx(5, abs=0.1), pytest.approx(6, abs=0.1))
    assert room.late_s is not None
    assert (room.answered_by, room.answered_s) == ("bo", pytest.approx(270, abs=15))
    assert {"lan", "mei", "bo"} <= set(room.members)
    assert [(person, capacity) for person, capacity, _, _ in room.led] == [
        ("mei", "on duty"),
        ("lan", "on duty"),
        ("bo", "acting"),
    ]
    done = [(event.what, event.person, event.text) for event in room.story if event.what in ("said", "command")]
    assert ("said", "mei", "who sees it?") in done
    assert any(what == "command" and text.startswith("status cn-hongkong-c:") for what, _, text in done)
    # Whoever is on duty confirms what they asked for themselves, or somebody else agrees.
    assert any(what == "command" and text.startswith("start i-") for what, _, text in done)


def test_without_people_there_is_no_such_section(tmp_path: Path) -> None:
    result = rehearse(power_loss(), "recorded", text=POWER_LOSS)
    assert result.duty is None
    assert "Who was called" not in write_reports([result], tmp_path).html.read_text()


def test_the_examples_file_is_read() -> None:
    found = load_duty(EXAMPLES / "hongkong.yaml")
    assert found.answers == {"holder:incident-lead": None, "*": 3.0}
    assert [each.person for each in found.says] == ["mei"] * 4
    assert found.organisation == (EXAMPLES / "exchange.yaml").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("organisation: none.yaml\n", "none.yaml: [Errno 2] No such file or directory"),
        ("organisation: x.yaml\nanswer: {}\n", "duty.yaml:2: unknown key 'answer'; did you mean answers?"),
        ("organisation: x.yaml\nanswers: {bo: soon}\n", "duty.yaml:2: "),
        ("- a\n", "duty.yaml:1: Expected `object`, got `array`"),
    ],
)
def test_a_wrong_file_is_refused_with_its_line(text: str, told: str, tmp_path: Path) -> None:
    (tmp_path / "duty.yaml").write_text(text)
    with pytest.raises(ConfigurationError) as refused:
        load_duty(tmp_path / "duty.yaml")
    assert told in str(refused.value)
