"""Looking at duty: who holds what, the rota as a picture, the load, the past; in both languages, on every screen."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import icalendar
import pytest
from playwright.sync_api import Page, expect

from kowloon.duty.resources import Rota
from tests.duty.page.browsers import ORGANISATION, DutyCloud, Visitor
from tests.ways_in.installs import axe_core

SHANGHAI = ZoneInfo("Asia/Shanghai")
Visit = Callable[..., Visitor]
VIEWS = (
    "now",
    "rota",
    "rota?zoom=year",
    "load",
    "plans",
    "requests",
    "pages",
    "history",
    "organisation",
    "post?id=dba",
)
# How many; asked until it is so, for the page loads anew when something happens.
AS_MANY_BARS_AS_ROWS = """() => {
  const bars = document.querySelectorAll(".picture .piece").length;
  return document.querySelector("summary").textContent.includes(`(${bars} row`) && bars;
}"""


def _card(page: Page, title: str) -> Any:
    return page.get_by_role("article").filter(has=page.get_by_role("link", name=title, exact=True))


def test_now_says_who_holds_what_and_who_acts_for_how_long(visit: Visit, duty: DutyCloud) -> None:
    page = visit().come_in(duty.person("mei"))
    holder = duty.call("Duty/GetHolder", PostId="dba")["Holder"]
    expect(_card(page, "Database on call")).to_contain_text(holder["Name"])
    expect(_card(page, "Database on call")).to_contain_text("on duty")
    expect(_card(page, "Database on call")).to_contain_text("Oversees Databases")
    president = _card(page, "President, cloud")
    expect(president).to_contain_text("Ada Novak")
    expect(president).to_contain_text("acting for 1 minute")
    expect(president).to_contain_text("Stands in until the post has a holder.")
    duty.cloud.skip(hours=49)
    page.reload()
    expect(president).to_contain_text("acting for 2 days")


def test_what_changes_is_seen_without_loading_anew(visit: Visit, duty: DutyCloud) -> None:
    # A browser of its own, for its clock is by hand.
    page = visit(locale="en-GB").come_in(duty.person("mei"))
    page.clock.install()
    page.reload()
    expect(_card(page, "President, cloud")).to_contain_text("Ada Novak")
    duty.call("Duty/AppointHolder", PostId="president", PersonId="wei2")
    page.clock.run_for(16_000)
    expect(_card(page, "President, cloud")).to_contain_text("Wei Zhang (wei2)")


def test_the_picture_shows_who_holds_what_when(visit: Visit, duty: DutyCloud) -> None:
    page = visit().come_in(duty.person("mei"), "rota")
    person = duty.call("Duty/GetHolder", PostId="dba")["Holder"]["PersonId"]
    duty.call("Duty/CreateAbsence", PersonId=person)
    picture = page.locator(".picture > svg")
    for zoom, bars in (("Day", 2), ("Month", 10), ("Year", 20), ("Week", 5)):
        before = picture.get_attribute("aria-label") or ""
        page.get_by_role("button", name=zoom, exact=True).click()
        expect(page.get_by_role("button", name=zoom, exact=True)).to_have_attribute("aria-pressed", "true")
        expect(picture).not_to_have_attribute("aria-label", before)
        expect(picture).to_have_attribute("aria-label", re.compile("^Rota from "))
        shown = page.wait_for_function(AS_MANY_BARS_AS_ROWS).json_value()
        assert shown >= bars, (zoom, shown)
    expect(page.locator(".picture .now")).to_have_count(1)
    expect(page.locator(".picture [fill='url(#acting)']").first).to_be_visible()
    acting = page.get_by_role("button", name=re.compile("^Database on call: .*, acting for 1 minute, "))
    expect(acting.first).to_be_visible()
    page.get_by_role("button", name="Later").click()
    expect(page.locator(".picture .now")).to_have_count(0)
    page.get_by_role("button", name="Today").click()
    expect(page.locator(".picture .now")).to_have_count(1)


@pytest.mark.parametrize(("day", "hour"), [(0, 0), (0, 9), (0, 22), (-1, 6), (-1, 23)])
def test_the_first_thing_seen_goes_by_the_clouds_clock(visit: Visit, duty: DutyCloud, day: int, hour: int) -> None:
    """At the start and the end of a month, far from what the browser's own clock says."""
    now = datetime.fromtimestamp(duty.cloud.cloud.clock.now(), SHANGHAI)
    month = now.replace(day=1, hour=hour, minute=0, second=0) + timedelta(days=32)
    at = month.replace(day=1) + timedelta(days=day)
    duty.cloud.skip(seconds=at.timestamp() - now.timestamp())
    page = visit().come_in(duty.person("mei"), "rota")
    expect(page.get_by_role("heading", name=f"{at:%B %Y}")).to_be_visible()
    expect(page.locator(".picture .now")).to_have_count(1)
    expect(page.get_by_role("button", name=re.compile("^President, cloud: Ada Novak, acting for "))).to_be_visible()


def test_gaps_are_red_and_named(visit: Visit, duty: DutyCloud) -> None:
    async def nobody() -> None:
        def body(tx: Any) -> None:
            rota = tx.get(Rota, f"{duty.cloud.account_id}:dba")
            tx.put(Rota(id=rota.id, account=rota.account, post="dba", turns=rota.turns[:1]))

        await duty.cloud.cloud.store.run(body)

    duty.cloud.run(nobody())
    page = visit().come_in(duty.person("mei"), "rota")
    page.get_by_role("button", name="Year", exact=True).click()
    gap = page.get_by_role("button", name=re.compile("^Database on call: nobody, "))
    expect(gap.last).to_be_visible()
    expect(gap.last.locator("rect").first).to_have_css("fill", "rgb(198, 40, 52)")


def test_the_picture_is_for_the_keyboard_and_for_readers_too(visit: Visit, duty: DutyCloud) -> None:
    page = visit().come_in(duty.person("mei"), "rota")
    expect(page.locator(".picture .piece").first).to_be_visible()
    assert page.locator(".picture .piece[tabindex='0']").count() == 1
    page.get_by_label("Person").focus()
    page.keyboard.press("Tab")
    first = page.locator(":focus").get_attribute("aria-label")
    assert first is not None
    assert first.startswith("President, cloud:")
    page.keyboard.press("ArrowDown")
    second = page.locator(":focus").get_attribute("aria-label")
    assert second is not None
    assert second.startswith("Database on call:")
    page.keyboard.press("ArrowRight")
    third = page.locator(":focus").get_attribute("aria-label")
    assert third != second
    page.keyboard.press("Enter")
    expect(page.locator(".told")).to_contain_text(str(third))
    expect(page.locator(".told").get_by_role("link", name="The post")).to_be_visible()
    page.locator("summary").click()
    expect(page.get_by_role("table", name="Who holds which post when")).to_be_visible()
    rows = page.get_by_role("table", name="Who holds which post when").get_by_role("row").count()
    assert rows == page.locator(".picture .piece").count() + 1


def test_one_person_stands_out(visit: Visit, duty: DutyCloud) -> None:
    page = visit().come_in(duty.person("mei"), "rota")
    page.get_by_label("Person").select_option("omar")
    expect(page.locator(".picture .piece.faded").first).to_be_visible()
    expect(page.locator(".picture .piece:not(.faded)").first).to_be_visible()
    page.get_by_label("Post").select_option("night")
    expect(page.locator(".picture .post")).to_have_text(["Night watch"])
    for label in page.locator(".picture .piece:not(.faded)").evaluate_all("(all) => all.map((each) => each.ariaLabel)"):
        assert "Omar Haddad" in label


def test_the_load_is_drawn_and_exported(visit: Visit, duty: DutyCloud) -> None:
    page = visit().come_in(duty.person("mei"), "load")
    hours = page.get_by_role("table", name="Hours", exact=True)
    balance = {
        row["PersonId"]: row
        for row in duty.call("Duty/GetBalance", From=_period(page)[0], To=_period(page)[1])["People"]
    }
    for person, name in (("mei", "Chen Mei"), ("omar", "Omar Haddad")):
        row = hours.get_by_role("row").filter(has_text=name)
        expect(row).to_contain_text(f"{balance[person]['Hours']:,.0f}")
        expect(row.get_by_role("img")).to_have_attribute("aria-label", re.compile("fair would be"))
        assert sum(row["FairNights"] for row in balance.values()) == pytest.approx(
            sum(row["Nights"] for row in balance.values())
        )
    # Who may hold none of these posts has no share in them.
    expect(hours.get_by_role("row").filter(has_text="Ada Novak")).to_have_count(0)
    with page.expect_download() as told:
        page.get_by_role("button", name="Export CSV").click()
    text = told.value.path().read_text(encoding="utf-8-sig")
    rows = {row["PersonId"]: row for row in csv.DictReader(io.StringIO(text))}
    assert rows["lin"]["Name"] == "林涛"
    assert float(rows["mei"]["Nights"]) == balance["mei"]["Nights"] > 0
    page.get_by_label("Calendar of").select_option("omar")
    with page.expect_download() as told:
        page.get_by_role("button", name="Export iCalendar").click()
    events = icalendar.Calendar.from_ical(told.value.path().read_bytes()).walk("VEVENT")
    assert events
    assert all("Omar Haddad" in str(event["summary"]) for event in events)
    page.get_by_label("Period").select_option("past-year")
    expect(page.get_by_label("Period")).to_have_value("past-year")
    page.get_by_label("From").fill("2026-01-01")
    expect(page.get_by_label("Period")).to_have_value("own")


def _period(page: Page) -> tuple[str, str]:
    """What the fields say, on the organisation's clock."""
    start, end = (page.get_by_label(label, exact=True).input_value() for label in ("From", "To"))
    return f"{start}T00:00:00+08:00", f"{end}T23:59:59+08:00"


def test_who_held_what_on_that_day(visit: Visit, duty: DutyCloud) -> None:
    page = visit().come_in(duty.person("mei"))
    duty.cloud.skip(hours=2)
    duty.call("Duty/AppointHolder", PostId="president", PersonId="wei2")
    page.get_by_role("link", name="History").click()
    table = page.get_by_role("table", name="At that moment")
    expect(table.get_by_role("row").filter(has_text="President, cloud")).to_contain_text("Wei Zhang (wei2)")
    present = page.get_by_label("At", exact=True).input_value()
    before = duty.call("Duty/ListHistory", MaxResults=100)["Happenings"][-1]["At"]
    earlier = page.evaluate(
        "async (at) => { const time = await import('/duty/time.js'); return time.forField(Date.parse(at) + 60e3) }",
        before,
    )
    assert earlier < present
    page.get_by_label("At", exact=True).fill(earlier)
    page.get_by_role("button", name="Show").click()
    expect(table.get_by_role("row").filter(has_text="President, cloud")).to_contain_text("Ada Novak")
    expect(page.get_by_role("listitem").filter(has_text="Appointed").first).to_contain_text("by admin")
    page.get_by_label("Person").select_option("wei2")
    expect(page.get_by_role("listitem").filter(has_text="Organisation applied")).to_have_count(0)


def test_what_people_typed_is_never_more_than_text(visit: Visit, duty: DutyCloud) -> None:
    evil = "<img src=x onerror=alert(1)>"
    text = ORGANISATION.read_text(encoding="utf-8")
    text = text.replace("name: Omar Haddad", f"name: '{evil}'").replace("title: Night watch", f"title: '{evil} night'")
    duty.apply(text.replace("title: Cloud of Kowloon", "title: '<script>alert(2)</script>'"))
    duty.call("Duty/CreateHandOverNote", PostId="dba", PersonId="mei", Text=f"{evil}\n</p><script>alert(3)</script>")
    duty.call("Duty/CreatePage", PostId="dba", Title=evil, Text=evil)
    duty.call("Duty/CreateAbsence", PersonId="omar", Note="javascript:alert(4)")
    visitor = visit()
    visitor.page.on("dialog", lambda dialog: pytest.fail(dialog.message))
    page = visitor.come_in(duty.person("mei"))
    expect(page.get_by_role("heading", level=1)).to_have_text("<script>alert(2)</script>")
    for view in VIEWS:
        visitor.open(view)
        assert page.locator("main img, main script, main iframe").count() == 0, view
    expect(page.get_by_text("</p><script>alert(3)</script>")).to_be_visible()
    visitor.open("rota")
    expect(page.locator(".picture .post").last).to_contain_text("<img")


def test_the_policy_of_content_holds(visit: Visit, duty: DutyCloud) -> None:
    visitor = visit()
    page = visitor.come_in(duty.person("mei"))
    tried = """() => new Promise((resolve) => {
      addEventListener("securitypolicyviolation", (event) => resolve(event.effectiveDirective));
      const script = document.createElement("script");
      script.textContent = "window.broken = true";
      document.body.append(script);
    })"""
    assert page.evaluate(tried) == "script-src-elem"
    assert page.evaluate("window.broken") is None
    visitor.troubles.clear()


def test_it_speaks_chinese(visit: Visit, duty: DutyCloud) -> None:
    visitor = visit(locale="zh-CN")
    page = visitor.page
    page.goto(duty.address)
    expect(page.get_by_role("heading", name="登录")).to_be_visible()
    page = visitor.come_in(duty.person("mei"))
    assert page.locator("html").get_attribute("lang") == "zh-CN"
    expect(_card(page, "数据库值班")).to_contain_text("负责 数据库")
    expect(_card(page, "云总裁")).to_contain_text("已代理")
    for view in VIEWS:
        visitor.open(view)
        words = page.locator("main").inner_text()
        # The names of keys would be seen if a word were missing.
        assert not re.search(r"\b(tab|plan|page|post|acting|why|happened)\.[a-z-]+", words), (view, words)
    page.get_by_label("语言").select_option("en")
    expect(page.get_by_role("link", name="Rota", exact=True)).to_be_visible()
    page.reload()
    expect(page.get_by_role("link", name="Rota", exact=True)).to_be_visible()


def test_times_are_the_organisations_or_ones_own(visit: Visit, duty: DutyCloud) -> None:
    visitor = visit(timezone_id="America/New_York")
    page = visitor.come_in(duty.person("mei"))
    visitor.open("post?id=dba")
    table = page.get_by_role("table", name="Who holds the post when")
    expect(table.get_by_role("row").nth(2)).to_contain_text("Mon")
    expect(table.get_by_role("row").nth(2)).to_contain_text("09:00")
    page.get_by_label("Times in").select_option("own")
    expect(table.get_by_role("row").nth(2)).to_contain_text(re.compile("Sun.*2[01]:00"))


@pytest.mark.parametrize("width", [360, 768])
def test_nothing_is_wider_than_the_screen(visit: Visit, duty: DutyCloud, width: int) -> None:
    visitor = visit(width=width)
    page = visitor.come_in(duty.person("mei"))
    duty.call("Duty/CreatePage", PostId="dba", Title="A" * 150, Text="b" * 400)
    for view in VIEWS:
        visitor.open(view)
        over = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert over <= 0, view
    visitor.open("now")
    page.get_by_role("button", name="Page somebody").click()
    box = page.get_by_role("dialog").bounding_box()
    assert box is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= width


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nobody_is_kept_out(visit: Visit, duty: DutyCloud, scheme: str) -> None:
    """Names, roles, contrast and all else that axe knows, in dialogs too; by night only colours differ."""
    rules = axe_core().read_text(encoding="utf-8")
    visitor = visit(color_scheme=scheme, reduced_motion="reduce")
    page = visitor.page
    page.goto(duty.address)
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    _look(page, rules, scheme, "sign-in")
    duty.call("Duty/CreatePage", PostId="dba", Title="Replication lags")
    duty.call("Duty/CreateAbsence", PersonId="omar")
    visitor.come_in(duty.person("mei"))
    for view in VIEWS if scheme == "light" else ("now", "rota", "load", "pages"):
        visitor.open(view)
        _look(page, rules, scheme, view)
    visitor.open("now")
    page.get_by_role("button", name="Page somebody").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    _look(page, rules, scheme, "dialog")


def _look(page: Page, rules: str, scheme: str, where: str) -> None:
    if not page.evaluate("'axe' in window"):
        page.evaluate(rules)
    options = (
        "{resultTypes: ['violations'], runOnly: ['color-contrast']}"
        if scheme == "dark"
        else "{resultTypes: ['violations']}"
    )
    found = page.evaluate(f"axe.run(document, {options})")
    told = [(each["id"], each["nodes"][0]["html"], each["nodes"][0]["failureSummary"]) for each in found["violations"]]
    assert told == [], where


def test_letters_on_bars_can_be_read(visit: Visit, duty: DutyCloud) -> None:
    """At 4.5 to 1, on the stripes of acting holders as well: axe does not look into pictures."""
    duty.call("Duty/CreateAbsence", PersonId=duty.call("Duty/GetHolder", PostId="dba")["Holder"]["PersonId"])
    page = visit().come_in(duty.person("mei"), "rota")
    expect(page.locator(".picture .acting").first).to_be_visible()
    stripe = page.locator("#acting rect").evaluate("(it) => [getComputedStyle(it).fill, it.getAttribute('opacity')]")
    colours = _colours(page)
    # In one week not everybody has a turn.
    for _ in range(3):
        seen = page.locator(".picture > svg").get_attribute("aria-label")
        page.get_by_role("button", name="Later").click()
        expect(page.locator(".picture > svg")).not_to_have_attribute("aria-label", str(seen))
        colours += _colours(page)
    assert len({ground for ground, _ in colours}) >= 4
    for ground, letters in colours:
        assert _contrast(_rgb(ground), _rgb(letters)) >= 4.5, ground
        if "255, 255, 255" not in letters:
            share = float(stripe[1])
            mixed = [
                (1 - share) * one + share * other for one, other in zip(_rgb(ground), _rgb(stripe[0]), strict=True)
            ]
            assert _contrast(mixed, _rgb(letters)) >= 4.5, ground


def _colours(page: Page) -> list[list[str]]:
    """Of each bar with letters: its ground, and theirs."""
    found: list[list[str]] = page.locator(".picture .piece:has(text)").evaluate_all(
        "(all) => all.map((it) => ['rect', 'text'].map((tag) => getComputedStyle(it.querySelector(tag)).fill))"
    )
    return found


def _rgb(text: str) -> list[float]:
    return [float(part) for part in re.findall(r"[\d.]+", text)[:3]]


def _contrast(one: list[float], other: list[float]) -> float:
    """As WCAG defines it."""
    lights = []
    for colour in (one, other):
        linear = [
            part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
            for part in [each / 255 for each in colour]
        ]
        lights.append(0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2] + 0.05)
    return max(lights) / min(lights)


def test_the_keyboard_alone_is_enough(visit: Visit, duty: DutyCloud) -> None:
    page = visit().come_in(duty.person("mei"))
    page.reload()
    expect(page.get_by_role("navigation")).to_be_visible()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="To the content")).to_be_focused()
    page.get_by_role("link", name="Rota", exact=True).focus()
    page.keyboard.press("Enter")
    # Where the view begins, so that a reader says what it is.
    expect(page.get_by_role("heading", level=1, name="Rota")).to_be_focused()
    page.get_by_role("link", name="Now", exact=True).focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Cloud of Kowloon")
    away = page.get_by_role("button", name="I am away")
    away.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog").get_by_label("Who is away")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(away).to_be_focused()
